/* From the host's own config and its access to the rules of our table. Pure.
 *
 * 04-firewall.md, "A packet is judged once, in its own direction": which chains there are and in
 * which order they judge. Not here: netlink (batch.h), text (print.h). Called by firewall.c. */
#pragma once

#include "firewall/nft/input.h"
#include "firewall/nft/ruleset.h"

/* Plans chains `mesh`, `input` and `output`, `icmp` in access meaning echo requests only: errors
 * are replies. In mode off the ruleset is empty. Equal meaning gives equal rules: the order of
 * access sets and rules and the sets' ids do not matter. Returned owned (ruleset_done).
 * MESH_EINVAL for an interface name that cannot be, a range that runs backwards or a prefix of no
 * family; MESH_ENOMEM, MESH_ELIMIT. */
int firewall_plan(const struct firewall_input *in, struct ruleset *ret_rs);
