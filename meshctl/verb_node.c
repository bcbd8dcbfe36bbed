/* meshctl node list / show / remove / approve / release. */
#include <stdio.h>
#include <string.h>

#include "mesh/v1/admin.pb-c.h"
#include "meshctl/output.h"
#include "meshctl/rpc.h"
#include "meshctl/verbs.h"

static json_t *json_strings(char *const *texts, size_t count)
{
        json_t *array = json_array();
        for (size_t i = 0; i < count; i++)
                (void)json_array_append_new(array, json_string(texts[i]));
        return array;
}

static json_t *node_json(const Mesh__V1__Node *node)
{
        const Mesh__V1__HostFacts none = MESH__V1__HOST_FACTS__INIT;
        const Mesh__V1__HostFacts *facts = node->facts ? node->facts : &none;
        return json_pack(
                "{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:{s:s, s:s, s:s, s:s}, s:s, s:o, s:o, "
                "s:b, s:o, s:I, s:o, s:o, s:o, s:s, s:b, s:o}",
                "id", output_json_hex(&node->node_id), "name", node->name, "claimed_name",
                node->claimed_name, "tags", json_strings(node->tags, node->n_tags), "addresses",
                output_json_prefixes(node->addresses, node->n_addresses, false), "endpoints",
                output_json_endpoints(node->endpoints, node->n_endpoints), "identity",
                output_json_hex(&node->identity), "wireguard_key",
                output_json_key(&node->wireguard_key), "facts", "hostname", facts->hostname,
                "system", facts->system, "kernel", facts->kernel, "machine", facts->machine,
                "software", node->versions ? node->versions->software : "", "enrolled",
                output_json_time(node->enrolled_ms), "last_seen",
                output_json_time(node->last_seen_ms), "connected", node->connected, "stream_age_ms",
                node->connected ? json_integer((json_int_t)node->stream_age_ms) : json_null(),
                "applied_generation", (json_int_t)node->applied_generation, "policy_hash",
                output_json_hex(&node->policy_hash), "access_hash",
                output_json_hex(&node->access_hash), "wanted_access_hash",
                output_json_hex(&node->wanted_access_hash), "apply_error", node->apply_error,
                "ephemeral", node->ephemeral, "setup_key", output_json_hex(&node->setup_key_id));
}

static int list_nodes(const struct invocation *in, struct rpc_reply *reply)
{
        Mesh__V1__ListNodesRequest request = MESH__V1__LIST_NODES_REQUEST__INIT;
        return rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/ListNodes", &request.base,
                        &mesh__v1__list_nodes_reply__descriptor, RPC_TIMEOUT_MS, reply);
}

static const char *policy_state(const Mesh__V1__Node *node)
{
        if (node->apply_error[0])
                return "error";
        if (node->wanted_access_hash.len == 0)
                return "none";
        bool same = node->access_hash.len == node->wanted_access_hash.len &&
                    memcmp(node->access_hash.data, node->wanted_access_hash.data,
                           node->access_hash.len) == 0;
        return same ? "applied" : "pending";
}

static void print_node_row(struct output_table *table, const Mesh__V1__Node *node)
{
        char name[OUTPUT_TEXT_MAX], addresses[OUTPUT_TEXT_MAX], seen[OUTPUT_TEXT_MAX];
        char tags[OUTPUT_TEXT_MAX] = "";
        for (size_t i = 0, used = 0; i < node->n_tags && used < sizeof(tags) - 1; i++)
                used += (size_t)snprintf(tags + used, sizeof(tags) - used, "%s%s", i ? "," : "",
                                         node->tags[i]);
        (void)snprintf(name, sizeof(name), node->claimed_name[0] ? "%s (claims %s)" : "%s",
                       node->name, node->claimed_name);
        output_relative(node->last_seen_ms, seen);
        const char *const cells[] = {
                name, output_addresses(node->addresses, node->n_addresses, addresses), tags,
                node->connected ? "connected" : seen, policy_state(node)
        };
        output_table_row(table, cells);
}

int verb_node_list(const struct invocation *in)
{
        struct rpc_reply reply;
        int code = list_nodes(in, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__ListNodesReply *list =
                        (const Mesh__V1__ListNodesReply *)reply.message;
                if (in->json) {
                        json_t *array = json_array();
                        for (size_t i = 0; i < list->n_nodes; i++)
                                (void)json_array_append_new(array, node_json(list->nodes[i]));
                        output_json(json_pack("{s:o}", "nodes", array));
                } else {
                        static const char *const columns[] = { "NAME", "ADDRESSES", "TAGS",
                                                               "SEEN", "POLICY",    NULL };
                        struct output_table *table = output_table_new(columns);
                        for (size_t i = 0; i < list->n_nodes; i++)
                                print_node_row(table, list->nodes[i]);
                        output_table_print(table);
                }
        }
        rpc_reply_done(&reply);
        return code;
}

static void print_node(const Mesh__V1__Node *node)
{
        char text[OUTPUT_TEXT_MAX];
        (void)printf("name          %s\n", node->name);
        if (node->claimed_name[0])
                (void)printf("claims        %s  (give it with: meshctl node approve %s)\n",
                             node->claimed_name, node->name);
        (void)printf("id            %s\n", output_hex(&node->node_id, 0, text));
        (void)printf("addresses     %s\n",
                     output_addresses(node->addresses, node->n_addresses, text));
        for (size_t i = 0; i < node->n_tags; i++)
                (void)printf("tag           %s\n", node->tags[i]);
        for (size_t i = 0; i < node->n_endpoints; i++)
                (void)printf("endpoint      %s\n", output_endpoint(node->endpoints[i], text));
        (void)printf("identity      %s\n", output_hex(&node->identity, 0, text));
        if (node->facts)
                (void)printf("host          %s, %s, %s %s\n", node->facts->hostname,
                             node->facts->system, node->facts->kernel, node->facts->machine);
        (void)printf("enrolled      %s\n", output_relative(node->enrolled_ms, text));
        (void)printf("seen          %s\n",
                     node->connected ? "connected" : output_relative(node->last_seen_ms, text));
        (void)printf("policy        %s%s%s\n", policy_state(node), node->apply_error[0] ? ": " : "",
                     node->apply_error);
}

static bool is_selected(const Mesh__V1__Node *node, const char *selector)
{
        char id[OUTPUT_TEXT_MAX];
        return strcmp(node->name, selector) == 0 ||
               strcmp(output_hex(&node->node_id, 0, id), selector) == 0;
}

int verb_node_show(const struct invocation *in)
{
        struct rpc_reply reply;
        int code = list_nodes(in, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__ListNodesReply *list =
                        (const Mesh__V1__ListNodesReply *)reply.message;
                const Mesh__V1__Node *found = NULL;
                for (size_t i = 0; i < list->n_nodes && !found; i++)
                        if (is_selected(list->nodes[i], in->arguments[0]))
                                found = list->nodes[i];
                if (!found)
                        code = output_error(in, EXIT_FAILED, "not_found",
                                            "no node is called `%s`; see `meshctl node list`",
                                            in->arguments[0]);
                else if (in->json)
                        output_json(json_pack("{s:o}", "node", node_json(found)));
                else
                        print_node(found);
        }
        rpc_reply_done(&reply);
        return code;
}

int verb_node_remove(const struct invocation *in)
{
        Mesh__V1__NodeSelector request = MESH__V1__NODE_SELECTOR__INIT;
        struct rpc_reply reply;
        request.node = (char *)in->arguments[0];
        int code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/RemoveNode", &request.base,
                            &mesh__v1__remove_node_reply__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__RemoveNodeReply *removed =
                        (const Mesh__V1__RemoveNodeReply *)reply.message;
                if (in->json) {
                        output_json(json_pack(
                                "{s:b, s:o, s:o}", "removed", true, "node",
                                node_json(removed->node), "unacknowledged",
                                json_strings(removed->unacknowledged, removed->n_unacknowledged)));
                } else {
                        (void)printf("%s is removed and barred; its name is reserved until "
                                     "`meshctl node release %s`\n",
                                     removed->node->name, removed->node->name);
                        for (size_t i = 0; i < removed->n_unacknowledged; i++)
                                (void)printf("not acknowledged yet: %s\n",
                                             removed->unacknowledged[i]);
                }
        }
        rpc_reply_done(&reply);
        return code;
}

int verb_node_approve(const struct invocation *in)
{
        Mesh__V1__NodeSelector request = MESH__V1__NODE_SELECTOR__INIT;
        struct rpc_reply reply;
        request.node = (char *)in->arguments[0];
        int code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/ApproveNode", &request.base,
                            &mesh__v1__node__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__Node *node = (const Mesh__V1__Node *)reply.message;
                if (in->json)
                        output_json(json_pack("{s:o}", "node", node_json(node)));
                else
                        (void)printf("%s is now %s\n", in->arguments[0], node->name);
        }
        rpc_reply_done(&reply);
        return code;
}

int verb_node_release(const struct invocation *in)
{
        Mesh__V1__ReleaseNameRequest request = MESH__V1__RELEASE_NAME_REQUEST__INIT;
        struct rpc_reply reply;
        request.name = (char *)in->arguments[0];
        int code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/ReleaseName", &request.base,
                            &mesh__v1__release_name_reply__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK && in->json)
                output_json(json_pack("{s:s}", "released", in->arguments[0]));
        else if (code == EXIT_OK)
                (void)printf("the name %s is free\n", in->arguments[0]);
        rpc_reply_done(&reply);
        return code;
}
