/* What one host lets in from the mesh: its resolved rules, by set.
 *
 * The common language of the coordinator (which computes it from the policy: firewall/policy), the
 * wire (proto/mesh/v1/agent.proto) and the agent (which loads it: firewall/nft). Plain values;
 * no kernel, no policy language. 02-protocol.md, "What a member is told". */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

enum {
        ACCESS_HASH_BYTES = 32,
        ACCESS_PROTOCOL_ICMP = 1,  /* ICMP or ICMPv6, after the packet's family */
        ACCESS_PROTOCOL_ANY = 256, /* every protocol and port */
};

struct port_range {
        uint16_t low, high; /* inclusive; low <= high */
};

/* Members that rules speak of. */
struct access_set {
        uint64_t id;
        struct ip_prefix *prefixes; /* sorted by ip_prefix_compare, no duplicates */
        size_t prefix_count;
};

/* Lets the members of one set in. */
struct access_rule {
        uint64_t source_set;
        uint16_t protocol;        /* IANA number, or ACCESS_PROTOCOL_ANY */
        struct port_range *ports; /* TCP and UDP only: sorted, disjoint; none: every port */
        size_t port_count;
        const char *origin; /* "file:line", or NULL; not part of the hash */
};

struct access {
        struct access_set *sets; /* sorted by id */
        size_t set_count;
        struct access_rule *rules;
        size_t rule_count;
};

/* The set of that id, borrowed from ACCESS; NULL if there is none. */
const struct access_set *access_find_set(const struct access *access, uint64_t id);

/* The hash of what is let in, whatever the order of sets and rules, the set
 * ids, the origins, and how the same access is split over sets and rules; access_sum.h.
 * MESH_EINVAL (a rule without its set, a range that runs backwards), MESH_ENOMEM. */
int access_hash(const struct access *access, uint8_t ret_hash[static ACCESS_HASH_BYTES]);

/* A deep copy, returned owned: access_done. MESH_ENOMEM. */
int access_clone(const struct access *access, struct access *ret_access);

/* Frees a value whose arrays and origins were each made by malloc (access_clone and
 * firewall/policy do so) and zeroes it; a zeroed one is fine. */
void access_done(struct access *access);
