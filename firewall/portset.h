/* A set of ports and protocols as disjoint intervals: union, comparison, membership.
 *
 * One number stands for one kind of packet: protocol * 65536 + port; a protocol without ports takes
 * all of its 65536, `any` all of the numbers. So every question about "which packets" is one about
 * intervals. ICMP and ICMPv6 are both protocol 1 here. Used by the policy's compiler and by
 * access_hash; not for the kernel. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firewall/port.h"

enum { PORTSET_LAST = 0xffffff }; /* the highest number */

struct port_span {
        uint32_t low, high; /* inclusive */
};

/* Start with a zeroed struct. The spans are sorted, disjoint and not adjacent after
 * portset_settle; only then may it be read. */
struct portset {
        struct port_span *spans; /* owned */
        size_t count, capacity;
};

/* Frees; the set may be used again, empty. */
void portset_done(struct portset *set);

/* Empties the set, keeps the memory. */
void portset_clear(struct portset *set);

/* Add what a spec means, PORTS of PROTOCOL (as in struct access_rule), or all of OTHER. Settle
 * before reading. MESH_ENOMEM. */
int portset_add_spec(struct portset *set, const struct port_spec *spec);
int portset_add_range(struct portset *set, uint16_t protocol, struct port_range ports);
int portset_add_set(struct portset *set, const struct portset *other);

/* Sorts and merges. */
void portset_settle(struct portset *set);

/* The number of a packet: PORT counts for TCP and UDP only; protocol 58 becomes 1. */
uint32_t portset_number(uint16_t protocol, uint16_t port);

/* Of settled sets. */
bool portset_has(const struct portset *set, uint32_t number);
bool portset_equal(const struct portset *a, const struct portset *b);
