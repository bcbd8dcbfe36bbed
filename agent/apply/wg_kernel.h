/* WireGuard in the kernel, over generic netlink.
 *
 * Reads a device and executes differences; the link itself is link.h's. Caller: wg.c. */
#pragma once
#include "agent/apply/wg_diff.h"

struct reason;
struct wg_kernel; /* opaque */

/* Connects to the kernel's WireGuard in the current network namespace. Returns owned.
 * MESH_EUNSUPPORTED if it has none. */
int wg_kernel_open(struct wg_kernel **ret_kernel, struct reason *why);

/* Closes; NULL is allowed. */
void wg_kernel_close(struct wg_kernel *kernel);

/* Reads the device IFNAME. Returns owned: wg_device_done. */
int wg_kernel_get(struct wg_kernel *kernel, const char *ifname, struct wg_device *ret_device,
                  struct reason *why);

/* Executes DIFF in as many messages as it takes. Cut off between two of them, the device holds a
 * beginning of DIFF, and the next difference is the rest. */
int wg_kernel_set(struct wg_kernel *kernel, const char *ifname, const struct wg_diff *diff,
                  struct reason *why);
