/* The table of verbs, from which parsing and help come.
 *
 * A verb is one or two words ("status", "node list"). Its row names its options and arguments; a
 * word that stands in no row is refused, with the nearest one suggested. Each verb's code is in
 * verb_<noun>.c. 11-cli.md. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "meshctl/exit.h"

enum { VERB_OPTIONS_MAX = 10, VERB_ARGUMENTS_MAX = 4, OPTION_VALUES_MAX = 32 };

struct option_row {
        const char *name;  /* without the dashes */
        const char *value; /* word for its value in the help; NULL: a flag */
        const char *help;
        bool repeats; /* may be given several times */
};

struct invocation;

struct verb {
        const char *name;      /* "node list" */
        const char *arguments; /* "NODE", "[PATH]"; NULL: none */
        int arguments_min, arguments_max;
        const char *summary; /* one line for the list of verbs */
        const char *example;
        int (*run)(const struct invocation *in); /* returns enum exit_code */
        struct option_row options[VERB_OPTIONS_MAX];
};

struct option_values {
        const char *values[OPTION_VALUES_MAX];
        int count;
};

/* One call of meshctl, parsed. All texts are borrowed from argv. */
struct invocation {
        const struct verb *verb;
        const char *agent_socket;
        const char *coordinator_socket;
        bool json;
        const char *arguments[VERB_ARGUMENTS_MAX];
        int argument_count;
        struct option_values options[VERB_OPTIONS_MAX]; /* parallel to verb->options */
};

/* All verbs; the row with a NULL name ends it. Static. */
const struct verb *verb_table(void);

/* Verbs of the design that later issues build; NULL ends it. They are refused by name. */
const char *const *verb_planned(void);

/* The first or only value of an option; NULL if it was not given. NAME must be in the verb's row.
 * A flag that was given has the value "". */
const char *invocation_option(const struct invocation *in, const char *name);

/* All values of an option that repeats. Borrowed. */
const struct option_values *invocation_options(const struct invocation *in, const char *name);
