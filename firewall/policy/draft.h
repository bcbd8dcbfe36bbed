/* Inside of firewall/policy: a policy as it was written, with the place of every word.
 *
 * Lives only during policy_parse. draft.c fills it from YAML, expand.c turns its names into atoms,
 * compile.c makes the policy of it. */
#pragma once
#include "common/arena.h"
#include "common/findings.h"
#include "firewall/policy/policy.h"
#include "firewall/portset.h"

/* Where a word stands. */
struct place {
        const char *path; /* borrowed from the arena */
        uint32_t line, column;
};

enum term_kind {
        TERM_BARE, /* `x`: a group or a node; settled by expand.c */
        TERM_GROUP,
        TERM_TAG,
        TERM_ALL,
        TERM_NODE,
};

/* One selector word. */
struct term {
        enum term_kind kind;
        const char *name; /* without `tag:` or `group:`; borrowed from the arena */
        struct place place;
        uint32_t atom;             /* TAG, ALL, NODE: its number, from atoms_intern */
        struct draft_group *group; /* GROUP: what it names */
};

struct term_list {
        struct term *items; /* in the arena */
        size_t count;
};

/* Atoms, ascending, each once; in the arena. */
struct atom_list {
        const uint32_t *items;
        size_t count;
};

enum group_state { GROUP_NEW, GROUP_OPEN, GROUP_DONE };

struct draft_group {
        const char *name;
        struct place place;
        struct term_list members;
        enum group_state state; /* expand.c's */
        size_t height;          /* levels of groups below and with this one, once DONE */
        struct atom_list atoms; /* what it stands for, once DONE */
};

struct draft_rule {
        struct place place;
        struct term_list from, to;
        struct portset ports; /* settled */
        struct atom_list from_atoms, to_atoms;
};

struct draft {
        struct arena *arena; /* borrowed */
        struct findings *findings;
        struct draft_group *groups; /* owned; sorted by name after draft_sort_groups */
        size_t group_count, group_capacity;
        struct draft_rule *rules; /* owned; in the order of the files */
        size_t rule_count, rule_capacity;
};

/* Adds one file. Findings are added; returns 0 unless nothing can go on: MESH_ENOMEM,
 * MESH_ELIMIT. */
int draft_add_file(struct draft *draft, const struct policy_file *file);

/* Sorts the groups for draft_find_group and finds those that stand there twice. */
void draft_sort_groups(struct draft *draft);

/* The group of that name, borrowed; NULL if there is none. */
struct draft_group *draft_find_group(const struct draft *draft, const char *name);

/* Frees what the draft owns. */
void draft_done(struct draft *draft);

/* Adds an error at PLACE. */
void draft_error(struct draft *draft, const struct place *place, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
