/* The coordinator's database: what is durable, and every SQL statement of the product.
 *
 * SQLite in WAL mode with one connection, which one writer thread owns after start-up (with
 * exclusive locking: a second coordinator is refused, and the WAL-reset bug of SQLite < 3.51.3
 * needs two connections). A caller collects typed changes in a transaction and submits it; the
 * writer takes all that is queued, commits once (group commit), and the completions run on the
 * caller's thread in store_run. Knows records, not rules: what is allowed is the registry's affair.
 * The caller is coordinator/registry only. 07-security.md, "SQLite". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/store/records.h"

struct store;    /* opaque */
struct store_tx; /* opaque: a transaction that is being collected or written */

/* ---- life cycle ---- */

enum { STORE_DETAIL_MAX = 256 };

struct store_options {
        const char *path;         /* made with mode 0600 if missing; borrowed for the call */
        bool threaded;            /* false: store_run does the writing itself (tests) */
        void (*wake)(void *user); /* on the writer thread: completions wait for store_run */
        void *wake_user;
};

/* Opens, migrates. Returns owned; no thread runs yet. RET_DETAIL gets a sentence for the log, ""
 * without one. MESH_EVERSION (written by a newer program), MESH_EFORMAT (not our file),
 * MESH_EDAMAGED, MESH_EBUSY (in use), MESH_EPERM, MESH_ENOENT (no directory), MESH_ENOSPC,
 * MESH_EIO, MESH_ESQL, MESH_ENOMEM. */
int store_open(const struct store_options *options, char ret_detail[static STORE_DETAIL_MAX],
               struct store **ret_store);

/* Starts the writer thread (nothing to do if not threaded). MESH_EAGAIN. */
int store_start(struct store *s);

/* Writes what is queued, runs the completions, stops the thread, closes. NULL is allowed. */
void store_close(struct store *s);

/* Runs the completions that are ready, in the order of submission. Not from a completion. */
void store_run(struct store *s);

/* ---- loading ---- */

/* All that the registry keeps in memory. */
struct store_image {
        bool fresh; /* no meta yet: the first start */
        struct meta_record meta;
        struct node_record *nodes; /* with one reference each */
        size_t node_count;
        struct lease_record *leases;
        size_t lease_count;
        struct setup_key_record *setup_keys; /* in the order of their creation */
        size_t setup_key_count;
        char (*reservations)[LABEL_MAX + 1];
        size_t reservation_count;
        struct removal_record *removals;
        size_t removal_count;
        struct change_record *changes; /* oldest first, the last CHANGE_LOG_MAX_ROWS */
        size_t change_count;
        struct policy_record *policies; /* the live one and those the changes speak of */
        size_t policy_count;
};

/* Before store_start only. Returns owned: store_image_free. MESH_EDAMAGED for a row that cannot
 * be, MESH_EIO, MESH_ESQL, MESH_ENOMEM. */
int store_load(struct store *s, struct store_image **ret_image);

/* Frees, wipes the seed; NULL is allowed. */
void store_image_free(struct store_image *image);

/* Loads on the writer thread, after what was submitted before; DONE runs in store_run and takes
 * IMAGE (NULL with an error). MESH_ENOMEM: nothing was submitted. */
int store_load_later(struct store *s, void (*done)(void *user, int err, struct store_image *image),
                     void *user);

/* ---- transactions ---- */

/* An empty one; NULL when out of memory. */
struct store_tx *store_tx_new(void);

/* Frees one that was not submitted; NULL is allowed. */
void store_tx_free(struct store_tx *tx);

/* Steps, run in this order. Records are copied, images are referenced. A failure to allocate is
 * sticky and ends the transaction with MESH_ENOMEM at its completion. "put" inserts or replaces. */
void store_put_meta(struct store_tx *tx, const struct meta_record *meta);
void store_put_node(struct store_tx *tx, const struct node_record *node);
void store_put_tokens(struct store_tx *tx, const struct node_record *node); /* tokens, versions */
void store_delete_node(struct store_tx *tx, const uint8_t id[static NODE_ID_BYTES]);
void store_put_lease(struct store_tx *tx, const struct lease_record *lease);
void store_delete_lease(struct store_tx *tx, uint32_t slot);
void store_put_setup_key(struct store_tx *tx, const struct setup_key_record *key);
void store_delete_setup_key(struct store_tx *tx, const uint8_t id[static SETUP_KEY_ID_BYTES]);
void store_put_reservation(struct store_tx *tx, const char *name, int64_t at_ms);
void store_delete_reservation(struct store_tx *tx, const char *name);
void store_put_removal(struct store_tx *tx, const struct removal_record *removal);
void store_put_change(struct store_tx *tx, const struct change_record *change);
void store_put_policy(struct store_tx *tx, const struct policy_record *policy);
void store_put_event(struct store_tx *tx, const struct event_record *event);

/* Hands TX over; DONE runs in store_run with 0 when it is durable, or with an error when none of
 * it is: MESH_ENOSPC, MESH_EIO, MESH_ESQL, MESH_ENOMEM.
 * A step that fails undoes its own transaction only; a commit that fails fails all of its batch.
 * CHAINED transactions rest on those before them: after one has failed, every later one ends with
 * MESH_ECANCELED until store_rechain. */
void store_submit(struct store *s, struct store_tx *tx, bool chained,
                  void (*done)(void *user, int err), void *user);

/* The caller has started anew from store_load_later's image. */
void store_rechain(struct store *s);
