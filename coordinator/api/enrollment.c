/* mesh.v1.Enrollment: the only call that a stranger may make.
 *
 * What is told apart (expired, used up, revoked) is told only to who proved that he holds the key;
 * everybody else gets one text. 02-protocol.md, Enrollment.Enroll and Errors. */
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "coordinator/api/internal.h"
#include "proto/convert.h"
#include "proto/enroll.h"

/* The request, kept in the pending arena until its change is durable. */
struct enrollment {
        struct enroll_claim claim;
};

static void copy_text(char *to, size_t size, const char *from)
{
        (void)snprintf(to, size, "%s", from ? from : ""); /* cut: shown only */
}

static void facts_from(const Mesh__V1__HostFacts *from, struct host_facts *to)
{
        if (!from)
                return;
        copy_text(to->hostname, sizeof(to->hostname), from->hostname);
        copy_text(to->system, sizeof(to->system), from->system);
        copy_text(to->kernel, sizeof(to->kernel), from->kernel);
        copy_text(to->machine, sizeof(to->machine), from->machine);
}

static void versions_from(const Mesh__V1__Versions *from, struct peer_versions *to)
{
        if (!from)
                return;
        to->lowest = from->lowest;
        to->highest = from->highest;
        to->features = from->features;
        copy_text(to->software, sizeof(to->software), from->software);
}

/* What the new member is told. */
static int grant_make(struct pending *p, const struct node *node, Mesh__V1__EnrollGrantBody *grant)
{
        const struct api_public *public = p->api->public;
        const struct meta_record *meta = registry_meta(p->api->registry);
        const struct member *member = node->record.member;
        const struct ip_prefix addresses[] = { ip_prefix_of(member->v4), ip_prefix_of(member->v6) };
        const struct ip_prefix prefixes[] = { meta->ipv4, meta->ipv6 };
        grant->node_id = binary_of(member->id, NODE_ID_BYTES);
        grant->name = (char *)member->name;
        grant->name_pending = member->name_pending;
        grant->addresses = prefixes_to_message(addresses, 2, p->arena);
        grant->n_addresses = 2;
        grant->mesh_prefixes = prefixes_to_message(prefixes, 2, p->arena);
        grant->n_mesh_prefixes = 2;
        grant->coordinator_name = (char *)public->name;
        grant->coordinator_port = public->port;
        grant->pins = endpoints_to_message(public->pins, public->pin_count, p->arena);
        grant->n_pins = public->pin_count;
        grant->existing = p->change.outcome == REGISTRY_EXISTING;
        return grant->addresses && grant->mesh_prefixes && grant->pins ? 0 : MESH_ENOMEM;
}

static void enrolled(struct pending *p)
{
        const struct enrollment *e = p->request;
        const struct node *node = registry_find_node(p->api->registry, p->change.node_id);
        Mesh__V1__EnrollGrantBody grant = MESH__V1__ENROLL_GRANT_BODY__INIT;
        struct buffer reply = buffer_with_max(ENROLL_MESSAGE_MAX);
        if (!node) { /* removed between commit and answer */
                pending_refuse(p, GRPC_PERMISSION_DENIED, "barred", "this node was removed");
                return;
        }
        int err = grant_make(p, node, &grant);
        if (!err)
                err = enroll_reply_make(registry_identity(p->api->registry), &e->claim, &grant,
                                        &reply);
        if (!err)
                (void)grpc_call_send(p->call, reply.bytes, reply.len);
        buffer_done(&reply);
        pending_refuse(p, err ? GRPC_INTERNAL : GRPC_OK, NULL, err ? mesh_strerror(err) : NULL);
}

static void submit(struct pending *p, const struct enrollment *e)
{
        p->enrolling = true;
        p->api->enrolling++;
        const Mesh__V1__EnrollBody *body = e->claim.body;
        struct registry_claim claim = {
                .wanted_name = body->wanted_name,
                .wanted_tags = (const char *const *)body->wanted_tags,
                .wanted_tag_count = body->n_wanted_tags,
        };
        memcpy(claim.setup_key_id, e->claim.setup_key_id, sizeof(claim.setup_key_id));
        memcpy(claim.identity, e->claim.node_identity, sizeof(claim.identity));
        memcpy(claim.wireguard_key, e->claim.wireguard_key, sizeof(claim.wireguard_key));
        memcpy(claim.signal_key, e->claim.signal_key, sizeof(claim.signal_key));
        memcpy(claim.signal_key_signature, e->claim.signal_key_signature,
               sizeof(claim.signal_key_signature));
        facts_from(body->facts, &claim.facts);
        versions_from(body->versions, &claim.versions);
        registry_enroll(p->api->registry, &claim, &p->change);
}

static void enroll_message(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct api *api = grpc_call_service(call);
        const struct identity *coordinator = registry_identity(api->registry);
        struct pending *p = pending_new(api, call, "setup key", API_ENROLL_ARENA_BYTES, enrolled);
        struct enrollment *e = p ? arena_alloc(p->arena, sizeof(*e)) : NULL;
        if (!p)
                return;
        if (!e) {
                pending_refuse(p, GRPC_UNAVAILABLE, NULL, "out of memory");
                return;
        }
        p->request = e;
        int err = enroll_request_open(coordinator, bytes, len, p->arena, &e->claim);
        const struct setup_key_record *key =
                err ? NULL : registry_find_setup_key(api->registry, e->claim.setup_key_id);
        if (!err)
                err = enroll_request_check(coordinator, &e->claim, key ? key->public_key : NULL);
        if (err && api_may_log(api, &api->by_strangers))
                log_info("enrolment from %s refused: %s", p->source, mesh_strerror(err));
        if (err == MESH_ENOMEM)
                pending_refuse(p, GRPC_UNAVAILABLE, NULL, "out of memory");
        else if (err == MESH_EFORMAT || err == MESH_ELIMIT)
                pending_refuse(p, GRPC_INVALID_ARGUMENT, NULL, mesh_strerror(err));
        else if (err)
                pending_refuse(p, GRPC_UNAUTHENTICATED, "unknown",
                               "this coordinator does not know the setup key; make a new one with "
                               "`meshctl setup-key create`");
        else if (api->enrolling >= API_ENROLLING_MAX)
                pending_refuse(p, GRPC_UNAVAILABLE, "busy",
                               "too many hosts enrol at this moment; try again");
        else
                submit(p, e);
}

static const struct grpc_handler enroll_handler = { .message = enroll_message };

const struct grpc_method enrollment_methods[] = {
        { "/mesh.v1.Enrollment/Enroll", GRPC_UNARY, &enroll_handler, ENROLL_MESSAGE_MAX },
};
const size_t enrollment_method_count = sizeof(enrollment_methods) / sizeof(enrollment_methods[0]);
