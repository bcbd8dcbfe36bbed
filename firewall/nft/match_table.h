/* How each kind of match is loaded from a packet and written in nft syntax: one row per kind.
 *
 * Shared by encode.c (kernel) and print.c (text), so that the two cannot disagree. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "firewall/nft/ruleset.h"

enum match_source { FROM_META, FROM_CONNTRACK, FROM_NETWORK_HEADER, FROM_TRANSPORT_HEADER };

/* Names of values in nft syntax; a table ends with a NULL name. */
struct match_word {
        uint32_t value;
        const char *name;
};

struct match_row {
        const char *keyword; /* "iifname", "ip saddr" */
        enum match_source source;
        uint32_t key; /* NFT_META_*, NFT_CT_*, or the offset in the header */
        uint32_t len; /* bytes */
        bool network_order;
        const struct match_word *words; /* NULL: numbers only */
        /* The match that nft itself puts before this keyword, so that its text leaves it out;
         * MATCH_KIND_COUNT: none. */
        enum match_kind implied_kind;
        uint32_t implied_value;
};

/* The row of KIND; static. */
const struct match_row *match_row(enum match_kind kind);
