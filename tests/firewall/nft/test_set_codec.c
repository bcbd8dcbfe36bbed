/* Set elements on the wire: what fits into one message, and what a dump means. */
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <string.h>

#include "tests/support/unit.h"

#include "common/error.h"
#include "firewall/nft/set_codec.h"

enum { MEMORY_BYTES = 64 << 10, KEYS_MAX = 4096 };

static uint64_t memory[MEMORY_BYTES / 8];

/* Builds all elements of SET, message by message, and reads the keys back. */
static size_t through_the_wire(const struct ruleset_set *set, size_t capacity, struct set_key *keys)
{
        size_t count = 0, put = 0;
        for (size_t done = 0; done < set->element_count; done += put) {
                assert_int_equal(set_codec_build(memory, capacity, NFT_MSG_NEWSETELEM, 0, "mesh",
                                                 set, set->elements + done,
                                                 set->element_count - done, &put),
                                 0);
                const struct nlmsghdr *message = (const struct nlmsghdr *)memory;
                struct cursor list;
                assert_true(put > 0 && message->nlmsg_len <= capacity);
                assert_int_equal(set_codec_list(message, &list), 0);
                int more;
                while ((more = set_codec_next(&list, set_key_len(set->type), &keys[count])) > 0)
                        count++;
                assert_int_equal(more, 0);
        }
        return count;
}

static void check_round_trip(struct ruleset *rs, struct ruleset_set *set, size_t capacity,
                             size_t keys_expected)
{
        static struct set_key keys[KEYS_MAX];
        size_t count = through_the_wire(set, capacity, keys);
        assert_int_equal(count, keys_expected);
        for (size_t i = 0; i < count / 2; i++) { /* the kernel's order is its own */
                struct set_key key = keys[i];
                keys[i] = keys[count - 1 - i];
                keys[count - 1 - i] = key;
        }
        struct ruleset_set *back = ruleset_add_set(rs, "back", set->type, set->interval);
        set_codec_collect(rs, back, keys, count);
        assert_int_equal(back->element_count, set->element_count);
        assert_memory_equal(back->elements, set->elements,
                            set->element_count * sizeof(*set->elements));
}

static void test_intervals(void **state)
{
        (void)state;
        static const uint8_t ranges[][2][2] = {
                { { 0, 0 }, { 0, 3 } },   { { 0, 80 }, { 0, 80 } },     { { 0, 255 }, { 1, 0 } },
                { { 2, 0 }, { 2, 255 } }, { { 255, 0 }, { 255, 255 } },
        };
        struct ruleset rs;
        assert_int_equal(ruleset_init(&rs, "t"), 0);
        for (size_t i = 0; i < 8; i++) /* so that pointers stay when more are added */
                ruleset_add_set(&rs, "room", SET_PORT, true);
        rs.set_count = 0;
        struct ruleset_set *set = ruleset_add_set(&rs, "s", SET_PORT, true);
        for (size_t i = 0; i < LENGTH(ranges); i++)
                set_add(&rs, set, ranges[i][0], ranges[i][1], 2);
        set_seal(set);
        check_round_trip(&rs, set, MEMORY_BYTES, 9); /* the last has no end */
        ruleset_done(&rs);
}

static void test_many_messages(void **state)
{
        (void)state;
        struct ruleset rs;
        assert_int_equal(ruleset_init(&rs, "t"), 0);
        for (size_t i = 0; i < 8; i++)
                ruleset_add_set(&rs, "room", SET_V6, false);
        rs.set_count = 0;
        struct ruleset_set *set = ruleset_add_set(&rs, "s", SET_V6, false);
        for (unsigned int i = 0; i < 1000; i++) {
                uint8_t key[16] = { 0xfd, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i };
                set_add(&rs, set, key, key, sizeof(key));
        }
        set_seal(set);
        check_round_trip(&rs, set, 256, 1000);
        size_t put = 77;
        assert_int_equal(set_codec_build(memory, 64, NFT_MSG_NEWSETELEM, 0, "mesh", set,
                                         set->elements, 1, &put),
                         MESH_ELIMIT);
        assert_int_equal(put, 77);
        ruleset_done(&rs);
}

static void test_foreign_messages(void **state)
{
        (void)state;
        struct ruleset rs;
        struct cursor list;
        struct set_key key;
        size_t put;
        assert_int_equal(ruleset_init(&rs, "t"), 0);
        struct ruleset_set *set = ruleset_add_set(&rs, "s", SET_V4, false);
        set_add(&rs, set, (const uint8_t *)"abcd", (const uint8_t *)"abcd", 4);
        assert_int_equal(set_codec_build(memory, MEMORY_BYTES, NFT_MSG_NEWSETELEM, 0, "mesh", set,
                                         set->elements, 1, &put),
                         0);
        struct nlmsghdr *message = (struct nlmsghdr *)memory;
        assert_int_equal(set_codec_list(message, &list), 0);
        assert_int_equal(set_codec_next(&list, 16, &key), MESH_EFORMAT); /* other key length */
        for (uint32_t len = message->nlmsg_len - 1; len > sizeof(*message); len--) {
                message->nlmsg_len = len;
                if (set_codec_list(message, &list) == 0)
                        assert_true(set_codec_next(&list, 4, &key) <= 0);
        }
        ruleset_done(&rs);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_intervals),
                cmocka_unit_test(test_many_messages),
                cmocka_unit_test(test_foreign_messages),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
