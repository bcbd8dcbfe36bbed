/* The service manager's protocol: what arrives on a socket, and which environments mean silence. */
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/notify.h"
#include "tests/support/temp_dir.h"

struct manager {
        char path[TEMP_DIR_MAX], socket[TEMP_DIR_MAX + 16];
        int fd;
};

static int setup(void **state)
{
        static struct manager m;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        temp_dir_make(m.path);
        (void)snprintf(m.socket, sizeof(m.socket), "%s/notify", m.path);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", m.socket);
        m.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        *state = &m;
        return m.fd < 0 || bind(m.fd, (const struct sockaddr *)&address, sizeof(address)) != 0;
}

static int teardown(void **state)
{
        struct manager *m = *state;
        (void)unsetenv("NOTIFY_SOCKET");
        (void)unsetenv("WATCHDOG_USEC");
        (void)unsetenv("WATCHDOG_PID");
        (void)close(m->fd);
        temp_dir_remove(m->path);
        return 0;
}

static void assert_told(const struct manager *m, const char *expected)
{
        char text[1024];
        ssize_t len = recv(m->fd, text, sizeof(text) - 1, 0);
        assert_true(len >= 0);
        text[len] = '\0';
        assert_string_equal(text, expected);
}

static void tells_the_manager(void **state)
{
        const struct manager *m = *state;
        struct notify notify;
        assert_int_equal(setenv("NOTIFY_SOCKET", m->socket, 1), 0);
        notify_init(&notify);
        notify_send(&notify, "READY=1\nSTATUS=%zu members", (size_t)3);
        assert_told(m, "READY=1\nSTATUS=3 members");
        notify_send(&notify, "WATCHDOG=1");
        assert_told(m, "WATCHDOG=1");
        notify_done(&notify);
        notify_send(&notify, "STOPPING=1");
        char text[16];
        assert_int_equal(recv(m->fd, text, sizeof(text), 0), -1);
}

static void no_socket_means_silence(void **state)
{
        static const char *const sockets[] = { "", "relative", "vsock:2:1" };
        char too_long[200];
        struct notify notify;
        (void)state;
        (void)unsetenv("NOTIFY_SOCKET");
        notify_init(&notify);
        assert_int_equal(notify.fd, -1);
        for (size_t i = 0; i < LENGTH(sockets); i++) {
                assert_int_equal(setenv("NOTIFY_SOCKET", sockets[i], 1), 0);
                notify_init(&notify);
                assert_int_equal(notify.fd, -1);
        }
        memset(too_long, '/', sizeof(too_long) - 1);
        too_long[sizeof(too_long) - 1] = '\0';
        assert_int_equal(setenv("NOTIFY_SOCKET", too_long, 1), 0);
        notify_init(&notify);
        assert_int_equal(notify.fd, -1);
}

static const struct {
        const char *name, *usec, *pid; /* pid "own": this process */
        uint64_t expected_ms;
} watchdogs[] = {
        { "none", NULL, NULL, 0 },
        { "half of it", "30000000", NULL, 15000 },
        { "ours", "30000000", "own", 15000 },
        { "of another process", "30000000", "1", 0 },
        { "no process", "30000000", "x", 0 },
        { "no number", "30s", NULL, 0 },
        { "negative", "-1", NULL, 0 },
        { "empty", "", NULL, 0 },
        { "too large", "99999999999999999999", NULL, 0 },
};

static void reads_the_watchdog(void **state)
{
        const struct manager *m = *state;
        char own[16];
        (void)snprintf(own, sizeof(own), "%d", (int)getpid());
        assert_int_equal(setenv("NOTIFY_SOCKET", m->socket, 1), 0);
        for (size_t i = 0; i < LENGTH(watchdogs); i++) {
                const char *pid = watchdogs[i].pid;
                struct notify notify;
                (void)unsetenv("WATCHDOG_USEC");
                (void)unsetenv("WATCHDOG_PID");
                if (watchdogs[i].usec)
                        (void)setenv("WATCHDOG_USEC", watchdogs[i].usec, 1);
                if (pid)
                        (void)setenv("WATCHDOG_PID", strcmp(pid, "own") == 0 ? own : pid, 1);
                notify_init(&notify);
                if (notify.watchdog_ms != watchdogs[i].expected_ms)
                        fail_msg("%s: %llu ms", watchdogs[i].name,
                                 (unsigned long long)notify.watchdog_ms);
                notify_done(&notify);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(tells_the_manager, setup, teardown),
                cmocka_unit_test_setup_teardown(no_socket_means_silence, setup, teardown),
                cmocka_unit_test_setup_teardown(reads_the_watchdog, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
