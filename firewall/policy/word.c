/* The words of the policy language: names, selectors, ports. */
#include "firewall/policy/word.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/label.h"
#include "common/nearest.h"

struct place word_place(const struct reader *r, const struct yaml_node *node)
{
        return (struct place){ r->path, node->line, node->column };
}

const char *word_keep(struct reader *r, const char *text)
{
        const char *copy = arena_text(r->draft->arena, text, strlen(text));
        if (!copy)
                r->failed = MESH_ENOMEM;
        return copy;
}

bool word_check_name(struct reader *r, const struct yaml_node *node, const char *name)
{
        if (label_valid(name))
                return true;
        yaml_error(r->yaml, node,
                   "`%.64s` is not a name: 1 to 63 of a-z, 0-9 and `-`, no `-` at either end",
                   name);
        return false;
}

static void read_term(struct reader *r, const struct yaml_node *node, struct term_list *list)
{
        static const struct {
                const char *prefix;
                enum term_kind kind;
        } kinds[] = { { "group:", TERM_GROUP }, { "tag:", TERM_TAG }, { "", TERM_BARE } };
        const char *text;
        static const struct yaml_field field = { .type = YAML_TEXT };
        if (yaml_read_value(r->yaml, node, &field, &text))
                return;
        struct term term = { .place = word_place(r, node) };
        size_t i = 0;
        while (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
                i++;
        term.kind = kinds[i].kind;
        const char *name = text + strlen(kinds[i].prefix);
        if (term.kind == TERM_BARE && strchr(name, ':')) {
                yaml_error(r->yaml, node,
                           "`%.64s` is no selector: a name, `group:name`, `tag:name` or `all`",
                           text);
                return;
        }
        if (!word_check_name(r, node, name))
                return;
        if (term.kind == TERM_BARE && label_reserved(name))
                term.kind = TERM_ALL;
        term.name = word_keep(r, name);
        list->items[list->count++] = term;
}

void word_read_terms(struct reader *r, const struct yaml_node *node, struct term_list *ret_list)
{
        size_t count = node->kind == YAML_SEQUENCE ? node->count : 1;
        if (node->kind == YAML_MAPPING) {
                yaml_error(r->yaml, node, "expected a name or a list of names");
                return;
        }
        if (count == 0) {
                yaml_error(r->yaml, node, "the list is empty");
                return;
        }
        struct term_list list = { .items = arena_alloc(r->draft->arena,
                                                       count * sizeof(*list.items)) };
        if (!list.items) {
                r->failed = MESH_ENOMEM;
                return;
        }
        if (node->kind == YAML_SCALAR)
                read_term(r, node, &list);
        else
                for (const struct yaml_node *n = node->first; n && !r->failed; n = n->next)
                        read_term(r, n, &list);
        *ret_list = list;
}

/* ---- ports ---- */

static void wrong_port(struct reader *r, const struct yaml_node *node, const char *text, int err)
{
        static const char *const protocols[] = { "tcp", "udp", "icmp", "proto", "any" };
        char word[16];
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, "/"), text);
        const char *near = nearest_name(word, protocols, sizeof(protocols) / sizeof(protocols[0]));
        if (err == MESH_EBADPORT)
                yaml_error(r->yaml, node, "`%.64s`: a port is 1 to 65535, a range runs upwards",
                           text);
        else if (near && strcmp(near, word) != 0)
                yaml_error(r->yaml, node, "unknown protocol `%s`, did you mean `%s`?", word, near);
        else
                yaml_error(r->yaml, node,
                           "`%.64s` is no port: tcp/22, tcp/8000-8099, tcp/*, udp/..., icmp, "
                           "proto/47 or any",
                           text);
}

static void read_port(struct reader *r, const struct yaml_node *node, struct portset *set)
{
        static const struct yaml_field field = { .type = YAML_TEXT };
        const char *text;
        struct port_spec spec;
        if (yaml_read_value(r->yaml, node, &field, &text))
                return;
        int err = port_spec_parse(text, &spec);
        if (err)
                wrong_port(r, node, text, err);
        else if (spec.protocol == IPPROTO_ICMPV6)
                yaml_error(r->yaml, node, "write `icmp`: it is both ICMP and ICMPv6");
        else if (portset_add_spec(set, &spec))
                r->failed = MESH_ENOMEM;
}

void word_read_ports(struct reader *r, const struct yaml_node *node, struct portset *set)
{
        if (node->kind == YAML_MAPPING) {
                yaml_error(r->yaml, node, "expected a list of ports");
        } else if (node->kind == YAML_SCALAR) {
                read_port(r, node, set);
        } else {
                if (node->count == 0)
                        yaml_error(r->yaml, node, "the list is empty");
                for (const struct yaml_node *n = node->first; n && !r->failed; n = n->next)
                        read_port(r, n, set);
        }
        portset_settle(set);
}
