/* The grpc-timeout header: up to 8 digits and a unit (H, M, S, m, u, n). PROTOCOL-HTTP2.md. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { GRPC_TIMEOUT_TEXT_MAX = 10 }; /* 8 digits, unit, NUL */

/* Milliseconds, rounded up (so that only "0" is 0). MESH_EFORMAT. */
int grpc_timeout_parse(const char *text, size_t len, uint64_t *ret_ms);

/* Writes the shortest exact form in 'm', or a coarser unit, rounded up, when 8 digits do not do.
 * Returns OUT. */
const char *grpc_timeout_format(uint64_t ms, char out[static GRPC_TIMEOUT_TEXT_MAX]);
