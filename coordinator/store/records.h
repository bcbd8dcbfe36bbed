/* The durable records of the coordinator, as plain values.
 *
 * The common language of registry/ (which keeps them in memory) and store/ (which writes and loads
 * them). Text is NUL-terminated and bounded; times are Unix milliseconds unless the name says
 * otherwise, 0 is "never". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "coordinator/netmap/member.h"
#include "proto/setup_key.h"

enum {
        DESCRIPTION_MAX = 255,
        FACT_MAX = 127,
        CHANGE_LOG_MAX_ROWS = 10000,
        EVENT_MAX_ROWS = 100000,
};

struct epoch {
        uint64_t start_ms, random;
};

/* What there is one of. */
struct meta_record {
        uint8_t identity_seed[KEY_BYTES]; /* Ed25519; secret */
        struct epoch epoch;
        uint64_t generation;
        uint8_t log_hash[KEY_BYTES]; /* of the change log up to the generation */
        struct ip_prefix ipv4, ipv6; /* the overlay */
        uint64_t policy_version;     /* the live one; 0: none */
};

struct host_facts {
        char hostname[FACT_MAX + 1], system[FACT_MAX + 1], kernel[FACT_MAX + 1],
                machine[FACT_MAX + 1];
};

struct peer_versions {
        uint32_t lowest, highest;
        uint64_t features;
        char software[FACT_MAX + 1];
};

/* A token that a machine must show at its next connection; LEN 0: none was handed out. */
struct instance_token {
        uint8_t len; /* 0 or INSTANCE_TOKEN_BYTES */
        uint8_t bytes[INSTANCE_TOKEN_BYTES];
};

struct node_record {
        struct member *member;            /* one reference, owned by whoever owns the record */
        char claimed_name[LABEL_MAX + 1]; /* waits for approval; empty: none */
        uint8_t setup_key_id[SETUP_KEY_ID_BYTES];
        uint32_t slot; /* of its address lease */
        struct host_facts facts;
        struct peer_versions versions;
        int64_t enrolled_ms;
        uint64_t ephemeral_ms; /* 0: stays; else released after so long without contact */
        struct instance_token newest_token, previous_token;
        bool previous_token_valid;
};

struct setup_key_record {
        uint8_t id[SETUP_KEY_ID_BYTES];
        uint8_t public_key[KEY_BYTES]; /* Ed25519; the seed is never stored */
        char description[DESCRIPTION_MAX + 1];
        char name[LABEL_MAX + 1]; /* the node name it grants; empty: none */
        char tags[MEMBER_MAX_TAGS][LABEL_MAX + 1];
        size_t tag_count;
        bool reusable;
        uint32_t max_uses; /* 1 if not reusable; 0: no limit */
        uint32_t uses;
        int64_t created_ms, expires_ms, last_used_ms, revoked_ms;
        uint64_t ephemeral_ms;
};

/* Slot N stands for the Nth address of both overlay prefixes. */
struct lease_record {
        uint32_t slot;
        uint8_t identity[KEY_BYTES]; /* who has, or last had it */
        int64_t released_ms;         /* 0: in use */
};

/* An identity that `node remove` barred. */
struct removal_record {
        uint8_t identity[KEY_BYTES];
        uint8_t node_id[NODE_ID_BYTES];
        char name[LABEL_MAX + 1];
        int64_t removed_ms;
};

/* One step of the generations: a node or the policy before it. */
struct change_record {
        uint64_t generation;
        int64_t at_ms;
        bool is_policy;
        uint8_t node_id[NODE_ID_BYTES];       /* unless is_policy */
        struct member *before, *after;        /* one reference each; NULL: there was, is none */
        uint64_t policy_before, policy_after; /* versions; 0: none */
        uint8_t log_hash[KEY_BYTES];          /* up to and with this row */
};

struct policy_file_record {
        char *path;
        uint8_t *text;
        size_t len;
};

struct policy_record {
        uint64_t version;
        uint8_t hash[KEY_BYTES];
        char author[DESCRIPTION_MAX + 1], commit[DESCRIPTION_MAX + 1];
        int64_t applied_ms;
        struct policy_file_record *files;
        size_t file_count;
};

/* One line of the audit log. */
struct event_record {
        int64_t at_ms;
        char actor[DESCRIPTION_MAX + 1];  /* "root", "node ubongo", "setup key 0011..." */
        char source[DESCRIPTION_MAX + 1]; /* address, or "unix" */
        char action[FACT_MAX + 1];        /* "enroll", "node remove"... */
        char object[DESCRIPTION_MAX + 1];
        uint64_t generation_before, generation_after;
        uint8_t policy_hash[KEY_BYTES];
        char result[DESCRIPTION_MAX + 1]; /* "ok", or why not */
};
