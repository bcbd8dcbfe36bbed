/* Names of network interfaces: what the kernel takes, and what may stand in a ruleset.
 *
 * Used wherever a name comes from a person: the agent's config and flags, the firewall's plan, the
 * door to the kernel. Whether such an interface exists is not asked here. */
#pragma once
#include <stdbool.h>

/* Whether NAME (NULL is none) can be the name of one interface: 1 to 15 visible ASCII characters as
 * of the kernel's dev_valid_name, none of which means something to sysctl (all, default), to a
 * pattern ('*', '%') or to nft (quotes, backslash). */
bool ifname_valid(const char *name);
