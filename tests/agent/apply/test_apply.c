/* The door to the kernel's network, for real: whichever WireGuard this machine has, in namespaces
 * of this test's own, read back by `ip`, `wg` and `ping`.
 *
 * With MESH_TEST_BACKEND=kernel or =userspace the test fails if it runs on the other one. */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/apply/apply.h"
#include "agent/apply/port.h"
#include "common/error.h"
#include "tests/support/capture.h"
#include "tests/support/netns.h"

#define RUN(...)     free(capture((const char *const[]){ __VA_ARGS__, NULL }, NULL))
#define CAPTURE(...) capture((const char *const[]){ __VA_ARGS__, NULL }, NULL)

/* ---- a wanted interface ---- */

struct wanted {
        struct apply_desired desired;
        struct wg_device device; /* owned */
        struct ip_addr addresses[2];
        struct ip_prefix routes[2];
};

static struct ip_prefix prefix(const char *text)
{
        struct ip_prefix parsed;
        assert_int_equal(ip_prefix_parse(text, &parsed), 0);
        return parsed;
}

static void public_of(uint8_t seed, uint8_t ret_key[static WG_KEY_BYTES])
{
        uint8_t private_key[WG_KEY_BYTES];
        memset(private_key, seed, sizeof(private_key));
        crypto_scalarmult_base(ret_key, private_key);
}

/* Host number N of the mesh: key N, addresses 100.70.0.N and fd70::N. */
static void wanted_init(struct wanted *w, const char *ifname, uint8_t n)
{
        char text[IP_TEXT_MAX];
        *w = (struct wanted){ .device.listen_port = (uint16_t)(51820 + n) };
        memset(w->device.private_key, n, WG_KEY_BYTES);
        snprintf(text, sizeof(text), "100.70.0.%u", n);
        assert_int_equal(ip_addr_parse(text, &w->addresses[0]), 0);
        snprintf(text, sizeof(text), "fd70::%x", n);
        assert_int_equal(ip_addr_parse(text, &w->addresses[1]), 0);
        w->routes[0] = prefix("100.70.0.9/16"); /* host bits: cleared by the product */
        w->routes[1] = prefix("fd70::/48");
        w->desired = (struct apply_desired){ .ifname = ifname,
                                             .addresses = w->addresses,
                                             .address_count = 2,
                                             .routes = w->routes,
                                             .route_count = 2 };
}

static struct wg_peer *wanted_add_peer(struct wanted *w, uint8_t n, const char *endpoint)
{
        uint8_t key[WG_KEY_BYTES];
        char text[IP_TEXT_MAX];
        public_of(n, key);
        struct wg_peer *peer = wg_device_add_peer(&w->device, key);
        assert_non_null(peer);
        snprintf(text, sizeof(text), "100.70.0.%u/32", n);
        assert_int_equal(wg_peer_add_allowed(peer, prefix(text)), 0);
        snprintf(text, sizeof(text), "fd70::%x/128", n);
        assert_int_equal(wg_peer_add_allowed(peer, prefix(text)), 0);
        if (endpoint)
                assert_int_equal(ip_endpoint_parse(endpoint, &peer->endpoint), 0);
        return peer;
}

static int wanted_apply(struct wanted *w, struct apply_result *result)
{
        w->desired.device = w->device;
        int err = apply_reconcile(&w->desired, result);
        if (err)
                print_message("apply: %s\n", result->text);
        return err;
}

static size_t wanted_changes(struct wanted *w)
{
        struct apply_result result;
        assert_int_equal(wanted_apply(w, &result), 0);
        return result.changes;
}

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

static size_t count_lines(char *text)
{
        size_t lines = 0;
        for (const char *at = text; (at = strchr(at, '\n')); at++)
                lines++;
        free(text);
        return lines;
}

static bool link_exists(const char *name)
{
        int code;
        free(capture((const char *const[]){ "ip", "-br", "link", "show", "dev", name, NULL },
                     &code));
        return code == 0;
}

/* ---- tests: each uses interface names of its own and removes them ---- */

static char backend[32]; /* of this machine; set by the first test */

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
        snprintf(backend, sizeof(backend), "%s", result.backend);
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
        assert_int_equal(apply_remove("fora", text), MESH_EEXIST);
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
        assert_int_equal(apply_remove("wgp", text), 0);
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
        assert_int_equal(apply_remove("wga", text), 0);
        assert_false(link_exists("wga"));
        assert_int_equal(access("/var/run/wireguard/wga.sock", F_OK), -1);
        assert_int_equal(apply_remove("wga", text), 0);
        assert_int_equal(apply_observe("wga", &device, NULL), MESH_ENOENT);
}

/* Two hosts; a ping runs while both are applied again and again. */
static void test_ping_survives(void **state)
{
        (void)state;
        int home = netns_current(), far = netns_new();
        netns_veth(far, "vetha", "192.0.2.1/24", "vethb", "192.0.2.2/24");
        struct wanted a, b;
        wanted_init(&a, "wga", 1);
        wanted_init(&b, "wgb", 2);
        wanted_add_peer(&a, 2, "192.0.2.2:51822");
        wanted_add_peer(&b, 1, NULL);
        assert_true(wanted_changes(&a) > 0);
        netns_enter(far);
        assert_true(wanted_changes(&b) > 0);
        netns_enter(home);
        RUN("ping", "-q", "-c", "1", "-W", "10", "-i", "0.2", "100.70.0.2");
        RUN("ping", "-q", "-c", "1", "-W", "10", "fd70::2");

        int fd, code;
        pid_t ping = capture_start((const char *const[]){ "ping", "-q", "-i", "0.02", "-c", "100",
                                                          "-W", "10", "100.70.0.2", NULL },
                                   &fd);
        siginfo_t ended = { 0 };
        size_t rounds = 0;
        for (; waitid(P_PID, (id_t)ping, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               ended.si_pid == 0;
             rounds++) {
                assert_int_equal(wanted_changes(&a), 0);
                netns_enter(far);
                assert_int_equal(wanted_changes(&b), 0);
                netns_enter(home);
        }
        char *text = capture_finish(ping, fd, &code);
        print_message("%zu rounds; %s", rounds, text);
        assert_non_null(strstr(text, "100 received"));
        assert_true(rounds > 10);
        free(text);

        struct wg_device seen;
        const char *seen_backend;
        netns_enter(far);
        assert_int_equal(apply_observe("wgb", &seen, &seen_backend), 0);
        assert_string_equal(seen_backend, backend);
        assert_int_equal(seen.peer_count, 1);
        assert_true(seen.peers[0].rx_bytes > 100 * 64 && seen.peers[0].tx_bytes > 100 * 64);
        int64_t age_ms = (int64_t)time(NULL) * 1000 - seen.peers[0].handshake_ms;
        assert_true(age_ms > -2000 && age_ms < 120000);
        struct ip_endpoint learnt;
        assert_int_equal(ip_endpoint_parse("192.0.2.1:51821", &learnt), 0);
        assert_int_equal(ip_endpoint_compare(&seen.peers[0].endpoint, &learnt), 0);
        wg_device_done(&seen);

        /* Re-created: the counters begin anew and the tunnel comes back by itself. */
        b.device.peers[0].recreate = true;
        b.device.peers[0].endpoint = learnt;
        struct apply_result result;
        assert_int_equal(wanted_apply(&b, &result), 0);
        assert_int_equal(apply_observe("wgb", &seen, NULL), 0);
        assert_int_equal(seen.peers[0].handshake_ms, 0);
        wg_device_done(&seen);
        RUN("ping", "-q", "-c", "1", "-W", "20", "100.70.0.1");
        assert_int_equal(apply_remove("wgb", NULL), 0);
        netns_enter(home);
        assert_int_equal(apply_remove("wga", NULL), 0);
        RUN("ip", "link", "del", "vetha");
        close(far);
        close(home);
        wg_device_done(&a.device);
        wg_device_done(&b.device);
}

/* The wireguard-go of this test's namespace that carries IFNAME; 0 if there is none. */
static pid_t find_userspace(const char *ifname)
{
        struct stat ours, theirs;
        assert_int_equal(stat("/proc/self/ns/net", &ours), 0);
        DIR *proc = opendir("/proc");
        assert_non_null(proc);
        pid_t found = 0;
        for (struct dirent *entry; found == 0 && (entry = readdir(proc));) {
                char path[300], expected[64], words[64] = "";
                long pid = strtol(entry->d_name, NULL, 10);
                snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
                if (pid <= 0 || stat(path, &theirs) < 0 || theirs.st_ino != ours.st_ino)
                        continue;
                snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                ssize_t got = fd >= 0 ? read(fd, words, sizeof(words)) : -1;
                int len = snprintf(expected, sizeof(expected), "wireguard-go%c%s", 0, ifname);
                if (got == len + 1 && memcmp(words, expected, (size_t)len) == 0)
                        found = (pid_t)pid;
                if (fd >= 0)
                        close(fd);
        }
        closedir(proc);
        return found;
}

static void kill_userspace(const char *ifname)
{
        pid_t pid = find_userspace(ifname);
        assert_true(pid > 0);
        int fd = (int)syscall(SYS_pidfd_open, pid, 0U);
        assert_true(fd >= 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        struct pollfd ended = { .fd = fd, .events = POLLIN };
        assert_int_equal(poll(&ended, 1, 5000), 1);
        close(fd);
}

/* The interface goes away behind our back (with wireguard-go: its process dies); the next run
 * makes it again with everything. */
static void test_interface_vanishes(void **state)
{
        (void)state;
        struct wanted w;
        wanted_init(&w, "wgd", 1);
        wanted_add_peer(&w, 2, "192.0.2.2:1");
        size_t first = wanted_changes(&w);
        if (strcmp(backend, "userspace") == 0)
                kill_userspace("wgd");
        else
                RUN("ip", "link", "del", "wgd");
        assert_false(link_exists("wgd"));
        assert_int_equal(wanted_changes(&w), first);
        assert_int_equal(wanted_changes(&w), 0);
        assert_int_equal(apply_remove("wgd", NULL), 0);
        assert_int_equal(find_userspace("wgd"), 0);
        wg_device_done(&w.device);
}

/* kill -9 at any moment of a first run or of a change; the next run heals. */
static void test_killed_anywhere(void **state)
{
        (void)state;
        struct wanted w;
        struct apply_result result;
        wanted_init(&w, "wgk", 1);
        for (uint8_t n = 2; n < 40; n++)
                wanted_add_peer(&w, n, "192.0.2.2:1");
        size_t cut = 0;
        for (unsigned int round = 0; round < 24; round++) {
                pid_t child = fork();
                assert_true(child >= 0);
                if (child == 0) {
                        w.device.peer_count = 20 + round % 10;
                        w.desired.device = w.device;
                        _exit(apply_reconcile(&w.desired, &result) ? 1 : 0);
                }
                /* A race against the child on purpose: any cut must heal. */
                struct timespec moment = { .tv_nsec = (long)round * 150000 };
                nanosleep(&moment, NULL);
                kill(child, SIGKILL);
                int status;
                assert_int_equal(waitpid(child, &status, 0), child);
                cut += WIFSIGNALED(status) ? 1 : 0;
                w.device.peer_count = 38;
                int err = wanted_apply(&w, &result);
                for (int again = 0; err && again < 5; again++) /* the start may still be going on */
                        err = wanted_apply(&w, &result);
                assert_int_equal(err, 0);
                assert_int_equal(wanted_changes(&w), 0);
                if (round % 2)
                        assert_int_equal(apply_remove("wgk", NULL), 0);
        }
        print_message("%zu of 24 runs were cut off\n", cut);
        assert_true(cut > 0);
        assert_int_equal(apply_remove("wgk", NULL), 0);
        wg_device_done(&w.device);
}

/* More peers than one message holds, one of them with more prefixes than one message holds. */
static void test_thousand_peers(void **state)
{
        (void)state;
        enum { PEERS = 1000, PREFIXES = 3000 };
        struct wanted w;
        struct apply_result result;
        wanted_init(&w, "wgm", 1);
        for (uint32_t n = 0; n < PEERS; n++) {
                uint8_t key[WG_KEY_BYTES] = { 9, (uint8_t)n, (uint8_t)(n >> 8) };
                struct wg_peer *peer = wg_device_add_peer(&w.device, key);
                assert_non_null(peer);
                for (uint32_t i = 0; i < (n == 500 ? PREFIXES : 2); i++) {
                        struct ip_prefix one = { { 16, { 0xfd, 0x70, key[1], key[2] } }, 128 };
                        one.addr.bytes[14] = (uint8_t)(i >> 8);
                        one.addr.bytes[15] = (uint8_t)i;
                        assert_int_equal(wg_peer_add_allowed(peer, one), 0);
                }
                assert_int_equal(ip_endpoint_parse("192.0.2.2:1", &peer->endpoint), 0);
        }
        assert_int_equal(wanted_apply(&w, &result), 0);
        assert_int_equal(result.peers_added, PEERS);
        assert_int_equal(count_lines(CAPTURE("wg", "show", "wgm", "peers")), PEERS);
        char *allowed = CAPTURE("wg", "show", "wgm", "allowed-ips");
        size_t prefixes = 0;
        for (const char *at = allowed; (at = strchr(at, '/')); at++)
                prefixes++;
        /* A '/' is also a letter of a key's base64. */
        char *keys = CAPTURE("wg", "show", "wgm", "peers");
        for (const char *at = keys; (at = strchr(at, '/')); at++)
                prefixes--;
        assert_int_equal(prefixes, 2 * (PEERS - 1) + PREFIXES);
        free(keys);
        free(allowed);
        assert_int_equal(wanted_changes(&w), 0);
        w.device.peers[500].allowed_count = 1;
        w.device.peers[7].keepalive_s = 25;
        assert_int_equal(wanted_changes(&w), 2);
        size_t all = w.device.peer_count;
        w.device.peer_count = 300;
        assert_int_equal(wanted_apply(&w, &result), 0);
        assert_int_equal(result.peers_removed, PEERS - 300);
        assert_int_equal(count_lines(CAPTURE("wg", "show", "wgm", "peers")), 300);
        w.device.peer_count = all;
        assert_int_equal(apply_remove("wgm", NULL), 0);
        wg_device_done(&w.device);
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
                cmocka_unit_test(test_bad_name),
                cmocka_unit_test(test_remove),
                cmocka_unit_test(test_ping_survives),
                cmocka_unit_test(test_interface_vanishes),
                cmocka_unit_test(test_killed_anywhere),
                cmocka_unit_test(test_thousand_peers),
        };
        if (!netns_private()) {
                print_message("SKIP: needs root for namespaces of its own\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, group_setup, NULL);
}
