/* Length-prefixed messages; see the header. */
#include "common/grpc/frame.h"

#include <string.h>

#include "common/cursor.h"
#include "common/error.h"

enum { KEEP_BYTES = 4096 }; /* a message buffer up to this size is kept for the next one */

void grpc_deframer_init(struct grpc_deframer *deframer, size_t max_bytes)
{
        *deframer = (struct grpc_deframer){
                .max_bytes = max_bytes,
                .message = buffer_with_max(UINT32_MAX), /* max_bytes may change; it is checked */
        };
}

void grpc_deframer_done(struct grpc_deframer *deframer)
{
        buffer_done(&deframer->message);
        deframer->prefix_len = 0;
}

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Collects the prefix; *RET_WHOLE says whether it is complete. */
static int take_prefix(struct grpc_deframer *d, const uint8_t **bytes, size_t *len, bool *ret_whole)
{
        size_t take = smaller(GRPC_FRAME_PREFIX - d->prefix_len, *len);
        if (take > 0)
                memcpy(d->prefix + d->prefix_len, *bytes, take);
        d->prefix_len += take;
        *bytes += take;
        *len -= take;
        *ret_whole = d->prefix_len == GRPC_FRAME_PREFIX;
        if (!*ret_whole || take == 0)
                return 0;
        struct cursor c = cursor_over(d->prefix, GRPC_FRAME_PREFIX);
        uint8_t flag = cursor_u8(&c);
        d->message_len = cursor_be32(&c);
        if (flag > 1)
                return MESH_EFORMAT;
        if (flag == 1)
                return MESH_EUNSUPPORTED;
        return d->message_len > d->max_bytes ? MESH_ELIMIT : 0;
}

/* The buffer was lent out with the message before. */
static void forget_last(struct grpc_deframer *d)
{
        if (d->prefix_len == 0 && d->message.len > 0) {
                buffer_clear(&d->message);
                if (d->message.capacity > KEEP_BYTES)
                        buffer_done(&d->message);
        }
}

int grpc_deframer_next(struct grpc_deframer *deframer, const uint8_t **bytes, size_t *len,
                       const uint8_t **ret_message, size_t *ret_len)
{
        bool whole;
        *ret_message = NULL;
        *ret_len = 0;
        forget_last(deframer);
        int err = take_prefix(deframer, bytes, len, &whole);
        if (err || !whole)
                return err;
        size_t missing = deframer->message_len - deframer->message.len;
        size_t take = smaller(missing, *len);
        if (deframer->message.len == 0 && take == missing) {
                *ret_message = take > 0 ? *bytes : deframer->prefix; /* in place, no copy */
        } else {
                buffer_put(&deframer->message, *bytes, take);
                if (buffer_error(&deframer->message))
                        return buffer_error(&deframer->message);
                if (take == missing)
                        *ret_message = deframer->message.bytes;
        }
        *bytes += take;
        *len -= take;
        if (*ret_message) {
                *ret_len = deframer->message_len;
                deframer->prefix_len = 0;
        }
        return 0;
}

bool grpc_deframer_is_partial(const struct grpc_deframer *deframer)
{
        return deframer->prefix_len > 0;
}

size_t grpc_deframer_held_bytes(const struct grpc_deframer *deframer)
{
        return deframer->message.capacity;
}

void grpc_frame_put_prefix(struct buffer *out, uint32_t len)
{
        buffer_put_u8(out, 0);
        buffer_put_be32(out, len);
}
