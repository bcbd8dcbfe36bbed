/* Which names of interfaces are taken. */
#include "tests/support/unit.h"

#include "common/ifname.h"

static const struct {
        const char *name;
        bool valid;
} rows[] = {
        { NULL, false },
        { "", false },
        { "m", true },
        { "mesh0", true },
        { "eth0.100", true },
        { "wg-home_1@x", true },
        { "fifteen-letters", true },
        { "sixteen-letters-", false },
        { ".", false },
        { "..", false },
        { "...", true },
        { "all", false },
        { "default", false },
        { "a/b", false },
        { "a:1", false },
        { "mesh*", false },
        { "mesh%d", false },
        { "a b", false },
        { "a\tb", false },
        { "a\nb", false },
        { "a\"b", false },
        { "a\\b", false },
        { "a\x1b[m", false },
        { "m\xc3\xa9sh", false },
        { "a\x7f", false },
};

static void tells_names(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(rows); i++)
                if (ifname_valid(rows[i].name) != rows[i].valid)
                        fail_msg("'%s'", rows[i].name);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(tells_names) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
