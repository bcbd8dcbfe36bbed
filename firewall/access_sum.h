/* The sum over what one host lets in, of which access_hash is the hash.
 *
 * One row per prefix: the prefix and everything that it may send. A row becomes 64 random-looking
 * words, a sum adds them word by word, so rows come in any order and one can be taken out again:
 * who keeps a sum pays for what changed, not for all that is let in (coordinator/netmap does, the
 * agent adds up from nothing). Pure. The construction and its strength:
 * docs/decisions/0003-access-hash-is-a-sum.md. */
#pragma once
#include <stdint.h>

#include "common/addr.h"
#include "firewall/access.h"
#include "firewall/portset.h"

enum { ACCESS_SUM_WORDS = 64 };

/* Start with a zeroed one: nothing is let in. */
struct access_sum {
        uint64_t words[ACCESS_SUM_WORDS];
};

/* The row of one prefix, for adding the same to several sums. PORTS is settled and not empty. */
struct access_sum access_row(const struct ip_prefix *prefix, const struct portset *ports);

/* Adds the rows of OTHER to SUM, or takes them out. A prefix must be in a sum at most once. */
void access_sum_add(struct access_sum *sum, const struct access_sum *other);
void access_sum_remove(struct access_sum *sum, const struct access_sum *other);

/* What access_hash gives for a host that lets in exactly the rows of SUM. */
void access_sum_hash(const struct access_sum *sum, uint8_t ret_hash[static ACCESS_HASH_BYTES]);
