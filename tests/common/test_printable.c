/* What is left of other people's text. */
#include "tests/support/unit.h"

#include <stdio.h>

#include "common/printable.h"

static const struct {
        const char *text, *expected;
} rows[] = {
        { "", "" },
        { "the node was removed", "the node was removed" },
        { " ~", " ~" },
        { "\x1b[31mred", "?[31mred" },
        { "two\nlines\r\t", "two?lines??" },
        { "\x7f", "?" },
        { "\xc2\x9b"
          "2J",
          "??2J" },
        { "\xff\xfe", "??" },
};

static void replaces_what_could_do_harm(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(rows); i++) {
                char text[64];
                (void)snprintf(text, sizeof(text), "%s", rows[i].text);
                printable_make(text);
                assert_string_equal(text, rows[i].expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(replaces_what_could_do_harm) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
