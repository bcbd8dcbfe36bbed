/* Inside the Sync channel: what channel.c, channel_handshake.c, channel_coordinator.c and
 * channel_agent.c share. Nobody else includes this.
 *
 * Every step is a public function of three lines: is it its turn, do it, move on or die. */
#pragma once
#include <sodium.h>

#include "common/buffer.h"
#include "proto/channel.h"
#include "proto/transcript.h"

enum {
        CHANNEL_RANDOM_BYTES = 32, /* of Hello */
        CHANNEL_NONCE_BYTES = 32,  /* of Proof */
};

enum channel_state {
        CHANNEL_COORDINATOR_NEW,
        CHANNEL_COORDINATOR_GREETED, /* Hello made */
        CHANNEL_COORDINATOR_KEYED,   /* AgentHello read */
        CHANNEL_COORDINATOR_CLAIMED, /* Proof read */
        CHANNEL_COORDINATOR_PROVEN,  /* Proof checked */
        CHANNEL_AGENT_NEW,
        CHANNEL_AGENT_KEYED,   /* Hello read, AgentHello made */
        CHANNEL_AGENT_CLAIMED, /* Proof made */
        CHANNEL_OPEN,
        CHANNEL_DEAD,
        CHANNEL_STATE_COUNT,
};

/* One direction. The key waits until the first frame, which brings the header. */
struct direction {
        uint8_t key[KEY_BYTES];
        crypto_secretstream_xchacha20poly1305_state stream;
        bool begun;
};

struct channel {
        enum channel_state state;
        const struct env *env;          /* borrowed */
        const struct identity *signer;  /* borrowed; NULL at the agent's end */
        uint8_t coordinator[KEY_BYTES]; /* its identity */
        struct x25519_pair ephemeral;   /* own; wiped when the keys are derived */
        uint8_t ephemeral_signature[SIGNATURE_BYTES];
        struct buffer hello, agent_hello, proof; /* as sent; until the handshake is over */
        uint8_t proof_signature[SIGNATURE_BYTES];
        struct direction send, receive;
};

/* ---- channel.c ---- */

/* 0 if it is the turn of the step that begins in STATE. Else MESH_EPROTO, and the channel is dead,
 * or MESH_ESTATE if it was. */
int channel_turn(struct channel *ch, enum channel_state state);

/* Ends a step: to NEXT, or to death if ERR. Returns ERR. The only place that changes the state. */
int channel_enter(struct channel *ch, enum channel_state next, int err);

/* Appends a sealed frame. Fails without a change of the direction. */
int channel_seal_frame(struct direction *d, const void *bytes, size_t len,
                       struct buffer *ret_frame);

/* Appends the plain text of a sealed frame, at most PLAIN_MAX bytes. MESH_EPROTO, MESH_EAUTH or
 * the buffer's error: the direction is of no more use. */
int channel_open_frame(struct direction *d, const uint8_t *frame, size_t len, size_t plain_max,
                       struct buffer *ret_plain);

/* ---- channel_handshake.c ---- */

/* The session keys, from both ephemerals and both Hellos. MESH_EAUTH: a point of small order. */
int channel_derive_keys(struct channel *ch, const uint8_t *peer_ephemeral);

/* Wraps the clear BYTES of a Hello; reads such a frame's data into RET_DATA. MESH_EPROTO. */
int channel_put_clear(const struct buffer *bytes, struct buffer *ret_frame);
int channel_read_clear(const uint8_t *frame, size_t len, struct buffer *ret_data);

/* pb_unpack of what a peer sent in the handshake: whatever is wrong with it is MESH_EPROTO. */
int channel_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
                   struct arena *arena, ProtobufCMessage **ret_message);

/* Signs T, and seals BODY with that signature as Proof or Welcome, which are alike. */
int channel_put_signed(struct channel *ch, const struct transcript *t,
                       const struct identity *signer, const struct buffer *body,
                       struct buffer *ret_frame);

/* Opens a Proof or Welcome: the body's bytes go to RET_BODY. Does not check the signature. */
int channel_read_signed(struct channel *ch, const uint8_t *frame, size_t len, struct arena *arena,
                        struct buffer *ret_body, uint8_t *ret_signature);

/* What the signatures are over; they borrow from the channel. */
struct transcript channel_ephemeral_transcript(const uint8_t *ephemeral);
struct transcript channel_proof_transcript(const struct channel *ch);
struct transcript channel_welcome_transcript(const struct channel *ch, const struct buffer *body);
