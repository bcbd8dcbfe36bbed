/* The node's private keys on disk; see the header. */
#include "agent/state/keys.h"

#include <sodium.h>

#include "agent/state/disk.h"
#include "common/buffer.h"
#include "common/cursor.h"
#include "common/env.h"
#include "common/error.h"

/* As WireGuard does, so that what the kernel reads back is what is stored. RFC 7748, section 5. */
static void clamp(uint8_t key[static NODE_KEY_BYTES])
{
        key[0] &= 248;
        key[31] = (uint8_t)((key[31] & 127) | 64);
}

void node_keys_make(const struct env *env, struct node_keys *ret_keys)
{
        env_random(env, ret_keys->identity_seed, NODE_KEY_BYTES);
        env_random(env, ret_keys->wireguard_private, NODE_KEY_BYTES);
        env_random(env, ret_keys->signal_private, NODE_KEY_BYTES);
        clamp(ret_keys->wireguard_private);
        clamp(ret_keys->signal_private);
        (void)crypto_scalarmult_base(ret_keys->wireguard_public, ret_keys->wireguard_private);
}

int node_keys_read(const struct state_dir *dir, struct node_keys *ret_keys)
{
        struct buffer bytes = { 0 };
        struct node_keys keys;
        int err = state_dir_read(dir, STATE_KEYS, &bytes, NULL);
        if (!err) {
                struct cursor c = cursor_over(bytes.bytes, bytes.len);
                cursor_copy(&c, keys.identity_seed, NODE_KEY_BYTES);
                cursor_copy(&c, keys.wireguard_private, NODE_KEY_BYTES);
                cursor_copy(&c, keys.signal_private, NODE_KEY_BYTES);
                err = cursor_finish(&c) ? MESH_EDAMAGED : 0;
        }
        if (!err) {
                (void)crypto_scalarmult_base(keys.wireguard_public, keys.wireguard_private);
                *ret_keys = keys;
        }
        node_keys_wipe(&keys);
        if (bytes.bytes)
                sodium_memzero(bytes.bytes, bytes.len);
        buffer_done(&bytes);
        return err;
}

int node_keys_write(const struct state_dir *dir, const struct node_keys *keys)
{
        struct buffer out = buffer_with_max(3 * NODE_KEY_BYTES);
        buffer_put(&out, keys->identity_seed, NODE_KEY_BYTES);
        buffer_put(&out, keys->wireguard_private, NODE_KEY_BYTES);
        buffer_put(&out, keys->signal_private, NODE_KEY_BYTES);
        int err = buffer_error(&out);
        if (!err)
                err = state_dir_write(dir, STATE_KEYS, out.bytes, out.len);
        if (out.bytes)
                sodium_memzero(out.bytes, out.len);
        buffer_done(&out);
        return err;
}

void node_keys_wipe(struct node_keys *keys)
{
        sodium_memzero(keys, sizeof(*keys));
}
