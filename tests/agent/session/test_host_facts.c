/* Member names out of host names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/session/host_facts.h"
#include "common/label.h"

static const struct {
        const char *hostname, *label;
} cases[] = {
        { "ubongo", "ubongo" },
        { "Ubongo.example.org", "ubongo" },
        { "web_01", "web-01" },
        { "-odd-", "odd" },
        { "a b", "a-b" },
        { "", "" },
        { "...", "" },
        { "---", "" },
        { "0123456789012345678901234567890123456789012345678901234567890123456789",
          "012345678901234567890123456789012345678901234567890123456789012" },
};

static void makes_labels(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char label[LABEL_MAX + 1];
                host_label(cases[i].hostname, label);
                assert_string_equal(label, cases[i].label);
                assert_true(!label[0] || label_valid(label));
        }
}

static void reads_this_host(void **state)
{
        struct host_facts facts;
        (void)state;
        host_facts_read(&facts);
        assert_true(facts.kernel[0] && facts.machine[0]);
        for (const char *at = facts.system; *at; at++)
                assert_in_range(*at, 0x20, 0x7e);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(makes_labels),
                                            cmocka_unit_test(reads_this_host) };
        return cmocka_run_group_tests_name("agent/session/host_facts", tests, NULL, NULL);
}
