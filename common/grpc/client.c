/* Client connection: nghttp2's callbacks and the requests' way out; see the header. Calls are in
 * client_call.c. */
#include "common/grpc/client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/grpc/client_internal.h"
#include "common/grpc/nv.h"
#include "common/grpc/timeout.h"

enum { HEADER_BYTES_FATAL_FACTOR = 8 };

static void forward_wants_send(void *user)
{
        struct grpc_client *client = user;
        if (client->wants_send && !client->muted)
                client->wants_send(client->user, client);
}

static struct grpc_client_call *call_of(nghttp2_session *h2, int32_t id)
{
        return nghttp2_session_get_stream_user_data(h2, id);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
        struct grpc_client *client = user;
        struct grpc_client_call *call = call_of(h2, frame->hd.stream_id);
        (void)flags;
        if (!call)
                return 0;
        bool trailers = call->headers_done || frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
        grpc_client_call_field(call, trailers, (const char *)name, name_len, (const char *)value,
                               value_len);
        return call->header_bytes > (size_t)client->limits.header_bytes * HEADER_BYTES_FATAL_FACTOR
                       ? NGHTTP2_ERR_CALLBACK_FAILURE
                       : 0;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
        struct grpc_client *client = user;
        struct grpc_client_call *call = call_of(h2, frame->hd.stream_id);
        grpc_session_note_received(&client->session, frame);
        if (frame->hd.type == NGHTTP2_GOAWAY)
                client->going_away = true;
        if (frame->hd.type == NGHTTP2_HEADERS && call)
                grpc_client_call_headers_done(call);
        return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len,
                   void *user)
{
        struct grpc_client_call *call = call_of(h2, id);
        (void)flags, (void)user;
        (void)nghttp2_session_consume_connection(h2, len);
        if (call)
                grpc_client_call_receive(call, bytes, len);
        return 0;
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
        struct grpc_client *client = user;
        (void)h2;
        grpc_session_note_sent(&client->session, frame);
        return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
        struct grpc_client_call *call = call_of(h2, id);
        (void)user;
        if (call)
                grpc_client_call_stream_closed(call, error);
        return 0;
}

static int make_callbacks(nghttp2_session_callbacks **ret)
{
        nghttp2_session_callbacks *cb;
        if (nghttp2_session_callbacks_new(&cb) != 0)
                return MESH_ENOMEM;
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
        nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
        *ret = cb;
        return 0;
}

int grpc_client_new(const struct grpc_limits *limits, const char *authority, bool scheme_https,
                    void (*wants_send)(void *user, struct grpc_client *client), void *user,
                    uint64_t now_ms, struct grpc_client **ret_client)
{
        nghttp2_session_callbacks *callbacks = NULL;
        struct grpc_client *client = calloc(1, sizeof(*client));
        int err = client ? make_callbacks(&callbacks) : MESH_ENOMEM;
        if (err)
                goto out;
        client->limits = limits ? *limits : grpc_limits_default();
        client->https = scheme_https;
        client->wants_send = wants_send;
        client->user = user;
        client->authority = strdup(authority);
        err = client->authority ? grpc_session_init(&client->session, false, callbacks, client,
                                                    NULL, &client->limits, now_ms)
                                : MESH_ENOMEM;
        if (err)
                goto out;
        client->session.wants_send = forward_wants_send;
        client->session.wants_send_user = client;
        *ret_client = client;
        client = NULL;
out:
        nghttp2_session_callbacks_del(callbacks);
        if (client)
                free(client->authority);
        free(client);
        return err;
}

void grpc_client_mute(struct grpc_client *client)
{
        client->muted = true;
}

void grpc_client_free(struct grpc_client *client)
{
        if (!client)
                return;
        assert(!client->session.inside);
        grpc_client_mute(client);
        while (client->calls)
                grpc_client_call_free(client->calls);
        grpc_session_done(&client->session);
        free(client->authority);
        free(client);
}

/* Events that must wait until nghttp2 has returned. */
static void give_due(struct grpc_client *client)
{
        for (struct grpc_client_call *call = client->calls, *next; call; call = next) {
                next = call->next; /* an event frees no other call */
                grpc_client_call_give(call);
        }
}

int grpc_client_receive(struct grpc_client *client, const uint8_t *bytes, size_t len,
                        uint64_t now_ms)
{
        int err = grpc_session_receive(&client->session, bytes, len, now_ms);
        client->session.inside = true;
        give_due(client);
        client->session.inside = false;
        return err;
}

int grpc_client_send_bytes(struct grpc_client *client, const uint8_t **ret_bytes, size_t *ret_len)
{
        client->session.inside = true;
        give_due(client);
        return grpc_session_send(&client->session, ret_bytes, ret_len);
}

void grpc_client_lost(struct grpc_client *client, const char *text)
{
        client->lost = true;
        client->session.inside = true;
        for (struct grpc_client_call *call = client->calls; call; call = call->next) {
                grpc_stream_drop_queue(&call->stream);
                call->gone = true;
                if (call->has_status || call->settled)
                        continue; /* the server's word came before */
                grpc_client_call_settle(call, GRPC_UNAVAILABLE, text, 0);
        }
        give_due(client);
        client->session.inside = false;
}

void grpc_client_tick(struct grpc_client *client, uint64_t now_ms)
{
        client->session.now_ms = now_ms;
        client->session.inside = true;
        for (struct grpc_client_call *call = client->calls; call; call = call->next) {
                if (now_ms >= call->deadline_ms)
                        grpc_client_call_settle(call, GRPC_DEADLINE_EXCEEDED, "deadline exceeded",
                                                NGHTTP2_CANCEL);
        }
        give_due(client);
        client->session.inside = false;
}

uint64_t grpc_client_next_ms(const struct grpc_client *client)
{
        uint64_t next = UINT64_MAX;
        for (const struct grpc_client_call *call = client->calls; call; call = call->next) {
                if (!call->settled && call->deadline_ms < next)
                        next = call->deadline_ms;
        }
        return next;
}

bool grpc_client_is_over(const struct grpc_client *client)
{
        return client->lost || client->going_away || grpc_session_is_over(&client->session);
}

bool grpc_client_is_done(const struct grpc_client *client)
{
        return grpc_session_is_over(&client->session) ||
               (client->going_away && !client->calls &&
                !nghttp2_session_want_write(client->session.h2));
}

static ssize_t read_messages(nghttp2_session *h2, int32_t id, uint8_t *out, size_t size,
                             uint32_t *data_flags, nghttp2_data_source *source, void *user)
{
        struct grpc_client_call *call = call_of(h2, id);
        bool end;
        (void)source, (void)user;
        if (!call) /* its reset is under way */
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        ssize_t len = grpc_stream_read(&call->stream, out, size, &end);
        if (len >= 0 && end)
                *data_flags |= NGHTTP2_DATA_FLAG_EOF;
        return len;
}

static int submit(struct grpc_client_call *call, const struct grpc_client_request *request,
                  const struct grpc_metadata *metadata)
{
        struct grpc_client *client = call->client;
        struct grpc_nv nv;
        char timeout[GRPC_TIMEOUT_TEXT_MAX];
        nghttp2_data_provider provider = { .read_callback = read_messages };
        grpc_nv_init(&nv);
        grpc_nv_add(&nv, ":method", "POST");
        grpc_nv_add(&nv, ":scheme", client->https ? "https" : "http");
        grpc_nv_add(&nv, ":path", request->path);
        grpc_nv_add(&nv, ":authority", client->authority);
        grpc_nv_add(&nv, "te", "trailers");
        if (request->timeout_ms > 0)
                grpc_nv_add(&nv, "grpc-timeout", grpc_timeout_format(request->timeout_ms, timeout));
        grpc_nv_add(&nv, "content-type", "application/grpc");
        grpc_nv_add(&nv, "user-agent", "mesh-grpc/" MESH_VERSION);
        grpc_nv_add_metadata(&nv, metadata);
        int32_t id = nv.error ? nv.error
                              : nghttp2_submit_request(client->session.h2, NULL, nv.fields,
                                                       nv.count, &provider, call);
        int err = nv.error ? nv.error : id < 0 ? MESH_ENOMEM : 0;
        grpc_nv_done(&nv);
        call->stream.id = id;
        return err;
}

int grpc_client_call(struct grpc_client *client, const struct grpc_client_request *request,
                     uint64_t now_ms, struct grpc_client_call **ret_call)
{
        if (grpc_client_is_over(client))
                return MESH_ECLOSED;
        struct grpc_metadata metadata = grpc_metadata_empty();
        struct grpc_client_call *call = NULL;
        int err = 0;
        for (size_t i = 0; i < request->metadata_count && !err; i++)
                err = grpc_metadata_add(&metadata, &request->metadata[i]);
        if (!err) {
                call = grpc_client_call_new(client, request, now_ms);
                err = call ? submit(call, request, &metadata) : MESH_ENOMEM;
        }
        grpc_metadata_done(&metadata);
        if (err) {
                if (call)
                        grpc_client_call_free(call);
                return err;
        }
        *ret_call = call;
        grpc_session_wants_send(&client->session);
        return 0;
}
