/* common/addr: text forms there and back, order, containment. */
#include "common/addr.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/error.h"
#include "tests/support/unit.h"

static const struct {
        const char *text;
        int result;
        const char *canonical;
} prefixes[] = {
        { "192.0.2.0/24", 0, "192.0.2.0/24" },
        { "192.0.2.1", 0, "192.0.2.1/32" },
        { "0.0.0.0/0", 0, "0.0.0.0/0" },
        { "2001:DB8::/32", 0, "2001:db8::/32" },
        { "::1", 0, "::1/128" },
        { "192.0.2.0/33", MESH_EFORMAT, NULL },
        { "192.0.2.0/", MESH_EFORMAT, NULL },
        { "192.0.2.0/+8", MESH_EFORMAT, NULL },
        { "192.0.2.0/08", MESH_EFORMAT, NULL },
        { "192.0.2/24", MESH_EFORMAT, NULL },
        { "::/129", MESH_EFORMAT, NULL },
        { "", MESH_EFORMAT, NULL },
        { "/8", MESH_EFORMAT, NULL },
        { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd/8", MESH_EFORMAT,
          NULL },
};

static void test_addr_prefix_text(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(prefixes); i++) {
                struct ip_prefix prefix;
                char text[IP_TEXT_MAX];
                int result = ip_prefix_parse(prefixes[i].text, &prefix);
                if (result != prefixes[i].result)
                        fail_msg("%s: %s", prefixes[i].text, mesh_strerror(result));
                if (result == 0)
                        assert_string_equal(ip_prefix_format(&prefix, text), prefixes[i].canonical);
        }
}

static const struct {
        const char *text;
        int result;
} endpoints[] = {
        { "192.0.2.1:443", 0 },
        { "[2001:db8::1]:443", 0 },
        { "192.0.2.1:0", 0 },
        { "192.0.2.1:65535", 0 },
        { "192.0.2.1:65536", MESH_EBADPORT },
        { "192.0.2.1:", MESH_EBADPORT },
        { "192.0.2.1:1x", MESH_EBADPORT },
        { "192.0.2.1", MESH_EFORMAT },
        { "2001:db8::1:443", MESH_EFORMAT }, /* ambiguous without brackets */
        { "[192.0.2.1]:443", MESH_EFORMAT },
        { "[2001:db8::1]443", MESH_EFORMAT },
        { "[2001:db8::1", MESH_EFORMAT },
        { ":443", MESH_EFORMAT },
        { "", MESH_EFORMAT },
};

static void test_addr_endpoint_text(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(endpoints); i++) {
                struct ip_endpoint endpoint;
                char text[IP_TEXT_MAX];
                int result = ip_endpoint_parse(endpoints[i].text, &endpoint);
                if (result != endpoints[i].result)
                        fail_msg("%s: %s", endpoints[i].text, mesh_strerror(result));
                if (result == 0)
                        assert_string_equal(ip_endpoint_format(&endpoint, text), endpoints[i].text);
        }
}

static const struct {
        const char *prefix, *addr;
        bool contains;
} containment[] = {
        { "10.0.0.0/8", "10.255.0.1", true },  { "10.0.0.0/8", "11.0.0.0", false },
        { "10.0.0.0/9", "10.128.0.0", false }, { "0.0.0.0/0", "203.0.113.9", true },
        { "0.0.0.0/0", "::1", false },         { "fd00::/8", "fdff::1", true },
        { "fd00::/7", "fc00::1", true },       { "10.1.2.3/32", "10.1.2.3", true },
        { "10.1.2.3/32", "10.1.2.2", false },
};

static void test_addr_containment(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(containment); i++) {
                struct ip_prefix prefix;
                struct ip_addr addr;
                assert_int_equal(ip_prefix_parse(containment[i].prefix, &prefix), 0);
                assert_int_equal(ip_addr_parse(containment[i].addr, &addr), 0);
                if (ip_prefix_contains(&prefix, &addr) != containment[i].contains)
                        fail_msg("%s in %s", containment[i].addr, containment[i].prefix);
        }
}

static void test_addr_overlap_and_mask(void **state)
{
        (void)state;
        struct ip_prefix wide, narrow, other;
        char text[IP_TEXT_MAX];
        (void)ip_prefix_parse("100.64.0.0/10", &wide);
        (void)ip_prefix_parse("100.100.3.7/16", &narrow);
        (void)ip_prefix_parse("100.128.0.0/16", &other);
        assert_true(ip_prefix_overlaps(&wide, &narrow));
        assert_true(ip_prefix_overlaps(&narrow, &wide));
        assert_false(ip_prefix_overlaps(&wide, &other));
        narrow = ip_prefix_mask(narrow);
        assert_string_equal(ip_prefix_format(&narrow, text), "100.100.0.0/16");
}

static void test_addr_mapped_address_becomes_v4(void **state)
{
        (void)state;
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(7) };
        struct ip_endpoint endpoint;
        char text[IP_TEXT_MAX];
        (void)inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
        assert_int_equal(ip_endpoint_from_sockaddr((struct sockaddr *)&in6, &endpoint), 0);
        assert_string_equal(ip_endpoint_format(&endpoint, text), "192.0.2.1:7");
        struct sockaddr_storage ss;
        assert_int_equal(ip_endpoint_to_sockaddr(&endpoint, &ss), sizeof(struct sockaddr_in));
        struct ip_endpoint back;
        assert_int_equal(ip_endpoint_from_sockaddr((struct sockaddr *)&ss, &back), 0);
        assert_int_equal(ip_endpoint_compare(&endpoint, &back), 0);
        struct sockaddr unix_address = { .sa_family = AF_UNIX };
        assert_int_equal(ip_endpoint_from_sockaddr(&unix_address, &back), MESH_EFORMAT);
}

static void test_addr_kinds(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                bool loopback, link_local, unspecified;
        } rows[] = {
                { "127.8.0.1", true, false, false },   { "::1", true, false, false },
                { "169.254.1.1", false, true, false }, { "fe80::1", false, true, false },
                { "febf::1", false, true, false },     { "fec0::1", false, false, false },
                { "0.0.0.0", false, false, true },     { "::", false, false, true },
                { "192.0.2.1", false, false, false },
        };
        for (size_t i = 0; i < LENGTH(rows); i++) {
                struct ip_addr addr;
                assert_int_equal(ip_addr_parse(rows[i].text, &addr), 0);
                if (ip_addr_is_loopback(&addr) != rows[i].loopback ||
                    ip_addr_is_link_local(&addr) != rows[i].link_local ||
                    ip_addr_is_unspecified(&addr) != rows[i].unspecified)
                        fail_msg("%s", rows[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addr_prefix_text),
                cmocka_unit_test(test_addr_endpoint_text),
                cmocka_unit_test(test_addr_containment),
                cmocka_unit_test(test_addr_overlap_and_mask),
                cmocka_unit_test(test_addr_mapped_address_becomes_v4),
                cmocka_unit_test(test_addr_kinds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
