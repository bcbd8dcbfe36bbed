/* The coordinator's steps of the handshake; see channel.h. */
#include "common/arena.h"
#include "common/env.h"
#include "common/error.h"
#include "proto/channel_private.h"
#include "proto/convert.h"
#include "proto/pb.h"

static int hello_make(struct channel *ch, struct buffer *ret_frame)
{
        uint8_t random[CHANNEL_RANDOM_BYTES];
        env_random(ch->env, random, sizeof(random));
        Mesh__V1__Hello hello = MESH__V1__HELLO__INIT;
        hello.ephemeral = binary_of(ch->ephemeral.public_key, KEY_BYTES);
        hello.ephemeral_signature = binary_of(ch->ephemeral_signature, SIGNATURE_BYTES);
        hello.random = binary_of(random, sizeof(random));
        int err = pb_pack(&hello.base, &ch->hello);
        return err ? err : channel_put_clear(&ch->hello, ret_frame);
}

int channel_hello_make(struct channel *ch, struct buffer *ret_frame)
{
        int err = channel_turn(ch, CHANNEL_COORDINATOR_NEW);
        return err ? err
                   : channel_enter(ch, CHANNEL_COORDINATOR_GREETED, hello_make(ch, ret_frame));
}

static int agent_hello_read(struct channel *ch, const uint8_t *frame, size_t len)
{
        ProtobufCMessage *message;
        struct arena *arena = NULL;
        int err = channel_read_clear(frame, len, &ch->agent_hello);
        if (err)
                return err;
        arena = arena_new(CHANNEL_ARENA_BYTES);
        if (!arena)
                return MESH_ENOMEM;
        err = channel_unpack(&mesh__v1__agent_hello__descriptor, ch->agent_hello.bytes,
                             ch->agent_hello.len, arena, &message);
        if (err)
                goto out;
        const Mesh__V1__AgentHello *hello = (Mesh__V1__AgentHello *)message;
        err = hello->ephemeral.len == KEY_BYTES ? channel_derive_keys(ch, hello->ephemeral.data)
                                                : MESH_EPROTO;
out:
        arena_free(arena);
        return err;
}

int channel_agent_hello_read(struct channel *ch, const uint8_t *frame, size_t len)
{
        int err = channel_turn(ch, CHANNEL_COORDINATOR_GREETED);
        return err ? err
                   : channel_enter(ch, CHANNEL_COORDINATOR_KEYED, agent_hello_read(ch, frame, len));
}

static int proof_read(struct channel *ch, const uint8_t *frame, size_t len, struct arena *arena,
                      const Mesh__V1__ProofBody **ret_body)
{
        ProtobufCMessage *message;
        int err = channel_read_signed(ch, frame, len, arena, &ch->proof, ch->proof_signature);
        if (!err)
                err = channel_unpack(&mesh__v1__proof_body__descriptor, ch->proof.bytes,
                                     ch->proof.len, arena, &message);
        if (err)
                return err;
        const Mesh__V1__ProofBody *body = (Mesh__V1__ProofBody *)message;
        if (body->node_id.len != NODE_ID_BYTES || body->nonce.len != CHANNEL_NONCE_BYTES ||
            (body->instance_token.len != 0 && body->instance_token.len != INSTANCE_TOKEN_BYTES))
                return MESH_EPROTO;
        *ret_body = body;
        return 0;
}

int channel_proof_read(struct channel *ch, const uint8_t *frame, size_t len, struct arena *arena,
                       const Mesh__V1__ProofBody **ret_body)
{
        int err = channel_turn(ch, CHANNEL_COORDINATOR_KEYED);
        return err ? err
                   : channel_enter(ch, CHANNEL_COORDINATOR_CLAIMED,
                                   proof_read(ch, frame, len, arena, ret_body));
}

int channel_proof_check(struct channel *ch, const uint8_t *node_identity)
{
        int err = channel_turn(ch, CHANNEL_COORDINATOR_CLAIMED);
        if (err)
                return err;
        struct transcript t = channel_proof_transcript(ch);
        err = transcript_verify(&t, node_identity ? node_identity : ch->coordinator,
                                ch->proof_signature);
        if (!err && !node_identity)
                err = MESH_EAUTH;
        return channel_enter(ch, CHANNEL_COORDINATOR_PROVEN, err);
}

static int welcome_make(struct channel *ch, const Mesh__V1__WelcomeBody *body,
                        struct buffer *ret_frame)
{
        struct buffer bytes = buffer_with_max(CHANNEL_HANDSHAKE_MAX);
        int err = pb_pack(&body->base, &bytes);
        if (!err) {
                struct transcript t = channel_welcome_transcript(ch, &bytes);
                err = channel_put_signed(ch, &t, ch->signer, &bytes, ret_frame);
        }
        buffer_done(&bytes);
        return err;
}

int channel_welcome_make(struct channel *ch, const Mesh__V1__WelcomeBody *body,
                         struct buffer *ret_frame)
{
        int err = channel_turn(ch, CHANNEL_COORDINATOR_PROVEN);
        return err ? err : channel_enter(ch, CHANNEL_OPEN, welcome_make(ch, body, ret_frame));
}
