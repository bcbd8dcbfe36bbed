/* grpc.testing.TestService on common/grpc: the server of the gRPC project's interop cases.
 *
 * usage: grpc_interop_server DIRECTORY     see lib/serve.h. Driven by test_grpc_interop.py. */
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/grpc/call.h"
#include "grpc_testing.pb-c.h"
#include "proto/pb.h"
#include "tests/interop/lib/serve.h"

enum { ARENA_BYTES = 8 << 20, BODY_MAX = 4 << 20 };

/* ---- messages ---- */

/* The request of TYPE, owned by *RET_ARENA. NULL if the call was ended instead. */
static const void *read_request(struct grpc_call *call, const ProtobufCMessageDescriptor *type,
                                const uint8_t *bytes, size_t len, struct arena **ret_arena)
{
        ProtobufCMessage *message = NULL;
        struct arena *arena = arena_new(ARENA_BYTES);
        int err = arena ? pb_unpack(type, bytes, len, arena, &message) : MESH_ENOMEM;
        if (err) {
                (void)grpc_call_finish(call, GRPC_INTERNAL, mesh_strerror(err));
                arena_free(arena);
                return NULL;
        }
        *ret_arena = arena;
        return message;
}

/* Packs and sends; ends the call if that is not possible. */
static void send_message(struct grpc_call *call, const ProtobufCMessage *message)
{
        struct buffer bytes = buffer_with_max(PB_MESSAGE_MAX);
        int err = pb_pack(message, &bytes);
        if (!err)
                err = grpc_call_send(call, bytes.bytes, bytes.len);
        if (err)
                (void)grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, mesh_strerror(err));
        buffer_done(&bytes);
}

/* SIZE zero bytes. False if there may not be so many. */
static bool make_payload(int32_t size, struct arena *arena, Grpc__Testing__Payload *payload)
{
        grpc__testing__payload__init(payload);
        if (size < 0 || size > BODY_MAX)
                return false;
        payload->body.len = (size_t)size;
        payload->body.data = arena_alloc(arena, (size_t)size + 1);
        return payload->body.data != NULL;
}

/* Case custom_metadata. */
static void echo_metadata(struct grpc_call *call)
{
        const struct grpc_metadata *metadata = grpc_call_metadata_all(call);
        const struct grpc_field *header = grpc_metadata_find(metadata, "x-grpc-test-echo-initial");
        const struct grpc_field *trailer =
                grpc_metadata_find(metadata, "x-grpc-test-echo-trailing-bin");
        if (header)
                (void)grpc_call_add_header(call, header);
        if (trailer)
                (void)grpc_call_add_trailer(call, trailer);
}

/* Ends the call as the request wants it. False if it wants nothing of that. */
static bool echo_status(struct grpc_call *call, const Grpc__Testing__EchoStatus *status)
{
        if (!status)
                return false;
        (void)grpc_call_finish(call, (enum grpc_status)status->code, status->message);
        return true;
}

static void finish_ok(struct grpc_call *call)
{
        (void)grpc_call_finish(call, GRPC_OK, NULL);
}

/* ---- unary ---- */

static void empty_call(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct arena *arena;
        if (!read_request(call, &grpc__testing__empty__descriptor, bytes, len, &arena))
                return;
        (void)grpc_call_reply(call, NULL, 0);
        arena_free(arena);
}

static void unary_call(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        Grpc__Testing__SimpleResponse response = GRPC__TESTING__SIMPLE_RESPONSE__INIT;
        Grpc__Testing__Payload payload;
        struct arena *arena;
        const Grpc__Testing__SimpleRequest *request =
                read_request(call, &grpc__testing__simple_request__descriptor, bytes, len, &arena);
        if (!request)
                return;
        echo_metadata(call);
        if (echo_status(call, request->response_status)) {
                arena_free(arena);
                return;
        }
        if (make_payload(request->response_size, arena, &payload)) {
                response.payload = &payload;
                send_message(call, &response.base);
                finish_ok(call);
        } else {
                (void)grpc_call_finish(call, GRPC_INVALID_ARGUMENT, "response_size");
        }
        arena_free(arena);
}

/* ---- streams ---- */

/* A message for each of the request's sizes, then its status. True if that ended the call. */
static bool send_sizes(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct arena *arena;
        const Grpc__Testing__StreamingOutputCallRequest *request =
                read_request(call, &grpc__testing__streaming_output_call_request__descriptor, bytes,
                             len, &arena);
        if (!request)
                return true;
        bool ended = echo_status(call, request->response_status);
        for (size_t i = 0; i < request->n_response_parameters && !ended; i++) {
                Grpc__Testing__StreamingOutputCallResponse response =
                        GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;
                Grpc__Testing__Payload payload;
                response.payload = &payload;
                ended = !make_payload(request->response_parameters[i]->size, arena, &payload);
                if (ended)
                        (void)grpc_call_finish(call, GRPC_INVALID_ARGUMENT, "size");
                else
                        send_message(call, &response.base);
        }
        arena_free(arena);
        return ended;
}

static void output_call(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        if (!send_sizes(call, bytes, len))
                finish_ok(call);
}

static void duplex_call(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        (void)send_sizes(call, bytes, len);
}

static void begin_sum(struct grpc_call *call)
{
        grpc_call_set_data(call, calloc(1, sizeof(int32_t)));
}

static void add_input(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        int32_t *sum = grpc_call_data(call);
        struct arena *arena;
        const Grpc__Testing__StreamingInputCallRequest *request = read_request(
                call, &grpc__testing__streaming_input_call_request__descriptor, bytes, len, &arena);
        if (!request)
                return;
        if (sum && request->payload)
                *sum += (int32_t)request->payload->body.len;
        arena_free(arena);
}

static void reply_sum(struct grpc_call *call)
{
        const int32_t *sum = grpc_call_data(call);
        Grpc__Testing__StreamingInputCallResponse response =
                GRPC__TESTING__STREAMING_INPUT_CALL_RESPONSE__INIT;
        response.aggregated_payload_size = sum ? *sum : -1;
        send_message(call, &response.base);
        finish_ok(call);
}

static void free_sum(struct grpc_call *call, enum grpc_close_reason reason)
{
        (void)reason;
        free(grpc_call_data(call));
}

/* ---- the table ---- */

static const struct grpc_handler empty_handler = { .message = empty_call };
static const struct grpc_handler unary_handler = { .message = unary_call };
static const struct grpc_handler output_handler = { .message = output_call };
static const struct grpc_handler input_handler = {
        .start = begin_sum, .message = add_input, .half_closed = reply_sum, .closed = free_sum
};
static const struct grpc_handler duplex_handler = { .start = echo_metadata,
                                                    .message = duplex_call,
                                                    .half_closed = finish_ok };

static const struct grpc_method methods[] = {
        { "/grpc.testing.TestService/EmptyCall", GRPC_UNARY, &empty_handler, 0 },
        { "/grpc.testing.TestService/UnaryCall", GRPC_UNARY, &unary_handler, 0 },
        { "/grpc.testing.TestService/StreamingOutputCall", GRPC_SERVER_STREAM, &output_handler, 0 },
        { "/grpc.testing.TestService/StreamingInputCall", GRPC_CLIENT_STREAM, &input_handler, 0 },
        { "/grpc.testing.TestService/FullDuplexCall", GRPC_BIDI, &duplex_handler, 0 },
};

int main(int argc, char **argv)
{
        const struct grpc_service service = { methods, sizeof(methods) / sizeof(methods[0]), NULL };
        const struct grpc_service *const services[] = { &service };
        return argc == 2 ? serve(argv[1], services, 1) : 2;
}
