/* common/error, common/log, common/duration, common/nearest, common/env: small words and numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/env.h"
#include "common/error.h"
#include "common/log.h"
#include "common/nearest.h"
#include "tests/support/unit.h"

static void test_error_every_code_has_its_text(void **state)
{
        (void)state;
        assert_string_equal(mesh_strerror(0), "success");
        assert_string_equal(mesh_strerror(MESH_EINVAL), "invalid argument");
        assert_string_equal(mesh_strerror(MESH_EINTERNAL), "internal error");
        assert_string_equal(mesh_strerror(-999), "unknown error");
        assert_string_equal(mesh_strerror(-1000 - MESH_ERROR_COUNT), "unknown error");
        assert_string_equal(mesh_strerror(5), "unknown error");
        assert_int_equal(mesh_error_from_errno(0), 0);
        assert_int_equal(mesh_error_from_errno(ENOSPC), MESH_ENOSPC);
        assert_int_equal(mesh_error_from_errno(-ENOSPC), MESH_ENOSPC);
        assert_int_equal(mesh_error_from_errno(EXDEV), MESH_EIO);
}

static const struct {
        const char *text;
        int result;
        uint64_t ms;
} durations[] = {
        { "1s", 0, 1000 },
        { "90s", 0, 90000 },
        { "2m", 0, 120000 },
        { "24h", 0, 86400000 },
        { "3650d", 0, 315360000000 },
        { "3651d", MESH_EFORMAT, 0 },
        { "0s", MESH_EFORMAT, 0 },
        { "", MESH_EFORMAT, 0 },
        { "s", MESH_EFORMAT, 0 },
        { "5", MESH_EFORMAT, 0 },
        { "5x", MESH_EFORMAT, 0 },
        { "5m3s", MESH_EFORMAT, 0 },
        { "-5m", MESH_EFORMAT, 0 },
        { " 5m", MESH_EFORMAT, 0 },
        { "99999999999999999999999s", MESH_EFORMAT, 0 },
};

static void test_duration_table(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(durations); i++) {
                uint64_t ms = 0;
                int result = duration_parse(durations[i].text, &ms);
                if (result != durations[i].result || ms != durations[i].ms)
                        fail_msg("'%s': %s, %llu", durations[i].text, mesh_strerror(result),
                                 (unsigned long long)ms);
        }
}

static void test_nearest_table(void **state)
{
        (void)state;
        static const char *const names[] = { "from", "to", "ports", "note" };
        static const struct {
                const char *typed, *nearest;
        } rows[] = {
                { "prots", "ports" }, { "port", "ports" }, { "form", "from" },   { "fro", "from" },
                { "xyz", NULL },      { "", NULL },        { "ports", "ports" },
        };
        for (size_t i = 0; i < LENGTH(rows); i++) {
                const char *found = nearest_name(rows[i].typed, names, LENGTH(names));
                bool same = found ? rows[i].nearest && strcmp(found, rows[i].nearest) == 0
                                  : rows[i].nearest == NULL;
                if (!same)
                        fail_msg("'%s' -> %s", rows[i].typed, found ? found : "nothing");
        }
        static char long_word[200];
        memset(long_word, 'a', sizeof(long_word) - 1);
        assert_null(nearest_name(long_word, names, LENGTH(names)));
}

static void test_log_line_is_one_clean_line(void **state)
{
        (void)state;
        char got[2048] = "";
        int fds[2], saved = dup(STDERR_FILENO);
        assert_int_equal(pipe(fds), 0);
        assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
        log_error("bad\nline\x1b[2J %s", "end");
        log_debug("not shown");
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        (void)close(fds[1]);
        (void)close(saved);
        assert_true(read(fds[0], got, sizeof(got) - 1) > 0);
        (void)close(fds[0]);
        assert_string_equal(got, "<3>bad?line?[2J end\n");
}

static void test_log_limit_counts_what_it_holds_back(void **state)
{
        (void)state;
        struct log_limit limit = { .burst = 2, .interval_ms = 1000 };
        uint32_t held = 99;
        assert_true(log_limit_pass(&limit, 5000, &held));
        assert_int_equal(held, 0);
        assert_true(log_limit_pass(&limit, 5001, &held));
        assert_false(log_limit_pass(&limit, 5002, &held));
        assert_false(log_limit_pass(&limit, 5999, &held));
        assert_true(log_limit_pass(&limit, 6000, &held));
        assert_int_equal(held, 2);
}

static void test_env_random_below_stays_below(void **state)
{
        (void)state;
        bool seen[3] = { false };
        for (int i = 0; i < 1000; i++) {
                uint64_t value = env_random_below(env_system(), 3);
                assert_true(value < 3);
                seen[value] = true;
        }
        assert_true(seen[0] && seen[1] && seen[2]);
        assert_int_equal(env_random_below(env_system(), 1), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_error_every_code_has_its_text),
                cmocka_unit_test(test_duration_table),
                cmocka_unit_test(test_nearest_table),
                cmocka_unit_test(test_log_line_is_one_clean_line),
                cmocka_unit_test(test_log_limit_counts_what_it_holds_back),
                cmocka_unit_test(test_env_random_below_stays_below),
        };
        if (sodium_init() < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
