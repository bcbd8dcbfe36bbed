/* What decides a host's rules: a plain value, for the planner and for the callers of the door. */
#pragma once
#include <stdint.h>

#include "firewall/access.h"
#include "firewall/local.h"

/* Everything is borrowed. */
struct firewall_input {
        const struct local_firewall *local;
        const struct access *access; /* what the policy lets in; NULL: nothing */
        const char *interface;       /* the mesh interface; need not exist yet */
        uint16_t wireguard_port;     /* 0: none known yet */
        const char *table;           /* NULL: "mesh" */
};
