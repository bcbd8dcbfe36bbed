/* meshctl/parse: words and options in any order, refusals with their exit code. */
#include "meshctl/parse.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/unit.h"

enum { WORDS_MAX = 12 };

/* Parses a line of words; what it prints goes nowhere. */
static int parse(const char *line, struct invocation *in)
{
        static char copy[512];
        char *argv[WORDS_MAX + 1] = { "meshctl" };
        int argc = 1, out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
        int nowhere = open("/dev/null", O_WRONLY);
        (void)snprintf(copy, sizeof(copy), "%s", line);
        char *rest = copy;
        for (char *word; argc < WORDS_MAX && (word = strsep(&rest, " "));)
                if (*word)
                        argv[argc++] = word;
        (void)fflush(stdout);
        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
        int code = parse_arguments(argc, argv, in);
        (void)fflush(stdout);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(err, STDERR_FILENO);
        (void)close(out);
        (void)close(err);
        (void)close(nowhere);
        return code;
}

static const struct {
        const char *line;
        int code;         /* -1: runs */
        const char *verb; /* that runs */
} lines[] = {
        { "status", -1, "status" },
        { "status --json", -1, "status" },
        { "--json status", -1, "status" },
        { "node list", -1, "node list" },
        { "--coordinator-socket /s node list", -1, "node list" },
        { "--coordinator-socket=/s node list", -1, "node list" },
        { "node show ubongo", -1, "node show" },
        { "node show -- --odd", -1, "node show" },
        { "policy can a b tcp/22 --policy p.yaml", -1, "policy can" },
        { "setup-key create --tag a --tag b", -1, "setup-key create" },
        { "", EXIT_USAGE, NULL },
        { "help", EXIT_OK, NULL },
        { "--help", EXIT_OK, NULL },
        { "help node list", EXIT_OK, NULL },
        { "node list --help", EXIT_OK, NULL },
        { "node list -h", EXIT_OK, NULL },
        { "node", EXIT_USAGE, NULL },
        { "node --help", EXIT_OK, NULL },
        { "stauts", EXIT_USAGE, NULL },
        { "node lits", EXIT_USAGE, NULL },
        { "node show", EXIT_USAGE, NULL },
        { "node show a b", EXIT_USAGE, NULL },
        { "status extra", EXIT_USAGE, NULL },
        { "status --tag x", EXIT_USAGE, NULL }, /* another verb's option */
        { "status --nonsense", EXIT_USAGE, NULL },
        { "status -x", EXIT_USAGE, NULL },
        { "status --json=1", EXIT_USAGE, NULL },
        { "setup-key create --name", EXIT_USAGE, NULL },
        { "setup-key create --name a --name b", EXIT_USAGE, NULL },
        { "policy plan p.yaml", EXIT_USAGE, NULL }, /* not built yet */
        { "up", EXIT_USAGE, NULL },
        { "a b c d e f g h", EXIT_USAGE, NULL },
};

static void test_parse_table(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(lines); i++) {
                struct invocation in;
                int code = parse(lines[i].line, &in);
                if (code != lines[i].code)
                        fail_msg("'%s': %d instead of %d", lines[i].line, code, lines[i].code);
                if (code == -1 && strcmp(in.verb->name, lines[i].verb) != 0)
                        fail_msg("'%s': %s", lines[i].line, in.verb->name);
        }
}

static void test_parse_values(void **state)
{
        (void)state;
        struct invocation in;
        assert_int_equal(parse("setup-key create --tag a --reusable --tag=b --json", &in), -1);
        assert_true(in.json);
        assert_string_equal(invocation_option(&in, "tag"), "a");
        assert_int_equal(invocation_options(&in, "tag")->count, 2);
        assert_string_equal(invocation_options(&in, "tag")->values[1], "b");
        assert_string_equal(invocation_option(&in, "reusable"), "");
        assert_null(invocation_option(&in, "name"));
        assert_string_equal(in.agent_socket, MESHCTL_AGENT_SOCKET);
        assert_int_equal(parse("--agent-socket /x status", &in), -1);
        assert_string_equal(in.agent_socket, "/x");
        assert_int_equal(parse("node show -- --odd", &in), -1);
        assert_string_equal(in.arguments[0], "--odd");
        assert_int_equal(parse("policy can a b tcp/22", &in), -1);
        assert_int_equal(in.argument_count, 3);
        assert_string_equal(in.arguments[2], "tcp/22");
}

/* The table itself: every row can be called and explained; no planned verb is built. */
static void test_verb_table_is_sound(void **state)
{
        (void)state;
        for (const struct verb *v = verb_table(); v->name; v++) {
                assert_non_null(v->run);
                assert_non_null(v->summary);
                assert_true(v->arguments_max <= VERB_ARGUMENTS_MAX);
                assert_true((v->arguments != NULL) == (v->arguments_max > 0));
                for (const char *const *planned = verb_planned(); *planned; planned++)
                        assert_string_not_equal(*planned, v->name);
                for (const struct verb *other = verb_table(); other != v; other++)
                        assert_string_not_equal(other->name, v->name);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse_table),
                cmocka_unit_test(test_parse_values),
                cmocka_unit_test(test_verb_table_is_sound),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
