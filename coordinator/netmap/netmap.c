/* The live state: fed by the registry, asked by the api, marking the streams that a change
 * concerns. See netmap.h; what streams are told is in stream.c. */
#include "coordinator/netmap/netmap.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "coordinator/netmap/access.h"
#include "coordinator/netmap/private.h"

enum { ARENA_MAX_BYTES = 64 << 20 };

int netmap_new(const struct netmap_callbacks *callbacks, struct netmap **ret_netmap)
{
        struct policy *empty = NULL;
        struct netmap_policy *policy = NULL;
        struct findings findings = { 0 };
        struct netmap *nm = calloc(1, sizeof(*nm));
        int err = nm ? change_log_init(&nm->log) : MESH_ENOMEM;
        if (!err)
                err = policy_parse(NULL, 0, &findings, &empty);
        findings_done(&findings);
        if (!err)
                policy = netmap_policy_new(empty, 0);
        if (policy) {
                nm->callbacks = *callbacks;
                view_init(&nm->view, policy);
                netmap_policy_unref(policy);
                nm->arena = arena_new(ARENA_MAX_BYTES);
        }
        if (err || !policy || !nm->arena) {
                netmap_free(nm);
                return err ? err : MESH_ENOMEM;
        }
        *ret_netmap = nm;
        return 0;
}

void netmap_free(struct netmap *nm)
{
        if (!nm)
                return;
        history_done(&nm->history);
        change_log_done(&nm->log);
        view_done(&nm->view);
        arena_free(nm->arena);
        position_key_done(&nm->position_key);
        free(nm);
}

/* ---- marking ---- */

static void mark_dirty(struct netmap *nm, struct netmap_stream *s)
{
        if (s->dirty_since)
                return;
        s->dirty_since = nm->generation;
        nm->callbacks.dirty(nm->callbacks.user, s->user);
}

static void mark_entry(struct netmap *nm, struct view_entry *entry)
{
        entry->wanted_generation = nm->generation;
        for (struct netmap_stream *s = entry->streams; s; s = s->next)
                mark_dirty(nm, s);
}

/* Those who saw the member before (class BEFORE) or see it now; a class may be NULL. */
static void mark_affected(struct netmap *nm, const uint8_t id[static NODE_ID_BYTES],
                          const struct class_ref *before, const struct class_ref *now)
{
        struct view *v = &nm->view;
        for (size_t i = 0; i < v->class_count; i++) {
                struct class_ref *class = v->classes[i];
                class->mark =
                        (before && class_sees(class, before)) || (now && class_sees(class, now));
        }
        for (size_t i = 0; i < v->count; i++) {
                struct view_entry *entry = &v->entries[i];
                if (entry->class->mark || !memcmp(entry->member->id, id, NODE_ID_BYTES))
                        mark_entry(nm, entry);
        }
}

static void tell_gone(struct netmap *nm, struct netmap_stream *streams)
{
        for (struct netmap_stream *s = streams, *next; s; s = next) {
                next = s->next; /* the callback may detach it */
                s->gone = true;
                nm->callbacks.gone(nm->callbacks.user, s->user);
        }
}

/* ---- feeding ---- */

/* Members let in other addresses: from OLD of class WAS, or nobody, to ENTRY, or nobody. */
static void follow_access(struct netmap *nm, const struct member *old, const struct class_ref *was,
                          const struct view_entry *entry)
{
        const struct member *now = entry ? entry->member : NULL;
        if (old && now && entry->class == was && ip_addr_compare(&old->v4, &now->v4) == 0 &&
            ip_addr_compare(&old->v6, &now->v6) == 0)
                return;
        if (old)
                view_access_remove(&nm->view, old, was);
        if (now)
                view_access_add(&nm->view, now, entry->class);
}

/* Puts the change into the view. RET_WAS is the class of the member before, RET_ORPHANS are the
 * streams of one that is gone. MESH_ENOMEM: nothing was changed. */
static int apply_change(struct netmap *nm, const struct netmap_change *change,
                        struct class_ref **ret_was, struct netmap_stream **ret_orphans)
{
        if (change->policy_after)
                return view_set_policy(&nm->view, change->policy_after);
        const uint8_t *id = (change->before ? change->before : change->after)->id;
        struct view_entry *entry = view_find(&nm->view, id);
        struct class_ref *was = entry ? class_ref_take(entry->class) : NULL;
        struct member *old = entry ? member_ref(entry->member) : NULL;
        int err = change->after ? view_put(&nm->view, change->after) : 0;
        if (!err && !change->after && entry) {
                *ret_orphans = entry->streams;
                view_remove(&nm->view, id);
        }
        if (!err) {
                follow_access(nm, old, was, view_find(&nm->view, id));
                *ret_was = was;
        } else {
                class_unref(was);
        }
        member_unref(old);
        return err;
}

static void mark_change(struct netmap *nm, const struct netmap_change *change,
                        const struct class_ref *was)
{
        if (change->policy_after) {
                for (size_t i = 0; i < nm->view.count; i++)
                        mark_entry(nm, &nm->view.entries[i]);
                return;
        }
        const uint8_t *id = (change->before ? change->before : change->after)->id;
        const struct view_entry *entry = view_find(&nm->view, id);
        mark_affected(nm, id, was, entry ? entry->class : NULL);
}

int netmap_change(struct netmap *nm, const struct netmap_change *change)
{
        struct class_ref *was = NULL;
        struct netmap_stream *orphans = NULL;
        if (change->generation != nm->generation + 1)
                return MESH_ESTATE;
        int err = apply_change(nm, change, &was, &orphans);
        if (err)
                return err;
        nm->generation = change->generation;
        memcpy(nm->log_hash, change->log_hash, sizeof(nm->log_hash));
        history_done(&nm->history);
        change_log_add(&nm->log, change);
        mark_change(nm, change, was);
        class_unref(was);
        tell_gone(nm, orphans);
        return 0;
}

/* Moves the streams of the old view to the new one; returns those whose member is gone. */
static struct netmap_stream *move_streams(const struct view *old, struct view *fresh)
{
        struct netmap_stream *orphans = NULL;
        for (size_t i = 0; i < old->count; i++) {
                struct netmap_stream *s = old->entries[i].streams;
                struct view_entry *entry = view_find(fresh, old->entries[i].member->id);
                if (entry) {
                        entry->streams = s;
                        continue;
                }
                for (struct netmap_stream *next; s; s = next) {
                        next = s->next;
                        s->next = orphans;
                        orphans = s;
                }
        }
        return orphans;
}

static void resnapshot_all(struct netmap *nm)
{
        for (size_t i = 0; i < nm->view.count; i++)
                for (struct netmap_stream *s = nm->view.entries[i].streams; s; s = s->next)
                        stream_start_snapshot(s);
}

int netmap_load(struct netmap *nm, const struct netmap_state *state)
{
        struct view fresh;
        int err = 0;
        view_init(&fresh, state->policy);
        for (size_t i = 0; !err && i < state->member_count; i++)
                err = view_put(&fresh, state->members[i]);
        if (err) {
                view_done(&fresh);
                return err;
        }
        struct netmap_stream *orphans = move_streams(&nm->view, &fresh);
        view_done(&nm->view);
        nm->view = fresh;
        history_done(&nm->history);
        change_log_clear(&nm->log);
        for (size_t i = 0; i < state->log_count; i++)
                change_log_add(&nm->log, &state->log[i]);
        nm->epoch_start_ms = state->epoch_start_ms;
        nm->epoch_random = state->epoch_random;
        nm->generation = state->generation;
        memcpy(nm->log_hash, state->log_hash, sizeof(nm->log_hash));
        nm->position_key = state->position_key;
        resnapshot_all(nm);
        tell_gone(nm, orphans);
        return 0;
}

void netmap_set_epoch(struct netmap *nm, uint64_t start_ms, uint64_t random)
{
        nm->epoch_start_ms = start_ms;
        nm->epoch_random = random;
        resnapshot_all(nm);
}

/* ---- questions ---- */

bool netmap_sees(const struct netmap *nm, const uint8_t a[static NODE_ID_BYTES],
                 const uint8_t b[static NODE_ID_BYTES])
{
        const struct view_entry *x = view_find(&nm->view, a), *y = view_find(&nm->view, b);
        return x && y && x != y && class_sees(x->class, y->class);
}

int netmap_access_hash(const struct netmap *nm, const uint8_t id[static NODE_ID_BYTES],
                       uint8_t ret_hash[static KEY_BYTES])
{
        const struct view_entry *self = view_find(&nm->view, id);
        if (!self)
                return MESH_ENOENT;
        return view_access_hash(&nm->view, self, ret_hash);
}

uint64_t netmap_wanted_generation(const struct netmap *nm, const uint8_t id[static NODE_ID_BYTES])
{
        const struct view_entry *entry = view_find(&nm->view, id);
        return entry ? entry->wanted_generation : 0;
}

uint64_t netmap_generation(const struct netmap *nm)
{
        return nm->generation;
}

void netmap_epoch(const struct netmap *nm, uint64_t *ret_start_ms, uint64_t *ret_random)
{
        *ret_start_ms = nm->epoch_start_ms;
        *ret_random = nm->epoch_random;
}
