/* YAML: what is refused and where, what the tree holds, and reading by tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

#include "common/addr.h"
#include "common/error.h"
#include "common/yaml.h"

static int parse(const char *text, size_t len, struct findings *findings, struct yaml **ret_yaml)
{
        return yaml_parse("f.yaml", text, len, YAML_BYTES_MAX, findings, ret_yaml);
}

/* ---- refused ---- */

static const struct {
        const char *name, *text;
        size_t len; /* 0: strlen */
        int err;
        uint32_t line, column;
        const char *message; /* part of it */
} refused[] = {
        { "duplicate key", "a: 1\nb: 2\na: 3\n", 0, MESH_EFORMAT, 3, 1,
          "key `a` stands here twice" },
        { "duplicate in flow", "{\"a\": 1, 'a': 2}", 0, MESH_EFORMAT, 1, 10, "twice" },
        { "duplicate deep", "x:\n  - y: 1\n    y: 2\n", 0, MESH_EFORMAT, 3, 5, "twice" },
        { "anchor", "a: &x 1\n", 0, MESH_EFORMAT, 1, 5, "anchors" },
        { "anchor on a list", "a: &x [1]\n", 0, MESH_EFORMAT, 1, 5, "anchors" },
        { "alias", "b: *x\n", 0, MESH_EFORMAT, 1, 4, "aliases" },
        { "tag", "a: !!str 1\n", 0, MESH_EFORMAT, 1, 4, "tags" },
        { "tag on a mapping", "a: !x\n  b: 1\n", 0, MESH_EFORMAT, 1, 4, "tags" },
        { "second document", "a: 1\n---\nb: 2\n", 0, MESH_EFORMAT, 2, 1, "second document" },
        { "broken second document", "a: 1\n--- ]\n", 0, MESH_EFORMAT, 2, 1, NULL },
        { "NUL byte", "a: 1\nb\0c: 2", 12, MESH_EFORMAT, 2, 2, "NUL" },
        { "NUL at the end", "a: 1\n\0", 6, MESH_EFORMAT, 2, 1, "NUL" },
        { "NUL escaped", "a: \"x\\0y\"", 0, MESH_EFORMAT, 1, 4, "NUL" },
        { "control character", "a: \x01", 0, MESH_EFORMAT, 1, 4, "control" },
        { "bad UTF-8", "a: ok\nb: \xff\n", 0, MESH_EFORMAT, 2, 4, "UTF-8" },
        { "bad UTF-8 behind umlauts", "\xc3\xa4: \xc3\xa4\xc3", 0, MESH_EFORMAT, 1, 5, "UTF-8" },
        { "overlong UTF-8", "a: \xc0\xaf", 0, MESH_EFORMAT, 1, 4, "UTF-8" },
        { "surrogate", "a: \xed\xa0\x80", 0, MESH_EFORMAT, 1, 4, "UTF-8" },
        { "above U+10FFFF", "a: \xf4\x90\x80\x80", 0, MESH_EFORMAT, 1, 4, "UTF-8" },
        { "UTF-16",
          "\xff\xfe"
          "a\0:\0",
          6, MESH_EFORMAT, 1, 1, "UTF-8" },
        { "list as a key", "? [a]\n: 1\n", 0, MESH_EFORMAT, 1, 3, "key" },
        { "no key", ": 1\n", 0, MESH_EFORMAT, 1, 1, "key" },
        { "open quote", "a: \"abc\n", 0, MESH_EFORMAT, 1, 5, "quote" },
        { "open bracket", "a: [1, 2\nb: 3\n", 0, MESH_EFORMAT, 3, 1, "bracket" },
        { "tab as indentation", "a:\n\tb: 1\n", 0, MESH_EFORMAT, 2, 1, "tab" },
        { "umlaut counts one", "\xc3\xa4: \"\xc3\xb6\" x\n", 0, MESH_EFORMAT, 1, 8, NULL },
};

static void what_is_refused(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(refused); i++) {
                struct findings findings = { 0 };
                struct yaml *yaml = NULL;
                size_t len = refused[i].len ? refused[i].len : strlen(refused[i].text);
                print_message("%s\n", refused[i].name);
                assert_int_equal(parse(refused[i].text, len, &findings, &yaml), refused[i].err);
                assert_null(yaml);
                assert_true(findings.count >= 1);
                assert_int_equal(findings.items[0].line, refused[i].line);
                assert_int_equal(findings.items[0].column, refused[i].column);
                if (refused[i].message)
                        assert_non_null(strstr(findings.items[0].message, refused[i].message));
                findings_done(&findings);
        }
}

/* ---- limits ---- */

static char *repeat(const char *piece, size_t len)
{
        char *text = malloc(len + 1);
        assert_non_null(text);
        size_t piece_len = strlen(piece);
        for (size_t i = 0; i < len; i++)
                text[i] = piece[i % piece_len];
        text[len] = '\0';
        return text;
}

/* Each of these made libfyaml take hundreds of megabytes, or minutes. */
static const struct {
        const char *name, *piece;
        size_t len;
        int err;
        const char *message;
} floods[] = {
        { "open brackets", "[", YAML_BYTES_MAX, MESH_ELIMIT, "brackets" },
        { "open braces", "{", YAML_BYTES_MAX, MESH_ELIMIT, "brackets" },
        { "braces in brackets", "[{a: ", YAML_BYTES_MAX, MESH_ELIMIT, "brackets" },
        { "items in one line", "a,", YAML_BYTES_MAX, MESH_ELIMIT, "one line" },
        { "pairs in one line", "[],", YAML_BYTES_MAX, MESH_ELIMIT, "one line" },
        { "dashes", "- ", YAML_BYTES_MAX, MESH_EFORMAT, "deep" },
        { "question marks", "? ", YAML_BYTES_MAX, MESH_EFORMAT, "key" },
        { "one too long", "#", YAML_BYTES_MAX + 1, MESH_ELIMIT, "larger than" },
        { "as long as allowed", "#", YAML_BYTES_MAX, 0, NULL },
        { "lines", "\n", YAML_BYTES_MAX, 0, NULL },
        { "items", "- a\n", YAML_BYTES_MAX, 0, NULL },
        { "items in lines", "- [a,b]\n", YAML_BYTES_MAX, 0, NULL },
};

static void floods_end_soon(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(floods); i++) {
                struct findings findings = { 0 };
                struct yaml *yaml = NULL;
                char *text = repeat(floods[i].piece, floods[i].len);
                print_message("%s\n", floods[i].name);
                assert_int_equal(parse(text, floods[i].len, &findings, &yaml), floods[i].err);
                if (floods[i].message)
                        assert_non_null(strstr(findings.items[0].message, floods[i].message));
                yaml_free(yaml);
                findings_done(&findings);
                free(text);
        }
}

static void depth(void **state)
{
        (void)state;
        for (size_t levels = YAML_DEPTH_MAX; levels <= YAML_DEPTH_MAX + 1; levels++) {
                struct findings findings = { 0 };
                struct yaml *yaml = NULL;
                char text[2 * YAML_DEPTH_MAX + 4];
                memset(text, '[', levels);
                memset(text + levels, ']', levels);
                int err = parse(text, 2 * levels, &findings, &yaml);
                assert_int_equal(err, levels == YAML_DEPTH_MAX ? 0 : MESH_EFORMAT);
                yaml_free(yaml);
                findings_done(&findings);
        }
}

/* Duplicate keys are found by sorting: libfyaml takes 34 s for this. */
static void many_keys(void **state)
{
        (void)state;
        enum { KEYS = 60000 };
        char *text = malloc(KEYS * 16);
        assert_non_null(text);
        size_t len = 0;
        for (int i = 0; i < KEYS; i++)
                len += (size_t)snprintf(text + len, 16, "k%d: 1\n", i);
        len += (size_t)snprintf(text + len, 16, "k7: 1\n");
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        assert_int_equal(parse(text, len, &findings, &yaml), MESH_EFORMAT);
        assert_int_equal(findings.count, 1);
        assert_int_equal(findings.items[0].line, KEYS + 1);
        assert_string_equal(findings.items[0].message,
                            "key `k7` stands here twice (also in line 8)");
        findings_done(&findings);
        free(text);
}

/* ---- the tree ---- */

static void tree(void **state)
{
        (void)state;
        static const char text[] = "# comment\n"
                                   "one: plain text\n"
                                   "two: [a, \"b c\", 'd']\n"
                                   "\"three\":\n"
                                   "  - x: |\n"
                                   "      lines\n"
                                   "      more\n"
                                   "  -\n";
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        assert_int_equal(parse(text, strlen(text), &findings, &yaml), 0);
        assert_string_equal(yaml_path(yaml), "f.yaml");
        const struct yaml_node *root = yaml_root(yaml);
        assert_int_equal(root->kind, YAML_MAPPING);
        assert_int_equal(root->count, 3);
        const struct yaml_node *one = yaml_get(root, "one");
        assert_string_equal(one->text, "plain text");
        assert_true(one->plain);
        assert_int_equal(one->line, 2);
        assert_int_equal(one->column, 6);
        assert_int_equal(one->key->column, 1);
        const struct yaml_node *two = yaml_get(root, "two");
        assert_int_equal(two->kind, YAML_SEQUENCE);
        assert_int_equal(two->count, 3);
        assert_string_equal(two->first->next->text, "b c");
        assert_false(two->first->next->plain);
        assert_int_equal(two->first->next->column, 10);
        assert_null(two->first->next->next->next);
        const struct yaml_node *three = yaml_get(root, "three");
        assert_string_equal(yaml_get(three->first, "x")->text, "lines\nmore\n");
        assert_true(yaml_is_null(three->first->next));
        assert_null(yaml_get(root, "four"));
        assert_null(yaml_get(one, "one"));
        yaml_free(yaml);
        findings_done(&findings);
}

static void empty_files(void **state)
{
        static const char *const texts[] = { "",           "# comment\n", "---\n",
                                             "---\n...\n", "~\n",         "\xef\xbb\xbf" };
        (void)state;
        for (size_t i = 0; i < LENGTH(texts); i++) {
                struct findings findings = { 0 };
                struct yaml *yaml = NULL;
                assert_int_equal(parse(texts[i], strlen(texts[i]), &findings, &yaml), 0);
                assert_int_equal(yaml_root(yaml)->kind, YAML_MAPPING);
                assert_int_equal(yaml_root(yaml)->count, 0);
                yaml_free(yaml);
        }
}

/* ---- tables ---- */

struct inner {
        uint64_t size;
};

struct target {
        const char *text;
        bool flag;
        uint64_t number, duration, word;
        struct ip_addr addr;
        struct ip_prefix prefix;
        struct ip_endpoint endpoint;
        struct inner inner;
        struct yaml_list prefixes;
        const struct yaml_node *node;
};

static const char *const words[] = { "mesh", "host", "off", NULL };

static const struct yaml_field inner_fields[] = {
        { .name = "size", .type = YAML_UNSIGNED, .offset = offsetof(struct inner, size) },
        { 0 },
};

static const struct yaml_field fields[] = {
        { .name = "text",
          .type = YAML_TEXT,
          .offset = offsetof(struct target, text),
          .required = true },
        { .name = "flag", .type = YAML_BOOL, .offset = offsetof(struct target, flag) },
        { .name = "number",
          .type = YAML_UNSIGNED,
          .offset = offsetof(struct target, number),
          .min = 1,
          .max = 65535 },
        { .name = "duration",
          .type = YAML_DURATION,
          .offset = offsetof(struct target, duration),
          .max = 3600 * 1000 },
        { .name = "mode",
          .type = YAML_WORD,
          .offset = offsetof(struct target, word),
          .words = words },
        { .name = "addr", .type = YAML_ADDR, .offset = offsetof(struct target, addr) },
        { .name = "prefix", .type = YAML_PREFIX, .offset = offsetof(struct target, prefix) },
        { .name = "endpoint", .type = YAML_ENDPOINT, .offset = offsetof(struct target, endpoint) },
        { .name = "inner",
          .type = YAML_FIELDS,
          .offset = offsetof(struct target, inner),
          .fields = inner_fields },
        { .name = "prefixes",
          .type = YAML_PREFIX,
          .list = true,
          .offset = offsetof(struct target, prefixes) },
        { .name = "node", .type = YAML_NODE, .offset = offsetof(struct target, node) },
        { 0 },
};

static void good_table(void **state)
{
        (void)state;
        static const char text[] = "text: 22\nflag: true\nnumber: 65535\nduration: 2m\n"
                                   "mode: off\naddr: 10.0.0.1\nprefix: 10.1.0.0/16\n"
                                   "endpoint: \"[2001:db8::1]:443\"\ninner: {size: 7}\n"
                                   "prefixes: [10.0.0.0/8, fd00::/8]\nnode: [x]\n";
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        struct target t = { .number = 5 };
        assert_int_equal(parse(text, strlen(text), &findings, &yaml), 0);
        assert_int_equal(yaml_read(yaml, yaml_root(yaml), fields, &t), 0);
        assert_string_equal(t.text, "22");
        assert_true(t.flag);
        assert_int_equal(t.number, 65535);
        assert_int_equal(t.duration, 120000);
        assert_int_equal(t.word, 2);
        assert_int_equal(t.addr.len, 4);
        assert_int_equal(t.prefix.bits, 16);
        assert_int_equal(t.endpoint.port, 443);
        assert_int_equal(t.inner.size, 7);
        assert_int_equal(t.prefixes.count, 2);
        assert_int_equal(((const struct ip_prefix *)t.prefixes.items)[1].addr.len, 16);
        assert_int_equal(t.node->count, 1);
        yaml_free(yaml);
        findings_done(&findings);
}

static void absent_keys_keep_their_defaults(void **state)
{
        (void)state;
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        struct target t = { .number = 5, .flag = true };
        assert_int_equal(parse("text: x", 7, &findings, &yaml), 0);
        assert_int_equal(yaml_read(yaml, yaml_root(yaml), fields, &t), 0);
        assert_int_equal(t.number, 5);
        assert_true(t.flag);
        yaml_free(yaml);
}

static const struct {
        const char *text;
        uint32_t line, column;
        const char *message;
} bad_tables[] = {
        { "txet: x\ntext: y\n", 1, 1, "unknown key `txet`, did you mean `text`?" },
        { "text: y\nzzzzzz: 1\n", 2, 1, "unknown key `zzzzzz`" },
        { "flag: true\n", 1, 1, "key `text` is missing" },
        { "text:\n", 1, 1, "expected a text" },
        { "text: \"\"\n", 1, 7, "expected a text" },
        { "text: [x]\n", 1, 7, "expected a text" },
        { "text: x\nflag: yes\n", 2, 7, "expected true or false" },
        { "text: x\nflag: 'true'\n", 2, 7, "expected true or false" },
        { "text: x\nnumber: 0\n", 2, 9, "must be at least 1" },
        { "text: x\nnumber: 65536\n", 2, 9, "must be at most 65535" },
        { "text: x\nnumber: 18446744073709551616\n", 2, 9, "expected a number" },
        { "text: x\nnumber: -1\n", 2, 9, "expected a number" },
        { "text: x\nnumber: 1.5\n", 2, 9, "expected a number" },
        { "text: x\nnumber: 0x10\n", 2, 9, "expected a number" },
        { "text: x\nduration: 2\n", 2, 11, "expected a duration like 90s, 2m or 24h" },
        { "text: x\nduration: 2h\n", 2, 11, "must be at most 3600000 ms" },
        { "text: x\nmode: of\n", 2, 7, "unknown word `of`, did you mean `off`?" },
        { "text: x\nmode: zzzzz\n", 2, 7,
          "unknown word `zzzzz`, expected one of: mesh, host, off" },
        { "text: x\naddr: 10.0.0.256\n", 2, 7, "expected an IP address" },
        { "text: x\nprefix: 10.1.0.1/16\n", 2, 9,
          "expected a prefix like 10.1.0.0/16, without host bits" },
        { "text: x\nendpoint: 10.0.0.1:0\n", 2, 11,
          "expected an address and port like 192.0.2.1:443 or [2001:db8::1]:443" },
        { "text: x\ninner: 3\n", 2, 8, "expected a mapping (`key: value`)" },
        { "text: x\ninner: {sise: 3}\n", 2, 9, "unknown key `sise`, did you mean `size`?" },
        { "text: x\nprefixes: 10.0.0.0/8\n", 2, 11, "expected a list" },
        { "text: x\nprefixes: [10.0.0.0/8, x]\n", 2, 24,
          "expected a prefix like 10.1.0.0/16, without host bits" },
        { "- text\n", 1, 1, "expected a mapping (`key: value`)" },
};

static void bad_table(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(bad_tables); i++) {
                struct findings findings = { 0 };
                struct yaml *yaml = NULL;
                struct target t = { 0 };
                const char *text = bad_tables[i].text;
                print_message("%s", text);
                assert_int_equal(parse(text, strlen(text), &findings, &yaml), 0);
                assert_int_equal(yaml_read(yaml, yaml_root(yaml), fields, &t), MESH_EFORMAT);
                assert_int_equal(findings.count, 1);
                assert_string_equal(findings.items[0].message, bad_tables[i].message);
                assert_string_equal(findings.items[0].path, "f.yaml");
                assert_int_equal(findings.items[0].line, bad_tables[i].line);
                assert_int_equal(findings.items[0].column, bad_tables[i].column);
                yaml_free(yaml);
                findings_done(&findings);
        }
}

static void several_findings(void **state)
{
        (void)state;
        static const char text[] = "tex: x\nflag: maybe\nnumber: 0\nprefixes: [a, b]\n";
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        struct target t = { 0 };
        assert_int_equal(parse(text, strlen(text), &findings, &yaml), 0);
        assert_int_equal(yaml_read(yaml, yaml_root(yaml), fields, &t), MESH_EFORMAT);
        assert_int_equal(findings.count, 6);
        yaml_free(yaml);
        findings_done(&findings);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_refused),
                cmocka_unit_test(floods_end_soon),
                cmocka_unit_test(depth),
                cmocka_unit_test(many_keys),
                cmocka_unit_test(tree),
                cmocka_unit_test(empty_files),
                cmocka_unit_test(good_table),
                cmocka_unit_test(absent_keys_keep_their_defaults),
                cmocka_unit_test(bad_table),
                cmocka_unit_test(several_findings),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
