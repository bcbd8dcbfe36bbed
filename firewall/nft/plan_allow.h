/* The one shape of rule that lets something in: [interface] service [sources] accept.
 *
 * Internal to the planner: break-glass, local rules, control-plane ports and mesh rules are all
 * this. */
#pragma once
#include <stddef.h>

#include "firewall/nft/ruleset.h"
#include "firewall/port.h"

enum { SERVICE_NAME_MAX = 96 };

/* A protocol and its ports, and the name that sets made for it begin with. */
struct service {
        uint16_t protocol;
        const struct port_range *ports; /* sorted, disjoint; none: every port */
        size_t port_count;
        char name[SERVICE_NAME_MAX];
};

/* Where from. */
struct sources {
        bool anywhere;
        const struct ip_prefix *prefixes; /* borrowed; in any order */
        size_t prefix_count;
};

/* Appends to CHAIN what lets SERVICE in from SOURCES on INTERFACE (NULL or "": any), at most four
 * rules however many sources there are: members and prefixes of either family are one set each. */
void plan_allow(struct ruleset *rs, struct ruleset_chain *chain, const char *interface,
                const struct service *service, const struct sources *sources, const char *comment);

/* Adds the matches of one protocol to a rule; PORTS as in struct service. */
void plan_match_service(struct ruleset *rs, struct ruleset_rule *rule,
                        const struct service *service, bool v6);
