/* Sealed boxes to an identity; see the header. */
#include "proto/seal.h"

#include <assert.h>
#include <sodium.h>

#include "common/arena.h"
#include "common/error.h"

static_assert(crypto_box_SEALBYTES == SEAL_OVERHEAD_BYTES, "sealed box");

int seal_to_identity(const uint8_t identity[static KEY_BYTES], const void *bytes, size_t len,
                     uint8_t *ret_sealed)
{
        uint8_t public_key[KEY_BYTES];
        int err = identity_public_to_x25519(identity, public_key);
        if (err)
                return err;
        return crypto_box_seal(ret_sealed, bytes, len, public_key) == 0 ? 0 : MESH_EAUTH;
}

int seal_open(const struct identity *identity, const uint8_t *sealed, size_t len,
              struct arena *arena, const uint8_t **ret_bytes)
{
        if (len < SEAL_OVERHEAD_BYTES)
                return MESH_EAUTH;
        uint8_t *bytes = arena_alloc(arena, len - SEAL_OVERHEAD_BYTES);
        if (!bytes)
                return MESH_ENOMEM;
        struct x25519_pair pair;
        identity_to_x25519(identity, &pair);
        int bad = crypto_box_seal_open(bytes, sealed, len, pair.public_key, pair.secret);
        x25519_pair_done(&pair);
        if (bad)
                return MESH_EAUTH;
        *ret_bytes = bytes;
        return 0;
}
