/* gRPC's length-prefixed messages: 1 byte flag, 4 bytes length, the message; any alignment.
 *
 * The reader takes bytes in pieces of any size and hands out whole messages. It refuses a length
 * over its limit before it holds a byte of it. PROTOCOL-HTTP2.md, "Length-Prefixed-Message". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

enum { GRPC_FRAME_PREFIX = 5 };

struct grpc_deframer {
        uint8_t prefix[GRPC_FRAME_PREFIX];
        size_t prefix_len;
        uint32_t message_len; /* valid once the prefix is whole */
        size_t max_bytes;
        struct buffer message;
};

/* Nothing is allocated until a message comes in pieces. */
void grpc_deframer_init(struct grpc_deframer *deframer, size_t max_bytes);
void grpc_deframer_done(struct grpc_deframer *deframer);

/* Reads from *BYTES, *LEN and moves them on, up to the end of one message. Returns 0, and
 * *RET_MESSAGE is set to the message (borrowed until the next call; it may point into BYTES) if one
 * is whole, else NULL. MESH_ELIMIT: longer than the limit. MESH_EUNSUPPORTED: compressed.
 * MESH_EFORMAT: another flag. After an error the stream is unusable. */
int grpc_deframer_next(struct grpc_deframer *deframer, const uint8_t **bytes, size_t *len,
                       const uint8_t **ret_message, size_t *ret_len);

/* Whether a message has begun and is not whole: at the end of a stream, an error. */
bool grpc_deframer_is_partial(const struct grpc_deframer *deframer);

/* Bytes of memory held. */
size_t grpc_deframer_held_bytes(const struct grpc_deframer *deframer);

/* Appends the prefix of an uncompressed message of LEN bytes. */
void grpc_frame_put_prefix(struct buffer *out, uint32_t len);
