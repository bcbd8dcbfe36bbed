/* What is wrong with a file that a user wrote: a list of findings with their places.
 *
 * Filled by readers of text (common/yaml.h, firewall/policy), printed by meshctl, sent as
 * mesh.v1.Finding by the coordinator, logged by daemons at start. Several findings per run, so that
 * a user repairs a file once. Never holds more than its maximum; the rest is counted. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

enum { FINDINGS_MAX = 100 };

struct finding {
        char *path;            /* owned; as the user named the file */
        uint32_t line, column; /* from 1, columns in code points; line 0: the whole file */
        bool warning;          /* a warning alone does not make a file bad */
        char *message;         /* owned; no full stop, no newline, no control characters */
};

/* Start with a zeroed struct. */
struct findings {
        struct finding *items; /* owned */
        size_t count, capacity;
        size_t errors;  /* findings that are no warnings, the dropped ones included */
        size_t dropped; /* over FINDINGS_MAX, or for want of memory */
};

/* Frees everything; F may be used again, empty. */
void findings_done(struct findings *f);

/* Adds an error, or a warning. PATH is copied. Never fails: what does not fit is counted. */
void findings_error(struct findings *f, const char *path, uint32_t line, uint32_t column,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
void findings_warning(struct findings *f, const char *path, uint32_t line, uint32_t column,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Sorts by path, line and column; equal places keep the order they were found in. */
void findings_sort(struct findings *f);

/* Appends "PATH:LINE:COL: message" and a newline to OUT ("warning: " stands before the message of a
 * warning); with TEXT, the LEN bytes of that file, also the line and a caret below the column. TEXT
 * may be NULL. Control characters are shown as '?'. Errors stay in OUT. */
void finding_render(const struct finding *finding, const void *text, size_t len,
                    struct buffer *out);
