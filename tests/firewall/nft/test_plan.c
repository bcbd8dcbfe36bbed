/* What is planned, as text: chain by chain, in order. */
#include <stdio.h>
#include <string.h>

#include "tests/firewall/nft/fixture.h"

#include "firewall/nft/plan.h"
#include "firewall/nft/print.h"

enum { TEXT_MAX = 16 << 20, RULES_MAX = 6 };

#define REPLIES                                                                                    \
        "ct state established ct direction reply accept\n"                                         \
        "ct state related accept\n"
#define END(prefix)                                                                                \
        "limit rate 2/second burst 10 packets log prefix \"" prefix " drop: \" level warn\n"       \
        "counter drop\n"

/* Prints one chain's rules without comments. The result is owned. */
static char *chain_text(const struct ruleset *rs, const char *name)
{
        struct buffer all = buffer_with_max(TEXT_MAX), out = buffer_with_max(TEXT_MAX);
        char start[64];
        ruleset_print(rs, &all);
        buffer_put_u8(&all, '\0');
        snprintf(start, sizeof(start), "\tchain %s {\n", name);
        char *line = strstr((char *)all.bytes, start);
        assert_non_null(line);
        for (line += strlen(start); strncmp(line, "\t}", 2) != 0; line = strchr(line, '\n') + 1) {
                line += strspn(line, "\t");
                const char *end = strchr(line, '\n');
                const char *comment = strstr(line, " comment ");
                buffer_put(&out, line, (size_t)((comment && comment < end ? comment : end) - line));
                buffer_put_u8(&out, '\n');
        }
        buffer_put_u8(&out, '\0');
        assert_int_equal(buffer_error(&out), 0);
        buffer_done(&all);
        return (char *)out.bytes;
}

static void check_chain(const char *name, const struct ruleset *rs, const char *chain,
                        const char *expected)
{
        char *text = chain_text(rs, chain);
        if (strcmp(text, expected) != 0)
                fail_msg("%s: chain %s is\n%s--- expected\n%s", name, chain, text, expected);
        free(text);
}

static const struct {
        const char *name, *config;
        struct fixture_rule rules[RULES_MAX];
        const char *mesh; /* between replies and end */
} mesh_cases[] = {
        { "nobody", "{}", { { 0 } }, "" },
        { "one member",
          "{}",
          { { "tcp/22", "100.64.0.1", NULL } },
          "tcp dport 22 ip saddr @tcp_22_v4 accept\n" },
        { "a group in both families",
          "{}",
          { { "tcp/22", "100.64.0.1 100.64.0.2 fd00::1", NULL } },
          "tcp dport 22 ip saddr @tcp_22_v4 accept\n"
          "tcp dport 22 ip6 saddr @tcp_22_v6 accept\n" },
        { "prefixes stand apart",
          "{}",
          { { "udp/53", "10.0.0.0/8 100.64.0.2 fd00::/64", NULL } },
          "udp dport 53 ip saddr @udp_53_v4 accept\n"
          "udp dport 53 ip saddr @udp_53_nets_v4 accept\n"
          "udp dport 53 ip6 saddr @udp_53_nets_v6 accept\n" },
        { "one look-up however many groups",
          "{}",
          { { "tcp/22", "100.64.0.1", NULL },
            { "tcp/80", "100.64.0.1", NULL },
            { "tcp/22", "100.64.0.2", NULL },
            { "tcp/22", "100.64.0.3", NULL } },
          "tcp dport 22 ip saddr @tcp_22_v4 accept\n"
          "tcp dport 80 ip saddr @tcp_80_v4 accept\n" },
        { "ranges and lists, joined where they touch",
          "{}",
          { { "tcp/8000-8099", "100.64.0.1", NULL },
            { "tcp/443 tcp/80 tcp/81", "100.64.0.1", NULL },
            { "tcp/5 tcp/4 tcp/3", "100.64.0.1", NULL } },
          "tcp dport 3-5 ip saddr @tcp_3-5_v4 accept\n"
          "tcp dport @tcp_80-81_443_ports ip saddr @tcp_80-81_443_v4 accept\n"
          "tcp dport 8000-8099 ip saddr @tcp_8000-8099_v4 accept\n" },
        { "every port",
          "{}",
          { { "tcp/*", "100.64.0.1", NULL }, { "udp/1-65535", "100.64.0.1", NULL } },
          "meta l4proto 6 ip saddr @tcp_v4 accept\n"
          "meta l4proto 17 ip saddr @udp_v4 accept\n" },
        { "ping is echo requests",
          "{}",
          { { "icmp", "100.64.0.1 fd00::1", NULL } },
          "icmp type 8 ip saddr @icmp_v4 accept\n"
          "icmpv6 type 128 ip6 saddr @icmp_v6 accept\n" },
        { "other protocols",
          "{}",
          { { "proto/47", "100.64.0.1", NULL }, { "any", "fd00::/64", NULL } },
          "meta l4proto 47 ip saddr @proto47_v4 accept\n"
          "ip6 saddr @any_nets_v6 accept\n" },
        { "an empty group", "{}", { { "tcp/22", "", NULL } }, "" },
        { "control plane first, then break-glass that names the mesh, then the policy",
          "firewall:\n"
          "  mode: host\n"
          "  break_glass:\n"
          "    - { port: tcp/22, from: any }\n"
          "    - { port: tcp/23, from: any, interface: mesh }\n"
          "    - { port: tcp/24, from: [100.64.0.9], interface: mesh0 }\n"
          "  allow:\n"
          "    - { port: icmp, from: any, interface: mesh }\n"
          "    - { port: tcp/80, from: any }\n"
          "control_plane: [tcp/443, udp/20000-20255]\n",
          { { "tcp/22", "100.64.0.1", NULL } },
          "tcp dport 443 accept\n"
          "udp dport 20000-20255 accept\n"
          "tcp dport 23 accept\n"
          "tcp dport 24 ip saddr @break_glass_3_v4 accept\n"
          "icmp type 8 accept\n"
          "icmpv6 type 128 accept\n"
          "tcp dport 22 ip saddr @tcp_22_v4 accept\n" },
};

static void plan_case(size_t i, struct fixture *f, struct ruleset *rs)
{
        size_t count = 0;
        while (count < RULES_MAX && mesh_cases[i].rules[count].ports)
                count++;
        fixture_init(f, mesh_cases[i].config);
        fixture_access(f, mesh_cases[i].rules, count);
        assert_int_equal(firewall_plan(&f->input, rs), 0);
}

static void test_chain_mesh(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(mesh_cases); i++) {
                struct fixture f;
                struct ruleset rs;
                char expected[4096];
                plan_case(i, &f, &rs);
                snprintf(expected, sizeof(expected), REPLIES "%s" END("mesh"), mesh_cases[i].mesh);
                check_chain(mesh_cases[i].name, &rs, "mesh", expected);
                ruleset_done(&rs);
                fixture_done(&f);
        }
}

static const char host_config[] =
        "firewall:\n"
        "  mode: host\n"
        "  break_glass:\n"
        "    - { port: tcp/22, from: any }\n"
        "    - { port: tcp/23, from: [192.0.2.0/24, 10.0.0.1], interface: eth0 }\n"
        "    - { port: tcp/24, from: any, interface: mesh }\n"
        "  allow:\n"
        "    - { port: udp/5353, from: any, interface: 'en*' }\n"
        "control_plane: [tcp/443]\n";

static const char host_input[] =
        "type filter hook input priority 0; policy drop;\n"
        "iifname \"lo\" accept\n"
        "iifname \"mesh0\" jump mesh\n" REPLIES "ip6 hoplimit 255 icmpv6 type @nd_types accept\n"
        "ip6 saddr @link_local_v6 icmpv6 type @mld_types accept\n"
        "ct state invalid counter drop\n"
        "icmp type @icmp_errors accept\n"
        "icmp type 8 limit rate 100/second burst 200 packets accept\n"
        "icmpv6 type @icmpv6_errors accept\n"
        "icmpv6 type 128 limit rate 100/second burst 200 packets accept\n"
        "meta nfproto ipv4 udp sport 67 udp dport 68 accept\n"
        "ip6 saddr @link_local_v6 udp sport 547 udp dport 546 accept\n"
        "udp dport 51820 accept\n"
        "tcp dport 443 accept\n"
        "tcp dport 22 accept\n"
        "iifname \"eth0\" tcp dport 23 ip saddr @break_glass_2_v4 accept\n"
        "iifname \"eth0\" tcp dport 23 ip saddr @break_glass_2_nets_v4 accept\n"
        "iifname \"en*\" udp dport 5353 accept\n" END("host");

static const char output[] =
        "type filter hook output priority 0; policy accept;\n"
        "oifname \"mesh0\" ct state new tcp flags & (fin | syn | rst | ack) != syn counter "
        "reject with tcp reset\n";

static void test_chain_input(void **state)
{
        (void)state;
        struct fixture f;
        struct ruleset rs;
        fixture_init(&f, host_config);
        assert_int_equal(firewall_plan(&f.input, &rs), 0);
        check_chain("mode host", &rs, "input", host_input);
        check_chain("mode host", &rs, "output", output);
        ruleset_done(&rs);

        f.local.mode = FIREWALL_MODE_MESH;
        assert_int_equal(firewall_plan(&f.input, &rs), 0);
        check_chain("mode mesh", &rs, "input",
                    "type filter hook input priority 0; policy accept;\n"
                    "iifname \"mesh0\" jump mesh\n");
        check_chain("mode mesh", &rs, "mesh",
                    REPLIES "tcp dport 443 accept\ntcp dport 24 accept\n" END("mesh"));
        check_chain("mode mesh", &rs, "output", output);
        ruleset_done(&rs);

        f.local.mode = FIREWALL_MODE_OFF;
        assert_int_equal(firewall_plan(&f.input, &rs), 0);
        assert_int_equal(rs.chain_count, 0);
        assert_int_equal(rs.set_count, 0);
        ruleset_done(&rs);
        fixture_done(&f);
}

static void test_sets(void **state)
{
        (void)state;
        static const struct fixture_rule rules[] = {
                { "tcp/22", "100.64.0.2 10.1.0.0/16 10.0.0.0/8", "p.yaml:4" },
                { "tcp/22", "100.64.0.1 100.64.0.2 11.0.0.0/8", "p.yaml:9" },
                { "tcp/22", "100.64.0.7", "p.yaml:4" },
        };
        struct fixture f;
        struct ruleset rs;
        fixture_init(&f, "{}");
        fixture_access(&f, rules, LENGTH(rules));
        assert_int_equal(firewall_plan(&f.input, &rs), 0);
        const struct ruleset_set *members = ruleset_find_set(&rs, "tcp_22_v4");
        assert_non_null(members);
        assert_int_equal(members->element_count, 3);
        assert_int_equal(members->size, 64);
        assert_false(members->interval);
        const struct ruleset_set *nets = ruleset_find_set(&rs, "tcp_22_nets_v4");
        assert_non_null(nets);
        assert_int_equal(nets->element_count, 1); /* 10/8 and 11/8 touch, 10.1/16 is inside */
        assert_memory_equal(nets->elements[0].low, "\x0a\0\0\0", 4);
        assert_memory_equal(nets->elements[0].high, "\x0b\xff\xff\xff", 4);
        assert_true(nets->interval);
        assert_int_equal(nets->size, 0);
        const struct ruleset_rule *rule = &rs.chains[0].rules[2];
        assert_string_equal(rule->comment, "p.yaml:4, p.yaml:9");
        ruleset_done(&rs);
        fixture_done(&f);
}

/* One more member must not change the set: only at the steps of its declared room. */
static void test_room_for_members(void **state)
{
        (void)state;
        static const struct {
                size_t members;
                uint32_t size;
        } cases[] = { { 1, 64 }, { 51, 64 }, { 52, 128 }, { 10000, 16384 }, { 100000, 131072 } };
        for (size_t i = 0; i < LENGTH(cases); i++) {
                static const struct fixture_rule rules[] = { { "tcp/22", "", NULL } };
                struct fixture f;
                struct ruleset rs;
                fixture_init(&f, "{}");
                fixture_access(&f, rules, 1);
                struct access_set *set = &f.access.sets[0];
                set->prefixes = calloc(cases[i].members, sizeof(*set->prefixes));
                set->prefix_count = cases[i].members;
                for (size_t j = 0; j < set->prefix_count; j++)
                        set->prefixes[j] = (struct ip_prefix){
                                .addr = { .len = 4,
                                          .bytes = { 100, (uint8_t)(64 + (j >> 16)),
                                                     (uint8_t)(j >> 8), (uint8_t)j } },
                                .bits = 32,
                        };
                assert_int_equal(firewall_plan(&f.input, &rs), 0);
                assert_int_equal(rs.sets[0].size, cases[i].size);
                assert_int_equal(rs.sets[0].element_count, cases[i].members);
                assert_int_equal(rs.chains[0].rule_count, 5);
                ruleset_done(&rs);
                free(set->prefixes);
                fixture_done(&f);
        }
}

/* Order of rules and sets, and the sets' ids, do not matter. */
static void test_equal_meaning_is_equal_text(void **state)
{
        (void)state;
        static const struct fixture_rule one[] = {
                { "tcp/80 tcp/22", "100.64.0.1", "a" },
                { "tcp/22 tcp/80", "100.64.0.2", "b" },
                { "udp/1", "100.64.0.3", "c" },
        };
        static const struct fixture_rule other[] = {
                { "udp/1", "100.64.0.3", "c" },
                { "tcp/22 tcp/80", "100.64.0.2 100.64.0.1", "b" },
                { "tcp/80 tcp/22", "100.64.0.1", "a" },
        };
        const struct fixture_rule *const both[] = { one, other };
        struct buffer texts[2] = { buffer_with_max(TEXT_MAX), buffer_with_max(TEXT_MAX) };
        for (size_t i = 0; i < 2; i++) {
                struct fixture f;
                struct ruleset rs;
                fixture_init(&f, "{}");
                fixture_access(&f, both[i], LENGTH(one));
                assert_int_equal(firewall_plan(&f.input, &rs), 0);
                ruleset_print(&rs, &texts[i]);
                buffer_put_u8(&texts[i], '\0');
                ruleset_done(&rs);
                fixture_done(&f);
        }
        assert_string_equal((const char *)texts[0].bytes, (const char *)texts[1].bytes);
        buffer_done(&texts[0]);
        buffer_done(&texts[1]);
}

static void test_names_of_many_ports_stay_short(void **state)
{
        (void)state;
        char ports[4096] = "";
        for (int i = 0; i < 300; i++)
                snprintf(ports + strlen(ports), sizeof(ports) - strlen(ports), "tcp/%d ",
                         2 * i + 1);
        const struct fixture_rule rules[] = { { ports, "100.64.0.1", NULL },
                                              { ports + strlen("tcp/1 "), "100.64.0.1", NULL } };
        struct fixture f;
        struct ruleset rs;
        fixture_init(&f, "{}");
        fixture_access(&f, rules, LENGTH(rules));
        assert_int_equal(firewall_plan(&f.input, &rs), 0);
        assert_int_equal(rs.set_count, 4);
        for (size_t i = 0; i < rs.set_count; i++) {
                assert_true(strlen(rs.sets[i].name) < 64);
                assert_ptr_equal(ruleset_find_set(&rs, rs.sets[i].name), &rs.sets[i]);
        }
        ruleset_done(&rs);
        fixture_done(&f);
}

static void test_refused(void **state)
{
        (void)state;
        static const char *const interfaces[] = { "",  "mesh*", "a b",  "a/b",
                                                  ".", "..",    "a\"b", "1234567890123456",
                                                  NULL };
        static const struct fixture_rule rules[] = { { "tcp/22", "100.64.0.1", NULL } };
        struct fixture f;
        struct ruleset rs;
        fixture_init(&f, "{}");
        for (size_t i = 0; i < LENGTH(interfaces); i++) {
                f.input.interface = interfaces[i];
                if (firewall_plan(&f.input, &rs) != MESH_EINVAL)
                        fail_msg("interface %s", interfaces[i] ? interfaces[i] : "NULL");
        }
        f.input.interface = "123456789012345";
        assert_int_equal(firewall_plan(&f.input, &rs), 0);
        ruleset_done(&rs);
        fixture_access(&f, rules, 1);
        f.access.sets[0].prefixes[0].bits = 33;
        assert_int_equal(firewall_plan(&f.input, &rs), MESH_EINVAL);
        f.access.sets[0].prefixes[0].bits = 32;
        f.access.rules[0].ports[0] = (struct port_range){ 5, 4 };
        assert_int_equal(firewall_plan(&f.input, &rs), MESH_EINVAL);
        f.access.rules[0].ports[0].high = 5;
        f.access.rules[0].source_set = 99;
        assert_int_equal(firewall_plan(&f.input, &rs), MESH_EINVAL);
        fixture_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_chain_mesh),
                cmocka_unit_test(test_chain_input),
                cmocka_unit_test(test_sets),
                cmocka_unit_test(test_room_for_members),
                cmocka_unit_test(test_equal_meaning_is_equal_text),
                cmocka_unit_test(test_names_of_many_ports_stay_short),
                cmocka_unit_test(test_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
