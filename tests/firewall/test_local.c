/* The local firewall config: what is refused and where, defaults, writing and reading back. */
#include <string.h>

#include "tests/support/unit.h"

#include "common/buffer.h"
#include "common/error.h"
#include "common/yaml.h"
#include "firewall/local.h"

static int parse(const char *text, struct findings *findings, struct local_firewall *ret_local)
{
        struct yaml *yaml = NULL;
        int err = yaml_parse("agent.yaml", text, strlen(text), YAML_BYTES_MAX, findings, &yaml);
        assert_int_equal(err, 0);
        const struct yaml_node *root = yaml_root(yaml);
        err = local_firewall_parse(yaml, yaml_get(root, "firewall"),
                                   yaml_get(root, "control_plane"), ret_local);
        yaml_free(yaml);
        return err;
}

static const struct {
        const char *name, *text;
        uint32_t line, column;
        const char *message; /* part of it */
} refused[] = {
        { "mode", "firewall: { mode: hots }", 1, 19, "hots" },
        { "section is a list", "firewall: []", 1, 11, "" },
        { "unknown key", "firewall:\n  modus: host\n", 2, 3, "modus" },
        { "rules are no list", "firewall:\n  break_glass: tcp/22\n", 2, 16, "list" },
        { "rule is no mapping", "firewall:\n  allow: [tcp/22]\n", 2, 11, "" },
        { "no port", "firewall:\n  allow:\n    - { from: any }\n", 3, 7, "port" },
        { "no from", "firewall:\n  allow:\n    - { port: tcp/1 }\n", 3, 7, "from" },
        { "bad port", "firewall:\n  allow:\n    - { port: tpc/1, from: any }\n", 3, 15, "port" },
        { "port 0", "firewall:\n  allow:\n    - { port: tcp/0, from: any }\n", 3, 15, "port" },
        { "port is a list", "firewall:\n  allow:\n    - { port: [tcp/1], from: any }\n", 3, 15,
          "" },
        { "bad prefix", "firewall:\n  allow:\n    - { port: icmp, from: anny }\n", 3, 27, "" },
        { "bad second prefix", "firewall:\n  allow:\n    - { port: icmp, from: [::1, x] }\n", 3, 33,
          "" },
        { "nobody", "firewall:\n  allow:\n    - { port: icmp, from: [] }\n", 3, 27, "prefixes" },
        { "from mapping", "firewall:\n  allow:\n    - { port: icmp, from: {} }\n", 3, 27, "any" },
        { "long interface",
          "firewall:\n  allow:\n    - { port: icmp, from: any, interface: abcdefghijklmnop }\n", 3,
          43, "interface" },
        { "star inside", "firewall:\n  allow:\n    - { port: icmp, from: any, interface: e*0 }\n",
          3, 43, "interface" },
        { "quote inside",
          "firewall:\n  allow:\n    - { port: icmp, from: any, interface: 'e\"' }\n", 3, 43,
          "interface" },
        { "control plane is no list", "control_plane: tcp/443", 1, 16, "list" },
        { "control plane port", "control_plane: [tcp/443, https]", 1, 26, "port" },
};

static void test_refused(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(refused); i++) {
                struct findings findings = { 0 };
                struct local_firewall local;
                int err = parse(refused[i].text, &findings, &local);
                if (err != MESH_EFORMAT || findings.count != 1)
                        fail_msg("%s: %s, %zu findings", refused[i].name, mesh_strerror(err),
                                 findings.count);
                const struct finding *finding = &findings.items[0];
                if (finding->line != refused[i].line || finding->column != refused[i].column ||
                    !strstr(finding->message, refused[i].message))
                        fail_msg("%s: %u:%u: %s", refused[i].name, finding->line, finding->column,
                                 finding->message);
                findings_done(&findings);
        }
}

static void test_all_errors_of_a_file_are_told(void **state)
{
        (void)state;
        struct findings findings = { 0 };
        struct local_firewall local;
        int err = parse("firewall:\n"
                        "  break_glass: [{ port: x, from: y, interface: 'a b' }]\n"
                        "  allow: [{ port: icmp, from: z }]\n"
                        "control_plane: [q]\n",
                        &findings, &local);
        assert_int_equal(err, MESH_EFORMAT);
        assert_int_equal(findings.count, 5);
        findings_done(&findings);
}

static void test_too_many_rules(void **state)
{
        (void)state;
        struct findings findings = { 0 };
        struct local_firewall local;
        struct buffer text = buffer_with_max(YAML_BYTES_MAX);
        buffer_printf(&text, "control_plane: [");
        for (int i = 0; i < LOCAL_RULES_MAX; i++)
                buffer_printf(&text, "tcp/%d, ", i + 1);
        size_t last_good = text.len;
        buffer_printf(&text, "]");
        buffer_put_u8(&text, '\0');
        assert_int_equal(parse((char *)text.bytes, &findings, &local), 0);
        assert_int_equal(local.control_plane_count, LOCAL_RULES_MAX);
        struct port_spec port = { .protocol = 6, .ports = { 9, 9 } };
        assert_int_equal(local_firewall_add_control_plane(&local, &port), MESH_ELIMIT);
        local_firewall_done(&local);
        text.len = last_good;
        buffer_printf(&text, "tcp/1000]");
        buffer_put_u8(&text, '\0');
        assert_int_equal(parse((char *)text.bytes, &findings, &local), MESH_EFORMAT);
        buffer_done(&text);
        findings_done(&findings);
}

static const struct {
        const char *name, *text;
        enum firewall_mode mode;
        size_t break_glass;
} defaults[] = {
        { "nothing", "{}", FIREWALL_MODE_MESH, 1 },
        { "empty section", "firewall: {}", FIREWALL_MODE_MESH, 1 },
        { "mode alone", "firewall: { mode: host }", FIREWALL_MODE_HOST, 1 },
        { "off", "firewall: { mode: off }", FIREWALL_MODE_OFF, 1 },
        { "no break-glass", "firewall: { break_glass: [] }", FIREWALL_MODE_MESH, 0 },
};

static void test_defaults(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(defaults); i++) {
                struct findings findings = { 0 };
                struct local_firewall local;
                assert_int_equal(parse(defaults[i].text, &findings, &local), 0);
                if (local.mode != defaults[i].mode ||
                    local.break_glass_count != defaults[i].break_glass)
                        fail_msg("%s: mode %s, %zu rules", defaults[i].name,
                                 firewall_mode_name(local.mode), local.break_glass_count);
                if (local.break_glass_count)
                        assert_int_equal(local.break_glass[0].port.ports.low, 22);
                assert_int_equal(local.allow_count, 0);
                local_firewall_done(&local);
        }
}

/* What is written reads back to what is written. */
static void check_round_trip(const struct local_firewall *local)
{
        struct findings findings = { 0 };
        struct local_firewall again;
        struct buffer first = buffer_with_max(YAML_BYTES_MAX);
        struct buffer second = buffer_with_max(YAML_BYTES_MAX);
        local_firewall_write(local, &first);
        buffer_put_u8(&first, '\0');
        assert_int_equal(parse((char *)first.bytes, &findings, &again), 0);
        assert_int_equal(again.mode, local->mode);
        assert_int_equal(again.break_glass_count, local->break_glass_count);
        assert_int_equal(again.allow_count, local->allow_count);
        assert_int_equal(again.control_plane_count, local->control_plane_count);
        local_firewall_write(&again, &second);
        buffer_put_u8(&second, '\0');
        assert_string_equal((const char *)first.bytes, (const char *)second.bytes);
        local_firewall_done(&again);
        buffer_done(&first);
        buffer_done(&second);
}

static const char everything[] =
        "firewall:\n"
        "  mode: host\n"
        "  break_glass:\n"
        "    - { port: tcp/22, from: any }\n"
        "    - { port: tcp/22, from: [10.20.10.151, 'fd00::/8'], interface: eth0 }\n"
        "    - { port: tcp/2222, from: 192.0.2.0/24, interface: mesh }\n"
        "  allow:\n"
        "    - { port: udp/5353, interface: \"en*\", from: any }\n"
        "    - { port: any, from: ['::/0'], interface: '*' }\n"
        "control_plane: [tcp/443, tcp/8444, udp/3478, udp/3479, udp/20000-20255]\n";

static void test_everything(void **state)
{
        (void)state;
        struct findings findings = { 0 };
        struct local_firewall local;
        assert_int_equal(parse(everything, &findings, &local), 0);
        assert_int_equal(local.break_glass_count, 3);
        assert_int_equal(local.break_glass[0].from_count, 0);
        assert_int_equal(local.break_glass[1].from_count, 2);
        assert_int_equal(local.break_glass[1].from[0].bits, 32);
        assert_string_equal(local.break_glass[1].interface, "eth0");
        assert_true(local.break_glass[2].on_mesh);
        assert_string_equal(local.break_glass[2].interface, "");
        assert_string_equal(local.allow[0].interface, "en*");
        assert_string_equal(local.allow[1].interface, "");
        assert_int_equal(local.control_plane[4].ports.high, 20255);
        check_round_trip(&local);
        local_firewall_clear_break_glass(&local);
        check_round_trip(&local);
        local_firewall_done(&local);
}

static void test_made_by_enrolment(void **state)
{
        (void)state;
        struct local_firewall local;
        const uint16_t ports[] = { 22, 2222 };
        struct ip_prefix from[2];
        assert_int_equal(ip_prefix_parse("198.51.100.7", &from[0]), 0);
        assert_int_equal(ip_prefix_parse("2001:db8::/32", &from[1]), 0);
        assert_int_equal(local_firewall_default(FIREWALL_MODE_HOST, ports, 2, &local), 0);
        assert_int_equal(local.break_glass_count, 2);
        assert_int_equal(local.break_glass[1].port.ports.low, 2222);
        struct port_spec port = { .protocol = 6, .ports = { 443, 443 } };
        assert_int_equal(local_firewall_add_break_glass(&local, &port, from, 2), 0);
        assert_int_equal(local_firewall_add_control_plane(&local, &port), 0);
        check_round_trip(&local);
        assert_int_equal(
                local_firewall_add_break_glass(&local, &port, from, LOCAL_PREFIXES_MAX + 1),
                MESH_ELIMIT);
        local_firewall_done(&local);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_all_errors_of_a_file_are_told),
                cmocka_unit_test(test_too_many_rules),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_made_by_enrolment),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
