/* From the agent's state to what the kernel should hold: firewall input and WireGuard device.
 *
 * Pure. Used by reconcile.c and by `mesh-agent load-firewall`. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/apply/apply.h"
#include "agent/config.h"
#include "agent/state/state.h"
#include "firewall/nft/firewall.h"

/* What was asked of the kernel for one peer, to tell a new endpoint from one that has roamed. */
struct desired_peer {
        uint8_t node_id[NODE_ID_BYTES];
        struct ip_endpoint endpoint; /* addr.len 0: none */
        uint32_t recreate;
};

/* The list of those, sorted by node id; owned. Zero-initialise. */
struct desired_peers {
        struct desired_peer *peers;
        size_t count;
};

/* The rules: the host's own and, while enrolled, the map's. Everything is borrowed. */
struct firewall_input desired_firewall(const struct agent_state *state,
                                       const struct agent_config *config);

/* How the interface is wanted beside what the state says. */
struct desired_how {
        const struct desired_peers *before; /* what was asked for last; NULL: nothing yet */
        bool has_ipv6; /* the host has an IPv6 address, so that a peer's IPv6 endpoint makes sense
                        */
        bool greet;    /* shake hands with every peer now, not at the first packet */
};

/* The interface. Peers whose endpoint or recreate counter differs from HOW->before are marked so.
 * Addresses are owned, routes borrowed from STATE: desired_done. *RET_PEERS is what to give as
 * `before` the next time, owned by the caller: desired_peers_done. MESH_ENOMEM. */
int desired_interface(const struct agent_state *state, const struct agent_config *config,
                      const struct desired_how *how, struct apply_desired *ret_desired,
                      struct desired_peers *ret_peers);

/* Frees the device and the addresses, and wipes the key. */
void desired_done(struct apply_desired *desired);

/* Frees the list; it is empty afterwards. */
void desired_peers_done(struct desired_peers *peers);
