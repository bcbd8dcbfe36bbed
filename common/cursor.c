/* Bounded reader; see the header. */
#include "common/cursor.h"

#include <string.h>

#include "common/error.h"

struct cursor cursor_over(const void *bytes, size_t len)
{
        const uint8_t *at = bytes;
        return (struct cursor){ .at = at, .end = at ? at + len : NULL, .failed = !at && len > 0 };
}

const uint8_t *cursor_take(struct cursor *c, size_t len)
{
        if (c->failed || len > (size_t)(c->end - c->at)) {
                c->failed = true;
                return NULL;
        }
        const uint8_t *taken = c->at;
        if (len > 0) /* arithmetic on a NULL pointer is undefined, even with 0 */
                c->at += len;
        return taken;
}

static uint64_t big_endian(struct cursor *c, size_t len)
{
        const uint8_t *bytes = cursor_take(c, len);
        uint64_t value = 0;
        for (size_t i = 0; bytes && i < len; i++)
                value = value << 8 | bytes[i];
        return value;
}

uint8_t cursor_u8(struct cursor *c)
{
        return (uint8_t)big_endian(c, 1);
}

uint16_t cursor_be16(struct cursor *c)
{
        return (uint16_t)big_endian(c, 2);
}

uint32_t cursor_be32(struct cursor *c)
{
        return (uint32_t)big_endian(c, 4);
}

uint64_t cursor_be64(struct cursor *c)
{
        return big_endian(c, 8);
}

void cursor_copy(struct cursor *c, void *out, size_t len)
{
        if (len == 0)
                return;
        const uint8_t *bytes = cursor_take(c, len);
        if (bytes)
                memcpy(out, bytes, len);
        else
                memset(out, 0, len);
}

struct cursor cursor_sub(struct cursor *c, size_t len)
{
        const uint8_t *bytes = cursor_take(c, len);
        struct cursor sub = cursor_over(bytes, bytes ? len : 0);
        sub.failed = c->failed;
        return sub;
}

size_t cursor_left(const struct cursor *c)
{
        return c->failed ? 0 : (size_t)(c->end - c->at);
}

int cursor_finish(const struct cursor *c)
{
        if (c->failed)
                return MESH_ETRUNCATED;
        return c->at == c->end ? 0 : MESH_ETRAILING;
}
