/* access_hash: equal exactly where the same is let in; look-up and copies. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

#include "common/error.h"
#include "firewall/access.h"

static struct ip_prefix p1 = { { 4, { 100, 64, 0, 1 } }, 32 };
static struct ip_prefix p1_p2[] = { { { 4, { 100, 64, 0, 1 } }, 32 },
                                    { { 4, { 100, 64, 0, 2 } }, 32 } };
static struct ip_prefix p2 = { { 4, { 100, 64, 0, 2 } }, 32 };
static struct ip_prefix p1_p1[] = { { { 4, { 100, 64, 0, 1 } }, 32 },
                                    { { 4, { 100, 64, 0, 1 } }, 32 } };
static struct ip_prefix p6 = { { 16, { 0xfd, 1 } }, 128 };

static struct port_range ssh = { 22, 22 }, low = { 1, 9 }, lower = { 1, 3 }, higher = { 4, 9 },
                         every = { 0, 65535 };
static struct port_range split[] = { { 1, 3 }, { 4, 9 } };

#define SETS(...)                                                                                  \
        .sets = (struct access_set[])                                                              \
        {                                                                                          \
                __VA_ARGS__                                                                        \
        }
#define RULES(...)                                                                                 \
        .rules = (struct access_rule[])                                                            \
        {                                                                                          \
                __VA_ARGS__                                                                        \
        }

static const struct {
        const char *name;
        struct access left, right;
        bool equal;
} pairs[] = {
        { "ids and origins",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, "a:1" }), .rule_count = 1 },
          { SETS({ 9, &p1, 1 }), .set_count = 1, RULES({ 9, 6, &ssh, 1, NULL }), .rule_count = 1 },
          true },
        { "order",
          { SETS({ 1, &p1, 1 }, { 2, &p2, 1 }), .set_count = 2,
            RULES({ 1, 6, &ssh, 1, NULL }, { 2, 17, &low, 1, NULL }), .rule_count = 2 },
          { SETS({ 1, &p2, 1 }, { 2, &p1, 1 }), .set_count = 2,
            RULES({ 1, 17, &low, 1, NULL }, { 2, 6, &ssh, 1, NULL }), .rule_count = 2 },
          true },
        { "one set or two",
          { SETS({ 1, p1_p2, 2 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }),
            .rule_count = 1 },
          { SETS({ 1, &p1, 1 }, { 2, p1_p2, 2 }), .set_count = 2,
            RULES({ 1, 6, &ssh, 1, NULL }, { 2, 6, &ssh, 1, NULL }), .rule_count = 2 },
          true },
        { "ports cut in two",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &low, 1, NULL }), .rule_count = 1 },
          { SETS({ 1, &p1, 1 }), .set_count = 1,
            RULES({ 1, 6, &higher, 1, NULL }, { 1, 6, &lower, 1, NULL }), .rule_count = 2 },
          true },
        { "ranges cut in two",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &low, 1, NULL }), .rule_count = 1 },
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, split, 2, NULL }), .rule_count = 1 },
          true },
        { "every port, both ways",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, NULL, 0, NULL }), .rule_count = 1 },
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &every, 1, NULL }),
            .rule_count = 1 },
          true },
        { "any covers",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 256, NULL, 0, NULL }),
            .rule_count = 1 },
          { SETS({ 1, &p1, 1 }), .set_count = 1,
            RULES({ 1, 6, &ssh, 1, NULL }, { 1, 256, NULL, 0, NULL }), .rule_count = 2 },
          true },
        { "rule without members",
          { 0 },
          { SETS({ 1, NULL, 0 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          true },
        { "set without rules", { 0 }, { SETS({ 1, &p1, 1 }), .set_count = 1 }, true },
        { "member twice",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          { SETS({ 1, p1_p1, 2 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }),
            .rule_count = 1 },
          true },
        { "another port",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &low, 1, NULL }), .rule_count = 1 },
          false },
        { "another protocol",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 17, &ssh, 1, NULL }), .rule_count = 1 },
          false },
        { "another member",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          { SETS({ 1, &p2, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          false },
        { "one member more",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          { SETS({ 1, p1_p2, 2 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }),
            .rule_count = 1 },
          false },
        { "another family",
          { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          { SETS({ 1, &p6, 1 }), .set_count = 1, RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
          false },
        { "who gets what",
          { SETS({ 1, &p1, 1 }, { 2, &p2, 1 }), .set_count = 2,
            RULES({ 1, 6, &ssh, 1, NULL }, { 2, 17, &low, 1, NULL }), .rule_count = 2 },
          { SETS({ 1, &p1, 1 }, { 2, &p2, 1 }), .set_count = 2,
            RULES({ 2, 6, &ssh, 1, NULL }, { 1, 17, &low, 1, NULL }), .rule_count = 2 },
          false },
};

static void meanings(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(pairs); i++) {
                uint8_t left[ACCESS_HASH_BYTES], right[ACCESS_HASH_BYTES];
                print_message("%s\n", pairs[i].name);
                assert_int_equal(access_hash(&pairs[i].left, left), 0);
                assert_int_equal(access_hash(&pairs[i].right, right), 0);
                assert_int_equal(memcmp(left, right, sizeof(left)) == 0, pairs[i].equal);
        }
}

/* Computed from the form in access_sum.c by another program (hashlib, openssl enc -chacha20). */
static void is_stable(void **state)
{
        (void)state;
        static const uint8_t expected[] = { 0xed, 0x05, 0x02, 0xc3, 0x2d, 0xec, 0x18, 0x7b,
                                            0x9a, 0x26, 0x1f, 0x11, 0x0c, 0xf5, 0x7c, 0xe4,
                                            0x2f, 0x0a, 0x11, 0xde, 0x17, 0xbd, 0x1a, 0xbf,
                                            0x31, 0xff, 0xd6, 0xa6, 0x0e, 0x80, 0xb7, 0xa7 };
        const struct access access = { SETS({ 7, p1_p2, 2 }, { 8, &p6, 1 }), .set_count = 2,
                                       RULES({ 7, 6, &ssh, 1, NULL }, { 8, 256, NULL, 0, NULL }),
                                       .rule_count = 2 };
        uint8_t hash[ACCESS_HASH_BYTES];
        assert_int_equal(access_hash(&access, hash), 0);
        assert_memory_equal(hash, expected, sizeof(hash));
}

static void refused(void **state)
{
        (void)state;
        struct port_range backwards = { 9, 8 };
        const struct access cases[] = {
                { RULES({ 1, 6, &ssh, 1, NULL }), .rule_count = 1 },
                { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 6, &backwards, 1, NULL }),
                  .rule_count = 1 },
                { SETS({ 1, &p1, 1 }), .set_count = 1, RULES({ 1, 257, NULL, 0, NULL }),
                  .rule_count = 1 },
        };
        for (size_t i = 0; i < LENGTH(cases); i++) {
                uint8_t hash[ACCESS_HASH_BYTES];
                assert_int_equal(access_hash(&cases[i], hash), MESH_EINVAL);
        }
}

static void finding_sets(void **state)
{
        (void)state;
        const struct access none = { 0 };
        const struct access access = { SETS({ 2, &p1, 1 }, { 5, &p2, 1 }, { UINT64_MAX, &p6, 1 }),
                                       .set_count = 3 };
        assert_null(access_find_set(&none, 2));
        assert_null(access_find_set(&access, 0));
        assert_null(access_find_set(&access, 3));
        assert_ptr_equal(access_find_set(&access, 2), &access.sets[0]);
        assert_ptr_equal(access_find_set(&access, UINT64_MAX), &access.sets[2]);
}

static void copies(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(pairs); i++) {
                struct access copy;
                uint8_t left[ACCESS_HASH_BYTES], right[ACCESS_HASH_BYTES];
                assert_int_equal(access_clone(&pairs[i].left, &copy), 0);
                assert_int_equal(access_hash(&pairs[i].left, left), 0);
                assert_int_equal(access_hash(&copy, right), 0);
                assert_memory_equal(left, right, sizeof(left));
                assert_int_equal(copy.rule_count, pairs[i].left.rule_count);
                if (copy.rule_count > 0 && pairs[i].left.rules[0].origin) {
                        assert_string_equal(copy.rules[0].origin, pairs[i].left.rules[0].origin);
                        assert_ptr_not_equal(copy.rules[0].origin, pairs[i].left.rules[0].origin);
                }
                access_done(&copy);
                assert_null(copy.sets);
                access_done(&copy);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(meanings), cmocka_unit_test(is_stable),
                cmocka_unit_test(refused),  cmocka_unit_test(finding_sets),
                cmocka_unit_test(copies),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
