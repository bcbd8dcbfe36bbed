/* See history.h. */
#include "coordinator/netmap/history.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"

int change_log_init(struct change_log *log)
{
        *log = (struct change_log){ .rows = calloc(NETMAP_LOG_MAX, sizeof(*log->rows)) };
        return log->rows ? 0 : MESH_ENOMEM;
}

static void row_done(struct log_row *row)
{
        member_unref(row->before);
        netmap_policy_unref(row->policy);
        *row = (struct log_row){ 0 };
}

void change_log_clear(struct change_log *log)
{
        for (size_t i = 0; i < log->count; i++)
                row_done(&log->rows[(log->first + i) % NETMAP_LOG_MAX]);
        log->first = log->count = 0;
}

void change_log_done(struct change_log *log)
{
        if (log->rows)
                change_log_clear(log);
        free(log->rows);
        log->rows = NULL;
}

void change_log_add(struct change_log *log, const struct netmap_change *change)
{
        if (log->count == NETMAP_LOG_MAX) {
                row_done(&log->rows[log->first]);
                log->first = (log->first + 1) % NETMAP_LOG_MAX;
                log->count--;
        }
        struct log_row *row = &log->rows[(log->first + log->count++) % NETMAP_LOG_MAX];
        row->generation = change->generation;
        memcpy(row->log_hash, change->log_hash, sizeof(row->log_hash));
        row->is_policy = change->policy_after != NULL;
        row->policy = netmap_policy_ref(change->policy_before);
        row->before = member_ref(change->before);
        const struct member *subject = change->before ? change->before : change->after;
        if (subject)
                memcpy(row->id, subject->id, sizeof(row->id));
}

const struct log_row *change_log_find(const struct change_log *log, uint64_t generation)
{
        if (log->count == 0)
                return NULL;
        uint64_t oldest = log->rows[log->first].generation;
        if (generation < oldest || generation - oldest >= log->count)
                return NULL;
        return &log->rows[(log->first + (size_t)(generation - oldest)) % NETMAP_LOG_MAX];
}

/* ---- the past ---- */

void history_done(struct history *h)
{
        view_done(&h->before);
        view_done(&h->after);
        view_done(&h->whole);
        netmap_policy_unref(h->policy);
        *h = (struct history){ 0 };
}

/* By id, the oldest of each first. */
static int row_order(const void *a, const void *b)
{
        const struct log_row *x = *(const struct log_row *const *)a;
        const struct log_row *y = *(const struct log_row *const *)b;
        int order = memcmp(x->id, y->id, sizeof(x->id));
        return order ? order : (x->generation > y->generation) - (x->generation < y->generation);
}

/* Takes up one touched member: its oldest row says what it was. */
static int add_touched(struct history *h, const struct view *now, const struct log_row *row)
{
        int err = 0;
        if (row->before)
                err = view_put(&h->before, row->before);
        const struct view_entry *entry = view_find(now, row->id);
        if (!err && entry)
                err = view_put(&h->after, entry->member);
        return err;
}

/* The rows about members, sorted by row_order; the policy before the first change of it is noted.
 */
static const struct log_row **collect(struct history *h, const struct change_log *log,
                                      size_t *ret_count)
{
        size_t count = 0;
        const struct log_row **rows = calloc((size_t)(h->to - h->from) + 1, sizeof(*rows));
        if (!rows)
                return NULL;
        for (uint64_t generation = h->to; generation > h->from; generation--) {
                const struct log_row *row = change_log_find(log, generation);
                if (!row->is_policy) {
                        rows[count++] = row;
                } else {
                        netmap_policy_ref(row->policy);
                        netmap_policy_unref(h->policy);
                        h->policy = row->policy;
                }
        }
        qsort(rows, count, sizeof(*rows), row_order);
        *ret_count = count;
        return rows;
}

int history_since(struct history *h, const struct change_log *log, const struct view *now,
                  uint64_t from, uint64_t to)
{
        if (h->valid && h->from == from && h->to == to)
                return 0;
        history_done(h);
        if (from != to && (!change_log_find(log, from + 1) || !change_log_find(log, to)))
                return MESH_ENOENT;
        h->from = from;
        h->to = to;
        h->policy = netmap_policy_ref(now->policy);
        size_t count = 0;
        const struct log_row **rows = collect(h, log, &count);
        int err = rows ? 0 : MESH_ENOMEM;
        if (!err) {
                view_init(&h->before, h->policy);
                view_init(&h->after, now->policy);
        }
        for (size_t i = 0; !err && i < count; i++)
                if (i == 0 || memcmp(rows[i - 1]->id, rows[i]->id, NODE_ID_BYTES))
                        err = add_touched(h, now, rows[i]);
        free(rows);
        if (err)
                history_done(h);
        else
                h->valid = true;
        return err;
}

int history_whole(struct history *h, const struct view *now)
{
        int err = 0;
        if (h->whole.policy)
                return 0;
        view_init(&h->whole, h->policy);
        for (size_t i = 0; !err && i < now->count; i++) {
                const struct member *m = now->entries[i].member;
                if (!view_find(&h->after, m->id))
                        err = view_put(&h->whole, m);
        }
        for (size_t i = 0; !err && i < h->before.count; i++)
                err = view_put(&h->whole, h->before.entries[i].member);
        if (err)
                view_done(&h->whole);
        return err;
}
