/* The difference between wanted and actual devices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/apply/wg_diff.h"
#include "common/error.h"

/* A device in short: peers by letter, as "A:10.0.0.1/32,10.0.0.2/32@192.0.2.1:5+25!" with the
 * endpoint after '@', the keepalive after '+', '!' for set_endpoint, '*' for recreate. */
static void peer_from(struct wg_device *device, const char *spec)
{
        uint8_t key[WG_KEY_BYTES] = { (uint8_t)spec[0] };
        struct wg_peer *peer = wg_device_add_peer(device, key);
        assert_non_null(peer);
        for (const char *at = spec + 1; *at;) {
                char kind = *at++, text[IP_TEXT_MAX];
                size_t len = strcspn(at, ",@+!*");
                snprintf(text, sizeof(text), "%.*s", (int)len, at);
                at += len;
                if (kind == ':' || kind == ',') {
                        struct ip_prefix prefix;
                        assert_int_equal(ip_prefix_parse(text, &prefix), 0);
                        assert_int_equal(wg_peer_add_allowed(peer, prefix), 0);
                } else if (kind == '@') {
                        assert_int_equal(ip_endpoint_parse(text, &peer->endpoint), 0);
                } else if (kind == '+') {
                        int value = 0;
                        assert_int_equal(sscanf(text, "%d", &value), 1);
                        peer->keepalive_s = (uint16_t)value;
                } else if (kind == '!') {
                        peer->set_endpoint = true;
                } else {
                        peer->recreate = true;
                }
        }
}

static struct wg_device device_from(const char *spec)
{
        struct wg_device device = { .listen_port = 51820 };
        memset(device.private_key, 7, sizeof(device.private_key));
        char copy[512], *rest = copy;
        snprintf(copy, sizeof(copy), "%s", spec);
        for (char *word; (word = strsep(&rest, " "));)
                if (*word)
                        peer_from(&device, word);
        return device;
}

/* "-A +B(eka) ~C(a)": removed, created, changed; endpoint, keepalive, allowed. */
static void describe(const struct wg_diff *diff, char *out, size_t size)
{
        size_t len = 0;
        out[0] = '\0';
        for (size_t i = 0; i < diff->op_count && len < size; i++) {
                const struct wg_peer_op *op = &diff->ops[i];
                len += (size_t)snprintf(out + len, size - len, "%s%c%c", i ? " " : "",
                                        op->remove   ? '-'
                                        : op->create ? '+'
                                                     : '~',
                                        op->peer->public_key[0]);
                if (!op->remove && len < size)
                        len += (size_t)snprintf(
                                out + len, size - len, "(%s%s%s)", op->set_endpoint ? "e" : "",
                                op->set_keepalive ? "k" : "", op->replace_allowed ? "a" : "");
        }
}

static const struct {
        const char *name, *wanted, *actual;
        enum wg_diff_mode mode;
        const char *ops;
} cases[] = {
        { "both empty", "", "", WG_DIFF_APPLY, "" },
        { "first peer", "A:10.0.0.1/32@192.0.2.1:5+25", "", WG_DIFF_APPLY, "+A(eka)" },
        { "new peer without endpoint", "A:10.0.0.1/32", "", WG_DIFF_APPLY, "+A(a)" },
        { "new peer without prefixes", "A", "", WG_DIFF_APPLY, "+A(a)" },
        { "equal", "A:10.0.0.1/32@192.0.2.1:5+25", "A:10.0.0.1/32@192.0.2.1:5+25", WG_DIFF_APPLY,
          "" },
        { "order does not matter", "B:10.0.0.2/32 A:10.0.0.1/32,fd00::1/128",
          "A:fd00::1/128,10.0.0.1/32 B:10.0.0.2/32", WG_DIFF_APPLY, "" },
        { "host bits do not matter", "A:10.9.0.5/24", "A:10.9.0.0/24", WG_DIFF_APPLY, "" },
        { "gone", "", "A:10.0.0.1/32", WG_DIFF_APPLY, "-A" },
        { "one of three gone", "A:10.0.0.1/32 C:10.0.0.3/32",
          "A:10.0.0.1/32 B:10.0.0.2/32 C:10.0.0.3/32", WG_DIFF_APPLY, "-B" },
        { "removals come first", "A:10.0.0.2/32", "B:10.0.0.2/32", WG_DIFF_APPLY, "-B +A(a)" },
        { "prefix added", "A:10.0.0.1/32,10.0.0.2/32", "A:10.0.0.1/32", WG_DIFF_APPLY, "~A(a)" },
        { "prefix other", "A:10.0.0.2/32", "A:10.0.0.1/32", WG_DIFF_APPLY, "~A(a)" },
        { "prefixes swapped", "A:10.0.0.2/32 B:10.0.0.1/32", "A:10.0.0.1/32 B:10.0.0.2/32",
          WG_DIFF_APPLY, "~A(a) ~B(a)" },
        { "all prefixes gone", "A", "A:10.0.0.1/32", WG_DIFF_APPLY, "~A(a)" },
        { "keepalive", "A+25", "A", WG_DIFF_APPLY, "~A(k)" },
        { "keepalive off", "A", "A+25", WG_DIFF_APPLY, "~A(k)" },
        { "roamed endpoint stays", "A@192.0.2.1:5", "A@192.0.2.9:9", WG_DIFF_APPLY, "" },
        { "endpoint asked for", "A@192.0.2.1:5!", "A@192.0.2.9:9", WG_DIFF_APPLY, "~A(e)" },
        { "endpoint asked for, there", "A@192.0.2.1:5!", "A@192.0.2.1:5", WG_DIFF_APPLY, "" },
        { "endpoint missing", "A@192.0.2.1:5", "A", WG_DIFF_APPLY, "~A(e)" },
        { "no endpoint wanted", "A!", "A@192.0.2.9:9", WG_DIFF_APPLY, "" },
        { "recreate", "A:10.0.0.1/32@192.0.2.1:5*", "A:10.0.0.1/32@192.0.2.9:9", WG_DIFF_APPLY,
          "-A +A(ea)" },
        { "recreate one that is not there", "A:10.0.0.1/32*", "", WG_DIFF_APPLY, "+A(a)" },
        { "verify: recreated", "A:10.0.0.1/32*", "A:10.0.0.1/32", WG_DIFF_VERIFY, "" },
        { "verify: roamed at once", "A@192.0.2.1:5!", "A@192.0.2.9:9", WG_DIFF_VERIFY, "" },
        { "verify: missing", "A", "", WG_DIFF_VERIFY, "+A(a)" },
};

static void test_peers(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct wg_device wanted = device_from(cases[i].wanted);
                struct wg_device actual = device_from(cases[i].actual);
                struct wg_diff diff;
                char ops[256];
                print_message("case: %s\n", cases[i].name);
                assert_int_equal(wg_diff_compute(&wanted, &actual, cases[i].mode, &diff), 0);
                describe(&diff, ops, sizeof(ops));
                assert_string_equal(ops, cases[i].ops);
                assert_int_equal(wg_diff_empty(&diff), cases[i].ops[0] == '\0');
                wg_diff_done(&diff);
                wg_device_done(&wanted);
                wg_device_done(&actual);
        }
}

static void test_counts(void **state)
{
        (void)state;
        struct wg_device wanted = device_from("A+1 B C*");
        struct wg_device actual = device_from("A C D E");
        struct wg_diff diff;
        assert_int_equal(wg_diff_compute(&wanted, &actual, WG_DIFF_APPLY, &diff), 0);
        assert_int_equal(diff.added, 1);
        assert_int_equal(diff.changed, 2);
        assert_int_equal(diff.removed, 2);
        wg_diff_done(&diff);
        wg_device_done(&wanted);
        wg_device_done(&actual);
}

static const struct {
        const char *name, *wanted;
} refused[] = {
        { "a peer twice", "A:10.0.0.1/32 A:10.0.0.2/32" },
        { "a prefix at two peers", "A:10.0.0.1/32 B:10.0.0.1/32" },
        { "a prefix at two peers, with host bits", "A:10.0.0.1/24 B:10.0.0.2/24" },
        { "a prefix twice", "A:10.0.0.1/32,10.0.0.1/32" },
};

static void test_refused(void **state)
{
        (void)state;
        struct wg_device actual = { 0 };
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                struct wg_device wanted = device_from(refused[i].wanted);
                struct wg_diff diff;
                print_message("case: %s\n", refused[i].name);
                assert_int_equal(wg_diff_compute(&wanted, &actual, WG_DIFF_APPLY, &diff),
                                 MESH_EINVAL);
                wg_device_done(&wanted);
        }
}

static const struct {
        const char *name;
        uint8_t wanted_key, actual_key;
        uint16_t wanted_port, actual_port;
        uint32_t wanted_mark, actual_mark;
        bool key, port, mark;
} fields[] = {
        { "equal", 7, 7, 1, 1, 0, 0, false, false, false },
        { "key", 8, 7, 1, 1, 0, 0, true, false, false },
        { "no key yet", 7, 0, 1, 1, 0, 0, true, false, false },
        { "port", 7, 7, 2, 1, 0, 0, false, true, false },
        { "port 0 is never written", 7, 7, 0, 1, 0, 0, false, false, false },
        { "mark", 7, 7, 1, 1, 5, 0, false, false, true },
        { "mark off", 7, 7, 1, 1, 0, 5, false, false, true },
};

static void test_device_fields(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                struct wg_device wanted = { .listen_port = fields[i].wanted_port,
                                            .fwmark = fields[i].wanted_mark };
                struct wg_device actual = { .listen_port = fields[i].actual_port,
                                            .fwmark = fields[i].actual_mark };
                memset(wanted.private_key, fields[i].wanted_key, WG_KEY_BYTES);
                memset(actual.private_key, fields[i].actual_key, WG_KEY_BYTES);
                if (fields[i].actual_key)
                        wg_key_clamp(actual.private_key); /* as the kernel reads it back */
                struct wg_diff diff;
                print_message("case: %s\n", fields[i].name);
                assert_int_equal(wg_diff_compute(&wanted, &actual, WG_DIFF_APPLY, &diff), 0);
                assert_int_equal(diff.set_private_key, fields[i].key);
                assert_int_equal(diff.set_listen_port, fields[i].port);
                assert_int_equal(diff.set_fwmark, fields[i].mark);
                wg_diff_done(&diff);
        }
}

static void test_own_key_is_left_out(void **state)
{
        (void)state;
        struct wg_device wanted = device_from("A"), actual = device_from("A");
        uint8_t own[WG_KEY_BYTES];
        crypto_scalarmult_base(own, wanted.private_key);
        assert_non_null(wg_device_add_peer(&wanted, own));
        struct wg_diff diff;
        assert_int_equal(wg_diff_compute(&wanted, &actual, WG_DIFF_APPLY, &diff), 0);
        assert_true(wg_diff_empty(&diff));
        assert_int_equal(diff.ignored, 1);
        wg_diff_done(&diff);
        wg_device_done(&wanted);
        wg_device_done(&actual);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_peers),
                cmocka_unit_test(test_counts),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_device_fields),
                cmocka_unit_test(test_own_key_is_left_out),
        };
        return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
