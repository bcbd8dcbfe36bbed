/* Which addresses this host needs outside the mesh: its own, its routers', the coordinator's.
 *
 * A mesh prefix that holds one of them would lead the host's own traffic into the mesh, or to
 * nowhere. Reads interfaces and routes, keeps nothing. Callers: enrolment and the uplink, for
 * grant.h. */
#pragma once
#include "agent/config.h"
#include "agent/state/grant.h"

struct agent_state;

struct host_needs {
        const char *interface; /* the mesh's own, which does not count */
        struct ip_endpoint coordinator[1 + AGENT_CONFIG_PINS_MAX + PINS_MAX];
        size_t coordinator_count;
};

/* For the addresses of the coordinator: the pins, and WORKED, the one that led to it. CONFIG is
 * borrowed. */
struct host_needs host_needs_of(const struct agent_state *state, const struct agent_config *config,
                                const struct ip_endpoint *worked);

/* Whether PREFIX holds an address of an interface, of a default route's gateway, or of the
 * coordinator. What cannot be read is not needed. USER is a struct host_needs. */
bool host_needs_prefix(void *user, const struct ip_prefix *prefix);
