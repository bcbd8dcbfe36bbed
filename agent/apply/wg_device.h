/* A WireGuard device as a plain value: what is wanted, or what was read back.
 *
 * One type for both, so that the difference (wg_diff.h) compares like with like. Fields that only
 * one side has say so. No kernel here. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

enum {
        WG_KEY_BYTES = 32,
        WG_PEERS_MAX = 65536,   /* read back from one device */
        WG_ALLOWED_MAX = 65536, /* prefixes of one peer */
};

struct wg_peer {
        uint8_t public_key[WG_KEY_BYTES];
        struct ip_endpoint endpoint; /* addr.len 0: none */
        struct ip_prefix *allowed;
        size_t allowed_count;
        uint16_t keepalive_s; /* 0: off */

        /* Wanted only. The endpoint of a peer that is there already is left to WireGuard's roaming,
         * unless this says that the agent has a new one. A new peer, or one that has none, gets its
         * endpoint in any case. */
        bool set_endpoint;
        bool recreate; /* remove the peer and add it again: its clock went back */

        /* Read back only. */
        int64_t handshake_ms; /* Unix time of the last handshake; 0: never */
        uint64_t rx_bytes, tx_bytes;
};

struct wg_device {
        uint8_t private_key[WG_KEY_BYTES];
        uint16_t listen_port; /* wanted: 0 leaves the port as it is */
        uint32_t fwmark;      /* 0: none */
        struct wg_peer *peers;
        size_t peer_count;
};

/* Frees what a device that was read back or built by the calls below owns, wipes the key, and
 * leaves it empty. A zeroed device is empty. */
void wg_device_done(struct wg_device *device);

/* Adds a peer without allowed prefixes and returns it, borrowed until the next call; NULL when out
 * of memory or over WG_PEERS_MAX. */
struct wg_peer *wg_device_add_peer(struct wg_device *device,
                                   const uint8_t key[static WG_KEY_BYTES]);

/* Adds an allowed prefix. MESH_ENOMEM, MESH_ELIMIT. */
int wg_peer_add_allowed(struct wg_peer *peer, struct ip_prefix prefix);

/* The peer of that key, borrowed; NULL if there is none. Looks at every peer. */
const struct wg_peer *wg_device_find_peer(const struct wg_device *device,
                                          const uint8_t key[static WG_KEY_BYTES]);

/* The key as WireGuard keeps it: bits cleared and set after RFC 7748, section 5. */
void wg_key_clamp(uint8_t key[static WG_KEY_BYTES]);

/* Whether two private keys are one to WireGuard. Zeroes, "none", are the same as no key. */
bool wg_key_is_same(const uint8_t a[static WG_KEY_BYTES], const uint8_t b[static WG_KEY_BYTES]);
