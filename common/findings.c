/* The list of findings and how one is shown; see the header. */
#include "common/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

enum {
        MESSAGE_MAX = 320, /* bytes, with the NUL */
        SHOWN_MAX = 120,   /* code points of a line */
        SHOWN_BEFORE = 80, /* of them, before the caret in a longer line */
};

void findings_done(struct findings *f)
{
        for (size_t i = 0; i < f->count; i++) {
                free(f->items[i].path);
                free(f->items[i].message);
        }
        free(f->items);
        *f = (struct findings){ 0 };
}

static bool make_room(struct findings *f)
{
        if (f->count < f->capacity)
                return true;
        if (f->capacity >= FINDINGS_MAX)
                return false;
        size_t capacity = f->capacity ? f->capacity * 2 : 8;
        if (capacity > FINDINGS_MAX)
                capacity = FINDINGS_MAX;
        struct finding *items = realloc(f->items, capacity * sizeof(*items));
        if (!items)
                return false;
        f->items = items;
        f->capacity = capacity;
        return true;
}

static bool is_control(unsigned char byte)
{
        return byte < 0x20 || byte == 0x7f;
}

/* Formats to a new text without control characters and without half a code point at its end. */
__attribute__((format(printf, 1, 0))) static char *format_message(const char *format,
                                                                  va_list arguments)
{
        char message[MESSAGE_MAX];
        int len = vsnprintf(message, sizeof(message), format, arguments);
        if (len < 0)
                return NULL;
        if ((size_t)len >= sizeof(message)) {
                size_t end = sizeof(message) - 1;
                while (end > 0 && (message[end - 1] & 0xc0) == 0x80)
                        end--;
                if (end > 0 && (message[end - 1] & 0x80))
                        end--;
                message[end] = '\0';
        }
        for (char *at = message; *at; at++)
                if (is_control((unsigned char)*at))
                        *at = '?';
        return strdup(message);
}

__attribute__((format(printf, 6, 0))) static void add(struct findings *f, const char *path,
                                                      uint32_t line, uint32_t column, bool warning,
                                                      const char *format, va_list arguments)
{
        if (!warning)
                f->errors++;
        char *message = NULL, *copy = NULL;
        if (!make_room(f))
                goto dropped;
        message = format_message(format, arguments);
        copy = strdup(path);
        if (!message || !copy)
                goto dropped;
        f->items[f->count++] = (struct finding){
                .path = copy, .line = line, .column = column, .warning = warning, .message = message
        };
        return;
dropped:
        free(message);
        free(copy);
        f->dropped++;
}

void findings_error(struct findings *f, const char *path, uint32_t line, uint32_t column,
                    const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        add(f, path, line, column, false, format, arguments);
        va_end(arguments);
}

void findings_warning(struct findings *f, const char *path, uint32_t line, uint32_t column,
                      const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        add(f, path, line, column, true, format, arguments);
        va_end(arguments);
}

static bool comes_after(const struct finding *a, const struct finding *b)
{
        int order = strcmp(a->path, b->path);
        if (order != 0)
                return order > 0;
        if (a->line != b->line)
                return a->line > b->line;
        return a->column > b->column;
}

/* Insertion: stable, and there are at most FINDINGS_MAX. */
void findings_sort(struct findings *f)
{
        for (size_t i = 1; i < f->count; i++) {
                struct finding moved = f->items[i];
                size_t at = i;
                for (; at > 0 && comes_after(&f->items[at - 1], &moved); at--)
                        f->items[at] = f->items[at - 1];
                f->items[at] = moved;
        }
}

/* Bytes of the code point at AT, at least 1. Stray continuation bytes count one each. */
static size_t code_point_len(const char *at, const char *end)
{
        size_t len = 1;
        if ((at[0] & 0xc0) == 0xc0)
                while (at + len < end && len < 4 && (at[len] & 0xc0) == 0x80)
                        len++;
        return len;
}

/* The given line of the text, without its end; NULL if there is none. */
static const char *find_line(const char *text, size_t len, uint32_t line, const char **ret_end)
{
        const char *end = text + len;
        for (uint32_t i = 1; i < line; i++) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                if (!newline)
                        return NULL;
                text = newline + 1;
        }
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        *ret_end = newline ? newline : end;
        return text;
}

/* The line, or the piece of it around the column, and the caret below. */
static void render_line(const struct finding *finding, const char *at, const char *end,
                        struct buffer *out)
{
        uint32_t column = finding->column ? finding->column : 1;
        uint32_t skipped = column > SHOWN_MAX ? column - SHOWN_BEFORE : 0;
        for (uint32_t i = 0; i < skipped && at < end; i++)
                at += code_point_len(at, end);
        buffer_put(out, "    ", 4);
        for (uint32_t i = 0; i < SHOWN_MAX && at < end; i++) {
                size_t len = code_point_len(at, end);
                bool control = is_control((unsigned char)*at);
                if (control && *at != '\t' && *at != '\r')
                        buffer_put_u8(out, '?');
                else if (control)
                        buffer_put_u8(out, ' ');
                else
                        buffer_put(out, at, len);
                at += len;
        }
        buffer_printf(out, "\n    %*s^\n", (int)(column - 1 - skipped), "");
}

void finding_render(const struct finding *finding, const void *text, size_t len, struct buffer *out)
{
        buffer_printf(out, "%s:", finding->path);
        if (finding->line > 0)
                buffer_printf(out, "%u:%u:", finding->line, finding->column);
        buffer_printf(out, " %s%s\n", finding->warning ? "warning: " : "", finding->message);
        if (!text || finding->line == 0)
                return;
        const char *end = NULL;
        const char *line = find_line(text, len, finding->line, &end);
        if (line)
                render_line(finding, line, end, out);
}
