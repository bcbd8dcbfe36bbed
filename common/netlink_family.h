/* Generic netlink families ("wireguard") by name: their numbers differ from boot to boot. */
#pragma once
#include <stdint.h>

struct netlink;

/* The number of a family; asking makes the kernel load its module. NL is a NETLINK_GENERIC socket.
 * MESH_ENOENT if there is none; else as netlink_request, MESH_EPROTO. */
int netlink_family_id(struct netlink *nl, const char *name, uint16_t *ret_id);
