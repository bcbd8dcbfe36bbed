/* How a transport begins: connecting to an address or a Unix socket, accepting. */
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/error.h"
#include "common/net/transport_internal.h"

enum {
        KEEPALIVE_S = 60,
        /* Unacknowledged bytes for so long, and the connection is dead: heartbeats say so after 30
         * s, too. */
        USER_TIMEOUT_MS = 30000,
};

/* Best effort: a stream works without each of these. */
static void tune_tcp(struct transport *t)
{
        uv_os_fd_t fd;
        unsigned timeout_ms = USER_TIMEOUT_MS;
        (void)uv_tcp_nodelay(&t->uv.tcp, 1);
        (void)uv_tcp_keepalive(&t->uv.tcp, 1, KEEPALIVE_S);
        if (uv_fileno(&t->uv.handle, &fd) == 0)
                (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
                                 sizeof(timeout_ms));
}

static void note_addresses(struct transport *t)
{
        struct sockaddr_storage ss;
        int len = sizeof(ss);
        if (uv_tcp_getpeername(&t->uv.tcp, (struct sockaddr *)&ss, &len) == 0)
                (void)ip_endpoint_from_sockaddr((struct sockaddr *)&ss, &t->peer.remote);
        len = sizeof(ss);
        if (uv_tcp_getsockname(&t->uv.tcp, (struct sockaddr *)&ss, &len) == 0)
                (void)ip_endpoint_from_sockaddr((struct sockaddr *)&ss, &t->peer.local);
}

static void note_credentials(struct transport *t)
{
        uv_os_fd_t fd;
        struct ucred who;
        socklen_t len = sizeof(who);
        if (uv_fileno(&t->uv.handle, &fd) != 0 ||
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
                return;
        t->peer.uid = who.uid;
        t->peer.gid = who.gid;
        t->peer.pid = who.pid;
}

static void begin_stream(struct transport *t)
{
        if (t->peer.kind == NET_TCP) {
                tune_tcp(t);
                note_addresses(t);
        } else {
                note_credentials(t);
        }
        transport_connected(t);
}

static void on_connected(uv_connect_t *request, int status)
{
        struct transport *t = request->handle->data;
        if (t->state != TRANSPORT_CONNECTING)
                return; /* closed meanwhile */
        if (status < 0)
                transport_fail(t, mesh_error_from_errno(-status));
        else
                begin_stream(t);
}

int transport_connect_tcp(uv_loop_t *loop, const struct ip_endpoint *to, struct tls_client *tls,
                          const char *tls_name, uint32_t handshake_ms,
                          struct transport **ret_transport)
{
        struct sockaddr_storage ss;
        struct transport *t;
        int err = transport_make(loop, NET_TCP, &t);
        if (err)
                return err;
        t->peer.remote = *to;
        if (tls)
                err = transport_use_tls(t, tls_client_begin(tls, tls_name, t->tls_result));
        (void)ip_endpoint_to_sockaddr(to, &ss);
        if (!err) {
                int rv = uv_tcp_connect(&t->request.connect, &t->uv.tcp, (struct sockaddr *)&ss,
                                        on_connected);
                err = rv < 0 ? mesh_error_from_errno(-rv) : 0;
        }
        if (err) {
                transport_fail(t, err);
                return err;
        }
        transport_limit(t, handshake_ms ? handshake_ms : TRANSPORT_HANDSHAKE_MS);
        *ret_transport = t;
        return 0;
}

int transport_connect_unix(uv_loop_t *loop, const char *path, struct transport **ret_transport)
{
        struct transport *t;
        if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
                return MESH_ELIMIT; /* libuv would cut it silently */
        int err = transport_make(loop, NET_UNIX, &t);
        if (err)
                return err;
        uv_pipe_connect(&t->request.connect, &t->uv.pipe, path, on_connected);
        transport_limit(t, TRANSPORT_HANDSHAKE_MS);
        *ret_transport = t;
        return 0;
}

int transport_accept(uv_stream_t *server, struct tls_server *tls, uint32_t handshake_ms,
                     struct transport **ret_transport)
{
        struct transport *t;
        enum net_kind kind = server->type == UV_TCP ? NET_TCP : NET_UNIX;
        int err = transport_make(server->loop, kind, &t);
        if (err)
                return err;
        if (tls)
                err = transport_use_tls(t, tls_server_begin(tls));
        int rv = uv_accept(server, &t->uv.stream); /* also after a failure: or it comes again */
        if (!err && rv < 0)
                err = mesh_error_from_errno(-rv);
        if (err) {
                transport_fail(t, err);
                return err;
        }
        transport_limit(t, handshake_ms ? handshake_ms : TRANSPORT_HANDSHAKE_MS);
        begin_stream(t);
        *ret_transport = t;
        return 0;
}
