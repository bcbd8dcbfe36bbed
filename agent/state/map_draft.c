/* A map while it is being made; see the header. */
#include "agent/state/map_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/map_parts.h"
#include "common/arena.h"
#include "common/error.h"

int map_draft_init(struct map_draft *ret_draft)
{
        struct map_draft draft = { .map = map_new() };
        if (!draft.map)
                return MESH_ENOMEM;
        *ret_draft = draft;
        return 0;
}

void map_draft_done(struct map_draft *draft)
{
        free(draft->peers);
        free(draft->sets);
        free(draft->rules);
        map_free(draft->map);
        draft->peers = NULL;
        draft->sets = NULL;
        draft->rules = NULL;
        draft->map = NULL;
}

int map_draft_refuse(struct map_draft *draft, int err, const char *text)
{
        if (!draft->text[0])
                (void)snprintf(draft->text, sizeof(draft->text), "%s", text);
        return err;
}

/* Makes room for one more of SIZE bytes in *ARRAY. */
static int make_room(struct map_draft *draft, void **array, size_t count, size_t *capacity,
                     size_t size, size_t max)
{
        if (count >= max)
                return map_draft_refuse(draft, MESH_ELIMIT, "the map is larger than allowed");
        if (count < *capacity)
                return 0;
        size_t wanted = *capacity ? *capacity * 2 : 16;
        void *grown = reallocarray(*array, wanted, size);
        if (!grown)
                return map_draft_refuse(draft, MESH_ENOMEM, "out of memory");
        *array = grown;
        *capacity = wanted;
        return 0;
}

int map_draft_push_peer(struct map_draft *draft, const struct map_peer *peer)
{
        void *array = draft->peers;
        int err = make_room(draft, &array, draft->peer_count, &draft->peer_capacity, sizeof(*peer),
                            MAP_PEERS_MAX);
        draft->peers = array;
        if (!err)
                draft->peers[draft->peer_count++] = *peer;
        return err;
}

int map_draft_push_set(struct map_draft *draft, const struct access_set *set)
{
        void *array = draft->sets;
        int err = make_room(draft, &array, draft->set_count, &draft->set_capacity, sizeof(*set),
                            MAP_SETS_MAX);
        draft->sets = array;
        draft->set_prefix_count += set->prefix_count;
        if (!err && draft->set_prefix_count > MAP_SET_PREFIXES_MAX)
                err = map_draft_refuse(draft, MESH_ELIMIT,
                                       "the map's sets are larger than allowed");
        if (!err)
                draft->sets[draft->set_count++] = *set;
        return err;
}

int map_draft_push_rule(struct map_draft *draft, const struct access_rule *rule)
{
        void *array = draft->rules;
        int err = make_room(draft, &array, draft->rule_count, &draft->rule_capacity, sizeof(*rule),
                            MAP_RULES_MAX);
        draft->rules = array;
        if (!err)
                draft->rules[draft->rule_count++] = *rule;
        return err;
}

int map_draft_take_peers(struct map_draft *draft, const struct map_owner *owner,
                         Mesh__V1__Peer *const *peers, size_t count)
{
        int err = 0;
        for (size_t i = 0; !err && i < count; i++) {
                struct map_peer peer;
                err = map_peer_read(peers[i], owner, draft->map->arena, &peer, draft->text);
                if (!err && !map_peer_is_owner(&peer, owner))
                        err = map_draft_push_peer(draft, &peer);
        }
        return err;
}

int map_draft_take_sets(struct map_draft *draft, const struct map_owner *owner,
                        Mesh__V1__Set *const *sets, size_t count)
{
        int err = 0;
        for (size_t i = 0; !err && i < count; i++) {
                struct access_set set = { .id = sets[i]->id };
                err = map_prefixes_read(sets[i]->prefixes, sets[i]->n_prefixes, owner,
                                        draft->map->arena, &set.prefixes, draft->text);
                if (err)
                        break;
                set.prefix_count = map_prefixes_sort(set.prefixes, sets[i]->n_prefixes);
                err = map_draft_push_set(draft, &set);
        }
        return err;
}

int map_draft_take_rules(struct map_draft *draft, Mesh__V1__Rule *const *rules, size_t count)
{
        int err = 0;
        for (size_t i = 0; !err && i < count; i++) {
                struct access_rule rule;
                char text[MAP_TEXT_MAX];
                err = map_rule_read(rules[i], draft->map->arena, &rule, text);
                if (err == MESH_EUNSUPPORTED) {
                        memcpy(draft->policy_error, text, sizeof(text));
                        err = 0;
                } else if (err) {
                        err = map_draft_refuse(draft, err, text);
                } else {
                        err = map_draft_push_rule(draft, &rule);
                }
        }
        return err;
}

static int by_node_id(const void *a, const void *b)
{
        return memcmp(((const struct map_peer *)a)->node_id, ((const struct map_peer *)b)->node_id,
                      NODE_ID_BYTES);
}

static int by_key(const void *a, const void *b)
{
        return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, KEY_BYTES);
}

static int by_set_id(const void *a, const void *b)
{
        const struct access_set *left = a, *right = b;
        return left->id < right->id ? -1 : left->id > right->id;
}

static bool keys_are_unique(const struct map_peer *peers, size_t count, const uint8_t **scratch)
{
        for (size_t i = 0; i < count; i++)
                scratch[i] = peers[i].wireguard_key;
        qsort(scratch, count, sizeof(*scratch), by_key);
        for (size_t i = 1; i < count; i++)
                if (memcmp(scratch[i - 1], scratch[i], KEY_BYTES) == 0)
                        return false;
        return true;
}

static bool addresses_are_unique(const struct map_peer *peers, size_t count,
                                 struct ip_prefix *scratch)
{
        size_t total = 0;
        for (size_t i = 0; i < count; i++)
                for (size_t k = 0; k < peers[i].address_count; k++)
                        scratch[total++] = peers[i].addresses[k];
        return map_prefixes_sort(scratch, total) == total;
}

static int check_peers(struct map_draft *draft)
{
        struct map_peer *peers = draft->peers;
        size_t count = draft->peer_count;
        if (count == 0)
                return 0;
        qsort(peers, count, sizeof(*peers), by_node_id);
        for (size_t i = 1; i < count; i++)
                if (by_node_id(&peers[i - 1], &peers[i]) == 0)
                        return map_draft_refuse(draft, MESH_EFORMAT, "two peers with one id");
        const uint8_t **keys = calloc(count, sizeof(*keys));
        struct ip_prefix *prefixes = calloc(count * MAP_PEER_ADDRESSES_MAX, sizeof(*prefixes));
        int err = 0;
        if (!keys || !prefixes)
                err = map_draft_refuse(draft, MESH_ENOMEM, "out of memory");
        else if (!keys_are_unique(peers, count, keys))
                err = map_draft_refuse(draft, MESH_EFORMAT, "two peers with one WireGuard key");
        else if (!addresses_are_unique(peers, count, prefixes))
                err = map_draft_refuse(draft, MESH_EFORMAT, "two peers with one address");
        free(keys);
        free(prefixes);
        return err;
}

/* A set too large for one chunk goes on in the next one under the same id. */
static int merge_sets(struct map_draft *draft)
{
        if (draft->set_count == 0)
                return 0;
        qsort(draft->sets, draft->set_count, sizeof(*draft->sets), by_set_id);
        size_t kept = 0;
        for (size_t i = 1; i < draft->set_count; i++) {
                struct access_set *into = &draft->sets[kept], *from = &draft->sets[i];
                if (into->id != from->id) {
                        draft->sets[++kept] = *from;
                        continue;
                }
                size_t total = into->prefix_count + from->prefix_count;
                struct ip_prefix *all = arena_alloc(draft->map->arena, total * sizeof(*all));
                if (!all)
                        return map_draft_refuse(draft, MESH_ENOMEM, "out of memory");
                memcpy(all, into->prefixes, into->prefix_count * sizeof(*all));
                memcpy(all + into->prefix_count, from->prefixes, from->prefix_count * sizeof(*all));
                into->prefixes = all;
                into->prefix_count = map_prefixes_sort(all, total);
        }
        draft->set_count = kept + 1;
        return 0;
}

static void check_rules(struct map_draft *draft)
{
        struct access access = { .sets = draft->sets, .set_count = draft->set_count };
        for (size_t i = 0; i < draft->rule_count && !draft->policy_error[0]; i++)
                if (!access_find_set(&access, draft->rules[i].source_set))
                        (void)snprintf(draft->policy_error, sizeof(draft->policy_error),
                                       "the policy has a rule for a set that was not sent (%.80s)",
                                       draft->rules[i].origin ? draft->rules[i].origin : "");
}

static int fill(struct map_draft *draft, const struct map *last)
{
        struct map *map = draft->map;
        map->peer_count = draft->peer_count;
        map->peers = arena_copy(map->arena, draft->peers, draft->peer_count * sizeof(*map->peers));
        map->sent.set_count = draft->set_count;
        map->sent.sets =
                arena_copy(map->arena, draft->sets, draft->set_count * sizeof(*draft->sets));
        map->sent.rule_count = draft->policy_error[0] ? 0 : draft->rule_count;
        map->sent.rules =
                arena_copy(map->arena, draft->rules, map->sent.rule_count * sizeof(*draft->rules));
        memcpy(map->policy_error, draft->policy_error, sizeof(map->policy_error));
        if (!map->peers || !map->sent.sets || !map->sent.rules)
                return MESH_ENOMEM;
        if (!draft->policy_error[0])
                map->access = map->sent;
        else if (last)
                return map_access_copy(&last->access, map->arena, &map->access);
        return 0;
}

int map_draft_finish(struct map_draft *draft, const struct map *last, struct map **ret_map)
{
        int err = check_peers(draft);
        if (!err)
                err = merge_sets(draft);
        if (!err) {
                check_rules(draft);
                err = fill(draft, last);
        }
        if (err)
                return map_draft_refuse(draft, err, "out of memory");
        *ret_map = draft->map;
        draft->map = NULL;
        map_draft_done(draft);
        return 0;
}
