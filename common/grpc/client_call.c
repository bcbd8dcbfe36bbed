/* A client's call: the response's way in, the outcome, and what the caller may do. See client.h. */
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/grpc/client_internal.h"

struct grpc_client_call *grpc_client_call_new(struct grpc_client *client,
                                              const struct grpc_client_request *request,
                                              uint64_t now_ms)
{
        struct grpc_client_call *call = calloc(1, sizeof(*call));
        if (!call)
                return NULL;
        call->client = client;
        call->kind = request->kind;
        call->events = request->events;
        call->user = request->user;
        call->deadline_ms = request->timeout_ms ? now_ms + request->timeout_ms : UINT64_MAX;
        call->text = buffer_with_max(GRPC_STATUS_MESSAGE_MAX);
        call->only = buffer_with_max(client->limits.message_bytes);
        grpc_stream_init(&call->stream, &client->session, client->limits.message_bytes);
        call->next = client->calls;
        if (client->calls)
                client->calls->previous = call;
        client->calls = call;
        return call;
}

void grpc_client_call_free(struct grpc_client_call *call)
{
        if (call->previous)
                call->previous->next = call->next;
        else
                call->client->calls = call->next;
        if (call->next)
                call->next->previous = call->previous;
        grpc_stream_done(&call->stream);
        grpc_metadata_done(&call->headers);
        grpc_metadata_done(&call->trailers);
        buffer_done(&call->text);
        buffer_done(&call->only);
        free(call);
}

/* ---- the outcome --------------------------------------------------------------------------------
 */

static void set_text(struct grpc_client_call *call, const char *text)
{
        buffer_clear(&call->text);
        buffer_put(&call->text, text, strnlen(text, GRPC_STATUS_MESSAGE_MAX));
}

void grpc_client_call_settle(struct grpc_client_call *call, enum grpc_status status,
                             const char *text, uint32_t h2_error)
{
        if (call->settled)
                return;
        call->settled = true;
        call->status = status;
        set_text(call, text);
        if (call->gone)
                return;
        grpc_stream_drop_queue(&call->stream);
        (void)nghttp2_submit_rst_stream(call->client->session.h2, NGHTTP2_FLAG_NONE,
                                        call->stream.id, h2_error);
        grpc_session_wants_send(&call->client->session);
}

static bool response_is_unary(const struct grpc_client_call *call)
{
        return call->kind == GRPC_UNARY || call->kind == GRPC_CLIENT_STREAM;
}

/* What the server's own status means for this kind of call. */
static void settle_by_status(struct grpc_client_call *call)
{
        call->settled = true;
        if (call->status != GRPC_OK)
                return;
        if (grpc_deframer_is_partial(&call->stream.in)) {
                call->status = GRPC_INTERNAL;
                set_text(call, "the response ends inside a message");
        } else if (response_is_unary(call) && call->messages_in != 1) {
                call->status = GRPC_UNIMPLEMENTED;
                set_text(call, "the response is not one message");
        }
}

/* What a closed stream means when nobody decided before. */
static void settle_by_stream(struct grpc_client_call *call)
{
        unsigned http = call->http_status;
        if (call->has_status)
                settle_by_status(call);
        else if (http != 0 && http != 200)
                grpc_client_call_settle(call, grpc_status_from_http(http),
                                        "the server answered with an HTTP error", 0);
        else if (call->h2_error != NGHTTP2_NO_ERROR)
                grpc_client_call_settle(call, grpc_status_from_h2(call->h2_error),
                                        "the server reset the call", 0);
        else if (http == 0)
                grpc_client_call_settle(call, GRPC_UNAVAILABLE, "the connection ended", 0);
        else
                grpc_client_call_settle(call, GRPC_UNKNOWN, "the response has no grpc-status", 0);
}

void grpc_client_call_stream_closed(struct grpc_client_call *call, uint32_t h2_error)
{
        call->gone = true;
        call->h2_error = h2_error;
}

/* ---- the response's way in ----------------------------------------------------------------------
 */

static void take_http_status(struct grpc_client_call *call, const char *value, size_t len)
{
        call->http_status = 0; /* nghttp2 has seen that it is three digits */
        for (size_t i = 0; i < len && i < 3; i++)
                call->http_status = call->http_status * 10 + (unsigned)(value[i] - '0');
}

static void take_content_type(struct grpc_client_call *call, const char *value, size_t len)
{
        static const char type[] = "application/grpc";
        call->is_grpc = len >= sizeof(type) - 1 && memcmp(value, type, sizeof(type) - 1) == 0;
}

static void take_status(struct grpc_client_call *call, const char *value, size_t len)
{
        call->has_status = true;
        call->status = grpc_status_parse(value, len);
}

static void take_text(struct grpc_client_call *call, const char *value, size_t len)
{
        buffer_clear(&call->text);
        grpc_message_decode(value, len, &call->text);
}

static const struct {
        const char *name;
        void (*take)(struct grpc_client_call *call, const char *value, size_t len);
} known[] = {
        { ":status", take_http_status },
        { "content-type", take_content_type },
        { "grpc-status", take_status },
        { "grpc-message", take_text },
};

static void take_own_field(struct grpc_client_call *call, const char *name, size_t name_len,
                           const char *value, size_t len)
{
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (strlen(known[i].name) == name_len && memcmp(known[i].name, name, name_len) == 0)
                        known[i].take(call, value, len);
        }
}

void grpc_client_call_field(struct grpc_client_call *call, bool trailers, const char *name,
                            size_t name_len, const char *value, size_t value_len)
{
        if (call->settled)
                return;
        call->header_bytes += name_len + value_len + 32;
        if (call->header_bytes > call->client->limits.header_bytes) {
                grpc_client_call_settle(call, GRPC_RESOURCE_EXHAUSTED, "response headers too large",
                                        NGHTTP2_CANCEL);
                return;
        }
        if (grpc_metadata_is_reserved(name, name_len))
                take_own_field(call, name, name_len, value, value_len);
        else /* malformed metadata is dropped: nothing of ours depends on it */
                (void)grpc_metadata_add_wire(trailers ? &call->trailers : &call->headers, name,
                                             name_len, value, value_len);
}

void grpc_client_call_headers_done(struct grpc_client_call *call)
{
        call->header_bytes = 0;
        if (call->http_status / 100 == 1) { /* informational: the real ones follow */
                call->http_status = 0;
                return;
        }
        if (call->headers_done || call->settled)
                return;
        call->headers_done = true;
        if (call->http_status == 200 && !call->is_grpc && !call->has_status)
                grpc_client_call_settle(call, GRPC_UNKNOWN, "the response is not gRPC",
                                        NGHTTP2_CANCEL);
        else if (call->http_status == 200 && call->events->headers && !call->client->muted)
                call->events->headers(call->user, call, &call->headers);
}

static bool take_message(void *owner, const uint8_t *bytes, size_t len)
{
        struct grpc_client_call *call = owner;
        call->messages_in++;
        if (!response_is_unary(call)) {
                if (call->events->message && !call->client->muted)
                        call->events->message(call->user, call, bytes, len);
                return !call->settled && !call->client->muted;
        }
        if (call->messages_in == 1)
                buffer_put(&call->only, bytes, len);
        if (call->messages_in > 1 || buffer_error(&call->only))
                grpc_client_call_settle(call, GRPC_UNIMPLEMENTED, "the response is not one message",
                                        NGHTTP2_CANCEL);
        return !call->settled;
}

static void refuse_bytes(struct grpc_client_call *call, int err)
{
        bool format = err == MESH_EFORMAT || err == MESH_EUNSUPPORTED;
        grpc_client_call_settle(call, format ? GRPC_INTERNAL : GRPC_RESOURCE_EXHAUSTED,
                                format ? "malformed or compressed response message"
                                       : "response message too large",
                                NGHTTP2_CANCEL);
}

void grpc_client_call_receive(struct grpc_client_call *call, const uint8_t *bytes, size_t len)
{
        /* The body of an HTTP error page is not gRPC. */
        if (call->settled || call->http_status != 200) {
                (void)nghttp2_session_consume_stream(call->client->session.h2, call->stream.id,
                                                     len);
                return;
        }
        int err = grpc_stream_receive(&call->stream, bytes, len, take_message, call);
        if (err)
                refuse_bytes(call, err);
}

/* ---- what is due --------------------------------------------------------------------------------
 */

/* A stream that ended in order gives its messages first, also after a pause. */
static bool is_waiting_for_reader(const struct grpc_client_call *call)
{
        return call->h2_error == NGHTTP2_NO_ERROR &&
               (call->stream.paused || call->stream.backlog.len > 0);
}

static void give_finished(struct grpc_client_call *call)
{
        const struct grpc_client_events *events = call->events;
        char text[GRPC_STATUS_MESSAGE_MAX + 1];
        if (call->status == GRPC_OK && response_is_unary(call) && events->message)
                events->message(call->user, call, call->only.bytes, call->only.len);
        if (call->text.len > 0)
                memcpy(text, call->text.bytes, call->text.len);
        text[call->text.len] = '\0';
        struct grpc_outcome outcome = { call->status, text, &call->trailers };
        if (events->finished && !call->client->muted)
                events->finished(call->user, call, &outcome);
}

void grpc_client_call_give(struct grpc_client_call *call)
{
        const struct grpc_client *client = call->client;
        if (grpc_stream_take_writable(&call->stream) && !call->settled && call->events->writable &&
            !client->muted)
                call->events->writable(call->user, call);
        if (call->gone && !call->settled && !is_waiting_for_reader(call))
                settle_by_stream(call);
        if (!call->settled || client->muted)
                return;
        give_finished(call);
        if (!call->gone)
                (void)nghttp2_session_set_stream_user_data(client->session.h2, call->stream.id,
                                                           NULL);
        grpc_client_call_free(call);
}

/* ---- what the caller may do ---------------------------------------------------------------------
 */

int grpc_client_call_send(struct grpc_client_call *call, const void *bytes, size_t len)
{
        if (call->settled || call->gone)
                return MESH_ECLOSED;
        if (call->stream.out_ended)
                return MESH_ESTATE;
        return grpc_stream_send(&call->stream, bytes, len);
}

int grpc_client_call_half_close(struct grpc_client_call *call)
{
        if (call->settled || call->gone)
                return MESH_ECLOSED;
        if (call->stream.out_ended)
                return MESH_ESTATE;
        grpc_stream_end(&call->stream);
        return 0;
}

void grpc_client_call_cancel(struct grpc_client_call *call)
{
        grpc_client_call_settle(call, GRPC_CANCELLED, "cancelled", NGHTTP2_CANCEL);
}

size_t grpc_client_call_queued_bytes(const struct grpc_client_call *call)
{
        return grpc_stream_queued_bytes(&call->stream);
}

bool grpc_client_call_is_writable(const struct grpc_client_call *call)
{
        return !call->settled && !call->gone && !call->stream.out_ended &&
               grpc_stream_queued_bytes(&call->stream) < call->stream.high_water_bytes;
}

void grpc_client_call_set_high_water(struct grpc_client_call *call, size_t bytes)
{
        call->stream.high_water_bytes = bytes > 0 ? bytes : 1;
}

void grpc_client_call_pause(struct grpc_client_call *call)
{
        call->stream.paused = true;
}

void grpc_client_call_resume(struct grpc_client_call *call)
{
        int err = grpc_stream_resume(&call->stream, take_message, call);
        if (err)
                refuse_bytes(call, err);
        grpc_session_wants_send(&call->client->session); /* finished may be due */
}

const struct grpc_metadata *grpc_client_call_headers(const struct grpc_client_call *call)
{
        return &call->headers;
}
