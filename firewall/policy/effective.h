/* Effective access: a policy applied to a whole inventory of nodes.
 *
 * For questions over a fixed list (plan, can, tests, export). What changes node by node keeps
 * classes instead (policy.h). Pure. */
#pragma once
#include "firewall/policy/policy.h"

/* One member. Everything is borrowed and must outlive the effective value. */
struct policy_node {
        const char *name; /* NULL while its claim is pending: no access by name */
        const char *const *tags;
        size_t tag_count;
        const struct ip_prefix *prefixes; /* its overlay addresses, full length */
        size_t prefix_count;
};

struct effective; /* opaque */

/* Classifies COUNT nodes; nodes are named by their place in NODES from here on. Borrows POLICY.
 * Returns owned. MESH_ENOMEM. */
int effective_new(const struct policy *policy, const struct policy_node *nodes, size_t count,
                  struct effective **ret_effective);

/* Frees; NULL is allowed. */
void effective_free(struct effective *e);

/* Whether some packet from A to B is allowed; false for A == B, which no policy judges. */
bool effective_may_reach(const struct effective *e, size_t a, size_t b);

/* Whether A and B may know of each other: may_reach in either direction. */
bool effective_sees(const struct effective *e, size_t a, size_t b);

/* As policy_can; a node may always talk to itself (origin NULL). */
bool effective_can(const struct effective *e, size_t a, size_t b, uint16_t protocol, uint16_t port,
                   const char **ret_origin);

/* What node B lets in: its rules, and their sets with all members but B itself. Returned owned:
 * access_done. MESH_ENOMEM. */
int effective_access_of(const struct effective *e, size_t b, struct access *ret_access);

/* Adds what only an inventory can tell: a name that is a group and a node (error); a node name that
 * is not enrolled, a tag that no node has (warnings, with the nearest known name). Sorts. Returns
 * 0, or MESH_EFORMAT if it added an error, MESH_ENOMEM. */
int policy_check_names(const struct policy *policy, const struct policy_node *nodes, size_t count,
                       struct findings *findings);
