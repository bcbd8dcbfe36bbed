/* The map as a value; see the header. */
#include "agent/state/map.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "proto/convert.h"

struct map *map_new(void)
{
        struct arena *arena = arena_new(MAP_ARENA_MAX);
        struct map *map = arena ? calloc(1, sizeof(*map)) : NULL;
        if (!map) {
                arena_free(arena);
                return NULL;
        }
        map->arena = arena;
        return map;
}

void map_free(struct map *map)
{
        if (!map)
                return;
        arena_free(map->arena);
        free(map);
}

static int by_node_id(const void *key, const void *peer)
{
        return memcmp(key, ((const struct map_peer *)peer)->node_id, NODE_ID_BYTES);
}

const struct map_peer *map_find_peer(const struct map *map,
                                     const uint8_t node_id[static NODE_ID_BYTES])
{
        if (map->peer_count == 0)
                return NULL;
        return bsearch(node_id, map->peers, map->peer_count, sizeof(*map->peers), by_node_id);
}

static Mesh__V1__Peer *peer_to_message(const struct map_peer *peer, struct arena *arena)
{
        Mesh__V1__Peer *message = arena_alloc(arena, sizeof(*message));
        if (!message)
                return NULL;
        mesh__v1__peer__init(message);
        message->node_id = binary_of(peer->node_id, NODE_ID_BYTES);
        message->name = arena_text(arena, peer->name, strlen(peer->name));
        message->identity = binary_of(peer->identity, KEY_BYTES);
        message->wireguard_key = binary_of(peer->wireguard_key, KEY_BYTES);
        message->signal_key = binary_of(peer->signal_key, KEY_BYTES);
        message->signal_key_signature = binary_of(peer->signal_key_signature, SIGNATURE_BYTES);
        message->n_addresses = peer->address_count;
        message->addresses = prefixes_to_message(peer->addresses, peer->address_count, arena);
        message->n_endpoints = peer->endpoint_count;
        message->endpoints = endpoints_to_message(peer->endpoints, peer->endpoint_count, arena);
        message->recreate = peer->recreate;
        return message->name && message->addresses && message->endpoints ? message : NULL;
}

static Mesh__V1__Set *set_to_message(const struct access_set *set, struct arena *arena)
{
        Mesh__V1__Set *message = arena_alloc(arena, sizeof(*message));
        if (!message)
                return NULL;
        mesh__v1__set__init(message);
        message->id = set->id;
        message->n_prefixes = set->prefix_count;
        message->prefixes = prefixes_to_message(set->prefixes, set->prefix_count, arena);
        return message->prefixes ? message : NULL;
}

static Mesh__V1__Rule *rule_to_message(const struct access_rule *rule, struct arena *arena)
{
        Mesh__V1__Rule *message = arena_alloc(arena, sizeof(*message));
        Mesh__V1__PortRange **ranges = arena_alloc(arena, rule->port_count * sizeof(*ranges));
        if (!message || !ranges)
                return NULL;
        mesh__v1__rule__init(message);
        message->source_set = rule->source_set;
        message->protocol = rule->protocol;
        message->n_ports = rule->port_count;
        message->ports = ranges;
        if (rule->origin)
                message->origin = arena_text(arena, rule->origin, strlen(rule->origin));
        if (!message->origin)
                return NULL;
        for (size_t i = 0; i < rule->port_count; i++) {
                ranges[i] = arena_alloc(arena, sizeof(*ranges[i]));
                if (!ranges[i])
                        return NULL;
                mesh__v1__port_range__init(ranges[i]);
                ranges[i]->low = rule->ports[i].low;
                ranges[i]->high = rule->ports[i].high;
        }
        return message;
}

/* Fills the three lists; false when the arena is full. */
static bool fill_lists(const struct map *map, struct arena *arena, Mesh__V1__Snapshot *message)
{
        const struct access *access = &map->access;
        message->n_peers = map->peer_count;
        message->peers = arena_alloc(arena, map->peer_count * sizeof(*message->peers));
        message->n_sets = access->set_count;
        message->sets = arena_alloc(arena, access->set_count * sizeof(*message->sets));
        message->n_rules = access->rule_count;
        message->rules = arena_alloc(arena, access->rule_count * sizeof(*message->rules));
        bool whole = message->peers && message->sets && message->rules;
        for (size_t i = 0; whole && i < map->peer_count; i++) {
                message->peers[i] = peer_to_message(&map->peers[i], arena);
                whole = message->peers[i] != NULL;
        }
        for (size_t i = 0; whole && i < access->set_count; i++) {
                message->sets[i] = set_to_message(&access->sets[i], arena);
                whole = message->sets[i] != NULL;
        }
        for (size_t i = 0; whole && i < access->rule_count; i++) {
                message->rules[i] = rule_to_message(&access->rules[i], arena);
                whole = message->rules[i] != NULL;
        }
        return whole;
}

Mesh__V1__Snapshot *map_to_message(const struct map *map, struct arena *arena)
{
        Mesh__V1__Snapshot *message = arena_alloc(arena, sizeof(*message));
        if (!message)
                return NULL;
        mesh__v1__snapshot__init(message);
        message->last = 1;
        if (!fill_lists(map, arena, message))
                return NULL;
        message->policy_hash = binary_of(map->policy_hash, KEY_BYTES);
        message->access_hash = binary_of(map->access_hash, KEY_BYTES);
        if (map->has_position && !map->policy_error[0]) {
                message->position = position_to_message(&map->position, arena);
                if (!message->position)
                        return NULL;
        }
        return message;
}

static bool peers_equal(const struct map_peer *a, const struct map_peer *b)
{
        bool equal =
                memcmp(a->node_id, b->node_id, NODE_ID_BYTES) == 0 &&
                strcmp(a->name, b->name) == 0 && memcmp(a->identity, b->identity, KEY_BYTES) == 0 &&
                memcmp(a->wireguard_key, b->wireguard_key, KEY_BYTES) == 0 &&
                memcmp(a->signal_key, b->signal_key, KEY_BYTES) == 0 &&
                memcmp(a->signal_key_signature, b->signal_key_signature, SIGNATURE_BYTES) == 0 &&
                a->address_count == b->address_count && a->endpoint_count == b->endpoint_count &&
                a->recreate == b->recreate;
        for (size_t i = 0; equal && i < a->address_count; i++)
                equal = ip_prefix_compare(&a->addresses[i], &b->addresses[i]) == 0;
        for (size_t i = 0; equal && i < a->endpoint_count; i++)
                equal = ip_endpoint_compare(&a->endpoints[i], &b->endpoints[i]) == 0;
        return equal;
}

static bool sets_equal(const struct access_set *a, const struct access_set *b)
{
        bool equal = a->id == b->id && a->prefix_count == b->prefix_count;
        for (size_t i = 0; equal && i < a->prefix_count; i++)
                equal = ip_prefix_compare(&a->prefixes[i], &b->prefixes[i]) == 0;
        return equal;
}

static bool rules_equal(const struct access_rule *a, const struct access_rule *b)
{
        bool equal = a->source_set == b->source_set && a->protocol == b->protocol &&
                     a->port_count == b->port_count &&
                     strcmp(a->origin ? a->origin : "", b->origin ? b->origin : "") == 0;
        for (size_t i = 0; equal && i < a->port_count; i++)
                equal = a->ports[i].low == b->ports[i].low && a->ports[i].high == b->ports[i].high;
        return equal;
}

static bool access_equal(const struct access *a, const struct access *b)
{
        bool equal = a->set_count == b->set_count && a->rule_count == b->rule_count;
        for (size_t i = 0; equal && i < a->set_count; i++)
                equal = sets_equal(&a->sets[i], &b->sets[i]);
        for (size_t i = 0; equal && i < a->rule_count; i++)
                equal = rules_equal(&a->rules[i], &b->rules[i]);
        return equal;
}

bool map_equal(const struct map *a, const struct map *b)
{
        bool equal = a->has_position == b->has_position && a->peer_count == b->peer_count &&
                     a->position.generation == b->position.generation &&
                     memcmp(a->position.log_hash, b->position.log_hash, KEY_BYTES) == 0 &&
                     memcmp(a->policy_hash, b->policy_hash, KEY_BYTES) == 0 &&
                     memcmp(a->access_hash, b->access_hash, KEY_BYTES) == 0 &&
                     strcmp(a->policy_error, b->policy_error) == 0;
        for (size_t i = 0; equal && i < a->peer_count; i++)
                equal = peers_equal(&a->peers[i], &b->peers[i]);
        return equal && access_equal(&a->sent, &b->sent) && access_equal(&a->access, &b->access);
}
