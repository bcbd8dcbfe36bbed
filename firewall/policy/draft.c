/* From YAML to a draft: keys and shapes. Single words are word.c's; what needs all files together
 * (which names are groups, cycles) is expand.c's. */
#include "firewall/policy/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/label.h"
#include "firewall/policy/word.h"

enum { LANGUAGE_VERSION = 1 };

/* ---- the keys ---- */

struct file_keys {
        uint64_t version;
        const struct yaml_node *groups, *allow;
        const struct yaml_node *later[5];
};

struct rule_keys {
        const struct yaml_node *from, *to, *ports;
        const char *note;
        const struct yaml_node *until;
};

static const struct yaml_field file_fields[] = {
        { .name = "version",
          .type = YAML_UNSIGNED,
          .offset = offsetof(struct file_keys, version),
          .required = true },
        { .name = "groups", .type = YAML_NODE, .offset = offsetof(struct file_keys, groups) },
        { .name = "allow", .type = YAML_NODE, .offset = offsetof(struct file_keys, allow) },
        { .name = "networks", .type = YAML_NODE, .offset = offsetof(struct file_keys, later[0]) },
        { .name = "hosts", .type = YAML_NODE, .offset = offsetof(struct file_keys, later[1]) },
        { .name = "tests", .type = YAML_NODE, .offset = offsetof(struct file_keys, later[2]) },
        { .name = "never", .type = YAML_NODE, .offset = offsetof(struct file_keys, later[3]) },
        { .name = "nodes", .type = YAML_NODE, .offset = offsetof(struct file_keys, later[4]) },
        { 0 },
};

static const struct yaml_field rule_fields[] = {
        { .name = "from",
          .type = YAML_NODE,
          .offset = offsetof(struct rule_keys, from),
          .required = true },
        { .name = "to",
          .type = YAML_NODE,
          .offset = offsetof(struct rule_keys, to),
          .required = true },
        { .name = "ports",
          .type = YAML_NODE,
          .offset = offsetof(struct rule_keys, ports),
          .required = true },
        { .name = "note", .type = YAML_TEXT, .offset = offsetof(struct rule_keys, note) },
        { .name = "until", .type = YAML_NODE, .offset = offsetof(struct rule_keys, until) },
        { 0 },
};

/* A key of the language that this version does not obey must not be passed over. */
static void refuse_unbuilt(struct reader *r, const struct yaml_node *node)
{
        if (node)
                yaml_error(r->yaml, node->key, "`%s` is not built yet", node->key->text);
}

/* ---- groups and rules ---- */

/* Room for one more item of SIZE bytes in a growing array. */
static bool grow(void *items_pointer, size_t size, size_t count, size_t *capacity)
{
        void *items;
        memcpy(&items, items_pointer, sizeof(items));
        if (count < *capacity)
                return true;
        size_t wanted = *capacity ? *capacity * 2 : 16;
        items = reallocarray(items, wanted, size);
        if (!items)
                return false;
        memcpy(items_pointer, &items, sizeof(items));
        *capacity = wanted;
        return true;
}

static void read_group(struct reader *r, const struct yaml_node *node)
{
        struct draft *draft = r->draft;
        const char *name = node->key->text;
        if (!word_check_name(r, node->key, name))
                return;
        if (label_reserved(name)) {
                yaml_error(r->yaml, node->key, "`%s` is no name for a group: it means everybody",
                           name);
                return;
        }
        if (draft->group_count == POLICY_GROUPS_MAX) {
                yaml_error(r->yaml, node->key, "more than %d groups", POLICY_GROUPS_MAX);
                r->failed = MESH_ELIMIT;
                return;
        }
        struct draft_group group = { .place = word_place(r, node->key) };
        group.name = word_keep(r, name);
        if (node->kind == YAML_SEQUENCE)
                word_read_terms(r, node, &group.members);
        else
                yaml_error(r->yaml, node, "expected a list of members");
        if (!grow(&draft->groups, sizeof(group), draft->group_count, &draft->group_capacity))
                r->failed = MESH_ENOMEM;
        else
                draft->groups[draft->group_count++] = group;
}

static void read_rule(struct reader *r, const struct yaml_node *node)
{
        struct draft *draft = r->draft;
        struct rule_keys keys = { 0 };
        struct draft_rule rule = { .place = word_place(r, node) };
        int err = yaml_read(r->yaml, node, rule_fields, &keys);
        if (err == MESH_ENOMEM)
                r->failed = err;
        refuse_unbuilt(r, keys.until);
        if (draft->rule_count == POLICY_RULES_MAX) {
                yaml_error(r->yaml, node, "more than %d rules", POLICY_RULES_MAX);
                r->failed = MESH_ELIMIT;
                return;
        }
        if (!grow(&draft->rules, sizeof(rule), draft->rule_count, &draft->rule_capacity)) {
                r->failed = MESH_ENOMEM;
                return;
        }
        if (keys.from)
                word_read_terms(r, keys.from, &rule.from);
        if (keys.to)
                word_read_terms(r, keys.to, &rule.to);
        if (keys.ports)
                word_read_ports(r, keys.ports, &rule.ports);
        draft->rules[draft->rule_count++] = rule;
}

static void read_file(struct reader *r)
{
        struct file_keys keys = { 0 };
        const struct yaml_node *root = yaml_root(r->yaml);
        int err = yaml_read(r->yaml, root, file_fields, &keys);
        if (err == MESH_ENOMEM)
                r->failed = err;
        if (!err && keys.version != LANGUAGE_VERSION)
                yaml_error(r->yaml, yaml_get(root, "version"),
                           "version %llu is not known, this program reads version %d",
                           (unsigned long long)keys.version, LANGUAGE_VERSION);
        for (size_t i = 0; i < sizeof(keys.later) / sizeof(keys.later[0]); i++)
                refuse_unbuilt(r, keys.later[i]);
        if (keys.groups && keys.groups->kind != YAML_MAPPING)
                yaml_error(r->yaml, keys.groups, "expected a mapping (`name: [members]`)");
        else if (keys.groups)
                for (const struct yaml_node *n = keys.groups->first; n && !r->failed; n = n->next)
                        read_group(r, n);
        if (keys.allow && keys.allow->kind != YAML_SEQUENCE)
                yaml_error(r->yaml, keys.allow, "expected a list of rules");
        else if (keys.allow)
                for (const struct yaml_node *n = keys.allow->first; n && !r->failed; n = n->next)
                        read_rule(r, n);
}

int draft_add_file(struct draft *draft, const struct policy_file *file)
{
        struct reader r = { .draft = draft };
        r.path = word_keep(&r, file->path);
        if (!r.path)
                return MESH_ENOMEM;
        int err = yaml_parse(file->path, file->bytes, file->len, YAML_BYTES_MAX, draft->findings,
                             &r.yaml);
        if (err) /* a bad file keeps nobody from reading the others */
                return err == MESH_ENOMEM ? err : 0;
        read_file(&r);
        yaml_free(r.yaml);
        return r.failed;
}

/* ---- the draft ---- */

static int compare_groups(const void *a, const void *b)
{
        const struct draft_group *left = a, *right = b;
        int order = strcmp(left->name, right->name);
        if (order != 0)
                return order;
        order = strcmp(left->place.path, right->place.path);
        if (order != 0)
                return order;
        return left->place.line < right->place.line ? -1 : left->place.line > right->place.line;
}

void draft_sort_groups(struct draft *draft)
{
        if (draft->group_count == 0)
                return;
        qsort(draft->groups, draft->group_count, sizeof(draft->groups[0]), compare_groups);
        for (size_t i = 1; i < draft->group_count; i++) {
                const struct draft_group *first = &draft->groups[i - 1], *second = first + 1;
                if (strcmp(first->name, second->name) == 0)
                        draft_error(draft, &second->place,
                                    "group `%s` stands here twice (also in %s:%u)", second->name,
                                    first->place.path, first->place.line);
        }
}

static int compare_name(const void *key, const void *item)
{
        return strcmp(key, ((const struct draft_group *)item)->name);
}

struct draft_group *draft_find_group(const struct draft *draft, const char *name)
{
        if (draft->group_count == 0)
                return NULL;
        return bsearch(name, draft->groups, draft->group_count, sizeof(draft->groups[0]),
                       compare_name);
}

void draft_done(struct draft *draft)
{
        for (size_t i = 0; i < draft->rule_count; i++)
                portset_done(&draft->rules[i].ports);
        free(draft->groups);
        free(draft->rules);
        *draft = (struct draft){ 0 };
}

void draft_error(struct draft *draft, const struct place *place, const char *format, ...)
{
        char message[320];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        findings_error(draft->findings, place->path, place->line, place->column, "%s", message);
}
