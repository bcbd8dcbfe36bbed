/* The oneshots of the agent's program: the firewall before the network is up, and its removal.
 *
 * `mesh-agent load-firewall` runs as root at boot and takes no network input; the host is never up
 * without its rules. 06-boot.md, point 1. */
#pragma once
#include "agent/config.h"

/* Loads the last good ruleset from disk: config and map; if that fails, or a flag is bad, the
 * built-in safe one. Nothing on a host that is in no mesh. Returns the exit code; errors were
 * logged. */
int boot_load_firewall(const struct agent_flags *flags);

/* The same for a command line that is wrong: the built-in safe ruleset with the local rules of the
 * config, whether this host is in a mesh or not, for that can no longer be told. */
int boot_load_safe(const struct agent_flags *flags);

/* Removes the table: the emergency exit. Returns the exit code. */
int boot_unload_firewall(const struct agent_flags *flags);
