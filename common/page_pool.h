/* Blocks of several pages whose memory counts only where it is written.
 *
 * For buffers that are large by rule and hardly used as a rule, one for each connection: nghttp2
 * takes 16 KiB for the frame on its way out and mostly fills the first hundred bytes. malloc gives
 * such a block memory that others have touched; here it lies on pages of its own, fresh from the
 * kernel, and goes back there. Address space for all blocks is reserved at the start. Not
 * thread-safe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct page_pool; /* opaque */

/* Room for COUNT blocks of BYTES (rounded up to pages). Returns owned. MESH_ENOMEM. */
int page_pool_new(size_t count, size_t bytes, struct page_pool **ret_pool);

/* Frees; no block may be in use. NULL is allowed. */
void page_pool_free(struct page_pool *pool);

/* A block that holds BYTES, all zero: give it back. NULL if BYTES is more than a block or less than
 * half of one (malloc is better then), or if no block is left. */
void *page_pool_take(struct page_pool *pool, size_t bytes);

/* Takes BLOCK back and returns true; false if it is not from this pool. */
bool page_pool_give(struct page_pool *pool, void *block);

/* The bytes that a block holds; 0 if BLOCK is not from this pool. */
size_t page_pool_bytes_of(const struct page_pool *pool, const void *block);
