/* The message Frame{bytes data} that wraps everything on the Sync stream, without copies.
 *
 * Private to proto/: channel.c seals into and opens from a Frame in place, which pb_pack and
 * pb_unpack could not do without a second copy of up to 256 KiB. agent.proto. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* Appends a Frame with LEN (at least 1, below 2^21) bytes of data, for the caller to fill at once.
 * Returns them, borrowed until the next put, or NULL: the buffer's error says why, and nothing was
 * appended. */
uint8_t *frame_extend(struct buffer *b, size_t len);

/* Finds the data of a serialised Frame; borrowed from BYTES. Unknown fields are passed over.
 * MESH_EPROTO: malformed, or data comes twice, is empty or missing. */
int frame_data(const uint8_t *bytes, size_t len, const uint8_t **ret_data, size_t *ret_len);
