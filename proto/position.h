/* Where a member's copy of the map stands, under the coordinator's MAC; and the chain of hashes
 * over the change log that a position ends.
 *
 * Plain values and pure functions. Whether a position can be resumed is decided by the
 * coordinator's netmap. 02-protocol.md, point 3 of Agent.Sync; TRANSCRIPTS.md, "Position". */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "mesh/v1/types.pb-c.h"
#include "proto/key.h"

struct arena;

struct position {
        uint64_t epoch_start_ms; /* Unix time */
        uint64_t epoch_random;
        uint64_t generation;
        uint8_t log_hash[KEY_BYTES];
        uint8_t mac[KEY_BYTES];
};

struct position_key {
        uint8_t bytes[KEY_BYTES];
};

/* The coordinator's key for positions, derived from its identity. Wipe it with the done verb. */
void position_key_from_identity(const struct identity *coordinator, struct position_key *ret_key);
void position_key_done(struct position_key *key);

/* Sets the MAC over the other fields. */
void position_seal(struct position *position, const struct position_key *key);

/* MESH_EAUTH unless the MAC is right, in constant time. */
int position_check(const struct position *position, const struct position_key *key);

/* Between the value and the wire. MESH_EFORMAT for an absent epoch or a field of the wrong length;
 * NULL when the arena is full. */
int position_from_message(const Mesh__V1__Position *message, struct position *ret_position);
Mesh__V1__Position *position_to_message(const struct position *position, struct arena *arena);

/* The log's hash after CHANGE (LEN bytes) became GENERATION; BEFORE is the hash at the generation
 * before, 32 zero bytes at the beginning. RET_HASH may be BEFORE. */
void change_log_hash(const uint8_t before[static KEY_BYTES], uint64_t generation,
                     const void *change, size_t len, uint8_t ret_hash[static KEY_BYTES]);
