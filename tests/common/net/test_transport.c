/* Transports and listeners over loopback: TLS, plain, Unix sockets, and their ends. */
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/net/listener.h"
#include "common/net/tls.h"
#include "common/net/transport.h"
#include "tests/support/net_host.h"
#include "tests/support/unit.h"

/* One end of a connection and what it saw. */
struct end {
        struct transport *transport; /* NULL before and after */
        struct buffer got;
        bool open, closed, drained;
        int error;
        bool echo;
        struct net_peer peer;
        char tls_result[TLS_RESULT_MAX];
        size_t want; /* bytes after which all_here is set */
        bool all_here;
};

static void on_open(void *user, struct transport *transport)
{
        struct end *end = user;
        end->open = true;
        end->peer = *transport_peer(transport);
        (void)snprintf(end->tls_result, sizeof(end->tls_result), "%s",
                       transport_tls_result(transport));
}

static void on_read(void *user, struct transport *transport, const uint8_t *bytes, size_t len)
{
        struct end *end = user;
        buffer_put(&end->got, bytes, len);
        end->all_here = end->want > 0 && end->got.len >= end->want;
        if (end->echo)
                assert_int_equal(transport_write(transport, bytes, len), 0);
}

static void on_drain(void *user, struct transport *transport)
{
        struct end *end = user;
        assert_false(transport_is_full(transport));
        end->drained = true;
}

static void on_close(void *user, struct transport *transport, int err)
{
        struct end *end = user;
        (void)transport;
        end->closed = true;
        end->error = err;
        end->transport = NULL;
}

static const struct transport_events end_events = {
        .open = on_open, .read = on_read, .drain = on_drain, .close = on_close
};

struct fixture {
        struct net_host host;
        struct listener *listener;
        struct end server, client;
        bool accepted;
};

static void on_accepted(void *user, struct transport *transport)
{
        struct fixture *f = user;
        assert_true(transport_is_open(transport));
        f->server.transport = transport;
        f->server.peer = *transport_peer(transport);
        f->accepted = true;
        transport_listen_to(transport, &end_events, &f->server);
}

enum how { OVER_TLS, OVER_TCP, OVER_UNIX, HOW_COUNT };

static void start_listener(struct fixture *f, enum how how, uint32_t handshake_ms)
{
        const struct listener_options options = {
                .address = how == OVER_UNIX ? NULL : "127.0.0.1:0",
                .unix_path = f->host.socket,
                .unix_mode = 0660,
                .tls = how == OVER_TLS ? f->host.server_tls : NULL,
                .max_handshakes = 2,
                .max_connections = 4,
                .handshake_ms = handshake_ms,
        };
        f->server.got = f->client.got = buffer_with_max(16 * 1024 * 1024);
        assert_int_equal(listener_new(&f->host.loop, &options, on_accepted, f, &f->listener), 0);
}

static struct fixture *set_up(enum how how, uint32_t handshake_ms)
{
        struct fixture *f = calloc(1, sizeof(*f));
        assert_non_null(f);
        net_host_init(&f->host);
        start_listener(f, how, handshake_ms);
        return f;
}

static void start_client(struct fixture *f, enum how how, const char *name)
{
        struct ip_endpoint to;
        int err;
        assert_int_equal(ip_endpoint_parse("127.0.0.1:0", &to), 0);
        to.port = listener_port(f->listener);
        if (how == OVER_UNIX)
                err = transport_connect_unix(&f->host.loop, f->host.socket, &f->client.transport);
        else
                err = transport_connect_tcp(&f->host.loop, &to,
                                            how == OVER_TLS ? f->host.client_tls : NULL, name, 0,
                                            &f->client.transport);
        assert_int_equal(err, 0);
        transport_listen_to(f->client.transport, &end_events, &f->client);
}

static void connect_both(struct fixture *f, enum how how)
{
        start_client(f, how, "coordinator.test");
        net_host_run(&f->host, &f->client.open);
        net_host_run(&f->host, &f->accepted);
}

static void tear_down(struct fixture *f)
{
        if (f->client.transport)
                transport_close(f->client.transport);
        if (f->server.transport)
                transport_close(f->server.transport);
        listener_close(f->listener);
        net_host_done(&f->host);
        buffer_done(&f->server.got);
        buffer_done(&f->client.got);
        free(f);
}

enum { PIECE_BYTES = 256 * 1024, PIECES_MAX = 60 };

/* Writes BYTES in pieces until the transport is full. Returns how many. */
static size_t write_until_full(struct transport *transport, const uint8_t *bytes)
{
        size_t pieces = 0;
        while (pieces < PIECES_MAX && !transport_is_full(transport)) {
                assert_int_equal(
                        transport_write(transport, bytes + pieces * PIECE_BYTES, PIECE_BYTES), 0);
                pieces++;
        }
        assert_true(transport_is_full(transport));
        return pieces * PIECE_BYTES;
}

static void test_bytes_both_ways(void **state)
{
        size_t size = (size_t)PIECES_MAX * PIECE_BYTES;
        uint8_t *bytes = malloc(size);
        (void)state;
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(i * 7 + i / 251);
        for (enum how how = 0; how < HOW_COUNT; how++) {
                struct fixture *f = set_up(how, 0);
                f->server.echo = true;
                connect_both(f, how);
                size_t len = write_until_full(f->client.transport, bytes);
                f->client.want = len;
                net_host_run(&f->host, &f->client.all_here);
                assert_int_equal(f->client.got.len, len);
                assert_memory_equal(f->client.got.bytes, bytes, len);
                assert_true(f->client.drained);
                /* Close in order: the other side sees an end, no error. */
                transport_close(f->client.transport);
                net_host_run(&f->host, &f->server.closed);
                net_host_run(&f->host, &f->client.closed);
                assert_int_equal(f->server.error, 0);
                assert_int_equal(f->client.error, 0);
                tear_down(f);
        }
        free(bytes);
}

static void test_peers(void **state)
{
        (void)state;
        for (enum how how = 0; how < HOW_COUNT; how++) {
                struct fixture *f = set_up(how, 0);
                connect_both(f, how);
                assert_int_equal(f->server.peer.kind, how == OVER_UNIX ? NET_UNIX : NET_TCP);
                assert_int_equal(f->server.peer.tls, how == OVER_TLS);
                if (how == OVER_UNIX) {
                        assert_int_equal(f->server.peer.uid, getuid());
                        assert_int_equal(f->server.peer.pid, getpid());
                        assert_int_equal(listener_port(f->listener), 0);
                } else {
                        assert_int_equal(f->client.peer.remote.port, listener_port(f->listener));
                        assert_int_equal(
                                ip_endpoint_compare(&f->client.peer.local, &f->server.peer.remote),
                                0);
                }
                tear_down(f);
        }
}

static void test_close_sends_what_is_queued(void **state)
{
        static uint8_t bytes[2 * 1024 * 1024];
        (void)state;
        for (enum how how = 0; how < HOW_COUNT; how++) {
                struct fixture *f = set_up(how, 0);
                connect_both(f, how);
                assert_int_equal(transport_write(f->client.transport, bytes, sizeof(bytes)), 0);
                transport_close(f->client.transport);
                assert_int_equal(transport_write(f->client.transport, bytes, 1), MESH_ESTATE);
                net_host_run(&f->host, &f->server.closed);
                assert_int_equal(f->server.got.len, sizeof(bytes));
                tear_down(f);
        }
}

static void test_bytes_before_open(void **state)
{
        (void)state;
        for (enum how how = 0; how < HOW_COUNT; how++) {
                struct fixture *f = set_up(how, 0);
                f->server.want = 5;
                start_client(f, how, "coordinator.test");
                assert_int_equal(transport_write(f->client.transport, "early", 5), 0);
                net_host_run(&f->host, &f->server.all_here);
                assert_memory_equal(f->server.got.bytes, "early", 5);
                tear_down(f);
        }
}

static void test_certificate_is_judged_but_not_decisive(void **state)
{
        static const struct {
                const char *name;
                bool trusted;
                const char *result;
        } cases[] = {
                { "coordinator.test", false, "self-signed certificate" },
                { "coordinator.test", true, "valid" },
                { "other.test", true, "hostname mismatch" },
                { "192.0.2.1", true, "IP address mismatch" },
        };
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct fixture *f = set_up(OVER_TLS, 0);
                char link[160];
                print_message("%s, %s\n", cases[i].name, cases[i].result);
                if (cases[i].trusted) { /* a hashed directory: the name is the subject's hash */
                        FILE *file = fopen(f->host.cert, "r");
                        X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
                        (void)fclose(file);
                        (void)snprintf(link, sizeof(link), "%s/%08lx.0", f->host.directory,
                                       X509_subject_name_hash(cert));
                        X509_free(cert);
                        assert_int_equal(symlink(f->host.cert, link), 0);
                }
                start_client(f, OVER_TLS, cases[i].name);
                assert_string_equal(transport_tls_result(f->client.transport), "");
                net_host_run(&f->host, &f->client.open);
                assert_string_equal(f->client.tls_result, cases[i].result);
                if (cases[i].trusted)
                        assert_int_equal(unlink(link), 0);
                tear_down(f);
        }
}

static void test_failures_to_connect(void **state)
{
        struct fixture *f = set_up(OVER_TCP, 0);
        (void)state;
        uint16_t port = listener_port(f->listener);
        listener_close(f->listener);
        struct ip_endpoint to = { .addr = { .len = 4, .bytes = { 127, 0, 0, 1 } }, .port = port };
        (void)uv_run(&f->host.loop, UV_RUN_NOWAIT); /* the port is closed now */
        assert_int_equal(
                transport_connect_tcp(&f->host.loop, &to, NULL, NULL, 0, &f->client.transport), 0);
        transport_listen_to(f->client.transport, &end_events, &f->client);
        net_host_run(&f->host, &f->client.closed);
        assert_int_equal(f->client.error, MESH_EREFUSED);
        f->client.closed = false;
        assert_int_equal(
                transport_connect_unix(&f->host.loop, "/nonexistent/socket", &f->client.transport),
                0);
        transport_listen_to(f->client.transport, &end_events, &f->client);
        net_host_run(&f->host, &f->client.closed);
        assert_int_equal(f->client.error, MESH_ENOENT);
        start_listener(f, OVER_UNIX, 0);
        tear_down(f);
}

/* TLS client and server that is silent, or speaks something else. */
static void test_handshakes_that_fail(void **state)
{
        struct fixture *f = set_up(OVER_TCP, 0);
        struct ip_endpoint to;
        (void)state;
        assert_int_equal(ip_endpoint_parse("127.0.0.1:0", &to), 0);
        to.port = listener_port(f->listener);
        assert_int_equal(transport_connect_tcp(&f->host.loop, &to, f->host.client_tls, "x", 50,
                                               &f->client.transport),
                         0);
        transport_listen_to(f->client.transport, &end_events, &f->client);
        net_host_run(&f->host, &f->client.closed);
        assert_int_equal(f->client.error, MESH_ETIMEOUT);
        f->client.closed = false;
        f->server.echo = true; /* our own ClientHello comes back */
        assert_int_equal(transport_connect_tcp(&f->host.loop, &to, f->host.client_tls, "x", 5000,
                                               &f->client.transport),
                         0);
        transport_listen_to(f->client.transport, &end_events, &f->client);
        net_host_run(&f->host, &f->client.closed);
        assert_int_equal(f->client.error, MESH_ETLS);
        tear_down(f);
}

static void test_half_open_handshakes_are_dropped(void **state)
{
        struct fixture *f = set_up(OVER_TLS, 60000);
        struct end idle[3] = { 0 };
        struct ip_endpoint to;
        (void)state;
        assert_int_equal(ip_endpoint_parse("127.0.0.1:0", &to), 0);
        to.port = listener_port(f->listener);
        for (size_t i = 0; i < LENGTH(idle); i++) { /* two handshakes are allowed at a time */
                assert_int_equal(transport_connect_tcp(&f->host.loop, &to, NULL, NULL, 0,
                                                       &idle[i].transport),
                                 0);
                transport_listen_to(idle[i].transport, &end_events, &idle[i]);
                net_host_run(&f->host, &idle[i].open);
        }
        net_host_run(&f->host, &idle[0].closed);
        assert_false(idle[2].closed);
        /* An honest client still comes in. */
        connect_both(f, OVER_TLS);
        for (size_t i = 1; i < LENGTH(idle); i++) {
                if (idle[i].transport)
                        transport_close(idle[i].transport);
        }
        tear_down(f);
}

static void test_unix_socket_file(void **state)
{
        struct fixture *f = set_up(OVER_UNIX, 0);
        struct listener *second;
        const struct listener_options options = { .unix_path = f->host.socket };
        const struct listener_options no_group = { .unix_path = f->host.socket,
                                                   .unix_group = "no-such-group" };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct stat st;
        (void)state;
        assert_int_equal(stat(f->host.socket, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0660);
        assert_int_equal(listener_new(&f->host.loop, &options, on_accepted, f, &second),
                         MESH_EADDRINUSE);
        assert_int_equal(listener_new(&f->host.loop, &no_group, on_accepted, f, &second),
                         MESH_ENOENT);
        listener_close(f->listener);
        assert_int_equal(stat(f->host.socket, &st), -1);
        /* A socket that a killed process left. */
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->host.socket);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        (void)close(fd);
        start_listener(f, OVER_UNIX, 0);
        connect_both(f, OVER_UNIX);
        transport_close(f->client.transport);
        net_host_run(&f->host, &f->server.closed);
        listener_close(f->listener);
        /* A file that is no socket is not ours to remove. */
        fd = open(f->host.socket, O_CREAT | O_WRONLY, 0600);
        (void)close(fd);
        assert_int_equal(listener_new(&f->host.loop, &options, on_accepted, f, &second),
                         MESH_EADDRINUSE);
        assert_int_equal(unlink(f->host.socket), 0);
        start_listener(f, OVER_TCP, 0);
        tear_down(f);
}

static void test_address_in_use(void **state)
{
        struct fixture *f = set_up(OVER_TCP, 0);
        struct listener *second;
        char address[32];
        struct listener_options options = { .address = address };
        (void)state;
        (void)snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(f->listener));
        assert_int_equal(listener_new(&f->host.loop, &options, on_accepted, f, &second),
                         MESH_EADDRINUSE);
        options.address = "localhost:1";
        assert_int_equal(listener_new(&f->host.loop, &options, on_accepted, f, &second),
                         MESH_EFORMAT);
        tear_down(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bytes_both_ways),
                cmocka_unit_test(test_peers),
                cmocka_unit_test(test_close_sends_what_is_queued),
                cmocka_unit_test(test_bytes_before_open),
                cmocka_unit_test(test_certificate_is_judged_but_not_decisive),
                cmocka_unit_test(test_failures_to_connect),
                cmocka_unit_test(test_handshakes_that_fail),
                cmocka_unit_test(test_half_open_handshakes_are_dropped),
                cmocka_unit_test(test_unix_socket_file),
                cmocka_unit_test(test_address_in_use),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
