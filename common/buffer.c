/* Growing byte buffer; see the header. */
#include "common/buffer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

static const size_t first_capacity_bytes = 64;

struct buffer buffer_with_max(size_t max)
{
        return (struct buffer){ .max = max };
}

void buffer_done(struct buffer *b)
{
        free(b->bytes);
        *b = buffer_with_max(b->max);
}

void buffer_clear(struct buffer *b)
{
        b->len = 0;
        b->error = 0;
}

static int reserve(struct buffer *b, size_t more)
{
        if (b->error)
                return b->error;
        if (more > b->max - b->len)
                return b->error = MESH_ELIMIT;
        if (more <= b->capacity - b->len)
                return 0;
        size_t capacity = b->capacity ? b->capacity : first_capacity_bytes;
        while (capacity < b->len + more)
                capacity = capacity > b->max / 2 ? b->max : capacity * 2;
        uint8_t *bytes = realloc(b->bytes, capacity);
        if (!bytes)
                return b->error = MESH_ENOMEM;
        b->bytes = bytes;
        b->capacity = capacity;
        return 0;
}

uint8_t *buffer_extend(struct buffer *b, size_t len)
{
        if (reserve(b, len) != 0)
                return NULL;
        uint8_t *at = b->bytes + b->len;
        b->len += len;
        return at;
}

void buffer_put(struct buffer *b, const void *bytes, size_t len)
{
        if (len == 0)
                return;
        uint8_t *at = buffer_extend(b, len);
        if (at)
                memcpy(at, bytes, len);
}

static void put_big_endian(struct buffer *b, uint64_t value, size_t len)
{
        uint8_t *at = buffer_extend(b, len);
        for (size_t i = 0; at && i < len; i++)
                at[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

void buffer_put_u8(struct buffer *b, uint8_t value)
{
        put_big_endian(b, value, 1);
}

void buffer_put_be16(struct buffer *b, uint16_t value)
{
        put_big_endian(b, value, 2);
}

void buffer_put_be32(struct buffer *b, uint32_t value)
{
        put_big_endian(b, value, 4);
}

void buffer_put_be64(struct buffer *b, uint64_t value)
{
        put_big_endian(b, value, 8);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
        char small[256];
        va_list args;
        va_start(args, format);
        int len = vsnprintf(small, sizeof(small), format, args);
        va_end(args);
        if (len < 0) {
                b->error = b->error ? b->error : MESH_EINVAL;
                return;
        }
        if ((size_t)len < sizeof(small)) {
                buffer_put(b, small, (size_t)len);
                return;
        }
        /* One byte more for the NUL that vsnprintf insists on. */
        if (reserve(b, (size_t)len + 1) != 0)
                return;
        va_start(args, format);
        (void)vsnprintf((char *)b->bytes + b->len, (size_t)len + 1, format, args);
        va_end(args);
        b->len += (size_t)len;
}

void buffer_consume(struct buffer *b, size_t len)
{
        assert(len <= b->len);
        if (len > 0 && len < b->len)
                memmove(b->bytes, b->bytes + len, b->len - len);
        b->len -= len;
}

int buffer_error(const struct buffer *b)
{
        return b->error;
}
