/* The local firewall config as YAML, both ways. */
#include <stddef.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/yaml.h"
#include "firewall/local.h"

static const char any_word[] = "any";
static const char mesh_word[] = "mesh";

/* A rule as it stands in the file. */
struct rule_fields {
        const char *port;
        const char *interface;
        const struct yaml_node *from;
};

static const struct yaml_field rule_table[] = {
        { .name = "port",
          .type = YAML_TEXT,
          .offset = offsetof(struct rule_fields, port),
          .required = true },
        { .name = "from",
          .type = YAML_NODE,
          .offset = offsetof(struct rule_fields, from),
          .required = true },
        { .name = "interface",
          .type = YAML_TEXT,
          .offset = offsetof(struct rule_fields, interface) },
        { .name = NULL },
};

/* The section as it stands in the file. */
struct section_fields {
        uint64_t mode;
        const struct yaml_node *break_glass, *allow;
};

static const char *const mode_words[] = { "mesh", "host", "off", NULL };

static const struct yaml_field section_table[] = {
        { .name = "mode",
          .type = YAML_WORD,
          .offset = offsetof(struct section_fields, mode),
          .words = mode_words },
        { .name = "break_glass",
          .type = YAML_NODE,
          .offset = offsetof(struct section_fields, break_glass) },
        { .name = "allow", .type = YAML_NODE, .offset = offsetof(struct section_fields, allow) },
        { .name = NULL },
};

static int read_port(struct yaml *yaml, const struct yaml_node *node, struct port_spec *ret_port)
{
        int err = node->text ? port_spec_parse(node->text, ret_port) : MESH_EFORMAT;
        if (err)
                yaml_error(yaml, node, "%s (tcp/22, udp/60000-61000, tcp/*, icmp, proto/47, any)",
                           err == MESH_EBADPORT ? "no such port" : "expected a port");
        return err ? MESH_EFORMAT : 0;
}

/* "eth0", "en*", "mesh", "*". */
static int read_interface(struct yaml *yaml, const struct yaml_node *node, const char *text,
                          struct local_rule *rule)
{
        size_t len = strlen(text);
        if (strcmp(text, mesh_word) == 0) {
                rule->on_mesh = true;
                return 0;
        }
        if (strcmp(text, "*") == 0)
                return 0;
        const char *star = strchr(text, '*');
        if (len >= sizeof(rule->interface) || strpbrk(text, "/: \t\n\v\f\r\"\\") ||
            (star && star[1] != '\0')) {
                yaml_error(yaml, node,
                           "expected an interface's name, a pattern such as en*, or "
                           "mesh");
                return MESH_EFORMAT;
        }
        memcpy(rule->interface, text, len + 1);
        return 0;
}

/* "any", one prefix, or a list of prefixes. */
static int read_from(struct yaml *yaml, const struct yaml_node *node, struct arena *arena,
                     struct local_rule *rule)
{
        static const struct yaml_field prefix = { .name = "from", .type = YAML_PREFIX };
        if (node->text && strcmp(node->text, any_word) == 0)
                return 0;
        const struct yaml_node *first = node->kind == YAML_SEQUENCE ? node->first : node;
        size_t count = node->kind == YAML_SEQUENCE ? node->count : 1;
        if (node->kind == YAML_MAPPING || count == 0 || count > LOCAL_PREFIXES_MAX) {
                yaml_error(yaml, node, "expected `any`, or 1 to %d prefixes", LOCAL_PREFIXES_MAX);
                return MESH_EFORMAT;
        }
        rule->from = arena_alloc(arena, count * sizeof(*rule->from));
        if (!rule->from)
                return MESH_ENOMEM;
        int err = 0;
        for (const struct yaml_node *item = first; rule->from_count < count; item = item->next) {
                int bad = yaml_read_value(yaml, item, &prefix, &rule->from[rule->from_count++]);
                err = err ? err : bad;
        }
        return err;
}

static int read_rule(struct yaml *yaml, const struct yaml_node *node, struct arena *arena,
                     struct local_rule *rule)
{
        struct rule_fields fields = { 0 };
        int err = yaml_read(yaml, node, rule_table, &fields);
        if (err)
                return err;
        int bad_port = read_port(yaml, yaml_get(node, "port"), &rule->port);
        int bad_from = read_from(yaml, fields.from, arena, rule);
        int bad_interface = 0;
        if (fields.interface)
                bad_interface =
                        read_interface(yaml, yaml_get(node, "interface"), fields.interface, rule);
        return bad_from ? bad_from : bad_port ? bad_port : bad_interface;
}

/* Checks that NODE is a list of at most LOCAL_RULES_MAX items. */
static int check_list(struct yaml *yaml, const struct yaml_node *node, const char *of)
{
        if (node->kind == YAML_SEQUENCE && node->count <= LOCAL_RULES_MAX)
                return 0;
        yaml_error(yaml, node, "expected a list of at most %d %s", LOCAL_RULES_MAX, of);
        return MESH_EFORMAT;
}

static int read_rules(struct yaml *yaml, const struct yaml_node *node, struct arena *arena,
                      struct local_rule **ret_rules, size_t *ret_count)
{
        int err = check_list(yaml, node, "rules");
        if (err)
                return err;
        size_t count = 0;
        struct local_rule *rules = arena_alloc(arena, (node->count + 1) * sizeof(*rules));
        if (!rules)
                return MESH_ENOMEM;
        for (const struct yaml_node *item = node->first; item; item = item->next) {
                int bad = read_rule(yaml, item, arena, &rules[count++]);
                err = err ? err : bad;
        }
        if (err)
                return err;
        *ret_rules = rules;
        *ret_count = count;
        return 0;
}

static int read_control_plane(struct yaml *yaml, const struct yaml_node *node,
                              struct local_firewall *local)
{
        int err = check_list(yaml, node, "ports");
        if (err)
                return err;
        struct port_spec *ports = arena_alloc(local->arena, (node->count + 1) * sizeof(*ports));
        if (!ports)
                return MESH_ENOMEM;
        size_t count = 0;
        for (const struct yaml_node *item = node->first; item; item = item->next) {
                int bad = read_port(yaml, item, &ports[count++]);
                err = err ? err : bad;
        }
        local->control_plane = ports;
        local->control_plane_count = count;
        return err;
}

static int read_section(struct yaml *yaml, const struct yaml_node *node,
                        struct local_firewall *local)
{
        struct section_fields fields = { .mode = (uint64_t)local->mode };
        int err = yaml_read(yaml, node, section_table, &fields);
        if (err)
                return err;
        local->mode = (enum firewall_mode)fields.mode;
        if (fields.break_glass) {
                err = read_rules(yaml, fields.break_glass, local->arena, &local->break_glass,
                                 &local->break_glass_count);
                if (err == MESH_ENOMEM)
                        return err;
        }
        int bad_allow = 0;
        if (fields.allow)
                bad_allow = read_rules(yaml, fields.allow, local->arena, &local->allow,
                                       &local->allow_count);
        return err ? err : bad_allow;
}

int local_firewall_parse(struct yaml *yaml, const struct yaml_node *firewall,
                         const struct yaml_node *control_plane, struct local_firewall *ret_local)
{
        struct local_firewall local;
        int err = local_firewall_default(FIREWALL_MODE_MESH, NULL, 0, &local);
        if (err)
                return err;
        if (firewall)
                err = read_section(yaml, firewall, &local);
        if (control_plane && err != MESH_ENOMEM) {
                int bad = read_control_plane(yaml, control_plane, &local);
                err = err ? err : bad;
        }
        if (err) {
                local_firewall_done(&local);
                return err;
        }
        *ret_local = local;
        return 0;
}

static void write_rules(const struct local_rule *rules, size_t count, struct buffer *out)
{
        char text[IP_TEXT_MAX], port[PORT_SPEC_TEXT_MAX];
        if (count == 0)
                buffer_printf(out, " []");
        buffer_printf(out, "\n");
        for (size_t i = 0; i < count; i++) {
                buffer_printf(out,
                              "    - { port: %s, from: ", port_spec_format(&rules[i].port, port));
                if (rules[i].from_count == 0)
                        buffer_printf(out, "%s", any_word);
                for (size_t j = 0; j < rules[i].from_count; j++)
                        buffer_printf(out, "%s\"%s\"", j == 0 ? "[" : ", ",
                                      ip_prefix_format(&rules[i].from[j], text));
                buffer_printf(out, rules[i].from_count ? "]" : "");
                if (rules[i].on_mesh)
                        buffer_printf(out, ", interface: %s", mesh_word);
                else if (rules[i].interface[0])
                        buffer_printf(out, ", interface: \"%s\"", rules[i].interface);
                buffer_printf(out, " }\n");
        }
}

void local_firewall_write(const struct local_firewall *local, struct buffer *out)
{
        char port[PORT_SPEC_TEXT_MAX];
        buffer_printf(out,
                      "# What may enter this host whatever the policy says.\n"
                      "firewall:\n"
                      "  # host: what enters on any interface is denied unless allowed\n"
                      "  # mesh: only what enters on the mesh interface is\n"
                      "  # off:  no rules at all\n"
                      "  mode: %s\n"
                      "  # The way in that nothing can close: every interface but the mesh\n"
                      "  # (`interface: mesh` in a rule makes it hold there).\n"
                      "  break_glass:",
                      firewall_mode_name(local->mode));
        write_rules(local->break_glass, local->break_glass_count, out);
        buffer_printf(out, "  # This host's own rules.\n  allow:");
        write_rules(local->allow, local->allow_count, out);
        buffer_printf(out, "# Ports of a coordinator or relay on this host: open on every "
                           "interface and on the mesh.\n"
                           "control_plane: [");
        for (size_t i = 0; i < local->control_plane_count; i++)
                buffer_printf(out, "%s%s", i ? ", " : "",
                              port_spec_format(&local->control_plane[i], port));
        buffer_printf(out, "]\n");
}
