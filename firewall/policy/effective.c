/* A policy over a fixed list of nodes: a class for each, and the answers; see the header. */
#include "firewall/policy/effective.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "firewall/policy/model.h"

struct effective {
        const struct policy *policy;
        const struct policy_node *nodes; /* borrowed */
        size_t count;
        struct policy_class **classes; /* owned; by node */
};

int effective_new(const struct policy *policy, const struct policy_node *nodes, size_t count,
                  struct effective **ret_effective)
{
        struct effective *e = calloc(1, sizeof(*e));
        if (!e)
                return MESH_ENOMEM;
        e->policy = policy;
        e->nodes = nodes;
        e->classes = calloc(count + 1, sizeof(struct policy_class *));
        int err = e->classes ? 0 : MESH_ENOMEM;
        for (; e->count < count && !err; e->count += !err)
                err = policy_classify(policy, nodes[e->count].name, nodes[e->count].tags,
                                      nodes[e->count].tag_count, &e->classes[e->count]);
        if (err) {
                effective_free(e);
                return err;
        }
        *ret_effective = e;
        return 0;
}

void effective_free(struct effective *e)
{
        if (!e)
                return;
        for (size_t i = 0; i < e->count; i++)
                policy_class_free(e->classes[i]);
        free(e->classes);
        free(e);
}

bool effective_may_reach(const struct effective *e, size_t a, size_t b)
{
        return a != b && policy_may_reach(e->classes[a], e->classes[b]);
}

bool effective_sees(const struct effective *e, size_t a, size_t b)
{
        return a != b && policy_sees(e->classes[a], e->classes[b]);
}

bool effective_can(const struct effective *e, size_t a, size_t b, uint16_t protocol, uint16_t port,
                   const char **ret_origin)
{
        if (a != b)
                return policy_can(e->policy, e->classes[a], e->classes[b], protocol, port,
                                  ret_origin);
        if (ret_origin)
                *ret_origin = NULL;
        return true;
}

static int compare_prefixes(const void *a, const void *b)
{
        return ip_prefix_compare(a, b);
}

static int fill_set(const struct effective *e, size_t b, struct access_set *set)
{
        size_t total = 0;
        for (size_t i = 0; i < e->count; i++)
                if (i != b && policy_in_set(e->policy, e->classes[i], set->id))
                        total += e->nodes[i].prefix_count;
        if (total == 0)
                return 0;
        set->prefixes = calloc(total, sizeof(*set->prefixes));
        if (!set->prefixes)
                return MESH_ENOMEM;
        size_t at = 0;
        for (size_t i = 0; i < e->count; i++) {
                if (i == b || !policy_in_set(e->policy, e->classes[i], set->id))
                        continue;
                for (size_t j = 0; j < e->nodes[i].prefix_count; j++)
                        set->prefixes[at++] = e->nodes[i].prefixes[j];
        }
        qsort(set->prefixes, total, sizeof(*set->prefixes), compare_prefixes);
        size_t kept = 1;
        for (size_t i = 1; i < total; i++)
                if (ip_prefix_compare(&set->prefixes[kept - 1], &set->prefixes[i]) != 0)
                        set->prefixes[kept++] = set->prefixes[i];
        set->prefix_count = kept;
        return 0;
}

/* The policy's own rules, borrowed, in one value: access_clone makes it the caller's. */
int effective_access_of(const struct effective *e, size_t b, struct access *ret_access)
{
        const struct policy_class *to = e->classes[b];
        struct access view = {
                .sets = calloc(e->policy->from_count + 1, sizeof(*view.sets)),
                .rules = calloc(e->policy->host_rule_count + 1, sizeof(*view.rules)),
        };
        int err = view.sets && view.rules ? 0 : MESH_ENOMEM;
        size_t cursor = 0;
        const struct access_rule *rule;
        while (!err && (rule = policy_next_rule(e->policy, to, &cursor)))
                view.rules[view.rule_count++] = *rule;
        cursor = 0;
        uint64_t id;
        while (!err && policy_next_set(e->policy, to, &cursor, &id)) {
                view.sets[view.set_count].id = id;
                err = fill_set(e, b, &view.sets[view.set_count++]);
        }
        if (!err)
                err = access_clone(&view, ret_access);
        for (size_t i = 0; i < view.set_count; i++)
                free(view.sets[i].prefixes);
        free(view.sets);
        free(view.rules);
        return err;
}
