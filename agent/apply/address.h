/* The addresses of our own interface: exactly those that are wanted.
 *
 * Each is set with its full length (/32, /128): the way into the mesh is the routes' affair
 * (route.h), so that an address alone never draws traffic, and no prefix route of the kernel
 * collides with ours. Others on this interface are removed, but for the kernel's IPv6 link-local
 * one. Other interfaces are never touched. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

struct netlink;
struct reason;

/* Makes the addresses of interface IFINDEX the COUNT that are WANTED; *CHANGES counts what was
 * written. A host whose IPv6 is switched off has its IPv6 addresses left out and *RET_IPV6_OFF
 * set, which is no failure. */
int address_reconcile(struct netlink *nl, uint32_t ifindex, const struct ip_addr *wanted,
                      size_t count, size_t *changes, bool *ret_ipv6_off, struct reason *why);
