/* Messages of the coordinator for tests: peers, sets, rules, snapshots. All live in an arena. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/state/map_build.h"
#include "common/arena.h"
#include "proto/convert.h"

static const uint8_t maker_node_id[NODE_ID_BYTES] = { 0xee };
static const uint8_t maker_key[KEY_BYTES] = { 0xee };

/* This host: 100.64.0.1 in 100.64.0.0/16. */
static inline struct map_owner maker_owner(void)
{
        static struct ip_prefix address, mesh;
        (void)ip_prefix_parse("100.64.0.1", &address);
        (void)ip_prefix_parse("100.64.0.0/16", &mesh);
        return (struct map_owner){ .node_id = maker_node_id,
                                   .wireguard_key = maker_key,
                                   .addresses = &address,
                                   .address_count = 1,
                                   .mesh_prefixes = &mesh,
                                   .mesh_prefix_count = 1 };
}

static inline Mesh__V1__Prefix *maker_prefix(struct arena *arena, const char *text)
{
        struct ip_prefix prefix = { 0 };
        (void)ip_prefix_parse(text, &prefix);
        return prefix_to_message(&prefix, arena);
}

static inline ProtobufCBinaryData maker_bytes(struct arena *arena, uint8_t fill, size_t len)
{
        uint8_t *bytes = arena_alloc(arena, len);
        memset(bytes, fill, len);
        return (ProtobufCBinaryData){ .len = len, .data = bytes };
}

/* Member N (1..250): 100.64.1.N, endpoint 192.0.2.N:51820. */
static inline Mesh__V1__Peer *maker_peer(struct arena *arena, uint8_t n)
{
        Mesh__V1__Peer *peer = arena_alloc(arena, sizeof(*peer));
        struct ip_endpoint endpoint = { .addr = { .len = 4, .bytes = { 192, 0, 2, n } },
                                        .port = 51820 };
        char text[32];
        mesh__v1__peer__init(peer);
        (void)snprintf(text, sizeof(text), "host-%u", n);
        peer->name = arena_text(arena, text, strlen(text));
        peer->node_id = maker_bytes(arena, n, NODE_ID_BYTES);
        peer->identity = maker_bytes(arena, n, KEY_BYTES);
        peer->wireguard_key = maker_bytes(arena, n, KEY_BYTES);
        peer->signal_key = maker_bytes(arena, n, KEY_BYTES);
        peer->signal_key_signature = maker_bytes(arena, n, SIGNATURE_BYTES);
        peer->addresses = arena_alloc(arena, 2 * sizeof(*peer->addresses));
        (void)snprintf(text, sizeof(text), "100.64.1.%u", n);
        peer->addresses[0] = maker_prefix(arena, text);
        peer->n_addresses = 1;
        peer->endpoints = arena_alloc(arena, 2 * sizeof(*peer->endpoints));
        peer->endpoints[0] = endpoint_to_message(&endpoint, arena);
        peer->n_endpoints = 1;
        return peer;
}

/* The set ID with the addresses of the members in the bits of MASK. */
static inline Mesh__V1__Set *maker_set(struct arena *arena, uint64_t id, uint32_t mask)
{
        Mesh__V1__Set *set = arena_alloc(arena, sizeof(*set));
        mesh__v1__set__init(set);
        set->id = id;
        set->prefixes = arena_alloc(arena, 32 * sizeof(*set->prefixes));
        for (unsigned n = 1; n < 32; n++) {
                char text[32];
                (void)snprintf(text, sizeof(text), "100.64.1.%u", n);
                if (mask & (1u << n))
                        set->prefixes[set->n_prefixes++] = maker_prefix(arena, text);
        }
        return set;
}

/* A rule that lets SET in to one port; without PORT to every port. */
static inline Mesh__V1__Rule *maker_rule(struct arena *arena, uint64_t set, uint32_t protocol,
                                         uint32_t port)
{
        Mesh__V1__Rule *rule = arena_alloc(arena, sizeof(*rule));
        Mesh__V1__PortRange *range = arena_alloc(arena, sizeof(*range));
        mesh__v1__rule__init(rule);
        mesh__v1__port_range__init(range);
        range->low = range->high = port;
        rule->source_set = set;
        rule->protocol = protocol;
        rule->ports = arena_alloc(arena, 2 * sizeof(*rule->ports));
        rule->ports[0] = range;
        rule->n_ports = port ? 1 : 0;
        rule->origin = arena_text(arena, "policy.yaml:7", 13);
        return rule;
}

static inline Mesh__V1__Position *maker_position(struct arena *arena, uint64_t generation)
{
        struct position position = { .epoch_start_ms = 1000,
                                     .epoch_random = 5,
                                     .generation = generation };
        position.log_hash[0] = (uint8_t)generation;
        return position_to_message(&position, arena);
}

/* A whole snapshot of the members in the bits of MASK, one set of them, one rule for tcp/22. */
static inline Mesh__V1__Snapshot *maker_snapshot(struct arena *arena, uint32_t mask,
                                                 uint64_t generation)
{
        Mesh__V1__Snapshot *snapshot = arena_alloc(arena, sizeof(*snapshot));
        mesh__v1__snapshot__init(snapshot);
        snapshot->last = 1;
        snapshot->position = maker_position(arena, generation);
        snapshot->peers = arena_alloc(arena, 33 * sizeof(*snapshot->peers));
        for (unsigned n = 1; n < 32; n++)
                if (mask & (1u << n))
                        snapshot->peers[snapshot->n_peers++] = maker_peer(arena, (uint8_t)n);
        snapshot->sets = arena_alloc(arena, 33 * sizeof(*snapshot->sets));
        snapshot->sets[snapshot->n_sets++] = maker_set(arena, 1, mask);
        snapshot->rules = arena_alloc(arena, 33 * sizeof(*snapshot->rules));
        snapshot->rules[snapshot->n_rules++] = maker_rule(arena, 1, 6, 22);
        snapshot->policy_hash = maker_bytes(arena, 0xaa, KEY_BYTES);
        snapshot->access_hash = maker_bytes(arena, 0xbb, KEY_BYTES);
        return snapshot;
}

/* A delta without content from generation FROM to TO. */
static inline Mesh__V1__Delta *maker_delta(struct arena *arena, uint64_t from, uint64_t to)
{
        Mesh__V1__Delta *delta = arena_alloc(arena, sizeof(*delta));
        mesh__v1__delta__init(delta);
        delta->from = from;
        delta->to = maker_position(arena, to);
        delta->peers = arena_alloc(arena, 33 * sizeof(*delta->peers));
        delta->removed_peers = arena_alloc(arena, 33 * sizeof(*delta->removed_peers));
        delta->new_sets = arena_alloc(arena, 33 * sizeof(*delta->new_sets));
        delta->set_changes = arena_alloc(arena, 33 * sizeof(*delta->set_changes));
        delta->removed_sets = arena_alloc(arena, 33 * sizeof(*delta->removed_sets));
        delta->rules = arena_alloc(arena, 33 * sizeof(*delta->rules));
        return delta;
}

/* The map of one snapshot; NULL if it was refused. */
static inline struct map *maker_map(const struct map_owner *owner,
                                    const Mesh__V1__Snapshot *snapshot, const struct map *last)
{
        struct map_build *build = map_build_new(owner);
        struct map *map = NULL;
        if (map_build_add(build, snapshot) != 0 || map_build_finish(build, last, &map) != 0)
                map = NULL;
        map_build_free(build);
        return map;
}
