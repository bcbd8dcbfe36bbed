/* Wire messages to plain values and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/error.h"
#include "proto/convert.h"

static const uint8_t v4_host[4] = { 192, 0, 2, 1 }, v4_net[4] = { 192, 0, 2, 0 }, v4_any[4];
static const uint8_t v6_host[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, v6_any[16];
static const uint8_t v6_mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };

static void prefixes(void **state)
{
        static const struct {
                const char *name;
                const uint8_t *address;
                size_t len;
                uint32_t bits;
                int expected;
        } cases[] = {
                { "v4 host", v4_host, 4, 32, 0 },
                { "v4 net", v4_net, 4, 24, 0 },
                { "v4 all", v4_any, 4, 0, 0 },
                { "v4 host bits", v4_host, 4, 24, MESH_EFORMAT },
                { "v4 33 bits", v4_host, 4, 33, MESH_EFORMAT },
                { "v4 2^32 - 1 bits", v4_host, 4, UINT32_MAX, MESH_EFORMAT },
                { "v4 288 bits", v4_host, 4, 256 + 32, MESH_EFORMAT },
                { "v6 host", v6_host, 16, 128, 0 },
                { "v6 129 bits", v6_host, 16, 129, MESH_EFORMAT },
                { "v6 host bits", v6_host, 16, 127, MESH_EFORMAT },
                { "v6 all", v6_any, 16, 0, 0 },
                { "v4-mapped", v6_mapped, 16, 128, MESH_EFORMAT },
                { "no address", NULL, 0, 0, MESH_EFORMAT },
                { "3 bytes", v4_host, 3, 8, MESH_EFORMAT },
                { "15 bytes", v6_host, 15, 8, MESH_EFORMAT },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct ip_prefix prefix;
                Mesh__V1__Prefix message = MESH__V1__PREFIX__INIT;
                message.address = binary_of(cases[i].address, cases[i].len);
                message.bits = cases[i].bits;
                int err = prefix_from_message(&message, &prefix);
                if (err != cases[i].expected)
                        fail_msg("%s: %s", cases[i].name, mesh_strerror(err));
                if (err)
                        continue;
                assert_int_equal(prefix.addr.len, cases[i].len);
                assert_int_equal(prefix.bits, cases[i].bits);
                assert_memory_equal(prefix.addr.bytes, cases[i].address, cases[i].len);
        }
        struct ip_prefix prefix;
        assert_int_equal(prefix_from_message(NULL, &prefix), MESH_EFORMAT);
}

static void endpoints(void **state)
{
        static const struct {
                const char *name;
                const uint8_t *address;
                size_t len;
                uint32_t port;
                int expected;
        } cases[] = {
                { "v4", v4_host, 4, 1, 0 },
                { "v6, last port", v6_host, 16, 65535, 0 },
                { "port 0", v4_host, 4, 0, MESH_EBADPORT },
                { "port 65536", v4_host, 4, 65536, MESH_EBADPORT },
                { "v4 unspecified", v4_any, 4, 1, MESH_EFORMAT },
                { "v6 unspecified", v6_any, 16, 1, MESH_EFORMAT },
                { "v4-mapped", v6_mapped, 16, 1, MESH_EFORMAT },
                { "no address", NULL, 0, 1, MESH_EFORMAT },
                { "5 bytes", v6_host, 5, 1, MESH_EFORMAT },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct ip_endpoint endpoint;
                Mesh__V1__Endpoint message = MESH__V1__ENDPOINT__INIT;
                message.address = binary_of(cases[i].address, cases[i].len);
                message.port = cases[i].port;
                int err = endpoint_from_message(&message, &endpoint);
                if (err != cases[i].expected)
                        fail_msg("%s: %s", cases[i].name, mesh_strerror(err));
                if (!err)
                        assert_int_equal(endpoint.port, cases[i].port);
        }
        struct ip_endpoint endpoint;
        assert_int_equal(endpoint_from_message(NULL, &endpoint), MESH_EFORMAT);
}

static void lists_there_and_back(void **state)
{
        struct arena *arena = arena_new(8192);
        struct ip_prefix prefixes_in[2], *prefixes_out;
        struct ip_endpoint endpoints_in[2], *endpoints_out;
        (void)state;
        assert_int_equal(ip_prefix_parse("10.0.0.0/8", &prefixes_in[0]), 0);
        assert_int_equal(ip_prefix_parse("fd00::/48", &prefixes_in[1]), 0);
        assert_int_equal(ip_endpoint_parse("192.0.2.1:1", &endpoints_in[0]), 0);
        assert_int_equal(ip_endpoint_parse("[2001:db8::1]:65535", &endpoints_in[1]), 0);
        Mesh__V1__Prefix **prefix_list = prefixes_to_message(prefixes_in, 2, arena);
        Mesh__V1__Endpoint **endpoint_list = endpoints_to_message(endpoints_in, 2, arena);
        assert_non_null(prefix_list);
        assert_non_null(endpoint_list);
        assert_int_equal(prefixes_from_message(prefix_list, 2, 2, arena, &prefixes_out), 0);
        assert_int_equal(endpoints_from_message(endpoint_list, 2, 2, arena, &endpoints_out), 0);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(ip_prefix_compare(&prefixes_in[i], &prefixes_out[i]), 0);
                assert_int_equal(ip_endpoint_compare(&endpoints_in[i], &endpoints_out[i]), 0);
        }
        assert_int_equal(prefixes_from_message(prefix_list, 2, 1, arena, &prefixes_out),
                         MESH_ELIMIT);
        assert_int_equal(endpoints_from_message(endpoint_list, 2, 1, arena, &endpoints_out),
                         MESH_ELIMIT);
        assert_int_equal(prefixes_from_message(NULL, 0, 0, arena, &prefixes_out), 0);
        assert_non_null(prefixes_out);
        prefix_list[1]->bits = 129;
        endpoint_list[1]->port = 0;
        assert_int_equal(prefixes_from_message(prefix_list, 2, 2, arena, &prefixes_out),
                         MESH_EFORMAT);
        assert_int_equal(endpoints_from_message(endpoint_list, 2, 2, arena, &endpoints_out),
                         MESH_EBADPORT);
        arena_free(arena);
}

static void full_arena(void **state)
{
        struct ip_prefix prefix, *prefixes_out;
        struct ip_endpoint endpoint;
        (void)state;
        assert_int_equal(ip_prefix_parse("10.0.0.0/8", &prefix), 0);
        assert_int_equal(ip_endpoint_parse("192.0.2.1:1", &endpoint), 0);
        for (size_t room = 0; room < 64; room += 16) { /* the list, the message, the bytes */
                struct arena *arena = arena_new(room);
                assert_null(prefixes_to_message(&prefix, 1, arena));
                arena_clear(arena);
                assert_null(endpoints_to_message(&endpoint, 1, arena));
                arena_free(arena);
        }
        struct arena *arena = arena_new(16);
        Mesh__V1__Prefix message = MESH__V1__PREFIX__INIT, *messages[] = { &message };
        assert_int_equal(prefixes_from_message(messages, 1, 1, arena, &prefixes_out), MESH_ENOMEM);
        arena_free(arena);
}

static void fixed_bytes(void **state)
{
        uint8_t out[4] = { 9, 9, 9, 9 };
        ProtobufCBinaryData field = binary_of("abcd", 4);
        (void)state;
        assert_int_equal(binary_read(&field, out, 3), MESH_EFORMAT);
        assert_int_equal(out[0], 9);
        assert_int_equal(binary_read(&field, out, 4), 0);
        assert_memory_equal(out, "abcd", 4);
        field = binary_of(NULL, 0);
        assert_int_equal(binary_read(&field, out, 4), MESH_EFORMAT);
        assert_int_equal(binary_read(&field, out, 0), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(prefixes),
                cmocka_unit_test(endpoints),
                cmocka_unit_test(lists_there_and_back),
                cmocka_unit_test(full_arena),
                cmocka_unit_test(fixed_bytes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
