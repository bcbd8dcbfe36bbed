/* The door to the kernel's network: makes one WireGuard interface what the agent wants it to be.
 *
 * Values in, values out, no state kept between calls: desired is compared with what is really
 * there, only differences are written, and what was written is read back. So any call may be cut
 * off at any point (kill -9) and the next one heals it. This is where the agent will be cut into
 * two processes. Works in the calling thread's network namespace; blocks for milliseconds.
 * Firewall rules are firewall/nft. Caller: the agent. 01-architecture.md, rule 3. */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/apply/reason.h"
#include "agent/apply/wg_device.h"

enum {
        APPLY_MTU = 1280, /* fits through every path that carries IPv6 */
        APPLY_TEXT_MAX = REASON_TEXT_MAX + 32,
};

/* All that is wanted of the interface; everything is borrowed for the call. */
struct apply_desired {
        const char *ifname;      /* "mesh0" */
        uint32_t mtu;            /* APPLY_MTU; 0 means the same */
        struct wg_device device; /* key, port, peers; see wg_device.h for set_endpoint, recreate */
        const struct ip_addr *addresses; /* own overlay addresses, each set with its full length */
        size_t address_count;
        const struct ip_prefix *routes; /* mesh prefixes, one route each; host bits are ignored */
        size_t route_count;
};

enum apply_step {
        APPLY_STEP_NONE, /* nothing failed */
        APPLY_STEP_INTERFACE,
        APPLY_STEP_READ,
        APPLY_STEP_OWNER,
        APPLY_STEP_DEVICE,
        APPLY_STEP_ADDRESSES,
        APPLY_STEP_LINK_UP,
        APPLY_STEP_ROUTES,
        APPLY_STEP_READ_BACK,
};

struct apply_result {
        const char *backend; /* "kernel" or "userspace"; NULL if none could be opened; static */
        enum apply_step failed;
        char text[APPLY_TEXT_MAX]; /* why it failed: step, object, reason; "" after success */
        size_t changes;            /* everything written; 0: all was as wanted */
        size_t peers_added, peers_changed, peers_removed, peers_ignored;
        uint16_t listen_port; /* what the device really uses */
        bool ipv6_off;        /* the host has no IPv6: its addresses and routes were left out */
};

/* Creates the interface if need be and makes it as DESIRED. Always fills *RET_RESULT (an exception
 * to the rule that outputs are written on success only: it says what failed). MESH_EADDRINUSE: the
 * port is taken; MESH_EEXIST: the name or a route belongs to somebody else
 * (an interface is ours if it bears our mark, has our key, or has no key yet; then it is marked);
 * MESH_EPERM; MESH_EUNSUPPORTED: neither kernel WireGuard nor wireguard-go; MESH_ESTATE: the
 * read-back differs. */
int apply_reconcile(const struct apply_desired *desired, struct apply_result *ret_result);

/* Reads the device and its live peers. Returns owned: wg_device_done. *RET_BACKEND (may be NULL)
 * as above. MESH_ENOENT if there is no such interface. */
int apply_observe(const char *ifname, struct wg_device *ret_device, const char **ret_backend);

/* Whether the interface IFNAME is missing, ours, or could be made ours. MESH_EEXIST for a network
 * card, a bridge, the loopback, a WireGuard that somebody else set up (its key is not OWN_KEY, 32
 * bytes, NULL if there is none, and it lacks our mark): the firewall must not take what comes in
 * there for mesh traffic. What cannot be told is 0. TEXT gets the reason and the cure. */
int apply_may_use(const char *ifname, const uint8_t *own_key, char text[static APPLY_TEXT_MAX]);

/* Removes the interface and all that hangs on it (peers, addresses, routes, the userspace process)
 * if it is ours: marked, or with OWN_KEY as above. Nothing there is success. MESH_EEXIST if the
 * name belongs to something that is not ours; it stays. TEXT (may be NULL) gets the reason. */
int apply_remove(const char *ifname, const uint8_t *own_key, char text[APPLY_TEXT_MAX]);

/* "interface", "device"...: a step's name; static. */
const char *apply_step_name(enum apply_step step);
