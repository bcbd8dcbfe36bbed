/* The Sync stream's secure channel: handshake, then sealed frames. Both roles, sans I/O.
 *
 * TLS is only the transport; this is the trust. Frames in and out are the serialised messages of
 * rpc Sync (Frame). Steps come in one order; a step out of order, or any frame that is altered,
 * repeated, reordered or missing, yields MESH_EAUTH or MESH_EPROTO and the channel is dead: every
 * later call yields MESH_ESTATE, and the caller closes the stream. TRANSCRIPTS.md, "Sync".
 *
 * Coordinator: channel_new_coordinator, channel_hello_make, channel_agent_hello_read,
 *              channel_proof_read, (look up the node's identity), channel_proof_check,
 *              channel_welcome_make, then seal and open.
 * Agent:       channel_new_agent, channel_hello_read (writes AgentHello), channel_proof_make,
 *              channel_welcome_read, then seal and open. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mesh/v1/agent.pb-c.h"
#include "proto/key.h"

struct arena;
struct buffer;
struct env;
struct channel; /* opaque */

enum {
        CHANNEL_PLAIN_MAX = 256 * 1024,             /* bytes inside one sealed frame */
        CHANNEL_FRAME_MAX = CHANNEL_PLAIN_MAX + 64, /* a serialised Frame; limit for gRPC */
        CHANNEL_HELLO_MAX = 1024,                   /* a Hello or AgentHello */
        CHANNEL_HANDSHAKE_MAX = 16 * 1024,          /* a Proof or Welcome */
        CHANNEL_ARENA_BYTES = 128 * 1024,           /* enough for any step of the handshake */
        CHANNEL_EPHEMERAL_LIFETIME_MS = 60 * 1000,
};

/* The coordinator's ephemeral key, signed once and used for all connections of a minute; each
 * channel takes a copy, so it may be renewed at any time. Zero-initialise; plain value. */
struct channel_ephemeral {
        struct x25519_pair pair;
        uint8_t signature[SIGNATURE_BYTES];
        uint64_t made_ms; /* monotonic */
        bool made;
};

/* Makes a new ephemeral if there is none or it is a minute old at NOW_MS. MESH_ENOMEM: the old
 * one stays. */
int channel_ephemeral_renew(struct channel_ephemeral *ephemeral, const struct identity *coordinator,
                            const struct env *env, uint64_t now_ms);

/* Wipes. */
void channel_ephemeral_done(struct channel_ephemeral *ephemeral);

/* The coordinator's end of a new stream. Borrows COORDINATOR, copies EPHEMERAL (which has been
 * made). Returns owned, or NULL when out of memory. */
struct channel *channel_new_coordinator(const struct identity *coordinator,
                                        const struct channel_ephemeral *ephemeral,
                                        const struct env *env);

/* The agent's end of a new stream to the coordinator whose pinned identity is COORDINATOR
 * (copied). Returns owned, or NULL when out of memory. */
struct channel *channel_new_agent(const uint8_t coordinator[static KEY_BYTES],
                                  const struct env *env);

/* Wipes the keys and frees; NULL is allowed. */
void channel_free(struct channel *ch);

/* Coordinator, 1: appends the Hello frame. */
int channel_hello_make(struct channel *ch, struct buffer *ret_frame);

/* Coordinator, 2: reads the AgentHello frame and derives the keys. */
int channel_agent_hello_read(struct channel *ch, const uint8_t *frame, size_t len);

/* Coordinator, 3: opens the Proof frame. *RET_BODY is borrowed from ARENA, its node_id is 16 bytes,
 * its nonce 32, its instance token empty or 16; nothing in it is proven yet. */
int channel_proof_read(struct channel *ch, const uint8_t *frame, size_t len, struct arena *arena,
                       const Mesh__V1__ProofBody **ret_body);

/* Coordinator, 4: checks the Proof's signature by NODE_IDENTITY, the one that belongs to the body's
 * node id. NULL if there is none: the same work, and MESH_EAUTH. */
int channel_proof_check(struct channel *ch, const uint8_t *node_identity);

/* Coordinator, 5: appends the Welcome frame; the channel is open. */
int channel_welcome_make(struct channel *ch, const Mesh__V1__WelcomeBody *body,
                         struct buffer *ret_frame);

/* Agent, 1: reads the Hello frame, checks the pinned identity (MESH_EAUTH: an impostor), derives
 * the keys and appends the AgentHello frame. */
int channel_hello_read(struct channel *ch, const uint8_t *frame, size_t len,
                       struct buffer *ret_agent_hello);

/* Agent, 2: appends the Proof frame. BODY's nonce is drawn here if it is empty; its versions,
 * position and instance token are the caller's. */
int channel_proof_make(struct channel *ch, const struct identity *node,
                       const Mesh__V1__ProofBody *body, struct buffer *ret_frame);

/* Agent, 3: reads the Welcome frame; the channel is open. *RET_BODY is borrowed from ARENA; its
 * next_instance_token is 16 bytes, the rest the caller validates. */
int channel_welcome_read(struct channel *ch, const uint8_t *frame, size_t len, struct arena *arena,
                         const Mesh__V1__WelcomeBody **ret_body);

/* Whether the handshake is over and the channel alive. */
bool channel_is_open(const struct channel *ch);

/* Appends the sealed form of LEN BYTES, an AgentMessage or CoordinatorMessage, to RET_FRAME. Frames
 * must be sent in the order in which they were sealed. MESH_ELIMIT for more than CHANNEL_PLAIN_MAX
 * and MESH_ENOMEM leave the channel alive and unchanged. */
int channel_seal(struct channel *ch, const void *bytes, size_t len, struct buffer *ret_frame);

/* Appends the plain text of a sealed frame to RET_PLAIN. */
int channel_open(struct channel *ch, const uint8_t *frame, size_t len, struct buffer *ret_plain);
