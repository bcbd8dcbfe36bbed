/* The difference between a wanted and an actual WireGuard device, as operations.
 *
 * Pure. Both backends execute the same operations; what is equal is not mentioned, so that running
 * sessions are not touched. Keys are compared clamped and prefixes masked, as the kernel reads them
 * back. Order: device fields, removals, then new and changed peers. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "agent/apply/wg_device.h"

/* One peer operation. */
struct wg_peer_op {
        const struct wg_peer *peer; /* borrowed from wanted (or, to remove, from actual) */
        bool remove;
        bool create; /* not there before */
        bool set_endpoint;
        bool set_keepalive;
        bool replace_allowed; /* with peer->allowed, masked */
};

struct wg_diff {
        const struct wg_device *wanted; /* borrowed */
        bool set_private_key, set_listen_port, set_fwmark;
        struct wg_peer_op *ops; /* owned */
        size_t op_count;
        size_t added, changed, removed; /* peers */
        size_t ignored; /* wanted peers left out: the device's own key, which WireGuard never takes
                         */
};

enum wg_diff_mode {
        WG_DIFF_APPLY,
        WG_DIFF_VERIFY, /* after applying: `set_endpoint` and `recreate` are done, not wanted again
                         */
};

/* Computes what makes ACTUAL like WANTED; both are borrowed until wg_diff_done. MESH_EINVAL if
 * WANTED names a peer twice or gives a prefix to two peers, MESH_ENOMEM. */
int wg_diff_compute(const struct wg_device *wanted, const struct wg_device *actual,
                    enum wg_diff_mode mode, struct wg_diff *ret_diff);

/* Whether there is nothing to do. */
bool wg_diff_empty(const struct wg_diff *diff);

/* Frees the operations. */
void wg_diff_done(struct wg_diff *diff);
