/* meshctl health, meshctl version. */
#include <stdio.h>

#include "mesh/v1/admin.pb-c.h"
#include "meshctl/output.h"
#include "meshctl/rpc.h"
#include "meshctl/verbs.h"

static json_t *health_json(const Mesh__V1__GetHealthReply *health)
{
        json_t *listeners = json_array();
        for (size_t i = 0; i < health->n_listeners; i++)
                (void)json_array_append_new(listeners, json_string(health->listeners[i]));
        return json_pack("{s:b, s:s, s:s, s:I, s:i, s:i, s:I, s:o, s:o, s:I, s:o, s:o}", "ok",
                         health->ok, "detail", health->detail, "software", health->software,
                         "generation", (json_int_t)health->generation, "nodes", (int)health->nodes,
                         "connected", (int)health->connected, "uptime_ms",
                         (json_int_t)health->uptime_ms, "listeners", listeners, "mesh_prefixes",
                         output_json_prefixes(health->mesh_prefixes, health->n_mesh_prefixes, true),
                         "policy_version", (json_int_t)health->policy_version, "policy_hash",
                         output_json_hex(&health->policy_hash), "identity",
                         output_json_hex(&health->identity));
}

static void print_health(const Mesh__V1__GetHealthReply *health)
{
        char text[OUTPUT_TEXT_MAX];
        (void)printf("%s%s%s\n", health->ok ? "ok" : "not ok", health->detail[0] ? ": " : "",
                     health->detail);
        (void)printf("coordinator   %s, up %llu s\n", health->software,
                     (unsigned long long)(health->uptime_ms / 1000));
        for (size_t i = 0; i < health->n_listeners; i++)
                (void)printf("listens on    %s\n", health->listeners[i]);
        (void)printf("members       %u, %u connected\n", health->nodes, health->connected);
        (void)printf("generation    %llu\n", (unsigned long long)health->generation);
        if (health->policy_version == 0)
                (void)printf("policy        none: everything between members is denied\n");
        else
                (void)printf("policy        version %llu, hash %s\n",
                             (unsigned long long)health->policy_version,
                             output_hex(&health->policy_hash, 8, text));
}

int verb_health(const struct invocation *in)
{
        Mesh__V1__GetHealthRequest request = MESH__V1__GET_HEALTH_REQUEST__INIT;
        struct rpc_reply reply;
        int code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/GetHealth", &request.base,
                            &mesh__v1__get_health_reply__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__GetHealthReply *health =
                        (const Mesh__V1__GetHealthReply *)reply.message;
                if (in->json)
                        output_json(health_json(health));
                else
                        print_health(health);
                code = health->ok ? EXIT_OK : EXIT_FAILED;
        }
        rpc_reply_done(&reply);
        return code;
}

int verb_version(const struct invocation *in)
{
        if (in->json)
                output_json(json_pack("{s:s}", "version", MESH_VERSION));
        else
                (void)printf("meshctl %s\n", MESH_VERSION);
        return EXIT_OK;
}
