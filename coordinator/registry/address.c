/* Overlay prefixes, and who has which address of them.
 *
 * Slot N is the Nth address of the IPv4 prefix and ::N of the IPv6 prefix. A slot that was released
 * stays its last owner's for 30 days. See private.h. */
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "coordinator/registry/private.h"

enum { IPV4_BITS_MIN = 8, IPV4_BITS_MAX = 29 };

static const void *identity_of(const void *item)
{
        return ((const struct lease_record *)item)->identity;
}

static bool slot_used(const struct lease_table *t, uint32_t slot)
{
        return t->used[slot / 64] >> (slot % 64) & 1;
}

static void slot_set(struct lease_table *t, uint32_t slot, bool used)
{
        uint64_t bit = (uint64_t)1 << (slot % 64);
        if (used)
                t->used[slot / 64] |= bit;
        else
                t->used[slot / 64] &= ~bit;
        if (!used && slot < t->lowest_free)
                t->lowest_free = slot;
}

int lease_table_init(struct lease_table *t, const struct env *env, const struct ip_prefix *ipv4)
{
        *t = (struct lease_table){ .lowest_free = 1 };
        index_init(&t->by_identity, env, KEY_BYTES, identity_of);
        if (ipv4->addr.len != 4 || ipv4->bits < IPV4_BITS_MIN || ipv4->bits > IPV4_BITS_MAX)
                return MESH_EINVAL;
        t->slots = ((uint32_t)1 << (32 - ipv4->bits)) - 1; /* the last one is the broadcast */
        t->used = calloc(t->slots / 64 + 1, sizeof(*t->used));
        return t->used ? 0 : MESH_ENOMEM;
}

void lease_table_done(struct lease_table *t)
{
        size_t cursor = 0;
        void *lease;
        while ((lease = index_next(&t->by_identity, &cursor)))
                free(lease);
        index_done(&t->by_identity);
        free(t->used);
        *t = (struct lease_table){ 0 };
}

int lease_table_add(struct lease_table *t, const struct lease_record *lease)
{
        if (lease->slot == 0 || lease->slot >= t->slots || slot_used(t, lease->slot) ||
            index_find(&t->by_identity, lease->identity))
                return MESH_EDAMAGED;
        struct lease_record *copy = malloc(sizeof(*copy));
        if (!copy)
                return MESH_ENOMEM;
        *copy = *lease;
        int err = index_put(&t->by_identity, copy);
        if (err) {
                free(copy);
                return err;
        }
        slot_set(t, lease->slot, true);
        return 0;
}

/* A lease that was chosen but not taken (its request was given up) looks like one released long
 * ago, and is swept away like it. */
int lease_choose(struct lease_table *t, const uint8_t identity[static KEY_BYTES],
                 uint32_t *ret_slot)
{
        const struct lease_record *old = index_find(&t->by_identity, identity);
        if (old) {
                *ret_slot = old->slot;
                return 0;
        }
        while (t->lowest_free < t->slots && slot_used(t, t->lowest_free))
                t->lowest_free++;
        if (t->lowest_free >= t->slots)
                return MESH_ELIMIT;
        struct lease_record lease = { .slot = t->lowest_free, .released_ms = 1 };
        memcpy(lease.identity, identity, sizeof(lease.identity));
        int err = lease_table_add(t, &lease);
        if (!err)
                *ret_slot = lease.slot;
        return err;
}

const struct lease_record *lease_take(struct lease_table *t,
                                      const uint8_t identity[static KEY_BYTES], uint32_t slot)
{
        struct lease_record *lease = index_find(&t->by_identity, identity);
        if (!lease || lease->slot != slot)
                return NULL;
        lease->released_ms = 0;
        return lease;
}

const struct lease_record *lease_release(struct lease_table *t,
                                         const uint8_t identity[static KEY_BYTES], int64_t now_ms)
{
        struct lease_record *lease = index_find(&t->by_identity, identity);
        if (lease)
                lease->released_ms = now_ms > 0 ? now_ms : 1; /* 0 means in use */
        return lease;
}

bool lease_expire_one(struct lease_table *t, int64_t cutoff_ms, uint32_t *ret_slot)
{
        size_t cursor = 0;
        struct lease_record *lease;
        while ((lease = index_next(&t->by_identity, &cursor))) {
                if (lease->released_ms == 0 || lease->released_ms > cutoff_ms)
                        continue;
                *ret_slot = lease->slot;
                slot_set(t, lease->slot, false);
                index_remove(&t->by_identity, lease->identity);
                free(lease);
                return true;
        }
        return false;
}

/* PREFIX with NUMBER in its last 32 bits. */
static struct ip_addr address_at(const struct ip_prefix *prefix, uint32_t number)
{
        struct ip_addr addr = prefix->addr;
        for (unsigned i = 0; i < 4; i++)
                addr.bytes[addr.len - 1 - i] |= (uint8_t)(number >> (8 * i));
        return addr;
}

void lease_addresses(const struct meta_record *meta, uint32_t slot, struct ip_addr *ret_v4,
                     struct ip_addr *ret_v6)
{
        *ret_v4 = address_at(&meta->ipv4, slot);
        *ret_v6 = address_at(&meta->ipv6, slot);
}

/* ---- first start ---- */

static bool overlaps_any(const struct ip_prefix *prefix, const struct ip_prefix *local,
                         size_t count)
{
        for (size_t i = 0; i < count; i++) /* a default route is no user of the prefix */
                if (local[i].bits > 0 && ip_prefix_overlaps(prefix, &local[i]))
                        return true;
        return false;
}

/* A /16 of 100.64.0.0/10 (RFC 6598): 64 of them, from a random one on. */
static int choose_ipv4(const struct env *env, const struct ip_prefix *local, size_t count,
                       struct ip_prefix *ret_ipv4)
{
        unsigned first = (unsigned)env_random_below(env, 64);
        for (unsigned i = 0; i < 64; i++) {
                struct ip_prefix prefix = { .addr = { .len = 4 }, .bits = 16 };
                prefix.addr.bytes[0] = 100;
                prefix.addr.bytes[1] = (uint8_t)(64 + (first + i) % 64);
                if (overlaps_any(&prefix, local, count))
                        continue;
                *ret_ipv4 = prefix;
                return 0;
        }
        return MESH_EADDRINUSE;
}

int overlay_choose(const struct env *env, const struct ip_prefix *local, size_t local_count,
                   struct ip_prefix *ret_ipv4, struct ip_prefix *ret_ipv6)
{
        struct ip_prefix ula = { .addr = { .len = 16 }, .bits = 48 };
        if (ret_ipv4->addr.len == 0) {
                int err = choose_ipv4(env, local, local_count, ret_ipv4);
                if (err)
                        return err;
        }
        for (unsigned tries = 0; tries < 64; tries++) { /* RFC 4193, section 3.2 */
                ula.addr.bytes[0] = 0xfd;
                env_random(env, ula.addr.bytes + 1, 5);
                if (overlaps_any(&ula, local, local_count))
                        continue;
                *ret_ipv6 = ula;
                return 0;
        }
        return MESH_EADDRINUSE;
}

/* ---- sweeping ---- */

void leases_sweep(struct registry *r, int64_t now_ms)
{
        uint32_t slot;
        struct edit *e = edit_begin(r, NULL, NULL, NULL);
        if (!e)
                return;
        bool any = false;
        while (lease_expire_one(&r->state.leases, now_ms - ADDRESS_QUARANTINE_MS, &slot)) {
                store_delete_lease(e->tx, slot);
                any = true;
        }
        if (any)
                edit_submit(e, REGISTRY_OK);
        else
                edit_abort(e, 0);
}
