/* The table of members, and what administrators and members do to one. See private.h. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "coordinator/registry/private.h"

static const void *id_of(const void *item)
{
        return ((const struct node *)item)->record.member->id;
}

static const void *identity_of(const void *item)
{
        return ((const struct node *)item)->record.member->identity;
}

static const void *wireguard_key_of(const void *item)
{
        return ((const struct node *)item)->record.member->wireguard_key;
}

void node_table_init(struct node_table *t, const struct env *env)
{
        *t = (struct node_table){ 0 };
        index_init(&t->by_id, env, NODE_ID_BYTES, id_of);
        index_init(&t->by_identity, env, KEY_BYTES, identity_of);
        index_init(&t->by_wireguard_key, env, KEY_BYTES, wireguard_key_of);
}

static void node_free(struct node *node)
{
        member_unref(node->record.member);
        free(node);
}

void node_table_done(struct node_table *t)
{
        for (size_t i = 0; i < t->count; i++)
                node_free(t->by_name[i]);
        free(t->by_name);
        index_done(&t->by_id);
        index_done(&t->by_identity);
        index_done(&t->by_wireguard_key);
        *t = (struct node_table){ 0 };
}

/* The first place whose name is not before NAME. */
static size_t place_of(const struct node_table *t, const char *name)
{
        size_t low = 0, high = t->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (strcmp(t->by_name[middle]->record.member->name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct node *node_table_by_name(const struct node_table *t, const char *name)
{
        size_t place = place_of(t, name);
        bool found = place < t->count && !strcmp(t->by_name[place]->record.member->name, name);
        return found ? t->by_name[place] : NULL;
}

static int make_room(struct node_table *t)
{
        if (t->count == t->capacity) {
                size_t capacity = t->capacity ? 2 * t->capacity : 16;
                struct node **grown = realloc(t->by_name, capacity * sizeof(*grown));
                if (!grown)
                        return MESH_ENOMEM;
                t->by_name = grown;
                t->capacity = capacity;
        }
        int err = index_reserve(&t->by_id, 1);
        if (!err)
                err = index_reserve(&t->by_identity, 1);
        if (!err)
                err = index_reserve(&t->by_wireguard_key, 1);
        return err;
}

static void insert_by_name(struct node_table *t, struct node *node)
{
        size_t place = place_of(t, node->record.member->name);
        memmove(&t->by_name[place + 1], &t->by_name[place],
                (t->count - place) * sizeof(*t->by_name));
        t->by_name[place] = node;
        t->count++;
}

static void take_by_name(struct node_table *t, const struct node *node)
{
        size_t place = place_of(t, node->record.member->name);
        t->count--;
        memmove(&t->by_name[place], &t->by_name[place + 1],
                (t->count - place) * sizeof(*t->by_name));
}

int node_table_add(struct node_table *t, struct node *node)
{
        const struct member *m = node->record.member;
        int err = make_room(t);
        if (!err && (node_table_by_name(t, m->name) || index_find(&t->by_id, m->id) ||
                     index_find(&t->by_identity, m->identity) ||
                     index_find(&t->by_wireguard_key, m->wireguard_key)))
                err = MESH_EEXIST;
        if (err) {
                node_free(node);
                return err;
        }
        (void)index_put(&t->by_id, node); /* there is room */
        (void)index_put(&t->by_identity, node);
        (void)index_put(&t->by_wireguard_key, node);
        insert_by_name(t, node);
        return 0;
}

void node_table_remove(struct node_table *t, struct node *node)
{
        index_remove(&t->by_id, node->record.member->id);
        index_remove(&t->by_identity, node->record.member->identity);
        index_remove(&t->by_wireguard_key, node->record.member->wireguard_key);
        take_by_name(t, node);
        node_free(node);
}

void node_table_update(struct node_table *t, struct node *node, struct member *after)
{
        take_by_name(t, node);
        member_unref(node->record.member);
        node->record.member = after;
        insert_by_name(t, node);
}

struct node *node_find(const struct registry *r, const uint8_t id[static NODE_ID_BYTES])
{
        return index_find(&r->state.nodes.by_id, id);
}

struct node *node_select(const struct registry *r, const char *id_or_name)
{
        uint8_t id[NODE_ID_BYTES];
        size_t len = 0;
        struct node *node = node_table_by_name(&r->state.nodes, id_or_name);
        if (!node && strlen(id_or_name) == 2 * sizeof(id) &&
            sodium_hex2bin(id, sizeof(id), id_or_name, 2 * sizeof(id), NULL, &len, NULL) == 0 &&
            len == sizeof(id))
                node = node_find(r, id);
        return node;
}

/* ---- views ---- */

const struct node *registry_find_node(const struct registry *r,
                                      const uint8_t id[static NODE_ID_BYTES])
{
        return node_find(r, id);
}

const struct node *registry_select_node(const struct registry *r, const char *id_or_name)
{
        return node_select(r, id_or_name);
}

const struct node *registry_next_node(const struct registry *r, size_t *cursor)
{
        const struct node_table *t = &r->state.nodes;
        return *cursor < t->count ? t->by_name[(*cursor)++] : NULL;
}

size_t registry_node_count(const struct registry *r)
{
        return r->state.nodes.count;
}

size_t registry_connected_count(const struct registry *r)
{
        return r->connected;
}

/* ---- changes ---- */

int node_take_out(struct edit *e, struct node *node)
{
        struct registry *r = e->r;
        const struct member *m = node->record.member;
        int err = edit_change_node(e, m, NULL);
        if (err)
                return err;
        store_delete_node(e->tx, m->id);
        const struct lease_record *lease =
                lease_release(&r->state.leases, m->identity, env_wall_ms(r->env));
        if (lease)
                store_put_lease(e->tx, lease);
        if (node->connected)
                r->connected--;
        node_table_remove(&r->state.nodes, node);
        return 0;
}

static void take_out_and_submit(struct edit *e, struct node *node)
{
        int err = node_take_out(e, node);
        if (err)
                edit_abort(e, err);
        else
                edit_submit(e, REGISTRY_OK);
}

void registry_leave(struct registry *r, const uint8_t id[static NODE_ID_BYTES],
                    struct registry_call *call)
{
        struct node *node = node_find(r, id);
        struct edit *e = edit_begin(r, call, "node leave", node ? node->record.member->name : "");
        if (!e)
                return;
        memcpy(call->node_id, id, NODE_ID_BYTES);
        if (node)
                take_out_and_submit(e, node);
        else
                edit_submit(e, REGISTRY_NODE_UNKNOWN);
}

void nodes_sweep(struct registry *r, uint64_t now_ms)
{
        struct node_table *t = &r->state.nodes;
        for (size_t i = t->count; i-- > 0;) {
                struct node *node = t->by_name[i];
                uint64_t since = node->last_contact_ms ? node->last_contact_ms : r->started_ms;
                if (!node->record.ephemeral_ms || node->connected ||
                    now_ms - since < node->record.ephemeral_ms)
                        continue;
                struct edit *e =
                        edit_begin(r, NULL, "ephemeral node release", node->record.member->name);
                if (e)
                        take_out_and_submit(e, node);
        }
}

void registry_remove_node(struct registry *r, const char *id_or_name, struct registry_call *call)
{
        struct edit *e = edit_begin(r, call, "node remove", id_or_name);
        if (!e)
                return;
        struct node *node = node_select(r, id_or_name);
        if (!node) {
                edit_submit(e, REGISTRY_NODE_UNKNOWN);
                return;
        }
        const struct member *m = node->record.member;
        struct removal_record removal = { .removed_ms = env_wall_ms(r->env) };
        memcpy(call->node_id, m->id, NODE_ID_BYTES);
        memcpy(removal.identity, m->identity, sizeof(removal.identity));
        memcpy(removal.node_id, m->id, sizeof(removal.node_id));
        memcpy(removal.name, m->name, sizeof(removal.name));
        int err = node_take_out(e, node);
        if (err) {
                edit_abort(e, err);
                return;
        }
        err = bar_identity(&r->state.bars, &removal);
        if (!err)
                err = bar_name(&r->state.bars, removal.name);
        if (err) {
                edit_break(e, err);
                return;
        }
        store_put_removal(e->tx, &removal);
        store_put_reservation(e->tx, removal.name, removal.removed_ms);
        edit_submit(e, REGISTRY_OK);
}

static void approve(struct edit *e, struct node *node)
{
        struct registry *r = e->r;
        const struct member *before = node->record.member;
        struct member image = *before;
        memcpy(image.name, node->record.claimed_name, sizeof(image.name));
        image.name_pending = false;
        struct member *after = member_new(&image);
        int err = after ? edit_change_node(e, before, after) : MESH_ENOMEM;
        if (err) {
                member_unref(after);
                edit_abort(e, err);
                return;
        }
        node_table_update(&r->state.nodes, node, after);
        node->record.claimed_name[0] = 0;
        if (bar_has_name(&r->state.bars, after->name)) {
                unbar_name(&r->state.bars, after->name);
                store_delete_reservation(e->tx, after->name);
        }
        store_put_node(e->tx, &node->record);
        edit_submit(e, REGISTRY_OK);
}

void registry_approve_node(struct registry *r, const char *id_or_name, struct registry_call *call)
{
        struct edit *e = edit_begin(r, call, "node approve", id_or_name);
        if (!e)
                return;
        struct node *node = node_select(r, id_or_name);
        if (node)
                memcpy(call->node_id, node->record.member->id, NODE_ID_BYTES);
        if (!node)
                edit_submit(e, REGISTRY_NODE_UNKNOWN);
        else if (!node->record.claimed_name[0])
                edit_submit(e, REGISTRY_NOTHING_CLAIMED);
        else if (node_table_by_name(&r->state.nodes, node->record.claimed_name))
                edit_submit(e, REGISTRY_NAME_TAKEN);
        else
                approve(e, node);
}

void registry_release_name(struct registry *r, const char *name, struct registry_call *call)
{
        struct edit *e = edit_begin(r, call, "node release", name);
        if (!e)
                return;
        if (!bar_has_name(&r->state.bars, name)) {
                edit_submit(e, REGISTRY_NAME_NOT_RESERVED);
                return;
        }
        unbar_name(&r->state.bars, name);
        store_delete_reservation(e->tx, name);
        edit_submit(e, REGISTRY_OK);
}
