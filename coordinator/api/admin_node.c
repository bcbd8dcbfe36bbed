/* mesh.v1.Admin: members. */
#include <string.h>

#include "common/arena.h"
#include "coordinator/api/admin.h"
#include "coordinator/api/stream.h"
#include "proto/convert.h"

static char *text(struct pending *p, const char *from)
{
        char *copy = arena_text(p->arena, from, strlen(from));
        return copy ? copy : (char *)"";
}

static ProtobufCBinaryData bytes_copy(struct pending *p, const void *from, size_t len)
{
        void *copy = arena_copy(p->arena, from, len);
        return binary_of(copy, copy ? len : 0);
}

static Mesh__V1__HostFacts *facts(struct pending *p, const struct host_facts *from)
{
        Mesh__V1__HostFacts *to = arena_alloc(p->arena, sizeof(*to));
        if (!to)
                return NULL;
        mesh__v1__host_facts__init(to);
        to->hostname = text(p, from->hostname);
        to->system = text(p, from->system);
        to->kernel = text(p, from->kernel);
        to->machine = text(p, from->machine);
        return to;
}

static Mesh__V1__Versions *versions(struct pending *p, const struct peer_versions *from)
{
        Mesh__V1__Versions *to = arena_alloc(p->arena, sizeof(*to));
        if (!to)
                return NULL;
        mesh__v1__versions__init(to);
        to->lowest = from->lowest;
        to->highest = from->highest;
        to->features = from->features;
        to->software = text(p, from->software);
        return to;
}

static void add_identity(struct pending *p, const struct node_record *record, Mesh__V1__Node *to)
{
        const struct member *m = record->member;
        const struct ip_prefix addresses[] = { ip_prefix_of(m->v4), ip_prefix_of(m->v6) };
        to->node_id = bytes_copy(p, m->id, sizeof(m->id));
        to->name = text(p, m->name);
        to->claimed_name = text(p, record->claimed_name);
        to->tags = arena_alloc(p->arena, (m->tag_count + 1) * sizeof(*to->tags));
        for (size_t i = 0; to->tags && i < m->tag_count; i++)
                to->tags[to->n_tags++] = text(p, m->tags[i]);
        to->addresses = prefixes_to_message(addresses, 2, p->arena);
        to->n_addresses = to->addresses ? 2 : 0;
        to->endpoints = endpoints_to_message(m->endpoints, m->endpoint_count, p->arena);
        to->n_endpoints = to->endpoints ? m->endpoint_count : 0;
        to->identity = bytes_copy(p, m->identity, KEY_BYTES);
        to->wireguard_key = bytes_copy(p, m->wireguard_key, KEY_BYTES);
        to->facts = facts(p, &record->facts);
        to->versions = versions(p, &record->versions);
        to->enrolled_ms = (uint64_t)record->enrolled_ms;
        to->ephemeral = record->ephemeral_ms > 0;
        to->setup_key_id = bytes_copy(p, record->setup_key_id, SETUP_KEY_ID_BYTES);
}

static void add_state(struct pending *p, const struct node *node, Mesh__V1__Node *to)
{
        struct api *api = p->api;
        const struct applied_report *applied = &node->applied;
        const struct sync_stream *s = streams_find(api, node->record.member->id);
        uint8_t wanted[KEY_BYTES];
        to->last_seen_ms = (uint64_t)node->last_seen_ms;
        to->connected = node->connected;
        if (s)
                to->stream_age_ms = env_monotonic_ms(api->env) - s->heard_ms;
        to->applied_generation = applied->generation;
        if (applied->has_policy_hash)
                to->policy_hash = bytes_copy(p, applied->policy_hash, KEY_BYTES);
        if (applied->has_access_hash)
                to->access_hash = bytes_copy(p, applied->access_hash, KEY_BYTES);
        if (netmap_access_hash(api->netmap, node->record.member->id, wanted) == 0)
                to->wanted_access_hash = bytes_copy(p, wanted, KEY_BYTES);
        to->apply_error = text(p, applied->error);
}

Mesh__V1__Node *admin_node(struct pending *p, const struct node *node)
{
        Mesh__V1__Node *to = arena_alloc(p->arena, sizeof(*to));
        if (!to)
                return NULL;
        mesh__v1__node__init(to);
        add_identity(p, &node->record, to);
        add_state(p, node, to);
        return to;
}

void admin_list_nodes(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p =
                admin_begin(call, &mesh__v1__list_nodes_request__descriptor, bytes, len, NULL);
        Mesh__V1__ListNodesReply reply = MESH__V1__LIST_NODES_REPLY__INIT;
        if (!p)
                return;
        const struct registry *registry = p->api->registry;
        size_t count = registry_node_count(registry), cursor = 0;
        reply.nodes = arena_alloc(p->arena, (count + 1) * sizeof(*reply.nodes));
        const struct node *node;
        while (reply.nodes && reply.n_nodes < count &&
               (node = registry_next_node(registry, &cursor))) {
                reply.nodes[reply.n_nodes] = admin_node(p, node);
                if (!reply.nodes[reply.n_nodes++])
                        reply.nodes = NULL;
        }
        if (reply.nodes)
                pending_reply(p, &reply.base);
        else
                admin_no_memory(p);
}

/* ---- remove ---- */

/* What the removal tells, taken before it happens. */
struct removal {
        const char *selector;
        Mesh__V1__Node *node;
        uint8_t id[NODE_ID_BYTES];
};

/* Members that knew the node and have not confirmed that it is gone: those that netmap told of a
 * newer generation than they applied. */
static void removed(struct pending *p)
{
        const struct removal *r = p->request;
        const struct registry *registry = p->api->registry;
        Mesh__V1__RemoveNodeReply reply = MESH__V1__REMOVE_NODE_REPLY__INIT;
        size_t count = registry_node_count(registry), cursor = 0;
        reply.node = r->node;
        reply.unacknowledged = arena_alloc(p->arena, (count + 1) * sizeof(*reply.unacknowledged));
        const struct node *node;
        while (reply.unacknowledged && (node = registry_next_node(registry, &cursor))) {
                uint64_t wanted = netmap_wanted_generation(p->api->netmap, node->record.member->id);
                if (wanted >= p->change.generation && node->applied.generation < wanted &&
                    reply.n_unacknowledged < count)
                        reply.unacknowledged[reply.n_unacknowledged++] =
                                text(p, node->record.member->name);
        }
        pending_reply(p, &reply.base);
}

void admin_remove_node(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p =
                admin_begin(call, &mesh__v1__node_selector__descriptor, bytes, len, removed);
        struct removal *r = p ? arena_alloc(p->arena, sizeof(*r)) : NULL;
        if (!p)
                return;
        const Mesh__V1__NodeSelector *selector = p->request;
        const struct node *node = registry_select_node(p->api->registry, selector->node);
        if (r && node)
                r->node = admin_node(p, node);
        if (!r || (node && !r->node)) {
                admin_no_memory(p);
                return;
        }
        p->request = r;
        registry_remove_node(p->api->registry, selector->node, &p->change);
}

/* ---- approve, release ---- */

/* Only Welcome carries the member's own name: it learns the new one by coming back. */
static void approved(struct pending *p)
{
        const struct node *node = registry_find_node(p->api->registry, p->change.node_id);
        struct sync_stream *s = streams_find(p->api, p->change.node_id);
        if (s)
                sync_end(s, GRPC_UNAVAILABLE, "renamed", "this node has a new name; connect again");
        Mesh__V1__Node *reply = node ? admin_node(p, node) : NULL;
        if (reply)
                pending_reply(p, &reply->base);
        else
                pending_refuse(p, GRPC_NOT_FOUND, "node_unknown", "the node is gone");
}

void admin_approve_node(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p =
                admin_begin(call, &mesh__v1__node_selector__descriptor, bytes, len, approved);
        if (p)
                registry_approve_node(p->api->registry,
                                      ((const Mesh__V1__NodeSelector *)p->request)->node,
                                      &p->change);
}

static void released(struct pending *p)
{
        Mesh__V1__ReleaseNameReply reply = MESH__V1__RELEASE_NAME_REPLY__INIT;
        pending_reply(p, &reply.base);
}

void admin_release_name(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p = admin_begin(call, &mesh__v1__release_name_request__descriptor, bytes,
                                        len, released);
        if (p)
                registry_release_name(p->api->registry,
                                      ((const Mesh__V1__ReleaseNameRequest *)p->request)->name,
                                      &p->change);
}
