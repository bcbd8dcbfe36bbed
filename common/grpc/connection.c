/* Server connection: nghttp2's callbacks and the connection's own times; see the header. Calls are
 * in call.c. */
#include "common/grpc/connection.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/grpc/call_internal.h"
#include "common/grpc/session.h"

/* A client that goes on encoding headers after it was told off costs CPU: then it is cut off. */
enum { HEADER_BYTES_FATAL_FACTOR = 8 };

enum shutdown { SHUTDOWN_NONE, SHUTDOWN_NOTICED, SHUTDOWN_FINAL, SHUTDOWN_CUT };

/* Calls that the client had under way when it learns of the GOAWAY still count: one round trip. */
static const uint64_t notice_ms = 500;

/* Calls that were cut get so long to be told. */
static const uint64_t told_ms = 1000;

struct grpc_connection {
        const struct grpc_engine *engine;
        struct grpc_session session;
        struct grpc_call *calls; /* doubly linked */
        uint32_t call_count;
        struct net_peer peer;
        void *user, *data;
        bool greeted;           /* the client's SETTINGS came */
        uint64_t began_ms;      /* ... until then: its time runs from here */
        uint64_t idle_since_ms; /* without a call */
        enum shutdown shutdown;
        uint64_t step_at_ms, cut_at_ms; /* of the shutdown */
};

static void forward_wants_send(void *user)
{
        struct grpc_connection *connection = user;
        if (connection->engine->wants_send)
                connection->engine->wants_send(connection->user, connection);
}

static struct grpc_call *call_of(nghttp2_session *h2, int32_t id)
{
        return nghttp2_session_get_stream_user_data(h2, id);
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
        struct grpc_connection *c = user;
        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
                return 0;
        struct grpc_call *call = grpc_call_new(c, &c->session, frame->hd.stream_id, &c->peer);
        if (!call)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        call->next = c->calls;
        if (c->calls)
                c->calls->previous = call;
        c->calls = call;
        c->call_count++;
        return nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, call);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
        struct grpc_connection *c = user;
        struct grpc_call *call = call_of(h2, frame->hd.stream_id);
        (void)flags;
        if (!call)
                return 0;
        size_t max = c->session.limits->header_bytes;
        if (!call->head) /* request trailers: gRPC has none */
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        grpc_request_head_field(call->head, (const char *)name, name_len, (const char *)value,
                                value_len, max);
        return call->head->bytes > max * HEADER_BYTES_FATAL_FACTOR ? NGHTTP2_ERR_CALLBACK_FAILURE
                                                                   : 0;
}

static void begin_call(struct grpc_connection *c, struct grpc_call *call)
{
        const struct grpc_engine *engine = c->engine;
        for (size_t s = 0; s < engine->service_count; s++) {
                const struct grpc_service *service = engine->services[s];
                for (size_t m = 0; m < service->method_count; m++) {
                        if (strcmp(service->methods[m].path, call->head->path) == 0) {
                                grpc_call_begin(call, service, &service->methods[m],
                                                c->session.now_ms);
                                return;
                        }
                }
        }
        grpc_call_begin(call, NULL, NULL, c->session.now_ms);
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
        struct grpc_connection *c = user;
        struct grpc_call *call = call_of(h2, frame->hd.stream_id);
        bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
        grpc_session_note_received(&c->session, frame);
        switch (frame->hd.type) {
        case NGHTTP2_SETTINGS:
                c->greeted = true;
                break;
        case NGHTTP2_HEADERS:
                if (call && call->head)
                        begin_call(c, call);
                /* fall through */
        case NGHTTP2_DATA:
                call = call_of(h2, frame->hd.stream_id); /* begin_call may have ended it */
                if (call && end)
                        grpc_call_end_of_request(call);
                break;
        default:
                break;
        }
        return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len,
                   void *user)
{
        struct grpc_call *call = call_of(h2, id);
        (void)flags, (void)user;
        /* Only streams hold back; a paused call must not stop the others of its connection. */
        (void)nghttp2_session_consume_connection(h2, len);
        if (call)
                grpc_call_receive(call, bytes, len);
        return 0;
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
        struct grpc_connection *c = user;
        int32_t id = frame->hd.stream_id;
        grpc_session_note_sent(&c->session, frame);
        if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
                return 0;
        struct grpc_call *call = call_of(h2, id);
        if (call)
                call->trailers_sent = true;
        if (nghttp2_session_get_stream_remote_close(h2, id) == 0)
                (void)nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        return 0;
}

static void forget_call(struct grpc_connection *c, struct grpc_call *call)
{
        if (call->previous)
                call->previous->next = call->next;
        else
                c->calls = call->next;
        if (call->next)
                call->next->previous = call->previous;
        c->call_count--;
        if (c->call_count == 0)
                c->idle_since_ms = c->session.now_ms;
        grpc_call_stream_gone(call);
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
        struct grpc_call *call = call_of(h2, id);
        (void)error;
        if (call)
                forget_call(user, call);
        return 0;
}

static int make_callbacks(nghttp2_session_callbacks **ret)
{
        nghttp2_session_callbacks *cb;
        if (nghttp2_session_callbacks_new(&cb) != 0)
                return MESH_ENOMEM;
        nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
        nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
        *ret = cb;
        return 0;
}

int grpc_connection_new(const struct grpc_engine *engine, const struct net_peer *peer, void *user,
                        uint64_t now_ms, struct grpc_connection **ret_connection)
{
        nghttp2_session_callbacks *callbacks = NULL;
        struct grpc_connection *c = calloc(1, sizeof(*c));
        int err = c ? make_callbacks(&callbacks) : MESH_ENOMEM;
        if (!err)
                err = grpc_session_init(&c->session, true, callbacks, c, engine->pool,
                                        &engine->limits, now_ms);
        nghttp2_session_callbacks_del(callbacks);
        if (err) {
                free(c);
                return err;
        }
        c->engine = engine;
        c->peer = *peer;
        c->user = user;
        c->began_ms = c->idle_since_ms = now_ms;
        c->session.wants_send = forward_wants_send;
        c->session.wants_send_user = c;
        *ret_connection = c;
        return 0;
}

void grpc_connection_end_calls(struct grpc_connection *connection)
{
        connection->session.inside = true; /* nobody is to be told to send any more */
        while (connection->calls)
                forget_call(connection, connection->calls);
}

void grpc_connection_free(struct grpc_connection *connection)
{
        if (!connection)
                return;
        grpc_connection_end_calls(connection);
        grpc_session_done(&connection->session);
        free(connection);
}

void grpc_connection_set_data(struct grpc_connection *connection, void *data)
{
        connection->data = data;
}

void *grpc_connection_data(const struct grpc_connection *connection)
{
        return connection->data;
}

int grpc_connection_receive(struct grpc_connection *connection, const uint8_t *bytes, size_t len,
                            uint64_t now_ms)
{
        return grpc_session_receive(&connection->session, bytes, len, now_ms);
}

/* Outside of nghttp2, so that handlers may submit what they like. */
static void give_writable(struct grpc_connection *c)
{
        if (c->session.writable_due == 0)
                return;
        for (struct grpc_call *call = c->calls, *next; call; call = next) {
                next = call->next; /* handlers do not free calls: the stream's end does */
                grpc_call_give_writable(call);
        }
}

int grpc_connection_send(struct grpc_connection *connection, const uint8_t **ret_bytes,
                         size_t *ret_len)
{
        connection->session.inside = true;
        give_writable(connection);
        return grpc_session_send(&connection->session, ret_bytes, ret_len);
}

static void cut_all(struct grpc_connection *c)
{
        for (struct grpc_call *call = c->calls, *next; call; call = next) {
                next = call->next;
                grpc_call_cut(call, GRPC_UNAVAILABLE, "shutting down", GRPC_CLOSED_CANCELLED);
        }
}

static void step_shutdown(struct grpc_connection *c, uint64_t now_ms)
{
        if (c->shutdown == SHUTDOWN_NOTICED && now_ms >= c->step_at_ms) {
                c->shutdown = SHUTDOWN_FINAL;
                (void)nghttp2_submit_goaway(c->session.h2, NGHTTP2_FLAG_NONE,
                                            nghttp2_session_get_last_proc_stream_id(c->session.h2),
                                            NGHTTP2_NO_ERROR, NULL, 0);
        }
        if (c->shutdown == SHUTDOWN_FINAL && now_ms >= c->cut_at_ms) {
                c->shutdown = SHUTDOWN_CUT;
                c->step_at_ms = now_ms + told_ms;
                cut_all(c);
        } else if (c->shutdown == SHUTDOWN_CUT && now_ms >= c->step_at_ms) {
                grpc_session_break(&c->session, NGHTTP2_NO_ERROR);
        }
}

static uint64_t connection_next_ms(const struct grpc_connection *c)
{
        const struct grpc_limits *limits = c->session.limits;
        if (!c->greeted)
                return c->began_ms + limits->preface_ms;
        switch (c->shutdown) {
        case SHUTDOWN_NOTICED:
        case SHUTDOWN_CUT:
                return c->step_at_ms;
        case SHUTDOWN_FINAL:
                return c->cut_at_ms;
        default:
                break;
        }
        if (c->call_count == 0 && limits->idle_ms > 0)
                return c->idle_since_ms + limits->idle_ms;
        return UINT64_MAX;
}

void grpc_connection_tick(struct grpc_connection *connection, uint64_t now_ms)
{
        connection->session.now_ms = now_ms;
        connection->session.inside = true; /* the shell sends after a tick */
        for (struct grpc_call *call = connection->calls, *next; call; call = next) {
                next = call->next;
                grpc_call_tick(call, now_ms);
        }
        if (now_ms >= connection_next_ms(connection)) {
                if (!connection->greeted)
                        grpc_session_break(&connection->session, NGHTTP2_SETTINGS_TIMEOUT);
                else if (connection->shutdown == SHUTDOWN_NONE)
                        grpc_connection_shutdown(connection, now_ms);
                step_shutdown(connection, now_ms);
        }
        connection->session.inside = false;
}

uint64_t grpc_connection_next_ms(const struct grpc_connection *connection)
{
        if (connection->session.broken)
                return UINT64_MAX;
        uint64_t next = connection_next_ms(connection);
        for (const struct grpc_call *call = connection->calls; call; call = call->next) {
                uint64_t at = grpc_call_next_ms(call);
                next = at < next ? at : next;
        }
        return next;
}

void grpc_connection_shutdown(struct grpc_connection *connection, uint64_t now_ms)
{
        if (connection->shutdown != SHUTDOWN_NONE)
                return;
        connection->shutdown = SHUTDOWN_NOTICED;
        connection->step_at_ms = now_ms + (connection->call_count > 0 ? notice_ms : 0);
        connection->cut_at_ms = now_ms + connection->session.limits->drain_ms;
        (void)nghttp2_submit_shutdown_notice(connection->session.h2);
        grpc_session_wants_send(&connection->session);
}

bool grpc_connection_is_over(const struct grpc_connection *connection)
{
        if (grpc_session_is_over(&connection->session))
                return true;
        return connection->shutdown >= SHUTDOWN_FINAL && connection->call_count == 0 &&
               !nghttp2_session_want_write(connection->session.h2);
}

uint32_t grpc_connection_calls(const struct grpc_connection *connection)
{
        return connection->call_count;
}
