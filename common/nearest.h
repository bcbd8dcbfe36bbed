/* "did you mean ...?": the known name nearest to a mistyped one.
 *
 * By optimal string alignment distance (insert, delete, replace, swap neighbours). For messages
 * only; called where a key, group, node or verb is unknown. */
#pragma once
#include <stddef.h>

/* The name of NAMES nearest to TEXT, borrowed from it; the first of equals; NULL when none is near
 * enough (one change in three characters, at least one) or TEXT is longer than 64 bytes. NULL
 * entries are skipped. */
const char *nearest_name(const char *text, const char *const *names, size_t count);
