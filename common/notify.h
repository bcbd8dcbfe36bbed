/* Tells systemd how a daemon is: ready, alive, status. One datagram each to $NOTIFY_SOCKET.
 *
 * Without that variable every call does nothing. sd_notify(3). */
#pragma once
#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=...". Best effort: nobody to tell a failure to. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often WATCHDOG=1 must be sent: half of $WATCHDOG_USEC, in ms; 0: not at all. */
uint64_t notify_watchdog_ms(void);
