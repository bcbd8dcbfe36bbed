/* Talking to wireguard-go, starting and ending it; see the header. */
#include "agent/apply/wg_userspace.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/apply/link.h"
#include "agent/apply/reason.h"
#include "agent/apply/uapi.h"
#include "agent/apply/wg_spawn.h"
#include "common/error.h"

#define SOCKET_DIR "/var/run/wireguard"
#define PROGRAM    "wireguard-go"

enum {
        TIMEOUT_MS = 5000, /* for one request */
        END_MS = 3000,     /* for the process to end by itself */
        AWAIT_MS = 1000,   /* for a process that is just starting */
        AWAIT_STEP_MS = 20,
        READ_BYTES = 8192,
};

static int64_t now_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A connected non-blocking socket, or one of our errors. */
static int socket_connect(const char *ifname)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int len =
                snprintf(address.sun_path, sizeof(address.sun_path), SOCKET_DIR "/%s.sock", ifname);
        if (len < 0 || (size_t)len >= sizeof(address.sun_path))
                return MESH_EINVAL;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return mesh_error_from_errno(errno);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                int err = errno == ENOENT ? MESH_EREFUSED : mesh_error_from_errno(errno);
                close(fd);
                return err;
        }
        return fd;
}

/* Waits for EVENTS; MESH_ETIMEOUT at DEADLINE_MS. */
static int socket_wait(int fd, short events, int64_t deadline_ms)
{
        for (;;) {
                int64_t left = deadline_ms - now_ms();
                struct pollfd poll_fd = { .fd = fd, .events = events };
                int ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
                if (ready > 0)
                        return 0;
                if (ready == 0)
                        return MESH_ETIMEOUT;
                if (errno != EINTR)
                        return mesh_error_from_errno(errno);
        }
}

static int socket_write(int fd, const uint8_t *bytes, size_t len, int64_t deadline_ms)
{
        while (len > 0) {
                ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
                if (sent >= 0) {
                        bytes += sent;
                        len -= (size_t)sent;
                        continue;
                }
                int err = errno == EINTR    ? 0
                          : errno == EAGAIN ? socket_wait(fd, POLLOUT, deadline_ms)
                                            : mesh_error_from_errno(errno);
                if (err)
                        return err;
        }
        return 0;
}

static int socket_read(int fd, struct uapi_reader *reader, int64_t deadline_ms)
{
        uint8_t bytes[READ_BYTES];
        int err = 0;
        while (!err && !reader->done) {
                ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
                if (got > 0)
                        err = uapi_reader_feed(reader, bytes, (size_t)got);
                else if (got == 0)
                        err = MESH_ECLOSED;
                else if (errno == EAGAIN)
                        err = socket_wait(fd, POLLIN, deadline_ms);
                else if (errno != EINTR)
                        err = mesh_error_from_errno(errno);
        }
        sodium_memzero(bytes, sizeof(bytes)); /* a private key may be among them */
        return err;
}

/* Sends REQUEST and reads the reply into DEVICE (NULL: only whether it was done). */
static int transact(const char *ifname, const struct buffer *request, struct wg_device *device,
                    struct reason *why)
{
        int fd = socket_connect(ifname);
        if (fd < 0)
                return reason_set(why, fd, PROGRAM " for %s: %s", ifname, mesh_strerror(fd));
        int64_t deadline_ms = now_ms() + TIMEOUT_MS;
        struct uapi_reader reader = uapi_reader_start(device);
        int err = socket_write(fd, request->bytes, request->len, deadline_ms);
        if (!err)
                err = socket_read(fd, &reader, deadline_ms);
        close(fd);
        uapi_reader_done(&reader);
        if (err)
                return reason_set(why, err, PROGRAM " for %s: %s", ifname, mesh_strerror(err));
        if (reader.err_no)
                return reason_set(why, mesh_error_from_errno(reader.err_no),
                                  PROGRAM " for %s refused: %s", ifname,
                                  strerrordesc_np(reader.err_no));
        return 0;
}

bool wg_userspace_await(const char *ifname)
{
        const struct timespec pause = { .tv_nsec = AWAIT_STEP_MS * 1000000L };
        int64_t deadline_ms = now_ms() + AWAIT_MS;
        int fd;
        while ((fd = socket_connect(ifname)) < 0) {
                if (fd != MESH_EREFUSED || now_ms() >= deadline_ms)
                        return false;
                nanosleep(&pause, NULL);
        }
        close(fd);
        return true;
}

int wg_userspace_start(const char *ifname, struct reason *why)
{
        const char *const argv[] = { PROGRAM, ifname, NULL };
        int err = wg_spawn_wait(argv, TIMEOUT_MS, why);
        if (err)
                return err;
        /* The front process hands a listening socket to the one that stays, then ends. */
        if (!wg_userspace_await(ifname))
                return reason_set(why, MESH_EIO, PROGRAM " for %s does not answer", ifname);
        return 0;
}

int wg_userspace_get(const char *ifname, struct wg_device *ret_device, struct reason *why)
{
        struct buffer request = buffer_with_max(UAPI_LINE_MAX);
        uapi_put_get(&request);
        struct wg_device device = { 0 };
        int err = buffer_error(&request);
        if (err)
                reason_set(why, err, "%s", mesh_strerror(err));
        else
                err = transact(ifname, &request, &device, why);
        buffer_done(&request);
        if (err)
                wg_device_done(&device);
        else
                *ret_device = device;
        return err;
}

int wg_userspace_set(const char *ifname, const struct wg_diff *diff, struct reason *why)
{
        struct buffer request = buffer_with_max(UAPI_REQUEST_MAX);
        uapi_put_diff(&request, diff);
        int err = buffer_error(&request);
        if (err)
                reason_set(why, err, "%s", mesh_strerror(err));
        else
                err = transact(ifname, &request, NULL, why);
        if (request.bytes)
                sodium_memzero(request.bytes, request.capacity);
        buffer_done(&request);
        return err;
}

int wg_userspace_remove(struct netlink *nl, const char *ifname, unsigned int ifindex,
                        struct reason *why)
{
        /* A connection that the process closes when it ends: nothing needs to be polled. */
        int fd = socket_connect(ifname);
        int err = link_remove(nl, ifindex, why);
        if (fd < 0)
                return err;
        if (!err) {
                err = socket_wait(fd, POLLIN, now_ms() + END_MS);
                if (err)
                        reason_set(why, err, PROGRAM " for %s does not end", ifname);
        }
        close(fd);
        return err;
}
