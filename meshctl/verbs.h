/* The function behind each row of the verb table. Each prints its result or error and returns an
 * enum exit_code. */
#pragma once
#include "meshctl/verb.h"

/* Joins a mesh: writes the agent's config, asks the agent to enrol. */
int verb_enroll(const struct invocation *in);

/* Leaves the mesh and removes all that the agent put on this host. */
int verb_leave(const struct invocation *in);

/* Shows this host, its peers, policy and connection. */
int verb_status(const struct invocation *in);

/* Lists all members. */
int verb_node_list(const struct invocation *in);

/* Shows one member. */
int verb_node_show(const struct invocation *in);

/* Bars a member and takes it off every other. */
int verb_node_remove(const struct invocation *in);

/* Gives a member the name that it claims. */
int verb_node_approve(const struct invocation *in);

/* Frees the name of a removed member. */
int verb_node_release(const struct invocation *in);

/* Makes a setup key and prints it once. */
int verb_setup_key_create(const struct invocation *in);

/* Lists the setup keys. */
int verb_setup_key_list(const struct invocation *in);

/* Revokes a setup key. */
int verb_setup_key_revoke(const struct invocation *in);

/* Checks a policy from disk; no coordinator is asked. */
int verb_policy_check(const struct invocation *in);

/* Answers from a policy on disk whether a packet may pass. */
int verb_policy_can(const struct invocation *in);

/* Sends a policy to the coordinator, which checks and runs it. */
int verb_policy_apply(const struct invocation *in);

/* Shows how the coordinator is. */
int verb_health(const struct invocation *in);

/* Prints the version of this program. */
int verb_version(const struct invocation *in);
