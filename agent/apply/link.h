/* Network interfaces by rtnetlink: find, create, bring up, remove.
 *
 * Knows links only; their addresses are address.h's, their routes route.h's. rtnetlink(7). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink;
struct reason;

enum { LINK_KIND_MAX = 32, LINK_ALIAS_MAX = 256 };

struct link {
        uint32_t index;
        uint32_t mtu;
        bool up;
        char kind[LINK_KIND_MAX];   /* "wireguard", "tun"...; "" for hardware */
        char alias[LINK_ALIAS_MAX]; /* what `ip link` shows after "alias"; "" if none */
};

/* The interface called NAME. NL is a NETLINK_ROUTE socket. MESH_ENOENT if there is none. */
int link_find(struct netlink *nl, const char *name, struct link *ret_link, struct reason *why);

/* Creates an interface of KIND; asking makes the kernel load its module. MESH_EUNSUPPORTED if the
 * kernel has no such kind, MESH_EEXIST, MESH_EPERM. */
int link_create(struct netlink *nl, const char *name, const char *kind, struct reason *why);

/* Sets the MTU and brings the interface up, where it is not so already; *CHANGES counts what was
 * written. The kernel binds WireGuard's port here: MESH_EADDRINUSE. */
int link_bring_up(struct netlink *nl, const struct link *link, uint32_t mtu, size_t *changes,
                  struct reason *why);

/* Gives an interface its alias; "" takes it away. MESH_EPERM. */
int link_set_alias(struct netlink *nl, uint32_t index, const char *alias, struct reason *why);

/* Removes an interface with all its addresses and routes. One that is gone already is success. */
int link_remove(struct netlink *nl, uint32_t index, struct reason *why);
