/* Pieces of wire messages out of members and rules, built in an arena. Inside netmap only.
 *
 * All return NULL when the arena is full. What is built may borrow from the member or the policy:
 * it is for packing at once. */
#pragma once
#include "coordinator/netmap/view.h"
#include "mesh/v1/agent.pb-c.h"

struct arena;
struct buffer;

/* What a peer is told of a member; nothing of tags and claims. */
Mesh__V1__Peer *peer_message(const struct member *member, struct arena *arena);

/* Whether peer_message gives the same for both. */
bool peer_same(const struct member *a, const struct member *b);

/* One rule; its ports are copied, its origin is borrowed. */
Mesh__V1__Rule *rule_message(const struct access_rule *rule, struct arena *arena);
/* Whether rule_message gives the same for both. */
bool rule_same(const struct access_rule *a, const struct access_rule *b);

/* The prefix that holds exactly ADDR. */
Mesh__V1__Prefix *address_message(const struct ip_addr *addr, struct arena *arena);

/* The ids of the sets that rules to CLASS speak of, ascending. */
uint64_t *set_ids_of(const struct class_ref *class, struct arena *arena, size_t *ret_count);

/* Empty for the policy of version 0. */
ProtobufCBinaryData policy_hash_of(const struct netmap_policy *policy);
