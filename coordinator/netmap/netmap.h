/* What each member may see, and what it has been told of it.
 *
 * Pure: no sockets, no clock, no database. It holds the durable state only (the registry feeds it
 * after each commit), a bounded log of changes, and for every connected member how far it was told.
 * A member is told of exactly the peers with which the policy lets it exchange a packet in either
 * direction (policy_sees, the one rule of visibility) and of rules and sets that concern itself.
 *
 * A pending delta is a generation: since when something changed that concerns the member. What to
 * send is worked out from the log when the transport has room: the map of the touched members
 * before, and now, and their difference. So changes coalesce, a slow reader costs a few bytes, and
 * a stream that resumes from an older generation takes the same way as a live one. Older than the
 * log: a snapshot. 02-protocol.md, "What a member is told" and points 3 of Agent.Sync.
 *
 * Order of calls: netmap_new, (registry_open loads it,) then per stream: netmap_attach, netmap_take
 * until it returns 0, again after each dirty callback, netmap_detach. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/netmap/member.h"
#include "firewall/policy/policy.h"
#include "proto/position.h"

struct buffer;
struct netmap;        /* opaque */
struct netmap_stream; /* opaque: one connected member */

enum {
        NETMAP_LOG_MAX = 10000,          /* generations that can be resumed */
        NETMAP_CHUNK_BYTES = 256 * 1024, /* a snapshot chunk is about this long at most */
};

struct netmap_callbacks {
        /* netmap_take has something for this stream. Called while netmap is changing: only note it,
         * and call netmap_take from the loop. */
        void (*dirty)(void *user, void *stream_user);
        /* The member was removed: nothing more will come; close the stream (detach it first). */
        void (*gone)(void *user, void *stream_user);
        void *user;
};

/* Empty until loaded. Returns owned. MESH_ENOMEM. */
int netmap_new(const struct netmap_callbacks *callbacks, struct netmap **ret_netmap);

/* Frees; streams must be detached before. NULL is allowed. */
void netmap_free(struct netmap *nm);

/* ---- streams (the api) ---- */

enum netmap_resume {
        NETMAP_SNAPSHOT, /* a snapshot follows (no position, too old, another epoch) */
        NETMAP_RESUMED,  /* the position matched: only deltas follow (Welcome says so) */
        NETMAP_AHEAD,    /* a position of ours that our log never reached: registry_begin_epoch,
                          * then attach anew without a position; as it is, a snapshot follows */
};

/* Begins telling the member ID. POSITION (borrowed; NULL: none) is from the Proof, its MAC
 * unchecked. MESH_ENOENT: no such member; MESH_ENOMEM. Several streams of one member do not disturb
 * each other; closing the older one is the api's affair. */
int netmap_attach(struct netmap *nm, const uint8_t id[static NODE_ID_BYTES],
                  const struct position *position, void *stream_user,
                  struct netmap_stream **ret_stream, enum netmap_resume *ret_resume);
void netmap_detach(struct netmap_stream *s);

/* Appends the next CoordinatorMessage (serialised: a Snapshot chunk or a Delta) for the stream.
 * Returns 1, or 0 if there is nothing to tell; MESH_ELIMIT (a message does not fit BUFFER; use a
 * maximum of PB_MESSAGE_MAX), MESH_ENOMEM: the stream must be closed. */
int netmap_take(struct netmap_stream *s, struct buffer *buffer);

/* The agent saw a gap. */
void netmap_want_snapshot(struct netmap_stream *s);

/* ---- questions ---- */

/* Whether A and B may know of each other; false for A == B or unknown members. The door for every
 * other kind of message (signals, path reports, names). */
bool netmap_sees(const struct netmap *nm, const uint8_t a[static NODE_ID_BYTES],
                 const uint8_t b[static NODE_ID_BYTES]);

/* What the member should run. MESH_ENOENT, MESH_ENOMEM. */
int netmap_access_hash(const struct netmap *nm, const uint8_t id[static NODE_ID_BYTES],
                       uint8_t ret_hash[static KEY_BYTES]);

/* The newest durable generation that concerned the member: until it has reported a generation at
 * least so new in Applied, it has not acknowledged. 0: none since the start. */
uint64_t netmap_wanted_generation(const struct netmap *nm, const uint8_t id[static NODE_ID_BYTES]);

/* The newest durable generation, and the epoch that it is of. */
uint64_t netmap_generation(const struct netmap *nm);
void netmap_epoch(const struct netmap *nm, uint64_t *ret_start_ms, uint64_t *ret_random);

/* ---- feeding (the registry) ---- */

/* A compiled policy with its counted owners; old ones live as long as the log speaks of them. */
struct netmap_policy {
        uint32_t refs;
        uint64_t version;      /* 0: the empty policy */
        struct policy *policy; /* owned */
};

/* Takes POLICY (also on failure). Returns owned with one reference; NULL when out of memory. */
struct netmap_policy *netmap_policy_new(struct policy *policy, uint64_t version);
struct netmap_policy *netmap_policy_ref(struct netmap_policy *policy);
void netmap_policy_unref(struct netmap_policy *policy);

/* One generation. Everything is borrowed for the call; references are taken. */
struct netmap_change {
        uint64_t generation;
        uint8_t log_hash[KEY_BYTES];
        const struct member *before, *after; /* one may be NULL; both: a policy change */
        struct netmap_policy *policy_before, *policy_after; /* NULL unless a policy change */
};

/* The whole durable state; replaces what there was. All streams get a snapshot. */
struct netmap_state {
        uint64_t epoch_start_ms, epoch_random;
        uint64_t generation;
        uint8_t log_hash[KEY_BYTES];
        struct position_key position_key;
        struct netmap_policy *policy;
        const struct member *const *members;
        size_t member_count;
        const struct netmap_change *log; /* oldest first, without gaps, ends at generation */
        size_t log_count;
};
int netmap_load(struct netmap *nm, const struct netmap_state *state);

/* The next generation became durable. MESH_ESTATE if it is not the next; MESH_ENOMEM: netmap must
 * be loaded again. */
int netmap_change(struct netmap *nm, const struct netmap_change *change);

/* A new epoch became durable: no position of the old one is resumed; all streams get a snapshot. */
void netmap_set_epoch(struct netmap *nm, uint64_t start_ms, uint64_t random);
