/* The map on disk: one protobuf Snapshot in the envelope of a state file.
 *
 * A copy that is torn, from a newer program, or does not pass the checks that a received map must
 * pass is never half-used: the copy before it is tried. */
#pragma once
#include "agent/state/disk.h"
#include "agent/state/map_build.h"

/* Reads the map for OWNER. Returned owned. MESH_ENOENT if there is none; MESH_EDAMAGED or
 * MESH_EVERSION if no copy is usable: then a snapshot must be asked for. */
int map_file_read(const struct state_dir *dir, const struct map_owner *owner, struct map **ret_map,
                  enum state_source *ret_source);

/* Stores the map durably. Errors of state_dir_write. */
int map_file_write(const struct state_dir *dir, const struct map *map);

/* The payload's form, for its tests: a map of LEN bytes. MESH_EFORMAT, MESH_ELIMIT, MESH_ENOMEM. */
int map_file_decode(const uint8_t *bytes, size_t len, const struct map_owner *owner,
                    struct map **ret_map);
