/* Members, keys, addresses, names and policy: the one owner of the coordinator's state.
 *
 * In memory, on the loop thread; the store holds the durable truth. Every change is checked,
 * applied in memory, handed to the store, and answered by the call's `done` when it is durable:
 * nothing may leave the coordinator before that. netmap is fed with durable changes only. If a
 * commit fails, all pending calls end with an error, and the registry loads itself again from the
 * store. Answers that refuse something take the same way, as they may rest on a change that is not
 * durable yet.
 *
 * How the api uses it (02-protocol.md):
 *   start       netmap_new, registry_open; then on every wake: registry_run
 *   Enroll      registry_find_setup_key (verify the signatures), registry_enroll, answer in done
 *   Sync        registry_find_node (verify Proof), registry_connect; in done: netmap_attach,
 *               registry_connected, send Welcome, then pump netmap_take while the transport can
 * send each frame  registry_contact first; then Report: registry_report_endpoints; Applied:
 *               registry_report_applied; Leave: registry_leave, send Left in done
 *   closed      netmap_detach, registry_disconnect
 *   each second registry_tick
 *   stop        registry_close (waits for the writer)
 *
 * The rooms: registry.c (life cycle, commit), node.c, enroll.c, address.c, name.c, setup_key.c,
 * connect.c, policy.c. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/findings.h"
#include "coordinator/store/records.h"
#include "firewall/policy/policy.h"
#include "proto/position.h"

struct env;
struct netmap;
struct registry; /* opaque */

enum {
        REGISTRY_MAX_NODES = 50000,
        REGISTRY_MAX_SETUP_KEYS = 10000,
        REGISTRY_MAX_PENDING_CALLS = 20000, /* more are answered REGISTRY_UNAVAILABLE at once */
        SETUP_KEY_DEFAULT_LIFETIME_MS = 24 * 3600 * 1000,
};

/* ---- outcomes ---- */

/* name, word for scripts (trailer mesh-reason), text for people. */
#define REGISTRY_OUTCOMES(X)                                                                       \
        X(REGISTRY_OK, "ok", "done")                                                               \
        X(REGISTRY_EXISTING, "existing", "was a member already")                                   \
        X(REGISTRY_UNCHANGED, "unchanged", "nothing to change")                                    \
        X(REGISTRY_UNAVAILABLE, "unavailable", "the coordinator cannot store changes now")         \
        X(REGISTRY_KEY_UNKNOWN, "unknown", "the setup key is not known")                           \
        X(REGISTRY_KEY_EXPIRED, "expired", "the setup key has expired")                            \
        X(REGISTRY_KEY_USED_UP, "used_up", "the setup key is used up")                             \
        X(REGISTRY_KEY_REVOKED, "revoked", "the setup key was revoked")                            \
        X(REGISTRY_TAGS_REFUSED, "tags", "the setup key does not grant these tags")                \
        X(REGISTRY_BARRED, "barred", "this node was removed by an administrator")                  \
        X(REGISTRY_WIREGUARD_KEY_TAKEN, "wireguard_key_taken",                                     \
          "another node uses this WireGuard key")                                                  \
        X(REGISTRY_WIREGUARD_KEY_CHANGED, "wireguard_key_changed",                                 \
          "this node is a member with another WireGuard key; run `meshctl leave` there first")     \
        X(REGISTRY_FULL, "full", "no address or no room for another node is left")                 \
        X(REGISTRY_CLONED, "cloned",                                                               \
          "another machine uses this node's identity (a cloned disk?); on the copy, run "          \
          "`meshctl leave` and enroll it anew")                                                    \
        X(REGISTRY_NODE_UNKNOWN, "node_unknown", "no such node")                                   \
        X(REGISTRY_NAME_TAKEN, "name_taken", "another node holds this name")                       \
        X(REGISTRY_NOTHING_CLAIMED, "nothing_claimed", "this node claims no other name")           \
        X(REGISTRY_NAME_NOT_RESERVED, "not_reserved", "this name is not reserved")                 \
        X(REGISTRY_INVALID, "invalid", "invalid request")

enum registry_outcome {
#define REGISTRY_OUTCOME(name, word, text) name,
        REGISTRY_OUTCOMES(REGISTRY_OUTCOME)
#undef REGISTRY_OUTCOME
                REGISTRY_OUTCOME_COUNT
};

/* One word, and a sentence without a full stop. Static. */
const char *registry_outcome_word(enum registry_outcome outcome);
const char *registry_outcome_text(enum registry_outcome outcome);

/* ---- calls ---- */

/* One pending request; embedded by the caller, which keeps it alive until DONE runs or
 * registry_forget. Only `done`, `user` and `source` are set by the caller. */
struct registry_call {
        void (*done)(struct registry_call *call); /* on the loop; never from inside the request */
        void *user;
        const char *actor, *source; /* for the audit log, copied; may be NULL */

        /* valid in done */
        enum registry_outcome outcome;
        int error;                      /* with REGISTRY_UNAVAILABLE: MESH_ENOSPC, MESH_EIO... */
        uint8_t node_id[NODE_ID_BYTES]; /* the node it was about */
        uint8_t setup_key_id[SETUP_KEY_ID_BYTES];
        uint8_t next_token[INSTANCE_TOKEN_BYTES]; /* registry_connect */
        uint64_t generation;                      /* that the change became, or the newest */
        uint64_t policy_version;                  /* registry_policy_apply */

        /* the registry's */
        void *pending;
        struct registry *refused_by;
        struct registry_call *next_refused;
};

/* The caller goes away: DONE will not run. The change itself may still happen. */
void registry_forget(struct registry_call *call);

/* ---- life cycle ---- */

struct registry_options {
        const char *path;      /* of the store; made if missing (0600); borrowed for the call */
        const struct env *env; /* borrowed, must outlive the registry */
        struct netmap *netmap; /* borrowed; loaded by registry_open, fed from then on */
        struct ip_prefix ipv4; /* used at first start; addr.len 0: choose a /16 */
        const struct ip_prefix *local_prefixes; /* of this host's routes, to keep clear of */
        size_t local_prefix_count;
        bool threaded;            /* false: registry_run does the writing itself (tests) */
        void (*wake)(void *user); /* called on the writer thread: make the loop run registry_run */
        void *wake_user;
};

/* Opens or makes the store, loads everything. Returns owned. MESH_EVERSION (store of a newer
 * program), MESH_EDAMAGED, MESH_EPERM, MESH_ENOSPC, MESH_EADDRINUSE (every /16 overlaps a local
 * prefix), MESH_EBUSY (another coordinator has it open), MESH_EIO, MESH_ENOMEM. RET_DETAIL, if not
 * NULL, gets a sentence for the log, "" without one. */
enum { REGISTRY_DETAIL_MAX = 256 };
int registry_open(const struct registry_options *options, char ret_detail[REGISTRY_DETAIL_MAX],
                  struct registry **ret_registry);

/* Waits for the writer, runs what is pending, frees. NULL is allowed. */
void registry_close(struct registry *r);

/* Runs the completions that are ready. */
void registry_run(struct registry *r);

/* Time passes: releases ephemeral nodes, forgets old leases and keys, reloads after a failure. */
void registry_tick(struct registry *r);

/* ---- views, borrowed until the next call into the registry ---- */

/* The coordinator's key pair; secret. */
const struct identity *registry_identity(const struct registry *r);
/* Epoch, generation, overlay: the newest, maybe not durable yet. */
const struct meta_record *registry_meta(const struct registry *r);
/* False from a failed write until one succeeds; registry_tick tries. RET_DETAIL (may be NULL) is
 * why, static, or "". */
bool registry_healthy(const struct registry *r, const char **ret_detail);

struct applied_report {
        uint64_t generation;
        bool has_policy_hash, has_access_hash;
        uint8_t policy_hash[KEY_BYTES], access_hash[KEY_BYTES];
        char error[DESCRIPTION_MAX + 1];
};

/* A member; `record` is durable or about to be, the rest lives in memory only. */
struct node {
        struct node_record record;
        bool connected;
        uint64_t last_contact_ms; /* env_monotonic_ms; 0: none since the start */
        int64_t last_seen_ms;     /* Unix time; 0: none since the start */
        struct applied_report applied;
};

/* The member of that id; NULL if there is none. */
const struct node *registry_find_node(const struct registry *r,
                                      const uint8_t id[static NODE_ID_BYTES]);
/* What is kept of a member that `node remove` barred; NULL if there was none of that id. */
const struct removal_record *registry_find_removal(const struct registry *r,
                                                   const uint8_t id[static NODE_ID_BYTES]);
/* By 32 hex digits of an id, or by name. */
const struct node *registry_select_node(const struct registry *r, const char *id_or_name);
/* Nodes in the order of their names: start with *CURSOR 0; NULL at the end. */
const struct node *registry_next_node(const struct registry *r, size_t *cursor);
size_t registry_node_count(const struct registry *r);
size_t registry_connected_count(const struct registry *r);

/* NULL for an unknown id; keys that ended are kept for 30 days. */
const struct setup_key_record *registry_find_setup_key(const struct registry *r,
                                                       const uint8_t id[static SETUP_KEY_ID_BYTES]);
/* In the order of their creation. */
const struct setup_key_record *registry_next_setup_key(const struct registry *r, size_t *cursor);
/* REGISTRY_OK, or why the key would be refused now; *_text is "valid", "expired"... */
enum registry_outcome registry_setup_key_state(const struct registry *r,
                                               const struct setup_key_record *key);
const char *registry_setup_key_state_text(enum registry_outcome state);

/* The live policy; version 0 is the one that denies all. */
const struct policy *registry_policy(const struct registry *r);
uint64_t registry_policy_version(const struct registry *r);

/* ---- changes; each ends with call->done ---- */

/* A claim whose signatures and MAC the api has verified. Everything is borrowed for the call. */
struct registry_claim {
        uint8_t setup_key_id[SETUP_KEY_ID_BYTES];
        uint8_t identity[KEY_BYTES], wireguard_key[KEY_BYTES], signal_key[KEY_BYTES];
        uint8_t signal_key_signature[SIGNATURE_BYTES];
        const char *wanted_name;        /* any text; becomes a label. NULL or "": the hostname */
        const char *const *wanted_tags; /* none: all that the key grants */
        size_t wanted_tag_count;
        struct host_facts facts;
        struct peer_versions versions;
};

/* Makes a member, or gives it back. Outcomes: OK, EXISTING (same identity and WireGuard key;
 * whatever became of the setup key), BARRED, WIREGUARD_KEY_CHANGED, KEY_UNKNOWN, KEY_REVOKED,
 * KEY_EXPIRED, KEY_USED_UP, TAGS_REFUSED, WIREGUARD_KEY_TAKEN, FULL, UNAVAILABLE. call->node_id is
 * the member; its record tells name, addresses, and claimed_name (not empty: waits for approval).*/
void registry_enroll(struct registry *r, const struct registry_claim *claim,
                     struct registry_call *call);

/* A proven member begins a stream. TOKEN as it showed it (LEN 0 or 16). OK: call->next_token goes
 * into Welcome. CLONED, NODE_UNKNOWN, UNAVAILABLE. Endpoints and versions are of the Proof. */
void registry_connect(struct registry *r, const uint8_t id[static NODE_ID_BYTES],
                      const uint8_t *token, size_t token_len, const struct peer_versions *versions,
                      struct registry_call *call);

/* Its stream is open, or has ended: a member with an open stream is listed as connected, and not
 * released however ephemeral it is. */
void registry_connected(struct registry *r, const uint8_t id[static NODE_ID_BYTES]);
void registry_disconnect(struct registry *r, const uint8_t id[static NODE_ID_BYTES]);

/* Any frame of the member arrived after Welcome: it is alive and has stored its token. */
void registry_contact(struct registry *r, const uint8_t id[static NODE_ID_BYTES]);

/* Where peers may reach it; a change only if it differs from before. At most
 * MEMBER_MAX_ENDPOINTS are kept. No answer: a failure shows in registry_healthy. */
void registry_report_endpoints(struct registry *r, const uint8_t id[static NODE_ID_BYTES],
                               const struct ip_endpoint *endpoints, size_t count);
void registry_report_applied(struct registry *r, const uint8_t id[static NODE_ID_BYTES],
                             const struct applied_report *report);

/* The member leaves: name free at once, addresses after 30 days. OK, NODE_UNKNOWN. */
void registry_leave(struct registry *r, const uint8_t id[static NODE_ID_BYTES],
                    struct registry_call *call);

/* By an administrator: bars the identity, reserves the name. OK, NODE_UNKNOWN. */
void registry_remove_node(struct registry *r, const char *id_or_name, struct registry_call *call);
/* Gives the node the name it claims. OK, NODE_UNKNOWN, NOTHING_CLAIMED, NAME_TAKEN. */
void registry_approve_node(struct registry *r, const char *id_or_name, struct registry_call *call);
/* Ends a reservation that a removal made. OK, NAME_NOT_RESERVED. */
void registry_release_name(struct registry *r, const char *name, struct registry_call *call);

/* What the administrator asks for; id, public_key, created_ms and uses are filled by the
 * registry. max_uses 0 with reusable: no limit; expires_ms 0: after 24 hours. */
struct setup_key_request {
        const char *description, *name; /* NULL: none */
        const char *const *tags;
        size_t tag_count;
        bool reusable;
        uint32_t max_uses;
        uint64_t lifetime_ms, ephemeral_ms;
};

/* OK: RET_SEED (filled at once, 32 bytes) and call->setup_key_id make the key's text; the seed is
 * kept nowhere else: the caller wipes it, and shows it only in done. INVALID: a bad label, too many
 * tags, max_uses without reusable. */
void registry_create_setup_key(struct registry *r, const struct setup_key_request *request,
                               uint8_t ret_seed[static KEY_BYTES], struct registry_call *call);
/* By 16 hex digits. OK, UNCHANGED (revoked before), KEY_UNKNOWN. */
void registry_revoke_setup_key(struct registry *r, const char *id, struct registry_call *call);

/* Parses, checks against the members, and makes it the live policy. FINDINGS (zeroed by the
 * caller) is filled before this returns. OK, UNCHANGED (the same meaning runs), INVALID (errors
 * among the findings). */
void registry_apply_policy(struct registry *r, const struct policy_file *files, size_t count,
                           const char *author, const char *commit, struct findings *findings,
                           struct registry_call *call);

/* A member showed a position that this store has never reached: the store went back. Begins a
 * new epoch, later than SEEN's; every member gets a snapshot. */
void registry_begin_epoch(struct registry *r, const struct position *seen,
                          struct registry_call *call);
