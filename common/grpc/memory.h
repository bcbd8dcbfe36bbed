/* nghttp2's memory on a page pool: its frame buffer of 16 KiB a connection costs what is used of
 * it. Internal to common/grpc. */
#pragma once
#include <nghttp2/nghttp2.h>

struct page_pool;

/* The size of block that such a pool should have. */
enum { GRPC_BLOCK_BYTES = 20 * 1024 };

/* Large blocks from POOL (borrowed), the others and what finds no place there from malloc. */
nghttp2_mem grpc_memory(struct page_pool *pool);
