/* See memory.h. */
#include "common/grpc/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/page_pool.h"

static void *take(size_t size, void *pool)
{
        void *block = page_pool_take(pool, size);
        return block ? block : malloc(size);
}

static void *take_zeroed(size_t count, size_t size, void *pool)
{
        if (size > 0 && count > SIZE_MAX / size)
                return NULL;
        void *block = page_pool_take(pool, count * size);
        return block ? block : calloc(count, size);
}

static void give(void *block, void *pool)
{
        if (!page_pool_give(pool, block))
                free(block);
}

static void *resize(void *block, size_t size, void *pool)
{
        if (!block) /* how nghttp2 gets its frame buffer */
                return take(size, pool);
        size_t had = page_pool_bytes_of(pool, block);
        if (had == 0)
                return realloc(block, size);
        void *moved = take(size, pool);
        if (!moved)
                return NULL;
        memcpy(moved, block, had < size ? had : size);
        give(block, pool);
        return moved;
}

nghttp2_mem grpc_memory(struct page_pool *pool)
{
        return (nghttp2_mem){ pool, take, give, take_zeroed, resize };
}
