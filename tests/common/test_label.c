/* Names: the edges of the one rule. */
#include <string.h>

#include "tests/support/unit.h"

#include "common/label.h"

#define TEN   "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct {
        const char *text;
        bool valid;
} cases[] = {
        { "", false },           { "a", true },    { "0", true },    { "-", false },
        { "a-b", true },         { "a--b", true }, { "-a", false },  { "a-", false },
        { "A", false },          { "a_b", false }, { "a.b", false }, { "\xc3\xa4", false },
        { "a b", false },        { "a\n", false }, { "all", true },  { SIXTY "abc", true },
        { SIXTY "abcd", false },
};

static void labels(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++)
                assert_int_equal(label_valid(cases[i].text), cases[i].valid);
}

static void reserved(void **state)
{
        (void)state;
        assert_true(label_reserved("all"));
        assert_false(label_reserved("al"));
        assert_false(label_reserved("alla"));
        assert_false(label_reserved(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(labels), cmocka_unit_test(reserved) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
