/* The Sync stream's secure channel: its state, its life, and sealed frames; see the header. */
#include "proto/channel.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "proto/channel_private.h"
#include "proto/frame.h"

enum {
        HEADER_BYTES = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
        SEAL_BYTES = crypto_secretstream_xchacha20poly1305_ABYTES,
};

/* ---- the door ---- */

static const enum channel_state may_move[CHANNEL_STATE_COUNT] = {
        [CHANNEL_COORDINATOR_NEW] = CHANNEL_COORDINATOR_GREETED,
        [CHANNEL_COORDINATOR_GREETED] = CHANNEL_COORDINATOR_KEYED,
        [CHANNEL_COORDINATOR_KEYED] = CHANNEL_COORDINATOR_CLAIMED,
        [CHANNEL_COORDINATOR_CLAIMED] = CHANNEL_COORDINATOR_PROVEN,
        [CHANNEL_COORDINATOR_PROVEN] = CHANNEL_OPEN,
        [CHANNEL_AGENT_NEW] = CHANNEL_AGENT_KEYED,
        [CHANNEL_AGENT_KEYED] = CHANNEL_AGENT_CLAIMED,
        [CHANNEL_AGENT_CLAIMED] = CHANNEL_OPEN,
        [CHANNEL_OPEN] = CHANNEL_OPEN,
        [CHANNEL_DEAD] = CHANNEL_DEAD,
};

static void forget_handshake(struct channel *ch)
{
        x25519_pair_done(&ch->ephemeral);
        buffer_done(&ch->hello);
        buffer_done(&ch->agent_hello);
        buffer_done(&ch->proof);
}

int channel_enter(struct channel *ch, enum channel_state next, int err)
{
        if (err)
                next = CHANNEL_DEAD;
        assert(next == CHANNEL_DEAD || may_move[ch->state] == next);
        if (next == CHANNEL_DEAD) {
                sodium_memzero(&ch->send, sizeof(ch->send));
                sodium_memzero(&ch->receive, sizeof(ch->receive));
        }
        if (next == CHANNEL_DEAD || next == CHANNEL_OPEN)
                forget_handshake(ch);
        ch->state = next;
        return err;
}

int channel_turn(struct channel *ch, enum channel_state state)
{
        if (ch->state == state)
                return 0;
        if (ch->state == CHANNEL_DEAD)
                return MESH_ESTATE;
        return channel_enter(ch, CHANNEL_DEAD, MESH_EPROTO);
}

/* ---- life ---- */

static struct channel *channel_new(enum channel_state state, const uint8_t *coordinator,
                                   const struct env *env)
{
        struct channel *ch = calloc(1, sizeof(*ch));
        if (!ch)
                return NULL;
        ch->state = state;
        ch->env = env;
        memcpy(ch->coordinator, coordinator, KEY_BYTES);
        ch->hello = buffer_with_max(CHANNEL_HELLO_MAX);
        ch->agent_hello = buffer_with_max(CHANNEL_HELLO_MAX);
        ch->proof = buffer_with_max(CHANNEL_HANDSHAKE_MAX);
        return ch;
}

struct channel *channel_new_coordinator(const struct identity *coordinator,
                                        const struct channel_ephemeral *ephemeral,
                                        const struct env *env)
{
        assert(ephemeral->made);
        struct channel *ch = channel_new(CHANNEL_COORDINATOR_NEW, coordinator->public_key, env);
        if (!ch)
                return NULL;
        ch->signer = coordinator;
        ch->ephemeral = ephemeral->pair;
        memcpy(ch->ephemeral_signature, ephemeral->signature, SIGNATURE_BYTES);
        return ch;
}

struct channel *channel_new_agent(const uint8_t coordinator[static KEY_BYTES],
                                  const struct env *env)
{
        return channel_new(CHANNEL_AGENT_NEW, coordinator, env);
}

void channel_free(struct channel *ch)
{
        if (!ch)
                return;
        forget_handshake(ch);
        sodium_memzero(ch, sizeof(*ch));
        free(ch);
}

bool channel_is_open(const struct channel *ch)
{
        return ch->state == CHANNEL_OPEN;
}

/* ---- sealed frames ---- */

int channel_seal_frame(struct direction *d, const void *bytes, size_t len, struct buffer *ret_frame)
{
        size_t header_len = d->begun ? 0 : HEADER_BYTES;
        uint8_t *data = frame_extend(ret_frame, header_len + len + SEAL_BYTES);
        if (!data)
                return buffer_error(ret_frame);
        if (!d->begun) {
                (void)crypto_secretstream_xchacha20poly1305_init_push(&d->stream, data, d->key);
                sodium_memzero(d->key, sizeof(d->key));
                d->begun = true;
        }
        (void)crypto_secretstream_xchacha20poly1305_push(&d->stream, data + header_len, NULL, bytes,
                                                         len, NULL, 0, 0);
        return 0;
}

int channel_open_frame(struct direction *d, const uint8_t *frame, size_t len, size_t plain_max,
                       struct buffer *ret_plain)
{
        const uint8_t *data;
        size_t data_len;
        size_t overhead = SEAL_BYTES + (d->begun ? 0 : HEADER_BYTES);
        int err = frame_data(frame, len, &data, &data_len);
        if (err)
                return err;
        if (data_len < overhead || data_len - overhead > plain_max)
                return MESH_EPROTO;
        if (!d->begun) {
                if (crypto_secretstream_xchacha20poly1305_init_pull(&d->stream, data, d->key) != 0)
                        return MESH_EAUTH;
                sodium_memzero(d->key, sizeof(d->key));
                d->begun = true;
                data += HEADER_BYTES;
                data_len -= HEADER_BYTES;
        }
        size_t plain_len = data_len - SEAL_BYTES;
        uint8_t nothing; /* an empty message has no place in the buffer */
        uint8_t *plain = plain_len > 0 ? buffer_extend(ret_plain, plain_len) : &nothing;
        if (!plain)
                return buffer_error(ret_plain);
        unsigned char tag = 0xff;
        int bad = crypto_secretstream_xchacha20poly1305_pull(&d->stream, plain, NULL, &tag, data,
                                                             data_len, NULL, 0);
        if (!bad && tag != crypto_secretstream_xchacha20poly1305_TAG_MESSAGE)
                bad = 1;
        if (bad)
                ret_plain->len -= plain_len;
        return bad ? MESH_EAUTH : 0;
}

/* ---- the open channel ---- */

int channel_seal(struct channel *ch, const void *bytes, size_t len, struct buffer *ret_frame)
{
        int err = channel_turn(ch, CHANNEL_OPEN);
        if (err)
                return err;
        if (len > CHANNEL_PLAIN_MAX)
                return MESH_ELIMIT;
        return channel_seal_frame(&ch->send, bytes, len, ret_frame);
}

int channel_open(struct channel *ch, const uint8_t *frame, size_t len, struct buffer *ret_plain)
{
        int err = channel_turn(ch, CHANNEL_OPEN);
        return err ? err
                   : channel_enter(ch, CHANNEL_OPEN,
                                   channel_open_frame(&ch->receive, frame, len, CHANNEL_PLAIN_MAX,
                                                      ret_plain));
}
