/* A member's whole map, frozen at one generation, handed out in chunks. Inside netmap only.
 *
 * Frozen by references to images, so that the mesh may move on between two chunks. A set that is
 * larger than a chunk comes in several parts with the same id. */
#pragma once
#include "coordinator/netmap/view.h"
#include "mesh/v1/agent.pb-c.h"

struct arena;
struct snapshot; /* opaque */

/* The map of SELF (an entry of V). Returns owned. MESH_ENOMEM. */
int snapshot_new(const struct view *v, const struct view_entry *self, struct arena *arena,
                 struct snapshot **ret_snapshot);

/* Frees; NULL is allowed. */
void snapshot_free(struct snapshot *s);

/* The next chunk, built in ARENA; it borrows from S. `last` is set in the last one; its position
 * is the caller's affair. MESH_ENOMEM. */
int snapshot_next(struct snapshot *s, struct arena *arena, Mesh__V1__Snapshot **ret_chunk);
