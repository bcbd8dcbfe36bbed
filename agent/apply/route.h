/* The routes into the mesh: one for each of its prefixes, on our own interface.
 *
 * Ours are marked by rtm_protocol ROUTE_PROTOCOL (`ip route show proto 190`); none but those, on
 * this one interface, is ever changed or removed. A route of somebody else for the same prefix is
 * a conflict that the operator must hear of, not something to replace. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

struct netlink;
struct reason;

/* Not in iproute2's rt_protos, not used by a routing daemon (186-192 but 190, 191 are). */
enum { ROUTE_PROTOCOL = 190 };

/* Makes our routes on interface IFINDEX (which must be up) the COUNT that are WANTED, in the main
 * table; host bits are cleared, IPv6 ones left out if IPV6_OFF. *CHANGES counts what was written.
 * MESH_EEXIST if somebody else has a route for one of them. */
int route_reconcile(struct netlink *nl, uint32_t ifindex, const struct ip_prefix *wanted,
                    size_t count, bool ipv6_off, size_t *changes, struct reason *why);
