/* Log lines to standard error, in the form that the systemd journal reads.
 *
 * Each line begins with "<N>", the syslog severity, unless standard error is a terminal. Daemons
 * log; libraries return errors. A line that a stranger can cause goes through a log_limit.
 * The level is the program's only mutable global. sd-daemon(3), "Logging". */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum log_level {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING,
        LOG_LEVEL_NOTICE,
        LOG_LEVEL_INFO,
        LOG_LEVEL_DEBUG
};

/* Lines of a level above LEVEL are dropped. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* "error", "warning", "notice", "info" or "debug". MESH_EINVAL for another word. */
int log_level_parse(const char *text, enum log_level *ret_level);

/* Writes one line; newlines and control characters in it are replaced by '?'. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
        do {                                                                                       \
                if (log_enabled(LOG_LEVEL_DEBUG))                                                  \
                        log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                    \
        } while (0)

/* Lets BURST lines through per INTERVAL_MS; counts what it held back. Zero-initialise the rest. */
struct log_limit {
        uint32_t burst;
        uint64_t interval_ms;
        uint64_t began_ms;
        uint32_t used;
        uint32_t held_back;
};

/* Whether one more line may be logged at monotonic time NOW_MS. *RET_HELD_BACK is the number of
 * lines held back since the last one that passed, for the caller to mention. */
bool log_limit_pass(struct log_limit *limit, uint64_t now_ms, uint32_t *ret_held_back);
