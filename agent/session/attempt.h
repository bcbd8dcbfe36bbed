/* One connection of a session on its way to being the Sync stream: its secure channel and phase.
 *
 * For session.c, which decides; here frames are read and made. No I/O. */
#pragma once
#include "agent/session/session.h"

struct arena;
struct buffer;
struct channel;

enum attempt_phase {
        ATTEMPT_FREE,
        ATTEMPT_HELLO,  /* waiting for the coordinator's Hello */
        ATTEMPT_PROVED, /* Hello verified; another attempt has the turn to send its Proof */
        ATTEMPT_PROOF,  /* waiting for Welcome */
        ATTEMPT_OPEN,
};

struct attempt {
        enum attempt_phase phase;
        struct channel *channel; /* owned */
        struct session_route route;
        uint64_t deadline_ms; /* of the present phase; UINT64_MAX: none */
};

/* Begins with a connection to COORDINATOR over ROUTE, in phase hello. MESH_ENOMEM. */
int attempt_init(struct attempt *attempt, const uint8_t coordinator[static KEY_BYTES],
                 const struct session_route *route, const struct env *env);

/* Wipes the channel; the attempt is free. */
void attempt_clear(struct attempt *attempt);

/* Appends the Proof frame of SELF. Errors of channel_proof_make. */
int attempt_make_proof(struct attempt *attempt, const struct session_self *self,
                       struct buffer *ret_frame);

/* Appends the sealed MESSAGE. Errors of channel_seal and pb_pack. */
int attempt_seal(struct attempt *attempt, const Mesh__V1__AgentMessage *message,
                 struct buffer *ret_frame);

/* Opens a sealed frame. *RET_MESSAGE is borrowed from ARENA. Errors of channel_open, pb_unpack. */
int attempt_unseal(struct attempt *attempt, const uint8_t *frame, size_t len, struct arena *arena,
                   const Mesh__V1__CoordinatorMessage **ret_message);
