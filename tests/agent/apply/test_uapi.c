/* The text protocol of userspace WireGuard: replies at their edges, requests to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/apply/uapi.h"
#include "common/error.h"

#define KEY_A "0101010101010101010101010101010101010101010101010101010101010101"
#define KEY_B "0202020202020202020202020202020202020202020202020202020202020202"

static const char whole[] = "private_key=" KEY_B "\n"
                            "listen_port=51820\n"
                            "fwmark=7\n"
                            "public_key=" KEY_A "\n"
                            "preshared_key=" KEY_A "\n"
                            "protocol_version=1\n"
                            "endpoint=[fe80::1%3]:1234\n"
                            "last_handshake_time_sec=1700000000\n"
                            "last_handshake_time_nsec=123456789\n"
                            "tx_bytes=18446744073709551615\n"
                            "rx_bytes=2\n"
                            "persistent_keepalive_interval=25\n"
                            "allowed_ip=10.0.0.1/32\n"
                            "allowed_ip=fd00::/64\n"
                            "public_key=" KEY_B "\n"
                            "some_new_key=x\n"
                            "errno=0\n\n";

/* In pieces of every size, the reading is the same. */
static void test_whole(void **state)
{
        (void)state;
        for (size_t piece = 1; piece <= sizeof(whole) - 1; piece++) {
                struct wg_device device = { 0 };
                struct uapi_reader reader = uapi_reader_start(&device);
                for (size_t at = 0; at < sizeof(whole) - 1; at += piece) {
                        size_t left = sizeof(whole) - 1 - at;
                        assert_false(reader.done);
                        assert_int_equal(
                                uapi_reader_feed(&reader, whole + at, left < piece ? left : piece),
                                0);
                }
                assert_true(reader.done);
                assert_int_equal(reader.err_no, 0);
                assert_int_equal(device.private_key[31], 2);
                assert_int_equal(device.listen_port, 51820);
                assert_int_equal(device.fwmark, 7);
                assert_int_equal(device.peer_count, 2);
                const struct wg_peer *peer = &device.peers[0];
                assert_int_equal(peer->endpoint.port, 1234);
                assert_int_equal(peer->endpoint.scope_id, 3);
                assert_int_equal(peer->handshake_ms, 1700000000123);
                assert_true(peer->tx_bytes == UINT64_MAX && peer->rx_bytes == 2);
                assert_int_equal(peer->keepalive_s, 25);
                assert_int_equal(peer->allowed_count, 2);
                assert_int_equal(peer->allowed[1].bits, 64);
                assert_int_equal(device.peers[1].allowed_count, 0);
                uapi_reader_done(&reader);
                wg_device_done(&device);
        }
}

#define LONG_240 KEY_A KEY_A KEY_A "000000000000000000000000000000000000000000000000"

static const struct {
        const char *name, *text;
        int expected;
        bool done;
} cases[] = {
        { "nothing yet", "", 0, false },
        { "no device", "errno=0\n\n", 0, true },
        { "last newline missing", "errno=0\n", 0, false },
        { "end without errno", "\n", MESH_EFORMAT, false },
        { "bytes after the end", "errno=0\n\nx", MESH_ETRAILING, false },
        { "no equals sign", "errno\n", MESH_EFORMAT, false },
        { "empty value", "listen_port=\n", MESH_EFORMAT, false },
        { "port 65535", "listen_port=65535\nerrno=0\n\n", 0, true },
        { "port 65536", "listen_port=65536\n", MESH_EFORMAT, false },
        { "negative port", "listen_port=-1\n", MESH_EFORMAT, false },
        { "mark over 32 bits", "fwmark=4294967296\n", MESH_EFORMAT, false },
        { "key one digit short",
          "public_key=010101010101010101010101010101010101010101010101010101"
          "010101010\n",
          MESH_EFORMAT, false },
        { "key one digit long", "public_key=" KEY_A "0\n", MESH_EFORMAT, false },
        { "key not hex",
          "public_key=0101010101010101010101010101010101010101010101010101010101010"
          "1zz\n",
          MESH_EFORMAT, false },
        { "peer field before a peer", "rx_bytes=1\n", MESH_EFORMAT, false },
        { "endpoint without port", "public_key=" KEY_A "\nendpoint=10.0.0.1\n", MESH_EFORMAT,
          false },
        { "endpoint with a named scope",
          "public_key=" KEY_A "\nendpoint=[fe80::1%eth0]:1\nerrno=0\n\n", 0, true },
        { "endpoint with percent only", "public_key=" KEY_A "\nendpoint=[%]:1\n", MESH_EFORMAT,
          false },
        { "prefix too long", "public_key=" KEY_A "\nallowed_ip=10.0.0.0/33\n", MESH_EFORMAT,
          false },
        { "nanoseconds too many", "public_key=" KEY_A "\nlast_handshake_time_nsec=1000000000\n",
          MESH_EFORMAT, false },
        { "counter over 64 bits", "public_key=" KEY_A "\nrx_bytes=18446744073709551616\n",
          MESH_EFORMAT, false },
        { "longest line", "x=" LONG_240 "0123456789012\nerrno=0\n\n", 0, true },
        { "line too long", "x=" LONG_240 "01234567890123\n", MESH_ELIMIT, false },
};

static void test_edges(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct wg_device device = { 0 };
                struct uapi_reader reader = uapi_reader_start(&device);
                print_message("case: %s\n", cases[i].name);
                assert_int_equal(uapi_reader_feed(&reader, cases[i].text, strlen(cases[i].text)),
                                 cases[i].expected);
                if (!cases[i].expected)
                        assert_int_equal(reader.done, cases[i].done);
                uapi_reader_done(&reader);
                wg_device_done(&device);
        }
        struct wg_device device = { 0 };
        struct uapi_reader reader = uapi_reader_start(&device);
        assert_int_equal(uapi_reader_feed(&reader, "a=\0\n", 4), MESH_EFORMAT);
}

static void test_change_replies(void **state)
{
        (void)state;
        struct uapi_reader reader = uapi_reader_start(NULL);
        assert_int_equal(uapi_reader_feed(&reader, "errno=-98\n\n", 11), 0);
        assert_int_equal(reader.err_no, 98);
        reader = uapi_reader_start(NULL);
        assert_int_equal(uapi_reader_feed(&reader, "errno=22\n\n", 10), 0);
        assert_int_equal(reader.err_no, 22);
        reader = uapi_reader_start(NULL);
        assert_int_equal(uapi_reader_feed(&reader, "listen_port=1\n", 14), MESH_EFORMAT);
}

static void expect_request(const struct wg_diff *diff, const char *expected)
{
        struct buffer out = buffer_with_max(65536);
        uapi_put_diff(&out, diff);
        buffer_put_u8(&out, '\0');
        assert_int_equal(buffer_error(&out), 0);
        assert_string_equal((const char *)out.bytes, expected);
        buffer_done(&out);
}

static void test_requests(void **state)
{
        (void)state;
        struct wg_device wanted = { .listen_port = 5, .fwmark = 9 };
        struct wg_peer old = { 0 };
        uint8_t key[WG_KEY_BYTES];
        memset(wanted.private_key, 2, WG_KEY_BYTES);
        memset(key, 1, sizeof(key));
        memset(old.public_key, 2, sizeof(old.public_key));
        struct wg_peer *peer = wg_device_add_peer(&wanted, key);
        peer->keepalive_s = 25;
        struct ip_prefix prefix;
        assert_int_equal(ip_prefix_parse("10.0.0.7/24", &prefix), 0);
        assert_int_equal(wg_peer_add_allowed(peer, prefix), 0);
        assert_int_equal(ip_endpoint_parse("[fe80::1]:7", &peer->endpoint), 0);
        peer->endpoint.scope_id = 4;
        struct wg_peer_op ops[] = {
                { .peer = &old, .remove = true },
                { .peer = peer,
                  .create = true,
                  .set_endpoint = true,
                  .set_keepalive = true,
                  .replace_allowed = true },
                { .peer = peer, .set_endpoint = true },
        };
        struct wg_diff diff = { .wanted = &wanted };
        expect_request(&diff, "set=1\n\n");
        diff = (struct wg_diff){ .wanted = &wanted,
                                 .set_private_key = true,
                                 .set_listen_port = true,
                                 .set_fwmark = true,
                                 .ops = ops,
                                 .op_count = 2 };
        expect_request(&diff, "set=1\nprivate_key=" KEY_B "\nlisten_port=5\nfwmark=9\n"
                              "public_key=" KEY_B "\nremove=true\n"
                              "public_key=" KEY_A "\nendpoint=[fe80::1%4]:7\n"
                              "persistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
                              "allowed_ip=10.0.0.0/24\n\n");
        assert_int_equal(ip_endpoint_parse("192.0.2.1:8", &peer->endpoint), 0);
        diff = (struct wg_diff){ .wanted = &wanted, .ops = ops + 2, .op_count = 1 };
        expect_request(&diff, "set=1\npublic_key=" KEY_A "\nupdate_only=true\n"
                              "endpoint=192.0.2.1:8\n\n");
        wg_device_done(&wanted);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_edges),
                cmocka_unit_test(test_change_replies),
                cmocka_unit_test(test_requests),
        };
        return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
