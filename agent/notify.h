/* Tells the service manager how the daemon is: READY, STATUS, WATCHDOG. sd_notify(3), by hand.
 *
 * Does nothing unless started with NOTIFY_SOCKET set. */
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
void notify_done(struct notify *notify);

/* Sends "READY=1", "STATUS=...", "WATCHDOG=1"; failures are ignored, the manager will notice. */
void notify_send(const struct notify *notify, const char *text);
