/* common/buffer and common/arena: growth, maxima, sticky errors. */
#include "common/buffer.h"

#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "tests/support/unit.h"

static void test_buffer_grows_to_its_maximum(void **state)
{
        (void)state;
        struct buffer b = buffer_with_max(1000);
        for (int i = 0; i < 1000; i++)
                buffer_put_u8(&b, (uint8_t)i);
        assert_int_equal(buffer_error(&b), 0);
        assert_int_equal(b.len, 1000);
        assert_true(b.capacity <= 1000);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(b.bytes[i], (uint8_t)i);
        buffer_put_u8(&b, 1);
        assert_int_equal(buffer_error(&b), MESH_ELIMIT);
        assert_int_equal(b.len, 1000);
        buffer_done(&b);
}

static void test_buffer_error_is_sticky(void **state)
{
        (void)state;
        struct buffer b = buffer_with_max(4);
        buffer_put(&b, "abcde", 5);
        buffer_put(&b, "a", 1); /* would fit, but the message is incomplete */
        assert_int_equal(b.len, 0);
        assert_int_equal(buffer_error(&b), MESH_ELIMIT);
        buffer_clear(&b);
        buffer_put(&b, "abcd", 4);
        assert_int_equal(buffer_error(&b), 0);
        buffer_done(&b);
}

static void test_buffer_byte_order(void **state)
{
        (void)state;
        const uint8_t want[] = { 1, 1, 2, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8 };
        struct buffer b = buffer_with_max(64);
        buffer_put_u8(&b, 1);
        buffer_put_be16(&b, 0x0102);
        buffer_put_be32(&b, 0x01020304);
        buffer_put_be64(&b, 0x0102030405060708);
        assert_int_equal(b.len, sizeof(want));
        assert_memory_equal(b.bytes, want, sizeof(want));
        buffer_done(&b);
}

static void test_buffer_printf_short_and_long(void **state)
{
        (void)state;
        static char text[600];
        memset(text, 'x', sizeof(text) - 1);
        struct buffer b = buffer_with_max(1000);
        buffer_printf(&b, "%d-%s", 7, "a");
        assert_int_equal(b.len, 3);
        assert_memory_equal(b.bytes, "7-a", 3);
        buffer_printf(&b, "%s", text);
        assert_int_equal(buffer_error(&b), 0);
        assert_int_equal(b.len, 3 + 599);
        buffer_printf(&b, "%s", text);
        assert_int_equal(buffer_error(&b), MESH_ELIMIT);
        assert_int_equal(b.len, 3 + 599);
        buffer_done(&b);
}

static void test_buffer_consume(void **state)
{
        (void)state;
        struct buffer b = buffer_with_max(16);
        buffer_put(&b, "abcdef", 6);
        buffer_consume(&b, 2);
        assert_int_equal(b.len, 4);
        assert_memory_equal(b.bytes, "cdef", 4);
        buffer_consume(&b, 4);
        assert_int_equal(b.len, 0);
        buffer_consume(&b, 0);
        buffer_done(&b);
}

static void test_arena_is_bounded_and_zeroed(void **state)
{
        (void)state;
        struct arena *arena = arena_new(10000);
        uint8_t *first = arena_alloc(arena, 100);
        assert_non_null(first);
        for (int i = 0; i < 100; i++)
                assert_int_equal(first[i], 0);
        assert_null(arena_alloc(arena, 10000));
        assert_null(arena_alloc(arena, SIZE_MAX));
        assert_non_null(arena_alloc(arena, 9000)); /* larger than a block */
        assert_null(arena_alloc(arena, 2000));
        arena_clear(arena);
        assert_int_equal(arena_used(arena), 0);
        memset(arena_alloc(arena, 50), 0xff, 50);
        arena_clear(arena);
        uint8_t *again = arena_alloc(arena, 50);
        for (int i = 0; i < 50; i++)
                assert_int_equal(again[i], 0);
        assert_string_equal(arena_text(arena, "abcdef", 3), "abc");
        assert_ptr_not_equal(arena_alloc(arena, 0), arena_alloc(arena, 0));
        arena_free(arena);
        arena_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_buffer_grows_to_its_maximum),
                cmocka_unit_test(test_buffer_error_is_sticky),
                cmocka_unit_test(test_buffer_byte_order),
                cmocka_unit_test(test_buffer_printf_short_and_long),
                cmocka_unit_test(test_buffer_consume),
                cmocka_unit_test(test_arena_is_bounded_and_zeroed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
