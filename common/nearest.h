/* The known word nearest to a mistyped one, for "did you mean". */
#pragma once
#include <stddef.h>

/* The nearest of COUNT NAMES to TYPED (swapped, missing, added or wrong letters: at most a third of
 * its length, at least 1), borrowed from NAMES; NULL if none is near. Words over 64 bytes are never
 * near. */
const char *nearest_name(const char *typed, const char *const *names, size_t count);
