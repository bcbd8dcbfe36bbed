/* What a policy knows of a host: bits over selectors, and the answers from them. */
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "firewall/policy/model.h"

enum { WORD_BITS = 64 };

static size_t words_for(size_t bits)
{
        return (bits + WORD_BITS - 1) / WORD_BITS;
}

static void set_bit(uint64_t *bits, size_t i)
{
        bits[i / WORD_BITS] |= 1ULL << (i % WORD_BITS);
}

static bool has_bit(const uint64_t *bits, size_t i)
{
        return bits[i / WORD_BITS] >> (i % WORD_BITS) & 1;
}

/* ---- the three runs of bits ---- */

static uint64_t *from_bits(struct policy_class *c)
{
        return c->bits;
}

static uint64_t *to_bits(struct policy_class *c)
{
        return c->bits + c->from_words;
}

static uint64_t *in_bits(struct policy_class *c)
{
        return c->bits + c->from_words + c->to_words;
}

static bool is_from(const struct policy_class *c, size_t selector)
{
        return has_bit(c->bits, selector);
}

static bool is_to(const struct policy_class *c, size_t selector)
{
        return has_bit(c->bits + c->from_words, selector);
}

static const uint64_t *lets_in(const struct policy_class *c)
{
        return c->bits + c->from_words + c->to_words;
}

/* ---- making one ---- */

static void mark_atom(struct policy_class *c, const struct atom *atom)
{
        if (!atom)
                return;
        for (size_t i = 0; i < atom->from_count; i++)
                set_bit(from_bits(c), atom->from[i]);
        for (size_t i = 0; i < atom->to_count; i++)
                set_bit(to_bits(c), atom->to[i]);
}

int policy_classify(const struct policy *policy, const char *name, const char *const *tags,
                    size_t tag_count, struct policy_class **ret_class)
{
        size_t from_words = words_for(policy->from_count), to_words = words_for(policy->to_count);
        struct policy_class *c =
                calloc(1, sizeof(*c) + (2 * from_words + to_words) * sizeof(c->bits[0]));
        if (!c)
                return MESH_ENOMEM;
        c->from_words = from_words;
        c->to_words = to_words;
        mark_atom(c, &policy->atoms[0]);
        if (name)
                mark_atom(c, policy_find_atom(policy, ATOM_NODE, name));
        for (size_t i = 0; i < tag_count; i++)
                mark_atom(c, policy_find_atom(policy, ATOM_TAG, tags[i]));
        for (size_t i = 0; i < policy->rule_count; i++)
                if (is_to(c, policy->rules[i].to))
                        set_bit(in_bits(c), policy->rules[i].from);
        *ret_class = c;
        return 0;
}

void policy_class_free(struct policy_class *c)
{
        free(c);
}

int policy_class_compare(const struct policy_class *a, const struct policy_class *b)
{
        if (a->from_words != b->from_words)
                return a->from_words < b->from_words ? -1 : 1;
        if (a->to_words != b->to_words)
                return a->to_words < b->to_words ? -1 : 1;
        return memcmp(a->bits, b->bits, (a->from_words + a->to_words) * sizeof(a->bits[0]));
}

/* ---- answers ---- */

bool policy_may_reach(const struct policy_class *from, const struct policy_class *to)
{
        const uint64_t *in = lets_in(to);
        for (size_t i = 0; i < from->from_words; i++)
                if (from->bits[i] & in[i])
                        return true;
        return false;
}

bool policy_sees(const struct policy_class *a, const struct policy_class *b)
{
        return policy_may_reach(a, b) || policy_may_reach(b, a);
}

static int compare_id(const void *key, const void *item)
{
        uint64_t id = *(const uint64_t *)key, other = ((const struct selector *)item)->id;
        return id < other ? -1 : id > other;
}

bool policy_in_set(const struct policy *policy, const struct policy_class *c, uint64_t set_id)
{
        if (policy->from_count == 0)
                return false;
        const struct selector *set = bsearch(&set_id, policy->from, policy->from_count,
                                             sizeof(policy->from[0]), compare_id);
        return set && is_from(c, (size_t)(set - policy->from));
}

const struct access_rule *policy_next_rule(const struct policy *policy,
                                           const struct policy_class *to, size_t *cursor)
{
        while (*cursor < policy->host_rule_count) {
                const struct host_rule *rule = &policy->host_rules[(*cursor)++];
                if (is_to(to, rule->to))
                        return &rule->access;
        }
        return NULL;
}

bool policy_next_set(const struct policy *policy, const struct policy_class *to, size_t *cursor,
                     uint64_t *ret_set_id)
{
        while (*cursor < policy->from_count) {
                size_t set = (*cursor)++;
                if (!has_bit(lets_in(to), set))
                        continue;
                *ret_set_id = policy->from[set].id;
                return true;
        }
        return false;
}

bool policy_can(const struct policy *policy, const struct policy_class *from,
                const struct policy_class *to, uint16_t protocol, uint16_t port,
                const char **ret_origin)
{
        uint32_t number = portset_number(protocol, port);
        const struct policy_rule *found = NULL;
        for (size_t i = 0; i < policy->rule_count && !found; i++) {
                const struct policy_rule *rule = &policy->rules[i];
                if (is_from(from, rule->from) && is_to(to, rule->to) &&
                    portset_has(&rule->ports, number))
                        found = rule;
        }
        if (ret_origin)
                *ret_origin = found ? found->origin : NULL;
        return found != NULL;
}

int policy_ports(const struct policy *policy, const struct policy_class *from,
                 const struct policy_class *to, struct portset *ports)
{
        int err = 0;
        portset_clear(ports);
        for (size_t i = 0; i < policy->rule_count && !err; i++) {
                const struct policy_rule *rule = &policy->rules[i];
                if (is_from(from, rule->from) && is_to(to, rule->to))
                        err = portset_add_set(ports, &rule->ports);
        }
        portset_settle(ports);
        return err;
}
