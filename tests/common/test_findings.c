/* Findings: order, maximum, and how they are shown. */
#include <stdio.h>
#include <string.h>

#include "tests/support/unit.h"

#include "common/buffer.h"
#include "common/findings.h"

static void order(void **state)
{
        (void)state;
        struct findings f = { 0 };
        findings_error(&f, "b", 1, 1, "five");
        findings_warning(&f, "a", 2, 1, "three");
        findings_error(&f, "a", 1, 7, "two");
        findings_error(&f, "a", 2, 1, "four");
        findings_error(&f, "a", 1, 2, "one");
        findings_sort(&f);
        static const char *const expected[] = { "one", "two", "three", "four", "five" };
        for (size_t i = 0; i < LENGTH(expected); i++)
                assert_string_equal(f.items[i].message, expected[i]);
        assert_int_equal(f.errors, 4);
        assert_true(f.items[2].warning);
        findings_done(&f);
        assert_int_equal(f.count, 0);
}

static void maximum(void **state)
{
        (void)state;
        struct findings f = { 0 };
        for (unsigned i = 0; i < FINDINGS_MAX + 5; i++)
                findings_error(&f, "a", i, 1, "number %u", i);
        assert_int_equal(f.count, FINDINGS_MAX);
        assert_int_equal(f.errors, FINDINGS_MAX + 5);
        assert_int_equal(f.dropped, 5);
        findings_done(&f);
}

static void long_and_dirty_messages(void **state)
{
        (void)state;
        struct findings f = { 0 };
        char text[1000];
        memset(text, 'x', sizeof(text));
        memcpy(text + 318, "\xc3\xa4", 2); /* the cut goes through it */
        text[sizeof(text) - 1] = '\0';
        findings_error(&f, "a", 1, 1, "%s", text);
        findings_error(&f, "a", 1, 1, "red \033[31m\nnext");
        assert_int_equal(strlen(f.items[0].message), 318);
        assert_string_equal(f.items[1].message, "red ?[31m?next");
        findings_done(&f);
}

static const struct {
        const char *name, *text;
        uint32_t line, column;
        const char *expected;
} shown[] = {
        { "first line", "abc\ndef\n", 1, 2, "f:1:2: bad\n    abc\n     ^\n" },
        { "last line without an end", "abc\ndef", 2, 3, "f:2:3: bad\n    def\n      ^\n" },
        { "behind the end", "abc", 1, 4, "f:1:4: bad\n    abc\n       ^\n" },
        { "no such line", "abc", 3, 1, "f:3:1: bad\n" },
        { "the whole file", "abc", 0, 0, "f: bad\n" },
        { "umlauts", "\xc3\xa4\xc3\xb6x", 1, 3, "f:1:3: bad\n    \xc3\xa4\xc3\xb6x\n      ^\n" },
        { "tab and escape", "\tb\033", 1, 2, "f:1:2: bad\n     b?\n     ^\n" },
        { "carriage return", "ab\r\n", 1, 1, "f:1:1: bad\n    ab \n    ^\n" },
        { "no text", NULL, 1, 1, "f:1:1: bad\n" },
};

static void rendering(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(shown); i++) {
                struct findings f = { 0 };
                struct buffer out = buffer_with_max(10000);
                print_message("%s\n", shown[i].name);
                findings_error(&f, "f", shown[i].line, shown[i].column, "bad");
                finding_render(&f.items[0], shown[i].text,
                               shown[i].text ? strlen(shown[i].text) : 0, &out);
                buffer_put_u8(&out, 0);
                assert_string_equal((char *)out.bytes, shown[i].expected);
                buffer_done(&out);
                findings_done(&f);
        }
}

static void a_long_line_is_cut(void **state)
{
        (void)state;
        char text[5000];
        memset(text, 'x', sizeof(text));
        text[2999] = '!';
        struct findings f = { 0 };
        struct buffer out = buffer_with_max(10000);
        findings_warning(&f, "f", 1, 3000, "bad");
        finding_render(&f.items[0], text, sizeof(text), &out);
        buffer_put_u8(&out, 0);
        const char *line = strchr((char *)out.bytes, '\n') + 1;
        const char *caret = strchr(line, '\n') + 1;
        assert_true(strncmp((char *)out.bytes, "f:1:3000: warning: bad\n", 23) == 0);
        assert_true(caret - line < 200);
        assert_int_equal(strchr(line, '!') - line, strchr(caret, '^') - caret);
        buffer_done(&out);
        findings_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(order),
                cmocka_unit_test(maximum),
                cmocka_unit_test(long_and_dirty_messages),
                cmocka_unit_test(rendering),
                cmocka_unit_test(a_long_line_is_cut),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
