/* What both ends of the handshake share: keys, clear and signed frames, transcripts. Called by
 * channel_coordinator.c and channel_agent.c; see channel_private.h. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "proto/channel_private.h"
#include "proto/convert.h"
#include "proto/frame.h"
#include "proto/pb.h"

static_assert(crypto_kx_SESSIONKEYBYTES == KEY_BYTES, "session keys");

struct transcript channel_ephemeral_transcript(const uint8_t *ephemeral)
{
        struct transcript t = transcript_named("sync-ephemeral");
        transcript_add(&t, ephemeral, KEY_BYTES);
        return t;
}

int channel_ephemeral_renew(struct channel_ephemeral *ephemeral, const struct identity *coordinator,
                            const struct env *env, uint64_t now_ms)
{
        if (ephemeral->made && now_ms - ephemeral->made_ms < CHANNEL_EPHEMERAL_LIFETIME_MS)
                return 0;
        struct channel_ephemeral next = { .made_ms = now_ms, .made = true };
        x25519_pair_make(env, &next.pair);
        struct transcript t = channel_ephemeral_transcript(next.pair.public_key);
        int err = transcript_sign(&t, coordinator, next.signature);
        if (!err)
                *ephemeral = next;
        channel_ephemeral_done(&next);
        return err;
}

void channel_ephemeral_done(struct channel_ephemeral *ephemeral)
{
        sodium_memzero(ephemeral, sizeof(*ephemeral));
}

/* One direction's key: SENDER is the name of the end that sends in it. */
static void derive_direction(const struct channel *ch, const char *sender, const uint8_t *kx_key,
                             struct direction *ret)
{
        struct transcript t = transcript_named("sync-key");
        transcript_add(&t, sender, strlen(sender));
        transcript_add(&t, ch->coordinator, KEY_BYTES);
        transcript_add(&t, ch->hello.bytes, ch->hello.len);
        transcript_add(&t, ch->agent_hello.bytes, ch->agent_hello.len);
        transcript_hash(&t, kx_key, ret->key);
}

int channel_derive_keys(struct channel *ch, const uint8_t *peer_ephemeral)
{
        uint8_t rx[KEY_BYTES], tx[KEY_BYTES];
        const bool coordinator = ch->signer != NULL;
        int bad = coordinator ? crypto_kx_server_session_keys(rx, tx, ch->ephemeral.public_key,
                                                              ch->ephemeral.secret, peer_ephemeral)
                              : crypto_kx_client_session_keys(rx, tx, ch->ephemeral.public_key,
                                                              ch->ephemeral.secret, peer_ephemeral);
        if (bad)
                return MESH_EAUTH; /* a point of small order */
        derive_direction(ch, coordinator ? "coordinator" : "agent", tx, &ch->send);
        derive_direction(ch, coordinator ? "agent" : "coordinator", rx, &ch->receive);
        sodium_memzero(rx, sizeof(rx));
        sodium_memzero(tx, sizeof(tx));
        x25519_pair_done(&ch->ephemeral);
        return 0;
}

int channel_put_clear(const struct buffer *bytes, struct buffer *ret_frame)
{
        uint8_t *data = frame_extend(ret_frame, bytes->len);
        if (!data)
                return buffer_error(ret_frame);
        memcpy(data, bytes->bytes, bytes->len);
        return 0;
}

int channel_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
                   struct arena *arena, ProtobufCMessage **ret_message)
{
        int err = pb_unpack(descriptor, bytes, len, arena, ret_message);
        return err && err != MESH_ENOMEM ? MESH_EPROTO : err;
}

int channel_read_clear(const uint8_t *frame, size_t len, struct buffer *ret_data)
{
        const uint8_t *data;
        size_t data_len;
        int err = frame_data(frame, len, &data, &data_len);
        if (err)
                return err;
        if (data_len > CHANNEL_HELLO_MAX)
                return MESH_EPROTO;
        buffer_put(ret_data, data, data_len);
        return buffer_error(ret_data);
}

int channel_read_signed(struct channel *ch, const uint8_t *frame, size_t len, struct arena *arena,
                        struct buffer *ret_body, uint8_t *ret_signature)
{
        ProtobufCMessage *message;
        struct buffer plain = buffer_with_max(CHANNEL_HANDSHAKE_MAX);
        int err = channel_open_frame(&ch->receive, frame, len, CHANNEL_HANDSHAKE_MAX, &plain);
        if (err)
                goto out;
        err = channel_unpack(&mesh__v1__proof__descriptor, plain.bytes, plain.len, arena, &message);
        if (err)
                goto out;
        const Mesh__V1__Proof *proof = (Mesh__V1__Proof *)message;
        if (binary_read(&proof->signature, ret_signature, SIGNATURE_BYTES) != 0) {
                err = MESH_EPROTO;
                goto out;
        }
        buffer_put(ret_body, proof->body.data, proof->body.len);
        err = buffer_error(ret_body);
out:
        buffer_done(&plain);
        return err;
}

struct transcript channel_proof_transcript(const struct channel *ch)
{
        struct transcript t = transcript_named("sync-proof");
        transcript_add(&t, ch->coordinator, KEY_BYTES);
        transcript_add(&t, ch->hello.bytes, ch->hello.len);
        transcript_add(&t, ch->agent_hello.bytes, ch->agent_hello.len);
        transcript_add(&t, ch->proof.bytes, ch->proof.len);
        return t;
}

struct transcript channel_welcome_transcript(const struct channel *ch, const struct buffer *body)
{
        struct transcript t = channel_proof_transcript(ch);
        t.name = "sync-welcome";
        transcript_add(&t, body->bytes, body->len);
        return t;
}

int channel_put_signed(struct channel *ch, const struct transcript *t,
                       const struct identity *signer, const struct buffer *body,
                       struct buffer *ret_frame)
{
        uint8_t signature[SIGNATURE_BYTES];
        struct buffer plain = buffer_with_max(CHANNEL_HANDSHAKE_MAX);
        int err = transcript_sign(t, signer, signature);
        if (err)
                return err;
        Mesh__V1__Proof message = MESH__V1__PROOF__INIT;
        message.body = binary_of(body->bytes, body->len);
        message.signature = binary_of(signature, sizeof(signature));
        err = pb_pack(&message.base, &plain);
        if (!err)
                err = channel_seal_frame(&ch->send, plain.bytes, plain.len, ret_frame);
        buffer_done(&plain);
        return err;
}
