/* Growing byte buffer with a maximum given at creation.
 *
 * The only way to collect bytes whose number somebody else decides. Puts have a sticky error: the
 * first one that fails (out of memory, or over the maximum) makes every later one fail too, so a
 * writer puts a whole message and asks once. Not for reading: that is common/cursor.h. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
        uint8_t *bytes; /* owned */
        size_t len, capacity, max;
        int error; /* 0, MESH_ENOMEM or MESH_ELIMIT */
};

/* An empty buffer that never holds more than MAX bytes. Allocates nothing. */
struct buffer buffer_with_max(size_t max);

/* Frees the bytes; the buffer may be used again, empty. Wiping secrets is the caller's affair. */
void buffer_done(struct buffer *b);

/* Empties the buffer and forgets an error; keeps the memory. */
void buffer_clear(struct buffer *b);

/* Appends; after a failure nothing. BYTES may be NULL if LEN is 0. */
void buffer_put(struct buffer *b, const void *bytes, size_t len);
void buffer_put_u8(struct buffer *b, uint8_t value);
void buffer_put_be16(struct buffer *b, uint16_t value);
void buffer_put_be32(struct buffer *b, uint32_t value);
void buffer_put_be64(struct buffer *b, uint64_t value);

/* Appends formatted text, without the final NUL. */
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends LEN bytes for the caller to fill at once (borrowed until the next put); NULL after a
 * failure. */
uint8_t *buffer_extend(struct buffer *b, size_t len);

/* Removes LEN bytes from the front; LEN is at most b->len. */
void buffer_consume(struct buffer *b, size_t len);

/* 0, or the sticky error. */
int buffer_error(const struct buffer *b);
