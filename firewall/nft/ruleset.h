/* A plain description of our table: chains, rules in order, sets.
 *
 * What plan.c makes of the host's config and access, and what batch.c, print.c and readback.c each
 * turn into their own form. No kernel, no policy. Adding has a sticky error: the first failure
 * makes every later call harmless, and the planner asks once (ruleset_error). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum {
        RULESET_NAME_MAX = 32,          /* a table's or chain's name, with the NUL */
        RULESET_CHAINS_MAX = 4,         /* input, output, mesh, guard */
        RULESET_RULES_MAX = 65536,      /* per chain */
        RULESET_SETS_MAX = 65536,       /* per table */
        RULESET_ELEMENTS_MAX = 1 << 20, /* per set */
        RULE_MATCHES_MAX = 6,
        RULE_COMMENT_MAX = 128, /* what nft shows, with the NUL */
        SET_KEY_MAX = 16,
};

/* What of a packet is looked at. match_table.c says how each is loaded and written. */
enum match_kind {
        MATCH_IIFNAME,
        MATCH_OIFNAME,
        MATCH_FAMILY,   /* NFPROTO_IPV4 or NFPROTO_IPV6 */
        MATCH_PROTOCOL, /* layer 4, behind IPv6 extension headers too */
        MATCH_CT_STATE,
        MATCH_CT_DIRECTION,
        MATCH_SOURCE_V4,
        MATCH_SOURCE_V6,
        MATCH_HOP_LIMIT,
        MATCH_ICMP_TYPE,
        MATCH_ICMPV6_TYPE,
        MATCH_TCP_SOURCE_PORT,
        MATCH_TCP_PORT,
        MATCH_TCP_FLAGS,
        MATCH_UDP_SOURCE_PORT,
        MATCH_UDP_PORT,
        MATCH_KIND_COUNT
};

enum match_test {
        TEST_NAME,       /* equals TEXT; a final '*' matches any rest */
        TEST_IS,         /* equals LOW */
        TEST_RANGE,      /* LOW..HIGH, inclusive */
        TEST_ANY_BIT,    /* some bit of LOW is set */
        TEST_MASKED_NOT, /* the bits of HIGH are not exactly LOW */
        TEST_IN_SET,     /* is in the set named TEXT */
};

struct match {
        enum match_kind kind;
        enum match_test test;
        uint32_t low, high; /* host order */
        const char *text;   /* in the ruleset's arena */
};

enum rule_verdict {
        VERDICT_NONE, /* goes on with the next rule */
        VERDICT_ACCEPT,
        VERDICT_DROP,
        VERDICT_JUMP,
        VERDICT_RESET, /* rejects with a TCP reset */
};

/* Matches, then limit, log, counter, verdict, in this order. */
struct ruleset_rule {
        struct match matches[RULE_MATCHES_MAX];
        size_t match_count;
        uint32_t per_second, burst; /* holds only below this rate; 0: no limit */
        const char *log_prefix;     /* NULL: no log */
        bool counter;
        enum rule_verdict verdict;
        const char *target;  /* chain of VERDICT_JUMP */
        const char *comment; /* where the rule comes from; not part of the hash */
};

struct ruleset_chain {
        const char *name;
        bool is_base;
        uint32_t hook;    /* NF_INET_LOCAL_IN, ... */
        int32_t priority; /* 0: filter */
        bool drops;       /* policy of a base chain */
        struct ruleset_rule *rules;
        size_t rule_count, rule_capacity;
};

enum set_type { SET_V4, SET_V6, SET_PORT, SET_ICMP_TYPE, SET_ICMPV6_TYPE, SET_TYPE_COUNT };

/* In network order, as many bytes as the set's type has; the rest is zero. LOW equals HIGH in a
 * set without intervals. */
struct set_element {
        uint8_t low[SET_KEY_MAX], high[SET_KEY_MAX];
};

struct ruleset_set {
        const char *name;
        enum set_type type;
        bool interval;
        uint32_t size; /* declared room; 0: none */
        struct set_element *elements;
        size_t element_count, element_capacity;
};

struct ruleset {
        char table[RULESET_NAME_MAX];
        struct ruleset_chain chains[RULESET_CHAINS_MAX];
        size_t chain_count;
        struct ruleset_set *sets;
        size_t set_count, set_capacity;
        struct arena *arena;              /* owned; holds the texts */
        struct ruleset_rule scratch_rule; /* what a failed add returns */
        struct ruleset_set scratch_set;
        int error;
};

/* An empty ruleset for the table TABLE (MESH_ELIMIT if its name is too long). */
int ruleset_init(struct ruleset *rs, const char *table);
void ruleset_done(struct ruleset *rs);

/* 0, or the sticky error: MESH_ENOMEM, MESH_ELIMIT. */
int ruleset_error(const struct ruleset *rs);

/* Add; results are borrowed, never NULL. A set's or chain's pointer is good until the next of its
 * kind is added. COMMENT may be NULL and is cut at RULE_COMMENT_MAX. */
struct ruleset_chain *ruleset_add_chain(struct ruleset *rs, const char *name);
struct ruleset_rule *ruleset_add_rule(struct ruleset *rs, struct ruleset_chain *chain,
                                      enum rule_verdict verdict, const char *comment);
struct ruleset_set *ruleset_add_set(struct ruleset *rs, const char *name, enum set_type type,
                                    bool interval);

/* The set of that name, borrowed; NULL if there is none. */
const struct ruleset_set *ruleset_find_set(const struct ruleset *rs, const char *name);

/* Adds a match to RULE. TEXT is copied. */
void rule_match_name(struct ruleset *rs, struct ruleset_rule *rule, enum match_kind kind,
                     const char *text);
void rule_match_set(struct ruleset *rs, struct ruleset_rule *rule, enum match_kind kind,
                    const char *set);
void rule_match(struct ruleset *rs, struct ruleset_rule *rule, enum match_kind kind,
                enum match_test test, uint32_t low, uint32_t high);

/* Adds one element of LEN bytes; LEN is what the type has. */
void set_add(struct ruleset *rs, struct ruleset_set *set, const uint8_t *low, const uint8_t *high,
             size_t len);

/* Sorts the elements and drops duplicates; of intervals, joins what overlaps or touches. Every
 * set must be sealed before it is used. */
void set_seal(struct ruleset_set *set);

/* Bytes of one key: 4, 16, 2 or 1. */
size_t set_key_len(enum set_type type);
