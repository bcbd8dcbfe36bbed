/* WireGuard outside the kernel: wireguard-go behind its Unix socket.
 *
 * For hosts whose kernel has no WireGuard. The process is found by the interface's name, started if
 * nobody answers, and outlives the agent, so that tunnels do not drop when the agent restarts. Its
 * socket directory, /var/run/wireguard, is compiled in: two hosts on one machine need a mount
 * namespace each. Caller: wg.c. */
#pragma once
#include <stdbool.h>

#include "agent/apply/wg_diff.h"

struct reason;

/* Whether a process answers for IFNAME, waiting up to a second for it: wireguard-go (started by its
 * unit, or by an agent that was killed) makes its interface a little before its socket. */
bool wg_userspace_await(const char *ifname);

/* Starts wireguard-go (found by PATH) for IFNAME in a session of its own, and waits until it
 * answers. Under systemd a unit of its own does that instead, and this is not called.
 * MESH_EUNSUPPORTED if it is not installed; MESH_EIO with its own words; MESH_ETIMEOUT. */
int wg_userspace_start(const char *ifname, struct reason *why);

/* Reads the device. Returns owned: wg_device_done. MESH_EREFUSED if nobody answers. */
int wg_userspace_get(const char *ifname, struct wg_device *ret_device, struct reason *why);

/* Executes DIFF in one request. */
int wg_userspace_set(const char *ifname, const struct wg_diff *diff, struct reason *why);

/* Removes the interface IFINDEX and waits until the process is gone, which its end is. */
struct netlink;
int wg_userspace_remove(struct netlink *nl, const char *ifname, unsigned int ifindex,
                        struct reason *why);
