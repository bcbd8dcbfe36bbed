/* What only an inventory can tell of a policy's names; see effective.h. */
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/nearest.h"
#include "firewall/policy/effective.h"
#include "firewall/policy/model.h"

/* Sorted names, each as often as it was put. */
struct name_list {
        const char **items; /* owned; the names are borrowed */
        size_t count;
};

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool list_has(const struct name_list *list, const char *name)
{
        return list->count > 0 &&
               bsearch(&name, list->items, list->count, sizeof(const char *), compare_texts);
}

/* The names of all nodes, or all their tags, with room for EXTRA more. */
static int list_names(const struct policy_node *nodes, size_t count, bool tags, size_t extra,
                      struct name_list *ret_list)
{
        size_t total = extra;
        for (size_t i = 0; i < count; i++)
                total += tags ? nodes[i].tag_count : 1;
        struct name_list list = { .items = calloc(total + 1, sizeof(const char *)) };
        if (!list.items)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count; i++) {
                for (size_t j = 0; tags && j < nodes[i].tag_count; j++)
                        list.items[list.count++] = nodes[i].tags[j];
                if (!tags && nodes[i].name)
                        list.items[list.count++] = nodes[i].name;
        }
        qsort(list.items, list.count, sizeof(const char *), compare_texts);
        *ret_list = list;
        return 0;
}

/* Warns of atoms of KIND that no node is. */
static void warn_unknown(const struct policy *policy, enum atom_kind kind,
                         const struct name_list *known, const struct name_list *near,
                         const char *what, struct findings *findings)
{
        for (size_t i = 0; i < policy->atom_count; i++) {
                const struct atom *atom = &policy->atoms[i];
                if (atom->kind != kind || list_has(known, atom->name))
                        continue;
                const char *other = NULL;
                if (findings->count < FINDINGS_MAX) /* looking for it takes a while */
                        other = nearest_name(atom->name, near->items, near->count);
                const struct place *place = &atom->place;
                if (other)
                        findings_warning(findings, place->path, place->line, place->column,
                                         "%s `%s`, did you mean `%s`?", what, atom->name, other);
                else
                        findings_warning(findings, place->path, place->line, place->column,
                                         "%s `%s`", what, atom->name);
        }
}

static void refuse_doubles(const struct policy *policy, const struct name_list *names,
                           struct findings *findings)
{
        for (size_t i = 0; i < policy->group_count; i++) {
                const struct place *place = &policy->group_places[i];
                if (list_has(names, policy->groups[i]))
                        findings_error(findings, place->path, place->line, place->column,
                                       "`%s` is a group here and a node of the mesh",
                                       policy->groups[i]);
        }
}

int policy_check_names(const struct policy *policy, const struct policy_node *nodes, size_t count,
                       struct findings *findings)
{
        struct name_list names = { 0 }, near = { 0 }, tags = { 0 };
        size_t errors = findings->errors;
        int err = list_names(nodes, count, false, 0, &names);
        if (!err)
                err = list_names(nodes, count, false, policy->group_count, &near);
        if (!err)
                err = list_names(nodes, count, true, 0, &tags);
        if (err)
                goto out;
        for (size_t i = 0; i < policy->group_count; i++)
                near.items[near.count++] = policy->groups[i];
        refuse_doubles(policy, &names, findings);
        warn_unknown(policy, ATOM_NODE, &names, &near, "no node is enrolled with the name",
                     findings);
        warn_unknown(policy, ATOM_TAG, &tags, &tags, "no node has the tag", findings);
        findings_sort(findings);
        if (findings->errors > errors)
                err = MESH_EFORMAT;
out:
        free(names.items);
        free(near.items);
        free(tags.items);
        return err;
}
