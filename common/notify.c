/* systemd's notification protocol; see the header. */
#include "common/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *format, ...)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char text[512];
        size_t len = path ? strlen(path) : 0;
        if (len == 0 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
                return;
        memcpy(address.sun_path, path, len);
        if (path[0] == '@')
                address.sun_path[0] = '\0'; /* the abstract name space */
        va_list args;
        va_start(args, format);
        int text_len = vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return;
        if (text_len > 0 && (size_t)text_len < sizeof(text))
                (void)sendto(fd, text, (size_t)text_len, MSG_NOSIGNAL,
                             (const struct sockaddr *)&address,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
        (void)close(fd);
}

uint64_t notify_watchdog_ms(void)
{
        const char *usec = getenv("WATCHDOG_USEC");
        const char *pid = getenv("WATCHDOG_PID");
        char *end;
        if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
                return 0;
        unsigned long long value = strtoull(usec, &end, 10);
        return end == usec || *end ? 0 : value / 2000;
}
