/* Enrolment: how a host and the coordinator exchange keys through channels that nobody trusts.
 *
 * Both sides, sans I/O. The request is sealed to the coordinator and holds no secret; the reply is
 * sealed to the node and signed. Bytes in and out are the messages of rpc Enroll, serialised. Who
 * may enrol is decided by the coordinator's registry. TRANSCRIPTS.md, "Enrolment".
 *
 * Agent:       enroll_request_make -> (rpc) -> enroll_reply_open
 * Coordinator: enroll_request_open -> look up claim.setup_key_id -> enroll_request_check ->
 *              (registry, commit) -> enroll_reply_make */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "mesh/v1/enrollment.pb-c.h"
#include "proto/key.h"
#include "proto/setup_key.h"

struct arena;
struct buffer;

enum {
        ENROLL_MESSAGE_MAX = 32 * 1024,  /* bytes of a request or reply */
        ENROLL_ARENA_BYTES = 256 * 1024, /* an arena of this size holds any of them */
        ENROLL_TAGS_MAX = 64,
        ENROLL_TEXT_MAX = 255, /* of each string in the body */
};

/* The three keys of a node; all borrowed. */
struct node_keys {
        const struct identity *identity;
        const struct x25519_pair *wireguard;
        const struct x25519_pair *signal;
};

/* What the agent remembers of a request until its reply. Plain value, no secret. */
struct enroll_pending {
        uint8_t coordinator[KEY_BYTES];
        uint8_t request_hash[KEY_BYTES];
};

/* Appends the EnrollRequest to RET_REQUEST. Of WISHES only wanted_name, wanted_tags, facts and
 * versions are taken. MESH_EAUTH if the setup key's coordinator identity is no valid point,
 * MESH_ELIMIT, MESH_ENOMEM. libsodium draws the seal's ephemeral key. */
int enroll_request_make(const struct setup_key *key, const struct node_keys *keys,
                        const Mesh__V1__EnrollBody *wishes, struct buffer *ret_request,
                        struct enroll_pending *ret_pending);

/* Opens the EnrollReply of LEN BYTES. *RET_GRANT is borrowed from ARENA; its node_id is 16 bytes,
 * the rest the caller validates. MESH_EAUTH: not from the coordinator of the setup key, or not
 * for this request; MESH_EFORMAT, MESH_ELIMIT, MESH_ENOMEM. */
int enroll_reply_open(const struct enroll_pending *pending, const struct identity *node,
                      const uint8_t *bytes, size_t len, struct arena *arena,
                      const Mesh__V1__EnrollGrantBody **ret_grant);

/* An opened request. Nothing in it is proven before enroll_request_check. */
struct enroll_claim {
        uint8_t setup_key_id[SETUP_KEY_ID_BYTES];
        uint8_t node_identity[KEY_BYTES];
        uint8_t wireguard_key[KEY_BYTES];
        uint8_t signal_key[KEY_BYTES];
        uint8_t signal_key_signature[SIGNATURE_BYTES];
        const Mesh__V1__EnrollBody *body; /* borrowed from the arena; strings are bounded */
        /* for the check and the reply */
        const uint8_t *body_bytes; /* borrowed from the arena */
        size_t body_len;
        uint8_t setup_key_signature[SIGNATURE_BYTES];
        uint8_t node_signature[SIGNATURE_BYTES];
        uint8_t wireguard_mac[KEY_BYTES];
        uint8_t request_hash[KEY_BYTES];
};

/* Unseals and parses the EnrollRequest of LEN BYTES. MESH_EAUTH: not sealed to this coordinator;
 * MESH_EFORMAT: malformed, a key of the wrong length, text with control characters; MESH_ELIMIT:
 * a text too long, too many tags; MESH_ENOMEM. */
int enroll_request_open(const struct identity *coordinator, const uint8_t *bytes, size_t len,
                        struct arena *arena, struct enroll_claim *ret_claim);

/* Checks all signatures and the WireGuard proof; which one failed cannot be told from the result
 * or the time. SETUP_PUBLIC is the public half of the key whose id the claim names; NULL if there
 * is none: the same work, and MESH_EAUTH. MESH_EAUTH, MESH_ENOMEM. */
int enroll_request_check(const struct identity *coordinator, const struct enroll_claim *claim,
                         const uint8_t *setup_public);

/* Appends the EnrollReply for CLAIM to RET_REPLY. MESH_EAUTH if the node identity is no valid
 * point (not after a check), MESH_ELIMIT, MESH_ENOMEM. */
int enroll_reply_make(const struct identity *coordinator, const struct enroll_claim *claim,
                      const Mesh__V1__EnrollGrantBody *grant, struct buffer *ret_reply);
