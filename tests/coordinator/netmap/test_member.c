/* Images of members: copies, equality, and the packed form at its edges. */
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "coordinator/netmap/member.h"
#include "tests/support/unit.h"

static const char *const tags[] = { "work", "server", "work" };

static struct member *make(void)
{
        const struct ip_endpoint endpoints[] = {
                { .addr = { .len = 4, .bytes = { 192, 0, 2, 1 } }, .port = 51820 },
                { .addr = { .len = 16, .bytes = { 0x20, 1, 0x0d, 0xb8 } }, .port = 1 },
        };
        struct member image = { .name = "ubongo",
                                .name_pending = true,
                                .v4 = { .len = 4, .bytes = { 100, 64, 0, 1 } },
                                .v6 = { .len = 16, .bytes = { 0xfd, 1 } },
                                .tags = tags,
                                .tag_count = LENGTH(tags),
                                .endpoints = endpoints,
                                .endpoint_count = LENGTH(endpoints),
                                .recreate = 9 };
        memset(image.id, 1, sizeof(image.id));
        memset(image.identity, 2, sizeof(image.identity));
        memset(image.signal_key_signature, 3, sizeof(image.signal_key_signature));
        struct member *m = member_new(&image);
        assert_non_null(m);
        return m;
}

static void tags_are_sorted_and_single(void **state)
{
        struct member *m = make();
        (void)state;
        assert_int_equal(m->tag_count, 2);
        assert_string_equal(m->tags[0], "server");
        assert_string_equal(m->tags[1], "work");
        member_unref(m);
}

static void too_much_is_no_member(void **state)
{
        const char *many[MEMBER_MAX_TAGS + 1];
        char longest[LABEL_MAX + 2];
        struct member image = { .tags = many };
        (void)state;
        for (size_t i = 0; i < LENGTH(many); i++)
                many[i] = "t";
        image.tag_count = MEMBER_MAX_TAGS;
        member_unref(member_new(&image));
        image.tag_count = MEMBER_MAX_TAGS + 1;
        assert_null(member_new(&image));
        memset(longest, 'a', sizeof(longest));
        longest[LABEL_MAX + 1] = 0;
        many[0] = longest;
        image.tag_count = 1;
        assert_null(member_new(&image));
        longest[LABEL_MAX] = 0;
        struct member *m = member_new(&image);
        assert_non_null(m);
        member_unref(m);
}

static void packed_and_unpacked_is_the_same(void **state)
{
        struct member *m = make(), *again = NULL;
        struct buffer packed = buffer_with_max(MEMBER_IMAGE_MAX_BYTES);
        (void)state;
        member_pack(m, &packed);
        assert_int_equal(buffer_error(&packed), 0);
        assert_int_equal(member_unpack(packed.bytes, packed.len, &again), 0);
        assert_true(member_equal(m, again));
        member_unref(again);
        for (size_t len = 0; len < packed.len; len++)
                assert_int_equal(member_unpack(packed.bytes, len, &again), MESH_ETRUNCATED);
        buffer_put_u8(&packed, 0);
        assert_int_equal(member_unpack(packed.bytes, packed.len, &again), MESH_ETRAILING);
        packed.bytes[0] = 2;
        assert_int_equal(member_unpack(packed.bytes, packed.len - 1, &again), MESH_EVERSION);
        buffer_done(&packed);
        member_unref(m);
}

static void every_difference_counts(void **state)
{
        struct member *m = make();
        struct member *other;
        struct member edited;
        (void)state;
#define DIFFERENT(change)                                                                          \
        do {                                                                                       \
                edited = *m;                                                                       \
                change;                                                                            \
                other = member_new(&edited);                                                       \
                assert_non_null(other);                                                            \
                assert_false(member_equal(m, other));                                              \
                member_unref(other);                                                               \
        } while (0)
        DIFFERENT(edited.id[15] ^= 1);
        DIFFERENT(edited.identity[0] ^= 1);
        DIFFERENT(edited.wireguard_key[31] ^= 1);
        DIFFERENT(edited.signal_key[31] ^= 1);
        DIFFERENT(edited.signal_key_signature[63] ^= 1);
        DIFFERENT(edited.v4.bytes[3]++);
        DIFFERENT(edited.v6.bytes[15]++);
        DIFFERENT(edited.name[0] = 'x');
        DIFFERENT(edited.name_pending = false);
        DIFFERENT(edited.recreate++);
        DIFFERENT(edited.tag_count--);
        DIFFERENT(edited.endpoint_count--);
#undef DIFFERENT
        member_unref(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tags_are_sorted_and_single),
                cmocka_unit_test(too_much_is_no_member),
                cmocka_unit_test(packed_and_unpacked_is_the_same),
                cmocka_unit_test(every_difference_counts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
