/* The wrapper of the Sync stream; see the header. */
#include "proto/frame.h"

#include <assert.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "proto/pb_scan.h"

enum {
        DATA_FIELD = 1,
        LEN_BITS = 7 * 3, /* three varint bytes */
};

uint8_t *frame_extend(struct buffer *b, size_t len)
{
        assert(len > 0 && len < 1U << LEN_BITS);
        uint8_t head[4] = { DATA_FIELD << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED };
        size_t head_len = 1, rest = len;
        for (; rest > 0x7f; rest >>= 7)
                head[head_len++] = (uint8_t)(rest | 0x80);
        head[head_len++] = (uint8_t)rest;
        uint8_t *at = buffer_extend(b, head_len + len);
        if (!at)
                return NULL;
        memcpy(at, head, head_len);
        return at + head_len;
}

int frame_data(const uint8_t *bytes, size_t len, const uint8_t **ret_data, size_t *ret_len)
{
        struct cursor c = cursor_over(bytes, len);
        const uint8_t *data = NULL;
        size_t data_len = 0;
        while (cursor_left(&c) > 0) {
                struct pb_field field;
                if (pb_field_next(&c, &field) != 0)
                        return MESH_EPROTO;
                if (field.number != DATA_FIELD)
                        continue;
                if (data || field.wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
                        return MESH_EPROTO;
                data = field.payload;
                data_len = field.len;
        }
        if (!data || data_len == 0)
                return MESH_EPROTO;
        *ret_data = data;
        *ret_len = data_len;
        return 0;
}
