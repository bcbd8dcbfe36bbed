/* The map that follows another one after a delta; see map_build.h. */
#include "agent/state/map_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/map_draft.h"
#include "agent/state/map_parts.h"
#include "common/arena.h"
#include "common/error.h"
#include "proto/convert.h"

/* Node ids of peers that the delta removes or replaces, sorted. */
struct id_list {
        const uint8_t **ids;
        size_t count;
};

static int by_id(const void *a, const void *b)
{
        return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, NODE_ID_BYTES);
}

static int id_list_of(const Mesh__V1__Delta *delta, struct id_list *ret_list)
{
        size_t most = delta->n_peers + delta->n_removed_peers;
        struct id_list list = { .ids = calloc(most + 1, sizeof(*list.ids)) };
        if (!list.ids)
                return MESH_ENOMEM;
        for (size_t i = 0; i < delta->n_peers; i++)
                if (delta->peers[i]->node_id.len == NODE_ID_BYTES)
                        list.ids[list.count++] = delta->peers[i]->node_id.data;
        for (size_t i = 0; i < delta->n_removed_peers; i++) {
                if (delta->removed_peers[i].len != NODE_ID_BYTES) {
                        free(list.ids);
                        return MESH_EFORMAT;
                }
                list.ids[list.count++] = delta->removed_peers[i].data;
        }
        qsort(list.ids, list.count, sizeof(*list.ids), by_id);
        *ret_list = list;
        return 0;
}

static int keep_peers(struct map_draft *draft, const struct map *old, const Mesh__V1__Delta *delta)
{
        struct id_list gone;
        int err = id_list_of(delta, &gone);
        if (err)
                return map_draft_refuse(draft, err, "malformed node id");
        for (size_t i = 0; !err && i < old->peer_count; i++) {
                const uint8_t *id = old->peers[i].node_id;
                if (bsearch(&id, gone.ids, gone.count, sizeof(*gone.ids), by_id))
                        continue;
                struct map_peer peer;
                err = map_peer_copy(&old->peers[i], draft->map->arena, &peer);
                if (!err)
                        err = map_draft_push_peer(draft, &peer);
        }
        free(gone.ids);
        return err;
}

static bool contains(const struct ip_prefix *sorted, size_t count, const struct ip_prefix *wanted)
{
        size_t low = 0, high = count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = ip_prefix_compare(&sorted[middle], wanted);
                if (order == 0)
                        return true;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

/* OLD without what CHANGE (may be NULL) removes and with what it adds, in the draft's arena. */
static int change_set(struct map_draft *draft, const struct map_owner *owner,
                      const struct access_set *old, const Mesh__V1__SetChange *change,
                      struct access_set *ret_set)
{
        struct arena *arena = draft->map->arena;
        struct ip_prefix *added = NULL, *removed = NULL;
        size_t added_count = change ? change->n_added : 0, removed_count = 0;
        int err = 0;
        if (change)
                err = map_prefixes_read(change->added, added_count, owner, arena, &added,
                                        draft->text);
        if (!err && change) {
                err = map_prefixes_read(change->removed, change->n_removed, owner, arena, &removed,
                                        draft->text);
                removed_count = err ? 0 : map_prefixes_sort(removed, change->n_removed);
        }
        if (err)
                return err;
        struct access_set set = { .id = old->id };
        set.prefixes =
                arena_alloc(arena, (old->prefix_count + added_count) * sizeof(*set.prefixes));
        if (!set.prefixes)
                return map_draft_refuse(draft, MESH_ENOMEM, "out of memory");
        for (size_t i = 0; i < old->prefix_count; i++)
                if (!contains(removed, removed_count, &old->prefixes[i]))
                        set.prefixes[set.prefix_count++] = old->prefixes[i];
        for (size_t i = 0; i < added_count; i++)
                set.prefixes[set.prefix_count++] = added[i];
        set.prefix_count = map_prefixes_sort(set.prefixes, set.prefix_count);
        *ret_set = set;
        return 0;
}

static bool is_replaced(const Mesh__V1__Delta *delta, uint64_t id)
{
        for (size_t i = 0; i < delta->n_removed_sets; i++)
                if (delta->removed_sets[i] == id)
                        return true;
        for (size_t i = 0; i < delta->n_new_sets; i++)
                if (delta->new_sets[i]->id == id)
                        return true;
        return false;
}

static const Mesh__V1__SetChange *find_change(const Mesh__V1__Delta *delta, uint64_t id)
{
        for (size_t i = 0; i < delta->n_set_changes; i++)
                if (delta->set_changes[i]->id == id)
                        return delta->set_changes[i];
        return NULL;
}

static int keep_sets(struct map_draft *draft, const struct map_owner *owner, const struct map *old,
                     const Mesh__V1__Delta *delta)
{
        for (size_t i = 0; i < delta->n_set_changes; i++)
                if (!access_find_set(&old->sent, delta->set_changes[i]->id))
                        return map_draft_refuse(draft, MESH_ESTATE, "change of an unknown set");
        int err = 0;
        for (size_t i = 0; !err && i < old->sent.set_count; i++) {
                const struct access_set *set = &old->sent.sets[i];
                if (is_replaced(delta, set->id))
                        continue;
                struct access_set changed;
                err = change_set(draft, owner, set, find_change(delta, set->id), &changed);
                if (!err)
                        err = map_draft_push_set(draft, &changed);
        }
        return err;
}

static int take_rules(struct map_draft *draft, const struct map *old, const Mesh__V1__Delta *delta)
{
        if (delta->rules_changed)
                return map_draft_take_rules(draft, delta->rules, delta->n_rules);
        memcpy(draft->policy_error, old->policy_error, sizeof(draft->policy_error));
        int err = 0;
        for (size_t i = 0; !err && i < old->sent.rule_count; i++) {
                struct access_rule rule;
                err = map_rule_copy(&old->sent.rules[i], draft->map->arena, &rule);
                if (!err)
                        err = map_draft_push_rule(draft, &rule);
        }
        return err;
}

static int follow(struct map_draft *draft, const struct map_owner *owner, const struct map *old,
                  const Mesh__V1__Delta *delta, struct map **ret_map)
{
        int err = keep_peers(draft, old, delta);
        if (!err)
                err = map_draft_take_peers(draft, owner, delta->peers, delta->n_peers);
        if (!err)
                err = keep_sets(draft, owner, old, delta);
        if (!err)
                err = map_draft_take_sets(draft, owner, delta->new_sets, delta->n_new_sets);
        if (!err)
                err = take_rules(draft, old, delta);
        if (!err)
                err = map_draft_finish(draft, old, ret_map);
        return err;
}

/* What is absent has not changed. */
static int take_hash(const ProtobufCBinaryData *field, const uint8_t before[static KEY_BYTES],
                     uint8_t ret_hash[static KEY_BYTES])
{
        memcpy(ret_hash, before, KEY_BYTES);
        return field->len == 0 ? 0 : binary_read(field, ret_hash, KEY_BYTES);
}

static int gap(char text[static MAP_TEXT_MAX], const char *why)
{
        (void)snprintf(text, MAP_TEXT_MAX, "a gap in the coordinator's deltas: %s", why);
        return MESH_ESTATE;
}

int map_apply_delta(const struct map_owner *owner, const struct map *old,
                    const Mesh__V1__Delta *delta, struct map **ret_map,
                    char text[static MAP_TEXT_MAX])
{
        struct position to;
        uint8_t policy_hash[KEY_BYTES], access_hash[KEY_BYTES];
        if (!old->has_position)
                return gap(text, "no map to change");
        int err = position_from_message(delta->to, &to);
        if (!err)
                err = take_hash(&delta->policy_hash, old->policy_hash, policy_hash);
        if (!err)
                err = take_hash(&delta->access_hash, old->access_hash, access_hash);
        if (err) {
                (void)snprintf(text, MAP_TEXT_MAX, "malformed hash or position");
                return err;
        }
        if (delta->from != old->position.generation || to.generation <= delta->from)
                return gap(text, "another generation");
        if (to.epoch_start_ms != old->position.epoch_start_ms ||
            to.epoch_random != old->position.epoch_random)
                return gap(text, "another epoch");
        struct map_draft draft;
        err = map_draft_init(&draft);
        if (err)
                return err;
        struct map *map;
        err = follow(&draft, owner, old, delta, &map);
        if (err) {
                memcpy(text, draft.text, MAP_TEXT_MAX);
                map_draft_done(&draft);
                return err;
        }
        map->has_position = true;
        map->position = to;
        memcpy(map->access_hash, access_hash, KEY_BYTES);
        memcpy(map->policy_hash, map->policy_error[0] ? old->policy_hash : policy_hash, KEY_BYTES);
        *ret_map = map;
        return 0;
}
