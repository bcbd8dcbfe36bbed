/* From an expanded draft to a policy that answers: selectors, rules, indexes. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "firewall/policy/model.h"

static const char set_label[] = "mesh/v1/set";

/* ---- selectors ---- */

/* One side of one rule, on its way to a selector. */
struct side {
        struct atom_list atoms;
        uint64_t id;
        size_t rule;
};

void atom_put(struct buffer *out, const struct atom *atom)
{
        static const char *const prefix[] = { "", "node:", "tag:" };
        buffer_printf(out, "%s%s\n", prefix[atom->kind], atom->name);
}

static int compute_id(const struct policy *policy, const struct atom_list *atoms,
                      struct buffer *line, uint64_t *ret_id)
{
        crypto_hash_sha256_state state;
        uint8_t hash[crypto_hash_sha256_BYTES];
        crypto_hash_sha256_init(&state);
        crypto_hash_sha256_update(&state, (const uint8_t *)set_label, sizeof(set_label));
        for (size_t i = 0; i < atoms->count; i++) {
                buffer_clear(line);
                atom_put(line, &policy->atoms[atoms->items[i]]);
                if (buffer_error(line))
                        return buffer_error(line);
                crypto_hash_sha256_update(&state, line->bytes, line->len);
        }
        crypto_hash_sha256_final(&state, hash);
        uint64_t id = 0;
        for (size_t i = 0; i < sizeof(id); i++)
                id = id << 8 | hash[i];
        *ret_id = id;
        return 0;
}

static int compare_lists(const void *a, const void *b)
{
        const struct atom_list *left = &((const struct side *)a)->atoms;
        const struct atom_list *right = &((const struct side *)b)->atoms;
        if (left->count != right->count)
                return left->count < right->count ? -1 : 1;
        if (left->items == right->items)
                return 0;
        return memcmp(left->items, right->items, left->count * sizeof(left->items[0]));
}

static int compare_ids(const void *a, const void *b)
{
        uint64_t left = ((const struct side *)a)->id, right = ((const struct side *)b)->id;
        return left < right ? -1 : left > right;
}

static int compute_ids(const struct policy *policy, struct side *sides, size_t count)
{
        struct buffer line = buffer_with_max(256);
        int err = 0;
        qsort(sides, count, sizeof(*sides), compare_lists); /* equal lists are hashed once */
        for (size_t i = 0; i < count && !err; i++) {
                if (i > 0 && compare_lists(&sides[i - 1], &sides[i]) == 0)
                        sides[i].id = sides[i - 1].id;
                else
                        err = compute_id(policy, &sides[i].atoms, &line, &sides[i].id);
        }
        buffer_done(&line);
        return err;
}

/* Makes selectors of SIDES and tells every side's rule its number in NUMBERS. */
static int intern_sides(struct policy *policy, struct side *sides, size_t count,
                        struct selector **ret_selectors, size_t *ret_count, uint32_t *numbers)
{
        int err = compute_ids(policy, sides, count);
        if (err)
                return err;
        struct selector *selectors = arena_alloc(policy->arena, count * sizeof(*selectors));
        if (!selectors)
                return MESH_ENOMEM;
        qsort(sides, count, sizeof(*sides), compare_ids);
        size_t made = 0;
        for (size_t i = 0; i < count; i++) {
                bool same = i > 0 && sides[i - 1].id == sides[i].id;
                if (same && compare_lists(&sides[i - 1], &sides[i]) != 0)
                        return MESH_EINTERNAL; /* a collision: two meanings, one id */
                if (!same)
                        selectors[made++] =
                                (struct selector){ .atoms = sides[i].atoms, .id = sides[i].id };
                numbers[sides[i].rule] = (uint32_t)(made - 1);
        }
        *ret_selectors = selectors;
        *ret_count = made;
        return 0;
}

/* ---- rules ---- */

static int compile_rule(struct policy *policy, const struct draft_rule *draft,
                        struct policy_rule *rule)
{
        char line[16];
        int line_len = snprintf(line, sizeof(line), ":%u", draft->place.line);
        size_t path_len = strlen(draft->place.path);
        char *origin = arena_alloc(policy->arena, path_len + (size_t)line_len + 1);
        rule->ports = (struct portset){ .count = draft->ports.count };
        rule->ports.spans = arena_copy(policy->arena, draft->ports.spans,
                                       draft->ports.count * sizeof(draft->ports.spans[0]));
        if (!origin || !rule->ports.spans)
                return MESH_ENOMEM;
        memcpy(origin, draft->place.path, path_len);
        memcpy(origin + path_len, line, (size_t)line_len);
        rule->origin = origin;
        return 0;
}

static int compile_rules(struct policy *policy, const struct draft *draft)
{
        size_t count = draft->rule_count;
        struct side *sides = calloc(count + 1, sizeof(*sides));
        uint32_t *numbers = calloc(count + 1, sizeof(*numbers));
        policy->rules = arena_alloc(policy->arena, count * sizeof(*policy->rules));
        policy->rule_count = count;
        int err = sides && numbers && policy->rules ? 0 : MESH_ENOMEM;
        for (size_t i = 0; i < count && !err; i++)
                err = compile_rule(policy, &draft->rules[i], &policy->rules[i]);
        for (size_t i = 0; i < count && !err; i++)
                sides[i] = (struct side){ .atoms = draft->rules[i].from_atoms, .rule = i };
        if (!err)
                err = intern_sides(policy, sides, count, &policy->from, &policy->from_count,
                                   numbers);
        for (size_t i = 0; i < count && !err; i++)
                policy->rules[i].from = numbers[i];
        for (size_t i = 0; i < count && !err; i++)
                sides[i] = (struct side){ .atoms = draft->rules[i].to_atoms, .rule = i };
        if (!err)
                err = intern_sides(policy, sides, count, &policy->to, &policy->to_count, numbers);
        for (size_t i = 0; i < count && !err; i++)
                policy->rules[i].to = numbers[i];
        free(sides);
        free(numbers);
        return err;
}

/* ---- rules as hosts let them in ---- */

struct host_rules {
        struct policy *policy;
        struct host_rule *items; /* owned */
        size_t count, capacity;
};

static struct host_rule *host_rule_new(struct host_rules *list, const struct policy_rule *rule,
                                       uint16_t protocol)
{
        if (list->count == list->capacity) {
                size_t capacity = list->capacity ? list->capacity * 2 : 64;
                struct host_rule *items = reallocarray(list->items, capacity, sizeof(*items));
                if (!items)
                        return NULL;
                list->items = items;
                list->capacity = capacity;
        }
        struct host_rule *made = &list->items[list->count++];
        *made = (struct host_rule){ .from = rule->from, .to = rule->to };
        made->access.source_set = list->policy->from[rule->from].id;
        made->access.protocol = protocol;
        made->access.origin = rule->origin;
        return made;
}

/* One rule per protocol. A span touches several protocols only when adjacent ones are whole. */
static int split_protocols(struct host_rules *list, const struct policy_rule *rule)
{
        const struct portset *set = &rule->ports;
        if (set->count == 1 && set->spans[0].low == 0 && set->spans[0].high == PORTSET_LAST)
                return host_rule_new(list, rule, ACCESS_PROTOCOL_ANY) ? 0 : MESH_ENOMEM;
        /* only the two ends of a span can be part of a protocol */
        struct port_range *ports =
                arena_alloc(list->policy->arena, 2 * set->count * sizeof(*ports));
        if (!ports)
                return MESH_ENOMEM;
        struct host_rule *made = NULL;
        for (size_t i = 0; i < set->count; i++) {
                struct port_span span = set->spans[i];
                for (uint32_t protocol = span.low >> 16; protocol <= span.high >> 16; protocol++) {
                        if (!made || made->access.protocol != protocol)
                                made = host_rule_new(list, rule, (uint16_t)protocol);
                        if (!made)
                                return MESH_ENOMEM;
                        bool from_start = span.low <= protocol << 16;
                        bool to_end = span.high >= (protocol << 16 | 0xffff);
                        if (from_start && to_end)
                                continue;
                        if (made->access.port_count == 0)
                                made->access.ports = ports;
                        ports->low = from_start ? 0 : (uint16_t)(span.low & 0xffff);
                        ports->high = to_end ? 0xffff : (uint16_t)(span.high & 0xffff);
                        ports++;
                        made->access.port_count++;
                }
        }
        return 0;
}

static int compile_host_rules(struct policy *policy)
{
        struct host_rules list = { .policy = policy };
        int err = 0;
        for (size_t i = 0; i < policy->rule_count && !err; i++)
                err = split_protocols(&list, &policy->rules[i]);
        if (!err) {
                policy->host_rules =
                        arena_copy(policy->arena, list.items, list.count * sizeof(*list.items));
                policy->host_rule_count = list.count;
                err = policy->host_rules ? 0 : MESH_ENOMEM;
        }
        free(list.items);
        return err;
}

/* ---- from atoms to selectors ---- */

/* For every atom the selectors it is in; ascending, since selectors are walked so. */
static int index_atoms(struct policy *policy, const struct selector *selectors, size_t count,
                       bool is_from)
{
        size_t *used = calloc(policy->atom_count, sizeof(*used));
        if (!used)
                return MESH_ENOMEM;
        size_t total = 0;
        for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < selectors[i].atoms.count; j++, total++)
                        used[selectors[i].atoms.items[j]]++;
        uint32_t *numbers = arena_alloc(policy->arena, total * sizeof(*numbers));
        if (!numbers) {
                free(used);
                return MESH_ENOMEM;
        }
        for (size_t i = 0, at = 0; i < policy->atom_count; i++) {
                struct atom *atom = &policy->atoms[i];
                *(is_from ? &atom->from : &atom->to) = numbers + at;
                *(is_from ? &atom->from_count : &atom->to_count) = used[i];
                size_t start = at;
                at += used[i];
                used[i] = start;
        }
        for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < selectors[i].atoms.count; j++)
                        numbers[used[selectors[i].atoms.items[j]]++] = (uint32_t)i;
        free(used);
        return 0;
}

int policy_compile(struct policy *policy, const struct draft *draft)
{
        int err = compile_rules(policy, draft);
        if (!err)
                err = compile_host_rules(policy);
        if (!err)
                err = index_atoms(policy, policy->from, policy->from_count, true);
        if (!err)
                err = index_atoms(policy, policy->to, policy->to_count, false);
        return err;
}
