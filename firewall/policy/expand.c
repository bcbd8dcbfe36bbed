/* From names to atoms: which words are groups, which are nodes; groups in groups; cycles. */
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/nearest.h"
#include "firewall/policy/model.h"

enum {
        NESTING_MAX = 64,       /* groups in groups */
        EXPANDED_MAX = 8000000, /* atoms in all lists together */
};

struct expander {
        struct policy *policy;
        struct draft *draft;
        uint32_t *scratch; /* owned; atoms of one list before they are sorted */
        size_t count, capacity;
        size_t expanded; /* towards EXPANDED_MAX */
};

/* ---- every term ---- */

static int each_in_list(struct expander *x, struct term_list *list, bool in_group,
                        int (*visit)(struct expander *x, struct term *term, bool in_group))
{
        for (size_t i = 0; i < list->count; i++) {
                int err = visit(x, &list->items[i], in_group);
                if (err)
                        return err;
        }
        return 0;
}

static int each_term(struct expander *x,
                     int (*visit)(struct expander *x, struct term *term, bool in_group))
{
        struct draft *draft = x->draft;
        int err = 0;
        for (size_t i = 0; i < draft->group_count && !err; i++)
                err = each_in_list(x, &draft->groups[i].members, true, visit);
        for (size_t i = 0; i < draft->rule_count && !err; i++) {
                err = each_in_list(x, &draft->rules[i].from, false, visit);
                if (!err)
                        err = each_in_list(x, &draft->rules[i].to, false, visit);
        }
        return err;
}

/* ---- what a word is ---- */

static void unknown_group(struct expander *x, const struct term *term)
{
        const char *near = nearest_name(term->name, x->policy->groups, x->policy->group_count);
        if (near)
                draft_error(x->draft, &term->place, "unknown group `%s`, did you mean `%s`?",
                            term->name, near);
        else
                draft_error(x->draft, &term->place, "unknown group `%s`", term->name);
}

static int settle_term(struct expander *x, struct term *term, bool in_group)
{
        if (term->kind == TERM_ALL && in_group)
                draft_error(x->draft, &term->place,
                            "`all` cannot be a member of a group: write it in the rule");
        if (term->kind != TERM_BARE && term->kind != TERM_GROUP)
                return 0;
        term->group = draft_find_group(x->draft, term->name);
        if (term->kind == TERM_GROUP && !term->group)
                unknown_group(x, term);
        if (term->kind == TERM_BARE && term->group && in_group)
                draft_error(x->draft, &term->place, "`%s` is a group: as a member write `group:%s`",
                            term->name, term->name);
        if (term->kind == TERM_BARE)
                term->kind = term->group ? TERM_GROUP : TERM_NODE;
        return 0;
}

/* ---- atoms ---- */

static bool term_is_atom(const struct term *term, enum atom_kind *ret_kind)
{
        static const struct {
                enum term_kind term;
                enum atom_kind atom;
        } kinds[] = { { TERM_ALL, ATOM_ALL }, { TERM_NODE, ATOM_NODE }, { TERM_TAG, ATOM_TAG } };
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (kinds[i].term != term->kind)
                        continue;
                *ret_kind = kinds[i].atom;
                return true;
        }
        return false;
}

static int count_atom(struct expander *x, struct term *term, bool in_group)
{
        (void)in_group;
        enum atom_kind kind;
        x->policy->atom_count += term_is_atom(term, &kind);
        return 0;
}

static int put_atom(struct expander *x, struct term *term, bool in_group)
{
        (void)in_group;
        struct atom atom = { .name = term->name, .place = term->place };
        if (term_is_atom(term, &atom.kind))
                x->policy->atoms[x->policy->atom_count++] = atom;
        return 0;
}

static int compare_atoms(const void *a, const void *b)
{
        const struct atom *left = a, *right = b;
        if (left->kind != right->kind)
                return left->kind < right->kind ? -1 : 1;
        return strcmp(left->name, right->name);
}

static int compare_atoms_and_places(const void *a, const void *b)
{
        const struct place *left = &((const struct atom *)a)->place;
        const struct place *right = &((const struct atom *)b)->place;
        int order = compare_atoms(a, b);
        if (order == 0)
                order = strcmp(left->path, right->path);
        if (order != 0)
                return order;
        if (left->line != right->line)
                return left->line < right->line ? -1 : 1;
        return left->column < right->column ? -1 : left->column > right->column;
}

const struct atom *policy_find_atom(const struct policy *policy, enum atom_kind kind,
                                    const char *name)
{
        struct atom key = { .kind = kind, .name = name };
        return bsearch(&key, policy->atoms, policy->atom_count, sizeof(key), compare_atoms);
}

static int number_atom(struct expander *x, struct term *term, bool in_group)
{
        (void)in_group;
        enum atom_kind kind;
        if (!term_is_atom(term, &kind))
                return 0;
        const struct atom *atom = policy_find_atom(x->policy, kind, term->name);
        if (!atom)
                return MESH_EINTERNAL;
        term->atom = (uint32_t)(atom - x->policy->atoms);
        return 0;
}

/* Every atom once, sorted; `all` is always there, and first. */
static int intern_atoms(struct expander *x)
{
        struct policy *policy = x->policy;
        each_term(x, count_atom);
        policy->atoms = arena_alloc(policy->arena, (policy->atom_count + 1) * sizeof(struct atom));
        if (!policy->atoms)
                return MESH_ENOMEM;
        policy->atoms[0] =
                (struct atom){ .kind = ATOM_ALL, .name = "all", .place = { .path = "" } };
        policy->atom_count = 1;
        each_term(x, put_atom);
        qsort(policy->atoms, policy->atom_count, sizeof(struct atom), compare_atoms_and_places);
        size_t kept = 1;
        for (size_t i = 1; i < policy->atom_count; i++)
                if (compare_atoms(&policy->atoms[kept - 1], &policy->atoms[i]) != 0)
                        policy->atoms[kept++] = policy->atoms[i];
        policy->atom_count = kept;
        return each_term(x, number_atom);
}

/* ---- lists ---- */

static int put_scratch(struct expander *x, const uint32_t *atoms, size_t count)
{
        if (count > x->capacity - x->count) {
                size_t capacity = (x->count + count) * 2;
                uint32_t *scratch = reallocarray(x->scratch, capacity, sizeof(*scratch));
                if (!scratch)
                        return MESH_ENOMEM;
                x->scratch = scratch;
                x->capacity = capacity;
        }
        if (count > 0)
                memcpy(x->scratch + x->count, atoms, count * sizeof(*atoms));
        x->count += count;
        return 0;
}

static int compare_numbers(const void *a, const void *b)
{
        uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
        return left < right ? -1 : left > right;
}

/* `all` swallows the others. */
static void settle_scratch(struct expander *x)
{
        if (x->count == 0)
                return;
        qsort(x->scratch, x->count, sizeof(*x->scratch), compare_numbers);
        size_t kept = 1;
        for (size_t i = 1; i < x->count && x->scratch[0] != 0; i++)
                if (x->scratch[i] != x->scratch[kept - 1])
                        x->scratch[kept++] = x->scratch[i];
        x->count = kept;
}

static int spend(struct expander *x, const struct place *place, size_t count)
{
        x->expanded += count;
        if (x->expanded <= EXPANDED_MAX)
                return 0;
        draft_error(x->draft, place,
                    "the policy is too large: its groups stand for too many names");
        return MESH_ELIMIT;
}

/* The atoms of a list whose groups are all expanded. */
static int flatten(struct expander *x, const struct term_list *list, const struct place *place,
                   struct atom_list *ret_atoms)
{
        if (list->count == 1 && list->items[0].kind == TERM_GROUP) {
                *ret_atoms = list->items[0].group->atoms;
                return 0;
        }
        x->count = 0;
        int err = 0;
        for (size_t i = 0; i < list->count && !err; i++) {
                const struct term *term = &list->items[i];
                if (term->kind == TERM_GROUP) {
                        const struct atom_list *atoms = &term->group->atoms;
                        err = spend(x, place, atoms->count);
                        if (!err)
                                err = put_scratch(x, atoms->items, atoms->count);
                } else {
                        err = put_scratch(x, &term->atom, 1);
                }
        }
        if (err)
                return err;
        settle_scratch(x);
        ret_atoms->items = arena_copy(x->policy->arena, x->scratch, x->count * sizeof(*x->scratch));
        ret_atoms->count = x->count;
        return ret_atoms->items ? spend(x, place, x->count) : MESH_ENOMEM;
}

static int expand_group(struct expander *x, struct draft_group *group, size_t depth);

/* One group in another; false in *RET_KEEP for a word that is left out of the list: it has its
 * finding. */
static int expand_member(struct expander *x, struct draft_group *group, const struct term *term,
                         size_t depth, bool *ret_keep)
{
        struct draft_group *member = term->group;
        *ret_keep = member != NULL && member->state != GROUP_OPEN;
        if (!member)
                return 0;
        if (member->state == GROUP_OPEN) {
                draft_error(x->draft, &term->place, "group `%s` contains itself through `%s`",
                            term->name, group->name);
                return 0;
        }
        int err = 0;
        if (member->state == GROUP_NEW && depth < NESTING_MAX)
                err = expand_group(x, member, depth + 1);
        if (err)
                return err;
        if (member->state == GROUP_NEW || member->height >= NESTING_MAX) {
                draft_error(x->draft, &term->place, "groups are nested more than %d deep",
                            NESTING_MAX);
                return MESH_ELIMIT;
        }
        if (group->height <= member->height)
                group->height = member->height + 1;
        return 0;
}

/* Depth first; a group that is still open closes a cycle. */
static int expand_group(struct expander *x, struct draft_group *group, size_t depth)
{
        group->state = GROUP_OPEN;
        group->height = 1;
        size_t kept = 0;
        int err = 0;
        for (size_t i = 0; i < group->members.count && !err; i++) {
                struct term *term = &group->members.items[i];
                bool keep = true;
                if (term->kind == TERM_GROUP)
                        err = expand_member(x, group, term, depth, &keep);
                if (keep)
                        group->members.items[kept++] = *term;
        }
        group->members.count = kept;
        if (!err)
                err = flatten(x, &group->members, &group->place, &group->atoms);
        group->state = GROUP_DONE;
        return err;
}

int policy_expand(struct policy *policy, struct draft *draft)
{
        struct expander x = { .policy = policy, .draft = draft };
        size_t errors = draft->findings->errors;
        each_term(&x, settle_term);
        int err = intern_atoms(&x);
        for (size_t i = 0; i < draft->group_count && !err; i++)
                if (draft->groups[i].state == GROUP_NEW)
                        err = expand_group(&x, &draft->groups[i], 1);
        if (!err && draft->findings->errors > errors)
                err = MESH_EFORMAT;
        for (size_t i = 0; i < draft->rule_count && !err; i++) {
                struct draft_rule *rule = &draft->rules[i];
                err = flatten(&x, &rule->from, &rule->place, &rule->from_atoms);
                if (!err)
                        err = flatten(&x, &rule->to, &rule->place, &rule->to_atoms);
        }
        free(x.scratch);
        return err;
}
