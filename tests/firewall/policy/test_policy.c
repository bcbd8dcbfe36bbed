/* The policy language: what is good, and every finding at its place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

#include "common/buffer.h"
#include "common/error.h"
#include "common/yaml.h"
#include "firewall/policy/policy.h"

#define V "version: 1\n"

static int parse(const char *text, struct findings *findings, struct policy **ret_policy)
{
        struct policy_file file = { "p.yaml", text, strlen(text) };
        return policy_parse(&file, 1, findings, ret_policy);
}

/* ---- good ---- */

static const struct {
        const char *name, *text;
        size_t rules, groups;
} good[] = {
        { "the least", V, 0, 0 },
        { "empty lists that mean nothing", V "groups: {}\nallow: []\n", 0, 0 },
        { "one rule", V "allow:\n  - {from: a, to: b, ports: [tcp/22]}\n", 1, 0 },
        { "one port without a list", V "allow:\n  - {from: a, to: b, ports: icmp}\n", 1, 0 },
        { "every kind of selector",
          V "groups: {g: [x, \"tag:t\", \"group:h\"], h: [y]}\n"
            "allow:\n  - {from: [g, z, 'tag:t', 'group:h', all], to: all, ports: any}\n",
          1, 2 },
        { "every kind of port",
          V "allow:\n  - from: a\n    to: b\n    note: all of them\n"
            "    ports: [tcp/1, tcp/65535, tcp/8000-8099, tcp/*, udp/53, icmp, proto/47, any]\n",
          1, 0 },
        { "JSON",
          "{\"version\": 1, \"allow\": [{\"from\": \"a\", \"to\": \"b\", \"ports\": "
          "[\"tcp/22\"]}]}",
          1, 0 },
        { "names of digits", V "allow:\n  - {from: 1, to: 2, ports: [tcp/22]}\n", 1, 0 },
        { "group that is used before it stands",
          V "allow:\n  - {from: g, to: g, ports: any}\ngroups: {g: [a]}\n", 1, 1 },
        { "groups that share a group",
          V "groups: {a: ['group:c'], b: ['group:c'], c: [x], d: ['group:a', 'group:b']}\n", 0, 4 },
};

static void what_is_good(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(good); i++) {
                struct findings findings = { 0 };
                struct policy *policy = NULL;
                print_message("%s\n", good[i].name);
                assert_int_equal(parse(good[i].text, &findings, &policy), 0);
                assert_int_equal(findings.count, 0);
                assert_int_equal(policy_rule_count(policy), good[i].rules);
                assert_int_equal(policy_group_count(policy), good[i].groups);
                policy_free(policy);
        }
}

/* ---- bad ---- */

#define RULE(from, to, ports) V "allow:\n  - {from: " from ", to: " to ", ports: " ports "}\n"

/* `findings` is what policy_parse finds, as LINE:COL: message, one a line. */
static const struct {
        const char *text, *findings;
} bad[] = {
        { "", "1:1: key `version` is missing\n" },
        { "version: 2\n", "1:10: version 2 is not known, this program reads version 1\n" },
        { "version: one\n", "1:10: expected a number\n" },
        { "- a\n", "1:1: expected a mapping (`key: value`)\n" },
        { V "alow: []\n", "2:1: unknown key `alow`, did you mean `allow`?\n" },
        { V "hosts: {}\n", "2:1: `hosts` is not built yet\n" },
        { V "networks: {}\ntests: []\nnever: []\nnodes: {}\n",
          "2:1: `networks` is not built yet\n3:1: `tests` is not built yet\n"
          "4:1: `never` is not built yet\n5:1: `nodes` is not built yet\n" },
        { V "allow: {}\n", "2:8: expected a list of rules\n" },
        { V "allow:\n", "2:1: expected a list of rules\n" },
        { V "allow:\n  - a\n", "3:5: expected a mapping (`key: value`)\n" },
        { V "groups: []\n", "2:9: expected a mapping (`name: [members]`)\n" },
        { V "groups:\n  g: a\n", "3:6: expected a list of members\n" },
        { V "groups:\n  g: []\n", "3:6: the list is empty\n" },
        { V "groups:\n  g: [[a]]\n", "3:7: expected a text\n" },
        { V "groups:\n  G: [a]\n",
          "3:3: `G` is not a name: 1 to 63 of a-z, 0-9 and `-`, no `-` at either end\n" },
        { V "groups:\n  all: [a]\n", "3:3: `all` is no name for a group: it means everybody\n" },
        { V "groups:\n  g: [all]\n",
          "3:7: `all` cannot be a member of a group: write it in the rule\n" },
        { V "groups:\n  g: [h]\n  h: [a]\n", "3:7: `h` is a group: as a member write `group:h`\n" },
        { V "groups:\n  g: ['group:g']\n", "3:7: group `g` contains itself through `g`\n" },
        { V "groups:\n  a: ['group:b']\n  b: ['group:c']\n  c: [x, 'group:a']\n",
          "5:10: group `a` contains itself through `c`\n" },
        { V "groups:\n  g: ['group:servrs']\n  servers: [a]\n",
          "3:7: unknown group `servrs`, did you mean `servers`?\n" },
        { RULE("'group:x'", "a", "any"), "3:12: unknown group `x`\n" },
        { V "groups:\n  g: [a]\n  g: [b]\n", "4:3: key `g` stands here twice (also in line 3)\n" },
        { V "allow:\n  - {from: a, to: b}\n", "3:5: key `ports` is missing\n" },
        { V "allow:\n  - {to: b, ports: any}\n", "3:5: key `from` is missing\n" },
        { V "allow:\n  - {from: a, to: b, prots: any}\n",
          "3:5: key `ports` is missing\n3:22: unknown key `prots`, did you mean `ports`?\n" },
        { V "allow:\n  - {from: a, to: b, ports: any, until: 2026-12-31}\n",
          "3:34: `until` is not built yet\n" },
        { V "allow:\n  - {from: a, to: b, ports: any, note: [x]}\n", "3:40: expected a text\n" },
        { RULE("[]", "b", "any"), "3:12: the list is empty\n" },
        { RULE("a", "[]", "any"), "3:19: the list is empty\n" },
        { RULE("a", "b", "[]"), "3:29: the list is empty\n" },
        { RULE("", "b", "any"), "3:6: expected a text\n" },
        { RULE("{a: b}", "b", "any"), "3:12: expected a name or a list of names\n" },
        { RULE("a", "b", "{tcp: 22}"), "3:29: expected a list of ports\n" },
        { RULE("'user:x'", "b", "any"),
          "3:12: `user:x` is no selector: a name, `group:name`, `tag:name` or `all`\n" },
        { RULE("'tag:'", "b", "any"),
          "3:12: `` is not a name: 1 to 63 of a-z, 0-9 and `-`, no `-` at either end\n" },
        { RULE("-a", "b", "any"),
          "3:12: `-a` is not a name: 1 to 63 of a-z, 0-9 and `-`, no `-` at either end\n" },
        { RULE("a", "b", "[tcp/0]"),
          "3:30: `tcp/0`: a port is 1 to 65535, a range runs upwards\n" },
        { RULE("a", "b", "[tcp/65536]"),
          "3:30: `tcp/65536`: a port is 1 to 65535, a range runs upwards\n" },
        { RULE("a", "b", "[tcp/9-8]"),
          "3:30: `tcp/9-8`: a port is 1 to 65535, a range runs upwards\n" },
        { RULE("a", "b", "[tpc/22]"), "3:30: unknown protocol `tpc`, did you mean `tcp`?\n" },
        { RULE("a", "b", "[icmp, 22]"),
          "3:36: `22` is no port: tcp/22, tcp/8000-8099, tcp/*, udp/..., icmp, proto/47 or any\n" },
        { RULE("a", "b", "[tcp/]"),
          "3:30: `tcp/` is no port: tcp/22, tcp/8000-8099, tcp/*, udp/..., icmp, proto/47 or "
          "any\n" },
        { RULE("a", "b", "[proto/58]"), "3:30: write `icmp`: it is both ICMP and ICMPv6\n" },
        { V "allow:\n  - {from: A, to: [b, C], ports: [tcp/0, udp/x]}\nhost: 1\n",
          "3:12: `A` is not a name: 1 to 63 of a-z, 0-9 and `-`, no `-` at either end\n"
          "3:23: `C` is not a name: 1 to 63 of a-z, 0-9 and `-`, no `-` at either end\n"
          "3:35: `tcp/0`: a port is 1 to 65535, a range runs upwards\n"
          "3:42: `udp/x` is no port: tcp/22, tcp/8000-8099, tcp/*, udp/..., icmp, proto/47 or "
          "any\n"
          "4:1: unknown key `host`, did you mean `hosts`?\n" },
};

static void what_is_bad(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(bad); i++) {
                struct findings findings = { 0 };
                struct policy *policy = NULL;
                assert_int_equal(parse(bad[i].text, &findings, &policy), MESH_EFORMAT);
                assert_null(policy);
                char found[4096] = "";
                size_t len = 0;
                for (size_t j = 0; j < findings.count; j++) {
                        const struct finding *f = &findings.items[j];
                        assert_string_equal(f->path, "p.yaml");
                        assert_false(f->warning);
                        len += (size_t)snprintf(found + len, sizeof(found) - len, "%u:%u: %s\n",
                                                f->line, f->column, f->message);
                }
                print_message("%s---\n", bad[i].text);
                assert_string_equal(found, bad[i].findings);
                findings_done(&findings);
        }
}

/* ---- several files ---- */

static void one_namespace(void **state)
{
        (void)state;
        const struct policy_file files[] = {
                { "a.yaml", V "groups: {g: [x]}\n", strlen(V "groups: {g: [x]}\n") },
                { "b.yaml", RULE("'group:g'", "y", "any"), strlen(RULE("'group:g'", "y", "any")) },
        };
        struct findings findings = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse(files, 2, &findings, &policy), 0);
        assert_true(policy_mentions_node(policy, "x"));
        assert_true(policy_mentions_node(policy, "y"));
        assert_false(policy_mentions_node(policy, "g"));
        assert_false(policy_mentions_node(policy, "all"));
        policy_free(policy);
}

static void double_over_files(void **state)
{
        (void)state;
        const char *text = V "groups: {g: [x]}\n";
        const struct policy_file files[] = { { "b.yaml", text, strlen(text) },
                                             { "a.yaml", text, strlen(text) },
                                             { "c.yaml", "version: [", 10 } };
        struct findings findings = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse(files, 3, &findings, &policy), MESH_EFORMAT);
        assert_int_equal(findings.count, 2); /* a broken file keeps nobody from the others */
        assert_string_equal(findings.items[0].path, "b.yaml");
        assert_int_equal(findings.items[0].column, 10);
        assert_string_equal(findings.items[0].message,
                            "group `g` stands here twice (also in a.yaml:2)");
        assert_string_equal(findings.items[1].path, "c.yaml");
        findings_done(&findings);
}

static void no_files_deny_all(void **state)
{
        (void)state;
        struct findings findings = { 0 };
        struct policy *none = NULL, *least = NULL;
        struct policy_class *a, *b;
        assert_int_equal(policy_parse(NULL, 0, &findings, &none), 0);
        assert_int_equal(parse(V, &findings, &least), 0);
        assert_memory_equal(policy_hash(none), policy_hash(least), POLICY_HASH_BYTES);
        const char *tag = "t";
        assert_int_equal(policy_classify(none, "a", &tag, 1, &a), 0);
        assert_int_equal(policy_classify(none, NULL, NULL, 0, &b), 0);
        assert_false(policy_sees(a, b));
        assert_int_equal(policy_class_compare(a, b), 0);
        size_t cursor = 0;
        uint64_t id;
        assert_null(policy_next_rule(none, a, &cursor));
        cursor = 0;
        assert_false(policy_next_set(none, a, &cursor, &id));
        assert_false(policy_in_set(none, a, 0));
        policy_class_free(a);
        policy_class_free(b);
        policy_free(none);
        policy_free(least);
}

/* ---- limits ---- */

/* g0 holds x; each next one holds the one before. */
static void put_chain_of_groups(struct buffer *text, int count)
{
        buffer_printf(text, V "groups:\n  g0: [x]\n");
        for (int i = 1; i < count; i++)
                buffer_printf(text, "  g%d: ['group:g%d']\n", i, i - 1);
        buffer_put_u8(text, 0);
}

static void nesting(void **state)
{
        (void)state;
        for (int levels = 64; levels <= 65; levels++) {
                struct findings findings = { 0 };
                struct policy *policy = NULL;
                struct buffer text = buffer_with_max(YAML_BYTES_MAX);
                put_chain_of_groups(&text, levels);
                assert_int_equal(parse((char *)text.bytes, &findings, &policy),
                                 levels == 64 ? 0 : MESH_ELIMIT);
                assert_int_equal(findings.errors, levels == 64 ? 0 : 1);
                policy_free(policy);
                findings_done(&findings);
                buffer_done(&text);
        }
}

static void too_many_files(void **state)
{
        (void)state;
        static struct policy_file files[POLICY_FILES_MAX + 1];
        for (size_t i = 0; i < LENGTH(files); i++)
                files[i] = (struct policy_file){ "a.yaml", V, strlen(V) };
        struct findings findings = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse(files, POLICY_FILES_MAX, &findings, &policy), 0);
        policy_free(policy);
        policy = NULL;
        assert_int_equal(policy_parse(files, POLICY_FILES_MAX + 1, &findings, &policy),
                         MESH_ELIMIT);
        assert_int_equal(findings.errors, 1);
        findings_done(&findings);
}

/* Small files whose groups stand for far more names than anybody has. */
static void groups_that_multiply(void **state)
{
        (void)state;
        enum { MEMBERS = 20000, RULES = 15000 };
        struct buffer text = buffer_with_max(YAML_BYTES_MAX);
        buffer_printf(&text, V "groups:\n  g:\n");
        for (int i = 0; i < MEMBERS; i++)
                buffer_printf(&text, "  - n%d\n", i);
        buffer_printf(&text, "allow:\n");
        for (int i = 0; i < RULES; i++)
                buffer_printf(&text, "- {from: [g, x%d], to: a, ports: any}\n", i);
        buffer_put_u8(&text, 0);
        assert_int_equal(buffer_error(&text), 0);
        struct findings findings = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(parse((char *)text.bytes, &findings, &policy), MESH_ELIMIT);
        assert_int_equal(findings.errors, 1);
        assert_non_null(strstr(findings.items[0].message, "too large"));
        findings_done(&findings);
        buffer_done(&text);
}

static void brackets_end_soon(void **state)
{
        (void)state;
        char *text = malloc(YAML_BYTES_MAX);
        assert_non_null(text);
        memset(text, '[', YAML_BYTES_MAX);
        struct policy_file file = { "p.yaml", text, YAML_BYTES_MAX };
        struct findings findings = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse(&file, 1, &findings, &policy), MESH_EFORMAT);
        assert_int_equal(findings.items[0].column, 257);
        findings_done(&findings);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_good),      cmocka_unit_test(what_is_bad),
                cmocka_unit_test(one_namespace),     cmocka_unit_test(double_over_files),
                cmocka_unit_test(no_files_deny_all), cmocka_unit_test(nesting),
                cmocka_unit_test(too_many_files),    cmocka_unit_test(groups_that_multiply),
                cmocka_unit_test(brackets_end_soon),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
