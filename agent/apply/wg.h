/* A WireGuard interface, whoever carries it.
 *
 * Two backends, chosen by what is there: the kernel's WireGuard, or wireguard-go where the kernel
 * has none. Callers see one device. An interface that exists keeps its backend; a host that gains
 * the kernel module moves over at its next boot. Caller: apply.c. */
#pragma once
#include "agent/apply/link.h"
#include "agent/apply/wg_diff.h"

struct netlink;
struct reason;
struct wg; /* opaque */

/* Opens the interface IFNAME (borrowed until wg_close) as it is. NL is a NETLINK_ROUTE socket,
 * borrowed likewise. Returns owned. MESH_ENOENT if there is none; MESH_EEXIST if the name belongs
 * to something else than WireGuard. */
int wg_open(struct netlink *nl, const char *ifname, struct wg **ret_wg, struct reason *why);

/* The same, creating the interface if there is none: in the kernel, else by wireguard-go. *CHANGES
 * counts a creation. MESH_EUNSUPPORTED if neither is to be had. */
int wg_open_or_create(struct netlink *nl, const char *ifname, struct wg **ret_wg, size_t *changes,
                      struct reason *why);

/* Closes; the interface stays. NULL is allowed. */
void wg_close(struct wg *wg);

/* Whether a backend makes links of that kind. */
bool wg_may_carry(const char *link_kind);

/* Whether the interface is ours to change and remove: it bears our mark (its alias), or DEVICE, as
 * wg_get read it, has the key OWN_KEY (32 bytes; NULL: there is none). */
bool wg_is_ours(const struct wg *wg, const struct wg_device *device, const uint8_t *own_key);

/* Whether it may become ours: it is, or it has no key yet, as one that was only just made. */
bool wg_may_adopt(const struct wg *wg, const struct wg_device *device, const uint8_t *own_key);

/* Says of an interface that is not ours what it is and what to do. Returns MESH_EEXIST. */
int wg_refuse(const struct wg *wg, struct reason *why);

/* Marks the interface as ours; *CHANGES counts what was written. */
int wg_mark(struct wg *wg, size_t *changes, struct reason *why);

/* "kernel" or "userspace"; static. */
const char *wg_backend_name(const struct wg *wg);

/* The link as it was when opened; borrowed. */
const struct link *wg_link(const struct wg *wg);

/* Reads the device. Returns owned: wg_device_done. */
int wg_get(struct wg *wg, struct wg_device *ret_device, struct reason *why);

/* Executes a difference; an empty one is nothing. MESH_EADDRINUSE if the port is taken. */
int wg_set(struct wg *wg, const struct wg_diff *diff, struct reason *why);

/* Removes the interface, and the process behind it. Close it afterwards. */
int wg_remove(struct wg *wg, struct reason *why);
