/* The text that a user pastes to enrol a host: where the coordinator is, who it is, and a key.
 *
 * "mesh-" and one lower-case base32 string with a checksum, so that a typing error is found before
 * any network use. It holds a secret (the seed). Which keys are valid, and for what, is known by
 * the coordinator's registry, which keeps the public half only. TRANSCRIPTS.md, "Setup key". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/key.h"

enum {
        SETUP_KEY_ID_BYTES = 8,
        SETUP_KEY_HOST_MAX = 253,
        SETUP_KEY_TEXT_MAX = 544, /* the longest text and its NUL fit */
};

struct setup_key {
        char host[SETUP_KEY_HOST_MAX + 1]; /* FQDN or IP address of the coordinator */
        uint16_t port;
        uint8_t coordinator[KEY_BYTES]; /* its Ed25519 identity */
        uint8_t id[SETUP_KEY_ID_BYTES];
        uint8_t seed[KEY_BYTES]; /* of the key's own Ed25519 pair: the secret */
};

/* Reads LEN bytes of TEXT; white space around it is ignored. MESH_EFORMAT: no setup key at all;
 * MESH_ECHECKSUM: mistyped or cut; MESH_EVERSION: made by a newer coordinator; MESH_EBADPORT.
 * The caller wipes TEXT and, with setup_key_done, the key. */
int setup_key_parse(const char *text, size_t len, struct setup_key *ret_key);

/* Writes the text with a NUL. MESH_EFORMAT for a host that setup_key_host_valid refuses,
 * MESH_EBADPORT for port 0. The caller wipes the text. */
int setup_key_format(const struct setup_key *key, char ret_text[static SETUP_KEY_TEXT_MAX]);

/* The key's Ed25519 pair; the coordinator stores its public half. */
void setup_key_identity(const struct setup_key *key, struct identity *ret_identity);

/* Wipes. */
void setup_key_done(struct setup_key *key);

/* Whether HOST may stand in a setup key: a lower-case DNS name without a final dot, or an IPv4 or
 * IPv6 address in text form without brackets. RFC 1123, section 2.1. */
bool setup_key_host_valid(const char *host);
