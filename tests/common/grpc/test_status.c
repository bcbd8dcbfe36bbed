/* Status codes, percent-encoding, and what HTTP and HTTP/2 errors mean. */
#include <string.h>
#include "common/buffer.h"
#include "common/grpc/status.h"
#include "tests/support/unit.h"

static void test_encode(void **state)
{
        static const struct {
                const char *name, *message, *encoded;
        } cases[] = {
                { "empty", "", "" },
                { "plain", "not found: ~x ", "not found: ~x " },
                { "percent", "100%", "100%25" },
                { "control", "a\tb\n", "a%09b%0A" },
                { "delete", "\x7f", "%7F" },
                { "unicode", "\xc3\xa4\xe2\x98\xba", "%C3%A4%E2%98%BA" },
        };
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct buffer out = buffer_with_max(64), back = buffer_with_max(64);
                print_message("%s\n", cases[i].name);
                grpc_message_encode(cases[i].message, &out);
                assert_int_equal(out.len, strlen(cases[i].encoded));
                if (out.len > 0)
                        assert_memory_equal(out.bytes, cases[i].encoded, out.len);
                grpc_message_decode((const char *)out.bytes, out.len, &back);
                assert_int_equal(back.len, strlen(cases[i].message));
                if (back.len > 0)
                        assert_memory_equal(back.bytes, cases[i].message, back.len);
                buffer_done(&out);
                buffer_done(&back);
        }
}

static void test_decode_what_others_send(void **state)
{
        static const struct {
                const char *name, *text, *decoded;
        } cases[] = {
                { "lower-case hex", "%c3%a4", "\xc3\xa4" },
                { "percent last", "a%", "a%" },
                { "one digit", "a%2", "a%2" },
                { "no hex", "%zz%2", "%zz%2" },
                { "a NUL stays text", "a%00b", "a%00b" },
                { "plus stays", "a+b", "a+b" },
        };
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct buffer out = buffer_with_max(64);
                print_message("%s\n", cases[i].name);
                grpc_message_decode(cases[i].text, strlen(cases[i].text), &out);
                assert_int_equal(out.len, strlen(cases[i].decoded));
                assert_memory_equal(out.bytes, cases[i].decoded, out.len);
                buffer_done(&out);
        }
}

static void test_parse(void **state)
{
        static const struct {
                const char *text;
                enum grpc_status status;
        } cases[] = {
                { "0", GRPC_OK },        { "5", GRPC_NOT_FOUND }, { "16", GRPC_UNAUTHENTICATED },
                { "17", GRPC_UNKNOWN },  { "", GRPC_UNKNOWN },    { "00", GRPC_UNKNOWN },
                { "05", GRPC_UNKNOWN },  { "-1", GRPC_UNKNOWN },  { "1x", GRPC_UNKNOWN },
                { "100", GRPC_UNKNOWN },
        };
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                print_message("\"%s\"\n", cases[i].text);
                assert_int_equal(grpc_status_parse(cases[i].text, strlen(cases[i].text)),
                                 cases[i].status);
        }
        assert_string_equal(grpc_status_name(GRPC_UNAVAILABLE), "UNAVAILABLE");
        assert_string_equal(grpc_status_name((enum grpc_status)99), "UNKNOWN");
}

static void test_maps(void **state)
{
        (void)state;
        assert_int_equal(grpc_status_from_http(401), GRPC_UNAUTHENTICATED);
        assert_int_equal(grpc_status_from_http(404), GRPC_UNIMPLEMENTED);
        assert_int_equal(grpc_status_from_http(503), GRPC_UNAVAILABLE);
        assert_int_equal(grpc_status_from_http(418), GRPC_UNKNOWN);
        assert_int_equal(grpc_status_from_h2(0x7), GRPC_UNAVAILABLE);        /* REFUSED_STREAM */
        assert_int_equal(grpc_status_from_h2(0x8), GRPC_CANCELLED);          /* CANCEL */
        assert_int_equal(grpc_status_from_h2(0xb), GRPC_RESOURCE_EXHAUSTED); /* CALM */
        assert_int_equal(grpc_status_from_h2(0x1), GRPC_INTERNAL);           /* PROTOCOL_ERROR */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_encode),
                cmocka_unit_test(test_decode_what_others_send),
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_maps),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
