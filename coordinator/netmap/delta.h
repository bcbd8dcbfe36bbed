/* The difference between two maps of one member, as a wire message. Inside netmap only. */
#pragma once
#include "coordinator/netmap/view.h"
#include "mesh/v1/agent.pb-c.h"

struct arena;

/* One of the two maps: what the member is, and members of the mesh. Those that both sides have
 * alike may be left out of both. */
struct map_side {
        struct class_ref *class; /* of the member itself */
        const struct view_entry *entries;
        size_t count; /* sorted by id */
};

/* Fills peers, sets and rules of *DELTA (initialised by the caller) for the member SELF; nothing
 * that OLD's or NOW's class does not see. MESH_ENOMEM: the arena is full. */
int delta_fill(const struct map_side *old, const struct map_side *now,
               const uint8_t self[static NODE_ID_BYTES], struct arena *arena,
               Mesh__V1__Delta *delta);
