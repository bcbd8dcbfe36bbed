/* Tells when the host's network changed: a new address, route or link.
 *
 * Listens to rtnetlink; no polling. A burst of events is one change; the mesh interface's own are
 * told apart. Also knows the addresses at which the host can be reached. rtnetlink(7).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "common/addr.h"

struct netwatch; /* opaque */

enum {
        NETWATCH_SETTLE_MS = 100, /* a burst is over after so long */
        HOST_ADDRESSES_MAX = 16,
};

/* Starts to listen on LOOP; CHANGED is called from it; MESH tells that the mesh interface INTERFACE
 * (copied) itself was changed, HOST that something else was. Returned owned. MESH_EPERM,
 * MESH_ENOMEM... */
int netwatch_new(uv_loop_t *loop, const char *interface,
                 void (*changed)(void *user, bool host, bool mesh), void *user,
                 struct netwatch **ret_watch);

/* Stops; the memory goes with the loop's next turn. NULL is allowed. */
void netwatch_close(struct netwatch *watch);

/* The host's own addresses that others may reach (no loopback, no link-local, none of INTERFACE),
 * at most HOST_ADDRESSES_MAX, in the kernel's order. Returns how many. */
size_t host_addresses(const char *interface, struct ip_addr out[static HOST_ADDRESSES_MAX]);
