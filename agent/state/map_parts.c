/* Reading and copying the parts of a map; see the header. */
#include "agent/state/map_parts.h"

#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/label.h"
#include "common/printable.h"
#include "proto/convert.h"

static bool in_mesh(const struct map_owner *owner, const struct ip_prefix *prefix)
{
        for (size_t i = 0; i < owner->mesh_prefix_count; i++)
                if (owner->mesh_prefixes[i].bits <= prefix->bits &&
                    ip_prefix_contains(&owner->mesh_prefixes[i], &prefix->addr))
                        return true;
        return false;
}

static int refuse(int err, char text[static MAP_TEXT_MAX], const char *what, const char *name)
{
        (void)snprintf(text, MAP_TEXT_MAX, "%s%s%s", what, name ? " of peer " : "",
                       name ? name : "");
        return err;
}

/* The addresses are what WireGuard will let this peer use as sources: nobody else's, and whole. */
static int check_addresses(const struct map_peer *peer, const struct map_owner *owner,
                           char text[static MAP_TEXT_MAX])
{
        for (size_t i = 0; i < peer->address_count; i++) {
                const struct ip_prefix *address = &peer->addresses[i];
                if (address->bits != address->addr.len * 8 || !in_mesh(owner, address))
                        return refuse(MESH_EFORMAT, text, "address outside the mesh", peer->name);
                for (size_t k = 0; k < owner->address_count; k++)
                        if (ip_prefix_compare(address, &owner->addresses[k]) == 0)
                                return refuse(MESH_EFORMAT, text, "this host's own address",
                                              peer->name);
        }
        return 0;
}

static void drop_mesh_endpoints(struct map_peer *peer, const struct map_owner *owner)
{
        size_t kept = 0;
        for (size_t i = 0; i < peer->endpoint_count; i++) {
                struct ip_prefix host = ip_prefix_of(peer->endpoints[i].addr);
                if (!in_mesh(owner, &host))
                        peer->endpoints[kept++] = peer->endpoints[i];
        }
        peer->endpoint_count = kept;
}

static int read_peer_keys(const Mesh__V1__Peer *message, struct map_peer *peer)
{
        int err = binary_read(&message->node_id, peer->node_id, NODE_ID_BYTES);
        if (!err)
                err = binary_read(&message->identity, peer->identity, KEY_BYTES);
        if (!err)
                err = binary_read(&message->wireguard_key, peer->wireguard_key, KEY_BYTES);
        if (!err)
                err = binary_read(&message->signal_key, peer->signal_key, KEY_BYTES);
        if (!err)
                err = binary_read(&message->signal_key_signature, peer->signal_key_signature,
                                  SIGNATURE_BYTES);
        if (!err && (sodium_is_zero(peer->wireguard_key, KEY_BYTES) ||
                     sodium_is_zero(peer->node_id, NODE_ID_BYTES)))
                err = MESH_EFORMAT;
        return err;
}

int map_peer_read(const Mesh__V1__Peer *message, const struct map_owner *owner, struct arena *arena,
                  struct map_peer *ret_peer, char text[static MAP_TEXT_MAX])
{
        struct map_peer peer = { .recreate = message->recreate };
        if (!label_valid(message->name))
                return refuse(MESH_EFORMAT, text, "a peer's name is no label", NULL);
        peer.name = arena_text(arena, message->name, strlen(message->name));
        if (!peer.name)
                return refuse(MESH_ENOMEM, text, "out of memory", NULL);
        int err = read_peer_keys(message, &peer);
        if (err)
                return refuse(err, text, "malformed id or key", peer.name);
        err = prefixes_from_message(message->addresses, message->n_addresses,
                                    MAP_PEER_ADDRESSES_MAX, arena, &peer.addresses);
        peer.address_count = message->n_addresses;
        if (err || peer.address_count == 0)
                return refuse(err ? err : MESH_EFORMAT, text, "malformed address", peer.name);
        err = endpoints_from_message(message->endpoints, message->n_endpoints,
                                     MAP_PEER_ENDPOINTS_MAX, arena, &peer.endpoints);
        peer.endpoint_count = message->n_endpoints;
        if (err)
                return refuse(err, text, "malformed endpoint", peer.name);
        drop_mesh_endpoints(&peer, owner);
        if (!map_peer_is_owner(&peer, owner))
                err = check_addresses(&peer, owner, text);
        if (!err)
                *ret_peer = peer;
        return err;
}

bool map_peer_is_owner(const struct map_peer *peer, const struct map_owner *owner)
{
        return memcmp(peer->node_id, owner->node_id, NODE_ID_BYTES) == 0 ||
               memcmp(peer->wireguard_key, owner->wireguard_key, KEY_BYTES) == 0;
}

int map_prefixes_read(Mesh__V1__Prefix *const *messages, size_t count,
                      const struct map_owner *owner, struct arena *arena,
                      struct ip_prefix **ret_prefixes, char text[static MAP_TEXT_MAX])
{
        int err = prefixes_from_message(messages, count, MAP_SET_PREFIXES_MAX, arena, ret_prefixes);
        if (err)
                return refuse(err, text, "malformed prefix in a set", NULL);
        for (size_t i = 0; i < count; i++)
                if (!in_mesh(owner, &(*ret_prefixes)[i]))
                        return refuse(MESH_EFORMAT, text, "prefix outside the mesh in a set", NULL);
        return 0;
}

static int by_prefix(const void *a, const void *b)
{
        return ip_prefix_compare(a, b);
}

size_t map_prefixes_sort(struct ip_prefix *prefixes, size_t count)
{
        if (count == 0)
                return 0;
        qsort(prefixes, count, sizeof(*prefixes), by_prefix);
        size_t kept = 1;
        for (size_t i = 1; i < count; i++)
                if (ip_prefix_compare(&prefixes[i], &prefixes[kept - 1]) != 0)
                        prefixes[kept++] = prefixes[i];
        return kept;
}

/* Sorted and disjoint, as access.h wants them. */
static bool ports_are_sound(const Mesh__V1__Rule *message)
{
        for (size_t i = 0; i < message->n_ports; i++) {
                const Mesh__V1__PortRange *range = message->ports[i];
                if (range->low > range->high || range->high > UINT16_MAX)
                        return false;
                if (i > 0 && range->low <= message->ports[i - 1]->high)
                        return false;
        }
        return message->n_ports <= MAP_RULE_PORTS_MAX;
}

int map_rule_read(const Mesh__V1__Rule *message, struct arena *arena, struct access_rule *ret_rule,
                  char text[static MAP_TEXT_MAX])
{
        bool has_ports = message->protocol == IPPROTO_TCP || message->protocol == IPPROTO_UDP;
        bool known = message->base.n_unknown_fields == 0 && message->protocol > 0 &&
                     message->protocol <= ACCESS_PROTOCOL_ANY;
        if (!known || (message->n_ports > 0 && !has_ports) || !ports_are_sound(message)) {
                (void)snprintf(text, MAP_TEXT_MAX,
                               "the policy has a rule of a kind that this version does not know "
                               "(%.80s): upgrade mesh on this host",
                               message->origin);
                return MESH_EUNSUPPORTED;
        }
        struct access_rule rule = { .source_set = message->source_set,
                                    .protocol = (uint16_t)message->protocol,
                                    .port_count = message->n_ports };
        rule.ports = arena_alloc(arena, message->n_ports * sizeof(*rule.ports));
        char *origin = arena_text(arena, message->origin, strlen(message->origin));
        if (!rule.ports || !origin)
                return refuse(MESH_ENOMEM, text, "out of memory", NULL);
        for (size_t i = 0; i < message->n_ports; i++)
                rule.ports[i] = (struct port_range){ (uint16_t)message->ports[i]->low,
                                                     (uint16_t)message->ports[i]->high };
        printable_make(origin);
        rule.origin = origin[0] ? origin : NULL;
        *ret_rule = rule;
        return 0;
}

int map_peer_copy(const struct map_peer *peer, struct arena *arena, struct map_peer *ret_peer)
{
        struct map_peer copy = *peer;
        copy.name = arena_text(arena, peer->name, strlen(peer->name));
        copy.addresses =
                arena_copy(arena, peer->addresses, peer->address_count * sizeof(*peer->addresses));
        copy.endpoints =
                arena_copy(arena, peer->endpoints, peer->endpoint_count * sizeof(*peer->endpoints));
        if (!copy.name || !copy.addresses || !copy.endpoints)
                return MESH_ENOMEM;
        *ret_peer = copy;
        return 0;
}

int map_rule_copy(const struct access_rule *rule, struct arena *arena, struct access_rule *ret_rule)
{
        struct access_rule copy = *rule;
        copy.ports = arena_copy(arena, rule->ports, rule->port_count * sizeof(*rule->ports));
        if (rule->origin)
                copy.origin = arena_text(arena, rule->origin, strlen(rule->origin));
        if (!copy.ports || (rule->origin && !copy.origin))
                return MESH_ENOMEM;
        *ret_rule = copy;
        return 0;
}

int map_access_copy(const struct access *access, struct arena *arena, struct access *ret_access)
{
        struct access copy = { .set_count = access->set_count, .rule_count = access->rule_count };
        copy.sets = arena_copy(arena, access->sets, access->set_count * sizeof(*copy.sets));
        copy.rules = arena_alloc(arena, access->rule_count * sizeof(*copy.rules));
        if (!copy.sets || !copy.rules)
                return MESH_ENOMEM;
        for (size_t i = 0; i < copy.set_count; i++) {
                struct access_set *set = &copy.sets[i];
                set->prefixes = arena_copy(arena, set->prefixes,
                                           set->prefix_count * sizeof(*set->prefixes));
                if (!set->prefixes)
                        return MESH_ENOMEM;
        }
        for (size_t i = 0; i < copy.rule_count; i++) {
                int err = map_rule_copy(&access->rules[i], arena, &copy.rules[i]);
                if (err)
                        return err;
        }
        *ret_access = copy;
        return 0;
}
