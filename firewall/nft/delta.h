/* The difference in set elements between the plan and what the kernel holds.
 *
 * When only members came or went, this is the whole difference, and rules and counters stay
 * untouched. Pure. Called by firewall.c. */
#pragma once
#include <stdbool.h>

struct batch;
struct ruleset;

/* Appends to B what turns the elements of HELD into those of PLANNED. Both have the same sets.
 * Returns false, having appended nothing, if some set with intervals differs: those are replaced
 * with their table, since old kernels judge overlaps wrongly inside one transaction. */
bool delta_put(struct batch *b, const struct ruleset *planned, const struct ruleset *held);
