/* What is signed, hashed and authenticated: a name and a list of fields, unambiguous as bytes.
 *
 *   "mesh/v1/" name NUL, then each field as 32-bit big-endian length and bytes.
 *
 * Collect the fields in the order of their numbers, then sign, verify or hash. The only way in
 * which this program signs or MACs anything. TRANSCRIPTS.md lists every transcript. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "proto/key.h"

enum { TRANSCRIPT_FIELDS_MAX = 8 };

struct transcript_field {
        const void *bytes; /* borrowed; NULL: the bytes are in `number` */
        size_t len;
        uint8_t number[8];
};

struct transcript {
        const char *name; /* borrowed, without the prefix */
        size_t count;
        struct transcript_field fields[TRANSCRIPT_FIELDS_MAX];
};

/* Begins a transcript; NAME must outlive it. Nothing to free. */
struct transcript transcript_named(const char *name);

/* Appends a field; BYTES must outlive the transcript, and may be NULL if LEN is 0. */
void transcript_add(struct transcript *t, const void *bytes, size_t len);

/* Appends a number as 8 bytes, big-endian. */
void transcript_add_be64(struct transcript *t, uint64_t value);

/* Ed25519 over the transcript's bytes. MESH_ENOMEM. */
int transcript_sign(const struct transcript *t, const struct identity *signer,
                    uint8_t ret_signature[static SIGNATURE_BYTES]);

/* MESH_EAUTH unless SIGNATURE is SIGNER's; MESH_ENOMEM. */
int transcript_verify(const struct transcript *t, const uint8_t signer[static KEY_BYTES],
                      const uint8_t signature[static SIGNATURE_BYTES]);

/* BLAKE2b-256 over the transcript's bytes, keyed if KEY (32 bytes) is not NULL. */
void transcript_hash(const struct transcript *t, const uint8_t *key,
                     uint8_t ret_hash[static KEY_BYTES]);
