/* The node's keys on disk; see the header. Payload: identity seed, WireGuard secret, signal
 * secret, 32 bytes each; the public halves are computed. */
#include "agent/state/keyring.h"

#include <sodium.h>

#include "agent/state/disk.h"
#include "common/buffer.h"
#include "common/cursor.h"
#include "common/error.h"

void keyring_make(const struct env *env, struct keyring *ret_keys)
{
        identity_make(env, &ret_keys->identity);
        x25519_pair_make(env, &ret_keys->wireguard);
        x25519_pair_make(env, &ret_keys->signal);
}

int keyring_read(const struct state_dir *dir, struct keyring *ret_keys)
{
        struct buffer bytes = { 0 };
        int err = state_dir_read(dir, STATE_KEYS, &bytes, NULL);
        if (!err && bytes.len != 3 * KEY_BYTES)
                err = MESH_EDAMAGED;
        if (!err) {
                struct cursor c = cursor_over(bytes.bytes, bytes.len);
                identity_from_seed(cursor_take(&c, KEY_BYTES), &ret_keys->identity);
                x25519_pair_from_secret(cursor_take(&c, KEY_BYTES), &ret_keys->wireguard);
                x25519_pair_from_secret(cursor_take(&c, KEY_BYTES), &ret_keys->signal);
        }
        if (bytes.bytes)
                sodium_memzero(bytes.bytes, bytes.len);
        buffer_done(&bytes);
        return err;
}

int keyring_write(const struct state_dir *dir, const struct keyring *keys)
{
        struct buffer out = buffer_with_max(3 * KEY_BYTES);
        buffer_put(&out, keys->identity.seed, KEY_BYTES);
        buffer_put(&out, keys->wireguard.secret, KEY_BYTES);
        buffer_put(&out, keys->signal.secret, KEY_BYTES);
        int err = buffer_error(&out);
        if (!err)
                err = state_dir_write(dir, STATE_KEYS, out.bytes, out.len);
        if (out.bytes)
                sodium_memzero(out.bytes, out.len);
        buffer_done(&out);
        return err;
}

void keyring_done(struct keyring *keys)
{
        identity_done(&keys->identity);
        x25519_pair_done(&keys->wireguard);
        x25519_pair_done(&keys->signal);
}
