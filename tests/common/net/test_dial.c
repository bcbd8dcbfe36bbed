/* Dialling over loopback: dead addresses, liars, names that do not resolve. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/error.h"
#include "common/net/dial.h"
#include "common/net/listener.h"
#include "common/net/transport.h"
#include "tests/support/net_host.h"
#include "tests/support/unit.h"

enum { HANDED_MAX = 8 };

struct fixture {
        struct net_host host;
        struct listener *good, *liar;
        uint16_t good_port, liar_port;
        struct dial *dial;
        struct transport *winner;
        bool done, failed;
        int error;
        unsigned handed, rejected;
        enum race_via via;
        bool keep_liars; /* neither accept nor reject them: they never prove anything */
        struct transport *kept;
        uint64_t began_ms, took_ms;
};

static void on_close(void *user, struct transport *transport, int err)
{
        struct fixture *f = user;
        (void)err;
        if (f->winner == transport)
                f->winner = NULL;
        if (f->kept == transport)
                f->kept = NULL;
}

static const struct transport_events watch = { .close = on_close };

static void on_connected(void *user, struct dial *dial, struct transport *transport,
                         const struct race_candidate *from)
{
        struct fixture *f = user;
        f->handed++;
        transport_listen_to(transport, &watch, f);
        if (from->address.port == f->good_port) {
                f->winner = transport;
                f->via = from->via;
                f->took_ms = uv_now(&f->host.loop) - f->began_ms;
                dial_accept(dial, transport);
                f->done = true;
        } else if (f->keep_liars) {
                f->kept = transport;
        } else {
                f->rejected++;
                dial_reject(dial, transport);
        }
}

static void on_failed(void *user, struct dial *dial, int err)
{
        struct fixture *f = user;
        (void)dial;
        f->failed = f->done = true;
        f->error = err;
}

static const struct dial_events events = { .connected = on_connected, .failed = on_failed };

static void ignore(void *user, struct transport *transport)
{
        (void)user;
        transport_listen_to(transport, NULL, NULL);
}

static struct fixture *set_up(void)
{
        struct fixture *f = calloc(1, sizeof(*f));
        assert_non_null(f);
        net_host_init(&f->host);
        struct listener_options options = { .address = "127.0.0.1:0", .tls = f->host.server_tls };
        assert_int_equal(listener_new(&f->host.loop, &options, ignore, f, &f->good), 0);
        assert_int_equal(listener_new(&f->host.loop, &options, ignore, f, &f->liar), 0);
        f->good_port = listener_port(f->good);
        f->liar_port = listener_port(f->liar);
        return f;
}

static void tear_down(struct fixture *f)
{
        if (f->winner)
                transport_close(f->winner);
        if (f->kept)
                transport_close(f->kept);
        listener_close(f->good);
        listener_close(f->liar);
        net_host_done(&f->host);
        free(f);
}

static struct ip_endpoint loopback(uint16_t port)
{
        return (struct ip_endpoint){ .addr = { .len = 4, .bytes = { 127, 0, 0, 1 } },
                                     .port = port };
}

static void dial(struct fixture *f, const char *host, uint16_t port, const struct ip_endpoint *pins,
                 size_t pin_count)
{
        const struct dial_options options = {
                .host = host,
                .port = port,
                .pins = pins,
                .pin_count = pin_count,
                .tls = f->host.client_tls,
                .tls_name = "coordinator.test",
                .timeout_ms = 3000,
        };
        uv_update_time(&f->host.loop);
        f->began_ms = uv_now(&f->host.loop);
        assert_int_equal(dial_start(&f->host.loop, &options, &events, f, &f->dial), 0);
        assert_int_equal(f->handed, 0);
        net_host_run(&f->host, &f->done);
}

static void test_by_name(void **state)
{
        struct fixture *f = set_up();
        (void)state;
        dial(f, "localhost", f->good_port, NULL, 0);
        assert_false(f->failed);
        assert_int_equal(f->via, RACE_VIA_RESOLVER);
        tear_down(f);
}

static void test_by_address(void **state)
{
        struct fixture *f = set_up();
        (void)state;
        dial(f, "127.0.0.1", f->good_port, NULL, 0);
        assert_int_equal(f->via, RACE_VIA_RESOLVER);
        tear_down(f);
}

static void test_pin_when_the_name_is_dead(void **state)
{
        struct fixture *f = set_up();
        const struct ip_endpoint pins[] = { loopback(f->good_port) };
        (void)state;
        dial(f, "no..such..name", f->good_port, pins, 1);
        assert_int_equal(f->via, RACE_VIA_PIN);
        assert_true(f->took_ms < 1000);
        tear_down(f);
}

static void test_dead_pin_then_good_pin(void **state)
{
        struct fixture *f = set_up();
        const struct ip_endpoint pins[] = { loopback(1), loopback(f->good_port) };
        (void)state;
        dial(f, NULL, 0, pins, LENGTH(pins));
        assert_int_equal(f->via, RACE_VIA_PIN);
        assert_int_equal(f->handed, 1);
        tear_down(f);
}

/* The name leads to somebody else who completes TLS. */
static void test_liar_by_name(void **state)
{
        (void)state;
        for (unsigned keep = 0; keep < 2; keep++) {
                struct fixture *f = set_up();
                const struct ip_endpoint pins[] = { loopback(1), loopback(f->good_port) };
                f->keep_liars = keep;
                dial(f, "localhost", f->liar_port, pins, LENGTH(pins));
                assert_false(f->failed);
                assert_int_equal(f->via, RACE_VIA_PIN);
                assert_true(f->took_ms < 1000);
                tear_down(f);
        }
}

/* A pin that went to somebody else; the name is right. */
static void test_liar_by_pin(void **state)
{
        struct fixture *f = set_up();
        const struct ip_endpoint pins[] = { loopback(f->liar_port) };
        (void)state;
        dial(f, "localhost", f->good_port, pins, LENGTH(pins));
        assert_int_equal(f->via, RACE_VIA_RESOLVER);
        assert_in_range(f->handed, 1, 2);
        tear_down(f);
}

/* A backlog that is full: connects hang as into a firewall that drops. */
static void test_address_that_hangs(void **state)
{
        struct fixture *f = set_up();
        struct sockaddr_storage ss;
        struct ip_endpoint hanging = loopback(0);
        socklen_t len = ip_endpoint_to_sockaddr(&hanging, &ss);
        int fds[4], fd = socket(AF_INET, SOCK_STREAM, 0);
        (void)state;
        assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
        assert_int_equal(listen(fd, 0), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
        for (size_t i = 0; i < LENGTH(fds); i++) {
                fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
                (void)connect(fds[i], (struct sockaddr *)&ss, len);
        }
        assert_int_equal(ip_endpoint_from_sockaddr((struct sockaddr *)&ss, &hanging), 0);
        const struct ip_endpoint pins[] = { hanging, loopback(f->good_port) };
        dial(f, NULL, 0, pins, LENGTH(pins));
        assert_int_equal(f->via, RACE_VIA_PIN);
        assert_in_range(f->took_ms, RACE_STAGGER_MS - 10, 1000);
        for (size_t i = 0; i < LENGTH(fds); i++)
                (void)close(fds[i]);
        (void)close(fd);
        tear_down(f);
}

static void test_nothing_left(void **state)
{
        struct fixture *f = set_up();
        const struct ip_endpoint pins[] = { loopback(1), loopback(f->liar_port) };
        const struct dial_options none = { 0 };
        (void)state;
        assert_int_equal(dial_start(&f->host.loop, &none, &events, f, &f->dial), MESH_EINVAL);
        dial(f, NULL, 0, pins, LENGTH(pins));
        assert_true(f->failed);
        assert_int_equal(f->error, MESH_EREFUSED);
        assert_int_equal(f->rejected, 1);
        tear_down(f);
}

static void test_gives_up_in_time(void **state)
{
        struct fixture *f = set_up();
        const struct ip_endpoint pins[] = { loopback(f->liar_port) };
        (void)state;
        f->keep_liars = true; /* it is never proved to be one */
        dial(f, NULL, 0, pins, LENGTH(pins));
        assert_true(f->failed);
        assert_non_null(f->kept);
        tear_down(f);
}

static void test_cancel(void **state)
{
        struct fixture *f = set_up();
        const struct ip_endpoint pins[] = { loopback(f->good_port) };
        const struct dial_options options = { .host = "localhost",
                                              .port = f->good_port,
                                              .pins = pins,
                                              .pin_count = LENGTH(pins),
                                              .tls = f->host.client_tls };
        (void)state;
        assert_int_equal(dial_start(&f->host.loop, &options, &events, f, &f->dial), 0);
        dial_cancel(f->dial);
        tear_down(f); /* runs the loop to its end */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_by_name),
                cmocka_unit_test(test_by_address),
                cmocka_unit_test(test_pin_when_the_name_is_dead),
                cmocka_unit_test(test_dead_pin_then_good_pin),
                cmocka_unit_test(test_liar_by_name),
                cmocka_unit_test(test_liar_by_pin),
                cmocka_unit_test(test_address_that_hangs),
                cmocka_unit_test(test_nothing_left),
                cmocka_unit_test(test_gives_up_in_time),
                cmocka_unit_test(test_cancel),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
