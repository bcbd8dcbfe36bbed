/* The WireGuard family of generic netlink, as bytes: requests out of a difference, a device out of
 * replies.
 *
 * Pure: the socket is wg_kernel.c's. linux/wireguard.h says what each attribute means. */
#pragma once
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/apply/wg_diff.h"
#include "common/netlink_message.h"

/* Where a difference stands that is written in several messages. Starts zeroed. */
struct wg_genl_writer {
        bool device_done; /* key, port and mark are written */
        size_t op;        /* the next peer operation */
        size_t allowed;   /* its next allowed prefix */
};

/* Puts as much of DIFF as fits behind the genetlink header of M, for the interface NAME, and moves
 * WRITER on. Returns 1 if more is left for a next message, 0 if all is written, MESH_ELIMIT if not
 * even one step fits (M is too small). */
int wg_genl_put_diff(struct netlink_message *m, const char *name, const struct wg_diff *diff,
                     struct wg_genl_writer *writer);

/* Adds one WG_CMD_GET_DEVICE reply to DEVICE: a dump's later messages go on with the last peer of
 * the one before. MESH_ETRUNCATED, MESH_EFORMAT, MESH_ENOMEM, MESH_ELIMIT. */
int wg_genl_read_device(const struct nlmsghdr *message, struct wg_device *device);
