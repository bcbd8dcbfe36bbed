/* Log lines; see the header. */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"

static enum log_level highest = LOG_LEVEL_INFO;

static const struct {
        const char *name;
        enum log_level level;
} names[] = {
        { "error", LOG_LEVEL_ERROR },   { "warning", LOG_LEVEL_WARNING },
        { "notice", LOG_LEVEL_NOTICE }, { "info", LOG_LEVEL_INFO },
        { "debug", LOG_LEVEL_DEBUG },
};

void log_set_level(enum log_level level)
{
        highest = level;
}

bool log_enabled(enum log_level level)
{
        return level <= highest;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (strcmp(text, names[i].name) == 0) {
                        *ret_level = names[i].level;
                        return 0;
                }
        }
        return MESH_EINVAL;
}

void log_line(enum log_level level, const char *format, ...)
{
        if (!log_enabled(level))
                return;
        char line[1024];
        int start = isatty(STDERR_FILENO) ? 0 : snprintf(line, sizeof(line), "<%d>", (int)level);
        va_list args;
        va_start(args, format);
        (void)vsnprintf(line + start, sizeof(line) - (size_t)start - 1, format, args);
        va_end(args);
        size_t len = strlen(line);
        for (size_t i = 0; i < len; i++)
                if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
                        line[i] = '?';
        line[len++] = '\n';
        /* One write per line keeps lines of several processes apart. If stderr is gone there is
         * nobody to tell. */
        ssize_t written = write(STDERR_FILENO, line, len);
        (void)written;
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ms, uint32_t *ret_held_back)
{
        if (limit->used == 0 || now_ms - limit->began_ms >= limit->interval_ms) {
                limit->began_ms = now_ms;
                limit->used = 0;
        }
        if (limit->used >= limit->burst) {
                limit->held_back++;
                return false;
        }
        limit->used++;
        *ret_held_back = limit->held_back;
        limit->held_back = 0;
        return true;
}
