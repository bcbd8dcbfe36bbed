/* Bounded reader over bytes that somebody else sent.
 *
 * The only way to read wire formats in this program. It never reads past the end: the first
 * read that would do so sets a sticky error, after which every read yields zero; so a parser
 * reads a whole header and asks once. Not for growing buffers: that is common/buffer.h. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
        const uint8_t *at, *end; /* borrowed: the bytes must outlive the cursor */
        bool failed;
};

/* Starts reading LEN bytes at BYTES; BYTES may be NULL if LEN is 0. */
struct cursor cursor_over(const void *bytes, size_t len);

/* Big-endian integers; 0 after a failure. */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_be16(struct cursor *c);
uint32_t cursor_be32(struct cursor *c);
uint64_t cursor_be64(struct cursor *c);

/* Returns LEN bytes, borrowed from the input, and moves past them; NULL after a failure. */
const uint8_t *cursor_take(struct cursor *c, size_t len);

/* Copies LEN bytes to OUT; fills OUT with zeroes after a failure. */
void cursor_copy(struct cursor *c, void *out, size_t len);

/* A cursor over the next LEN bytes, moving past them; it has failed if C has. */
struct cursor cursor_sub(struct cursor *c, size_t len);

/* Bytes that are left; 0 after a failure. */
size_t cursor_left(const struct cursor *c);

/* Ends a parse. Returns 0, or MESH_ETRUNCATED if something was missing, MESH_ETRAILING if
 * bytes are left over. */
int cursor_finish(const struct cursor *c);
