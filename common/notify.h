/* Tells the service manager how a daemon is: READY, STATUS, WATCHDOG. sd_notify(3), by hand.
 *
 * Without NOTIFY_SOCKET in the environment nothing is sent. Used by both daemons. */
#pragma once
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
        int fd; /* -1: nobody listens */
        struct sockaddr_un address;
        socklen_t address_len;
        uint64_t watchdog_ms; /* how often to send WATCHDOG=1; 0: never */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the environment. */
void notify_init(struct notify *notify);

/* Closes the socket; nothing is sent any more. */
void notify_done(struct notify *notify);

/* Sends "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1"; several are parted by newlines.
 * Failures are ignored: the manager will notice. */
void notify_send(const struct notify *notify, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
