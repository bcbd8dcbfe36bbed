/* Sums of rows: any order, in and out again, and the same hash as access_hash. */
#include <stdbool.h>
#include <string.h>

#include "tests/support/unit.h"

#include "firewall/access_sum.h"
#include "tests/support/seeded_env.h"

enum { ROWS = 40, ROUNDS = 200 };

/* Row N: its own prefix; N + 1 ports, so that rows are shorter and longer than one block. */
static struct access_sum row_number(size_t n)
{
        struct ip_prefix prefix = { { 4, { 100, 64, 0, (uint8_t)n } }, 32 };
        struct portset ports = { 0 };
        for (uint16_t i = 0; i <= n; i++) {
                struct port_range range = { (uint16_t)(2 * i), (uint16_t)(2 * i) };
                assert_int_equal(portset_add_range(&ports, 6, range), 0);
        }
        portset_settle(&ports);
        assert_int_equal(ports.count, n + 1);
        struct access_sum row = access_row(&prefix, &ports);
        portset_done(&ports);
        return row;
}

static void assert_sum_of(const struct access_sum *sum, const bool in[static ROWS])
{
        struct access_sum expected = { 0 };
        uint8_t left[ACCESS_HASH_BYTES], right[ACCESS_HASH_BYTES];
        for (size_t n = ROWS; n-- > 0;)
                if (in[n]) {
                        struct access_sum row = row_number(n);
                        access_sum_add(&expected, &row);
                }
        access_sum_hash(sum, left);
        access_sum_hash(&expected, right);
        assert_memory_equal(left, right, sizeof(left));
}

static void in_and_out(void **state)
{
        (void)state;
        struct seeded_env random;
        struct access_sum sum = { 0 };
        bool in[ROWS] = { false };
        seeded_env_init(&random, 7);
        for (int round = 0; round < ROUNDS; round++) {
                size_t n = (size_t)env_random_below(&random.env, ROWS);
                struct access_sum row = row_number(n);
                in[n] ? access_sum_remove(&sum, &row) : access_sum_add(&sum, &row);
                in[n] = !in[n];
                assert_sum_of(&sum, in);
        }
}

/* Whatever differs in a row makes another one. */
static void rows_differ(void **state)
{
        (void)state;
        const struct {
                struct ip_prefix prefix;
                struct port_span spans[2];
                size_t count;
        } rows[] = {
                { { { 4, { 100, 64, 0, 1 } }, 32 }, { { 1, 2 } }, 1 },
                { { { 4, { 100, 64, 0, 2 } }, 32 }, { { 1, 2 } }, 1 },
                { { { 4, { 100, 64, 0, 1 } }, 31 }, { { 1, 2 } }, 1 },
                { { { 16, { 100, 64, 0, 1 } }, 32 }, { { 1, 2 } }, 1 },
                { { { 4, { 100, 64, 0, 1 } }, 32 }, { { 1, 3 } }, 1 },
                { { { 4, { 100, 64, 0, 1 } }, 32 }, { { 0, 2 } }, 1 },
                { { { 4, { 100, 64, 0, 1 } }, 32 }, { { 1, 2 }, { 4, 4 } }, 2 },
        };
        for (size_t i = 0; i < LENGTH(rows); i++)
                for (size_t j = 0; j < LENGTH(rows); j++) {
                        struct portset a = { (struct port_span *)rows[i].spans, rows[i].count, 0 };
                        struct portset b = { (struct port_span *)rows[j].spans, rows[j].count, 0 };
                        struct access_sum x = access_row(&rows[i].prefix, &a);
                        struct access_sum y = access_row(&rows[j].prefix, &b);
                        assert_int_equal(memcmp(&x, &y, sizeof(x)) == 0, i == j);
                }
}

static void hash_is_access_hash(void **state)
{
        (void)state;
        struct ip_prefix prefixes[] = { { { 4, { 100, 64, 0, 1 } }, 32 },
                                        { { 16, { 0xfd, 1 } }, 128 } };
        struct access_set set = { 3, prefixes, LENGTH(prefixes) };
        struct port_range ssh = { 22, 22 };
        struct access_rule rule = { 3, 6, &ssh, 1, NULL };
        const struct access access = { &set, 1, &rule, 1 }, nothing = { 0 };
        struct portset ports = { 0 };
        struct access_sum sum = { 0 };
        uint8_t left[ACCESS_HASH_BYTES], right[ACCESS_HASH_BYTES];

        access_sum_hash(&sum, left);
        assert_int_equal(access_hash(&nothing, right), 0);
        assert_memory_equal(left, right, sizeof(left));

        assert_int_equal(portset_add_range(&ports, 6, ssh), 0);
        portset_settle(&ports);
        for (size_t i = LENGTH(prefixes); i-- > 0;) {
                struct access_sum row = access_row(&prefixes[i], &ports);
                access_sum_add(&sum, &row);
        }
        access_sum_hash(&sum, left);
        assert_int_equal(access_hash(&access, right), 0);
        assert_memory_equal(left, right, sizeof(left));
        portset_done(&ports);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(in_and_out),
                cmocka_unit_test(rows_differ),
                cmocka_unit_test(hash_is_access_hash),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
