/* mesh.v1.Admin: policy and health. */
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "coordinator/api/admin.h"
#include "proto/convert.h"

/* The findings, kept until the version is durable. */
struct application {
        struct findings findings; /* freed in `answer_applied` */
};

static Mesh__V1__Finding *finding_message(struct pending *p, const struct finding *from)
{
        Mesh__V1__Finding *to = arena_alloc(p->arena, sizeof(*to));
        if (!to)
                return NULL;
        mesh__v1__finding__init(to);
        to->path = from->path;
        to->line = from->line;
        to->column = from->column;
        to->message = from->message;
        to->warning = from->warning;
        return to;
}

static void answer_applied(struct pending *p)
{
        struct application *a = (struct application *)p->request;
        const struct registry *registry = p->api->registry;
        Mesh__V1__ApplyPolicyReply reply = MESH__V1__APPLY_POLICY_REPLY__INIT;
        struct findings findings = a->findings;
        reply.findings = arena_alloc(p->arena, (findings.count + 1) * sizeof(*reply.findings));
        for (size_t i = 0; reply.findings && i < findings.count; i++) {
                Mesh__V1__Finding *finding = finding_message(p, &findings.items[i]);
                if (finding)
                        reply.findings[reply.n_findings++] = finding;
        }
        if (p->change.outcome != REGISTRY_INVALID) {
                reply.applied = p->change.outcome == REGISTRY_OK;
                reply.unchanged = p->change.outcome == REGISTRY_UNCHANGED;
                reply.version = registry_policy_version(registry);
                reply.policy_hash =
                        binary_of(policy_hash(registry_policy(registry)), POLICY_HASH_BYTES);
                reply.generation = p->change.generation;
        }
        pending_reply(p, &reply.base);
        findings_done(&findings);
}

/* Findings are a result, not an error: INVALID with findings is answered, too. */
static void apply_done(struct registry_call *change)
{
        struct pending *p = change->user;
        struct application *a = (struct application *)p->request;
        if (reply_status_of(change->outcome) == GRPC_OK ||
            (change->outcome == REGISTRY_INVALID && a->findings.errors > 0)) {
                answer_applied(p);
                return;
        }
        findings_done(&a->findings);
        pending_refuse(p, reply_status_of(change->outcome), registry_outcome_word(change->outcome),
                       registry_outcome_text(change->outcome));
}

void admin_apply_policy(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p = admin_begin(call, &mesh__v1__apply_policy_request__descriptor, bytes,
                                        len, answer_applied);
        if (!p)
                return;
        const Mesh__V1__ApplyPolicyRequest *request = p->request;
        struct application *a = arena_alloc(p->arena, sizeof(*a));
        struct policy_file *files = arena_alloc(p->arena, (request->n_files + 1) * sizeof(*files));
        if (!a || !files) {
                admin_no_memory(p);
                return;
        }
        for (size_t i = 0; i < request->n_files; i++)
                files[i] = (struct policy_file){ .path = request->files[i]->path,
                                                 .bytes = request->files[i]->text.data,
                                                 .len = request->files[i]->text.len };
        p->request = a;
        p->change.done = apply_done;
        registry_apply_policy(p->api->registry, files, request->n_files, request->author,
                              request->commit, &a->findings, &p->change);
}

void admin_get_health(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p =
                admin_begin(call, &mesh__v1__get_health_request__descriptor, bytes, len, NULL);
        if (!p)
                return;
        const struct registry *registry = p->api->registry;
        const struct meta_record *meta = registry_meta(registry);
        const struct ip_prefix prefixes[] = { meta->ipv4, meta->ipv6 };
        const char *detail = NULL;
        Mesh__V1__GetHealthReply reply = MESH__V1__GET_HEALTH_REPLY__INIT;
        Mesh__V1__Epoch epoch = MESH__V1__EPOCH__INIT;
        epoch.start_ms = meta->epoch.start_ms;
        epoch.random = meta->epoch.random;
        reply.ok = registry_healthy(registry, &detail);
        reply.detail = (char *)(detail ? detail : "");
        reply.software = (char *)MESH_VERSION;
        reply.epoch = &epoch;
        reply.generation = netmap_generation(p->api->netmap);
        reply.nodes = (uint32_t)registry_node_count(registry);
        reply.connected = (uint32_t)registry_connected_count(registry);
        reply.uptime_ms = env_monotonic_ms(p->api->env) - p->api->started_ms;
        reply.listeners = (char **)(void *)p->api->public->listeners;
        reply.n_listeners = p->api->public->listener_count;
        reply.mesh_prefixes = prefixes_to_message(prefixes, 2, p->arena);
        reply.n_mesh_prefixes = reply.mesh_prefixes ? 2 : 0;
        reply.policy_version = registry_policy_version(registry);
        reply.policy_hash = binary_of(policy_hash(registry_policy(registry)), POLICY_HASH_BYTES);
        reply.identity = binary_of(registry_identity(registry)->public_key, KEY_BYTES);
        pending_reply(p, &reply.base);
}
