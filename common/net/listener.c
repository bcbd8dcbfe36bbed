/* Listening; see the header. How the Unix socket's file is made stands in listener_unix.c. */
#include "common/net/listener.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/error.h"
#include "common/net/listener_unix.h"
#include "common/net/transport.h"

enum { BACKLOG = 4096 }; /* the kernel cuts it at net.core.somaxconn */

struct handshake {
        struct handshake *next, *previous; /* a ring through the listener's head, oldest first */
        struct listener *listener;
        struct transport *transport;
};

struct listener {
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_tcp_t tcp;
                uv_pipe_t pipe;
        } uv;
        struct handshake handshakes; /* head of the ring */
        uint32_t handshake_count, connections;
        uint32_t max_handshakes, max_connections, handshake_ms;
        struct tls_server *tls; /* borrowed */
        listener_accepted *accepted;
        void *user;
        char *unix_path; /* owned; NULL: TCP */
        bool closing, closed;
};

static void free_if_done(struct listener *l)
{
        if (!l->closed || l->connections > 0)
                return;
        free(l->unix_path);
        free(l);
}

/* ---- connections --------------------------------------------------------------------------------
 */

static void unlink_handshake(struct handshake *h)
{
        h->previous->next = h->next;
        h->next->previous = h->previous;
        h->listener->handshake_count--;
        free(h);
}

static void on_open(void *user, struct transport *transport)
{
        struct handshake *h = user;
        struct listener *l = h->listener;
        transport_listen_to(transport, NULL, NULL);
        unlink_handshake(h);
        l->accepted(l->user, transport);
}

static void on_handshake_closed(void *user, struct transport *transport, int err)
{
        (void)transport, (void)err;
        unlink_handshake(user);
}

static const struct transport_events handshake_events = {
        .open = on_open,
        .close = on_handshake_closed,
};

static void on_gone(void *user, struct transport *transport)
{
        struct listener *l = user;
        (void)transport;
        l->connections--;
        free_if_done(l); /* handshakes, whose close event follows, were let go by listener_close */
}

/* The oldest handshake goes: an honest one is over in a moment. */
static void drop_oldest_handshake(struct listener *l)
{
        struct handshake *oldest = l->handshakes.next;
        struct transport *transport = oldest->transport;
        transport_listen_to(transport, NULL, NULL);
        unlink_handshake(oldest);
        transport_abort(transport, MESH_ELIMIT);
}

static int track_handshake(struct listener *l, struct transport *transport)
{
        struct handshake *h = calloc(1, sizeof(*h));
        if (!h)
                return MESH_ENOMEM;
        if (l->handshake_count >= l->max_handshakes)
                drop_oldest_handshake(l);
        h->listener = l;
        h->transport = transport;
        h->next = &l->handshakes;
        h->previous = l->handshakes.previous;
        h->previous->next = l->handshakes.previous = h;
        l->handshake_count++;
        transport_listen_to(transport, &handshake_events, h);
        return 0;
}

static void on_connection(uv_stream_t *stream, int status)
{
        struct listener *l = stream->data;
        struct transport *transport;
        if (status < 0 || transport_accept(stream, l->tls, l->handshake_ms, &transport) != 0)
                return; /* the next event tells whether it goes on */
        l->connections++;
        transport_on_gone(transport, on_gone, l);
        if (l->connections > l->max_connections)
                transport_abort(transport, MESH_ELIMIT);
        else if (transport_is_open(transport))
                l->accepted(l->user, transport);
        else if (track_handshake(l, transport) != 0)
                transport_abort(transport, MESH_ENOMEM);
}

/* ---- the socket ---------------------------------------------------------------------------------
 */

static int bind_tcp(struct listener *l, uv_loop_t *loop, const struct listener_options *options)
{
        struct ip_endpoint endpoint;
        struct sockaddr_storage ss;
        int rv = uv_tcp_init(loop, &l->uv.tcp);
        if (rv < 0)
                return mesh_error_from_errno(-rv);
        int err = ip_endpoint_parse(options->address, &endpoint);
        if (err)
                return err;
        (void)ip_endpoint_to_sockaddr(&endpoint, &ss);
        rv = uv_tcp_bind(&l->uv.tcp, (struct sockaddr *)&ss, 0);
        return rv < 0 ? mesh_error_from_errno(-rv) : 0;
}

static int bind_unix(struct listener *l, uv_loop_t *loop, const struct listener_options *options)
{
        int fd;
        (void)uv_pipe_init(loop, &l->uv.pipe, 0);
        int err = listener_unix_bind(options->unix_path, options->unix_mode, options->unix_group,
                                     &fd);
        if (err)
                return err;
        l->unix_path = strdup(options->unix_path);
        int rv = uv_pipe_open(&l->uv.pipe, fd);
        if (rv < 0)
                (void)close(fd);
        if (rv == 0 && !l->unix_path)
                rv = UV_ENOMEM;
        return rv < 0 ? mesh_error_from_errno(-rv) : 0;
}

static uint32_t or_default(uint32_t value, uint32_t normal)
{
        return value ? value : normal;
}

int listener_new(uv_loop_t *loop, const struct listener_options *options,
                 listener_accepted *accepted, void *user, struct listener **ret_listener)
{
        struct listener *l = calloc(1, sizeof(*l));
        if (!l)
                return MESH_ENOMEM;
        l->handshakes.next = l->handshakes.previous = &l->handshakes;
        l->max_connections = or_default(options->max_connections, LISTENER_CONNECTIONS);
        l->max_handshakes = or_default(options->max_handshakes, LISTENER_HANDSHAKES);
        l->handshake_ms = options->handshake_ms;
        l->tls = options->tls;
        l->accepted = accepted;
        l->user = user;
        int err = options->address ? bind_tcp(l, loop, options) : bind_unix(l, loop, options);
        l->uv.handle.data = l;
        if (!err) {
                int rv = uv_listen(&l->uv.stream, BACKLOG, on_connection);
                err = rv < 0 ? mesh_error_from_errno(-rv) : 0;
        }
        if (err) {
                listener_close(l);
                return err;
        }
        *ret_listener = l;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        struct listener *l = handle->data;
        l->closed = true;
        free_if_done(l);
}

void listener_close(struct listener *listener)
{
        struct listener *l = listener;
        if (l->closing)
                return;
        l->closing = true;
        while (l->handshakes.next != &l->handshakes)
                drop_oldest_handshake(l);
        if (l->unix_path)
                (void)unlink(l->unix_path);
        uv_close(&l->uv.handle, on_closed);
}

uint16_t listener_port(const struct listener *listener)
{
        struct sockaddr_storage ss;
        struct ip_endpoint endpoint;
        int len = sizeof(ss);
        if (listener->unix_path ||
            uv_tcp_getsockname(&listener->uv.tcp, (struct sockaddr *)&ss, &len) != 0 ||
            ip_endpoint_from_sockaddr((struct sockaddr *)&ss, &endpoint) != 0)
                return 0;
        return endpoint.port;
}

uint32_t listener_connections(const struct listener *listener)
{
        return listener->connections;
}
