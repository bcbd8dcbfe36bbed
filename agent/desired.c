/* From state to what the kernel should hold; see the header. */
#include "agent/desired.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"

/* WireGuard sends the first keepalive, and so shakes hands, as soon as there is an interval. */
enum { GREET_KEEPALIVE_S = 25 };

struct firewall_input desired_firewall(const struct agent_state *state,
                                       const struct agent_config *config)
{
        uint16_t port = state->enrolled ? state->membership.wireguard_port : 0;
        struct firewall_input input =
                firewall_safe_input(&config->firewall, config->interface, port);
        if (state->enrolled && state->map)
                input.access = &state->map->access;
        return input;
}

static const struct desired_peer *find(const struct desired_peers *peers, const uint8_t *node_id)
{
        size_t low = 0, high = peers ? peers->count : 0;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = memcmp(peers->peers[middle].node_id, node_id, NODE_ID_BYTES);
                if (order == 0)
                        return &peers->peers[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

/* The best endpoint that this host can send to. */
static struct ip_endpoint endpoint_of(const struct map_peer *peer, bool has_ipv6)
{
        for (size_t i = 0; i < peer->endpoint_count; i++)
                if (has_ipv6 || peer->endpoints[i].addr.len == 4)
                        return peer->endpoints[i];
        return (struct ip_endpoint){ 0 };
}

static int add_peer(struct apply_desired *desired, const struct map_peer *peer,
                    const struct desired_how *how, const struct desired_peer *wanted)
{
        const struct desired_peer *before = find(how->before, peer->node_id);
        struct wg_peer *wg = wg_device_add_peer(&desired->device, peer->wireguard_key);
        if (!wg)
                return MESH_ENOMEM;
        wg->endpoint = wanted->endpoint;
        wg->set_endpoint = before && wanted->endpoint.addr.len > 0 &&
                           ip_endpoint_compare(&before->endpoint, &wanted->endpoint) != 0;
        wg->keepalive_s = how->greet ? GREET_KEEPALIVE_S : 0;
        wg->recreate = before && before->recreate != wanted->recreate;
        for (size_t i = 0; i < peer->address_count; i++) {
                int err = wg_peer_add_allowed(wg, peer->addresses[i]);
                if (err)
                        return err;
        }
        return 0;
}

static int add_peers(const struct map *map, const struct desired_how *how,
                     struct apply_desired *desired, struct desired_peers *peers)
{
        int err = 0;
        for (size_t i = 0; !err && i < map->peer_count; i++) {
                const struct map_peer *peer = &map->peers[i];
                struct desired_peer *wanted = &peers->peers[peers->count++];
                memcpy(wanted->node_id, peer->node_id, NODE_ID_BYTES);
                wanted->endpoint = endpoint_of(peer, how->has_ipv6);
                wanted->recreate = peer->recreate;
                err = add_peer(desired, peer, how, wanted);
        }
        return err;
}

int desired_interface(const struct agent_state *state, const struct agent_config *config,
                      const struct desired_how *how, struct apply_desired *ret_desired,
                      struct desired_peers *ret_peers)
{
        const struct membership *m = &state->membership;
        size_t peer_count = state->map ? state->map->peer_count : 0;
        struct desired_peers peers = { .peers = calloc(peer_count + 1, sizeof(*peers.peers)) };
        struct ip_addr *addresses = calloc(m->address_count + 1, sizeof(*addresses));
        struct apply_desired desired = { .ifname = config->interface,
                                         .mtu = APPLY_MTU,
                                         .addresses = addresses,
                                         .address_count = m->address_count,
                                         .routes = m->prefixes,
                                         .route_count = m->prefix_count };
        int err = peers.peers && addresses ? 0 : MESH_ENOMEM;
        memcpy(desired.device.private_key, state->keys.wireguard.secret, WG_KEY_BYTES);
        desired.device.listen_port = m->wireguard_port;
        for (size_t i = 0; !err && i < m->address_count; i++)
                addresses[i] = m->addresses[i].addr;
        if (!err && state->map)
                err = add_peers(state->map, how, &desired, &peers);
        if (err) {
                desired_done(&desired);
                desired_peers_done(&peers);
                return err;
        }
        *ret_desired = desired;
        *ret_peers = peers;
        return 0;
}

void desired_done(struct apply_desired *desired)
{
        wg_device_done(&desired->device);
        free((void *)desired->addresses);
        desired->addresses = NULL;
}

void desired_peers_done(struct desired_peers *peers)
{
        free(peers->peers);
        *peers = (struct desired_peers){ 0 };
}
