/* Responses as HTTP/2 frames; see the header. */
#include "common/grpc/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/grpc/call_internal.h"
#include "common/grpc/nv.h"

static ssize_t read_messages(nghttp2_session *h2, int32_t id, uint8_t *out, size_t size,
                             uint32_t *data_flags, nghttp2_data_source *source, void *user)
{
        struct grpc_call *call = source->ptr;
        bool end;
        (void)h2, (void)id, (void)user;
        ssize_t len = grpc_stream_read(&call->stream, out, size, &end);
        if (len >= 0 && end) {
                *data_flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
                grpc_response_trailers(call);
        }
        return len;
}

static void begin_headers(struct grpc_call *call, struct grpc_nv *nv)
{
        grpc_nv_init(nv);
        grpc_nv_add(nv, ":status", "200");
        grpc_nv_add(nv, "content-type", "application/grpc");
        if (call->tell_encodings)
                grpc_nv_add(nv, "grpc-accept-encoding", "identity");
        grpc_nv_add_metadata(nv, &call->headers);
}

/* Whatever cannot be submitted ends the stream: it must not hang. */
static int submitted(struct grpc_call *call, struct grpc_nv *nv, int rv)
{
        struct grpc_session *session = call->stream.session;
        int err = nv->error ? nv->error : rv == 0 ? 0 : MESH_ENOMEM;
        grpc_nv_done(nv);
        if (err)
                (void)nghttp2_submit_rst_stream(session->h2, NGHTTP2_FLAG_NONE, call->stream.id,
                                                NGHTTP2_INTERNAL_ERROR);
        grpc_session_wants_send(session);
        return err;
}

int grpc_response_headers(struct grpc_call *call)
{
        struct grpc_nv nv;
        int rv = 0;
        begin_headers(call, &nv);
        nghttp2_data_provider provider = { .source.ptr = call, .read_callback = read_messages };
        call->headers_sent = true;
        if (!nv.error)
                rv = nghttp2_submit_response(call->stream.session->h2, call->stream.id, nv.fields,
                                             nv.count, &provider);
        return submitted(call, &nv, rv);
}

/* grpc-status and grpc-message; CODE and TEXT hold the values until the submit. */
static void add_status(struct grpc_call *call, struct grpc_nv *nv, char code[static 4],
                       struct buffer *text)
{
        (void)snprintf(code, 4, "%u", (unsigned)call->status % 100);
        grpc_nv_add(nv, "grpc-status", code);
        if (call->status_text)
                grpc_message_encode(call->status_text, text);
        if (text->len > 0 && !buffer_error(text))
                grpc_nv_add_bytes(nv, "grpc-message", (const char *)text->bytes, text->len);
        grpc_nv_add_metadata(nv, &call->trailers);
}

void grpc_response_trailers(struct grpc_call *call)
{
        struct grpc_nv nv;
        char code[4];
        struct buffer text = buffer_with_max(3 * (size_t)GRPC_STATUS_MESSAGE_MAX);
        int rv = 0;
        grpc_nv_init(&nv);
        add_status(call, &nv, code, &text);
        if (!nv.error)
                rv = nghttp2_submit_trailer(call->stream.session->h2, call->stream.id, nv.fields,
                                            nv.count);
        (void)submitted(call, &nv, rv);
        buffer_done(&text);
}

static void trailers_only(struct grpc_call *call)
{
        struct grpc_nv nv;
        char code[4];
        struct buffer text = buffer_with_max(3 * (size_t)GRPC_STATUS_MESSAGE_MAX);
        int rv = 0;
        call->headers_sent = true;
        begin_headers(call, &nv);
        add_status(call, &nv, code, &text);
        if (!nv.error)
                rv = nghttp2_submit_response(call->stream.session->h2, call->stream.id, nv.fields,
                                             nv.count, NULL);
        (void)submitted(call, &nv, rv);
        buffer_done(&text);
}

static void keep_status(struct grpc_call *call, enum grpc_status status, const char *message)
{
        call->finished = true;
        call->status = status;
        free(call->status_text);
        call->status_text = NULL;
        if (!message || !*message)
                return;
        size_t len = strnlen(message, GRPC_STATUS_MESSAGE_MAX);
        while (len == GRPC_STATUS_MESSAGE_MAX && len > 0 && ((uint8_t)message[len] & 0xc0) == 0x80)
                len--; /* not in the middle of a UTF-8 character */
        call->status_text = strndup(message, len);
}

void grpc_response_finish(struct grpc_call *call, enum grpc_status status, const char *message)
{
        keep_status(call, status, message);
        if (call->headers_sent)
                grpc_stream_end(&call->stream);
        else
                trailers_only(call);
}

/* What a client without our status makes the right status of: grpc_status_from_h2. */
static uint32_t reset_code(enum grpc_status status)
{
        if (status == GRPC_RESOURCE_EXHAUSTED)
                return NGHTTP2_ENHANCE_YOUR_CALM;
        return status == GRPC_INTERNAL ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL;
}

void grpc_response_cut(struct grpc_call *call, enum grpc_status status, const char *message)
{
        bool unsent = grpc_stream_queued_bytes(&call->stream) > 0;
        if (call->finished && !unsent)
                return; /* its end is under way */
        if (!unsent) {
                grpc_response_finish(call, status, message);
                return;
        }
        call->finished = true;
        grpc_stream_drop_queue(&call->stream);
        (void)nghttp2_submit_rst_stream(call->stream.session->h2, NGHTTP2_FLAG_NONE,
                                        call->stream.id, reset_code(status));
        grpc_session_wants_send(call->stream.session);
}

void grpc_response_refuse_compression(struct grpc_call *call)
{
        call->tell_encodings = true;
        if (call->compressed)
                grpc_call_cut(call, GRPC_UNIMPLEMENTED, "compression is not supported",
                              GRPC_CLOSED_ABORTED);
        else
                grpc_call_cut(call, GRPC_INTERNAL, "compressed message without grpc-encoding",
                              GRPC_CLOSED_ABORTED);
}

void grpc_response_http(struct grpc_call *call, unsigned http_status)
{
        struct grpc_nv nv;
        char code[4];
        (void)snprintf(code, sizeof(code), "%u", http_status % 1000);
        call->headers_sent = call->finished = call->dropping = true;
        grpc_nv_init(&nv);
        grpc_nv_add(&nv, ":status", code);
        int rv = nghttp2_submit_response(call->stream.session->h2, call->stream.id, nv.fields,
                                         nv.count, NULL);
        (void)submitted(call, &nv, rv);
}
