/* Setup key text: there and back, every typing error, hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/error.h"
#include "proto/base32.h"
#include "proto/setup_key.h"
#include "proto/transcript.h"
#include "tests/support/seeded_env.h"

static struct setup_key a_key(const char *host)
{
        struct setup_key key = { .port = 443 };
        for (size_t i = 0; i < KEY_BYTES; i++) {
                key.coordinator[i] = (uint8_t)(i + 1);
                key.seed[i] = (uint8_t)(0xff - i);
        }
        memcpy(key.id, "\1\2\3\4\5\6\7\xff", sizeof(key.id));
        memcpy(key.host, host, strlen(host) + 1);
        return key;
}

static int parse(const char *text, struct setup_key *ret_key)
{
        return setup_key_parse(text, strlen(text), ret_key);
}

static void there_and_back(void **state)
{
        static const char *const hosts[] = { "m", "vpn.example.org", "192.0.2.1", "2001:db8::1" };
        (void)state;
        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                struct setup_key key = a_key(hosts[i]), back;
                char text[SETUP_KEY_TEXT_MAX], padded[SETUP_KEY_TEXT_MAX + 8] = " \t";
                assert_int_equal(setup_key_format(&key, text), 0);
                assert_memory_equal(text, "mesh-", 5);
                assert_int_equal(parse(text, &back), 0);
                assert_string_equal(back.host, key.host);
                assert_int_equal(back.port, 443);
                assert_memory_equal(back.coordinator, key.coordinator, KEY_BYTES);
                assert_memory_equal(back.id, key.id, sizeof(key.id));
                assert_memory_equal(back.seed, key.seed, KEY_BYTES);
                memcpy(padded + 2, text, strlen(text));
                memcpy(padded + 2 + strlen(text), "\r\n ", 4);
                assert_int_equal(parse(padded, &back), 0);
                setup_key_done(&back);
                assert_true(sodium_is_zero((const uint8_t *)&back, sizeof(back)));
        }
}

static void longest(void **state)
{
        char host[SETUP_KEY_HOST_MAX + 2], text[SETUP_KEY_TEXT_MAX];
        struct setup_key key, back;
        (void)state;
        memset(host, 'a', sizeof(host));
        host[63] = host[127] = host[191] = '.';
        host[SETUP_KEY_HOST_MAX] = '\0';
        key = a_key(host);
        assert_int_equal(setup_key_format(&key, text), 0);
        assert_true(strlen(text) < SETUP_KEY_TEXT_MAX);
        assert_int_equal(parse(text, &back), 0);
        assert_string_equal(back.host, host);
        host[SETUP_KEY_HOST_MAX] = 'a';
        host[SETUP_KEY_HOST_MAX + 1] = '\0';
        assert_false(setup_key_host_valid(host));
}

/* One wrong character, one missing, two swapped: found before any network use. */
static void typing_errors(void **state)
{
        struct setup_key key = a_key("vpn.example.org"), back;
        char good[SETUP_KEY_TEXT_MAX], text[SETUP_KEY_TEXT_MAX + 1];
        (void)state;
        assert_int_equal(setup_key_format(&key, good), 0);
        size_t len = strlen(good);
        for (size_t i = 0; i < len; i++) {
                int expected = i < 5 ? MESH_EFORMAT : MESH_ECHECKSUM;
                for (const char *c = "aq7-1A \xff"; *c; c++) {
                        memcpy(text, good, len + 1);
                        text[i] = *c;
                        if (*c == good[i] || (*c == ' ' && (i == 0 || i == len - 1)))
                                continue;
                        assert_int_equal(parse(text, &back), expected);
                }
                memcpy(text, good, i); /* missing */
                memcpy(text + i, good + i + 1, len - i);
                assert_int_equal(parse(text, &back), expected);
                memcpy(text, good, i); /* doubled */
                memcpy(text + i + 1, good + i, len - i + 1);
                text[i] = good[i];
                assert_int_not_equal(parse(text, &back), 0);
                if (i + 1 < len && good[i] != good[i + 1]) {
                        memcpy(text, good, len + 1);
                        text[i] = good[i + 1];
                        text[i + 1] = good[i];
                        assert_int_not_equal(parse(text, &back), 0);
                }
                assert_int_equal(setup_key_parse(good, i, &back),
                                 i < 5 ? MESH_EFORMAT : MESH_ECHECKSUM);
        }
        assert_int_equal(setup_key_parse(good, len, &back), 0);
}

/* Puts the right checksum under any bytes. */
static void text_of(const uint8_t *bytes, size_t len, char *text)
{
        uint8_t all[512], hash[KEY_BYTES];
        memcpy(all, bytes, len);
        struct transcript t = transcript_named("setup-key");
        transcript_add(&t, bytes, len);
        transcript_hash(&t, NULL, hash);
        memcpy(all + len, hash, 4);
        memcpy(text, "mesh-", 5);
        base32_encode(all, len + 4, text + 5);
        text[5 + base32_text_len(len + 4)] = '\0';
}

static void contents(void **state)
{
        static const struct {
                const char *name, *head;
                size_t head_len, rest;
                int expected;
        } cases[] = {
                { "whole", "\1\1\xbb\1m", 5, 72, 0 },
                { "one short", "\1\1\xbb\1m", 5, 71, MESH_EFORMAT },
                { "one too many", "\1\1\xbb\1m", 5, 73, MESH_EFORMAT },
                { "port 0", "\1\0\0\1m", 5, 72, MESH_EBADPORT },
                { "version 0", "\0\1\xbb\1m", 5, 72, MESH_EFORMAT },
                { "version 2", "\2\1\xbb\1m", 5, 72, MESH_EVERSION },
                { "version 2, longer", "\2\1\xbb\1m", 5, 100, MESH_EVERSION },
                { "version 255, short", "\xff", 1, 0, MESH_EVERSION },
                { "nothing", "", 0, 0, MESH_EFORMAT },
                { "no host", "\1\1\xbb\0", 4, 72, MESH_EFORMAT },
                { "host with NUL", "\1\1\xbb\3m\0m", 7, 72, MESH_EFORMAT },
                { "upper-case host", "\1\1\xbb\1M", 5, 72, MESH_EFORMAT },
                { "host with a slash", "\1\1\xbb\3m/m", 7, 72, MESH_EFORMAT },
                { "host of 254", "\1\1\xbb\xfem", 5, 253 + 72, MESH_EFORMAT },
                { "host longer than the key", "\1\1\xbb\x64m", 5, 72, MESH_EFORMAT },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint8_t bytes[400];
                char text[800];
                struct setup_key key;
                memset(bytes, 'k', sizeof(bytes));
                memcpy(bytes, cases[i].head, cases[i].head_len);
                text_of(bytes, cases[i].head_len + cases[i].rest, text);
                int err = parse(text, &key);
                if (err != cases[i].expected)
                        fail_msg("%s: %s", cases[i].name, mesh_strerror(err));
        }
}

static void no_key_at_all(void **state)
{
        struct setup_key key;
        char text[SETUP_KEY_TEXT_MAX * 4];
        (void)state;
        assert_int_equal(setup_key_parse(NULL, 0, &key), MESH_EFORMAT);
        assert_int_equal(parse(" \n", &key), MESH_EFORMAT);
        assert_int_equal(parse("https://vpn.example.org", &key), MESH_EFORMAT);
        assert_int_equal(parse("mesh-", &key), MESH_ECHECKSUM);
        memset(text, 'a', sizeof(text)); /* far too long */
        memcpy(text, "mesh-", 5);
        assert_int_equal(setup_key_parse(text, sizeof(text), &key), MESH_EFORMAT);
}

static void hosts(void **state)
{
        static const struct {
                const char *host;
                bool valid;
        } cases[] = {
                { "", false },
                { "a", true },
                { "localhost", true },
                { "vpn.example.org", true },
                { "xn--bcher-kva.example", true },
                { "3com.example", true },
                { "vpn.example.org.", false },
                { ".example.org", false },
                { "a..b", false },
                { "-a.example", false },
                { "a-.example", false },
                { "a_b.example", false },
                { "VPN.example", false },
                { "a b", false },
                { "example.org:443", false },
                { "b\xc3\xbc"
                  "cher.example",
                  false },
                { "192.0.2.1", true },
                { "192.0.2.256", false },
                { "1.2.3", false },
                { "2001:db8::1", true },
                { "::1", true },
                { "[2001:db8::1]", false },
                { "2001:db8::g", false },
                { "fe80::1%eth0", false },
                { "a23456789012345678901234567890123456789012345678901234567890123.example", true },
                { "a234567890123456789012345678901234567890123456789012345678901234.example",
                  false },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (setup_key_host_valid(cases[i].host) != cases[i].valid)
                        fail_msg("%s", cases[i].host);
        struct setup_key key = a_key("vpn.example.org");
        char text[SETUP_KEY_TEXT_MAX];
        key.port = 0;
        assert_int_equal(setup_key_format(&key, text), MESH_EBADPORT);
        key = a_key("not a host");
        assert_int_equal(setup_key_format(&key, text), MESH_EFORMAT);
}

static void pair_comes_from_the_seed(void **state)
{
        struct setup_key key = a_key("m");
        struct identity from_key, from_seed;
        (void)state;
        setup_key_identity(&key, &from_key);
        identity_from_seed(key.seed, &from_seed);
        assert_memory_equal(&from_key, &from_seed, sizeof(from_key));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(there_and_back),
                cmocka_unit_test(longest),
                cmocka_unit_test(typing_errors),
                cmocka_unit_test(contents),
                cmocka_unit_test(no_key_at_all),
                cmocka_unit_test(hosts),
                cmocka_unit_test(pair_comes_from_the_seed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
