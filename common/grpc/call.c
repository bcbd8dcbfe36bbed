/* What handlers may do with a call; see the header. The way in is call_receive.c, the HTTP/2 form
 * of responses is response.c. */
#include "common/grpc/call.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/grpc/call_internal.h"
#include "common/grpc/response.h"

struct grpc_call *grpc_call_new(struct grpc_connection *connection, struct grpc_session *session,
                                int32_t id, const struct net_peer *peer)
{
        struct grpc_call *call = calloc(1, sizeof(*call));
        if (!call)
                return NULL;
        call->head = malloc(sizeof(*call->head));
        if (!call->head) {
                free(call);
                return NULL;
        }
        grpc_request_head_init(call->head);
        call->refs = 1;
        call->connection = connection;
        call->peer = *peer;
        call->deadline_ms = call->request_by_ms = call->finish_by_ms = UINT64_MAX;
        grpc_stream_init(&call->stream, session, session->limits->message_bytes);
        call->stream.id = id;
        return call;
}

struct grpc_call *grpc_call_ref(struct grpc_call *call)
{
        call->refs++;
        return call;
}

void grpc_call_unref(struct grpc_call *call)
{
        if (!call || --call->refs > 0)
                return;
        grpc_stream_done(&call->stream);
        if (call->head)
                grpc_request_head_done(call->head);
        free(call->head);
        grpc_metadata_done(&call->request);
        grpc_metadata_done(&call->headers);
        grpc_metadata_done(&call->trailers);
        buffer_done(&call->only);
        free(call->status_text);
        free(call);
}

void grpc_call_set_data(struct grpc_call *call, void *data)
{
        call->data = data;
}

void *grpc_call_data(const struct grpc_call *call)
{
        return call->data;
}

void *grpc_call_service(const struct grpc_call *call)
{
        return call->service ? call->service->data : NULL;
}

const struct grpc_method *grpc_call_method(const struct grpc_call *call)
{
        return call->method;
}

const char *grpc_call_metadata(const struct grpc_call *call, const char *name)
{
        return grpc_metadata_text(&call->request, name);
}

const struct grpc_metadata *grpc_call_metadata_all(const struct grpc_call *call)
{
        return &call->request;
}

const struct net_peer *grpc_call_peer(const struct grpc_call *call)
{
        return &call->peer;
}

struct grpc_connection *grpc_call_connection(const struct grpc_call *call)
{
        return call->connection;
}

uint64_t grpc_call_deadline_ms(const struct grpc_call *call)
{
        return call->deadline_ms;
}

bool grpc_call_is_closed(const struct grpc_call *call)
{
        return call->closed;
}

static int may_answer(const struct grpc_call *call)
{
        if (call->closed || !call->connection)
                return MESH_ECLOSED;
        return call->finished ? MESH_ESTATE : 0;
}

int grpc_call_add_header(struct grpc_call *call, const struct grpc_field *field)
{
        int err = may_answer(call);
        if (!err && call->headers_sent)
                err = MESH_ESTATE;
        return err ? err : grpc_metadata_add(&call->headers, field);
}

int grpc_call_add_trailer(struct grpc_call *call, const struct grpc_field *field)
{
        int err = may_answer(call);
        return err ? err : grpc_metadata_add(&call->trailers, field);
}

int grpc_call_send_headers(struct grpc_call *call)
{
        int err = may_answer(call);
        return err || call->headers_sent ? err : grpc_response_headers(call);
}

int grpc_call_send(struct grpc_call *call, const void *bytes, size_t len)
{
        int err = grpc_call_send_headers(call);
        if (!err)
                err = grpc_stream_send(&call->stream, bytes, len);
        if (!err)
                call->messages_out++;
        return err;
}

size_t grpc_call_queued_bytes(const struct grpc_call *call)
{
        return grpc_stream_queued_bytes(&call->stream);
}

bool grpc_call_is_writable(const struct grpc_call *call)
{
        return may_answer(call) == 0 &&
               grpc_stream_queued_bytes(&call->stream) < call->stream.high_water_bytes;
}

void grpc_call_set_high_water(struct grpc_call *call, size_t bytes)
{
        call->stream.high_water_bytes = bytes > 0 ? bytes : 1;
}

void grpc_call_set_message_limit(struct grpc_call *call, size_t bytes)
{
        call->stream.in.max_bytes = bytes;
}

static bool response_is_unary(const struct grpc_call *call)
{
        return call->method->kind == GRPC_UNARY || call->method->kind == GRPC_CLIENT_STREAM;
}

int grpc_call_finish(struct grpc_call *call, enum grpc_status status, const char *message)
{
        int err = may_answer(call);
        if (err)
                return err;
        if (status == GRPC_OK && response_is_unary(call) && call->messages_out != 1) {
                status = GRPC_INTERNAL;
                message = "the method gave no response, or several";
        }
        /* A reader who stopped reading would hold it for ever. */
        call->finish_by_ms = call->stream.session->now_ms + call->stream.session->limits->finish_ms;
        grpc_response_finish(call, status, message);
        return 0;
}

int grpc_call_reply(struct grpc_call *call, const void *bytes, size_t len)
{
        int err = grpc_call_send(call, bytes, len);
        return err ? err : grpc_call_finish(call, GRPC_OK, NULL);
}

/* The last event of the handler. */
static void tell_closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        if (call->closed)
                return;
        call->closed = true;
        if (call->started && call->method->handler->closed)
                call->method->handler->closed(call, reason);
}

void grpc_call_cut(struct grpc_call *call, enum grpc_status status, const char *message,
                   enum grpc_close_reason reason)
{
        grpc_call_ref(call);
        call->dropping = true;
        if (!call->trailers_sent)
                grpc_response_cut(call, status, message);
        tell_closed(call, reason);
        grpc_call_unref(call);
}

void grpc_call_stream_gone(struct grpc_call *call)
{
        call->dropping = true;
        grpc_stream_done(&call->stream);
        call->connection = NULL;
        tell_closed(call, call->trailers_sent ? GRPC_CLOSED_FINISHED : GRPC_CLOSED_CANCELLED);
        grpc_call_unref(call);
}

void grpc_call_give_writable(struct grpc_call *call)
{
        if (!grpc_stream_take_writable(&call->stream) || may_answer(call) != 0)
                return;
        grpc_call_ref(call);
        if (call->method->handler->writable)
                call->method->handler->writable(call);
        grpc_call_unref(call);
}

uint64_t grpc_call_next_ms(const struct grpc_call *call)
{
        if (call->closed)
                return UINT64_MAX;
        uint64_t next = call->deadline_ms;
        if (call->request_by_ms < next)
                next = call->request_by_ms;
        return call->finish_by_ms < next ? call->finish_by_ms : next;
}

void grpc_call_tick(struct grpc_call *call, uint64_t now_ms)
{
        if (now_ms >= grpc_call_next_ms(call))
                grpc_call_cut(call, GRPC_DEADLINE_EXCEEDED, "deadline exceeded",
                              GRPC_CLOSED_DEADLINE);
}
