/* Merging two sorted lists of elements. */
#include "firewall/nft/delta.h"

#include <string.h>

#include "firewall/nft/batch.h"
#include "firewall/nft/ruleset.h"

static bool same_elements(const struct ruleset_set *a, const struct ruleset_set *b)
{
        return a->element_count == b->element_count &&
               (a->element_count == 0 ||
                memcmp(a->elements, b->elements, a->element_count * sizeof(*a->elements)) == 0);
}

typedef void put_fn(struct batch *b, const struct ruleset *rs, const struct ruleset_set *set,
                    const struct set_element *elements, size_t count);

/* Puts the elements of A that are not in B, in runs. */
static void put_missing(struct batch *batch, put_fn *put, const struct ruleset *rs,
                        const struct ruleset_set *a, const struct ruleset_set *b)
{
        size_t run = 0; /* elements before I that are not in B */
        for (size_t i = 0, j = 0; i < a->element_count; i++) {
                int order = 1;
                while (j < b->element_count &&
                       (order = memcmp(&b->elements[j], &a->elements[i], sizeof(*a->elements))) < 0)
                        j++;
                if (order != 0) {
                        run++;
                        continue;
                }
                if (run)
                        put(batch, rs, a, &a->elements[i - run], run);
                run = 0;
        }
        if (run)
                put(batch, rs, a, &a->elements[a->element_count - run], run);
}

bool delta_put(struct batch *b, const struct ruleset *planned, const struct ruleset *held)
{
        for (size_t i = 0; i < planned->set_count; i++) {
                const struct ruleset_set *set = &planned->sets[i];
                const struct ruleset_set *old = ruleset_find_set(held, set->name);
                if (!old || (set->interval && !same_elements(set, old)))
                        return false;
        }
        for (size_t i = 0; i < planned->set_count; i++) {
                const struct ruleset_set *set = &planned->sets[i];
                const struct ruleset_set *old = ruleset_find_set(held, set->name);
                if (same_elements(set, old))
                        continue;
                put_missing(b, batch_put_gone_elements, planned, old, set); /* makes room first */
                put_missing(b, batch_put_elements, planned, set, old);
        }
        return true;
}
