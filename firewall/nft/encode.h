/* From the plain ruleset to libnftnl's objects: what the kernel shall hold of one rule, chain or
 * set. No I/O. Used by batch.c to send and by image.c to compare with what the kernel holds. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "firewall/nft/ruleset.h"

struct nftnl_chain;
struct nftnl_rule;
struct nftnl_set;
struct nftnl_table;

/* Each returns a new object, owned by the caller, or NULL when out of memory. SET_ID is any number
 * that is unique in the batch. */
struct nftnl_table *encode_table(const struct ruleset *rs);
struct nftnl_chain *encode_chain(const struct ruleset *rs, const struct ruleset_chain *chain);
struct nftnl_rule *encode_rule(const struct ruleset *rs, const struct ruleset_chain *chain,
                               const struct ruleset_rule *rule);
struct nftnl_set *encode_set(const struct ruleset *rs, const struct ruleset_set *set,
                             uint32_t set_id);

/* The type of a set that the kernel describes by nft's DATA_TYPE and KEY_LEN bytes; false if we
 * never make such. */
bool encode_known_set_type(uint32_t data_type, uint32_t key_len, enum set_type *ret_type);
