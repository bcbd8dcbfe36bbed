/* Finds a UDP port that nobody uses, for a member's WireGuard at enrolment.
 *
 * The answer is a moment's: another program may take the port before WireGuard does, and then
 * apply_reconcile says MESH_EADDRINUSE and the agent asks again. */
#pragma once
#include <stdint.h>

enum { PORT_WIREGUARD = 51820 };

/* The first port from START on, trying COUNT of them (the end of the range ends it), that is free
 * on both families in the current network namespace. A host without IPv6 counts IPv4 only.
 * MESH_EADDRINUSE if all are taken. */
int port_find_free_udp(uint16_t start, unsigned int count, uint16_t *ret_port);
