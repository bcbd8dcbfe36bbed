/* The frame of a test server; see the header. */
#include "tests/interop/lib/serve.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <uv.h>

#include "common/env.h"
#include "common/error.h"
#include "common/file.h"
#include "common/grpc/server.h"
#include "common/net/listener.h"
#include "common/net/tls.h"

struct program {
        uv_loop_t loop;
        uv_pipe_t input;
        struct grpc_server *server;
        struct tls_server *tls;
};

static void on_drained(void *user)
{
        struct program *p = user;
        grpc_server_free(p->server);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
        static char bytes[16];
        (void)handle, (void)suggested;
        *ret = uv_buf_init(bytes, sizeof(bytes));
}

static void on_input(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
        struct program *p = stream->data;
        (void)buf;
        if (len >= 0)
                return;
        uv_close((uv_handle_t *)stream, NULL);
        grpc_server_shutdown(p->server, on_drained, p);
}

static int listen_all(struct program *p, const char *directory)
{
        char cert[512], key[512], path[512];
        struct listener *tls_listener, *h2c_listener;
        int err = path_join(cert, sizeof(cert), directory, "cert.pem");
        if (!err)
                err = path_join(key, sizeof(key), directory, "key.pem");
        if (!err)
                err = path_join(path, sizeof(path), directory, "socket");
        if (!err)
                err = tls_make_self_signed(cert, key, "localhost", env_system());
        if (!err)
                err = tls_server_new(cert, key, &p->tls);
        const struct listener_options tls = { .address = "127.0.0.1:0", .tls = p->tls };
        const struct listener_options h2c = { .address = "127.0.0.1:0" };
        const struct listener_options unix_socket = { .unix_path = path };
        if (!err)
                err = grpc_server_listen(p->server, &tls, &tls_listener);
        if (!err)
                err = grpc_server_listen(p->server, &h2c, &h2c_listener);
        if (!err)
                err = grpc_server_listen(p->server, &unix_socket, NULL);
        if (err)
                return err;
        printf("%u %u %s\n", listener_port(tls_listener), listener_port(h2c_listener), path);
        (void)fflush(stdout);
        return 0;
}

int serve(const char *directory, const struct grpc_service *const *services, size_t service_count)
{
        struct program p = { 0 };
        struct grpc_limits limits = grpc_limits_default();
        limits.drain_ms = 1000;
        const struct grpc_server_options options = { .limits = &limits,
                                                     .services = services,
                                                     .service_count = service_count,
                                                     .env = env_system() };
        if (sodium_init() < 0)
                return 2;
        (void)signal(SIGPIPE, SIG_IGN);
        (void)uv_loop_init(&p.loop);
        int err = grpc_server_new(&p.loop, &options, &p.server);
        if (!err)
                err = listen_all(&p, directory);
        if (err) {
                (void)fprintf(stderr, "test server: %s\n", mesh_strerror(err));
                return 1;
        }
        (void)uv_pipe_init(&p.loop, &p.input, 0);
        p.input.data = &p;
        (void)uv_pipe_open(&p.input, 0);
        (void)uv_read_start((uv_stream_t *)&p.input, allocate, on_input);
        (void)uv_run(&p.loop, UV_RUN_DEFAULT);
        tls_server_free(p.tls);
        return uv_loop_close(&p.loop) == 0 ? 0 : 3;
}
