/* Inside of common/yaml: what yaml_bytes.c, yaml.c (text to tree) and yaml_read.c (tree to
 * values) share. */
#pragma once
#include "common/arena.h"
#include "common/yaml.h"

struct yaml {
        struct arena *arena; /* owned; holds path, nodes and texts */
        const char *path;
        struct findings *findings; /* borrowed */
        const struct yaml_node *root;
};

/* Refuses bytes that are no text or would make the parser swell: MESH_EFORMAT, MESH_ELIMIT, with a
 * finding. */
int yaml_check_bytes(struct yaml *yaml, const uint8_t *bytes, size_t len);
