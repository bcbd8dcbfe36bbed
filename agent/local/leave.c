/* mesh.v1.Local/Leave: tells the coordinator if it can, then takes the mesh off this host. */
#include "agent/agent.h"
#include "common/log.h"
#include "mesh/v1/agent.pb-c.h"
#include "mesh/v1/local.pb-c.h"

enum { LEAVE_DEFAULT_MS = 5000, LEAVE_MAX_MS = 60 * 1000 };

static void finish(struct agent *agent, bool told)
{
        struct grpc_call *call = agent->control.leave_call;
        char text[APPLY_TEXT_MAX];
        Mesh__V1__LocalLeaveReply reply = MESH__V1__LOCAL_LEAVE_REPLY__INIT;
        (void)uv_timer_stop(&agent->control.leave_timer);
        agent->control.leave_call = NULL;
        reply.was_member = agent->state.enrolled;
        reply.coordinator_told = told;
        int err = agent_left(agent, text);
        if (err) {
                log_error("leave: %s", text);
                control_refuse(call, GRPC_INTERNAL, "host", text);
        } else {
                control_reply(call, &reply.base);
        }
        grpc_call_unref(call);
}

static void on_told(uv_timer_t *timer)
{
        finish(timer->data, true);
}

static void on_late(uv_timer_t *timer)
{
        finish(timer->data, false);
}

static void tell(struct agent *agent)
{
        Mesh__V1__AgentMessage message = MESH__V1__AGENT_MESSAGE__INIT;
        Mesh__V1__Leave leave = MESH__V1__LEAVE__INIT;
        message.body_case = MESH__V1__AGENT_MESSAGE__BODY_LEAVE;
        message.leave = &leave;
        (void)uplink_send(agent->uplink, &message); /* without an answer the time will run out */
}

void control_connected(struct agent *agent)
{
        if (agent->control.leave_call)
                tell(agent);
}

/* From inside the session, which must not be stopped there: the rest comes from the loop. */
void control_left(struct agent *agent)
{
        if (agent->control.leave_call)
                (void)uv_timer_start(&agent->control.leave_timer, on_told, 0, 0);
}

void control_leave(struct agent *agent, struct grpc_call *call, const ProtobufCMessage *base)
{
        const Mesh__V1__LocalLeaveRequest *request = (const Mesh__V1__LocalLeaveRequest *)base;
        bool refused;
        uint64_t wait_ms = request->timeout_ms ? request->timeout_ms : LEAVE_DEFAULT_MS;
        if (agent->control.enroll_call || agent->control.leave_call) {
                control_refuse(call, GRPC_ABORTED, "busy",
                               "an enrolment or a leave is in progress; try again");
                return;
        }
        agent->control.leave_call = grpc_call_ref(call);
        (void)session_error(uplink_session(agent->uplink), &refused);
        if (!agent->state.enrolled || refused) /* nobody to tell, or one who knows us no more */
                wait_ms = 0;
        (void)uv_timer_start(&agent->control.leave_timer, on_late,
                             wait_ms < LEAVE_MAX_MS ? wait_ms : LEAVE_MAX_MS, 0);
        if (session_state(uplink_session(agent->uplink)) == SESSION_CONNECTED)
                tell(agent);
}

/* The caller went away: what it asked for is done all the same. */
void control_leave_closed(struct agent *agent, struct grpc_call *call)
{
        (void)agent;
        (void)call;
}
