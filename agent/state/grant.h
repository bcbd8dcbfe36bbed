/* A membership from what an authenticated coordinator says: the grant of an enrolment, a Welcome.
 *
 * Checked as if the coordinator were hostile: names are labels, addresses lie in the mesh's
 * prefixes, and those cannot swallow the host's other routes. Pure. */
#pragma once
#include "agent/state/membership.h"
#include "mesh/v1/agent.pb-c.h"
#include "mesh/v1/enrollment.pb-c.h"

/* Sets node id, name, addresses, prefixes, coordinator name and port, and pins. MESH_EFORMAT,
 * MESH_ELIMIT. */
int membership_from_grant(const Mesh__V1__EnrollGrantBody *grant, struct membership *membership);

/* The same of a Welcome, which does not name the node; empty fields change nothing. */
int membership_from_welcome(const Mesh__V1__WelcomeBody *welcome, struct membership *membership);
