/* A table in canonical form, for comparing what shall be with what the kernel holds.
 *
 * The frame is text: the table's flags, chains with their rules in order, sets without elements;
 * chains and sets sorted by name. It is made from libnftnl's objects on both sides, so that it
 * knows every expression that libnftnl knows. Counters, handles and comments are not in it. No I/O.
 * Callers: readback.c fills one from the kernel, firewall.c from the plan. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "firewall/nft/ruleset.h"

struct nftnl_chain;
struct nftnl_rule;
struct nftnl_set;

enum {
        IMAGE_HASH_BYTES = 32,
        IMAGE_BYTES_MAX = 64 << 20,
        IMAGE_PARTS_MAX = 1 << 17,
};

struct image_part; /* opaque: one chain or set */

struct image {
        struct buffer frame;      /* empty until finished */
        struct image_part *parts; /* owned */
        size_t count, capacity;
        uint32_t table_flags;
        int error; /* sticky: MESH_ENOMEM, MESH_ELIMIT */
};

/* An image of nothing. Allocates nothing. */
struct image image_empty(void);

/* Frees; an empty image is fine. */
void image_done(struct image *image);

/* Add; nothing is kept of the object. A rule's chain must have been added; a rule that libnftnl
 * cannot read is added as RULE NULL. */
void image_add_chain(struct image *image, const struct nftnl_chain *chain);
void image_add_set(struct image *image, const struct nftnl_set *set);
void image_add_rule(struct image *image, const char *chain, const struct nftnl_rule *rule);

/* Adds all of a planned ruleset. */
void image_add_ruleset(struct image *image, const struct ruleset *rs);

/* Sorts and writes the frame. Returns the sticky error. */
int image_finish(struct image *image);

/* Hash of a finished frame and of the elements of SETS' sets. MESH_ENOMEM. */
int image_hash(const struct image *image, const struct ruleset *sets,
               uint8_t ret_hash[static IMAGE_HASH_BYTES]);
