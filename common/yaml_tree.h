/* Inside of common/yaml: what yaml.c (text to tree) and yaml_read.c (tree to values) share. */
#pragma once
#include "common/arena.h"
#include "common/yaml.h"

struct yaml {
        struct arena *arena; /* owned; holds path, nodes and texts */
        const char *path;
        struct findings *findings; /* borrowed */
        const struct yaml_node *root;
};
