/* Base32: the vectors of RFC 4648 and what a careless decoder would take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/error.h"
#include "proto/base32.h"

static void both_ways(void **state)
{
        static const struct {
                const char *bytes, *text;
        } cases[] = { { "", "" },
                      { "f", "my" },
                      { "fo", "mzxq" },
                      { "foo", "mzxw6" },
                      { "foob", "mzxw6yq" },
                      { "fooba", "mzxw6ytb" },
                      { "foobar", "mzxw6ytboi" } }; /* RFC 4648, section 10 */
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[16] = { 0 };
                uint8_t bytes[16] = { 0 };
                size_t bytes_len = strlen(cases[i].bytes), text_len = strlen(cases[i].text);
                assert_int_equal(base32_text_len(bytes_len), text_len);
                assert_int_equal(base32_bytes_len(text_len), bytes_len);
                base32_encode((const uint8_t *)cases[i].bytes, bytes_len, text);
                assert_string_equal(text, cases[i].text);
                assert_int_equal(base32_decode(cases[i].text, text_len, bytes), 0);
                assert_memory_equal(bytes, cases[i].bytes, bytes_len);
        }
}

static void refused(void **state)
{
        static const struct {
                const char *name, *text;
                size_t len;
        } cases[] = {
                { "upper case", "MZXW6", 5 },
                { "digit 0", "mzx06", 5 },
                { "digit 1", "mzx16", 5 },
                { "digit 8", "mzx86", 5 },
                { "padding", "mzxq====", 8 },
                { "inner space", "mz w6", 5 },
                { "NUL", "mz\0w6", 5 },
                { "not ASCII", "mz\xc3\xa4q", 5 },
                { "one character", "m", 1 },
                { "three characters", "mzx", 3 },
                { "six characters", "mzxw6a", 6 },
                { "bits left over", "mz", 2 },
                { "last bit left over", "mzxr", 4 },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint8_t bytes[8];
                if (base32_decode(cases[i].text, cases[i].len, bytes) != MESH_EFORMAT)
                        fail_msg("%s was taken", cases[i].name);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_ways),
                cmocka_unit_test(refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
