/* A transport's life cycle and queue; see the header. */
#include "common/net/transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/net/transport_internal.h"

enum { READ_BYTES = 16 * 1024, KEEP_BYTES = 1024 };

void transport_enter(struct transport *transport, enum transport_state next)
{
        assert(next > transport->state || next == TRANSPORT_CLOSING);
        transport->state = next;
}

int transport_make(uv_loop_t *loop, enum net_kind kind, struct transport **ret_transport)
{
        struct transport *t = calloc(1, sizeof(*t));
        if (!t)
                return MESH_ENOMEM;
        t->out = t->sending = t->early = buffer_with_max(2 * (size_t)TRANSPORT_QUEUE_MAX);
        t->peer = (struct net_peer){ .kind = kind, .uid = (uid_t)-1, .gid = (gid_t)-1 };
        /* None of the three opens a descriptor yet: they cannot fail. */
        if (kind == NET_TCP)
                (void)uv_tcp_init(loop, &t->uv.tcp);
        else
                (void)uv_pipe_init(loop, &t->uv.pipe, 0);
        (void)uv_timer_init(loop, &t->timer);
        t->uv.handle.data = t->timer.data = t;
        t->handles = 2;
        *ret_transport = t;
        return 0;
}

void transport_listen_to(struct transport *transport, const struct transport_events *events,
                         void *user)
{
        transport->events = events;
        transport->user = user;
}

void transport_on_gone(struct transport *transport,
                       void (*gone)(void *user, struct transport *transport), void *user)
{
        transport->gone = gone;
        transport->gone_user = user;
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static void on_handle_closed(uv_handle_t *handle)
{
        struct transport *t = handle->data;
        if (--t->handles > 0)
                return;
        if (t->gone)
                t->gone(t->gone_user, t);
        if (t->events && t->events->close)
                t->events->close(t->user, t, t->error);
        SSL_free(t->ssl);
        buffer_done(&t->out);
        buffer_done(&t->sending);
        buffer_done(&t->early);
        free(t);
}

static void close_handles(struct transport *t, int err, bool reset)
{
        if (t->state == TRANSPORT_CLOSING)
                return;
        transport_enter(t, TRANSPORT_CLOSING);
        t->error = err;
        /* A reset is refused after a shutdown; then a plain close does it. */
        if (!reset || t->peer.kind != NET_TCP ||
            uv_tcp_close_reset(&t->uv.tcp, on_handle_closed) != 0)
                uv_close(&t->uv.handle, on_handle_closed);
        uv_close((uv_handle_t *)&t->timer, on_handle_closed);
}

void transport_fail(struct transport *transport, int err)
{
        close_handles(transport, err, false);
}

void transport_abort(struct transport *transport, int err)
{
        close_handles(transport, err, transport->state >= TRANSPORT_HANDSHAKE);
}

static void on_time_out(uv_timer_t *timer)
{
        struct transport *t = timer->data;
        transport_fail(t, t->state == TRANSPORT_LINGERING ? 0 : MESH_ETIMEOUT);
}

void transport_limit(struct transport *transport, uint32_t ms)
{
        (void)uv_timer_start(&transport->timer, on_time_out, ms, 0);
}

static void on_shut(uv_shutdown_t *request, int status)
{
        struct transport *t = request->handle->data;
        /* The other side reads our end and ends, too; until then (or the time limit) what it still
         * sends is read and dropped, since closing over unread bytes resets the connection. */
        if (status < 0)
                transport_fail(t, 0);
}

static void shut_when_sent(struct transport *t)
{
        if (t->state != TRANSPORT_LINGERING || t->writing || t->out.len > 0 || t->shut)
                return;
        t->shut = true;
        if (uv_shutdown(&t->request.shutdown, &t->uv.stream, on_shut) != 0)
                transport_fail(t, 0);
}

void transport_close(struct transport *transport)
{
        if (transport->state >= TRANSPORT_LINGERING)
                return;
        if (transport->state < TRANSPORT_OPEN) {
                transport_fail(transport, 0);
                return;
        }
        transport_enter(transport, TRANSPORT_LINGERING);
        transport_limit(transport, TRANSPORT_LINGER_MS);
        transport_resume(transport); /* to see the other side's end */
        if (transport->ssl)
                transport_tls_end(transport);
        transport_flush(transport);
        shut_when_sent(transport);
}

/* ---- out ----------------------------------------------------------------------------------------
 */

size_t transport_queued_bytes(const struct transport *transport)
{
        return transport->out.len + transport->sending.len + transport->early.len;
}

bool transport_is_full(const struct transport *transport)
{
        return transport->full;
}

static void on_written(uv_write_t *request, int status)
{
        struct transport *t = request->handle->data;
        t->writing = false;
        buffer_clear(&t->sending);
        if (t->sending.capacity > KEEP_BYTES)
                buffer_done(&t->sending);
        if (t->state == TRANSPORT_CLOSING)
                return;
        if (status < 0) {
                transport_fail(t, mesh_error_from_errno(-status));
                return;
        }
        transport_flush(t);
        shut_when_sent(t);
        if (t->state == TRANSPORT_OPEN && t->full &&
            transport_queued_bytes(t) <= TRANSPORT_LOW_WATER) {
                t->full = false;
                if (t->events && t->events->drain)
                        t->events->drain(t->user, t);
        }
}

/* What the kernel takes at once needs no request. Returns the number of bytes, or a libuv error. */
static int write_at_once(struct transport *t)
{
        uv_buf_t piece = uv_buf_init((char *)t->out.bytes, (unsigned)t->out.len);
        int written = uv_try_write(&t->uv.stream, &piece, 1);
        return written == UV_EAGAIN ? 0 : written;
}

void transport_flush(struct transport *transport)
{
        struct transport *t = transport;
        if (t->writing || t->out.len == 0 || t->state == TRANSPORT_CONNECTING ||
            t->state == TRANSPORT_CLOSING)
                return;
        int written = write_at_once(t);
        if (written < 0) {
                transport_fail(t, mesh_error_from_errno(-written));
                return;
        }
        if ((size_t)written == t->out.len) {
                buffer_clear(&t->out);
                if (t->out.capacity > KEEP_BYTES)
                        buffer_done(&t->out);
                return;
        }
        struct buffer rest = t->out;
        t->out = t->sending;
        t->sending = rest;
        uv_buf_t piece =
                uv_buf_init((char *)rest.bytes + written, (unsigned)(rest.len - (size_t)written));
        t->writing = true;
        int rv = uv_write(&t->write, &t->uv.stream, &piece, 1, on_written);
        if (rv < 0) {
                t->writing = false;
                transport_fail(t, mesh_error_from_errno(-rv));
        }
}

int transport_write(struct transport *transport, const void *bytes, size_t len)
{
        struct transport *t = transport;
        int err;
        if (t->state >= TRANSPORT_LINGERING)
                return MESH_ESTATE;
        if (len > TRANSPORT_QUEUE_MAX || transport_queued_bytes(t) > TRANSPORT_QUEUE_MAX - len) {
                transport_abort(t, MESH_ELIMIT);
                return MESH_ELIMIT;
        }
        if (t->ssl) {
                err = transport_tls_write(t, bytes, len);
        } else {
                buffer_put(&t->out, bytes, len);
                err = buffer_error(&t->out);
        }
        if (err) {
                transport_abort(t, err);
                return err;
        }
        transport_flush(t);
        if (transport_queued_bytes(t) > TRANSPORT_HIGH_WATER)
                t->full = true;
        return 0;
}

/* ---- in -----------------------------------------------------------------------------------------
 */

/* Memory only while there is something to read: ten thousand quiet connections hold none. */
static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
        (void)handle, (void)suggested;
        char *bytes = malloc(READ_BYTES);
        *ret = uv_buf_init(bytes, bytes ? READ_BYTES : 0);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
        struct transport *t = stream->data;
        if (len > 0) {
                if (t->ssl && t->state != TRANSPORT_LINGERING)
                        transport_tls_receive(t, (const uint8_t *)buf->base, (size_t)len);
                else
                        transport_deliver(t, (const uint8_t *)buf->base, (size_t)len);
        } else if (len == UV_EOF) {
                transport_fail(t, t->state == TRANSPORT_HANDSHAKE ? MESH_ECLOSED : 0);
        } else if (len < 0) {
                transport_fail(t, mesh_error_from_errno((int)-len));
        }
        free(buf->base);
}

void transport_deliver(struct transport *transport, const uint8_t *bytes, size_t len)
{
        if (transport->state == TRANSPORT_OPEN && transport->events && transport->events->read)
                transport->events->read(transport->user, transport, bytes, len);
}

void transport_pause(struct transport *transport)
{
        if (transport->state == TRANSPORT_OPEN)
                (void)uv_read_stop(&transport->uv.stream);
}

void transport_resume(struct transport *transport)
{
        if (transport->state < TRANSPORT_HANDSHAKE || transport->state == TRANSPORT_CLOSING)
                return;
        int rv = uv_read_start(&transport->uv.stream, allocate, on_read);
        if (rv < 0 && rv != UV_EALREADY)
                transport_fail(transport, mesh_error_from_errno(-rv));
}

void transport_connected(struct transport *transport)
{
        transport_enter(transport, TRANSPORT_HANDSHAKE);
        transport_resume(transport);
        if (transport->state != TRANSPORT_HANDSHAKE)
                return;
        if (transport->ssl)
                transport_tls_start(transport);
        else
                transport_opened(transport);
}

void transport_opened(struct transport *transport)
{
        transport_enter(transport, TRANSPORT_OPEN);
        (void)uv_timer_stop(&transport->timer);
        if (transport->events && transport->events->open)
                transport->events->open(transport->user, transport);
        transport_flush(transport);
}

bool transport_is_open(const struct transport *transport)
{
        return transport->state == TRANSPORT_OPEN;
}

uv_loop_t *transport_loop(const struct transport *transport)
{
        return transport->uv.handle.loop;
}

const struct net_peer *transport_peer(const struct transport *transport)
{
        return &transport->peer;
}

const char *transport_tls_result(const struct transport *transport)
{
        return transport->state >= TRANSPORT_OPEN ? transport->tls_result : "";
}
