/* Elements of a set as nf_tables has them on the wire, both ways. No I/O.
 *
 * Written by hand on common/netlink_message.h and not with libnftnl, which allocates every element:
 * 100,000 members are ordinary here. An interval is two elements: its beginning, and the key behind
 * its end, marked so. linux/netfilter/nf_tables.h. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/netlink_attr.h"
#include "firewall/nft/ruleset.h"

/* Builds one message in MEMORY (CAPACITY bytes, aligned for a uint64_t) with as many of the COUNT
 * elements as fit; *RET_PUT is their number, at least one. TYPE is NFT_MSG_NEWSETELEM or
 * NFT_MSG_DELSETELEM. MESH_ELIMIT if not even one fits. */
int set_codec_build(void *memory, size_t capacity, uint16_t type, uint16_t flags, const char *table,
                    const struct ruleset_set *set, const struct set_element *elements, size_t count,
                    size_t *ret_put);

/* Builds the request for a dump of all elements of SET. */
struct netlink_message set_codec_dump_request(void *memory, size_t capacity, const char *table,
                                              const char *set);

/* One key as the kernel tells it. */
struct set_key {
        uint8_t key[SET_KEY_MAX];
        bool ends; /* the key behind an interval's end */
};

/* Reads the next key of LEN bytes from the list in a dump's message; 1, 0 at the end, or
 * MESH_ETRUNCATED, MESH_EFORMAT (other key length, a map). */
int set_codec_next(struct cursor *list, size_t len, struct set_key *ret_key);

/* The list in a dump's message; empty if it has none. MESH_ETRUNCATED, MESH_EFORMAT. */
int set_codec_list(const struct nlmsghdr *message, struct cursor *ret_list);

/* Adds to SET what COUNT keys, in any order, mean, and seals it; sorts KEYS. */
void set_codec_collect(struct ruleset *rs, struct ruleset_set *set, struct set_key *keys,
                       size_t count);
