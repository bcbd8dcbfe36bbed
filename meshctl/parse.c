/* Command line parsing by the verb table; see the header.
 *
 * Own parser instead of getopt_long: verbs have two words, options may stand before or after them,
 * and an unknown word gets the nearest known one as a hint. */
#include "meshctl/parse.h"

#include <stdio.h>
#include <string.h>

#include "common/nearest.h"
#include "meshctl/help.h"

static const struct option_row global_options[] = {
        { "agent-socket", "PATH", NULL, false },
        { "coordinator-socket", "PATH", NULL, false },
        { "json", NULL, NULL, false },
        { "help", NULL, NULL, false },
};

enum { GLOBAL_AGENT_SOCKET, GLOBAL_COORDINATOR_SOCKET, GLOBAL_JSON, GLOBAL_HELP };

/* The command line while it is taken apart. */
struct parse {
        int argc, at;
        char **argv;
        const char *words[VERB_ARGUMENTS_MAX + 2]; /* verb words and arguments, in order */
        int word_count;
        bool help;
        struct {
                const char *name, *value;
        } options[VERB_OPTIONS_MAX * 4]; /* options of the verb, which is not known yet */
        int option_count;
};

static int usage_error(const char *what, const char *word, const char *hint)
{
        (void)fprintf(stderr, "meshctl: %s: `%s`", what, word);
        if (hint)
                (void)fprintf(stderr, "; did you mean `%s`?", hint);
        (void)fprintf(stderr, "\nTry `meshctl help`.\n");
        return EXIT_USAGE;
}

/* Whether TEXT begins with the words of verb NAME. */
static int words_matching(const char *name, const char *const *words, int count)
{
        char joined[64];
        if (count > 0 && strcmp(name, words[0]) == 0)
                return 1;
        if (count > 1) {
                (void)snprintf(joined, sizeof(joined), "%s %s", words[0], words[1]);
                if (strcmp(name, joined) == 0)
                        return 2;
        }
        return 0;
}

static const struct verb *find_verb(const struct parse *p, int *ret_words)
{
        for (const struct verb *verb = verb_table(); verb->name; verb++) {
                int words = words_matching(verb->name, p->words, p->word_count);
                if (words > 0) {
                        *ret_words = words;
                        return verb;
                }
        }
        return NULL;
}

static int unknown_verb(const struct parse *p)
{
        char typed[64];
        const char *names[64];
        size_t count = 0;
        for (const char *const *planned = verb_planned(); *planned; planned++)
                if (words_matching(*planned, p->words, p->word_count) > 0) {
                        (void)fprintf(stderr, "meshctl: `%s` is not built yet\n", *planned);
                        return EXIT_USAGE;
                }
        if (help_group(p->words[0], p->word_count > 1 ? stderr : stdout) && p->word_count == 1)
                return p->help ? EXIT_OK : EXIT_USAGE;
        for (const struct verb *verb = verb_table(); verb->name && count < 64; verb++)
                names[count++] = verb->name;
        (void)snprintf(typed, sizeof(typed), "%s%s%s", p->words[0], p->word_count > 1 ? " " : "",
                       p->word_count > 1 ? p->words[1] : "");
        const char *hint = nearest_name(typed, names, count);
        return usage_error("unknown verb", typed,
                           hint ? hint : nearest_name(p->words[0], names, count));
}

static const struct option_row *find_row(const struct option_row *rows, size_t count,
                                         const char *name, size_t len)
{
        for (size_t i = 0; i < count && rows[i].name; i++)
                if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
                        return &rows[i];
        return NULL;
}

/* Whether any verb has an option of that name, and if it takes a value: options may stand before
 * the verb. */
static const struct option_row *find_any_row(const char *name, size_t len)
{
        for (const struct verb *verb = verb_table(); verb->name; verb++) {
                const struct option_row *row = find_row(verb->options, VERB_OPTIONS_MAX, name, len);
                if (row)
                        return row;
        }
        return NULL;
}

static int take_global(struct parse *p, struct invocation *in, const struct option_row *row,
                       const char *value)
{
        switch (row - global_options) {
        case GLOBAL_AGENT_SOCKET:
                in->agent_socket = value;
                break;
        case GLOBAL_COORDINATOR_SOCKET:
                in->coordinator_socket = value;
                break;
        case GLOBAL_JSON:
                in->json = true;
                break;
        default:
                p->help = true;
                break;
        }
        return -1;
}

static int take_option(struct parse *p, struct invocation *in)
{
        const char *name = p->argv[p->at] + 2;
        const char *equals = strchr(name, '=');
        size_t len = equals ? (size_t)(equals - name) : strlen(name);
        size_t globals = sizeof(global_options) / sizeof(global_options[0]);
        const struct option_row *global = find_row(global_options, globals, name, len);
        const struct option_row *row = global ? global : find_any_row(name, len);
        if (!row)
                return usage_error("unknown option", p->argv[p->at], NULL);
        const char *value = equals ? equals + 1 : "";
        if (!row->value && equals)
                return usage_error("this option takes no value", row->name, NULL);
        if (row->value && !equals) {
                if (++p->at >= p->argc)
                        return usage_error("this option needs a value", row->name, NULL);
                value = p->argv[p->at];
        }
        if (global)
                return take_global(p, in, row, value);
        if (p->option_count >= VERB_OPTIONS_MAX * 4)
                return usage_error("too many options", row->name, NULL);
        p->options[p->option_count].name = row->name;
        p->options[p->option_count++].value = value;
        return -1;
}

static int take_words(struct parse *p, struct invocation *in)
{
        bool only_words = false;
        for (; p->at < p->argc; p->at++) {
                const char *word = p->argv[p->at];
                if (!only_words && strcmp(word, "--") == 0) {
                        only_words = true;
                } else if (!only_words && strcmp(word, "-h") == 0) {
                        p->help = true;
                } else if (!only_words && strncmp(word, "--", 2) == 0) {
                        int code = take_option(p, in);
                        if (code != -1)
                                return code;
                } else if (!only_words && word[0] == '-' && word[1] != '\0') {
                        return usage_error("unknown option", word, NULL);
                } else if (p->word_count == VERB_ARGUMENTS_MAX + 2) {
                        return usage_error("too many words", word, NULL);
                } else {
                        p->words[p->word_count++] = word;
                }
        }
        return -1;
}

/* Gives the collected options to the verb, now that it is known. */
static int assign_options(const struct parse *p, struct invocation *in)
{
        for (int i = 0; i < p->option_count; i++) {
                const char *name = p->options[i].name;
                const struct option_row *row =
                        find_row(in->verb->options, VERB_OPTIONS_MAX, name, strlen(name));
                if (!row) {
                        (void)fprintf(stderr, "meshctl: `%s` has no option `--%s`\n",
                                      in->verb->name, name);
                        return EXIT_USAGE;
                }
                struct option_values *values = &in->options[row - in->verb->options];
                if (values->count > 0 && !row->repeats)
                        return usage_error("this option is given twice", name, NULL);
                if (values->count == OPTION_VALUES_MAX)
                        return usage_error("too many values", name, NULL);
                values->values[values->count++] = p->options[i].value;
        }
        return -1;
}

static int assign_arguments(const struct parse *p, int from, struct invocation *in)
{
        int count = p->word_count - from;
        if (count < in->verb->arguments_min)
                return usage_error("this verb needs an argument", in->verb->name, NULL);
        if (count > in->verb->arguments_max)
                return usage_error("one word too many", p->words[from + in->verb->arguments_max],
                                   NULL);
        for (int i = 0; i < count; i++)
                in->arguments[i] = p->words[from + i];
        in->argument_count = count;
        return -1;
}

int parse_arguments(int argc, char **argv, struct invocation *ret)
{
        struct parse p = { .argc = argc, .at = 1, .argv = argv };
        struct invocation in = { .agent_socket = MESHCTL_AGENT_SOCKET,
                                 .coordinator_socket = MESHCTL_COORDINATOR_SOCKET };
        int code = take_words(&p, &in);
        if (code != -1)
                return code;
        if (p.word_count > 0 && strcmp(p.words[0], "help") == 0) {
                p.help = true;
                memmove(p.words, p.words + 1, sizeof(p.words) - sizeof(p.words[0]));
                p.word_count--;
        }
        if (p.word_count == 0) {
                help_all(p.help ? stdout : stderr);
                return p.help ? EXIT_OK : EXIT_USAGE;
        }
        int words = 0;
        in.verb = find_verb(&p, &words);
        if (!in.verb)
                return unknown_verb(&p);
        if (p.help) {
                help_verb(in.verb, stdout);
                return EXIT_OK;
        }
        code = assign_options(&p, &in);
        if (code == -1)
                code = assign_arguments(&p, words, &in);
        if (code == -1)
                *ret = in;
        return code;
}

const struct option_values *invocation_options(const struct invocation *in, const char *name)
{
        static const struct option_values none = { { NULL }, 0 };
        const struct option_row *row =
                find_row(in->verb->options, VERB_OPTIONS_MAX, name, strlen(name));
        return row ? &in->options[row - in->verb->options] : &none;
}

const char *invocation_option(const struct invocation *in, const char *name)
{
        const struct option_values *values = invocation_options(in, name);
        return values->count > 0 ? values->values[0] : NULL;
}
