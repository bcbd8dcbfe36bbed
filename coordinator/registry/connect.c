/* What a connected member does: instance tokens, signs of life, reports. 02-protocol.md, "Cloned
 * machines". */
#include <sodium.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "coordinator/registry/private.h"

static bool token_is(const struct instance_token *token, const uint8_t *bytes, size_t len)
{
        return token->len == len && (len == 0 || sodium_memcmp(token->bytes, bytes, len) == 0);
}

/* The newest, or the one before it as long as the newest may not have been stored. */
static bool token_accepted(const struct node_record *record, const uint8_t *token, size_t len)
{
        return token_is(&record->newest_token, token, len) ||
               (record->previous_token_valid && token_is(&record->previous_token, token, len));
}

/* The shown token becomes the one before: who shows another one is not the machine that holds the
 * newest. */
static void next_token(struct registry *r, struct node_record *record, const uint8_t *token,
                       size_t len, uint8_t ret_next[static INSTANCE_TOKEN_BYTES])
{
        record->previous_token.len = (uint8_t)len;
        if (len)
                memcpy(record->previous_token.bytes, token, len);
        record->previous_token_valid = true;
        record->newest_token.len = INSTANCE_TOKEN_BYTES;
        env_random(r->env, record->newest_token.bytes, INSTANCE_TOKEN_BYTES);
        memcpy(ret_next, record->newest_token.bytes, INSTANCE_TOKEN_BYTES);
}

static void set_connected(struct registry *r, struct node *node, bool connected)
{
        if (connected && !node->connected)
                r->connected++;
        else if (!connected && node->connected)
                r->connected--;
        node->connected = connected;
}

static void alive(struct registry *r, struct node *node)
{
        node->last_contact_ms = env_monotonic_ms(r->env);
        node->last_seen_ms = env_wall_ms(r->env);
}

void registry_connect(struct registry *r, const uint8_t id[static NODE_ID_BYTES],
                      const uint8_t *token, size_t token_len, const struct peer_versions *versions,
                      struct registry_call *call)
{
        struct node *node = node_find(r, id);
        bool cloned = node && !token_accepted(&node->record, token, token_len);
        const char *action = !node || cloned ? "connect" : NULL; /* success is no event */
        struct edit *e = edit_begin(r, call, action, node ? node->record.member->name : "");
        if (!e)
                return;
        memcpy(call->node_id, id, NODE_ID_BYTES);
        if (!node || cloned) {
                edit_submit(e, node ? REGISTRY_CLONED : REGISTRY_NODE_UNKNOWN);
                return;
        }
        next_token(r, &node->record, token, token_len, call->next_token);
        node->record.versions = *versions;
        alive(r, node);
        store_put_tokens(e->tx, &node->record);
        edit_submit(e, REGISTRY_OK);
}

void registry_contact(struct registry *r, const uint8_t id[static NODE_ID_BYTES])
{
        struct node *node = node_find(r, id);
        if (!node)
                return;
        alive(r, node);
        if (!node->record.previous_token_valid)
                return;
        struct edit *e = edit_begin(r, NULL, NULL, NULL);
        if (!e)
                return;
        node->record.previous_token_valid = false;
        store_put_tokens(e->tx, &node->record);
        edit_submit(e, REGISTRY_OK);
}

void registry_connected(struct registry *r, const uint8_t id[static NODE_ID_BYTES])
{
        struct node *node = node_find(r, id);
        if (node)
                set_connected(r, node, true);
}

void registry_disconnect(struct registry *r, const uint8_t id[static NODE_ID_BYTES])
{
        struct node *node = node_find(r, id);
        if (node)
                set_connected(r, node, false);
}

static bool same_endpoints(const struct member *m, const struct ip_endpoint *endpoints,
                           size_t count)
{
        if (m->endpoint_count != count)
                return false;
        for (size_t i = 0; i < count; i++)
                if (ip_endpoint_compare(&m->endpoints[i], &endpoints[i]))
                        return false;
        return true;
}

void registry_report_endpoints(struct registry *r, const uint8_t id[static NODE_ID_BYTES],
                               const struct ip_endpoint *endpoints, size_t count)
{
        struct node *node = node_find(r, id);
        if (count > MEMBER_MAX_ENDPOINTS)
                count = MEMBER_MAX_ENDPOINTS;
        if (!node || same_endpoints(node->record.member, endpoints, count))
                return;
        struct edit *e = edit_begin(r, NULL, NULL, NULL);
        if (!e)
                return;
        struct member image = *node->record.member;
        image.endpoints = endpoints;
        image.endpoint_count = count;
        struct member *after = member_new(&image);
        int err = after ? edit_change_node(e, node->record.member, after) : MESH_ENOMEM;
        if (err) {
                member_unref(after);
                edit_abort(e, err);
                return;
        }
        node_table_update(&r->state.nodes, node, after);
        store_put_node(e->tx, &node->record);
        edit_submit(e, REGISTRY_OK);
}

void registry_report_applied(struct registry *r, const uint8_t id[static NODE_ID_BYTES],
                             const struct applied_report *report)
{
        struct node *node = node_find(r, id);
        if (node)
                node->applied = *report;
}
