/* mesh.v1.Local/Enroll: answered when the host is a member and runs as one. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/session/enroll.h"
#include "common/arena.h"
#include "common/env.h"
#include "common/error.h"
#include "common/log.h"
#include "mesh/v1/local.pb-c.h"
#include "proto/convert.h"

enum { ANSWER_MARGIN_MS = 3000, REPLY_ARENA_BYTES = 16 * 1024, REFUSAL_TEXT_MAX = 1024 };

static void reply(struct agent *agent, struct grpc_call *call, bool unchanged)
{
        const struct reconcile_report *report = reconcile_report(agent->reconcile);
        struct membership m = agent->state.membership; /* protobuf-c's texts are not const */
        Mesh__V1__LocalEnrollReply message = MESH__V1__LOCAL_ENROLL_REPLY__INIT;
        struct arena *arena = arena_new(REPLY_ARENA_BYTES);
        message.unchanged = unchanged;
        message.name = m.name;
        message.name_pending = m.name_pending;
        message.node_id = binary_of(m.node_id, NODE_ID_BYTES);
        message.addresses = arena ? prefixes_to_message(m.addresses, m.address_count, arena) : NULL;
        message.n_addresses = message.addresses ? m.address_count : 0;
        message.interface = agent->config.interface;
        message.wireguard_port = m.wireguard_port;
        message.backend = (char *)report->backend;
        message.firewall = (char *)firewall_mode_name(agent->config.firewall.mode);
        control_reply(call, &message.base);
        arena_free(arena);
}

/* The host has joined, and the agent goes on trying: not an enrolment to repeat. */
static void refuse_applying(struct grpc_call *call, const struct reconcile_report *report)
{
        char text[REFUSAL_TEXT_MAX];
        (void)snprintf(text, sizeof(text),
                       "this host has joined the mesh, but its packets do not flow yet (`meshctl "
                       "status` tells when they do): %s",
                       report->firewall_error[0] ? report->firewall_error : report->apply_error);
        control_refuse(call, GRPC_INTERNAL, "apply", text);
}

static void on_done(void *user, const struct enroll_result *result)
{
        struct agent *agent = user;
        struct grpc_call *call = agent->control.enroll_call;
        agent->control.enroll = NULL;
        agent->control.enroll_call = NULL;
        if (result->status != GRPC_OK) {
                log_warning("enrolment failed: %s", result->text);
                control_refuse(call, result->status, result->reason, result->text);
        } else {
                int err = agent_joined(agent);
                const struct reconcile_report *report = reconcile_report(agent->reconcile);
                if (!result->unchanged)
                        log_notice("joined the mesh of %s as %s",
                                   agent->state.membership.coordinator_name,
                                   agent->state.membership.name);
                if (err)
                        refuse_applying(call, report);
                else
                        reply(agent, call, result->unchanged);
        }
        grpc_call_unref(call);
}

static uint64_t time_left_ms(const struct agent *agent, const struct grpc_call *call)
{
        uint64_t deadline_ms = grpc_call_deadline_ms(call), now_ms = env_monotonic_ms(agent->env);
        if (deadline_ms == UINT64_MAX)
                return agent->control.enroll_limit_ms;
        return deadline_ms > now_ms + ANSWER_MARGIN_MS ? deadline_ms - now_ms - ANSWER_MARGIN_MS
                                                       : 1;
}

void control_enroll(struct agent *agent, struct grpc_call *call, const ProtobufCMessage *base)
{
        const Mesh__V1__LocalEnrollRequest *request = (const Mesh__V1__LocalEnrollRequest *)base;
        if (agent->control.enroll_call || agent->control.leave_call) {
                control_refuse(call, GRPC_ABORTED, "busy",
                               "an enrolment or a leave is in progress; try again");
                return;
        }
        agent_reload(agent); /* meshctl has just written it */
        char text[APPLY_TEXT_MAX];
        if (!agent->state.enrolled &&
            apply_may_use(agent->config.interface,
                          agent->state.has_keys ? agent->state.keys.wireguard.secret : NULL,
                          text) != 0) {
                control_refuse(call, GRPC_FAILED_PRECONDITION, "interface", text);
                return;
        }
        struct enroll_options options = { .loop = agent->loop,
                                          .env = agent->env,
                                          .tls = agent->tls,
                                          .state = &agent->state,
                                          .config = &agent->config,
                                          .setup_key = request->setup_key,
                                          .name = request->name,
                                          .tags = request->tags,
                                          .tag_count = request->n_tags,
                                          .timeout_ms = time_left_ms(agent, call),
                                          .done = on_done,
                                          .user = agent };
        int err = enroll_start(&options, &agent->control.enroll);
        sodium_memzero(request->setup_key, strlen(request->setup_key));
        if (err)
                control_refuse(call, GRPC_UNAVAILABLE, NULL, mesh_strerror(err));
        else
                agent->control.enroll_call = grpc_call_ref(call);
}

void control_enroll_closed(struct agent *agent, struct grpc_call *call)
{
        if (agent->control.enroll_call != call)
                return;
        enroll_cancel(agent->control.enroll);
        agent->control.enroll = NULL;
        agent->control.enroll_call = NULL;
        grpc_call_unref(call);
        if (agent->state.enrolled) /* stored already: the caller missed the answer by a moment */
                (void)agent_joined(agent);
}
