/* Key pairs: Ed25519 identities and X25519 keys.
 *
 * Plain values that hold secrets: the owner wipes them with the done verb. Where they are kept on
 * disk is the business of coordinator and agent. Call sodium_init() once before anything here.
 * RFC 8032, RFC 7748; 02-protocol.md, "Identities and keys". */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct env;

enum {
        KEY_BYTES = 32, /* every public key, X25519 secret, seed, hash and MAC */
        SIGNATURE_BYTES = 64,
        NODE_ID_BYTES = 16,
        INSTANCE_TOKEN_BYTES = 16,
};

/* Proves the coordinator, a node, or the holder of a setup key. Keep the seed, derive the rest. */
struct identity {
        uint8_t seed[KEY_BYTES];
        uint8_t secret[2 * KEY_BYTES]; /* libsodium's form: seed and public key */
        uint8_t public_key[KEY_BYTES];
};

/* WireGuard keys, signal keys, ephemerals. The secret is clamped as `wg genkey` does. */
struct x25519_pair {
        uint8_t secret[KEY_BYTES];
        uint8_t public_key[KEY_BYTES];
};

/* A new identity from ENV's random bytes, or the one of a seed. */
void identity_make(const struct env *env, struct identity *ret_identity);
void identity_from_seed(const uint8_t seed[static KEY_BYTES], struct identity *ret_identity);

/* Wipes; the same for an X25519 pair. */
void identity_done(struct identity *identity);
void x25519_pair_done(struct x25519_pair *pair);

/* A new pair, or the one of a stored secret. */
void x25519_pair_make(const struct env *env, struct x25519_pair *ret_pair);
void x25519_pair_from_secret(const uint8_t secret[static KEY_BYTES], struct x25519_pair *ret_pair);

/* The X25519 form of an identity, for seals. libsodium, crypto_sign_ed25519_sk_to_curve25519. */
void identity_to_x25519(const struct identity *identity, struct x25519_pair *ret_pair);

/* The same of somebody's public key. MESH_EAUTH if it is no point of the curve's main subgroup. */
int identity_public_to_x25519(const uint8_t identity[static KEY_BYTES],
                              uint8_t ret_public[static KEY_BYTES]);

/* The X25519 shared secret. MESH_EAUTH if it is all zero (a point of small order). The caller
 * wipes it. RFC 7748, section 6.1. */
int x25519_shared(const uint8_t secret[static KEY_BYTES],
                  const uint8_t public_key[static KEY_BYTES], uint8_t ret_shared[static KEY_BYTES]);
