/* Help texts, made from the verb table. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "meshctl/verb.h"

/* All verbs, a line each. */
void help_all(FILE *out);

/* One verb: usage, options, example. */
void help_verb(const struct verb *verb, FILE *out);

/* The verbs that begin with the word GROUP ("node"). False if there are none; then nothing is
 * printed. */
bool help_group(const char *group, FILE *out);
