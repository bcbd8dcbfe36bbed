/* A map while it is being made: growing lists that become a map once they are sound.
 *
 * For map_build.c and map_delta.c only. Peers, sets and rules are pushed in any order; finishing
 * sorts them and refuses what two peers claim. */
#pragma once
#include "agent/state/map_build.h"

struct map_draft {
        struct map *map; /* owned; its arena takes everything */
        struct map_peer *peers;
        size_t peer_count, peer_capacity;
        struct access_set *sets;
        size_t set_count, set_capacity, set_prefix_count;
        struct access_rule *rules;
        size_t rule_count, rule_capacity;
        char policy_error[MAP_TEXT_MAX]; /* a rule was refused: the whole policy is */
        char text[MAP_TEXT_MAX];         /* what was wrong */
};

/* An empty draft. MESH_ENOMEM. */
int map_draft_init(struct map_draft *ret_draft);

/* Frees what is left of it. */
void map_draft_done(struct map_draft *draft);

/* Adds one part, whose arrays are in the draft's arena. MESH_ELIMIT, MESH_ENOMEM. */
int map_draft_push_peer(struct map_draft *draft, const struct map_peer *peer);
int map_draft_push_set(struct map_draft *draft, const struct access_set *set);
int map_draft_push_rule(struct map_draft *draft, const struct access_rule *rule);

/* Takes parts from messages. A rule of an unknown kind only sets policy_error. */
int map_draft_take_peers(struct map_draft *draft, const struct map_owner *owner,
                         Mesh__V1__Peer *const *peers, size_t count);
int map_draft_take_sets(struct map_draft *draft, const struct map_owner *owner,
                        Mesh__V1__Set *const *sets, size_t count);
int map_draft_take_rules(struct map_draft *draft, Mesh__V1__Rule *const *rules, size_t count);

/* Makes the map of it; the draft is empty afterwards. The rules of LAST (may be NULL) go on if the
 * policy was refused. Hashes and position are the caller's. MESH_EFORMAT: two peers with one id,
 * key or address; MESH_ENOMEM. */
int map_draft_finish(struct map_draft *draft, const struct map *last, struct map **ret_map);

/* Writes what was wrong to the draft and returns ERR. */
int map_draft_refuse(struct map_draft *draft, int err, const char *text);
