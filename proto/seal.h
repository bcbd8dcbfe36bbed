/* Sealed boxes to an identity: anybody can write one, only the identity's holder reads it.
 *
 * libsodium's crypto_box_seal (X25519, XSalsa20-Poly1305) to the X25519 form of an Ed25519
 * identity. Says nothing about who wrote it: what is inside must be signed. TRANSCRIPTS.md,
 * "Sealed boxes". */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "proto/key.h"

struct arena;

enum { SEAL_OVERHEAD_BYTES = 48 };

/* Seals LEN BYTES into LEN + SEAL_OVERHEAD_BYTES at RET_SEALED; libsodium draws the ephemeral key.
 * MESH_EAUTH if IDENTITY is no valid point. */
int seal_to_identity(const uint8_t identity[static KEY_BYTES], const void *bytes, size_t len,
                     uint8_t *ret_sealed);

/* Opens a box of LEN SEALED bytes; *RET_BYTES, LEN - SEAL_OVERHEAD_BYTES of them, are borrowed from
 * ARENA. MESH_EAUTH: altered, too short, or not for IDENTITY; MESH_ENOMEM. */
int seal_open(const struct identity *identity, const uint8_t *sealed, size_t len,
              struct arena *arena, const uint8_t **ret_bytes);
