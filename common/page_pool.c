/* See page_pool.h. */
#include "common/page_pool.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/error.h"

struct page_pool {
        uint8_t *base;
        size_t block_bytes, count;
        size_t fresh;      /* the first block that was never taken */
        size_t free_count; /* of those before it that came back */
        uint32_t free[];
};

int page_pool_new(size_t count, size_t bytes, struct page_pool **ret_pool)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t block_bytes = (bytes + page - 1) / page * page;
        if (count == 0 || count > UINT32_MAX || block_bytes == 0 || block_bytes > SIZE_MAX / count)
                return MESH_ENOMEM;
        struct page_pool *pool = malloc(sizeof(*pool) + count * sizeof(pool->free[0]));
        if (!pool)
                return MESH_ENOMEM;
        void *base = mmap(NULL, count * block_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED) {
                free(pool);
                return MESH_ENOMEM;
        }
        /* One huge page would be the memory of a hundred blocks. */
        (void)madvise(base, count * block_bytes, MADV_NOHUGEPAGE);
        *pool = (struct page_pool){ .base = base, .block_bytes = block_bytes, .count = count };
        *ret_pool = pool;
        return 0;
}

void page_pool_free(struct page_pool *pool)
{
        if (!pool)
                return;
        assert(pool->fresh == pool->free_count);
        (void)munmap(pool->base, pool->count * pool->block_bytes);
        free(pool);
}

void *page_pool_take(struct page_pool *pool, size_t bytes)
{
        size_t place;
        if (bytes > pool->block_bytes || bytes < pool->block_bytes / 2)
                return NULL;
        if (pool->free_count > 0)
                place = pool->free[--pool->free_count];
        else if (pool->fresh < pool->count)
                place = pool->fresh++;
        else
                return NULL;
        return pool->base + place * pool->block_bytes;
}

size_t page_pool_bytes_of(const struct page_pool *pool, const void *block)
{
        uintptr_t at = (uintptr_t)block, base = (uintptr_t)pool->base;
        return at >= base && at - base < pool->count * pool->block_bytes ? pool->block_bytes : 0;
}

bool page_pool_give(struct page_pool *pool, void *block)
{
        if (!page_pool_bytes_of(pool, block))
                return false;
        size_t place = (size_t)((uint8_t *)block - pool->base) / pool->block_bytes;
        (void)madvise(block, pool->block_bytes, MADV_DONTNEED); /* zero when it is read again */
        pool->free[pool->free_count++] = (uint32_t)place;
        return true;
}
