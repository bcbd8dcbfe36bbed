/* Inside of firewall/policy: a policy as it answers.
 *
 * An *atom* is what a host is or is not by itself: a node name, a tag, or everybody. A *selector*
 * is one side of rules: a list of atoms. `from` selectors are the sets of policy.h, sorted by id,
 * so that a set's number is its place. Everything lives in the arena and never changes. */
#pragma once
#include "common/arena.h"
#include "firewall/policy/draft.h"
#include "firewall/policy/policy.h"
#include "firewall/portset.h"

struct buffer;

enum atom_kind { ATOM_ALL, ATOM_NODE, ATOM_TAG };

/* Sorted by kind, then name, so that ATOM_ALL is number 0. */
struct atom {
        enum atom_kind kind;
        const char *name;
        struct place place; /* its first mention */
        /* the selectors it is in */
        const uint32_t *from, *to;
        size_t from_count, to_count;
};

struct selector {
        struct atom_list atoms;
        uint64_t id; /* first 8 bytes of the SHA-256 of its canonical text */
};

struct policy_rule {
        uint32_t from, to; /* selectors */
        struct portset ports;
        const char *origin; /* "file:line" */
};

/* One rule as a host lets it in: per policy rule and protocol. */
struct host_rule {
        struct access_rule access;
        uint32_t from, to; /* selectors */
};

struct policy {
        struct arena *arena; /* owned */
        struct atom *atoms;
        size_t atom_count;
        struct selector *from, *to;
        size_t from_count, to_count;
        struct policy_rule *rules;
        size_t rule_count;
        struct host_rule *host_rules;
        size_t host_rule_count;
        const char **groups; /* names, sorted, for "did you mean" and policy_check_names */
        struct place *group_places;
        size_t group_count;
        uint8_t hash[POLICY_HASH_BYTES];
};

/* Bits over selectors, one run after the other. */
struct policy_class {
        size_t from_words, to_words;
        uint64_t bits[]; /* from: sets it is in; to: sides it is on; in: sets it lets in */
};

/* The atom of that kind and name, or NULL. */
const struct atom *policy_find_atom(const struct policy *policy, enum atom_kind kind,
                                    const char *name);

/* expand.c: numbers the atoms of all terms, settles bare names, checks groups, and fills
 * every rule's from_atoms and to_atoms. Findings are added. MESH_EFORMAT if it added an error,
 * MESH_ENOMEM, MESH_ELIMIT. */
int policy_expand(struct policy *policy, struct draft *draft);

/* compile.c: selectors, rules and indexes from an expanded draft without errors. MESH_ENOMEM,
 * MESH_EINTERNAL (two sets with one id). */
int policy_compile(struct policy *policy, const struct draft *draft);

/* hash.c: fills policy->hash. MESH_ENOMEM, MESH_ELIMIT. */
int policy_compute_hash(struct policy *policy);

/* Appends "node:x", "tag:x" or "all" and a newline. */
void atom_put(struct buffer *out, const struct atom *atom);
