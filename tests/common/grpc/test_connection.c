/* Server and client engine back to back: what a call goes through, without a socket. */
#include <stdlib.h>
#include <string.h>
#include "common/error.h"
#include "tests/support/grpc_pair.h"
#include "tests/support/unit.h"

/* What the service saw; reached through the service's data. */
struct service_log {
        unsigned started, messages, half_closed, closed, writable;
        enum grpc_close_reason reason;
        struct grpc_call *held; /* of the methods that answer later */
        size_t bytes;
        bool pause;
};

static struct service_log *log_of(struct grpc_call *call)
{
        return grpc_call_service(call);
}

static void on_start(struct grpc_call *call)
{
        log_of(call)->started++;
}

static void on_half_closed(struct grpc_call *call)
{
        log_of(call)->half_closed++;
}

static void on_writable(struct grpc_call *call)
{
        log_of(call)->writable++;
}

static void on_closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        log_of(call)->closed++;
        log_of(call)->reason = reason;
        assert_true(grpc_call_is_closed(call));
}

static void echo_metadata(struct grpc_call *call)
{
        const struct grpc_field *bin =
                grpc_metadata_find(grpc_call_metadata_all(call), "x-echo-bin");
        const char *text = grpc_call_metadata(call, "x-echo");
        assert_non_null(text);
        assert_non_null(bin);
        const struct grpc_field header = { "x-echo", text, strlen(text) };
        assert_int_equal(grpc_call_add_header(call, &header), 0);
        assert_int_equal(grpc_call_add_trailer(call, bin), 0);
}

static void echo_unary(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        log_of(call)->messages++;
        echo_metadata(call);
        assert_int_equal(grpc_call_reply(call, bytes, len), 0);
}

/* Answers with as many messages as the request has bytes, of 1000 bytes each. */
static void stream_many(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        uint8_t message[1000] = { 0 };
        (void)bytes;
        for (size_t i = 0; i < len; i++)
                assert_int_equal(grpc_call_send(call, message, sizeof(message)), 0);
        assert_int_equal(grpc_call_finish(call, GRPC_OK, NULL), 0);
}

static void echo_stream(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        log_of(call)->messages++;
        log_of(call)->bytes += len;
        if (log_of(call)->pause)
                grpc_call_pause(call);
        assert_int_equal(grpc_call_send(call, bytes, len), 0);
}

static void end_stream(struct grpc_call *call)
{
        log_of(call)->half_closed++;
        assert_int_equal(grpc_call_finish(call, GRPC_OK, NULL), 0);
}

static void hold(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        (void)bytes, (void)len;
        log_of(call)->messages++;
        log_of(call)->held = grpc_call_ref(call);
}

static void fail_with_text(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        (void)bytes, (void)len;
        assert_int_equal(grpc_call_finish(call, GRPC_NOT_FOUND, "kein Schl\xc3\xbcssel: 100%\n"),
                         0);
        assert_int_equal(grpc_call_finish(call, GRPC_OK, NULL), MESH_ESTATE);
        assert_int_equal(grpc_call_send(call, "x", 1), MESH_ESTATE);
}

static void reply_nothing(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        (void)bytes, (void)len;
        assert_int_equal(grpc_call_finish(call, GRPC_OK, NULL), 0);
}

#define EVENTS .start = on_start, .closed = on_closed, .writable = on_writable

static const struct grpc_handler echo = { EVENTS, .message = echo_unary,
                                          .half_closed = on_half_closed };
static const struct grpc_handler many = { EVENTS, .message = stream_many };
static const struct grpc_handler bidi = { EVENTS, .message = echo_stream,
                                          .half_closed = end_stream };
static const struct grpc_handler later = { EVENTS, .message = hold };
static const struct grpc_handler failing = { EVENTS, .message = fail_with_text };
static const struct grpc_handler silent = { EVENTS, .message = reply_nothing };

static const struct grpc_method methods[] = {
        { "/t.T/Echo", GRPC_UNARY, &echo, 0 },         { "/t.T/Small", GRPC_UNARY, &echo, 10 },
        { "/t.T/Many", GRPC_SERVER_STREAM, &many, 0 }, { "/t.T/Bidi", GRPC_BIDI, &bidi, 0 },
        { "/t.T/Later", GRPC_UNARY, &later, 0 },       { "/t.T/LaterBidi", GRPC_BIDI, &later, 0 },
        { "/t.T/Fail", GRPC_UNARY, &failing, 0 },      { "/t.T/Silent", GRPC_UNARY, &silent, 0 },
};

struct fixture {
        struct grpc_pair pair;
        struct service_log log;
        struct grpc_service service;
        struct seen seen;
};

static struct fixture *set_up(const struct grpc_limits *limits)
{
        struct fixture *f = calloc(1, sizeof(*f));
        assert_non_null(f);
        f->service = (struct grpc_service){ methods, LENGTH(methods), &f->log };
        grpc_pair_init(&f->pair, &f->service, limits);
        return f;
}

static void tear_down(struct fixture *f)
{
        grpc_pair_done(&f->pair);
        assert_int_equal(f->log.started, f->log.closed);
        seen_done(&f->seen);
        free(f);
}

static struct grpc_client_call *call_with(struct fixture *f, const char *path, enum grpc_kind kind,
                                          uint64_t timeout_ms, const void *bytes, size_t len)
{
        struct grpc_client_call *call = grpc_pair_call(&f->pair, path, kind, timeout_ms, &f->seen);
        if (bytes) {
                assert_int_equal(grpc_client_call_send(call, bytes, len), 0);
                assert_int_equal(grpc_client_call_half_close(call), 0);
        }
        return call;
}

static void expect_end(struct fixture *f, enum grpc_status status, enum grpc_close_reason reason)
{
        assert_int_equal(f->seen.finished, 1);
        assert_int_equal(f->seen.status, status);
        assert_int_equal(f->log.closed, f->log.started);
        if (f->log.closed > 0)
                assert_int_equal(f->log.reason, reason);
        assert_int_equal(grpc_connection_calls(f->pair.server), 0);
}

static void test_unary_in_chunks(void **state)
{
        static const size_t chunks[] = { 0, 1, 2, 3, 7, 1000 };
        (void)state;
        for (size_t i = 0; i < LENGTH(chunks); i++) {
                struct fixture *f = set_up(NULL);
                f->pair.chunk = chunks[i];
                call_with(f, "/t.T/Echo", GRPC_UNARY, 0, "hello", 5);
                grpc_pair_run(&f->pair);
                expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
                assert_int_equal(f->seen.messages, 1);
                assert_int_equal(f->seen.bytes, 5);
                assert_memory_equal(f->seen.last.bytes, "hello", 5);
                assert_string_equal(f->seen.header, "hello");
                assert_memory_equal(f->seen.trailer, "\x01\x02\xff", 4);
                assert_int_equal(f->log.half_closed, 0); /* it had answered before */
                tear_down(f);
        }
}

static void test_empty_message(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/Echo", GRPC_UNARY, 0, "", 0);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
        assert_int_equal(f->seen.messages, 1);
        assert_int_equal(f->seen.bytes, 0);
        tear_down(f);
}

static void test_large_unary(void **state)
{
        struct fixture *f = set_up(NULL);
        size_t len = 4 * 1024 * 1024;
        uint8_t *bytes = calloc(1, len);
        (void)state;
        assert_non_null(bytes);
        call_with(f, "/t.T/Echo", GRPC_UNARY, 0, bytes, len);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
        assert_int_equal(f->seen.bytes, len);
        free(bytes);
        tear_down(f);
}

static void test_server_stream(void **state)
{
        struct fixture *f = set_up(NULL);
        uint8_t request[300] = { 0 };
        (void)state;
        call_with(f, "/t.T/Many", GRPC_SERVER_STREAM, 0, request, sizeof(request));
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
        assert_int_equal(f->seen.messages, 300);
        assert_int_equal(f->seen.bytes, 300000);
        tear_down(f);
}

static void test_bidi_ping_pong(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        f->pair.chunk = 1;
        struct grpc_client_call *call = call_with(f, "/t.T/Bidi", GRPC_BIDI, 0, NULL, 0);
        for (unsigned i = 1; i <= 20; i++) {
                assert_int_equal(grpc_client_call_send(call, "ping", 4), 0);
                grpc_pair_run(&f->pair);
                assert_int_equal(f->seen.messages, i);
                assert_int_equal(f->seen.finished, 0);
        }
        assert_int_equal(grpc_client_call_half_close(call), 0);
        assert_int_equal(grpc_client_call_half_close(call), MESH_ESTATE);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
        tear_down(f);
}

/* Refusals: what comes back, and whether the handler ever knew. */
static void test_refusals(void **state)
{
        static const struct {
                const char *name, *path;
                size_t len;
                enum grpc_status status;
                unsigned started;
                enum grpc_close_reason reason;
        } cases[] = {
                { "unknown method", "/t.T/None", 3, GRPC_UNIMPLEMENTED, 0, 0 },
                { "unknown service", "/x.X/Echo", 3, GRPC_UNIMPLEMENTED, 0, 0 },
                { "largest for the method", "/t.T/Small", 10, GRPC_OK, 1, GRPC_CLOSED_FINISHED },
                { "too large for the method", "/t.T/Small", 11, GRPC_RESOURCE_EXHAUSTED, 1,
                  GRPC_CLOSED_ABORTED },
                { "no answer", "/t.T/Silent", 1, GRPC_INTERNAL, 1, GRPC_CLOSED_FINISHED },
        };
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct fixture *f = set_up(NULL);
                print_message("%s\n", cases[i].name);
                call_with(f, cases[i].path, GRPC_UNARY, 0, "0123456789a", cases[i].len);
                grpc_pair_run(&f->pair);
                expect_end(f, cases[i].status, cases[i].reason);
                assert_int_equal(f->log.started, cases[i].started);
                tear_down(f);
        }
}

static void test_unary_needs_exactly_one_message(void **state)
{
        (void)state;
        for (unsigned count = 0; count <= 2; count++) {
                struct fixture *f = set_up(NULL);
                struct grpc_client_call *call = call_with(f, "/t.T/Echo", GRPC_BIDI, 0, NULL, 0);
                for (unsigned i = 0; i < count; i++)
                        assert_int_equal(grpc_client_call_send(call, "x", 1), 0);
                grpc_client_call_half_close(call);
                grpc_pair_run(&f->pair);
                expect_end(f, count == 1 ? GRPC_OK : GRPC_UNIMPLEMENTED,
                           count == 1 ? GRPC_CLOSED_FINISHED : GRPC_CLOSED_ABORTED);
                assert_int_equal(f->log.messages, count == 1);
                tear_down(f);
        }
}

static void test_status_text_survives(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/Fail", GRPC_UNARY, 0, "x", 1);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_NOT_FOUND, GRPC_CLOSED_FINISHED);
        assert_string_equal(f->seen.text, "kein Schl\xc3\xbcssel: 100%\n");
        assert_int_equal(f->seen.messages, 0);
        tear_down(f);
}

static void test_answer_later(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/Later", GRPC_UNARY, 0, "x", 1);
        grpc_pair_run(&f->pair);
        assert_int_equal(f->seen.finished, 0);
        assert_int_equal(grpc_call_reply(f->log.held, "done", 4), 0);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
        assert_int_equal(grpc_call_send(f->log.held, "x", 1), MESH_ECLOSED);
        grpc_call_unref(f->log.held);
        tear_down(f);
}

static void test_answer_after_the_client_has_gone(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        struct grpc_client_call *call = call_with(f, "/t.T/Later", GRPC_UNARY, 0, "x", 1);
        grpc_pair_run(&f->pair);
        grpc_client_call_cancel(call);
        assert_int_equal(f->seen.finished, 0); /* never from inside */
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_CANCELLED, GRPC_CLOSED_CANCELLED);
        assert_int_equal(grpc_call_reply(f->log.held, "late", 4), MESH_ECLOSED);
        assert_null(grpc_call_connection(f->log.held));
        grpc_call_unref(f->log.held);
        tear_down(f);
}

static void test_answer_after_the_connection_has_gone(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/LaterBidi", GRPC_BIDI, 0, "x", 1);
        grpc_pair_run(&f->pair);
        struct grpc_call *held = f->log.held;
        struct service_log *log = &f->log;
        grpc_connection_free(f->pair.server);
        f->pair.server = NULL;
        assert_int_equal(log->closed, 1);
        assert_int_equal(log->reason, GRPC_CLOSED_CANCELLED);
        assert_int_equal(grpc_call_send(held, "late", 4), MESH_ECLOSED);
        assert_int_equal(grpc_call_finish(held, GRPC_OK, NULL), MESH_ECLOSED);
        grpc_call_resume(held);
        assert_int_equal(grpc_call_queued_bytes(held), 0);
        grpc_call_unref(held);
        grpc_client_lost(f->pair.client, "gone");
        assert_int_equal(f->seen.status, GRPC_UNAVAILABLE);
        assert_string_equal(f->seen.text, "gone");
        tear_down(f);
}

static void test_deadlines(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/Later", GRPC_UNARY, 100, "x", 1);
        grpc_pair_run(&f->pair);
        assert_int_equal(grpc_connection_next_ms(f->pair.server), f->pair.now_ms + 100);
        assert_int_equal(grpc_client_next_ms(f->pair.client), f->pair.now_ms + 100);
        grpc_pair_wait(&f->pair, 99);
        assert_int_equal(f->seen.finished, 0);
        assert_int_equal(f->log.closed, 0);
        /* The server alone: a client that forgot its own deadline. */
        grpc_connection_tick(f->pair.server, f->pair.now_ms + 1);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_DEADLINE_EXCEEDED, GRPC_CLOSED_DEADLINE);
        assert_int_equal(grpc_call_reply(f->log.held, "late", 4), MESH_ECLOSED);
        grpc_call_unref(f->log.held);
        tear_down(f);
}

static void test_client_deadline_alone(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/Later", GRPC_UNARY, 100, "x", 1);
        grpc_pair_run(&f->pair);
        grpc_client_tick(f->pair.client, f->pair.now_ms + 100);
        assert_int_equal(f->seen.status, GRPC_DEADLINE_EXCEEDED);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_DEADLINE_EXCEEDED, GRPC_CLOSED_CANCELLED);
        grpc_call_unref(f->log.held);
        tear_down(f);
}

/* A unary request that never ends does not hold its place for ever. */
static void test_request_must_arrive_in_time(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/Echo", GRPC_UNARY, 0, NULL, 0);
        grpc_pair_run(&f->pair);
        grpc_pair_wait(&f->pair, f->pair.engine.limits.request_ms);
        expect_end(f, GRPC_DEADLINE_EXCEEDED, GRPC_CLOSED_DEADLINE);
        tear_down(f);
}

static void test_client_that_stops_reading(void **state)
{
        struct fixture *f = set_up(NULL);
        uint8_t request[1000] = { 0 };
        struct seen other = { 0 };
        (void)state;
        f->seen.pause = true;
        struct grpc_client_call *call =
                call_with(f, "/t.T/Many", GRPC_SERVER_STREAM, 0, request, sizeof(request));
        grpc_pair_run(&f->pair);
        assert_int_equal(f->seen.messages, 1);
        /* Another call of the connection is not held up. */
        struct grpc_client_call *second =
                grpc_pair_call(&f->pair, "/t.T/Echo", GRPC_UNARY, 0, &other);
        assert_int_equal(grpc_client_call_send(second, "x", 1), 0);
        assert_int_equal(grpc_client_call_half_close(second), 0);
        grpc_pair_run(&f->pair);
        assert_int_equal(other.finished, 1);
        assert_int_equal(other.status, GRPC_OK);
        assert_int_equal(f->seen.finished, 0);
        f->seen.pause = false;
        grpc_client_call_resume(call);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
        assert_int_equal(f->seen.messages, 1000);
        seen_done(&other);
        tear_down(f);
}

static void test_handler_that_stops_reading(void **state)
{
        struct fixture *f = set_up(NULL);
        uint8_t bytes[1000] = { 0 };
        (void)state;
        f->log.pause = true;
        struct grpc_client_call *call = call_with(f, "/t.T/Bidi", GRPC_BIDI, 0, NULL, 0);
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(grpc_client_call_send(call, bytes, sizeof(bytes)), 0);
        grpc_client_call_half_close(call);
        grpc_pair_run(&f->pair);
        assert_int_equal(f->log.messages, 1);
        /* What the peer may still have sent is one window; the rest waits at its side. */
        size_t waiting = grpc_client_call_queued_bytes(call);
        assert_int_equal(waiting, 1000 * 1005 - 65535);
        assert_int_equal(f->seen.finished, 0);
        tear_down(f);
}

static void test_paused_handler_gets_everything_later(void **state)
{
        struct fixture *f = set_up(NULL);
        uint8_t bytes[100] = { 0 };
        (void)state;
        struct grpc_client_call *call = call_with(f, "/t.T/LaterBidi", GRPC_BIDI, 0, NULL, 0);
        assert_int_equal(grpc_client_call_send(call, bytes, 1), 0);
        grpc_pair_run(&f->pair);
        struct grpc_call *held = f->log.held;
        grpc_call_pause(held);
        for (unsigned i = 0; i < 5000; i++)
                assert_int_equal(grpc_client_call_send(call, bytes, sizeof(bytes)), 0);
        grpc_client_call_half_close(call);
        grpc_pair_run(&f->pair);
        assert_int_equal(f->log.messages, 1);
        grpc_call_resume(held);
        grpc_pair_run(&f->pair);
        assert_int_equal(f->log.messages, 5001);
        for (unsigned i = 0; i < 5001; i++)
                grpc_call_unref(held); /* each message held it once more */
        tear_down(f);
}

static void test_writable_and_queue_limit(void **state)
{
        struct fixture *f = set_up(NULL);
        uint8_t bytes[1000] = { 0 };
        int err = 0;
        unsigned sent = 0;
        (void)state;
        struct grpc_client_call *call = call_with(f, "/t.T/LaterBidi", GRPC_BIDI, 0, NULL, 0);
        assert_int_equal(grpc_client_call_send(call, bytes, 1), 0);
        grpc_pair_run(&f->pair);
        struct grpc_call *held = f->log.held;
        grpc_call_set_high_water(held, 1);
        assert_true(grpc_call_is_writable(held));
        assert_int_equal(grpc_call_send(held, "x", 1), 0);
        assert_false(grpc_call_is_writable(held));
        assert_int_equal(grpc_call_queued_bytes(held), 6);
        grpc_pair_run(&f->pair);
        assert_int_equal(f->log.writable, 1);
        assert_true(grpc_call_is_writable(held));
        while ((err = grpc_call_send(held, bytes, sizeof(bytes))) == 0)
                sent++;
        assert_int_equal(err, MESH_ELIMIT);
        assert_int_equal(sent, f->pair.engine.limits.call_queue_bytes / 1005);
        grpc_pair_run(&f->pair); /* the call goes on */
        assert_int_equal(f->seen.messages, sent + 1);
        assert_int_equal(f->log.writable, 2);
        grpc_call_unref(held);
        tear_down(f);
}

static void test_shutdown_lets_calls_finish(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/Later", GRPC_UNARY, 0, "x", 1);
        grpc_pair_run(&f->pair);
        grpc_connection_shutdown(f->pair.server, f->pair.now_ms);
        grpc_pair_run(&f->pair);
        assert_true(grpc_client_is_over(f->pair.client));
        grpc_pair_wait(&f->pair, 1000);
        assert_false(grpc_connection_is_over(f->pair.server));
        assert_int_equal(grpc_call_reply(f->log.held, "x", 1), 0);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
        assert_true(grpc_connection_is_over(f->pair.server));
        assert_true(grpc_client_is_done(f->pair.client));
        grpc_call_unref(f->log.held);
        tear_down(f);
}

static void test_shutdown_cuts_what_does_not_finish(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/LaterBidi", GRPC_BIDI, 0, "x", 1);
        grpc_pair_run(&f->pair);
        grpc_connection_shutdown(f->pair.server, f->pair.now_ms);
        grpc_pair_wait(&f->pair, 500);
        assert_int_equal(f->seen.finished, 0);
        grpc_pair_wait(&f->pair, f->pair.engine.limits.drain_ms);
        expect_end(f, GRPC_UNAVAILABLE, GRPC_CLOSED_CANCELLED);
        assert_true(grpc_connection_is_over(f->pair.server));
        grpc_call_unref(f->log.held);
        tear_down(f);
}

static void test_idle_connection_is_ended(void **state)
{
        struct fixture *f = set_up(NULL);
        (void)state;
        call_with(f, "/t.T/Echo", GRPC_UNARY, 0, "x", 1);
        grpc_pair_run(&f->pair);
        assert_int_equal(grpc_connection_next_ms(f->pair.server),
                         f->pair.now_ms + f->pair.engine.limits.idle_ms);
        grpc_pair_wait(&f->pair, f->pair.engine.limits.idle_ms);
        assert_true(grpc_connection_is_over(f->pair.server));
        assert_true(grpc_client_is_done(f->pair.client));
        tear_down(f);
}

static void test_metadata_over_the_limit(void **state)
{
        struct fixture *f = set_up(NULL);
        char big[9000];
        const struct grpc_field field = { "x-big", big, sizeof(big) };
        struct grpc_client_call *call;
        const struct grpc_client_events none = { 0 };
        const struct grpc_client_request request = {
                .path = "/t.T/Echo", .metadata = &field, .metadata_count = 1, .events = &none
        };
        (void)state;
        memset(big, 'x', sizeof(big));
        assert_int_equal(grpc_client_call(f->pair.client, &request, f->pair.now_ms, &call), 0);
        grpc_pair_run(&f->pair);
        assert_int_equal(f->log.started, 0);
        assert_int_equal(f->pair.server_error, 0); /* the connection lives */
        call_with(f, "/t.T/Echo", GRPC_UNARY, 0, "x", 1);
        grpc_pair_run(&f->pair);
        expect_end(f, GRPC_OK, GRPC_CLOSED_FINISHED);
        tear_down(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_unary_in_chunks),
                cmocka_unit_test(test_empty_message),
                cmocka_unit_test(test_large_unary),
                cmocka_unit_test(test_server_stream),
                cmocka_unit_test(test_bidi_ping_pong),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_unary_needs_exactly_one_message),
                cmocka_unit_test(test_status_text_survives),
                cmocka_unit_test(test_answer_later),
                cmocka_unit_test(test_answer_after_the_client_has_gone),
                cmocka_unit_test(test_answer_after_the_connection_has_gone),
                cmocka_unit_test(test_deadlines),
                cmocka_unit_test(test_client_deadline_alone),
                cmocka_unit_test(test_request_must_arrive_in_time),
                cmocka_unit_test(test_client_that_stops_reading),
                cmocka_unit_test(test_handler_that_stops_reading),
                cmocka_unit_test(test_paused_handler_gets_everything_later),
                cmocka_unit_test(test_writable_and_queue_limit),
                cmocka_unit_test(test_shutdown_lets_calls_finish),
                cmocka_unit_test(test_shutdown_cuts_what_does_not_finish),
                cmocka_unit_test(test_idle_connection_is_ended),
                cmocka_unit_test(test_metadata_over_the_limit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
