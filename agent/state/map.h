/* The map: what the coordinator wants this host to be, as a value.
 *
 * Peers, the sets and rules of the policy, and the position in the coordinator's log. A map never
 * changes: a snapshot or a delta makes a new one (map_build.h), so that a bad message leaves the
 * old one whole. Strings and arrays live in the map's own arena. No network, no disk, no kernel. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "firewall/access.h"
#include "mesh/v1/agent.pb-c.h"
#include "proto/key.h"
#include "proto/position.h"

struct arena;

enum {
        MAP_ARENA_MAX = 64 * 1024 * 1024,
        MAP_PEERS_MAX = 20000,
        MAP_SETS_MAX = 4096,
        MAP_SET_PREFIXES_MAX = 100000, /* of all sets together */
        MAP_RULES_MAX = 10000,
        MAP_PEER_ADDRESSES_MAX = 4,
        MAP_PEER_ENDPOINTS_MAX = 16,
        MAP_RULE_PORTS_MAX = 256,
        MAP_TEXT_MAX = 192,
};

struct map_peer {
        uint8_t node_id[NODE_ID_BYTES];
        const char *name;
        uint8_t identity[KEY_BYTES];
        uint8_t wireguard_key[KEY_BYTES];
        uint8_t signal_key[KEY_BYTES];
        uint8_t signal_key_signature[SIGNATURE_BYTES];
        struct ip_prefix *addresses; /* each of full length, in the mesh's prefixes */
        size_t address_count;
        struct ip_endpoint *endpoints; /* best first */
        size_t endpoint_count;
        uint32_t recreate;
};

struct map {
        struct arena *arena;
        bool has_position; /* false: a snapshot must be asked for */
        struct position position;
        struct map_peer *peers; /* sorted by node id */
        size_t peer_count;
        struct access sent;   /* the newest sets, and rules if they were understood */
        struct access access; /* what is to run: `sent`, or what ran before a refused policy */
        uint8_t policy_hash[KEY_BYTES];  /* of what is to run; zero: no policy */
        uint8_t access_hash[KEY_BYTES];  /* as the coordinator says, of what was sent */
        char policy_error[MAP_TEXT_MAX]; /* why the newest policy was refused; "": it was not */
};

/* An empty map without a position, owned; NULL when out of memory. */
struct map *map_new(void);

/* Frees; NULL is allowed. */
void map_free(struct map *map);

/* Borrowed; NULL if there is none. */
const struct map_peer *map_find_peer(const struct map *map,
                                     const uint8_t node_id[static NODE_ID_BYTES]);

/* The map as one Snapshot, borrowed from ARENA and from MAP; NULL when the arena is full. If the
 * newest policy was refused it holds the rules that run and no position, so that a restart asks
 * again. */
Mesh__V1__Snapshot *map_to_message(const struct map *map, struct arena *arena);

/* Whether two maps say the same (origins of rules included); for tests and to spare a write. */
bool map_equal(const struct map *a, const struct map *b);
