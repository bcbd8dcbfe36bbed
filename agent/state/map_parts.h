/* The parts of a map, one at a time: read from a message and checked, or copied from another map.
 *
 * For map_build.c only. Everything lands in the given arena. TEXT gets what was wrong. */
#pragma once
#include "agent/state/map_build.h"

/* A peer. MESH_EFORMAT, MESH_ELIMIT, MESH_ENOMEM. Endpoints inside the mesh are left out: a tunnel
 * must not be asked to carry itself. */
int map_peer_read(const Mesh__V1__Peer *message, const struct map_owner *owner, struct arena *arena,
                  struct map_peer *ret_peer, char text[static MAP_TEXT_MAX]);

/* Whether the peer is the owner itself, by id or by key. */
bool map_peer_is_owner(const struct map_peer *peer, const struct map_owner *owner);

/* The prefixes of a set, each within the mesh, in the message's order. Errors as above. */
int map_prefixes_read(Mesh__V1__Prefix *const *messages, size_t count,
                      const struct map_owner *owner, struct arena *arena,
                      struct ip_prefix **ret_prefixes, char text[static MAP_TEXT_MAX]);

/* A rule. MESH_EUNSUPPORTED: of a kind that this program does not know; MESH_ENOMEM. */
int map_rule_read(const Mesh__V1__Rule *message, struct arena *arena, struct access_rule *ret_rule,
                  char text[static MAP_TEXT_MAX]);

/* Sorts prefixes and drops duplicates; returns how many are left. */
size_t map_prefixes_sort(struct ip_prefix *prefixes, size_t count);

/* Deep copies. MESH_ENOMEM. */
int map_peer_copy(const struct map_peer *peer, struct arena *arena, struct map_peer *ret_peer);
int map_rule_copy(const struct access_rule *rule, struct arena *arena,
                  struct access_rule *ret_rule);
int map_access_copy(const struct access *access, struct arena *arena, struct access *ret_access);
