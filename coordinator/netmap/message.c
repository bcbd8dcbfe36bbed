/* See message.h. */
#include "coordinator/netmap/message.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "firewall/access.h"
#include "proto/convert.h"

Mesh__V1__Prefix *address_message(const struct ip_addr *addr, struct arena *arena)
{
        struct ip_prefix prefix = ip_prefix_of(*addr);
        return prefix_to_message(&prefix, arena);
}

static bool add_addresses(Mesh__V1__Peer *peer, const struct member *m, struct arena *arena)
{
        const struct ip_prefix prefixes[] = { ip_prefix_of(m->v4), ip_prefix_of(m->v6) };
        peer->n_addresses = sizeof(prefixes) / sizeof(prefixes[0]);
        peer->addresses = prefixes_to_message(prefixes, peer->n_addresses, arena);
        peer->n_endpoints = m->endpoint_count;
        peer->endpoints = endpoints_to_message(m->endpoints, m->endpoint_count, arena);
        return peer->addresses && peer->endpoints;
}

Mesh__V1__Peer *peer_message(const struct member *m, struct arena *arena)
{
        Mesh__V1__Peer *peer = arena_alloc(arena, sizeof(*peer));
        if (!peer)
                return NULL;
        *peer = (Mesh__V1__Peer)MESH__V1__PEER__INIT;
        peer->node_id = binary_of(m->id, sizeof(m->id));
        peer->name = (char *)m->name;
        peer->identity = binary_of(m->identity, sizeof(m->identity));
        peer->wireguard_key = binary_of(m->wireguard_key, sizeof(m->wireguard_key));
        peer->signal_key = binary_of(m->signal_key, sizeof(m->signal_key));
        peer->signal_key_signature =
                binary_of(m->signal_key_signature, sizeof(m->signal_key_signature));
        peer->recreate = m->recreate;
        return add_addresses(peer, m, arena) ? peer : NULL;
}

bool peer_same(const struct member *a, const struct member *b)
{
        if (a == b)
                return true;
        if (memcmp(a->identity, b->identity, sizeof(a->identity)) ||
            memcmp(a->wireguard_key, b->wireguard_key, sizeof(a->wireguard_key)) ||
            memcmp(a->signal_key, b->signal_key, sizeof(a->signal_key)) ||
            memcmp(a->signal_key_signature, b->signal_key_signature,
                   sizeof(a->signal_key_signature)) ||
            ip_addr_compare(&a->v4, &b->v4) || ip_addr_compare(&a->v6, &b->v6) ||
            strcmp(a->name, b->name) || a->recreate != b->recreate ||
            a->endpoint_count != b->endpoint_count)
                return false;
        for (size_t i = 0; i < a->endpoint_count; i++)
                if (ip_endpoint_compare(&a->endpoints[i], &b->endpoints[i]))
                        return false;
        return true;
}

Mesh__V1__Rule *rule_message(const struct access_rule *rule, struct arena *arena)
{
        Mesh__V1__Rule *message = arena_alloc(arena, sizeof(*message));
        size_t count = rule->port_count;
        Mesh__V1__PortRange **ranges = arena_alloc(arena, count * sizeof(*ranges));
        Mesh__V1__PortRange *items = arena_alloc(arena, count * sizeof(*items));
        if (!message || !ranges || !items)
                return NULL;
        *message = (Mesh__V1__Rule)MESH__V1__RULE__INIT;
        message->source_set = rule->source_set;
        message->protocol = rule->protocol;
        for (size_t i = 0; i < count; i++) {
                items[i] = (Mesh__V1__PortRange)MESH__V1__PORT_RANGE__INIT;
                items[i].low = rule->ports[i].low;
                items[i].high = rule->ports[i].high;
                ranges[i] = &items[i];
        }
        message->n_ports = count;
        message->ports = ranges;
        if (rule->origin)
                message->origin = (char *)rule->origin;
        return message;
}

bool rule_same(const struct access_rule *a, const struct access_rule *b)
{
        if (a == b)
                return true;
        if (a->source_set != b->source_set || a->protocol != b->protocol ||
            a->port_count != b->port_count ||
            strcmp(a->origin ? a->origin : "", b->origin ? b->origin : ""))
                return false;
        for (size_t i = 0; i < a->port_count; i++)
                if (a->ports[i].low != b->ports[i].low || a->ports[i].high != b->ports[i].high)
                        return false;
        return true;
}

uint64_t *set_ids_of(const struct class_ref *class, struct arena *arena, size_t *ret_count)
{
        size_t count = 0, cursor = 0;
        uint64_t id;
        while (policy_next_set(class->policy->policy, class->value, &cursor, &id))
                count++;
        uint64_t *ids = arena_alloc(arena, count * sizeof(*ids));
        if (!ids)
                return NULL;
        cursor = count = 0;
        while (policy_next_set(class->policy->policy, class->value, &cursor, &id))
                ids[count++] = id;
        *ret_count = count;
        return ids;
}

ProtobufCBinaryData policy_hash_of(const struct netmap_policy *policy)
{
        if (policy->version == 0)
                return binary_of(NULL, 0);
        return binary_of(policy_hash(policy->policy), POLICY_HASH_BYTES);
}
