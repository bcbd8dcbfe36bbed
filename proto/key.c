/* Key pairs; see the header. */
#include "proto/key.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"

static_assert(crypto_sign_SEEDBYTES == KEY_BYTES && crypto_sign_PUBLICKEYBYTES == KEY_BYTES &&
                      crypto_sign_SECRETKEYBYTES == 2 * KEY_BYTES &&
                      crypto_sign_BYTES == SIGNATURE_BYTES,
              "Ed25519 sizes");
static_assert(crypto_scalarmult_SCALARBYTES == KEY_BYTES && crypto_scalarmult_BYTES == KEY_BYTES,
              "X25519 sizes");

void identity_from_seed(const uint8_t seed[static KEY_BYTES], struct identity *ret_identity)
{
        struct identity identity;
        memcpy(identity.seed, seed, KEY_BYTES);
        (void)crypto_sign_seed_keypair(identity.public_key, identity.secret, seed);
        *ret_identity = identity;
        identity_done(&identity);
}

void identity_make(const struct env *env, struct identity *ret_identity)
{
        uint8_t seed[KEY_BYTES];
        env_random(env, seed, sizeof(seed));
        identity_from_seed(seed, ret_identity);
        sodium_memzero(seed, sizeof(seed));
}

void identity_done(struct identity *identity)
{
        sodium_memzero(identity, sizeof(*identity));
}

void x25519_pair_from_secret(const uint8_t secret[static KEY_BYTES], struct x25519_pair *ret_pair)
{
        struct x25519_pair pair;
        memcpy(pair.secret, secret, KEY_BYTES);
        pair.secret[0] &= 248;
        pair.secret[31] = (pair.secret[31] & 127) | 64;
        (void)crypto_scalarmult_base(pair.public_key, pair.secret);
        *ret_pair = pair;
        x25519_pair_done(&pair);
}

void x25519_pair_make(const struct env *env, struct x25519_pair *ret_pair)
{
        uint8_t secret[KEY_BYTES];
        env_random(env, secret, sizeof(secret));
        x25519_pair_from_secret(secret, ret_pair);
        sodium_memzero(secret, sizeof(secret));
}

void x25519_pair_done(struct x25519_pair *pair)
{
        sodium_memzero(pair, sizeof(*pair));
}

void identity_to_x25519(const struct identity *identity, struct x25519_pair *ret_pair)
{
        uint8_t secret[KEY_BYTES];
        (void)crypto_sign_ed25519_sk_to_curve25519(secret, identity->secret);
        x25519_pair_from_secret(secret, ret_pair);
        sodium_memzero(secret, sizeof(secret));
}

int identity_public_to_x25519(const uint8_t identity[static KEY_BYTES],
                              uint8_t ret_public[static KEY_BYTES])
{
        uint8_t public_key[KEY_BYTES];
        if (crypto_sign_ed25519_pk_to_curve25519(public_key, identity) != 0)
                return MESH_EAUTH;
        memcpy(ret_public, public_key, KEY_BYTES);
        return 0;
}

int x25519_shared(const uint8_t secret[static KEY_BYTES],
                  const uint8_t public_key[static KEY_BYTES], uint8_t ret_shared[static KEY_BYTES])
{
        uint8_t shared[KEY_BYTES];
        int err = crypto_scalarmult(shared, secret, public_key) == 0 ? 0 : MESH_EAUTH;
        if (!err)
                memcpy(ret_shared, shared, KEY_BYTES);
        sodium_memzero(shared, sizeof(shared));
        return err;
}
