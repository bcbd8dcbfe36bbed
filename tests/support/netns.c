/* See the header. */
#include "tests/support/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/capture.h"

static void run(const char *const argv[])
{
        free(capture(argv, NULL));
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

bool netns_private(void)
{
        if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
            mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0)
                return false;
        RUN("ip", "link", "set", "lo", "up");
        return true;
}

int netns_current(void)
{
        int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

void netns_enter(int fd)
{
        assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

int netns_new(void)
{
        int back = netns_current();
        assert_int_equal(unshare(CLONE_NEWNET), 0);
        RUN("ip", "link", "set", "lo", "up");
        int fd = netns_current();
        netns_enter(back);
        close(back);
        return fd;
}

void netns_veth(int fd, const char *name, const char *address, const char *peer,
                const char *peer_address)
{
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
        RUN("ip", "link", "add", name, "type", "veth", "peer", "name", peer, "netns", path);
        RUN("ip", "address", "add", address, "dev", name, "nodad");
        RUN("ip", "link", "set", name, "up");
        int back = netns_current();
        netns_enter(fd);
        RUN("ip", "address", "add", peer_address, "dev", peer, "nodad");
        RUN("ip", "link", "set", peer, "up");
        netns_enter(back);
        close(back);
}
