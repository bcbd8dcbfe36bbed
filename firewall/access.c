/* What one host lets in: look-up, hash and copies; see the header.
 *
 * The hash is that of a sum (access_sum.h) with one row for every prefix that is let in by
 * anything, with all that it may send, merged. So two values have one hash exactly if they let in
 * the same, however it is cut into sets and rules. */
#include "firewall/access.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "firewall/access_sum.h"
#include "firewall/portset.h"

static int compare_id(const void *key, const void *item)
{
        uint64_t id = *(const uint64_t *)key;
        uint64_t other = ((const struct access_set *)item)->id;
        return id < other ? -1 : id > other;
}

const struct access_set *access_find_set(const struct access *access, uint64_t id)
{
        if (access->set_count == 0)
                return NULL;
        return bsearch(&id, access->sets, access->set_count, sizeof(access->sets[0]), compare_id);
}

/* ---- hash ---- */

/* One prefix in one set. */
struct entry {
        struct ip_prefix prefix;
        size_t set;
};

struct hasher {
        const struct access *access;
        struct portset *by_set; /* what each set may send */
        struct entry *entries;  /* sorted */
        size_t entry_count;
        struct portset merged; /* of a prefix that is in several sets */
        struct access_sum sum;
};

static int add_rule(struct hasher *h, const struct access_rule *rule)
{
        const struct access_set *set = access_find_set(h->access, rule->source_set);
        if (!set || rule->protocol > ACCESS_PROTOCOL_ANY)
                return MESH_EINVAL;
        struct portset *ports = &h->by_set[set - h->access->sets];
        if (rule->port_count == 0)
                return portset_add_range(ports, rule->protocol, (struct port_range){ 0, 65535 });
        int err = 0;
        for (size_t i = 0; i < rule->port_count && !err; i++) {
                if (rule->ports[i].low > rule->ports[i].high)
                        return MESH_EINVAL;
                err = portset_add_range(ports, rule->protocol, rule->ports[i]);
        }
        return err;
}

static int collect_ports(struct hasher *h)
{
        const struct access *access = h->access;
        h->by_set = calloc(access->set_count + 1, sizeof(*h->by_set));
        if (!h->by_set)
                return MESH_ENOMEM;
        for (size_t i = 0; i < access->rule_count; i++) {
                int err = add_rule(h, &access->rules[i]);
                if (err)
                        return err;
        }
        for (size_t i = 0; i < access->set_count; i++)
                portset_settle(&h->by_set[i]);
        return 0;
}

static int compare_entries(const void *a, const void *b)
{
        const struct entry *left = a, *right = b;
        int order = ip_prefix_compare(&left->prefix, &right->prefix);
        if (order != 0)
                return order;
        return left->set < right->set ? -1 : left->set > right->set;
}

static int collect_entries(struct hasher *h)
{
        const struct access *access = h->access;
        size_t total = 0;
        for (size_t i = 0; i < access->set_count; i++)
                total += access->sets[i].prefix_count;
        h->entries = calloc(total + 1, sizeof(*h->entries));
        if (!h->entries)
                return MESH_ENOMEM;
        for (size_t i = 0; i < access->set_count; i++) {
                if (h->by_set[i].count == 0)
                        continue;
                for (size_t j = 0; j < access->sets[i].prefix_count; j++)
                        h->entries[h->entry_count++] =
                                (struct entry){ access->sets[i].prefixes[j], i };
        }
        qsort(h->entries, h->entry_count, sizeof(h->entries[0]), compare_entries);
        return 0;
}

/* Entries from FIRST on with the same prefix. */
static size_t run_length(const struct hasher *h, size_t first)
{
        size_t end = first + 1;
        while (end < h->entry_count &&
               ip_prefix_compare(&h->entries[first].prefix, &h->entries[end].prefix) == 0)
                end++;
        return end - first;
}

/* What the prefix of a run may send: its set's own, or a merge. */
static int run_ports(struct hasher *h, size_t first, size_t count, const struct portset **ret_ports)
{
        *ret_ports = &h->by_set[h->entries[first].set];
        if (count == 1)
                return 0;
        portset_clear(&h->merged);
        for (size_t i = first; i < first + count; i++) {
                int err = portset_add_set(&h->merged, &h->by_set[h->entries[i].set]);
                if (err)
                        return err;
        }
        portset_settle(&h->merged);
        *ret_ports = &h->merged;
        return 0;
}

static int add_run(struct hasher *h, size_t first, size_t count)
{
        const struct portset *ports;
        int err = run_ports(h, first, count, &ports);
        if (err)
                return err;
        struct access_sum row = access_row(&h->entries[first].prefix, ports);
        access_sum_add(&h->sum, &row);
        return 0;
}

int access_hash(const struct access *access, uint8_t ret_hash[static ACCESS_HASH_BYTES])
{
        struct hasher h = { .access = access };
        int err = collect_ports(&h);
        if (!err)
                err = collect_entries(&h);
        for (size_t i = 0; i < h.entry_count && !err;) {
                size_t count = run_length(&h, i);
                err = add_run(&h, i, count);
                i += count;
        }
        if (!err)
                access_sum_hash(&h.sum, ret_hash);
        for (size_t i = 0; h.by_set && i < access->set_count; i++)
                portset_done(&h.by_set[i]);
        free(h.by_set);
        free(h.entries);
        portset_done(&h.merged);
        return err;
}

/* ---- copies ---- */

static int copy_bytes(void *ret_copy, const void *bytes, size_t count, size_t size)
{
        void *copy = NULL;
        if (count > 0) {
                copy = calloc(count, size);
                if (!copy)
                        return MESH_ENOMEM;
                memcpy(copy, bytes, count * size);
        }
        memcpy(ret_copy, &copy, sizeof(copy));
        return 0;
}

static int clone_set(struct access *copy, const struct access_set *set)
{
        struct access_set *to = &copy->sets[copy->set_count++];
        *to = (struct access_set){ .id = set->id };
        int err = copy_bytes(&to->prefixes, set->prefixes, set->prefix_count,
                             sizeof(set->prefixes[0]));
        if (!err)
                to->prefix_count = set->prefix_count;
        return err;
}

static int clone_rule(struct access *copy, const struct access_rule *rule)
{
        struct access_rule *to = &copy->rules[copy->rule_count++];
        *to = (struct access_rule){ .source_set = rule->source_set, .protocol = rule->protocol };
        int err = copy_bytes(&to->ports, rule->ports, rule->port_count, sizeof(rule->ports[0]));
        if (err)
                return err;
        to->port_count = rule->port_count;
        if (rule->origin) {
                to->origin = strdup(rule->origin);
                if (!to->origin)
                        return MESH_ENOMEM;
        }
        return 0;
}

int access_clone(const struct access *access, struct access *ret_access)
{
        struct access copy = { .sets = calloc(access->set_count + 1, sizeof(*copy.sets)),
                               .rules = calloc(access->rule_count + 1, sizeof(*copy.rules)) };
        int err = copy.sets && copy.rules ? 0 : MESH_ENOMEM;
        for (size_t i = 0; i < access->set_count && !err; i++)
                err = clone_set(&copy, &access->sets[i]);
        for (size_t i = 0; i < access->rule_count && !err; i++)
                err = clone_rule(&copy, &access->rules[i]);
        if (err) {
                access_done(&copy);
                return err;
        }
        *ret_access = copy;
        return 0;
}

void access_done(struct access *access)
{
        for (size_t i = 0; i < access->set_count; i++)
                free(access->sets[i].prefixes);
        for (size_t i = 0; i < access->rule_count; i++) {
                free(access->rules[i].ports);
                free((char *)(uintptr_t)access->rules[i].origin);
        }
        free(access->sets);
        free(access->rules);
        *access = (struct access){ 0 };
}
