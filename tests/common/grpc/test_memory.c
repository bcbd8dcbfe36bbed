/* nghttp2's memory on a page pool: which blocks go there, and moving between both. */
#include <stdint.h>
#include <string.h>

#include "tests/support/unit.h"

#include "common/grpc/memory.h"
#include "common/page_pool.h"

static const size_t large = 16 * 1024, small = 100;

static bool pooled(const nghttp2_mem *mem, const void *block)
{
        return page_pool_bytes_of(mem->mem_user_data, block) > 0;
}

static void where_blocks_lie(void **state)
{
        (void)state;
        struct page_pool *pool;
        assert_int_equal(page_pool_new(1, GRPC_BLOCK_BYTES, &pool), 0);
        nghttp2_mem mem = grpc_memory(pool);
        void *first = mem.malloc(large, pool);
        void *second = mem.malloc(large, pool); /* none is left */
        void *third = mem.calloc(10, small, pool);
        assert_true(pooled(&mem, first));
        assert_non_null(second);
        assert_false(pooled(&mem, second));
        assert_non_null(third);
        assert_false(pooled(&mem, third));
        mem.free(first, pool);
        mem.free(second, pool);
        mem.free(third, pool);
        mem.free(NULL, pool);

        uint8_t *zeroed = mem.calloc(large, 1, pool);
        assert_true(pooled(&mem, zeroed));
        for (size_t i = 0; i < large; i++)
                assert_int_equal(zeroed[i], 0);
        mem.free(zeroed, pool);
        assert_null(mem.calloc(SIZE_MAX, 2, pool));
        page_pool_free(pool);
}

/* nghttp2 makes its frame buffer by realloc of NULL. */
static void resizing(void **state)
{
        (void)state;
        struct page_pool *pool;
        assert_int_equal(page_pool_new(2, GRPC_BLOCK_BYTES, &pool), 0);
        nghttp2_mem mem = grpc_memory(pool);
        uint8_t *block = mem.realloc(NULL, small, pool);
        assert_non_null(block);
        assert_false(pooled(&mem, block));
        memset(block, 7, small);
        block = mem.realloc(block, 2 * small, pool);
        assert_false(pooled(&mem, block));
        mem.free(block, pool);

        block = mem.realloc(NULL, large, pool);
        assert_true(pooled(&mem, block));
        memset(block, 7, large);
        const size_t sizes[] = { large + 1, GRPC_BLOCK_BYTES + 1 };
        for (size_t i = 0; i < LENGTH(sizes); i++) {
                block = mem.realloc(block, sizes[i], pool);
                assert_non_null(block);
                for (size_t at = 0; at < large; at++)
                        assert_int_equal(block[at], 7);
        }
        assert_false(pooled(&mem, block));
        mem.free(block, pool);

        block = mem.realloc(NULL, large, pool);
        memset(block, 9, large);
        block = mem.realloc(block, small, pool);
        assert_false(pooled(&mem, block));
        for (size_t at = 0; at < small; at++)
                assert_int_equal(block[at], 9);
        mem.free(block, pool);
        page_pool_free(pool);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(where_blocks_lie),
                cmocka_unit_test(resizing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
