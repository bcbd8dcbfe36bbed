/* Blocks that are taken, given back and taken again; what is untouched is not resident. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/unit.h"

#include "common/error.h"
#include "common/page_pool.h"

enum { BLOCKS = 3 };

static size_t page_bytes(void)
{
        return (size_t)sysconf(_SC_PAGESIZE);
}

/* Pages of a block of COUNT that are in memory. */
static size_t resident_pages(void *block, size_t count)
{
        unsigned char in[16];
        size_t sum = 0;
        assert_true(count <= sizeof(in));
        assert_int_equal(mincore(block, count * page_bytes(), in), 0);
        for (size_t i = 0; i < count; i++)
                sum += in[i] & 1;
        return sum;
}

static void sizes(void **state)
{
        (void)state;
        const struct {
                const char *name;
                size_t bytes;
                bool fits;
        } cases[] = {
                { "nothing", 0, false },
                { "below half", page_bytes() * 2 - 1, false },
                { "half", page_bytes() * 2, true },
                { "a block", page_bytes() * 4, true },
                { "one too many", page_bytes() * 4 + 1, false },
                { "all", SIZE_MAX, false },
        };
        struct page_pool *pool;
        assert_int_equal(page_pool_new(BLOCKS, page_bytes() * 3 + 1, &pool), 0); /* rounds up */
        for (size_t i = 0; i < LENGTH(cases); i++) {
                print_message("%s\n", cases[i].name);
                void *block = page_pool_take(pool, cases[i].bytes);
                assert_int_equal(block != NULL, cases[i].fits);
                if (block)
                        assert_true(page_pool_give(pool, block));
        }
        page_pool_free(pool);
}

static void all_and_again(void **state)
{
        (void)state;
        struct page_pool *pool;
        uint8_t *blocks[BLOCKS];
        size_t bytes = page_bytes() * 5;
        assert_int_equal(page_pool_new(BLOCKS, bytes, &pool), 0);
        for (int round = 0; round < 3; round++) {
                for (size_t i = 0; i < BLOCKS; i++) {
                        blocks[i] = page_pool_take(pool, bytes);
                        assert_non_null(blocks[i]);
                        assert_int_equal(resident_pages(blocks[i], 5), 0);
                        blocks[i][0] = 1;
                        assert_int_equal(resident_pages(blocks[i], 5), 1);
                        for (size_t at = 1; at < bytes; at++)
                                assert_int_equal(blocks[i][at], 0);
                        memset(blocks[i], 0xaa, bytes);
                        for (size_t j = 0; j < i; j++)
                                assert_true(blocks[j] + bytes <= blocks[i] ||
                                            blocks[i] + bytes <= blocks[j]);
                }
                assert_null(page_pool_take(pool, bytes));
                for (size_t i = 0; i < BLOCKS; i++) /* in another order each time */
                        assert_true(page_pool_give(pool, blocks[(i + (size_t)round) % BLOCKS]));
        }
        page_pool_free(pool);
}

static void foreign(void **state)
{
        (void)state;
        struct page_pool *pool;
        char *other = malloc(1);
        assert_non_null(other);
        assert_int_equal(page_pool_new(1, 1, &pool), 0);
        uint8_t *block = page_pool_take(pool, page_bytes());
        assert_non_null(block);
        assert_int_equal(page_pool_bytes_of(pool, block), page_bytes());
        assert_int_equal(page_pool_bytes_of(pool, block + page_bytes() - 1), page_bytes());
        assert_int_equal(page_pool_bytes_of(pool, block + page_bytes()), 0);
        assert_int_equal(page_pool_bytes_of(pool, block - 1), 0);
        assert_int_equal(page_pool_bytes_of(pool, NULL), 0);
        assert_false(page_pool_give(pool, other));
        assert_false(page_pool_give(pool, NULL));
        assert_true(page_pool_give(pool, block));
        page_pool_free(pool);
        free(other);
}

static void refused(void **state)
{
        (void)state;
        struct page_pool *pool;
        assert_int_equal(page_pool_new(0, 1, &pool), MESH_ENOMEM);
        assert_int_equal(page_pool_new(1, 0, &pool), MESH_ENOMEM);
        assert_int_equal(page_pool_new(UINT32_MAX, SIZE_MAX / 2, &pool), MESH_ENOMEM);
        page_pool_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes),
                cmocka_unit_test(all_and_again),
                cmocka_unit_test(foreign),
                cmocka_unit_test(refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
