/* Life cycle: first start, opening, running, reloading, closing. See registry.h. */
#include "coordinator/registry/registry.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "coordinator/registry/private.h"

enum { SWEEP_INTERVAL_MS = 3600 * 1000, TRY_INTERVAL_MS = 5000 };

static const struct {
        const char *word, *text;
} outcomes[] = {
#define REGISTRY_OUTCOME_TEXT(name, word, text) { word, text },
        REGISTRY_OUTCOMES(REGISTRY_OUTCOME_TEXT)
#undef REGISTRY_OUTCOME_TEXT
};

const char *registry_outcome_word(enum registry_outcome outcome)
{
        return outcomes[outcome].word;
}

const char *registry_outcome_text(enum registry_outcome outcome)
{
        return outcomes[outcome].text;
}

/* ---- first start ---- */

static void first_written(void *user, int err)
{
        *(int *)user = err;
}

/* Writes META as the first thing in the store; durable on return (no thread runs yet). */
static int write_first(struct registry *r, const struct meta_record *meta)
{
        struct store_tx *tx = store_tx_new();
        int result = MESH_ENOMEM;
        if (!tx)
                return result;
        struct event_record event = { .at_ms = env_wall_ms(r->env) };
        snprintf(event.actor, sizeof(event.actor), "coordinator");
        snprintf(event.action, sizeof(event.action), "first start");
        snprintf(event.result, sizeof(event.result), "%s", registry_outcome_word(REGISTRY_OK));
        store_put_meta(tx, meta);
        store_put_event(tx, &event);
        store_submit(r->store, tx, true, first_written, &result);
        store_run(r->store);
        return result;
}

static int first_start(struct registry *r, const struct registry_options *options, char *ret_detail,
                       struct store_image *image)
{
        struct meta_record *meta = &image->meta;
        struct identity identity;
        meta->ipv4 = ip_prefix_mask(options->ipv4);
        int err = overlay_choose(r->env, options->local_prefixes, options->local_prefix_count,
                                 &meta->ipv4, &meta->ipv6);
        if (err) {
                snprintf(ret_detail, REGISTRY_DETAIL_MAX,
                         "every /16 of 100.64.0.0/10 is in use on this host; configure another "
                         "IPv4 prefix for the mesh");
                return err;
        }
        identity_make(r->env, &identity);
        memcpy(meta->identity_seed, identity.seed, sizeof(meta->identity_seed));
        identity_done(&identity);
        meta->epoch.start_ms = (uint64_t)env_wall_ms(r->env);
        env_random(r->env, &meta->epoch.random, sizeof(meta->epoch.random));
        err = write_first(r, meta);
        image->fresh = false;
        return err;
}

/* ---- life cycle ---- */

static int open_store(struct registry *r, const struct registry_options *options, char *ret_detail)
{
        char detail[STORE_DETAIL_MAX] = "";
        struct store_options store = { .path = options->path,
                                       .threaded = options->threaded,
                                       .wake = options->wake,
                                       .wake_user = options->wake_user };
        int err = store_open(&store, detail, &r->store);
        snprintf(ret_detail, REGISTRY_DETAIL_MAX, "%s", detail);
        return err;
}

static int load(struct registry *r, const struct registry_options *options, char *ret_detail)
{
        struct store_image *image = NULL;
        int err = store_load(r->store, &image);
        if (!err && image->fresh)
                err = first_start(r, options, ret_detail, image);
        if (!err) {
                identity_from_seed(image->meta.identity_seed, &r->identity);
                err = registry_adopt(r, image);
        }
        if (err && !ret_detail[0])
                snprintf(ret_detail, REGISTRY_DETAIL_MAX, "cannot load %s: %s", options->path,
                         mesh_strerror(err));
        store_image_free(image);
        return err;
}

int registry_open(const struct registry_options *options, char ret_detail[REGISTRY_DETAIL_MAX],
                  struct registry **ret_registry)
{
        char detail[REGISTRY_DETAIL_MAX] = "";
        struct registry *r = calloc(1, sizeof(*r));
        if (!r)
                return MESH_ENOMEM;
        r->env = options->env;
        r->netmap = options->netmap;
        r->wake = options->wake;
        r->wake_user = options->wake_user;
        r->refused_last = &r->refused;
        r->started_ms = env_monotonic_ms(r->env);
        int err = open_store(r, options, detail);
        if (!err)
                err = load(r, options, detail);
        if (!err)
                err = store_start(r->store);
        if (ret_detail)
                memcpy(ret_detail, detail, sizeof(detail));
        if (err) {
                registry_close(r);
                return err;
        }
        *ret_registry = r;
        return 0;
}

void registry_close(struct registry *r)
{
        if (!r)
                return;
        store_close(r->store); /* runs what is pending */
        edit_run_refused(r);
        state_done(&r->state);
        identity_done(&r->identity);
        free(r);
}

static void on_loaded(void *user, int err, struct store_image *image)
{
        struct registry *r = user;
        r->loading = false;
        if (!err)
                err = registry_adopt(r, image);
        store_image_free(image);
        r->failure = err;
        if (!err)
                store_rechain(r->store);
}

static void reload_when_idle(struct registry *r)
{
        if (!r->reload_wanted || r->loading || r->in_flight)
                return;
        if (store_load_later(r->store, on_loaded, r) == 0) {
                r->loading = true;
                r->reload_wanted = false; /* if it fails, the next tick wants it again */
        }
}

void registry_run(struct registry *r)
{
        store_run(r->store);
        edit_run_refused(r);
        reload_when_idle(r);
}

/* A full disk can be read: only a write tells that there is room again. The line in the audit log,
 * which appears once, is one. */
static void try_store(struct registry *r)
{
        uint64_t now_ms = env_monotonic_ms(r->env);
        if (!r->sick || r->in_flight || now_ms - r->tried_ms < TRY_INTERVAL_MS)
                return;
        r->tried_ms = now_ms;
        struct edit *e = edit_begin(r, NULL, "store", "writes failed until now");
        if (!e)
                return;
        snprintf(e->event.result, sizeof(e->event.result), "%s", mesh_strerror(r->sick));
        edit_submit(e, REGISTRY_OK);
}

void registry_tick(struct registry *r)
{
        int64_t now_ms = env_wall_ms(r->env);
        if (r->failure) {
                r->reload_wanted = !r->loading;
                reload_when_idle(r);
                return;
        }
        try_store(r);
        nodes_sweep(r, env_monotonic_ms(r->env));
        if (now_ms - r->swept_ms < SWEEP_INTERVAL_MS && now_ms >= r->swept_ms)
                return;
        r->swept_ms = now_ms;
        leases_sweep(r, now_ms);
        setup_keys_sweep(r, now_ms);
}

/* ---- views and epochs ---- */

const struct identity *registry_identity(const struct registry *r)
{
        return &r->identity;
}

const struct meta_record *registry_meta(const struct registry *r)
{
        return &r->state.meta;
}

bool registry_healthy(const struct registry *r, const char **ret_detail)
{
        int err = r->failure ? r->failure : r->sick;
        if (ret_detail)
                *ret_detail = err ? mesh_strerror(err) : "";
        return err == 0;
}

void registry_begin_epoch(struct registry *r, const struct position *seen,
                          struct registry_call *call)
{
        struct epoch *epoch = &r->state.meta.epoch;
        struct edit *e = edit_begin(r, call, "epoch", "the store went back");
        if (!e)
                return;
        bool same = seen->epoch_start_ms == epoch->start_ms && seen->epoch_random == epoch->random;
        if (!same && seen->epoch_start_ms < epoch->start_ms) { /* another member was first */
                edit_submit(e, REGISTRY_UNCHANGED);
                return;
        }
        uint64_t now_ms = (uint64_t)env_wall_ms(r->env);
        uint64_t floor_ms =
                seen->epoch_start_ms > epoch->start_ms ? seen->epoch_start_ms : epoch->start_ms;
        epoch->start_ms = now_ms > floor_ms ? now_ms : floor_ms + 1;
        env_random(r->env, &epoch->random, sizeof(epoch->random));
        e->new_epoch = true;
        e->meta_changed = true;
        edit_submit(e, REGISTRY_OK);
}
