/* Server and channel on a loop, over TLS and a Unix socket: flushes, timers, ends. The calls
 * themselves are tested in test_connection.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/grpc/blocking.h"
#include "common/grpc/channel.h"
#include "common/grpc/connection.h"
#include "common/grpc/server.h"
#include "common/net/listener.h"
#include "common/net/transport.h"
#include "tests/support/net_host.h"
#include "tests/support/unit.h"

struct fixture {
        struct net_host host;
        struct grpc_service service;
        const struct grpc_service *services[1];
        struct grpc_server *server;
        struct listener *tls, *unix_socket;
        struct grpc_channel *channel;
        struct grpc_call *held;
        bool started, closed_call, connected, gone, drained;
        enum grpc_close_reason reason;
        bool free_in_message, free_in_finished;
        unsigned messages;
        bool message_came, finished, closed;
        int closed_error;
        enum grpc_status status;
        struct grpc_blocking_result blocking;
        struct buffer blocking_reply;
        int blocking_error;
        const char *blocking_path, *blocking_socket;
        bool blocking_done;
};

/* ---- the service --------------------------------------------------------------------------------
 */

static void on_start(struct grpc_call *call)
{
        struct fixture *f = grpc_call_service(call);
        f->started = true;
        f->held = grpc_call_ref(call);
        /* The connection's own data is there. */
        assert_ptr_equal(grpc_connection_data(grpc_call_connection(call)), f);
}

static void on_closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        struct fixture *f = grpc_call_service(call);
        f->closed_call = true;
        f->reason = reason;
        assert_false(f->gone);
}

static void echo(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        (void)grpc_call_reply(call, bytes, len);
}

static const struct grpc_handler held_handler = { .start = on_start, .closed = on_closed };
static const struct grpc_handler echo_handler = { .message = echo };
static const struct grpc_method methods[] = { { "/t.T/Held", GRPC_BIDI, &held_handler, 0 },
                                              { "/t.T/Echo", GRPC_UNARY, &echo_handler, 0 } };

static void on_connected(void *user, struct grpc_connection *connection,
                         const struct net_peer *peer)
{
        struct fixture *f = user;
        (void)peer;
        f->connected = true;
        grpc_connection_set_data(connection, f);
}

static void on_gone(void *user, struct grpc_connection *connection)
{
        struct fixture *f = user;
        assert_ptr_equal(grpc_connection_data(connection), f);
        assert_int_equal(grpc_connection_calls(connection), 0);
        f->gone = true;
}

/* ---- the client ---------------------------------------------------------------------------------
 */

static void on_message(void *user, struct grpc_client_call *call, const uint8_t *bytes, size_t len)
{
        struct fixture *f = user;
        (void)call, (void)bytes, (void)len;
        f->messages++;
        f->message_came = true;
        if (f->free_in_message) {
                grpc_channel_free(f->channel);
                f->channel = NULL;
        }
}

static void on_finished(void *user, struct grpc_client_call *call,
                        const struct grpc_outcome *outcome)
{
        struct fixture *f = user;
        (void)call;
        f->finished = true;
        f->status = outcome->status;
        if (f->free_in_finished) {
                grpc_channel_free(f->channel);
                f->channel = NULL;
        }
}

static void on_channel_closed(void *user, struct grpc_channel *channel, int err)
{
        struct fixture *f = user;
        assert_ptr_equal(channel, f->channel);
        assert_null(grpc_channel_transport(channel));
        f->closed = true;
        f->closed_error = err;
}

static const struct grpc_client_events events = { .message = on_message, .finished = on_finished };

static struct grpc_client_call *call(struct fixture *f, const char *path, uint64_t timeout_ms)
{
        const struct grpc_client_request request = { .path = path,
                                                     .kind = GRPC_BIDI,
                                                     .timeout_ms = timeout_ms,
                                                     .events = &events,
                                                     .user = f };
        struct grpc_client_call *made;
        assert_int_equal(grpc_channel_call(f->channel, &request, &made), 0);
        return made;
}

static struct fixture *set_up(bool over_tls)
{
        struct fixture *f = calloc(1, sizeof(*f));
        struct grpc_limits limits = grpc_limits_default();
        assert_non_null(f);
        net_host_init(&f->host);
        limits.drain_ms = 50;
        f->service = (struct grpc_service){ methods, LENGTH(methods), f };
        f->services[0] = &f->service;
        const struct grpc_server_options options = { .limits = &limits,
                                                     .services = f->services,
                                                     .service_count = 1,
                                                     .env = env_system(),
                                                     .connected = on_connected,
                                                     .gone = on_gone,
                                                     .user = f };
        const struct listener_options tls = { .address = "127.0.0.1:0", .tls = f->host.server_tls };
        const struct listener_options local = { .unix_path = f->host.socket };
        const struct grpc_channel_options channel = { .env = env_system(),
                                                      .closed = on_channel_closed,
                                                      .user = f };
        assert_int_equal(grpc_server_new(&f->host.loop, &options, &f->server), 0);
        assert_int_equal(grpc_server_listen(f->server, &tls, &f->tls), 0);
        assert_int_equal(grpc_server_listen(f->server, &local, &f->unix_socket), 0);
        if (over_tls) {
                struct transport *transport;
                struct ip_endpoint to = { .addr = { .len = 4, .bytes = { 127, 0, 0, 1 } },
                                          .port = listener_port(f->tls) };
                assert_int_equal(transport_connect_tcp(&f->host.loop, &to, f->host.client_tls,
                                                       "coordinator.test", 0, &transport),
                                 0);
                assert_int_equal(grpc_channel_new(transport, &channel, &f->channel), 0);
        } else {
                assert_int_equal(grpc_channel_open_unix(&f->host.loop, f->host.socket, &channel,
                                                        &f->channel),
                                 0);
        }
        return f;
}

static void tear_down(struct fixture *f)
{
        if (f->held)
                grpc_call_unref(f->held);
        grpc_channel_free(f->channel);
        grpc_server_free(f->server);
        net_host_done(&f->host);
        buffer_done(&f->blocking_reply);
        free(f);
}

static void test_echo(void **state)
{
        (void)state;
        for (unsigned over_tls = 0; over_tls < 2; over_tls++) {
                struct fixture *f = set_up(over_tls);
                struct grpc_client_call *made = call(f, "/t.T/Echo", 0);
                assert_int_equal(grpc_client_call_send(made, "x", 1), 0);
                assert_int_equal(grpc_client_call_half_close(made), 0);
                net_host_run(&f->host, &f->finished);
                assert_int_equal(f->status, GRPC_OK);
                assert_int_equal(f->messages, 1);
                tear_down(f);
        }
}

/* An answer that no packet of the client brings about. */
static void test_answers_from_elsewhere(void **state)
{
        struct fixture *f = set_up(true);
        (void)state;
        (void)call(f, "/t.T/Held", 0);
        net_host_run(&f->host, &f->started);
        assert_int_equal(grpc_call_send(f->held, "later", 5), 0);
        net_host_run(&f->host, &f->message_came);
        assert_int_equal(grpc_call_finish(f->held, GRPC_OK, NULL), 0);
        net_host_run(&f->host, &f->finished);
        assert_int_equal(f->status, GRPC_OK);
        net_host_run(&f->host, &f->closed_call);
        assert_int_equal(f->reason, GRPC_CLOSED_FINISHED);
        tear_down(f);
}

static void test_deadline_by_timer(void **state)
{
        struct fixture *f = set_up(false);
        (void)state;
        (void)call(f, "/t.T/Held", 30);
        net_host_run(&f->host, &f->finished);
        assert_int_equal(f->status, GRPC_DEADLINE_EXCEEDED);
        net_host_run(&f->host, &f->closed_call);
        assert_in_range(f->reason, GRPC_CLOSED_CANCELLED, GRPC_CLOSED_DEADLINE);
        tear_down(f);
}

static void test_cancel(void **state)
{
        struct fixture *f = set_up(true);
        (void)state;
        struct grpc_client_call *made = call(f, "/t.T/Held", 0);
        net_host_run(&f->host, &f->started);
        grpc_client_call_cancel(made);
        assert_false(f->finished);
        net_host_run(&f->host, &f->finished);
        assert_int_equal(f->status, GRPC_CANCELLED);
        net_host_run(&f->host, &f->closed_call);
        assert_int_equal(f->reason, GRPC_CLOSED_CANCELLED);
        tear_down(f);
}

static void test_channel_freed_inside_events(void **state)
{
        (void)state;
        for (unsigned in_finished = 0; in_finished < 2; in_finished++) {
                struct fixture *f = set_up(true);
                f->free_in_message = !in_finished;
                f->free_in_finished = in_finished;
                struct grpc_client_call *made = call(f, "/t.T/Echo", 0);
                assert_int_equal(grpc_client_call_send(made, "x", 1), 0);
                assert_int_equal(grpc_client_call_half_close(made), 0);
                net_host_run(&f->host, in_finished ? &f->finished : &f->message_came);
                net_host_run(&f->host, &f->gone);
                assert_int_equal(f->finished, in_finished);
                assert_false(f->closed);
                tear_down(f);
        }
}

static void test_channel_freed_with_an_open_call(void **state)
{
        struct fixture *f = set_up(false);
        (void)state;
        (void)call(f, "/t.T/Held", 0);
        net_host_run(&f->host, &f->started);
        grpc_channel_free(f->channel);
        f->channel = NULL;
        net_host_run(&f->host, &f->closed_call);
        net_host_run(&f->host, &f->gone);
        assert_int_equal(f->reason, GRPC_CLOSED_CANCELLED);
        assert_false(f->finished);
        assert_int_equal(grpc_server_connections(f->server), 0);
        tear_down(f);
}

static void test_server_freed_with_an_open_call(void **state)
{
        struct fixture *f = set_up(true);
        (void)state;
        (void)call(f, "/t.T/Held", 0);
        net_host_run(&f->host, &f->started);
        grpc_server_free(f->server);
        f->server = NULL;
        assert_true(f->closed_call); /* before it returned */
        assert_true(f->gone);
        assert_int_equal(grpc_call_send(f->held, "x", 1), MESH_ECLOSED);
        net_host_run(&f->host, &f->finished);
        assert_int_equal(f->status, GRPC_UNAVAILABLE);
        net_host_run(&f->host, &f->closed);
        assert_int_equal(f->closed_error, 0);
        tear_down(f);
}

static void on_drained(void *user)
{
        struct fixture *f = user;
        f->drained = true;
}

static void test_shutdown(void **state)
{
        struct fixture *f = set_up(false);
        (void)state;
        (void)call(f, "/t.T/Held", 0);
        net_host_run(&f->host, &f->started);
        grpc_server_shutdown(f->server, on_drained, f);
        assert_false(f->drained);
        net_host_run(&f->host, &f->drained);
        assert_true(f->gone);
        net_host_run(&f->host, &f->finished);
        assert_int_equal(f->status, GRPC_UNAVAILABLE);
        tear_down(f);
}

static void test_nobody_listens(void **state)
{
        struct fixture *f = set_up(false);
        const struct grpc_channel_options channel = { .env = env_system(),
                                                      .closed = on_channel_closed,
                                                      .user = f };
        (void)state;
        grpc_channel_free(f->channel);
        assert_int_equal(
                grpc_channel_open_unix(&f->host.loop, "/nonexistent/socket", &channel, &f->channel),
                0);
        (void)call(f, "/t.T/Echo", 0);
        net_host_run(&f->host, &f->closed);
        assert_true(f->finished);
        assert_int_equal(f->status, GRPC_UNAVAILABLE);
        assert_int_equal(f->closed_error, MESH_ENOENT);
        tear_down(f);
}

/* ---- the blocking call, in a thread -------------------------------------------------------------
 */

static void run_blocking(uv_work_t *work)
{
        struct fixture *f = work->data;
        f->blocking_error = grpc_blocking_unary(f->blocking_socket, f->blocking_path, "ping", 4,
                                                5000, &f->blocking_reply, &f->blocking);
}

static void on_blocking_done(uv_work_t *work, int status)
{
        struct fixture *f = work->data;
        (void)status;
        f->blocking_done = true;
}

static void test_blocking(void **state)
{
        static const struct {
                const char *path, *socket;
                int error;
                enum grpc_status status;
        } cases[] = {
                { "/t.T/Echo", NULL, 0, GRPC_OK },
                { "/t.T/None", NULL, 0, GRPC_UNIMPLEMENTED },
                { "/t.T/Echo", "/nonexistent/socket", MESH_ENOENT, GRPC_OK },
        };
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct fixture *f = set_up(false);
                uv_work_t work = { .data = f };
                f->blocking_path = cases[i].path;
                f->blocking_socket = cases[i].socket ? cases[i].socket : f->host.socket;
                f->blocking_reply = buffer_with_max(100);
                assert_int_equal(
                        uv_queue_work(&f->host.loop, &work, run_blocking, on_blocking_done), 0);
                net_host_run(&f->host, &f->blocking_done);
                assert_int_equal(f->blocking_error, cases[i].error);
                if (!cases[i].error)
                        assert_int_equal(f->blocking.status, cases[i].status);
                if (!cases[i].error && cases[i].status == GRPC_OK)
                        assert_memory_equal(f->blocking_reply.bytes, "ping", 4);
                tear_down(f);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_echo),
                cmocka_unit_test(test_answers_from_elsewhere),
                cmocka_unit_test(test_deadline_by_timer),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_channel_freed_inside_events),
                cmocka_unit_test(test_channel_freed_with_an_open_call),
                cmocka_unit_test(test_server_freed_with_an_open_call),
                cmocka_unit_test(test_shutdown),
                cmocka_unit_test(test_nobody_listens),
                cmocka_unit_test(test_blocking),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
