/* Names of members, groups and tags: one rule for all of them.
 *
 * A name is one lower-case DNS label (RFC 1035 2.3.1 with RFC 1123's leading digit): 1 to 63 of
 * a-z, 0-9 and '-', not beginning or ending with '-'. `all` is the policy's word for everybody and
 * names nobody. */
#pragma once
#include <stdbool.h>

enum { LABEL_MAX = 63 }; /* bytes, without the NUL */

/* Whether TEXT is a label; `all` is one. */
bool label_valid(const char *text);

/* Whether TEXT has a meaning of its own in policies, so that nothing may be named so. */
bool label_reserved(const char *text);
