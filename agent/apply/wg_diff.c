/* Wanted against actual, by one merge of two sorted lists; see the header. */
#include "agent/apply/wg_diff.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

/* Peers of one side, by key. */
struct index {
        const struct wg_peer **peers;
        size_t count;
};

static int compare_keys(const void *a, const void *b)
{
        const struct wg_peer *const *x = a, *const *y = b;
        return memcmp((*x)->public_key, (*y)->public_key, WG_KEY_BYTES);
}

static int compare_prefixes(const void *a, const void *b)
{
        return ip_prefix_compare(a, b);
}

/* Sorts pointers to the peers of DEVICE, leaving out the key SKIP (may be NULL). */
static int index_init(struct index *index, const struct wg_device *device, const uint8_t *skip)
{
        *index = (struct index){ 0 };
        index->peers = calloc(device->peer_count + 1, sizeof(struct wg_peer *));
        if (!index->peers)
                return MESH_ENOMEM;
        for (size_t i = 0; i < device->peer_count; i++)
                if (!skip || memcmp(device->peers[i].public_key, skip, WG_KEY_BYTES) != 0)
                        index->peers[index->count++] = &device->peers[i];
        qsort(index->peers, index->count, sizeof(struct wg_peer *), compare_keys);
        return 0;
}

static void index_done(struct index *index)
{
        free(index->peers);
}

/* The allowed prefixes of COUNT peers, masked and sorted; owned. */
static int prefixes_sorted(const struct wg_peer *const *peers, size_t count,
                           struct ip_prefix **ret_prefixes, size_t *ret_count)
{
        size_t total = 0, at = 0;
        for (size_t i = 0; i < count; i++)
                total += peers[i]->allowed_count;
        struct ip_prefix *prefixes = calloc(total + 1, sizeof(*prefixes));
        if (!prefixes)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count; i++)
                for (size_t k = 0; k < peers[i]->allowed_count; k++)
                        prefixes[at++] = ip_prefix_mask(peers[i]->allowed[k]);
        qsort(prefixes, total, sizeof(*prefixes), compare_prefixes);
        *ret_prefixes = prefixes;
        *ret_count = total;
        return 0;
}

/* Refuses what the kernel would take but could never read back the same. */
static int wanted_check(const struct index *wanted)
{
        for (size_t i = 1; i < wanted->count; i++)
                if (compare_keys(&wanted->peers[i - 1], &wanted->peers[i]) == 0)
                        return MESH_EINVAL;
        struct ip_prefix *prefixes = NULL;
        size_t count = 0;
        int err = prefixes_sorted(wanted->peers, wanted->count, &prefixes, &count);
        for (size_t i = 1; !err && i < count; i++)
                if (ip_prefix_compare(&prefixes[i - 1], &prefixes[i]) == 0)
                        err = MESH_EINVAL;
        free(prefixes);
        return err;
}

static int allowed_differ(const struct wg_peer *a, const struct wg_peer *b, bool *ret_differ)
{
        if (a->allowed_count != b->allowed_count) {
                *ret_differ = true;
                return 0;
        }
        struct ip_prefix *one = NULL, *two = NULL;
        size_t count;
        int err = prefixes_sorted(&a, 1, &one, &count);
        if (!err)
                err = prefixes_sorted(&b, 1, &two, &count);
        bool differ = false;
        for (size_t i = 0; !err && i < count && !differ; i++)
                differ = ip_prefix_compare(&one[i], &two[i]) != 0;
        free(one);
        free(two);
        if (!err)
                *ret_differ = differ;
        return err;
}

static void put_op(struct wg_diff *diff, struct wg_peer_op op)
{
        diff->ops[diff->op_count++] = op;
}

static void put_remove(struct wg_diff *diff, const struct wg_peer *peer)
{
        put_op(diff, (struct wg_peer_op){ .peer = peer, .remove = true });
}

static void put_create(struct wg_diff *diff, const struct wg_peer *peer)
{
        put_op(diff, (struct wg_peer_op){
                             .peer = peer,
                             .create = true,
                             .set_endpoint = peer->endpoint.addr.len != 0,
                             .set_keepalive = peer->keepalive_s != 0,
                             .replace_allowed = true,
                     });
}

static bool wants_recreation(const struct wg_peer *wanted, enum wg_diff_mode mode)
{
        return wanted->recreate && mode == WG_DIFF_APPLY;
}

/* A peer on both sides: what of it differs. */
static int put_change(struct wg_diff *diff, const struct wg_peer *wanted,
                      const struct wg_peer *actual, enum wg_diff_mode mode)
{
        struct wg_peer_op op = { .peer = wanted };
        int err = allowed_differ(wanted, actual, &op.replace_allowed);
        if (err)
                return err;
        op.set_keepalive = wanted->keepalive_s != actual->keepalive_s;
        bool none = actual->endpoint.addr.len == 0;
        bool asked = wanted->set_endpoint && mode == WG_DIFF_APPLY;
        op.set_endpoint = wanted->endpoint.addr.len != 0 && (none || asked) &&
                          ip_endpoint_compare(&wanted->endpoint, &actual->endpoint) != 0;
        if (op.replace_allowed || op.set_keepalive || op.set_endpoint) {
                diff->changed++;
                put_op(diff, op);
        }
        return 0;
}

/* Which list has the lower key next: <0 wanted, >0 actual, 0 both. */
static int merge_order(const struct index *wanted, size_t w, const struct index *actual, size_t a)
{
        if (w == wanted->count)
                return 1;
        if (a == actual->count)
                return -1;
        return compare_keys(&wanted->peers[w], &actual->peers[a]);
}

/* Walks both sorted lists. REMOVALS: the first pass, so that no prefix is held by a peer that
 * goes; else the second. */
static int merge(struct wg_diff *diff, const struct index *wanted, const struct index *actual,
                 enum wg_diff_mode mode, bool removals)
{
        size_t w = 0, a = 0;
        int err = 0;
        while (!err && (w < wanted->count || a < actual->count)) {
                int order = merge_order(wanted, w, actual, a);
                const struct wg_peer *want = order <= 0 ? wanted->peers[w++] : NULL;
                const struct wg_peer *have = order >= 0 ? actual->peers[a++] : NULL;
                bool again = want && have && wants_recreation(want, mode);
                if (removals) {
                        diff->removed += want ? 0 : 1;
                        if (!want || again)
                                put_remove(diff, have);
                } else if (want && (!have || again)) {
                        diff->added += have ? 0 : 1;
                        diff->changed += have ? 1 : 0;
                        put_create(diff, want);
                } else if (want) {
                        err = put_change(diff, want, have, mode);
                }
        }
        return err;
}

int wg_diff_compute(const struct wg_device *wanted, const struct wg_device *actual,
                    enum wg_diff_mode mode, struct wg_diff *ret_diff)
{
        struct wg_diff diff = {
                .wanted = wanted,
                .set_private_key = !wg_key_is_same(wanted->private_key, actual->private_key),
                /* 0 written to a device that is up would draw a new port each time. */
                .set_listen_port =
                        wanted->listen_port != 0 && wanted->listen_port != actual->listen_port,
                .set_fwmark = wanted->fwmark != actual->fwmark,
        };
        uint8_t own_key[WG_KEY_BYTES];
        crypto_scalarmult_base(own_key, wanted->private_key);
        struct index want = { 0 }, have = { 0 };
        int err = index_init(&want, wanted, own_key);
        if (!err)
                err = index_init(&have, actual, NULL);
        if (!err)
                err = wanted_check(&want);
        if (err)
                goto out;
        diff.ignored = wanted->peer_count - want.count;
        /* A peer takes at most two operations: removed, and added again. */
        diff.ops = calloc(2 * want.count + have.count + 1, sizeof(*diff.ops));
        err = diff.ops ? merge(&diff, &want, &have, mode, true) : MESH_ENOMEM;
        if (!err)
                err = merge(&diff, &want, &have, mode, false);
        if (err)
                goto out;
        *ret_diff = diff;
        diff.ops = NULL;
out:
        wg_diff_done(&diff);
        index_done(&want);
        index_done(&have);
        return err;
}

bool wg_diff_empty(const struct wg_diff *diff)
{
        return !diff->set_private_key && !diff->set_listen_port && !diff->set_fwmark &&
               diff->op_count == 0;
}

void wg_diff_done(struct wg_diff *diff)
{
        free(diff->ops);
        diff->ops = NULL;
        diff->op_count = 0;
}
