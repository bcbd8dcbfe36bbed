/* Makes maps from what the coordinator sends: snapshots in chunks, and deltas.
 *
 * Everything is checked before it becomes part of a map: lengths, prefixes within the mesh's,
 * keys and addresses that two peers claim. A rule of a kind that this program does not know
 * refuses the whole policy: the rules that ran go on, and map.policy_error says why; the peers are
 * taken all the same. Pure. 02-protocol.md, "Versions". */
#pragma once
#include "agent/state/map.h"

/* Who receives the map; borrowed. A peer with the node's own id or key is left out. */
struct map_owner {
        const uint8_t *node_id;       /* NODE_ID_BYTES */
        const uint8_t *wireguard_key; /* KEY_BYTES, public */
        const struct ip_prefix *addresses;
        size_t address_count;
        const struct ip_prefix *mesh_prefixes;
        size_t mesh_prefix_count;
};

struct map_build; /* opaque */

/* Begins a map. Borrows OWNER. Returns owned; NULL when out of memory. */
struct map_build *map_build_new(const struct map_owner *owner);

/* Frees; NULL is allowed. */
void map_build_free(struct map_build *build);

/* Takes one chunk of a snapshot. MESH_EFORMAT (map_build_error tells what), MESH_ELIMIT,
 * MESH_ENOMEM; then the build is good only for map_build_free. */
int map_build_add(struct map_build *build, const Mesh__V1__Snapshot *chunk);

/* Ends a snapshot whose last chunk was added. LAST (may be NULL) is the map that ran until now: its
 * rules go on if the new ones are refused. The build is empty afterwards. Errors as above. */
int map_build_finish(struct map_build *build, const struct map *last, struct map **ret_map);

/* The map that follows OLD after DELTA; OLD stays as it is. MESH_ESTATE: a gap (the delta begins
 * at another generation or epoch, changes a set that is not there, or OLD has no position): ask
 * for a snapshot. Other errors as above; TEXT tells what is wrong. */
int map_apply_delta(const struct map_owner *owner, const struct map *old,
                    const Mesh__V1__Delta *delta, struct map **ret_map,
                    char text[static MAP_TEXT_MAX]);

/* What was wrong, "" if nothing was; borrowed. */
const char *map_build_error(const struct map_build *build);
