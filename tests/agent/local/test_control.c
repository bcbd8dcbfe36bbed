/* The control service over its real socket: rights, wrong requests, a host that is in no mesh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/agent.h"
#include "common/arena.h"
#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/grpc/channel.h"
#include "common/grpc/server.h"
#include "common/net/listener.h"
#include "common/net/tls.h"
#include "mesh/v1/local.pb-c.h"
#include "proto/pb.h"
#include "proto/setup_key.h"
#include "tests/support/capture.h"
#include "tests/support/netns.h"
#include "tests/support/temp_dir.h"

struct world {
        char path[TEMP_DIR_MAX];
        uv_loop_t loop;
        struct agent agent;
        struct grpc_channel *channel;
        struct arena *arena;
        struct buffer reply;
        enum grpc_status status;
        char text[GRPC_STATUS_MESSAGE_MAX + 1], reason[64];
        bool finished;
};

static void no_event(void *user)
{
        (void)user;
}
static void no_message(void *user, const Mesh__V1__CoordinatorMessage *message)
{
        (void)user;
        (void)message;
}
static void no_state(void *user, enum session_state state)
{
        (void)user;
        (void)state;
}
static const struct uplink_events no_events = { no_event, no_message, no_event, no_state };

static int setup(void **state)
{
        static struct world w;
        memset(&w, 0, sizeof(w));
        temp_dir_make(w.path);
        w.arena = arena_new(1 << 20);
        w.reply = buffer_with_max(1 << 20);
        struct agent *a = &w.agent;
        a->loop = &w.loop;
        a->env = env_system();
        a->notify.fd = -1;
        (void)snprintf(a->config.socket, sizeof(a->config.socket), "%s/run/control.sock", w.path);
        (void)snprintf(a->config.state_dir, sizeof(a->config.state_dir), "%s/state", w.path);
        (void)snprintf(a->config.interface, sizeof(a->config.interface), "mesh-none");
        static char config[128];
        (void)snprintf(config, sizeof(config), "%s/agent.yaml", w.path);
        a->flags.config = config;
        a->flags.state_dir = a->config.state_dir;
        struct reconcile_options reconcile = {
                .loop = &w.loop, .env = a->env, .state = &a->state, .config = &a->config
        };
        struct uplink_options uplink = { .loop = &w.loop,
                                         .env = a->env,
                                         .state = &a->state,
                                         .config = &a->config,
                                         .events = &no_events };
        struct grpc_channel_options channel = { .env = a->env };
        *state = &w;
        return sodium_init() < 0 || uv_loop_init(&w.loop) || tls_client_new(NULL, &a->tls) ||
               agent_state_open(a->config.state_dir, true, &a->state) ||
               reconcile_new(&reconcile, &a->reconcile) || uplink_new(&uplink, &a->uplink) ||
               control_start(a) ||
               grpc_channel_open_unix(&w.loop, a->config.socket, &channel, &w.channel);
}

static int teardown(void **state)
{
        struct world *w = *state;
        grpc_channel_free(w->channel);
        control_stop(&w->agent);
        uplink_close(w->agent.uplink);
        reconcile_close(w->agent.reconcile);
        (void)uv_run(&w->loop, UV_RUN_DEFAULT);
        tls_client_free(w->agent.tls);
        agent_state_done(&w->agent.state);
        agent_config_done(&w->agent.config);
        buffer_done(&w->reply);
        arena_free(w->arena);
        temp_dir_remove(w->path);
        return uv_loop_close(&w->loop);
}

static void on_reply(void *user, struct grpc_client_call *call, const uint8_t *bytes, size_t len)
{
        struct world *w = user;
        (void)call;
        buffer_put(&w->reply, bytes, len);
}

static void on_finished(void *user, struct grpc_client_call *call,
                        const struct grpc_outcome *outcome)
{
        struct world *w = user;
        const char *reason = grpc_metadata_text(outcome->trailers, "mesh-reason");
        (void)call;
        w->status = outcome->status;
        (void)snprintf(w->text, sizeof(w->text), "%s", outcome->message);
        (void)snprintf(w->reason, sizeof(w->reason), "%s", reason ? reason : "");
        w->finished = true;
}

static const struct grpc_client_events events = { .message = on_reply, .finished = on_finished };

/* Calls METHOD and returns its reply, or NULL. */
static const void *ask(struct world *w, const char *method, const ProtobufCMessage *request,
                       const ProtobufCMessageDescriptor *type)
{
        struct buffer bytes = buffer_with_max(64 * 1024);
        struct grpc_client_request call = {
                .path = method, .kind = GRPC_UNARY, .events = &events, .user = w
        };
        struct grpc_client_call *begun;
        ProtobufCMessage *reply = NULL;
        buffer_clear(&w->reply);
        w->finished = false;
        assert_int_equal(pb_pack(request, &bytes), 0);
        assert_int_equal(grpc_channel_call(w->channel, &call, &begun), 0);
        assert_int_equal(grpc_client_call_send(begun, bytes.bytes, bytes.len), 0);
        assert_int_equal(grpc_client_call_half_close(begun), 0);
        buffer_done(&bytes);
        while (!w->finished)
                (void)uv_run(&w->loop, UV_RUN_ONCE);
        if (w->status != GRPC_OK)
                return NULL;
        assert_int_equal(pb_unpack(type, w->reply.bytes, w->reply.len, w->arena, &reply), 0);
        return reply;
}

static void only_root_may_change(void **state)
{
        (void)state;
        assert_true(control_allows(CONTROL_READ, 0));
        assert_true(control_allows(CONTROL_READ, 1000));
        assert_true(control_allows(CONTROL_CHANGE, 0));
        assert_false(control_allows(CONTROL_CHANGE, 1000));
        assert_false(control_allows(CONTROL_CHANGE, (uid_t)-1)); /* no credentials at all */
}

static void describes_itself(void **state)
{
        struct world *w = *state;
        Mesh__V1__DescribeRequest request = MESH__V1__DESCRIBE_REQUEST__INIT;
        const Mesh__V1__DescribeReply *reply = ask(w, "/mesh.v1.Local/Describe", &request.base,
                                                   &mesh__v1__describe_reply__descriptor);
        assert_non_null(reply);
        assert_string_equal(reply->config_path, w->agent.flags.config);
        assert_string_equal(reply->interface, "mesh-none");
        assert_false(reply->enrolled);
        assert_true(reply->n_ssh_ports >= 1);
}

static void status_of_a_host_in_no_mesh(void **state)
{
        struct world *w = *state;
        Mesh__V1__StatusRequest request = MESH__V1__STATUS_REQUEST__INIT;
        (void)snprintf(w->agent.config_warning, sizeof(w->agent.config_warning), "line 3 is bad");
        const Mesh__V1__StatusReply *reply =
                ask(w, "/mesh.v1.Local/Status", &request.base, &mesh__v1__status_reply__descriptor);
        assert_non_null(reply);
        assert_false(reply->enrolled);
        assert_string_equal(reply->session, "idle");
        assert_int_equal(reply->n_warnings, 1);
        assert_string_equal(reply->warnings[0], "line 3 is bad");
}

static void leaving_no_mesh_is_unchanged(void **state)
{
        struct world *w = *state;
        Mesh__V1__LocalLeaveRequest request = MESH__V1__LOCAL_LEAVE_REQUEST__INIT;
        request.timeout_ms = 60000; /* not waited for: nobody is to be told */
        const Mesh__V1__LocalLeaveReply *reply = ask(w, "/mesh.v1.Local/Leave", &request.base,
                                                     &mesh__v1__local_leave_reply__descriptor);
        if (!reply)
                fail_msg("%s", w->text);
        assert_false(reply->was_member);
        assert_false(reply->coordinator_told);
}

static void a_mistyped_key_needs_no_network(void **state)
{
        struct world *w = *state;
        Mesh__V1__LocalEnrollRequest request = MESH__V1__LOCAL_ENROLL_REQUEST__INIT;
        char key[] = "mesh-nonsense";
        request.setup_key = key;
        assert_null(ask(w, "/mesh.v1.Local/Enroll", &request.base,
                        &mesh__v1__local_enroll_reply__descriptor));
        assert_int_equal(w->status, GRPC_INVALID_ARGUMENT);
        assert_string_equal(w->reason, "mistyped");
        assert_false(w->agent.state.has_keys);
        assert_null(w->agent.control.enroll_call);
}

/* ---- enrolment ---- */

/* A key of a coordinator at PORT of this host. */
static void make_key(uint16_t port, char text[static SETUP_KEY_TEXT_MAX])
{
        struct setup_key key = { .host = "127.0.0.1", .port = port };
        struct identity coordinator;
        identity_make(env_system(), &coordinator);
        memcpy(key.coordinator, coordinator.public_key, KEY_BYTES);
        assert_int_equal(setup_key_format(&key, text), 0);
}

static const void *enroll(struct world *w, char *key, uint64_t limit_ms)
{
        Mesh__V1__LocalEnrollRequest request = MESH__V1__LOCAL_ENROLL_REQUEST__INIT;
        request.setup_key = key;
        w->agent.control.enroll_limit_ms = limit_ms;
        return ask(w, "/mesh.v1.Local/Enroll", &request.base,
                   &mesh__v1__local_enroll_reply__descriptor);
}

/* Nobody listens there: keys are made and durable, and the refusal names the cure. */
static void an_unreachable_coordinator_is_told(void **state)
{
        struct world *w = *state;
        char key[SETUP_KEY_TEXT_MAX];
        make_key(1, key);
        assert_null(enroll(w, key, 1)); /* no second round */
        assert_int_equal(w->status, GRPC_UNAVAILABLE);
        assert_string_equal(w->reason, "unreachable");
        assert_true(w->agent.state.has_keys);
        assert_false(w->agent.state.enrolled);
}

/* Whose interface it is, is told before anything is sent; leaving takes it from nobody. */
static void an_interface_of_somebody_else_is_left_alone(void **state)
{
        static const char *const make[] = {
                "ip", "link", "add", "mesh-none", "type", "veth", NULL
        };
        static const char *const removal[] = { "ip", "link", "del", "mesh-none", NULL };
        struct world *w = *state;
        char key[SETUP_KEY_TEXT_MAX];
        free(capture(make, NULL));
        make_key(1, key);
        assert_null(enroll(w, key, 1));
        assert_int_equal(w->status, GRPC_FAILED_PRECONDITION);
        assert_string_equal(w->reason, "interface");
        assert_non_null(strstr(w->text, "interface mesh-none"));
        assert_false(w->agent.state.has_keys);
        leaving_no_mesh_is_unchanged(state);
        assert_int_not_equal(if_nametoindex("mesh-none"), 0);
        free(capture(removal, NULL));
}

/* Somebody who takes the request and answers nonsense after IMPOSTOR_MS. */
enum { IMPOSTOR_MS = 300, IMPATIENT_MS = 100 };

struct impostor {
        uv_timer_t timer;
        struct grpc_call *call; /* held */
};

static void impostor_answers(uv_timer_t *timer)
{
        struct impostor *impostor = timer->data;
        (void)grpc_call_reply(impostor->call, (const uint8_t *)"nonsense", 8);
        grpc_call_unref(impostor->call);
}

static void impostor_is_asked(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct impostor *impostor = grpc_call_service(call);
        (void)bytes;
        (void)len;
        impostor->call = grpc_call_ref(call);
        assert_int_equal(uv_timer_start(&impostor->timer, impostor_answers, IMPOSTOR_MS, 0), 0);
}

/* The race is over by then, so nothing but this answer can end the enrolment. */
static void an_impostor_that_answers_late_is_told(void **state)
{
        static const struct grpc_handler handler = { .message = impostor_is_asked };
        static const struct grpc_method method = { "/mesh.v1.Enrollment/Enroll", GRPC_UNARY,
                                                   &handler, 64 * 1024 };
        struct world *w = *state;
        struct impostor impostor = { .timer.data = &impostor };
        struct grpc_service service = { .methods = &method, .method_count = 1, .data = &impostor };
        const struct grpc_service *services[] = { &service };
        struct grpc_server_options options = { .services = services,
                                               .service_count = 1,
                                               .env = env_system() };
        char cert[128], private_key[128], key[SETUP_KEY_TEXT_MAX];
        struct listener_options where = { .address = "127.0.0.1:0" };
        struct listener *listener;
        struct grpc_server *server;
        (void)snprintf(cert, sizeof(cert), "%s/cert", w->path);
        (void)snprintf(private_key, sizeof(private_key), "%s/key", w->path);
        assert_int_equal(tls_make_self_signed(cert, private_key, "127.0.0.1", env_system()), 0);
        assert_int_equal(tls_server_new(cert, private_key, &where.tls), 0);
        assert_int_equal(grpc_server_new(&w->loop, &options, &server), 0);
        assert_int_equal(grpc_server_listen(server, &where, &listener), 0);
        assert_int_equal(uv_timer_init(&w->loop, &impostor.timer), 0);
        make_key(listener_port(listener), key);
        assert_null(enroll(w, key, IMPATIENT_MS));
        assert_int_equal(w->status, GRPC_UNAUTHENTICATED);
        assert_string_equal(w->reason, "impostor");
        assert_false(w->agent.state.enrolled);
        grpc_server_free(server);
        tls_server_free(where.tls);
        uv_close((uv_handle_t *)&impostor.timer, NULL);
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        if (!netns_private()) { /* leaving removes interface and firewall table: not this host's */
                (void)puts("SKIP agent/local/control: needs root for a network namespace");
                return 0;
        }
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_root_may_change),
                TEST(describes_itself),
                TEST(status_of_a_host_in_no_mesh),
                TEST(leaving_no_mesh_is_unchanged),
                TEST(a_mistyped_key_needs_no_network),
                TEST(an_unreachable_coordinator_is_told),
                TEST(an_interface_of_somebody_else_is_left_alone),
                TEST(an_impostor_that_answers_late_is_told),
        };
        return cmocka_run_group_tests_name("agent/local/control", tests, NULL, NULL);
}
