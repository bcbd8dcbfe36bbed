/* The door to the kernel's network, for real: whichever WireGuard this machine has, in namespaces
 * of this test's own, read back by `ip` and `wg`. Traffic and mishaps: test_apply_live.c.
 *
 * With MESH_TEST_BACKEND=kernel or =userspace the test fails if it runs on the other one. */
#include <jansson.h>
#include <unistd.h>

#include "agent/apply/port.h"
#include "common/error.h"
#include "tests/agent/apply/wanted.h"
#include "tests/support/netns.h"

/* ---- independent readers ---- */

/* What `ip -j ARGV...` says: the values of KEY, in order, each followed by a space. */
static void ip_column(const char *const argv[], const char *key, char *out, size_t size)
{
        char *text = capture(argv, NULL);
        json_t *rows = json_loads(text[0] ? text : "[]", 0, NULL), *row, *value;
        assert_non_null(rows);
        size_t i, len = 0;
        if (json_array_size(rows) == 1 && json_object_get(json_array_get(rows, 0), "addr_info")) {
                json_t *inner = json_incref(json_object_get(json_array_get(rows, 0), "addr_info"));
                json_decref(rows);
                rows = inner;
        }
        out[0] = '\0';
        json_array_foreach(rows, i, row)
        {
                value = json_object_get(row, key);
                if (json_is_string(value))
                        len += (size_t)snprintf(out + len, size - len, "%s ",
                                                json_string_value(value));
                else if (json_is_integer(value))
                        len += (size_t)snprintf(out + len, size - len, "%d ",
                                                (int)json_integer_value(value));
                assert_true(len < size);
        }
        json_decref(rows);
        free(text);
}

#define EXPECT_IP(expected, key, ...)                                                              \
        do {                                                                                       \
                char column_[4096];                                                                \
                ip_column((const char *const[]){ "ip", "-j", __VA_ARGS__, NULL }, key, column_,    \
                          sizeof(column_));                                                        \
                assert_string_equal(column_, expected);                                            \
        } while (0)

#define EXPECT_ROUTES(family, dev, expected)                                                       \
        EXPECT_IP(expected, "dst", family, "route", "show", "dev", dev, "proto", "190")

/* ---- tests: each uses interface names of its own and removes them ---- */

static void test_create_and_read_back(void **state)
{
        (void)state;
        struct wanted w;
        struct apply_result result;
        wanted_init(&w, "wga", 1);
        wanted_add_peer(&w, 2, "192.0.2.2:51822")->keepalive_s = 25;
        wanted_add_peer(&w, 3, "[2001:db8::3]:51823");
        wanted_add_peer(&w, 4, NULL);
        assert_int_equal(wanted_apply(&w, &result), 0);
        print_message("backend: %s\n", result.backend);
        const char *required = getenv("MESH_TEST_BACKEND");
        if (required)
                assert_string_equal(result.backend, required);
        assert_int_equal(result.peers_added, 3);
        assert_int_equal(result.listen_port, 51821);
        assert_int_equal(result.failed, APPLY_STEP_NONE);

        EXPECT_IP("100.70.0.1 fd70::1 ", "local", "addr", "show", "dev", "wga", "scope", "global");
        EXPECT_IP("32 128 ", "prefixlen", "addr", "show", "dev", "wga", "scope", "global");
        EXPECT_IP("1280 ", "mtu", "link", "show", "dev", "wga");
        EXPECT_ROUTES("-4", "wga", "100.70.0.0/16 ");
        EXPECT_ROUTES("-6", "wga", "fd70::/48 ");
        assert_int_equal(count_lines(CAPTURE("wg", "show", "wga", "peers")), 3);
        char *port = CAPTURE("wg", "show", "wga", "listen-port");
        assert_string_equal(port, "51821\n");
        free(port);
        char *endpoints = CAPTURE("wg", "show", "wga", "endpoints");
        assert_non_null(strstr(endpoints, "\t192.0.2.2:51822\n"));
        assert_non_null(strstr(endpoints, "\t[2001:db8::3]:51823\n"));
        assert_non_null(strstr(endpoints, "\t(none)\n"));
        free(endpoints);
        char *allowed = CAPTURE("wg", "show", "wga", "allowed-ips");
        assert_non_null(strstr(allowed, "\t100.70.0.4/32 fd70::4/128\n"));
        free(allowed);
        wg_device_done(&w.device);
}

/* Again with nothing new, as after a restart of the agent: not one thing is written. */
static void test_again_changes_nothing(void **state)
{
        (void)state;
        struct wanted w;
        wanted_init(&w, "wga", 1);
        wanted_add_peer(&w, 4, NULL);
        wanted_add_peer(&w, 3, "[2001:db8::3]:51823");
        wanted_add_peer(&w, 2, "192.0.2.2:51822")->keepalive_s = 25;
        assert_int_equal(wanted_changes(&w), 0);
        assert_int_equal(wanted_changes(&w), 0);
        w.device.listen_port = 0; /* "leave it" */
        assert_int_equal(wanted_changes(&w), 0);
        wg_device_done(&w.device);
}

static void test_change_and_remove_peers(void **state)
{
        (void)state;
        struct wanted w;
        struct apply_result result;
        wanted_init(&w, "wga", 1);
        struct wg_peer *peer = wanted_add_peer(&w, 4, "192.0.2.4:4"); /* had none */
        assert_int_equal(wg_peer_add_allowed(peer, prefix("100.70.0.40/32")), 0);
        wanted_add_peer(&w, 2, "192.0.2.99:99"); /* not asked for: stays; keepalive off */
        assert_int_equal(wanted_apply(&w, &result), 0);
        assert_int_equal(result.peers_changed, 2);
        assert_int_equal(result.peers_removed, 1);
        char *endpoints = CAPTURE("wg", "show", "wga", "endpoints");
        assert_non_null(strstr(endpoints, "\t192.0.2.4:4\n"));
        assert_non_null(strstr(endpoints, "\t192.0.2.2:51822\n"));
        free(endpoints);
        w.device.peers[1].set_endpoint = true;
        w.device.peers[0].recreate = true;
        assert_int_equal(wanted_apply(&w, &result), 0);
        assert_int_equal(result.peers_changed, 2);
        endpoints = CAPTURE("wg", "show", "wga", "endpoints");
        assert_non_null(strstr(endpoints, "\t192.0.2.99:99\n"));
        free(endpoints);
        wg_device_done(&w.device);
}

static void test_foreign_things(void **state)
{
        (void)state;
        struct wanted w;
        struct apply_result result;
        wanted_init(&w, "wga", 1);
        RUN("ip", "link", "add", "fora", "type", "veth", "peer", "name", "forb");
        RUN("ip", "link", "set", "fora", "up");
        RUN("ip", "address", "add", "198.51.100.1/24", "dev", "fora");
        RUN("ip", "address", "add", "198.51.100.2/24", "dev", "wga");
        RUN("ip", "address", "add", "100.70.0.77/16", "dev", "wga");
        RUN("ip", "route", "add", "203.0.113.0/24", "dev", "wga", "proto", "static");
        RUN("ip", "route", "add", "100.71.0.0/16", "dev", "wga", "proto", "190");
        RUN("ip", "-6", "route", "add", "fd71::/48", "dev", "wga", "proto", "190");
        RUN("ip", "route", "add", "100.72.0.0/16", "dev", "fora", "proto", "190");
        assert_int_equal(wanted_apply(&w, &result), 0);
        EXPECT_IP("100.70.0.1 fd70::1 ", "local", "addr", "show", "dev", "wga", "scope", "global");
        EXPECT_IP("198.51.100.1 ", "local", "addr", "show", "dev", "fora", "scope", "global");
        EXPECT_ROUTES("-4", "wga", "100.70.0.0/16 ");
        EXPECT_ROUTES("-6", "wga", "fd70::/48 ");
        EXPECT_ROUTES("-4", "fora", "100.72.0.0/16 ");
        EXPECT_IP("203.0.113.0/24 ", "dst", "route", "show", "dev", "wga", "proto", "static");
        assert_int_equal(wanted_changes(&w), 0);

        /* Somebody else's route for one of our prefixes: told, not replaced; then healed. */
        RUN("ip", "route", "del", "100.70.0.0/16", "dev", "wga");
        RUN("ip", "route", "add", "100.70.0.0/16", "dev", "fora");
        assert_int_equal(wanted_apply(&w, &result), MESH_EEXIST);
        assert_int_equal(result.failed, APPLY_STEP_ROUTES);
        assert_non_null(strstr(result.text, "100.70.0.0/16"));
        EXPECT_IP("100.70.0.0/16 ", "dst", "route", "show", "dev", "fora", "proto", "boot");
        RUN("ip", "route", "del", "100.70.0.0/16", "dev", "fora");
        assert_int_equal(wanted_changes(&w), 1);
        RUN("ip", "link", "del", "fora");
        wg_device_done(&w.device);
}

static void test_down_and_mtu_heal(void **state)
{
        (void)state;
        struct wanted w;
        wanted_init(&w, "wga", 1);
        RUN("ip", "link", "set", "wga", "down"); /* takes routes and IPv6 addresses with it */
        RUN("ip", "link", "set", "wga", "mtu", "1400");
        assert_true(wanted_changes(&w) > 0);
        EXPECT_IP("1280 ", "mtu", "link", "show", "dev", "wga");
        EXPECT_IP("100.70.0.1 fd70::1 ", "local", "addr", "show", "dev", "wga", "scope", "global");
        EXPECT_ROUTES("-4", "wga", "100.70.0.0/16 ");
        EXPECT_ROUTES("-6", "wga", "fd70::/48 ");
        assert_int_equal(wanted_changes(&w), 0);
        wg_device_done(&w.device);
}

static void test_ipv6_off(void **state)
{
        (void)state;
        struct wanted w;
        struct apply_result result;
        wanted_init(&w, "wga", 1);
        RUN("sysctl", "-qw", "net.ipv6.conf.wga.disable_ipv6=1");
        assert_int_equal(wanted_apply(&w, &result), 0);
        assert_true(result.ipv6_off);
        EXPECT_ROUTES("-4", "wga", "100.70.0.0/16 ");
        RUN("sysctl", "-qw", "net.ipv6.conf.wga.disable_ipv6=0");
        assert_int_equal(wanted_apply(&w, &result), 0);
        assert_false(result.ipv6_off);
        EXPECT_ROUTES("-6", "wga", "fd70::/48 ");
        wg_device_done(&w.device);
}

static void test_name_or_port_taken(void **state)
{
        (void)state;
        struct wanted w;
        struct apply_result result;
        wanted_init(&w, "fora", 1);
        RUN("ip", "link", "add", "fora", "type", "veth", "peer", "name", "forb");
        assert_int_equal(wanted_apply(&w, &result), MESH_EEXIST);
        assert_int_equal(result.failed, APPLY_STEP_INTERFACE);
        assert_non_null(strstr(result.text, "fora"));
        char text[APPLY_TEXT_MAX];
        assert_int_equal(apply_remove("fora", NULL, text), MESH_EEXIST);
        assert_true(link_exists("fora"));
        RUN("ip", "link", "del", "fora");

        w.desired.ifname = "wgp";
        w.device.listen_port = 51821; /* wga's */
        w.desired.address_count = w.desired.route_count = 0;
        assert_int_equal(wanted_apply(&w, &result), MESH_EADDRINUSE);
        assert_non_null(strstr(result.text, "51821"));
        uint16_t port = 0;
        assert_int_equal(port_find_free_udp(51821, 10, &port), 0);
        assert_int_equal(port, 51822);
        assert_int_equal(port_find_free_udp(51821, 1, &port), MESH_EADDRINUSE);
        w.device.listen_port = port;
        assert_int_equal(wanted_apply(&w, &result), 0);
        assert_int_equal(apply_remove("wgp", NULL, text), 0);
        wg_device_done(&w.device);
}

/* The operator's own VPN, with a key and a peer, under the name that we are told to use. */
static void foreign_start(void)
{
        struct wanted theirs;
        wanted_init(&theirs, "wgv", 7);
        theirs.desired.route_count = 0; /* wga has them */
        wanted_add_peer(&theirs, 8, "192.0.2.8:8");
        assert_true(wanted_changes(&theirs) > 0);
        RUN("ip", "link", "set", "dev", "wgv", "alias", "");
        wg_device_done(&theirs.device);
}

static void expect_foreign_untouched(void)
{
        struct wg_device seen;
        uint8_t key[WG_KEY_BYTES], peer[WG_KEY_BYTES];
        memset(key, 7, sizeof(key));
        wg_key_clamp(key);
        public_of(8, peer);
        assert_int_equal(apply_observe("wgv", &seen, NULL), 0);
        wg_key_clamp(seen.private_key);
        assert_memory_equal(seen.private_key, key, sizeof(key));
        assert_int_equal(seen.peer_count, 1);
        assert_memory_equal(seen.peers[0].public_key, peer, sizeof(peer));
        wg_device_done(&seen);
        EXPECT_IP("100.70.0.7 fd70::7 ", "local", "addr", "show", "dev", "wgv", "scope", "global");
}

static void test_foreign_wireguard(void **state)
{
        (void)state;
        struct wanted ours;
        struct apply_result result;
        char text[APPLY_TEXT_MAX];
        wanted_init(&ours, "wgv", 1);
        ours.desired.route_count = 0;
        foreign_start();
        const uint8_t *key = ours.device.private_key;
        assert_int_equal(wanted_apply(&ours, &result), MESH_EEXIST);
        assert_int_equal(result.failed, APPLY_STEP_OWNER);
        assert_non_null(strstr(result.text, "interface wgv is somebody else's"));
        assert_int_equal(apply_may_use("wgv", key, text), MESH_EEXIST);
        assert_non_null(strstr(text, "ip link del wgv")); /* the cure */
        assert_int_equal(apply_may_use("wgv", NULL, text), MESH_EEXIST);
        assert_int_equal(apply_remove("wgv", key, text), MESH_EEXIST);
        assert_int_equal(apply_remove("wgv", NULL, text), MESH_EEXIST); /* never enrolled */
        expect_foreign_untouched();
        wg_device_done(&ours.device);
}

/* Three ways to be ours: the key, the mark (with the key of a state that was lost), no key yet. */
static void test_own_wireguard(void **state)
{
        (void)state;
        struct wanted w;
        char text[APPLY_TEXT_MAX];
        wanted_init(&w, "wgv", 7); /* the key that the interface has */
        w.desired.route_count = 0;
        assert_int_equal(apply_may_use("wgv", w.device.private_key, text), 0);
        assert_true(wanted_changes(&w) > 0);
        EXPECT_IP("mesh-agent ", "ifalias", "link", "show", "dev", "wgv");
        memset(w.device.private_key, 9, WG_KEY_BYTES);
        assert_int_equal(apply_may_use("wgv", NULL, text), 0);
        assert_true(wanted_changes(&w) > 0);
        assert_int_equal(wanted_changes(&w), 0);

        RUN("ip", "link", "set", "dev", "wgv", "alias", "");
        RUN("wg", "set", "wgv", "private-key", "/dev/null"); /* as if just made */
        assert_int_equal(apply_may_use("wgv", NULL, text), 0);
        assert_int_equal(apply_remove("wgv", NULL, text), MESH_EEXIST);
        assert_true(wanted_changes(&w) > 0);
        EXPECT_IP("mesh-agent ", "ifalias", "link", "show", "dev", "wgv");
        assert_int_equal(apply_remove("wgv", NULL, text), 0); /* by its mark */
        assert_false(link_exists("wgv"));
        wg_device_done(&w.device);
}

static void test_bad_name(void **state)
{
        (void)state;
        static const char *const names[] = { "",   "a-name-that-is-too-long", "all/x", "all", "..",
                                             "a b" };
        struct wanted w;
        struct apply_result result;
        wanted_init(&w, "", 1);
        w.desired.device = w.device;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                w.desired.ifname = names[i];
                assert_int_not_equal(wanted_apply(&w, &result), 0);
                assert_int_equal(result.failed, APPLY_STEP_INTERFACE);
        }
}

static void test_remove(void **state)
{
        (void)state;
        char text[APPLY_TEXT_MAX];
        struct wg_device device;
        assert_int_equal(apply_remove("wga", NULL, text), 0);
        assert_false(link_exists("wga"));
        assert_int_equal(access("/var/run/wireguard/wga.sock", F_OK), -1);
        assert_int_equal(apply_remove("wga", NULL, text), 0);
        assert_int_equal(apply_observe("wga", &device, NULL), MESH_ENOENT);
}

static int group_setup(void **state)
{
        (void)state;
        return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_create_and_read_back),
                cmocka_unit_test(test_again_changes_nothing),
                cmocka_unit_test(test_change_and_remove_peers),
                cmocka_unit_test(test_foreign_things),
                cmocka_unit_test(test_down_and_mtu_heal),
                cmocka_unit_test(test_ipv6_off),
                cmocka_unit_test(test_name_or_port_taken),
                cmocka_unit_test(test_foreign_wireguard),
                cmocka_unit_test(test_own_wireguard),
                cmocka_unit_test(test_bad_name),
                cmocka_unit_test(test_remove),
        };
        if (!netns_private()) {
                print_message("SKIP: needs root for namespaces of its own\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, group_setup, NULL);
}
