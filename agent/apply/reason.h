/* Why a call of this folder failed, in words for a log line or a user.
 *
 * Passed down by the caller and written by whoever knows: the object ("route 100.64.0.0/16") and
 * the kernel's own text. */
#pragma once

struct netlink;

enum { REASON_TEXT_MAX = 288 };

struct reason {
        char text[REASON_TEXT_MAX]; /* "" : nothing failed */
};

/* Writes the text (cut if too long) and returns ERR, for the caller to return. */
int reason_set(struct reason *why, int err, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The same for a failed netlink call: "OBJECT: what the kernel said". */
int reason_netlink(struct reason *why, int err, const struct netlink *nl, const char *object);
