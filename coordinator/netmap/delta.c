/* See delta.h. Both sides are walked side by side by id, once for the peers and once per set. */
#include "coordinator/netmap/delta.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "coordinator/netmap/message.h"
#include "proto/convert.h"

/* Walks two sides by id, SELF left out; either member of a pair may be NULL. */
struct walk {
        const struct map_side *old, *now;
        const uint8_t *self;
        size_t at_old, at_now;
};

static bool walk_next(struct walk *w, const struct view_entry **ret_old,
                      const struct view_entry **ret_now)
{
        while (w->at_old < w->old->count || w->at_now < w->now->count) {
                const struct view_entry *old = NULL, *now = NULL;
                if (w->at_old < w->old->count)
                        old = &w->old->entries[w->at_old];
                if (w->at_now < w->now->count)
                        now = &w->now->entries[w->at_now];
                int order = !old   ? 1
                            : !now ? -1
                                   : memcmp(old->member->id, now->member->id, NODE_ID_BYTES);
                *ret_old = order <= 0 ? old : NULL;
                *ret_now = order >= 0 ? now : NULL;
                w->at_old += order <= 0;
                w->at_now += order >= 0;
                const struct view_entry *any = *ret_old ? *ret_old : *ret_now;
                if (memcmp(any->member->id, w->self, NODE_ID_BYTES))
                        return true;
        }
        return false;
}

/* ---- peers ---- */

static int fill_peers(const struct map_side *old_side, const struct map_side *now_side,
                      const uint8_t self[static NODE_ID_BYTES], struct arena *arena,
                      Mesh__V1__Delta *delta)
{
        struct walk w = { .old = old_side, .now = now_side, .self = self };
        const struct view_entry *old, *now;
        delta->peers = arena_alloc(arena, now_side->count * sizeof(*delta->peers));
        delta->removed_peers = arena_alloc(arena, old_side->count * sizeof(*delta->removed_peers));
        if (!delta->peers || !delta->removed_peers)
                return MESH_ENOMEM;
        while (walk_next(&w, &old, &now)) {
                bool saw = old && class_sees(old_side->class, old->class);
                bool sees = now && class_sees(now_side->class, now->class);
                if (saw && !sees)
                        delta->removed_peers[delta->n_removed_peers++] =
                                binary_of(old->member->id, NODE_ID_BYTES);
                if (!sees || (saw && peer_same(old->member, now->member)))
                        continue;
                Mesh__V1__Peer *peer = peer_message(now->member, arena);
                if (!peer)
                        return MESH_ENOMEM;
                delta->peers[delta->n_peers++] = peer;
        }
        return 0;
}

/* ---- sets ---- */

/* Prefixes that come and go; an address that changed hands does neither. */
struct prefix_list {
        struct ip_prefix *items;
        size_t count;
};

static int prefix_order(const void *a, const void *b)
{
        return ip_prefix_compare(a, b);
}

static void put_addresses(struct prefix_list *list, const struct member *m)
{
        list->items[list->count++] = ip_prefix_of(m->v4);
        list->items[list->count++] = ip_prefix_of(m->v6);
}

/* Drops what is in both. */
static void cancel_common(struct prefix_list *a, struct prefix_list *b)
{
        size_t i = 0, j = 0, kept_a = 0, kept_b = 0;
        if (a->count)
                qsort(a->items, a->count, sizeof(*a->items), prefix_order);
        if (b->count)
                qsort(b->items, b->count, sizeof(*b->items), prefix_order);
        while (i < a->count || j < b->count) {
                int order = i == a->count   ? 1
                            : j == b->count ? -1
                                            : ip_prefix_compare(&a->items[i], &b->items[j]);
                if (order < 0)
                        a->items[kept_a++] = a->items[i];
                else if (order > 0)
                        b->items[kept_b++] = b->items[j];
                i += order <= 0;
                j += order >= 0;
        }
        a->count = kept_a;
        b->count = kept_b;
}

static bool in_set(const struct map_side *side, const struct view_entry *entry, uint64_t id)
{
        return entry && side->class &&
               policy_in_set(side->class->policy->policy, entry->class->value, id);
}

/* How set ID changed: from OLD_SIDE (NULL: the set is new) to NOW_SIDE. */
static int compare_set(const struct map_side *old_side, const struct map_side *now_side,
                       const uint8_t self[static NODE_ID_BYTES], uint64_t id, struct arena *arena,
                       struct prefix_list *ret_added, struct prefix_list *ret_removed)
{
        static const struct map_side nothing = { 0 };
        struct walk w = { .old = old_side ? old_side : &nothing, .now = now_side, .self = self };
        const struct view_entry *old, *now;
        ret_added->items = arena_alloc(arena, 2 * now_side->count * sizeof(*ret_added->items));
        ret_removed->items = arena_alloc(arena, 2 * w.old->count * sizeof(*ret_removed->items));
        ret_added->count = ret_removed->count = 0;
        if (!ret_added->items || !ret_removed->items)
                return MESH_ENOMEM;
        while (walk_next(&w, &old, &now)) {
                bool was = in_set(w.old, old, id), is = in_set(now_side, now, id);
                if (was && is && old->member == now->member)
                        continue;
                if (was)
                        put_addresses(ret_removed, old->member);
                if (is)
                        put_addresses(ret_added, now->member);
        }
        cancel_common(ret_added, ret_removed);
        return 0;
}

static int add_new_set(Mesh__V1__Delta *delta, uint64_t id, const struct prefix_list *prefixes,
                       struct arena *arena)
{
        Mesh__V1__Set *set = arena_alloc(arena, sizeof(*set));
        if (!set)
                return MESH_ENOMEM;
        *set = (Mesh__V1__Set)MESH__V1__SET__INIT;
        set->id = id;
        set->n_prefixes = prefixes->count;
        set->prefixes = prefixes_to_message(prefixes->items, prefixes->count, arena);
        delta->new_sets[delta->n_new_sets++] = set;
        return set->prefixes ? 0 : MESH_ENOMEM;
}

static int add_set_change(Mesh__V1__Delta *delta, uint64_t id, const struct prefix_list *added,
                          const struct prefix_list *removed, struct arena *arena)
{
        if (added->count == 0 && removed->count == 0)
                return 0;
        Mesh__V1__SetChange *change = arena_alloc(arena, sizeof(*change));
        if (!change)
                return MESH_ENOMEM;
        *change = (Mesh__V1__SetChange)MESH__V1__SET_CHANGE__INIT;
        change->id = id;
        change->n_added = added->count;
        change->added = prefixes_to_message(added->items, added->count, arena);
        change->n_removed = removed->count;
        change->removed = prefixes_to_message(removed->items, removed->count, arena);
        delta->set_changes[delta->n_set_changes++] = change;
        return change->added && change->removed ? 0 : MESH_ENOMEM;
}

static int fill_sets(const struct map_side *old, const struct map_side *now,
                     const uint8_t self[static NODE_ID_BYTES], struct arena *arena,
                     Mesh__V1__Delta *delta)
{
        size_t old_count, now_count, i = 0, j = 0;
        uint64_t *old_ids = set_ids_of(old->class, arena, &old_count);
        uint64_t *now_ids = set_ids_of(now->class, arena, &now_count);
        if (!old_ids || !now_ids)
                return MESH_ENOMEM;
        delta->new_sets = arena_alloc(arena, now_count * sizeof(*delta->new_sets));
        delta->set_changes = arena_alloc(arena, now_count * sizeof(*delta->set_changes));
        delta->removed_sets = arena_alloc(arena, old_count * sizeof(*delta->removed_sets));
        if (!delta->new_sets || !delta->set_changes || !delta->removed_sets)
                return MESH_ENOMEM;
        while (i < old_count || j < now_count) {
                bool gone = j == now_count || (i < old_count && old_ids[i] < now_ids[j]);
                bool came = !gone && (i == old_count || now_ids[j] < old_ids[i]);
                struct prefix_list added, removed;
                if (gone) {
                        delta->removed_sets[delta->n_removed_sets++] = old_ids[i++];
                        continue;
                }
                int err = compare_set(came ? NULL : old, now, self, now_ids[j], arena, &added,
                                      &removed);
                if (!err)
                        err = came ? add_new_set(delta, now_ids[j], &added, arena)
                                   : add_set_change(delta, now_ids[j], &added, &removed, arena);
                if (err)
                        return err;
                i += !came;
                j++;
        }
        return 0;
}

/* ---- rules ---- */

static size_t count_rules(const struct class_ref *class)
{
        size_t cursor = 0, count = 0;
        while (policy_next_rule(class->policy->policy, class->value, &cursor))
                count++;
        return count;
}

static bool rules_same(const struct class_ref *a, const struct class_ref *b)
{
        size_t at_a = 0, at_b = 0;
        const struct access_rule *x, *y;
        if (a == b)
                return true;
        do {
                x = policy_next_rule(a->policy->policy, a->value, &at_a);
                y = policy_next_rule(b->policy->policy, b->value, &at_b);
                if (!x != !y || (x && !rule_same(x, y)))
                        return false;
        } while (x);
        return true;
}

static int fill_rules(const struct map_side *old, const struct map_side *now, struct arena *arena,
                      Mesh__V1__Delta *delta)
{
        size_t cursor = 0;
        const struct access_rule *rule;
        if (rules_same(old->class, now->class))
                return 0;
        delta->rules_changed = true;
        delta->rules = arena_alloc(arena, count_rules(now->class) * sizeof(*delta->rules));
        if (!delta->rules)
                return MESH_ENOMEM;
        while ((rule = policy_next_rule(now->class->policy->policy, now->class->value, &cursor))) {
                Mesh__V1__Rule *message = rule_message(rule, arena);
                if (!message)
                        return MESH_ENOMEM;
                delta->rules[delta->n_rules++] = message;
        }
        return 0;
}

int delta_fill(const struct map_side *old, const struct map_side *now,
               const uint8_t self[static NODE_ID_BYTES], struct arena *arena,
               Mesh__V1__Delta *delta)
{
        int err = fill_peers(old, now, self, arena, delta);
        if (!err)
                err = fill_sets(old, now, self, arena, delta);
        return err ? err : fill_rules(old, now, arena, delta);
}
