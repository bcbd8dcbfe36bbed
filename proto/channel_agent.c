/* The agent's steps of the handshake; see channel.h. */
#include "common/arena.h"
#include "common/env.h"
#include "common/error.h"
#include "proto/channel_private.h"
#include "proto/convert.h"
#include "proto/pb.h"

static int hello_check(struct channel *ch, struct arena *arena, const uint8_t **ret_ephemeral)
{
        ProtobufCMessage *message;
        int err = channel_unpack(&mesh__v1__hello__descriptor, ch->hello.bytes, ch->hello.len,
                                 arena, &message);
        if (err)
                return err;
        const Mesh__V1__Hello *hello = (Mesh__V1__Hello *)message;
        if (hello->ephemeral.len != KEY_BYTES || hello->random.len != CHANNEL_RANDOM_BYTES ||
            hello->ephemeral_signature.len != SIGNATURE_BYTES)
                return MESH_EPROTO;
        struct transcript t = channel_ephemeral_transcript(hello->ephemeral.data);
        err = transcript_verify(&t, ch->coordinator, hello->ephemeral_signature.data);
        if (!err)
                *ret_ephemeral = hello->ephemeral.data;
        return err;
}

static int agent_hello_make(struct channel *ch, struct buffer *ret_frame)
{
        x25519_pair_make(ch->env, &ch->ephemeral);
        Mesh__V1__AgentHello hello = MESH__V1__AGENT_HELLO__INIT;
        hello.ephemeral = binary_of(ch->ephemeral.public_key, KEY_BYTES);
        int err = pb_pack(&hello.base, &ch->agent_hello);
        return err ? err : channel_put_clear(&ch->agent_hello, ret_frame);
}

static int hello_read(struct channel *ch, const uint8_t *frame, size_t len,
                      struct buffer *ret_agent_hello)
{
        const uint8_t *ephemeral;
        int err = channel_read_clear(frame, len, &ch->hello);
        if (err)
                return err;
        struct arena *arena = arena_new(CHANNEL_ARENA_BYTES);
        if (!arena)
                return MESH_ENOMEM;
        err = hello_check(ch, arena, &ephemeral);
        if (!err)
                err = agent_hello_make(ch, ret_agent_hello);
        if (!err)
                err = channel_derive_keys(ch, ephemeral);
        arena_free(arena);
        return err;
}

int channel_hello_read(struct channel *ch, const uint8_t *frame, size_t len,
                       struct buffer *ret_agent_hello)
{
        int err = channel_turn(ch, CHANNEL_AGENT_NEW);
        return err ? err
                   : channel_enter(ch, CHANNEL_AGENT_KEYED,
                                   hello_read(ch, frame, len, ret_agent_hello));
}

static int proof_make(struct channel *ch, const struct identity *node,
                      const Mesh__V1__ProofBody *body, struct buffer *ret_frame)
{
        uint8_t nonce[CHANNEL_NONCE_BYTES];
        Mesh__V1__ProofBody with_nonce = *body;
        if (body->nonce.len == 0) {
                env_random(ch->env, nonce, sizeof(nonce));
                with_nonce.nonce = binary_of(nonce, sizeof(nonce));
        }
        int err = pb_pack(&with_nonce.base, &ch->proof);
        if (err)
                return err;
        struct transcript t = channel_proof_transcript(ch);
        return channel_put_signed(ch, &t, node, &ch->proof, ret_frame);
}

int channel_proof_make(struct channel *ch, const struct identity *node,
                       const Mesh__V1__ProofBody *body, struct buffer *ret_frame)
{
        int err = channel_turn(ch, CHANNEL_AGENT_KEYED);
        return err ? err
                   : channel_enter(ch, CHANNEL_AGENT_CLAIMED,
                                   proof_make(ch, node, body, ret_frame));
}

static int welcome_read(struct channel *ch, const uint8_t *frame, size_t len, struct arena *arena,
                        const Mesh__V1__WelcomeBody **ret_body)
{
        ProtobufCMessage *message;
        uint8_t signature[SIGNATURE_BYTES];
        struct buffer bytes = buffer_with_max(CHANNEL_HANDSHAKE_MAX);
        int err = channel_read_signed(ch, frame, len, arena, &bytes, signature);
        if (err)
                goto out;
        struct transcript t = channel_welcome_transcript(ch, &bytes);
        err = transcript_verify(&t, ch->coordinator, signature);
        if (!err)
                err = channel_unpack(&mesh__v1__welcome_body__descriptor, bytes.bytes, bytes.len,
                                     arena, &message);
        if (err)
                goto out;
        const Mesh__V1__WelcomeBody *body = (Mesh__V1__WelcomeBody *)message;
        if (body->next_instance_token.len == INSTANCE_TOKEN_BYTES)
                *ret_body = body;
        else
                err = MESH_EPROTO;
out:
        buffer_done(&bytes);
        return err;
}

int channel_welcome_read(struct channel *ch, const uint8_t *frame, size_t len, struct arena *arena,
                         const Mesh__V1__WelcomeBody **ret_body)
{
        int err = channel_turn(ch, CHANNEL_AGENT_CLAIMED);
        return err ? err
                   : channel_enter(ch, CHANNEL_OPEN, welcome_read(ch, frame, len, arena, ret_body));
}
