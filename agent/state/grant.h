/* A membership from what an authenticated coordinator says: the grant of an enrolment, a Welcome.
 *
 * Checked as if the coordinator were hostile: names are labels, addresses lie in the mesh's
 * prefixes, and those cannot swallow the host's other routes. Pure: what those are, a guard says.
 */
#pragma once
#include "agent/state/membership.h"
#include "mesh/v1/agent.pb-c.h"
#include "mesh/v1/enrollment.pb-c.h"

/* Keeps from the mesh what the host needs itself. */
struct grant_guard {
        /* Whether the host's own traffic goes to, or through, an address in PREFIX. */
        bool (*needs)(void *user, const struct ip_prefix *prefix);
        void *user;
};

/* Sets node id, name, addresses, prefixes, coordinator name and port, and pins. GUARD (may be
 * NULL: all is free) is asked of each prefix that the membership does not have yet: one that it
 * has stays, whatever network the host has come to since. MESH_EFORMAT, MESH_ELIMIT;
 * MESH_EADDRINUSE: the host needs a prefix itself. */
int membership_from_grant(const Mesh__V1__EnrollGrantBody *grant, const struct grant_guard *guard,
                          struct membership *membership);

/* The same of a Welcome, which does not name the node; empty fields change nothing. */
int membership_from_welcome(const Mesh__V1__WelcomeBody *welcome, const struct grant_guard *guard,
                            struct membership *membership);
