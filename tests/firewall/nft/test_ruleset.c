/* The canonical order of set elements, and the sticky error of building. */
#include <string.h>

#include "tests/support/unit.h"

#include "common/error.h"
#include "firewall/nft/ruleset.h"

/* Port ranges before and after sealing, as "low-high" in pairs; ended by 0-0. */
static const struct {
        const char *name;
        bool interval;
        uint16_t before[6][2], after[6][2];
} seals[] = {
        { "empty", true, { { 0 } }, { { 0 } } },
        { "one", true, { { 5, 9 } }, { { 5, 9 } } },
        { "order", true, { { 50, 60 }, { 5, 9 } }, { { 5, 9 }, { 50, 60 } } },
        { "touching", true, { { 5, 9 }, { 10, 12 } }, { { 5, 12 } } },
        { "one between", true, { { 5, 9 }, { 11, 12 } }, { { 5, 9 }, { 11, 12 } } },
        { "overlapping", true, { { 5, 9 }, { 7, 12 } }, { { 5, 12 } } },
        { "inside", true, { { 5, 90 }, { 7, 12 }, { 91, 91 } }, { { 5, 91 } } },
        { "twice", true, { { 5, 9 }, { 5, 9 } }, { { 5, 9 } } },
        { "carry", true, { { 5, 0xff }, { 0x100, 0x100 } }, { { 5, 0x100 } } },
        { "to the end", true, { { 5, 65535 }, { 7, 8 } }, { { 5, 65535 } } },
        { "touching is not joined", false, { { 6, 6 }, { 5, 5 } }, { { 5, 5 }, { 6, 6 } } },
        { "twice without intervals",
          false,
          { { 5, 5 }, { 4, 4 }, { 5, 5 } },
          { { 4, 4 }, { 5, 5 } } },
};

static void put_port(uint16_t port, uint8_t out[2])
{
        out[0] = (uint8_t)(port >> 8);
        out[1] = (uint8_t)port;
}

static void test_seal(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(seals); i++) {
                struct ruleset rs;
                assert_int_equal(ruleset_init(&rs, "t"), 0);
                struct ruleset_set *set = ruleset_add_set(&rs, "s", SET_PORT, seals[i].interval);
                uint8_t low[2], high[2];
                for (size_t j = 0; seals[i].before[j][0]; j++) {
                        put_port(seals[i].before[j][0], low);
                        put_port(seals[i].before[j][1], high);
                        set_add(&rs, set, low, high, 2);
                }
                set_seal(set);
                size_t count = 0;
                for (; seals[i].after[count][0]; count++) {
                        put_port(seals[i].after[count][0], low);
                        put_port(seals[i].after[count][1], high);
                        if (count >= set->element_count ||
                            memcmp(set->elements[count].low, low, 2) != 0 ||
                            memcmp(set->elements[count].high, high, 2) != 0)
                                fail_msg("%s: element %zu", seals[i].name, count);
                }
                if (set->element_count != count)
                        fail_msg("%s: %zu elements", seals[i].name, set->element_count);
                ruleset_done(&rs);
        }
}

static void test_table_name_has_a_maximum(void **state)
{
        (void)state;
        struct ruleset rs;
        assert_int_equal(ruleset_init(&rs, ""), MESH_ELIMIT);
        assert_int_equal(ruleset_init(&rs, "1234567890123456789012345678901"), 0);
        ruleset_done(&rs);
        assert_int_equal(ruleset_init(&rs, "12345678901234567890123456789012"), MESH_ELIMIT);
}

static void test_error_is_sticky(void **state)
{
        (void)state;
        struct ruleset rs;
        assert_int_equal(ruleset_init(&rs, "t"), 0);
        struct ruleset_chain *chain = ruleset_add_chain(&rs, "c");
        struct ruleset_rule *rule = ruleset_add_rule(&rs, chain, VERDICT_DROP, NULL);
        for (size_t i = 0; i < RULE_MATCHES_MAX; i++)
                rule_match(&rs, rule, MATCH_PROTOCOL, TEST_IS, 6, 0);
        assert_int_equal(ruleset_error(&rs), 0);
        rule_match(&rs, rule, MATCH_PROTOCOL, TEST_IS, 6, 0);
        assert_int_equal(ruleset_error(&rs), MESH_ELIMIT);
        assert_int_equal(rule->match_count, RULE_MATCHES_MAX);
        rule = ruleset_add_rule(&rs, chain, VERDICT_DROP, "more");
        assert_non_null(rule);
        struct ruleset_set *set = ruleset_add_set(&rs, "s", SET_V4, false);
        set_add(&rs, set, (const uint8_t *)"abcd", (const uint8_t *)"abcd", 4);
        assert_int_equal(chain->rule_count, 1);
        assert_int_equal(rs.set_count, 0);
        assert_int_equal(ruleset_error(&rs), MESH_ELIMIT);
        ruleset_done(&rs);
}

static void test_comments_can_be_printed(void **state)
{
        (void)state;
        struct ruleset rs;
        char text[2 * RULE_COMMENT_MAX];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(ruleset_init(&rs, "t"), 0);
        struct ruleset_chain *chain = ruleset_add_chain(&rs, "c");
        struct ruleset_rule *rule =
                ruleset_add_rule(&rs, chain, VERDICT_DROP, "a \"b\"\n\x7f\tc\\");
        assert_string_equal(rule->comment, "a ?b????c?");
        rule = ruleset_add_rule(&rs, chain, VERDICT_DROP, text);
        assert_int_equal(strlen(rule->comment), RULE_COMMENT_MAX - 1);
        ruleset_done(&rs);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_seal),
                cmocka_unit_test(test_table_name_has_a_maximum),
                cmocka_unit_test(test_error_is_sticky),
                cmocka_unit_test(test_comments_can_be_printed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
