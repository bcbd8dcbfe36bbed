/* common/cursor: each reader at empty, last good byte, first missing, too long, trailing. */
#include "common/cursor.h"

#include <string.h>

#include "common/error.h"
#include "tests/support/unit.h"

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static const struct {
        const char *name;
        size_t width, len;
        uint64_t value;
        int result;
} integers[] = {
        { "u8 of nothing", 1, 0, 0, MESH_ETRUNCATED },
        { "u8 whole", 1, 1, 0x01, 0 },
        { "u8 trailing", 1, 2, 0x01, MESH_ETRAILING },
        { "be16 one short", 2, 1, 0, MESH_ETRUNCATED },
        { "be16 whole", 2, 2, 0x0102, 0 },
        { "be16 trailing", 2, 3, 0x0102, MESH_ETRAILING },
        { "be32 one short", 4, 3, 0, MESH_ETRUNCATED },
        { "be32 whole", 4, 4, 0x01020304, 0 },
        { "be64 one short", 8, 7, 0, MESH_ETRUNCATED },
        { "be64 whole", 8, 8, 0x0102030405060708, 0 },
        { "be64 trailing", 8, 9, 0x0102030405060708, MESH_ETRAILING },
};

static uint64_t read_integer(struct cursor *c, size_t width)
{
        switch (width) {
        case 1:
                return cursor_u8(c);
        case 2:
                return cursor_be16(c);
        case 4:
                return cursor_be32(c);
        default:
                return cursor_be64(c);
        }
}

static void test_cursor_integers(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(integers); i++) {
                struct cursor c = cursor_over(bytes, integers[i].len);
                uint64_t value = read_integer(&c, integers[i].width);
                if (value != integers[i].value || cursor_finish(&c) != integers[i].result)
                        fail_msg("%s: value %llx, %s", integers[i].name, (unsigned long long)value,
                                 mesh_strerror(cursor_finish(&c)));
        }
}

static void test_cursor_error_is_sticky(void **state)
{
        (void)state;
        struct cursor c = cursor_over(bytes, 3);
        assert_int_equal(cursor_be32(&c), 0);
        assert_int_equal(cursor_u8(&c), 0); /* three bytes are there, but the parse has failed */
        assert_null(cursor_take(&c, 1));
        assert_int_equal(cursor_left(&c), 0);
        assert_int_equal(cursor_finish(&c), MESH_ETRUNCATED);
}

static void test_cursor_sub_is_bounded(void **state)
{
        (void)state;
        struct cursor c = cursor_over(bytes, 4);
        struct cursor sub = cursor_sub(&c, 2);
        assert_int_equal(cursor_be16(&sub), 0x0102);
        assert_int_equal(cursor_u8(&sub), 0);
        assert_int_equal(cursor_finish(&sub), MESH_ETRUNCATED);
        assert_int_equal(cursor_be16(&c), 0x0304); /* the outer one is untouched */
        assert_int_equal(cursor_finish(&c), 0);
        sub = cursor_sub(&c, 1);
        assert_true(sub.failed);
        assert_int_equal(cursor_finish(&sub), MESH_ETRUNCATED);
}

static void test_cursor_copy_zeroes_after_failure(void **state)
{
        (void)state;
        uint8_t out[4] = { 9, 9, 9, 9 };
        const uint8_t zero[4] = { 0 };
        struct cursor c = cursor_over(bytes, 3);
        cursor_copy(&c, out, 4);
        assert_memory_equal(out, zero, 4);
        c = cursor_over(bytes, 4);
        cursor_copy(&c, out, 4);
        assert_memory_equal(out, bytes, 4);
        assert_int_equal(cursor_finish(&c), 0);
}

static void test_cursor_over_nothing(void **state)
{
        (void)state;
        struct cursor c = cursor_over(NULL, 0);
        assert_int_equal(cursor_finish(&c), 0);
        cursor_copy(&c, NULL, 0);
        (void)cursor_take(&c, 0);
        assert_int_equal(cursor_finish(&c), 0);
        c = cursor_over(NULL, 1); /* a caller's fault must not become a read */
        assert_int_equal(cursor_finish(&c), MESH_ETRUNCATED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cursor_integers),
                cmocka_unit_test(test_cursor_error_is_sticky),
                cmocka_unit_test(test_cursor_sub_is_bounded),
                cmocka_unit_test(test_cursor_copy_zeroes_after_failure),
                cmocka_unit_test(test_cursor_over_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
