/* The membership's form on disk, at every edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/state/membership.h"
#include "common/buffer.h"
#include "common/error.h"

static struct membership sample(void)
{
        struct membership m = { .name = "ubongo",
                                .name_pending = true,
                                .address_count = 2,
                                .prefix_count = 2,
                                .coordinator_name = "mesh.example.org",
                                .coordinator_port = 443,
                                .has_token = true,
                                .epoch = { 1000, 77 },
                                .wireguard_port = 51820 };
        struct ip_endpoint pin = { .addr = { .len = 4, .bytes = { 192, 0, 2, 1 } }, .port = 443 };
        memset(m.node_id, 1, sizeof(m.node_id));
        memset(m.coordinator, 2, sizeof(m.coordinator));
        memset(m.token, 3, sizeof(m.token));
        assert_int_equal(ip_prefix_parse("100.64.0.7", &m.addresses[0]), 0);
        assert_int_equal(ip_prefix_parse("fd00::7", &m.addresses[1]), 0);
        assert_int_equal(ip_prefix_parse("100.64.0.0/16", &m.prefixes[0]), 0);
        assert_int_equal(ip_prefix_parse("fd00::/48", &m.prefixes[1]), 0);
        pins_succeeded(&m.pins, &pin, 5000);
        return m;
}

static void survives_the_way_to_disk(void **state)
{
        struct membership m = sample(), back;
        struct buffer out = buffer_with_max(4096), again = buffer_with_max(4096);
        (void)state;
        membership_encode(&m, &out);
        assert_int_equal(membership_decode(out.bytes, out.len, &back), 0);
        membership_encode(&back, &again);
        assert_int_equal(out.len, again.len);
        assert_memory_equal(out.bytes, again.bytes, out.len);
        assert_string_equal(back.name, "ubongo");
        assert_string_equal(back.coordinator_name, "mesh.example.org");
        assert_true(back.name_pending && back.has_token);
        assert_int_equal(back.wireguard_port, 51820);
        assert_int_equal(back.pins.entries[0].success_ms, 5000);
        assert_int_equal(back.epoch.random, 77);
        buffer_done(&out);
        buffer_done(&again);
}

static void refuses_every_shorter_and_longer_one(void **state)
{
        struct membership m = sample(), back;
        struct buffer out = buffer_with_max(4096);
        (void)state;
        membership_encode(&m, &out);
        for (size_t len = 0; len < out.len; len++)
                assert_int_equal(membership_decode(out.bytes, len, &back), MESH_EFORMAT);
        buffer_put_u8(&out, 0);
        assert_int_equal(membership_decode(out.bytes, out.len, &back), MESH_EFORMAT);
        buffer_done(&out);
}

enum { NAME_LEN_AT = 16, NAME_AT = 18, ADDRESS_COUNT_AT = 25, ADDRESS_LEN_AT = 26, BITS_AT = 31 };

static const struct {
        const char *name;
        size_t at;
        uint8_t value;
} broken[] = {
        { "a name longer than its room", NAME_LEN_AT + 1, 64 },
        { "a NUL within the name", NAME_AT + 2, 0 },
        { "too many addresses", ADDRESS_COUNT_AT, MEMBERSHIP_ADDRESSES_MAX + 1 },
        { "an address of five bytes", ADDRESS_LEN_AT, 5 },
        { "too many bits", BITS_AT, 33 },
};

static void refuses_broken_fields(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
                struct membership m = sample(), back;
                struct buffer out = buffer_with_max(4096);
                membership_encode(&m, &out);
                out.bytes[broken[i].at] = broken[i].value;
                if (membership_decode(out.bytes, out.len, &back) != MESH_EFORMAT)
                        fail_msg("%s was taken", broken[i].name);
                buffer_done(&out);
        }
}

static void epochs_have_an_order(void **state)
{
        const struct mesh_epoch old = { 1000, 9 }, newer = { 2000, 1 }, twin = { 1000, 10 };
        (void)state;
        assert_true(mesh_epoch_compare(&old, &newer) < 0);
        assert_true(mesh_epoch_compare(&newer, &old) > 0);
        assert_true(mesh_epoch_compare(&old, &twin) != 0);
        assert_int_equal(mesh_epoch_compare(&old, &old), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(survives_the_way_to_disk),
                cmocka_unit_test(refuses_every_shorter_and_longer_one),
                cmocka_unit_test(refuses_broken_fields),
                cmocka_unit_test(epochs_have_an_order),
        };
        return cmocka_run_group_tests_name("agent/state/membership", tests, NULL, NULL);
}
