/* From the store's image to the registry's state, and to netmap's. See private.h. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "coordinator/registry/private.h"

/* Old policies that are compiled again at a start, so that positions before them resume. */
enum { OLD_POLICIES_MAX = 32 };

void state_done(struct state *state)
{
        node_table_done(&state->nodes);
        lease_table_done(&state->leases);
        key_table_done(&state->keys);
        bar_table_done(&state->bars);
        netmap_policy_unref(state->policy);
        sodium_memzero(state, sizeof(*state));
}

static int load_nodes(struct state *state, const struct store_image *image)
{
        int err = 0;
        for (size_t i = 0; !err && i < image->node_count; i++) {
                struct node *node = calloc(1, sizeof(*node));
                if (!node)
                        return MESH_ENOMEM;
                node->record = image->nodes[i];
                member_ref(node->record.member);
                err = node_table_add(&state->nodes, node);
        }
        return err == MESH_EEXIST ? MESH_EDAMAGED : err;
}

static int load_lists(struct state *state, const struct store_image *image)
{
        int err = 0;
        for (size_t i = 0; !err && i < image->lease_count; i++)
                err = lease_table_add(&state->leases, &image->leases[i]);
        for (size_t i = 0; !err && i < image->setup_key_count; i++)
                err = key_table_add(&state->keys, &image->setup_keys[i]);
        for (size_t i = 0; !err && i < image->reservation_count; i++)
                err = bar_name(&state->bars, image->reservations[i]);
        for (size_t i = 0; !err && i < image->removal_count; i++)
                err = bar_identity(&state->bars, &image->removals[i]);
        return err;
}

/* Version 0 is the policy without files. */
static int compile_version(const struct store_image *image, uint64_t version,
                           struct netmap_policy **ret_policy)
{
        const struct policy_record *record = NULL;
        for (size_t i = 0; i < image->policy_count; i++)
                if (image->policies[i].version == version)
                        record = &image->policies[i];
        size_t count = record ? record->file_count : 0;
        if (!record && version)
                return MESH_EDAMAGED;
        struct policy_file *files = calloc(count + 1, sizeof(*files));
        if (!files)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count; i++)
                files[i] = (struct policy_file){ .path = record->files[i].path,
                                                 .bytes = record->files[i].text,
                                                 .len = record->files[i].len };
        struct findings findings = { 0 };
        int err = registry_compile_policy(files, count, version, &findings, ret_policy);
        findings_done(&findings);
        free(files);
        return err;
}

int state_load(struct registry *r, const struct store_image *image, struct state *state)
{
        *state = (struct state){ .meta = image->meta };
        node_table_init(&state->nodes, r->env);
        key_table_init(&state->keys, r->env);
        bar_table_init(&state->bars, r->env);
        int err = lease_table_init(&state->leases, r->env, &image->meta.ipv4);
        if (err == MESH_EINVAL)
                err = MESH_EDAMAGED;
        if (!err)
                err = load_nodes(state, image);
        if (!err)
                err = load_lists(state, image);
        if (!err)
                err = compile_version(image, image->meta.policy_version, &state->policy);
        if (err)
                state_done(state);
        return err;
}

/* What a node is besides its record lives on across a reload. */
static void keep_memory(struct registry *r, struct state *fresh)
{
        r->connected = 0;
        for (size_t i = 0; i < fresh->nodes.count; i++) {
                struct node *node = fresh->nodes.by_name[i];
                const struct node *old = index_find(&r->state.nodes.by_id, node->record.member->id);
                if (!old)
                        continue;
                struct node_record record = node->record;
                *node = *old;
                node->record = record;
                r->connected += node->connected;
        }
}

int registry_adopt(struct registry *r, const struct store_image *image)
{
        struct state fresh;
        int err = state_load(r, image, &fresh);
        if (err)
                return err;
        /* netmap knows durable things only: mostly it is right already. */
        if (!r->state.policy || netmap_generation(r->netmap) != fresh.meta.generation)
                err = state_feed(r, &fresh, image);
        if (err) {
                state_done(&fresh);
                return err;
        }
        keep_memory(r, &fresh);
        state_done(&r->state);
        r->state = fresh;
        return 0;
}

/* ---- netmap's log ---- */

/* The compiled policies of the log, by version: the changes come in order, so few are alive. */
struct policies {
        const struct store_image *image;
        struct netmap_policy *items[OLD_POLICIES_MAX + 1];
        size_t count;
};

static struct netmap_policy *policy_of(struct policies *p, uint64_t version)
{
        for (size_t i = 0; i < p->count; i++)
                if (p->items[i]->version == version)
                        return p->items[i];
        if (p->count == sizeof(p->items) / sizeof(p->items[0]) ||
            compile_version(p->image, version, &p->items[p->count]))
                return NULL;
        return p->items[p->count++];
}

/* Fills LOG from its end; stops where a gap or a policy that cannot be compiled any more ends what
 * can be undone. Returns the first filled place. */
static size_t fill_log(struct policies *policies, struct netmap_change *log,
                       const struct store_image *image)
{
        uint64_t expected = image->meta.generation;
        for (size_t i = image->change_count; i-- > 0; expected--) {
                const struct change_record *record = &image->changes[i];
                struct netmap_change *change = &log[i];
                if (record->generation != expected)
                        return i + 1;
                change->generation = record->generation;
                change->before = record->before;
                change->after = record->after;
                memcpy(change->log_hash, record->log_hash, sizeof(change->log_hash));
                if (!record->is_policy)
                        continue;
                change->policy_after = policy_of(policies, record->policy_after);
                change->policy_before = policy_of(policies, record->policy_before);
                if (!change->policy_after || !change->policy_before)
                        return i + 1;
        }
        return 0;
}

int state_feed(struct registry *r, const struct state *state, const struct store_image *image)
{
        struct policies policies = { .image = image };
        size_t count = state->nodes.count;
        const struct member **members = calloc(count + 1, sizeof(*members));
        struct netmap_change *log = calloc(image->change_count + 1, sizeof(*log));
        int err = members && log ? 0 : MESH_ENOMEM;
        if (!err) {
                for (size_t i = 0; i < count; i++)
                        members[i] = state->nodes.by_name[i]->record.member;
                policies.items[policies.count++] = netmap_policy_ref(state->policy);
                size_t first = fill_log(&policies, log, image);
                struct netmap_state feed = {
                        .epoch_start_ms = state->meta.epoch.start_ms,
                        .epoch_random = state->meta.epoch.random,
                        .generation = state->meta.generation,
                        .policy = state->policy,
                        .members = members,
                        .member_count = count,
                        .log = log + first,
                        .log_count = image->change_count - first,
                };
                memcpy(feed.log_hash, state->meta.log_hash, sizeof(feed.log_hash));
                position_key_from_identity(&r->identity, &feed.position_key);
                err = netmap_load(r->netmap, &feed);
                position_key_done(&feed.position_key);
        }
        for (size_t i = 0; i < policies.count; i++)
                netmap_policy_unref(policies.items[i]);
        free(members);
        free(log);
        return err;
}
