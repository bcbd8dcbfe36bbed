/* The one door to the host's firewall: desired rules in, what the kernel holds out.
 *
 * The agent calls this and nothing else of firewall/nft, so that the part that speaks netlink can
 * move to a process of its own. Every call opens its own netlink socket, is synchronous (about
 * 1 ms, 0.2 s with 100,000 elements) and needs CAP_NET_ADMIN in the network namespace it acts on.
 * Nothing outside our one table is read or changed. 04-firewall.md. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firewall/nft/input.h"

struct buffer;

enum {
        FIREWALL_HASH_BYTES = 32,
        FIREWALL_ERROR_TEXT_MAX = 256,
};

struct firewall_result {
        bool changed;                      /* something was sent to the kernel */
        bool loaded;                       /* the kernel holds a table of ours; false in mode off */
        uint8_t hash[FIREWALL_HASH_BYTES]; /* of what the kernel holds, zero if not loaded */
        char error[FIREWALL_ERROR_TEXT_MAX]; /* one line naming the failing rule; "" on success */
};

/* Makes the kernel hold exactly what IN asks for: nothing is sent when it does already, only the
 * differing elements when just members came or went, else the whole table in one transaction.
 * Running connections that stay allowed are not disturbed. In mode off the table is removed.
 * RET_RESULT is always written. On failure the old rules stay: MESH_ENETLINK (see error),
 * MESH_EPERM, MESH_EINVAL, MESH_ENOMEM; MESH_ESTATE if the kernel holds something else afterwards
 * (somebody interfered: call again). */
int firewall_apply(const struct firewall_input *in, struct firewall_result *ret_result);

/* Reads what the kernel holds and compares: 0 with result.hash set; MESH_ENOENT if the table is
 * gone, MESH_ESTATE if it differs from what IN asks for (result.hash tells what it holds). Changes
 * nothing. In mode off: 0 if there is no table. */
int firewall_verify(const struct firewall_input *in, struct firewall_result *ret_result);

/* Removes our table (TABLE NULL: "mesh"); one that is not there is fine. */
int firewall_remove(const char *table, struct firewall_result *ret_result);

/* The hash that the kernel's copy would have, without asking the kernel. Zero bytes in mode off.
 * MESH_EINVAL, MESH_ENOMEM. */
int firewall_hash(const struct firewall_input *in, uint8_t ret_hash[static FIREWALL_HASH_BYTES]);

/* The input for when nothing else is readable: the local mode, break-glass, control-plane ports
 * and the WireGuard port; nobody from the mesh. Borrows both. 06-boot.md, point 1. */
struct firewall_input firewall_safe_input(const struct local_firewall *local, const char *interface,
                                          uint16_t wireguard_port);

/* Appends the rules in nft syntax with comments that name where each comes from; loads with
 * `nft -f`. MESH_EINVAL, MESH_ENOMEM, MESH_ELIMIT. */
int firewall_show(const struct firewall_input *in, struct buffer *out);
