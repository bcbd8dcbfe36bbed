/* One connected member: where it begins, and what it is told next. See netmap.h. */
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "coordinator/netmap/access.h"
#include "coordinator/netmap/delta.h"
#include "coordinator/netmap/message.h"
#include "coordinator/netmap/private.h"
#include "coordinator/netmap/snapshot.h"
#include "proto/pb.h"

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

void stream_start_snapshot(struct netmap_stream *s)
{
        s->wants_snapshot = true;
        s->dirty_since = 0;
        s->nm->callbacks.dirty(s->nm->callbacks.user, s->user);
}

void netmap_want_snapshot(struct netmap_stream *s)
{
        stream_start_snapshot(s);
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
                err = view_access_hash(&nm->view, self, access);
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
