/* The live state, its streams, and what each of them is told next. See netmap.h. */
#include "coordinator/netmap/netmap.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "coordinator/netmap/delta.h"
#include "coordinator/netmap/history.h"
#include "coordinator/netmap/message.h"
#include "coordinator/netmap/snapshot.h"
#include "proto/pb.h"

enum { ARENA_MAX_BYTES = 64 << 20 };

struct netmap {
        struct netmap_callbacks callbacks;
        struct view view;
        struct change_log log;
        struct history history; /* the last one asked for: many streams ask for the same */
        struct arena *arena;    /* of one message */
        struct position_key position_key;
        uint64_t epoch_start_ms, epoch_random, generation;
        uint8_t log_hash[KEY_BYTES];
};

struct netmap_stream {
        struct netmap *nm;
        uint8_t id[NODE_ID_BYTES];
        void *user;
        uint64_t told;        /* the generation that the member has, or will have */
        uint64_t dirty_since; /* the first one after it that concerns it; 0: none */
        bool wants_snapshot;  /* as soon as none is being sent: a receiver cannot tell two apart */
        struct snapshot *snapshot;         /* being sent, of generation `told` */
        struct position snapshot_position; /* that it ends with */
        bool gone;
        struct netmap_stream *next; /* of the same member */
};

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

static void start_snapshot(struct netmap *nm, struct netmap_stream *s)
{
        s->wants_snapshot = true;
        s->dirty_since = 0;
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
        int err = change->after ? view_put(&nm->view, change->after) : 0;
        if (err) {
                class_unref(was);
                return err;
        }
        if (!change->after && entry) {
                *ret_orphans = entry->streams;
                view_remove(&nm->view, id);
        }
        *ret_was = was;
        return 0;
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
                        start_snapshot(nm, s);
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

/* ---- attaching ---- */

static enum netmap_resume judge(const struct netmap *nm, const struct position *p)
{
        const uint8_t *hash = nm->log_hash;
        if (position_check(p, &nm->position_key))
                return NETMAP_SNAPSHOT;
        if (p->epoch_start_ms != nm->epoch_start_ms || p->epoch_random != nm->epoch_random)
                return p->epoch_start_ms > nm->epoch_start_ms ? NETMAP_AHEAD : NETMAP_SNAPSHOT;
        if (p->generation > nm->generation)
                return NETMAP_AHEAD;
        if (p->generation < nm->generation) {
                const struct log_row *row = change_log_find(&nm->log, p->generation);
                if (!row || !change_log_find(&nm->log, p->generation + 1))
                        return NETMAP_SNAPSHOT;
                hash = row->log_hash;
        }
        return memcmp(hash, p->log_hash, KEY_BYTES) ? NETMAP_AHEAD : NETMAP_RESUMED;
}

int netmap_attach(struct netmap *nm, const uint8_t id[static NODE_ID_BYTES],
                  const struct position *position, void *stream_user,
                  struct netmap_stream **ret_stream, enum netmap_resume *ret_resume)
{
        struct view_entry *entry = view_find(&nm->view, id);
        if (!entry)
                return MESH_ENOENT;
        struct netmap_stream *s = calloc(1, sizeof(*s));
        if (!s)
                return MESH_ENOMEM;
        enum netmap_resume resume = position ? judge(nm, position) : NETMAP_SNAPSHOT;
        s->nm = nm;
        s->user = stream_user;
        memcpy(s->id, id, sizeof(s->id));
        s->wants_snapshot = resume != NETMAP_RESUMED;
        if (resume == NETMAP_RESUMED) {
                s->told = position->generation;
                s->dirty_since = s->told == nm->generation ? 0 : s->told + 1;
        }
        s->next = entry->streams;
        entry->streams = s;
        *ret_stream = s;
        *ret_resume = resume;
        return 0;
}

void netmap_detach(struct netmap_stream *s)
{
        if (!s)
                return;
        struct view_entry *entry = s->gone ? NULL : view_find(&s->nm->view, s->id);
        struct netmap_stream **link = entry ? &entry->streams : NULL;
        while (link && *link && *link != s)
                link = &(*link)->next;
        if (link && *link)
                *link = s->next;
        snapshot_free(s->snapshot);
        free(s);
}

void netmap_want_snapshot(struct netmap_stream *s)
{
        start_snapshot(s->nm, s);
}

/* ---- telling ---- */

static struct position present(const struct netmap *nm)
{
        struct position position = { .epoch_start_ms = nm->epoch_start_ms,
                                     .epoch_random = nm->epoch_random,
                                     .generation = nm->generation };
        memcpy(position.log_hash, nm->log_hash, sizeof(position.log_hash));
        position_seal(&position, &nm->position_key);
        return position;
}

static int begin_snapshot(struct netmap_stream *s, const struct view_entry *self)
{
        struct netmap *nm = s->nm;
        int err = snapshot_new(&nm->view, self, nm->arena, &s->snapshot);
        arena_clear(nm->arena);
        if (err)
                return err;
        s->wants_snapshot = false;
        s->dirty_since = 0;
        s->told = nm->generation;
        s->snapshot_position = present(nm);
        return 0;
}

static int take_chunk(struct netmap_stream *s, const struct view_entry *self, struct buffer *buffer)
{
        struct netmap *nm = s->nm;
        Mesh__V1__CoordinatorMessage message = MESH__V1__COORDINATOR_MESSAGE__INIT;
        int err = s->snapshot ? 0 : begin_snapshot(s, self);
        if (!err)
                err = snapshot_next(s->snapshot, nm->arena, &message.snapshot);
        if (err)
                return err;
        message.body_case = MESH__V1__COORDINATOR_MESSAGE__BODY_SNAPSHOT;
        bool last = message.snapshot->last;
        if (last) {
                message.snapshot->position = position_to_message(&s->snapshot_position, nm->arena);
                err = message.snapshot->position ? 0 : MESH_ENOMEM;
        }
        if (!err)
                err = pb_pack(&message.base, buffer);
        if (last) {
                snapshot_free(s->snapshot);
                s->snapshot = NULL;
        }
        return err ? err : 1;
}

/* The two maps whose difference brings the stream up to date. Only the touched members, unless
 * what the member itself may see has changed. MESH_ENOENT: a snapshot is needed. */
static int sides_since(struct netmap_stream *s, const struct view_entry *self,
                       struct map_side *ret_old, struct map_side *ret_now)
{
        struct netmap *nm = s->nm;
        struct history *h = &nm->history;
        int err = history_since(h, &nm->log, &nm->view, s->dirty_since - 1, nm->generation);
        if (err)
                return err;
        const struct view_entry *was = view_find(&h->before, s->id);
        if (!was && view_find(&h->after, s->id))
                return MESH_ENOENT; /* it was no member then */
        bool same_class = h->policy == nm->view.policy &&
                          (!was || !policy_class_compare(was->class->value, self->class->value));
        *ret_now = (struct map_side){ self->class, h->after.entries, h->after.count };
        *ret_old = (struct map_side){ self->class, h->before.entries, h->before.count };
        if (same_class)
                return 0;
        err = history_whole(h, &nm->view);
        if (err)
                return err;
        was = view_find(&h->whole, s->id);
        *ret_now = (struct map_side){ self->class, nm->view.entries, nm->view.count };
        *ret_old = (struct map_side){ was->class, h->whole.entries, h->whole.count };
        return 0;
}

static int make_delta(struct netmap_stream *s, const struct view_entry *self,
                      const struct map_side *old, const struct map_side *now, uint8_t *access,
                      Mesh__V1__Delta *delta)
{
        struct netmap *nm = s->nm;
        struct position position = present(nm);
        int err = delta_fill(old, now, s->id, nm->arena, delta);
        if (!err)
                err = access_hash_of(self->class, s->id, nm->view.entries, nm->view.count,
                                     nm->arena, access);
        if (err)
                return err;
        delta->from = s->told;
        delta->to = position_to_message(&position, nm->arena);
        delta->policy_hash = policy_hash_of(nm->view.policy);
        delta->access_hash.data = access;
        delta->access_hash.len = ACCESS_HASH_BYTES;
        return delta->to ? 0 : MESH_ENOMEM;
}

static int take_delta(struct netmap_stream *s, const struct view_entry *self, struct buffer *buffer)
{
        struct netmap *nm = s->nm;
        struct map_side old, now;
        uint8_t access[ACCESS_HASH_BYTES];
        Mesh__V1__Delta delta = MESH__V1__DELTA__INIT;
        Mesh__V1__CoordinatorMessage message = MESH__V1__COORDINATOR_MESSAGE__INIT;
        int err = sides_since(s, self, &old, &now);
        if (!err)
                err = make_delta(s, self, &old, &now, access, &delta);
        message.body_case = MESH__V1__COORDINATOR_MESSAGE__BODY_DELTA;
        message.delta = &delta;
        bool too_long =
                !err && protobuf_c_message_get_packed_size(&message.base) > NETMAP_CHUNK_BYTES;
        if (err == MESH_ENOENT || too_long) {
                arena_clear(nm->arena);
                s->wants_snapshot = true;
                return take_chunk(s, self, buffer);
        }
        if (!err)
                err = pb_pack(&message.base, buffer);
        if (err)
                return err;
        s->told = nm->generation;
        s->dirty_since = 0;
        return 1;
}

int netmap_take(struct netmap_stream *s, struct buffer *buffer)
{
        struct netmap *nm = s->nm;
        const struct view_entry *self = s->gone ? NULL : view_find(&nm->view, s->id);
        int result = 0;
        if (!self)
                return 0;
        if (s->snapshot || s->wants_snapshot)
                result = take_chunk(s, self, buffer);
        else if (s->dirty_since)
                result = take_delta(s, self, buffer);
        arena_clear(nm->arena);
        return result;
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
        int err = access_hash_of(self->class, id, nm->view.entries, nm->view.count, nm->arena,
                                 ret_hash);
        arena_clear(nm->arena);
        return err;
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
