/* The policy: reviewed files in, a compiled value out that answers who may reach whom.
 *
 * Pure: no kernel, no database, no files (files.h reads those). A policy is immutable after
 * policy_parse, so that threads may share it. docs/policy.md has the language; deny by default.
 *
 * How it answers. Every distinct `from` of the files, groups expanded, is a *set* with a stable
 * 64-bit id. A host is known to a policy only by its *class*: which sets and which `to` sides it
 * belongs to. All questions are answered from classes, so that a host that joins or changes costs
 * one policy_classify and no recompilation:
 *
 *   peers of M          every X with policy_sees(class(M), class(X))
 *   rules of M          policy_next_rule over class(M)
 *   set ids of M        policy_next_set over class(M)
 *   members of a set    every X but M with policy_in_set(policy, class(X), id)
 *
 * For a whole inventory at once see effective.h. Callers: coordinator (netmap, admin API), meshctl
 * (policy verbs). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/findings.h"
#include "firewall/access.h"

enum {
        POLICY_HASH_BYTES = 32,
        POLICY_FILES_MAX = 256,
        POLICY_RULES_MAX = 20000,
        POLICY_GROUPS_MAX = 20000,
};

struct portset;
struct policy;       /* opaque */
struct policy_class; /* opaque */

/* One file; borrowed for the call, but PATH also by findings. */
struct policy_file {
        const char *path; /* as the user named it; shown in findings and origins */
        const void *bytes;
        size_t len;
};

/* Parses, checks and compiles COUNT files as one namespace; none is the policy that denies all.
 * Findings are added and sorted. Returns owned; MESH_EFORMAT if there are errors among them,
 * MESH_ELIMIT (with a finding), MESH_ENOMEM. */
int policy_parse(const struct policy_file *files, size_t count, struct findings *findings,
                 struct policy **ret_policy);

/* Frees; NULL is allowed. Classes made by it must not be used any more, only freed. */
void policy_free(struct policy *policy);

/* SHA-256 of the meaning before names are resolved: equal for every layout, order, grouping and
 * splitting of rules that allows the same between the same names and tags; notes do not count. */
const uint8_t *policy_hash(const struct policy *policy); /* POLICY_HASH_BYTES, borrowed */

/* Numbers of allow rules and of groups, for messages. */
size_t policy_rule_count(const struct policy *policy);
size_t policy_group_count(const struct policy *policy);

/* Whether the policy mentions NAME as a node (`ubongo`, or inside a group): such a name is a claim
 * to access. 02-protocol.md, "Names". */
bool policy_mentions_node(const struct policy *policy, const char *name);

/* ---- classes ---- */

/* What a policy knows of a host. NAME is NULL while its claim to a name is pending: it then
 * belongs only to `all` and to its tags. TAGS are without the "tag:". Returned owned.
 * MESH_ENOMEM. */
int policy_classify(const struct policy *policy, const char *name, const char *const *tags,
                    size_t tag_count, struct policy_class **ret_class);

/* Frees; NULL is allowed. */
void policy_class_free(struct policy_class *c);

/* Order by content, for qsort and ==: hosts whose classes are equal are told apart by no rule. */
int policy_class_compare(const struct policy_class *a, const struct policy_class *b);

/* Whether some packet from a host of class FROM to another host of class TO is allowed. Classes of
 * the same policy. A few machine words. */
bool policy_may_reach(const struct policy_class *from, const struct policy_class *to);

/* The one rule of visibility: may_reach in either direction. Symmetric. */
bool policy_sees(const struct policy_class *a, const struct policy_class *b);

/* Whether hosts of class C belong to set SET_ID; false for an id that is not of this policy. */
bool policy_in_set(const struct policy *policy, const struct policy_class *c, uint64_t set_id);

/* The rules that a host of class TO lets in, in the order of the files; start with *CURSOR 0; NULL
 * at the end. One entry per allow rule and protocol, with its origin. A rule whose set has no
 * members yet is there too. Borrowed until policy_free. */
const struct access_rule *policy_next_rule(const struct policy *policy,
                                           const struct policy_class *to, size_t *cursor);

/* The ids of the sets that those rules speak of, each once, ascending; false at the end. */
bool policy_next_set(const struct policy *policy, const struct policy_class *to, size_t *cursor,
                     uint64_t *ret_set_id);

/* Whether a host of class FROM may send PROTOCOL (IANA number; 1 and 58 are both icmp) to PORT of
 * another host of class TO; PORT counts for TCP and UDP only. If so, *RET_ORIGIN (may be NULL) is
 * "file:line" of the first rule that allows it, borrowed from the policy; else NULL. */
bool policy_can(const struct policy *policy, const struct policy_class *from,
                const struct policy_class *to, uint16_t protocol, uint16_t port,
                const char **ret_origin);

/* Fills *PORTS (a zeroed struct or one used before; portset_done) with all that a host of class
 * FROM may send to another host of class TO, settled. MESH_ENOMEM. */
int policy_ports(const struct policy *policy, const struct policy_class *from,
                 const struct policy_class *to, struct portset *ports);
