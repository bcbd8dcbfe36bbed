/* The door to the kernel's network under traffic and mishap: a ping across re-applies, an interface
 * that vanishes, kill -9 at any point, a thousand peers. As test_apply.c in namespaces of its own,
 * with whichever WireGuard this machine has; MESH_TEST_BACKEND as there. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/agent/apply/wanted.h"
#include "tests/support/netns.h"

/* Two hosts, each a namespace, joined by a cable. */
struct pair {
        int home, far;
        struct wanted a, b; /* b is in FAR and learns where a is */
};

static void pair_start(struct pair *pair)
{
        pair->home = netns_current();
        pair->far = netns_new();
        netns_veth(pair->far, "vetha", "192.0.2.1/24", "vethb", "192.0.2.2/24");
        wanted_init(&pair->a, "wga", 1);
        wanted_init(&pair->b, "wgb", 2);
        wanted_add_peer(&pair->a, 2, "192.0.2.2:51822");
        wanted_add_peer(&pair->b, 1, NULL);
        assert_true(wanted_changes(&pair->a) > 0);
        netns_enter(pair->far);
        assert_true(wanted_changes(&pair->b) > 0);
        netns_enter(pair->home);
}

static void pair_stop(struct pair *pair)
{
        netns_enter(pair->far);
        assert_int_equal(apply_remove("wgb", NULL, NULL), 0);
        netns_enter(pair->home);
        assert_int_equal(apply_remove("wga", NULL, NULL), 0);
        RUN("ip", "link", "del", "vetha");
        close(pair->far);
        close(pair->home);
        wg_device_done(&pair->a.device);
        wg_device_done(&pair->b.device);
}

/* A ping of 100 packets, while both hosts are applied again and again: nothing is written and
 * nothing is lost. */
static void ping_across_applies(struct pair *pair)
{
        int fd, code;
        pid_t ping = capture_start((const char *const[]){ "ping", "-q", "-i", "0.02", "-c", "100",
                                                          "-W", "10", "100.70.0.2", NULL },
                                   &fd);
        siginfo_t ended = { 0 };
        size_t rounds = 0;
        for (; waitid(P_PID, (id_t)ping, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               ended.si_pid == 0;
             rounds++) {
                assert_int_equal(wanted_changes(&pair->a), 0);
                netns_enter(pair->far);
                assert_int_equal(wanted_changes(&pair->b), 0);
                netns_enter(pair->home);
        }
        char *text = capture_finish(ping, fd, &code);
        print_message("%zu rounds; %s", rounds, text);
        assert_non_null(strstr(text, "100 received"));
        assert_true(rounds > 10);
        free(text);
}

/* What the far host's only peer shows. */
static void expect_live_peer(const struct ip_endpoint *learnt)
{
        struct wg_device seen;
        const char *backend;
        assert_int_equal(apply_observe("wgb", &seen, &backend), 0);
        const char *required = getenv("MESH_TEST_BACKEND");
        assert_string_equal(backend, required ? required : backend);
        assert_int_equal(seen.peer_count, 1);
        assert_true(seen.peers[0].rx_bytes > 100 * 64 && seen.peers[0].tx_bytes > 100 * 64);
        int64_t age_ms = (int64_t)time(NULL) * 1000 - seen.peers[0].handshake_ms;
        assert_true(age_ms > -2000 && age_ms < 120000);
        assert_int_equal(ip_endpoint_compare(&seen.peers[0].endpoint, learnt), 0);
        wg_device_done(&seen);
}

static void test_ping_survives(void **state)
{
        (void)state;
        struct pair pair;
        struct ip_endpoint learnt;
        assert_int_equal(ip_endpoint_parse("192.0.2.1:51821", &learnt), 0);
        pair_start(&pair);
        RUN("ping", "-q", "-c", "1", "-W", "10", "100.70.0.2");
        RUN("ping", "-q", "-c", "1", "-W", "10", "fd70::2");
        ping_across_applies(&pair);
        netns_enter(pair.far);
        expect_live_peer(&learnt);
        netns_enter(pair.home);
        pair_stop(&pair);
}

/* A peer that is made again begins anew, and its tunnel comes back by itself. */
static void test_recreated_peer_comes_back(void **state)
{
        (void)state;
        struct pair pair;
        struct wg_device seen;
        pair_start(&pair);
        RUN("ping", "-q", "-c", "1", "-W", "10", "100.70.0.2");
        pair.b.device.peers[0].recreate = true;
        assert_int_equal(ip_endpoint_parse("192.0.2.1:51821", &pair.b.device.peers[0].endpoint), 0);
        netns_enter(pair.far);
        assert_int_equal(wanted_changes(&pair.b), 2); /* removed, and added */
        assert_int_equal(apply_observe("wgb", &seen, NULL), 0);
        assert_int_equal(seen.peers[0].handshake_ms, 0);
        wg_device_done(&seen);
        RUN("ping", "-q", "-c", "1", "-W", "20", "100.70.0.1");
        netns_enter(pair.home);
        pair_stop(&pair);
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
        const char *backend;
        struct wg_device seen;
        assert_int_equal(apply_observe("wgd", &seen, &backend), 0);
        wg_device_done(&seen);
        if (strcmp(backend, "userspace") == 0)
                kill_userspace("wgd");
        else
                RUN("ip", "link", "del", "wgd");
        assert_false(link_exists("wgd"));
        assert_int_equal(wanted_changes(&w), first);
        assert_int_equal(wanted_changes(&w), 0);
        assert_int_equal(apply_remove("wgd", NULL, NULL), 0);
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
                /* What the dead one had sent to wireguard-go may come to pass only now. */
                for (int again = 0; again < 5 && wanted_changes(&w) > 0; again++)
                        ;
                assert_int_equal(wanted_changes(&w), 0);
                if (round % 2)
                        assert_int_equal(apply_remove("wgk", NULL, NULL), 0);
        }
        print_message("%zu of 24 runs were cut off\n", cut);
        assert_true(cut > 0);
        assert_int_equal(apply_remove("wgk", NULL, NULL), 0);
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
        assert_int_equal(apply_remove("wgm", NULL, NULL), 0);
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
                cmocka_unit_test(test_ping_survives),
                cmocka_unit_test(test_recreated_peer_comes_back),
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
