/* Intervals of packets: merging at the edges, and membership against a bitmap. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

#include "firewall/portset.h"
#include "tests/support/seeded_env.h"

static const struct {
        const char *name, *specs[4];
        struct port_span spans[3];
        size_t count;
} cases[] = {
        { "nothing", { NULL }, { { 0 } }, 0 },
        { "one", { "tcp/22" }, { { 0x60016, 0x60016 } }, 1 },
        { "twice", { "tcp/22", "tcp/22" }, { { 0x60016, 0x60016 } }, 1 },
        { "neighbours", { "tcp/3-4", "tcp/1-2" }, { { 0x60001, 0x60004 } }, 1 },
        { "a gap", { "tcp/4", "tcp/2" }, { { 0x60002, 0x60002 }, { 0x60004, 0x60004 } }, 2 },
        { "inside", { "tcp/1-9", "tcp/3-4", "tcp/9-10" }, { { 0x60001, 0x6000a } }, 1 },
        { "protocols apart",
          { "udp/1", "tcp/1" },
          { { 0x60001, 0x60001 }, { 0x110001, 0x110001 } },
          2 },
        { "whole neighbours", { "proto/7", "tcp/*" }, { { 0x60000, 0x7ffff } }, 1 },
        { "any", { "any", "tcp/1", "icmp" }, { { 0, PORTSET_LAST } }, 1 },
        { "icmp", { "icmp", "proto/1" }, { { 0x10000, 0x1ffff } }, 1 },
        { "last", { "proto/255" }, { { 0xff0000, 0xffffff } }, 1 },
};

static void settling(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct portset set = { 0 };
                print_message("%s\n", cases[i].name);
                for (size_t j = 0; j < LENGTH(cases[i].specs) && cases[i].specs[j]; j++) {
                        struct port_spec spec;
                        assert_int_equal(port_spec_parse(cases[i].specs[j], &spec), 0);
                        assert_int_equal(portset_add_spec(&set, &spec), 0);
                }
                portset_settle(&set);
                struct portset expected = { .spans = (struct port_span *)cases[i].spans,
                                            .count = cases[i].count };
                assert_true(portset_equal(&set, &expected));
                portset_done(&set);
        }
}

static void numbers(void **state)
{
        (void)state;
        assert_int_equal(portset_number(6, 22), 0x60016);
        assert_int_equal(portset_number(17, 65535), 0x11ffff);
        assert_int_equal(portset_number(1, 8), 0x10000);
        assert_int_equal(portset_number(58, 8), 0x10000);
        assert_int_equal(portset_number(47, 0), 0x2f0000);
}

enum { BITS = 200 };

static void against_a_bitmap(void **state)
{
        (void)state;
        struct seeded_env e;
        seeded_env_init(&e, 5);
        for (unsigned round = 0; round < 500; round++) {
                bool bits[BITS] = { false };
                struct portset set = { 0 }, copy = { 0 };
                unsigned count = (unsigned)env_random_below(&e.env, 12);
                for (unsigned i = 0; i < count; i++) {
                        uint16_t low = (uint16_t)env_random_below(&e.env, BITS - 20);
                        uint16_t high = (uint16_t)(low + env_random_below(&e.env, 20));
                        memset(bits + low, true, (size_t)(high - low) + 1);
                        assert_int_equal(
                                portset_add_range(&set, 17, (struct port_range){ low, high }), 0);
                }
                portset_settle(&set);
                for (uint16_t i = 0; i < BITS; i++) {
                        assert_int_equal(portset_has(&set, portset_number(17, i)), bits[i]);
                        assert_false(portset_has(&set, portset_number(6, i)));
                }
                assert_int_equal(portset_add_set(&copy, &set), 0);
                assert_int_equal(portset_add_set(&copy, &set), 0);
                portset_settle(&copy);
                assert_true(portset_equal(&copy, &set));
                portset_done(&set);
                portset_done(&copy);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(settling),
                cmocka_unit_test(numbers),
                cmocka_unit_test(against_a_bitmap),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
