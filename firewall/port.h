/* A port as people write it: "tcp/22", "udp/60000-61000", "tcp/" and a star for every port,
 * "icmp", "proto/47", "any".
 *
 * Shared by the policy language and the host's local rules. 03-policy.md, "Meaning". Pure. */
#pragma once
#include <stdbool.h>

#include "firewall/access.h"

enum { PORT_SPEC_TEXT_MAX = 24 };

struct port_spec {
        uint16_t protocol;       /* IANA number, ACCESS_PROTOCOL_ICMP or ACCESS_PROTOCOL_ANY */
        struct port_range ports; /* TCP and UDP; 0..65535 is every port. Else 0..0 */
};

/* Reads one spec. TCP and UDP by number (proto/6) mean every port. MESH_EFORMAT for an unknown
 * word, MESH_EBADPORT for port 0, one above 65535, or a range that runs backwards. */
int port_spec_parse(const char *text, struct port_spec *ret_spec);

/* Writes at most PORT_SPEC_TEXT_MAX bytes to OUT and returns OUT. */
const char *port_spec_format(const struct port_spec *spec, char out[static PORT_SPEC_TEXT_MAX]);

/* Whether packets of PROTOCOL carry ports (TCP and UDP). */
bool protocol_has_ports(uint16_t protocol);
