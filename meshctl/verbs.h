/* The function behind each row of the verb table. Each returns an enum exit_code. */
#pragma once
#include "meshctl/verb.h"

int verb_enroll(const struct invocation *in);
int verb_leave(const struct invocation *in);
int verb_status(const struct invocation *in);
int verb_node_list(const struct invocation *in);
int verb_node_show(const struct invocation *in);
int verb_node_remove(const struct invocation *in);
int verb_node_approve(const struct invocation *in);
int verb_node_release(const struct invocation *in);
int verb_setup_key_create(const struct invocation *in);
int verb_setup_key_list(const struct invocation *in);
int verb_setup_key_revoke(const struct invocation *in);
int verb_policy_check(const struct invocation *in);
int verb_policy_can(const struct invocation *in);
int verb_policy_apply(const struct invocation *in);
int verb_health(const struct invocation *in);
int verb_version(const struct invocation *in);
