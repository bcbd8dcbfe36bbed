/* Inside of firewall/policy: reading single words of a policy file for draft.c.
 *
 * What is wrong becomes a finding; what ends the parse is noted in the reader. */
#pragma once
#include "common/yaml.h"
#include "firewall/policy/draft.h"

struct reader {
        struct draft *draft;
        struct yaml *yaml;
        const char *path; /* in the draft's arena */
        int failed;       /* first error that ends the parse */
};

/* Where NODE stands. */
struct place word_place(const struct reader *r, const struct yaml_node *node);

/* A copy of TEXT in the draft's arena; NULL (and failed) when out of memory. */
const char *word_keep(struct reader *r, const char *text);

/* Whether NAME is a name; adds a finding at NODE if not. */
bool word_check_name(struct reader *r, const struct yaml_node *node, const char *name);

/* Selector words, one or a list; an empty list is a finding. Written unless it was no list. */
void word_read_terms(struct reader *r, const struct yaml_node *node, struct term_list *ret_list);

/* Ports, one or a list, added to SET and settled; an empty list is a finding. */
void word_read_ports(struct reader *r, const struct yaml_node *node, struct portset *set);
