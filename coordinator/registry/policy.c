/* The live policy: applied, and compiled again from the store. 03-policy.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "coordinator/registry/private.h"
#include "firewall/policy/effective.h"

const struct policy *registry_policy(const struct registry *r)
{
        return r->state.policy->policy;
}

uint64_t registry_policy_version(const struct registry *r)
{
        return r->state.policy->version;
}

int registry_compile_policy(const struct policy_file *files, size_t count, uint64_t version,
                            struct findings *findings, struct netmap_policy **ret_policy)
{
        struct policy *policy = NULL;
        int err = policy_parse(files, count, findings, &policy);
        if (err)
                return err;
        *ret_policy = netmap_policy_new(policy, version);
        return *ret_policy ? 0 : MESH_ENOMEM;
}

/* Names against the members there are. */
static int check_names(const struct registry *r, const struct policy *policy,
                       struct findings *findings)
{
        const struct node_table *t = &r->state.nodes;
        struct policy_node *nodes = calloc(t->count + 1, sizeof(*nodes));
        if (!nodes)
                return MESH_ENOMEM;
        for (size_t i = 0; i < t->count; i++) {
                const struct member *m = t->by_name[i]->record.member;
                nodes[i].name = m->name_pending ? NULL : m->name;
                nodes[i].tags = m->tags;
                nodes[i].tag_count = m->tag_count;
        }
        int err = policy_check_names(policy, nodes, t->count, findings);
        free(nodes);
        return err;
}

static int put_record(struct edit *e, const struct netmap_policy *policy,
                      const struct policy_file *files, size_t count, const char *author,
                      const char *commit)
{
        struct policy_record record = { .version = policy->version, .file_count = count };
        memcpy(record.hash, policy_hash(policy->policy), sizeof(record.hash));
        snprintf(record.author, sizeof(record.author), "%s", author ? author : "");
        snprintf(record.commit, sizeof(record.commit), "%s", commit ? commit : "");
        record.applied_ms = env_wall_ms(e->r->env);
        record.files = calloc(count + 1, sizeof(*record.files));
        if (!record.files)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count; i++) {
                record.files[i].path = (char *)files[i].path; /* copied by the store */
                record.files[i].text = (uint8_t *)files[i].bytes;
                record.files[i].len = files[i].len;
        }
        store_put_policy(e->tx, &record);
        free(record.files);
        return 0;
}

/* Makes POLICY the live one. */
static void apply(struct edit *e, struct netmap_policy *policy)
{
        struct registry *r = e->r;
        netmap_policy_unref(r->state.policy);
        r->state.policy = netmap_policy_ref(policy);
        r->state.meta.policy_version = policy->version;
        if (e->call)
                e->call->policy_version = policy->version;
        edit_submit(e, REGISTRY_OK);
}

void registry_apply_policy(struct registry *r, const struct policy_file *files, size_t count,
                           const char *author, const char *commit, struct findings *findings,
                           struct registry_call *call)
{
        struct netmap_policy *policy = NULL;
        struct edit *e = edit_begin(r, call, "policy apply", author);
        if (!e)
                return;
        uint64_t live = r->state.policy->version;
        call->policy_version = live;
        int err = registry_compile_policy(files, count, live + 1, findings, &policy);
        if (!err)
                err = check_names(r, policy->policy, findings);
        bool unchanged = !err && live &&
                         !memcmp(policy_hash(policy->policy), policy_hash(r->state.policy->policy),
                                 POLICY_HASH_BYTES);
        if (!err && !unchanged)
                err = edit_change_policy(e, policy);
        if (!err && !unchanged)
                err = put_record(e, policy, files, count, author, commit);
        if (err == MESH_EFORMAT || err == MESH_ELIMIT)
                edit_submit(e, REGISTRY_INVALID);
        else if (err)
                edit_abort(e, err);
        else if (unchanged)
                edit_submit(e, REGISTRY_UNCHANGED);
        else
                apply(e, policy);
        netmap_policy_unref(policy);
}
