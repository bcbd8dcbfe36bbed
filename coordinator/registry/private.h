/* The registry's own state, shared by its rooms. Inside coordinator/registry only. */
#pragma once
#include "common/index.h"
#include "coordinator/netmap/netmap.h"
#include "coordinator/registry/registry.h"
#include "coordinator/store/store.h"

#define ADDRESS_QUARANTINE_MS (30ll * 24 * 3600 * 1000)
#define SETUP_KEY_KEPT_MS     (30ll * 24 * 3600 * 1000) /* after its end, for clear refusals */

/* Members by id, identity, WireGuard key; and in the order of their names. */
struct node_table {
        struct index by_id, by_identity, by_wireguard_key;
        struct node **by_name; /* owned, sorted; nodes are owned by this list */
        size_t count, capacity;
};

/* Who has which slot of the overlay prefixes. */
struct lease_table {
        struct index by_identity; /* struct lease_record, owned */
        uint64_t *used;           /* one bit per slot */
        uint32_t slots;           /* numbers below this one; slot 0 is never given */
        uint32_t lowest_free;     /* no free one below it */
};

struct key_table {
        struct index by_id;
        struct setup_key_record **in_order; /* owned, by creation */
        size_t count, capacity;
};

/* Names that a removal reserved, and identities that it barred. */
struct bar_table {
        struct index names;      /* char *, owned, LABEL_MAX + 1 bytes each, zero-filled */
        struct index identities; /* struct removal_record, owned */
        struct index removed;    /* the same records, by node id */
};

/* All of it; replaced as one when the store is loaded again. */
struct state {
        struct meta_record meta;
        struct node_table nodes;
        struct lease_table leases;
        struct key_table keys;
        struct bar_table bars;
        struct netmap_policy *policy;
};

struct registry {
        const struct env *env;
        struct netmap *netmap;
        struct store *store;
        struct identity identity;
        struct state state;
        size_t connected;
        uint64_t started_ms; /* env_monotonic_ms */
        int64_t swept_ms;    /* wall time of the last look for old leases and keys */

        void (*wake)(void *user);
        void *wake_user;
        size_t in_flight;
        int failure;        /* not 0: memory is ahead of the store, requests are refused */
        bool reload_wanted; /* as soon as nothing is in flight */
        bool loading;       /* that is under way */
        int sick;           /* why the newest write failed; 0: it did not */
        uint64_t tried_ms;  /* when the store was last tried for its health's sake */
        struct registry_call *refused, **refused_last; /* calls that did not get to the store */
};

/* One request on its way to the store: what it writes, and what is told when that is durable. */
struct edit {
        struct registry *r;
        struct registry_call *call; /* NULL: nobody waits (any more) */
        struct store_tx *tx;
        struct change_record change; /* generation 0: none */
        struct netmap_policy *policy_before, *policy_after;
        bool new_epoch;
        bool meta_changed;
        struct event_record event; /* action "": not for the audit log */
};

/* ---- commit.c ---- */

/* Begins a request; CALL and ACTION may be NULL. NULL: it was refused already (no memory, too many
 * calls, the store failed), CALL will hear of it. */
struct edit *edit_begin(struct registry *r, struct registry_call *call, const char *action,
                        const char *object);

/* Prepares the next generation: node BEFORE became AFTER (one may be NULL), or the policy changed.
 * Nothing is visible until edit_submit. MESH_ENOMEM. */
int edit_change_node(struct edit *e, const struct member *before, const struct member *after);
int edit_change_policy(struct edit *e, struct netmap_policy *after);

/* Adopts the generation and hands everything to the store; the call ends with OUTCOME when it is
 * durable. Ends the use of E. */
void edit_submit(struct edit *e, enum registry_outcome outcome);

/* Gives up before anything was changed in memory: the call ends with UNAVAILABLE and ERR. */
void edit_abort(struct edit *e, int err);

/* Gives up after memory was changed: as above, and the registry loads itself again. */
void edit_break(struct edit *e, int err);

/* Runs the calls that were refused. */
void edit_run_refused(struct registry *r);

/* Notes that memory and store may differ. */
void registry_broken(struct registry *r, int err);

/* ---- load.c ---- */

/* Fills *STATE (zeroed) from IMAGE. MESH_EDAMAGED, MESH_ENOMEM; then state_done. */
int state_load(struct registry *r, const struct store_image *image, struct state *state);
void state_done(struct state *state);

/* Gives netmap the durable state of STATE and the changes of IMAGE. */
int state_feed(struct registry *r, const struct state *state, const struct store_image *image);

/* Loads at the start, or again: swaps the state, keeps what lives in memory only. */
int registry_adopt(struct registry *r, const struct store_image *image);

/* ---- node.c ---- */

/* An empty one; nothing is allocated. */
void node_table_init(struct node_table *t, const struct env *env);
/* Frees the nodes too; a zeroed one is fine. */
void node_table_done(struct node_table *t);
/* Takes NODE (also on failure: then it is freed). MESH_EEXIST, MESH_ENOMEM. */
int node_table_add(struct node_table *t, struct node *node);
/* Takes it out of every index and frees it. */
void node_table_remove(struct node_table *t, struct node *node);
/* Replaces the image by AFTER (takes the reference), which has the same keys. */
void node_table_update(struct node_table *t, struct node *node, struct member *after);
struct node *node_table_by_name(const struct node_table *t, const char *name);
struct node *node_find(const struct registry *r, const uint8_t id[static NODE_ID_BYTES]);
struct node *node_select(const struct registry *r, const char *id_or_name);
/* Takes NODE out of the mesh, frees it, and releases its address; its name is free. MESH_ENOMEM:
 * nothing was changed. */
int node_take_out(struct edit *e, struct node *node);
/* Releases ephemeral nodes that have been silent for too long at monotonic NOW_MS. */
void nodes_sweep(struct registry *r, uint64_t now_ms);

/* ---- address.c ---- */

/* An empty one for the slots of IPV4. MESH_EINVAL: not IPv4, shorter than /8 or longer than /29;
 * MESH_ENOMEM. Done: a zeroed one is fine. */
int lease_table_init(struct lease_table *t, const struct env *env, const struct ip_prefix *ipv4);
/* Frees the leases too. */
void lease_table_done(struct lease_table *t);
/* Adds a copy. MESH_EDAMAGED: outside the prefix, or taken; MESH_ENOMEM. */
int lease_table_add(struct lease_table *t, const struct lease_record *lease);
/* The slot for IDENTITY: its old one, or the lowest that is free. Changes nothing but memory for
 * it. MESH_ELIMIT: all are taken; MESH_ENOMEM. */
int lease_choose(struct lease_table *t, const uint8_t identity[static KEY_BYTES],
                 uint32_t *ret_slot);
/* Marks it used by IDENTITY (cannot fail after lease_choose), or released at NOW. */
const struct lease_record *lease_take(struct lease_table *t,
                                      const uint8_t identity[static KEY_BYTES], uint32_t slot);
const struct lease_record *lease_release(struct lease_table *t,
                                         const uint8_t identity[static KEY_BYTES], int64_t now_ms);
/* One lease that was released before CUTOFF, forgotten; false if there is none. */
bool lease_expire_one(struct lease_table *t, int64_t cutoff_ms, uint32_t *ret_slot);
/* Overlay addresses of a slot. */
void lease_addresses(const struct meta_record *meta, uint32_t slot, struct ip_addr *ret_v4,
                     struct ip_addr *ret_v6);
/* Chooses overlay prefixes that overlap none of LOCAL. MESH_EADDRINUSE. */
int overlay_choose(const struct env *env, const struct ip_prefix *local, size_t local_count,
                   struct ip_prefix *ret_ipv4, struct ip_prefix *ret_ipv6);

/* Frees the addresses that were released 30 days before NOW_MS (wall). */
void leases_sweep(struct registry *r, int64_t now_ms);

/* ---- name.c ---- */

/* TEXT as a label: lower case, first label of a host name, other characters as '-'. False if
 * nothing is left of it, or only a word of the policy language. */
bool name_from_text(const char *text, char ret_name[static LABEL_MAX + 1]);
/* The name for a newcomer that wants WANTED (a label); GRANTED: its setup key was made for it.
 * RET_CLAIMED is "", or WANTED when that waits for approval. 02-protocol.md, "Names". */
void name_choose(const struct registry *r, const char *wanted, bool granted,
                 char ret_name[static LABEL_MAX + 1], char ret_claimed[static LABEL_MAX + 1]);
void bar_table_init(struct bar_table *t, const struct env *env);
void bar_table_done(struct bar_table *t);
int bar_name(struct bar_table *t, const char *name); /* fine if it is reserved. MESH_ENOMEM */
bool bar_has_name(const struct bar_table *t, const char *name);
void unbar_name(struct bar_table *t, const char *name);
int bar_identity(struct bar_table *t, const struct removal_record *removal); /* MESH_ENOMEM */

/* ---- policy.c ---- */

/* A compiled policy of that version. Returns owned. As policy_parse. */
int registry_compile_policy(const struct policy_file *files, size_t count, uint64_t version,
                            struct findings *findings, struct netmap_policy **ret_policy);

/* ---- setup_key.c ---- */

/* An empty one; nothing is allocated. */
void key_table_init(struct key_table *t, const struct env *env);
/* Frees the keys too; a zeroed one is fine. */
void key_table_done(struct key_table *t);
/* Adds a copy. MESH_EEXIST, MESH_ENOMEM. */
int key_table_add(struct key_table *t, const struct setup_key_record *key);
struct setup_key_record *key_find(const struct registry *r,
                                  const uint8_t id[static SETUP_KEY_ID_BYTES]);
/* Forgets keys that ended long ago. */
void setup_keys_sweep(struct registry *r, int64_t now_ms);
