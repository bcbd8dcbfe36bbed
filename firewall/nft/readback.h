/* What the kernel holds of our table, read by dumps.
 *
 * Consistent: all of it is of one generation of nf_tables. Other tables are not read (the list of
 * chains names them, and is passed over). Callers: firewall.c. */
#pragma once
#include "firewall/nft/image.h"
#include "firewall/nft/ruleset.h"

struct netlink;

struct readback {
        struct image image;
        struct ruleset sets; /* only its sets, with their elements, are filled */
};

/* Reads the table. Returned owned. MESH_ENOENT if there is none, MESH_EAGAIN if somebody changes it
 * faster than it can be read; the errors of common/netlink.h. */
int readback_table(struct netlink *nl, const char *table, struct readback *ret);
void readback_done(struct readback *r);

/* Hash of what was read. MESH_ENOMEM. */
int readback_hash(const struct readback *r, uint8_t ret_hash[static IMAGE_HASH_BYTES]);

/* What a plan's hash would be once the kernel holds it. MESH_ENOMEM, MESH_ELIMIT. */
int planned_hash(const struct ruleset *rs, uint8_t ret_hash[static IMAGE_HASH_BYTES]);
