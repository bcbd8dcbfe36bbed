/* A hostile or foreign HTTP/2 client, frame by frame, against the server engine. */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/cursor.h"
#include "common/error.h"
#include "tests/support/grpc_pair.h"
#include "tests/support/unit.h"

enum { DATA = 0, HEADERS = 1, RST = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, CONTINUATION = 9 };
enum { END_STREAM = 1, END_HEADERS = 4 };

static unsigned started, closed;

static void on_start(struct grpc_call *call)
{
        (void)call;
        started++;
}

static void on_message(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        (void)grpc_call_reply(call, bytes, len);
}

static void on_full_answer(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        static const uint8_t much[100000];
        (void)bytes, (void)len;
        assert_int_equal(grpc_call_send(call, much, sizeof(much)), 0);
        assert_int_equal(grpc_call_finish(call, GRPC_UNAVAILABLE, "enough"), 0);
}

static void on_closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        (void)call, (void)reason;
        closed++;
}

static const struct grpc_handler handler = { .start = on_start,
                                             .message = on_message,
                                             .closed = on_closed };
static const struct grpc_handler quiet = { .start = on_start, .closed = on_closed };
static const struct grpc_handler full = { .start = on_start,
                                          .message = on_full_answer,
                                          .closed = on_closed };
static const struct grpc_method methods[] = { { "/t.T/Full", GRPC_BIDI, &full, 0 },
                                              { "/t.T/Echo", GRPC_UNARY, &handler, 0 },
                                              { "/t.T/Quiet", GRPC_BIDI, &quiet, 0 } };
static const struct grpc_service service = { methods, LENGTH(methods), NULL };

/* What the server answered. */
struct answer {
        uint32_t goaway, rst;
        unsigned goaways, rsts, acks;
        char status[8], grpc_status[8], accept[32], message[128];
};

struct raw {
        struct grpc_pair pair;
        struct buffer out; /* frames for the server */
        nghttp2_hd_inflater *inflater;
        struct answer answer;
};

static void set_up(struct raw *r, const struct grpc_limits *limits)
{
        started = closed = 0;
        *r = (struct raw){ .out = buffer_with_max(64 * 1024 * 1024) };
        grpc_pair_init(&r->pair, &service, limits);
        assert_int_equal(nghttp2_hd_inflate_new(&r->inflater), 0);
        buffer_put(&r->out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
        static const uint8_t settings[9] = { 0, 0, 0, SETTINGS };
        buffer_put(&r->out, settings, sizeof(settings));
}

static void tear_down(struct raw *r)
{
        buffer_done(&r->out);
        nghttp2_hd_inflate_del(r->inflater);
        grpc_pair_done(&r->pair);
        assert_int_equal(started, closed);
}

static void put_frame(struct raw *r, uint8_t type, uint8_t flags, uint32_t stream,
                      const void *bytes, size_t len)
{
        buffer_put_u8(&r->out, (uint8_t)(len >> 16));
        buffer_put_be16(&r->out, (uint16_t)len);
        buffer_put_u8(&r->out, type);
        buffer_put_u8(&r->out, flags);
        buffer_put_be32(&r->out, stream);
        buffer_put(&r->out, bytes, len);
}

/* A field as an HPACK literal that is never indexed. */
static void put_field(struct buffer *block, const char *name, const char *value)
{
        buffer_put_u8(block, 0x10);
        buffer_put_u8(block, (uint8_t)strlen(name));
        buffer_put(block, name, strlen(name));
        buffer_put_u8(block, (uint8_t)strlen(value));
        buffer_put(block, value, strlen(value));
}

struct request {
        const char *method, *path, *type, *extra_name, *extra_value;
};

static const struct request sound = { "POST", "/t.T/Echo", "application/grpc", NULL, NULL };

static void put_request(struct raw *r, uint32_t stream, const struct request *request,
                        uint8_t flags)
{
        struct buffer block = buffer_with_max(4096);
        put_field(&block, ":method", request->method);
        put_field(&block, ":scheme", "http");
        put_field(&block, ":path", request->path);
        put_field(&block, ":authority", "x");
        if (request->type)
                put_field(&block, "content-type", request->type);
        put_field(&block, "te", "trailers");
        if (request->extra_name)
                put_field(&block, request->extra_name, request->extra_value);
        put_frame(r, HEADERS, (uint8_t)(flags | END_HEADERS), stream, block.bytes, block.len);
        buffer_done(&block);
}

static void note_header(struct answer *a, const nghttp2_nv *nv)
{
        const struct {
                const char *name;
                char *out;
                size_t size;
        } wanted[] = {
                { ":status", a->status, sizeof(a->status) },
                { "grpc-status", a->grpc_status, sizeof(a->grpc_status) },
                { "grpc-accept-encoding", a->accept, sizeof(a->accept) },
                { "grpc-message", a->message, sizeof(a->message) },
        };
        for (size_t i = 0; i < LENGTH(wanted); i++) {
                if (strlen(wanted[i].name) == nv->namelen &&
                    memcmp(wanted[i].name, nv->name, nv->namelen) == 0 &&
                    nv->valuelen < wanted[i].size) {
                        memcpy(wanted[i].out, nv->value, nv->valuelen);
                        wanted[i].out[nv->valuelen] = '\0';
                }
        }
}

static void inflate(struct raw *r, const uint8_t *bytes, size_t len)
{
        int flags = 0;
        while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
                nghttp2_nv nv;
                ssize_t used = nghttp2_hd_inflate_hd2(r->inflater, &nv, &flags, bytes, len, 1);
                assert_true(used >= 0);
                bytes += used;
                len -= (size_t)used;
                if (flags & NGHTTP2_HD_INFLATE_EMIT)
                        note_header(&r->answer, &nv);
        }
        nghttp2_hd_inflate_end_headers(r->inflater);
}

static void note_frame(struct raw *r, uint8_t type, uint8_t flags, struct cursor payload)
{
        switch (type) {
        case HEADERS:
                inflate(r, payload.at, cursor_left(&payload));
                break;
        case RST:
                r->answer.rsts++;
                r->answer.rst = cursor_be32(&payload);
                break;
        case PING:
        case SETTINGS:
                r->answer.acks += flags & 1;
                break;
        case GOAWAY:
                r->answer.goaways++;
                (void)cursor_be32(&payload);
                r->answer.goaway = cursor_be32(&payload);
                break;
        default:
                break;
        }
}

/* Feeds what was put and reads all that the server says. */
static int run(struct raw *r)
{
        struct buffer in = buffer_with_max(64 * 1024 * 1024);
        const uint8_t *bytes;
        size_t len;
        int err = grpc_connection_receive(r->pair.server, r->out.bytes, r->out.len, r->pair.now_ms);
        buffer_clear(&r->out);
        while (grpc_connection_send(r->pair.server, &bytes, &len) == 0 && len > 0)
                buffer_put(&in, bytes, len);
        struct cursor c = cursor_over(in.bytes, in.len);
        while (cursor_left(&c) > 0) {
                uint32_t size = (uint32_t)cursor_u8(&c) << 16;
                size |= cursor_be16(&c);
                uint8_t type = cursor_u8(&c), flags = cursor_u8(&c);
                (void)cursor_be32(&c);
                note_frame(r, type, flags, cursor_sub(&c, size));
        }
        assert_int_equal(cursor_finish(&c), 0);
        buffer_done(&in);
        return err;
}

static const struct {
        const char *name;
        struct request request;
        const char *message; /* DATA, 5 bytes of prefix first */
        size_t len;
        const char *status, *grpc_status;
} foreign[] = {
        { "GET", { "GET", "/", NULL, NULL, NULL }, NULL, 0, "405", "" },
        { "no content type", { "POST", "/t.T/Echo", NULL, NULL, NULL }, NULL, 0, "415", "" },
        { "json", { "POST", "/t.T/Echo", "application/json", NULL, NULL }, NULL, 0, "415", "" },
        { "grpc-web",
          { "POST", "/t.T/Echo", "application/grpc-web", NULL, NULL },
          NULL,
          0,
          "415",
          "" },
        { "other codec",
          { "POST", "/t.T/Echo", "application/grpc+json", NULL, NULL },
          NULL,
          0,
          "415",
          "" },
        { "proto subtype",
          { "POST", "/t.T/Echo", "application/grpc+proto", NULL, NULL },
          "\0\0\0\0\1x",
          6,
          "200",
          "0" },
        { "parameters",
          { "POST", "/t.T/Echo", "application/grpc; a=b", NULL, NULL },
          "\0\0\0\0\1x",
          6,
          "200",
          "0" },
        { "unknown method",
          { "POST", "/t.T/echo", "application/grpc", NULL, NULL },
          "\0\0\0\0\1x",
          6,
          "200",
          "12" },
        { "no message",
          { "POST", "/t.T/Echo", "application/grpc", NULL, NULL },
          "",
          0,
          "200",
          "12" },
        { "two messages",
          { "POST", "/t.T/Echo", "application/grpc", NULL, NULL },
          "\0\0\0\0\0\0\0\0\0\0",
          10,
          "200",
          "12" },
        { "half a message",
          { "POST", "/t.T/Echo", "application/grpc", NULL, NULL },
          "\0\0\0\0\2x",
          6,
          "200",
          "13" },
        { "bad flag",
          { "POST", "/t.T/Echo", "application/grpc", NULL, NULL },
          "\7\0\0\0\1x",
          6,
          "200",
          "13" },
        { "gigantic",
          { "POST", "/t.T/Echo", "application/grpc", NULL, NULL },
          "\0\xff\xff\xff\xffx",
          6,
          "200",
          "8" },
        { "compressed",
          { "POST", "/t.T/Echo", "application/grpc", "grpc-encoding", "gzip" },
          "\1\0\0\0\1x",
          6,
          "200",
          "12" },
        { "compressed, unnamed",
          { "POST", "/t.T/Echo", "application/grpc", NULL, NULL },
          "\1\0\0\0\1x",
          6,
          "200",
          "13" },
        { "named but not used",
          { "POST", "/t.T/Echo", "application/grpc", "grpc-encoding", "gzip" },
          "\0\0\0\0\1x",
          6,
          "200",
          "0" },
        { "bad timeout",
          { "POST", "/t.T/Echo", "application/grpc", "grpc-timeout", "soon" },
          "\0\0\0\0\1x",
          6,
          "200",
          "3" },
        { "no base64",
          { "POST", "/t.T/Echo", "application/grpc", "x-bin", "!" },
          "\0\0\0\0\1x",
          6,
          "200",
          "3" },
};

static void test_requests_that_are_not_ours(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(foreign); i++) {
                struct raw r;
                print_message("%s\n", foreign[i].name);
                set_up(&r, NULL);
                put_request(&r, 1, &foreign[i].request, foreign[i].message ? 0 : END_STREAM);
                if (foreign[i].message)
                        put_frame(&r, DATA, END_STREAM, 1, foreign[i].message, foreign[i].len);
                assert_int_equal(run(&r), 0);
                assert_string_equal(r.answer.status, foreign[i].status);
                assert_string_equal(r.answer.grpc_status, foreign[i].grpc_status);
                assert_int_equal(r.answer.goaways, 0);
                if (strcmp(foreign[i].name, "compressed") == 0)
                        assert_string_equal(r.answer.accept, "identity");
                tear_down(&r);
        }
}

static void test_early_end_resets_with_no_error(void **state)
{
        static const struct request unknown = { "POST", "/x", "application/grpc", NULL, NULL };
        struct raw r;
        (void)state;
        set_up(&r, NULL);
        put_request(&r, 1, &unknown, 0); /* the client's side stays open */
        assert_int_equal(run(&r), 0);
        assert_string_equal(r.answer.grpc_status, "12");
        assert_int_equal(r.answer.rsts, 1);
        assert_int_equal(r.answer.rst, NGHTTP2_NO_ERROR);
        assert_int_equal(grpc_connection_calls(r.pair.server), 0);
        tear_down(&r);
}

static void test_ping_flood(void **state)
{
        static const uint8_t payload[8] = { 0 };
        struct raw r;
        (void)state;
        set_up(&r, NULL);
        unsigned burst = r.pair.engine.limits.control_burst;
        for (unsigned i = 0; i + 1 < burst; i++) /* SETTINGS took one */
                put_frame(&r, PING, 0, 0, payload, sizeof(payload));
        assert_int_equal(run(&r), 0);
        assert_int_equal(r.answer.goaways, 0);
        r.pair.now_ms += 10000; /* refills */
        for (unsigned i = 0; i < burst; i++)
                put_frame(&r, PING, 0, 0, payload, sizeof(payload));
        assert_int_equal(run(&r), 0);
        put_frame(&r, PING, 0, 0, payload, sizeof(payload));
        assert_int_equal(run(&r), MESH_EPROTO);
        assert_int_equal(r.answer.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
        assert_true(grpc_connection_is_over(r.pair.server));
        tear_down(&r);
}

static void test_settings_flood(void **state)
{
        struct raw r;
        int err = 0;
        unsigned rounds = 0;
        (void)state;
        set_up(&r, NULL);
        while (!err && rounds++ < 1000) { /* a peer that reads its ACKs */
                put_frame(&r, SETTINGS, 0, 0, NULL, 0);
                err = run(&r);
        }
        assert_int_equal(err, MESH_EPROTO);
        assert_int_equal(rounds, r.pair.engine.limits.control_burst);
        assert_int_equal(r.answer.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
        tear_down(&r);
}

static void test_rapid_reset(void **state)
{
        static const uint8_t cancel[4] = { 0, 0, 0, NGHTTP2_CANCEL };
        struct raw r;
        uint32_t stream = 1;
        int err = 0;
        (void)state;
        set_up(&r, NULL);
        for (; !err && stream < 4000; stream += 2) {
                put_request(&r, stream, &sound, 0);
                put_frame(&r, RST, 0, stream, cancel, sizeof(cancel));
                err = run(&r);
        }
        assert_int_equal(err, MESH_EPROTO);
        assert_in_range(stream / 2, r.pair.engine.limits.reset_burst,
                        r.pair.engine.limits.reset_burst + 2);
        assert_int_equal(r.answer.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
        tear_down(&r);
}

/* nghttp2 does not count the resets that the server is made to send. */
static void test_resets_that_we_are_made_to_send(void **state)
{
        static const struct request short_of_body = { "POST", "/t.T/Echo", "application/grpc",
                                                      "content-length", "5" };
        struct raw r;
        uint32_t stream = 1;
        int err = 0;
        (void)state;
        set_up(&r, NULL);
        for (; !err && stream < 4000; stream += 2) {
                put_request(&r, stream, &short_of_body, END_STREAM);
                err = run(&r);
        }
        assert_int_equal(err, MESH_EPROTO);
        assert_int_equal(r.answer.rst, NGHTTP2_PROTOCOL_ERROR);
        assert_in_range(stream / 2, r.pair.engine.limits.reset_burst,
                        r.pair.engine.limits.reset_burst + 3);
        tear_down(&r);
}

static void test_streams_are_limited(void **state)
{
        static const struct request open = { "POST", "/t.T/Quiet", "application/grpc", NULL, NULL };
        struct raw r;
        (void)state;
        set_up(&r, NULL);
        unsigned limit = r.pair.engine.limits.streams;
        for (unsigned i = 0; i < limit + 5; i++)
                put_request(&r, 1 + 2 * i, &open, 0);
        assert_int_equal(run(&r), 0);
        assert_int_equal(grpc_connection_calls(r.pair.server), limit);
        assert_int_equal(started, limit);
        assert_int_equal(r.answer.rsts, 5);
        assert_int_equal(r.answer.rst, NGHTTP2_REFUSED_STREAM);
        tear_down(&r);
}

static void test_large_headers(void **state)
{
        char value[101];
        struct request request = sound;
        struct raw r;
        (void)state;
        memset(value, 'v', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        request.extra_name = "x-a";
        request.extra_value = value;
        struct grpc_limits limits = grpc_limits_default();
        limits.header_bytes = 300;
        set_up(&r, &limits);
        put_request(&r, 1, &request, END_STREAM);
        assert_int_equal(run(&r), 0);
        assert_string_equal(r.answer.grpc_status, "8");
        assert_int_equal(started, 0);
        tear_down(&r);
}

/* 2000 references to one indexed field of 120 bytes: small on the wire, large when decoded. */
static void test_header_bomb_ends_the_connection(void **state)
{
        struct buffer block = buffer_with_max(16 * 1024);
        char value[121];
        struct raw r;
        (void)state;
        set_up(&r, NULL);
        memset(value, 'v', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        put_field(&block, ":method", "POST");
        put_field(&block, ":scheme", "http");
        put_field(&block, ":path", "/");
        put_field(&block, "x-a", value);
        block.bytes[block.len - 120 - 1 - 3 - 1 - 1] = 0x40; /* indexed from now on */
        for (unsigned i = 0; i < 2000; i++)
                buffer_put_u8(&block, 0x80 | 62);
        put_frame(&r, HEADERS, END_HEADERS | END_STREAM, 1, block.bytes, block.len);
        assert_int_equal(run(&r), MESH_EPROTO);
        buffer_done(&block);
        tear_down(&r);
}

static void test_continuation_flood(void **state)
{
        static const uint8_t nothing[1] = { 0x82 };
        struct raw r;
        (void)state;
        set_up(&r, NULL);
        put_frame(&r, HEADERS, 0, 1, nothing, sizeof(nothing));
        for (unsigned i = 0; i < 1000; i++)
                put_frame(&r, CONTINUATION, 0, 1, NULL, 0);
        assert_int_equal(run(&r), MESH_EPROTO);
        tear_down(&r);
}

static void test_many_half_messages_are_bounded(void **state)
{
        static const struct request open = { "POST", "/t.T/Quiet", "application/grpc", NULL, NULL };
        struct grpc_limits limits = grpc_limits_default();
        static uint8_t piece[10000] = { 0, 0, 0x30, 0, 0 }; /* of 3 MiB */
        struct raw r;
        (void)state;
        limits.received_bytes = 100000;
        set_up(&r, &limits);
        for (unsigned i = 0; i < 40; i++) {
                put_request(&r, 1 + 2 * i, &open, 0);
                put_frame(&r, DATA, 0, 1 + 2 * i, piece, sizeof(piece));
        }
        assert_int_equal(run(&r), 0);
        assert_string_equal(r.answer.grpc_status, "8");
        assert_in_range(grpc_connection_calls(r.pair.server), 1, 10);
        tear_down(&r);
}

static void test_no_preface_in_time(void **state)
{
        struct raw r;
        (void)state;
        set_up(&r, NULL);
        buffer_clear(&r.out);
        assert_int_equal(grpc_connection_next_ms(r.pair.server),
                         r.pair.now_ms + r.pair.engine.limits.preface_ms);
        grpc_connection_tick(r.pair.server, r.pair.now_ms + r.pair.engine.limits.preface_ms);
        assert_true(grpc_connection_is_over(r.pair.server));
        tear_down(&r);
}

/* More than a window: without credit the status cannot leave, whoever finished the call. */
static void test_reader_who_stopped_holds_no_finished_call(void **state)
{
        static const struct request request = { "POST", "/t.T/Full", "application/grpc", NULL,
                                                NULL };
        const struct grpc_limits limits = grpc_limits_default();
        struct raw r;
        (void)state;
        set_up(&r, NULL);
        put_request(&r, 1, &request, 0);
        put_frame(&r, DATA, 0, 1, "\0\0\0\0\0", 5);
        assert_int_equal(run(&r), 0);
        assert_string_equal(r.answer.status, "200");
        assert_int_equal(closed, 0);
        assert_int_equal(grpc_connection_next_ms(r.pair.server), r.pair.now_ms + limits.finish_ms);
        r.pair.now_ms += limits.finish_ms - 1;
        grpc_connection_tick(r.pair.server, r.pair.now_ms);
        assert_int_equal(closed, 0);
        grpc_connection_tick(r.pair.server, ++r.pair.now_ms);
        assert_int_equal(run(&r), 0);
        assert_int_equal(closed, 1);
        assert_int_equal(r.answer.rsts, 1);
        assert_int_equal(grpc_connection_calls(r.pair.server), 0);
        tear_down(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_requests_that_are_not_ours),
                cmocka_unit_test(test_early_end_resets_with_no_error),
                cmocka_unit_test(test_ping_flood),
                cmocka_unit_test(test_settings_flood),
                cmocka_unit_test(test_rapid_reset),
                cmocka_unit_test(test_resets_that_we_are_made_to_send),
                cmocka_unit_test(test_streams_are_limited),
                cmocka_unit_test(test_large_headers),
                cmocka_unit_test(test_header_bomb_ends_the_connection),
                cmocka_unit_test(test_continuation_flood),
                cmocka_unit_test(test_many_half_messages_are_bounded),
                cmocka_unit_test(test_no_preface_in_time),
                cmocka_unit_test(test_reader_who_stopped_holds_no_finished_call),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
