/* The service manager's socket; see the header. */
#include "common/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 512 };

/* A positive decimal number; 0 for anything else. */
static uint64_t number(const char *text)
{
        char *end;
        if (!text || *text < '0' || *text > '9')
                return 0;
        errno = 0;
        unsigned long long value = strtoull(text, &end, 10);
        return errno == 0 && *end == '\0' ? value : 0;
}

static uint64_t watchdog_ms(void)
{
        const char *pid = getenv("WATCHDOG_PID");
        if (pid && number(pid) != (uint64_t)getpid())
                return 0;
        return number(getenv("WATCHDOG_USEC")) / 1000 / 2; /* half of it, as the manual says */
}

void notify_init(struct notify *notify)
{
        const char *path = getenv("NOTIFY_SOCKET");
        *notify = (struct notify){ .fd = -1 };
        size_t len = path ? strlen(path) : 0;
        if (len == 0 || len >= sizeof(notify->address.sun_path) ||
            (path[0] != '/' && path[0] != '@'))
                return;
        notify->address.sun_family = AF_UNIX;
        memcpy(notify->address.sun_path, path, len);
        if (path[0] == '@')
                notify->address.sun_path[0] = '\0'; /* the abstract name space */
        notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        notify->watchdog_ms = watchdog_ms();
}

void notify_done(struct notify *notify)
{
        if (notify->fd >= 0)
                (void)close(notify->fd);
        notify->fd = -1;
}

void notify_send(const struct notify *notify, const char *format, ...)
{
        char text[TEXT_MAX];
        va_list args;
        if (notify->fd < 0)
                return;
        va_start(args, format);
        int len = vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (len > 0 && (size_t)len < sizeof(text))
                (void)sendto(notify->fd, text, (size_t)len, MSG_NOSIGNAL,
                             (const struct sockaddr *)&notify->address, notify->address_len);
}
