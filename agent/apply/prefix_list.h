/* A short list of prefixes that was read back from one interface. Plain, bounded, searched in
 * order: an interface of ours has a handful. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"

enum { PREFIX_LIST_MAX = 1024 };

struct prefix_list {
        struct ip_prefix *prefixes; /* owned */
        size_t count;
};

/* Appends. MESH_ENOMEM, MESH_ELIMIT. */
int prefix_list_add(struct prefix_list *list, struct ip_prefix prefix);

/* Whether the very same prefix (address, host bits and length) is in it. */
bool prefix_list_has(const struct prefix_list *list, const struct ip_prefix *prefix);

/* Frees, and leaves it empty. */
void prefix_list_done(struct prefix_list *list);
