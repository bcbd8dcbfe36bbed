/* A server on common/grpc for stock clients: what the interop cases of the gRPC project leave out
 * (limits, readers that stop, how calls end), with bytes instead of generated messages.
 *
 * usage: grpc_test_server DIRECTORY     see lib/serve.h. Driven by test_grpc_stock.py. */
#include <stdio.h>
#include <stdlib.h>

#include "common/cursor.h"
#include "common/grpc/call.h"
#include "tests/interop/lib/serve.h"

/* ---- unary: echo, status, slow ------------------------------------------------------------------
 */

/* Metadata as in the interop case custom_metadata. */
static void echo_metadata(struct grpc_call *call)
{
        static const char initial[] = "x-grpc-test-echo-initial";
        const struct grpc_metadata *metadata = grpc_call_metadata_all(call);
        const struct grpc_field *header = grpc_metadata_find(metadata, initial);
        const struct grpc_field *trailer =
                grpc_metadata_find(metadata, "x-grpc-test-echo-trailing-bin");
        if (header)
                (void)grpc_call_add_header(call, header);
        if (trailer)
                (void)grpc_call_add_trailer(call, trailer);
}

static void echo(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        echo_metadata(call);
        (void)grpc_call_reply(call, bytes, len);
}

/* The request is 4 bytes of length: so many zero bytes come back. */
static void sized(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct cursor c = cursor_over(bytes, len);
        uint32_t size = cursor_be32(&c);
        uint8_t *reply = calloc(1, (size_t)size + 1);
        if (reply)
                (void)grpc_call_reply(call, reply, size);
        free(reply);
}

/* The request is one byte, the status, and the message. */
static void fail(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        char text[256];
        struct cursor c = cursor_over(bytes, len);
        enum grpc_status status = cursor_u8(&c);
        (void)snprintf(text, sizeof(text), "%.*s", (int)cursor_left(&c), (const char *)c.at);
        echo_metadata(call);
        (void)grpc_call_finish(call, status, text);
}

/* ---- streams ------------------------------------------------------------------------------------
 */

/* The request is a list of 4-byte lengths: one message of each comes back. */
static void stream_sizes(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct cursor c = cursor_over(bytes, len);
        while (cursor_left(&c) >= 4) {
                uint32_t size = cursor_be32(&c);
                uint8_t *message = calloc(1, (size_t)size + 1);
                if (message)
                        (void)grpc_call_send(call, message, size);
                free(message);
        }
        (void)grpc_call_finish(call, GRPC_OK, NULL);
}

static void bidi_echo(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        if (grpc_call_send(call, bytes, len) != 0)
                (void)grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the queue is full");
}

static void finish_ok(struct grpc_call *call)
{
        (void)grpc_call_finish(call, GRPC_OK, NULL);
}

static void begin_bidi(struct grpc_call *call)
{
        echo_metadata(call);
        (void)grpc_call_send_headers(call);
}

/* Adds up the lengths. */
static void add_length(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        uint32_t *sum = grpc_call_data(call);
        (void)bytes;
        if (sum)
                *sum += (uint32_t)len;
}

static void begin_sum(struct grpc_call *call)
{
        grpc_call_set_data(call, calloc(1, sizeof(uint32_t)));
}

static void reply_sum(struct grpc_call *call)
{
        uint32_t *sum = grpc_call_data(call);
        char text[16];
        int len = snprintf(text, sizeof(text), "%u", sum ? *sum : 0);
        (void)grpc_call_reply(call, text, (size_t)len);
}

static void free_data(struct grpc_call *call, enum grpc_close_reason reason)
{
        (void)reason;
        free(grpc_call_data(call));
}

/* ---- what a test asks about other calls ---------------------------------------------------------
 */

/* How the calls of the never-ending method ended, by reason. */
struct tally {
        unsigned open, closed[4];
};

static void count_open(struct grpc_call *call)
{
        ((struct tally *)grpc_call_service(call))->open++;
        (void)grpc_call_send_headers(call);
}

static void count_closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        struct tally *tally = grpc_call_service(call);
        tally->open--;
        tally->closed[reason]++;
}

static void report(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        const struct tally *tally = grpc_call_service(call);
        char text[128];
        (void)bytes, (void)len;
        int size =
                snprintf(text, sizeof(text), "open=%u finished=%u cancelled=%u deadline=%u",
                         tally->open, tally->closed[GRPC_CLOSED_FINISHED],
                         tally->closed[GRPC_CLOSED_CANCELLED], tally->closed[GRPC_CLOSED_DEADLINE]);
        (void)grpc_call_reply(call, text, (size_t)size);
}

static const struct grpc_handler echo_handler = { .message = echo };
static const struct grpc_handler sized_handler = { .message = sized };
static const struct grpc_handler fail_handler = { .message = fail };
static const struct grpc_handler stream_handler = { .message = stream_sizes };
static const struct grpc_handler bidi_handler = { .start = begin_bidi,
                                                  .message = bidi_echo,
                                                  .half_closed = finish_ok };
static const struct grpc_handler sum_handler = {
        .start = begin_sum, .message = add_length, .half_closed = reply_sum, .closed = free_data
};
static const struct grpc_handler sleep_handler = { .start = count_open, .closed = count_closed };
static const struct grpc_handler report_handler = { .message = report };

static const struct grpc_method methods[] = {
        { "/mesh.test.Test/Echo", GRPC_UNARY, &echo_handler, 0 },
        { "/mesh.test.Test/Small", GRPC_UNARY, &echo_handler, 1000 },
        { "/mesh.test.Test/Sized", GRPC_UNARY, &sized_handler, 0 },
        { "/mesh.test.Test/Fail", GRPC_UNARY, &fail_handler, 0 },
        { "/mesh.test.Test/Stream", GRPC_SERVER_STREAM, &stream_handler, 0 },
        { "/mesh.test.Test/Bidi", GRPC_BIDI, &bidi_handler, 0 },
        { "/mesh.test.Test/Sum", GRPC_CLIENT_STREAM, &sum_handler, 0 },
        { "/mesh.test.Test/Sleep", GRPC_BIDI, &sleep_handler, 0 },
        { "/mesh.test.Test/Report", GRPC_UNARY, &report_handler, 0 },
};

int main(int argc, char **argv)
{
        struct tally tally = { 0 };
        const struct grpc_service service = { methods, sizeof(methods) / sizeof(methods[0]),
                                              &tally };
        const struct grpc_service *const services[] = { &service };
        return argc == 2 ? serve(argv[1], services, 1) : 2;
}
