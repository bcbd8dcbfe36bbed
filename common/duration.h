/* Durations as people write them: "90s", "30m", "12h", "7d". */
#pragma once
#include <stdint.h>

/* Milliseconds of a whole number with one unit letter (s, m, h, d); more than zero, at most ten
 * years. MESH_EFORMAT. */
int duration_parse(const char *text, uint64_t *ret_ms);
