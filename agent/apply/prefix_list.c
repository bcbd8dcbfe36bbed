/* See the header. */
#include "agent/apply/prefix_list.h"

#include <stdlib.h>

#include "common/error.h"

int prefix_list_add(struct prefix_list *list, struct ip_prefix prefix)
{
        if (list->count == PREFIX_LIST_MAX)
                return MESH_ELIMIT;
        void *grown = reallocarray(list->prefixes, list->count + 1, sizeof(*list->prefixes));
        if (!grown)
                return MESH_ENOMEM;
        list->prefixes = grown;
        list->prefixes[list->count++] = prefix;
        return 0;
}

bool prefix_list_has(const struct prefix_list *list, const struct ip_prefix *prefix)
{
        for (size_t i = 0; i < list->count; i++)
                if (ip_prefix_compare(&list->prefixes[i], prefix) == 0)
                        return true;
        return false;
}

void prefix_list_done(struct prefix_list *list)
{
        free(list->prefixes);
        *list = (struct prefix_list){ 0 };
}
