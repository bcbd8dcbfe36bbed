/* A policy's life: parse in steps, simple questions, free. */
#include "firewall/policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "firewall/policy/model.h"

enum {
        FILES_BYTES_MAX = 4 << 20, /* of all files together: what fits one message */
        ARENA_BYTES_MAX = 512 << 20,
};

static struct policy *policy_new(void)
{
        struct policy *policy = calloc(1, sizeof(*policy));
        if (!policy)
                return NULL;
        policy->arena = arena_new(ARENA_BYTES_MAX);
        if (!policy->arena) {
                free(policy);
                return NULL;
        }
        return policy;
}

static int check_sizes(const struct policy_file *files, size_t count, struct findings *findings)
{
        size_t total = 0;
        for (size_t i = 0; i < count; i++) {
                total += files[i].len;
                if (i < POLICY_FILES_MAX && total <= FILES_BYTES_MAX)
                        continue;
                findings_error(findings, files[i].path, 0, 0,
                               "the policy is too large: at most %d files and %d bytes in all",
                               POLICY_FILES_MAX, FILES_BYTES_MAX);
                return MESH_ELIMIT;
        }
        return 0;
}

static int keep_groups(struct policy *policy, const struct draft *draft)
{
        size_t count = draft->group_count;
        policy->groups = arena_alloc(policy->arena, count * sizeof(const char *));
        policy->group_places = arena_alloc(policy->arena, count * sizeof(struct place));
        if (!policy->groups || !policy->group_places)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count; i++) {
                policy->groups[i] = draft->groups[i].name;
                policy->group_places[i] = draft->groups[i].place;
        }
        policy->group_count = count;
        return 0;
}

static int build(struct policy *policy, struct draft *draft, const struct policy_file *files,
                 size_t count)
{
        size_t errors = draft->findings->errors;
        int err = 0;
        for (size_t i = 0; i < count && !err; i++)
                err = draft_add_file(draft, &files[i]);
        if (err)
                return err;
        draft_sort_groups(draft);
        err = keep_groups(policy, draft);
        if (!err)
                err = policy_expand(policy, draft);
        if (!err && draft->findings->errors > errors)
                err = MESH_EFORMAT;
        if (!err)
                err = policy_compile(policy, draft);
        if (!err)
                err = policy_compute_hash(policy);
        if (err == MESH_ELIMIT && draft->findings->errors == errors)
                findings_error(draft->findings, files[0].path, 0, 0, "the policy is too large");
        return err;
}

int policy_parse(const struct policy_file *files, size_t count, struct findings *findings,
                 struct policy **ret_policy)
{
        int err = check_sizes(files, count, findings);
        if (err)
                return err;
        struct policy *policy = policy_new();
        if (!policy)
                return MESH_ENOMEM;
        struct draft draft = { .arena = policy->arena, .findings = findings };
        err = build(policy, &draft, files, count);
        draft_done(&draft);
        findings_sort(findings);
        if (err) {
                policy_free(policy);
                return err;
        }
        *ret_policy = policy;
        return 0;
}

void policy_free(struct policy *policy)
{
        if (!policy)
                return;
        arena_free(policy->arena);
        free(policy);
}

const uint8_t *policy_hash(const struct policy *policy)
{
        return policy->hash;
}

size_t policy_rule_count(const struct policy *policy)
{
        return policy->rule_count;
}

size_t policy_group_count(const struct policy *policy)
{
        return policy->group_count;
}

bool policy_mentions_node(const struct policy *policy, const char *name)
{
        return policy_find_atom(policy, ATOM_NODE, name) != NULL;
}
