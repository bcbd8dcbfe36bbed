/* grpc-timeout: units, digits, rounding. */
#include <string.h>
#include "common/error.h"
#include "common/grpc/timeout.h"
#include "tests/support/unit.h"

static void test_parse(void **state)
{
        static const struct {
                const char *text;
                int error;
                uint64_t ms;
        } cases[] = {
                { "", MESH_EFORMAT, 0 },
                { "1", MESH_EFORMAT, 0 },
                { "S", MESH_EFORMAT, 0 },
                { "0m", 0, 0 },
                { "1m", 0, 1 },
                { "2S", 0, 2000 },
                { "3M", 0, 180000 },
                { "1H", 0, 3600000 },
                { "1u", 0, 1 },
                { "1500u", 0, 2 },
                { "1n", 0, 1 },
                { "99999999n", 0, 100 },
                { "99999999H", 0, 359999996400000 },
                { "100000000m", MESH_EFORMAT, 0 },
                { "1x", MESH_EFORMAT, 0 },
                { "-1S", MESH_EFORMAT, 0 },
                { " 1S", MESH_EFORMAT, 0 },
                { "1SS", MESH_EFORMAT, 0 },
        };
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                uint64_t ms = 12345;
                print_message("\"%s\"\n", cases[i].text);
                assert_int_equal(grpc_timeout_parse(cases[i].text, strlen(cases[i].text), &ms),
                                 cases[i].error);
                assert_int_equal(ms, cases[i].error ? 12345 : cases[i].ms);
        }
}

static void test_format(void **state)
{
        static const struct {
                uint64_t ms;
                const char *text;
        } cases[] = {
                { 0, "0m" },
                { 1, "1m" },
                { 99999999, "99999999m" },
                { 100000000, "100000S" },
                { 100000001, "100001S" },
                { 99999999000, "99999999S" },
                { 99999999001, "1666667M" },
                { UINT64_MAX, "99999999H" },
        };
        char out[GRPC_TIMEOUT_TEXT_MAX];
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++)
                assert_string_equal(grpc_timeout_format(cases[i].ms, out), cases[i].text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_format),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
