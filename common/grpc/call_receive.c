/* A server's call on its way in: dispatch, messages, end of the request, pausing. */
#include <stdlib.h>

#include "common/error.h"
#include "common/grpc/call_internal.h"
#include "common/grpc/response.h"

static bool request_is_unary(const struct grpc_call *call)
{
        return call->method->kind == GRPC_UNARY || call->method->kind == GRPC_SERVER_STREAM;
}

/* Deadline, message limit: what the head and the method say. */
static void take_terms(struct grpc_call *call, uint64_t now_ms)
{
        const struct grpc_limits *limits = call->stream.session->limits;
        const struct grpc_request_head *head = call->head;
        uint64_t timeout_ms = head->timeout_ms;
        if (timeout_ms > limits->max_timeout_ms)
                timeout_ms = limits->max_timeout_ms;
        if (head->has_timeout)
                call->deadline_ms = now_ms + timeout_ms;
        if (request_is_unary(call))
                call->request_by_ms = now_ms + limits->request_ms;
        if (call->method->max_message_bytes > 0 &&
            call->method->max_message_bytes < limits->message_bytes)
                call->stream.in.max_bytes = call->method->max_message_bytes;
        call->only = buffer_with_max(limits->message_bytes);
}

void grpc_call_begin(struct grpc_call *call, const struct grpc_service *service,
                     const struct grpc_method *method, uint64_t now_ms)
{
        struct grpc_request_head *head = call->head;
        unsigned http = grpc_request_head_http_status(head);
        grpc_call_ref(call);
        if (http != 200) {
                grpc_response_http(call, http);
        } else if (head->refusal) {
                grpc_call_cut(call, head->refused, head->refusal, GRPC_CLOSED_ABORTED);
        } else if (!method) {
                grpc_call_cut(call, GRPC_UNIMPLEMENTED, "unknown method", GRPC_CLOSED_ABORTED);
        } else {
                call->service = service;
                call->method = method;
                take_terms(call, now_ms);
                call->request = head->metadata;
                head->metadata = grpc_metadata_empty();
                call->started = true;
                if (method->handler->start)
                        method->handler->start(call);
        }
        if (!call->started)
                call->dropping = true;
        call->compressed = head->compressed;
        grpc_request_head_done(head);
        free(head);
        call->head = NULL;
        grpc_call_unref(call);
}

static void hand_out(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        if (call->method->handler->message)
                call->method->handler->message(call, bytes, len);
}

/* Whether the handler still wants messages. */
static bool is_wanted(const struct grpc_call *call)
{
        return !call->dropping && !call->closed && !call->finished;
}

static bool take_message(void *owner, const uint8_t *bytes, size_t len)
{
        struct grpc_call *call = owner;
        call->messages_in++;
        if (!request_is_unary(call)) {
                hand_out(call, bytes, len);
                return is_wanted(call);
        }
        if (call->messages_in > 1) {
                grpc_call_cut(call, GRPC_UNIMPLEMENTED, "more than one request message",
                              GRPC_CLOSED_ABORTED);
                return false;
        }
        buffer_put(&call->only, bytes, len);
        if (buffer_error(&call->only))
                grpc_call_cut(call, GRPC_RESOURCE_EXHAUSTED, "out of memory", GRPC_CLOSED_ABORTED);
        return is_wanted(call);
}

/* What a client is told about bytes that cannot be taken. */
static void refuse_bytes(struct grpc_call *call, int err)
{
        static const struct {
                int err;
                enum grpc_status status;
                const char *message;
        } table[] = {
                { MESH_ELIMIT, GRPC_RESOURCE_EXHAUSTED, "request message too large" },
                { MESH_EBUSY, GRPC_RESOURCE_EXHAUSTED, "too many bytes under way" },
                { MESH_EFORMAT, GRPC_INTERNAL, "malformed message prefix" },
        };
        if (err == MESH_EUNSUPPORTED) {
                grpc_response_refuse_compression(call);
                return;
        }
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                if (table[i].err == err) {
                        grpc_call_cut(call, table[i].status, table[i].message, GRPC_CLOSED_ABORTED);
                        return;
                }
        }
        grpc_call_cut(call, GRPC_RESOURCE_EXHAUSTED, mesh_strerror(err), GRPC_CLOSED_ABORTED);
}

void grpc_call_receive(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        if (!is_wanted(call))
                return;
        grpc_call_ref(call);
        int err = grpc_stream_receive(&call->stream, bytes, len, take_message, call);
        if (err && is_wanted(call))
                refuse_bytes(call, err);
        grpc_call_unref(call);
}

static void half_close(struct grpc_call *call)
{
        const struct grpc_handler *handler = call->method->handler;
        call->half_closed = true;
        call->request_by_ms = UINT64_MAX;
        if (grpc_deframer_is_partial(&call->stream.in)) {
                grpc_call_cut(call, GRPC_INTERNAL, "the request ends inside a message",
                              GRPC_CLOSED_ABORTED);
                return;
        }
        if (request_is_unary(call)) {
                if (call->messages_in != 1) {
                        grpc_call_cut(call, GRPC_UNIMPLEMENTED, "no request message",
                                      GRPC_CLOSED_ABORTED);
                        return;
                }
                hand_out(call, call->only.bytes, call->only.len);
                buffer_done(&call->only);
        }
        if (is_wanted(call) && handler->half_closed)
                handler->half_closed(call);
}

static void half_close_if_read(struct grpc_call *call)
{
        if (is_wanted(call) && !call->half_closed && grpc_stream_is_read(&call->stream))
                half_close(call);
}

void grpc_call_end_of_request(struct grpc_call *call)
{
        call->stream.in_ended = true;
        if (!call->started)
                return;
        grpc_call_ref(call);
        half_close_if_read(call);
        grpc_call_unref(call);
}

void grpc_call_pause(struct grpc_call *call)
{
        call->stream.paused = true;
}

void grpc_call_resume(struct grpc_call *call)
{
        if (!is_wanted(call) || !call->connection) {
                call->stream.paused = false;
                return;
        }
        grpc_call_ref(call);
        bool feeding = call->stream.feeding;
        int err = grpc_stream_resume(&call->stream, take_message, call);
        if (err && is_wanted(call))
                refuse_bytes(call, err);
        if (!feeding)
                half_close_if_read(call);
        grpc_call_unref(call);
}
