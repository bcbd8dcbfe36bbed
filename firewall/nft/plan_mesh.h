/* The policy's part of chain `mesh`. Internal to the planner. */
#pragma once

#include "firewall/access.h"
#include "firewall/nft/ruleset.h"

/* Appends to CHAIN what ACCESS lets in: per distinct (protocol, ports) one look-up per family and
 * kind of set, in a canonical order. 0, MESH_EINVAL, MESH_ENOMEM; else the ruleset's sticky error.
 */
int plan_mesh_rules(struct ruleset *rs, struct ruleset_chain *chain, const struct access *access);
