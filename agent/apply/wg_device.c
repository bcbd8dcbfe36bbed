/* Memory of device values; see the header. */
#include "agent/apply/wg_device.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

void wg_device_done(struct wg_device *device)
{
        for (size_t i = 0; i < device->peer_count; i++)
                free(device->peers[i].allowed);
        free(device->peers);
        sodium_memzero(device, sizeof(*device));
}

/* Whether an array of COUNT must grow before one more goes in: its capacity is the next power of
 * two, so that no capacity needs to be kept. */
static bool is_capacity(size_t count)
{
        return (count & (count - 1)) == 0;
}

struct wg_peer *wg_device_add_peer(struct wg_device *device, const uint8_t key[static WG_KEY_BYTES])
{
        size_t count = device->peer_count;
        if (count >= WG_PEERS_MAX)
                return NULL;
        if (is_capacity(count)) {
                size_t capacity = count ? count * 2 : 1;
                void *grown = reallocarray(device->peers, capacity, sizeof(*device->peers));
                if (!grown)
                        return NULL;
                device->peers = grown;
        }
        struct wg_peer *peer = &device->peers[device->peer_count++];
        *peer = (struct wg_peer){ 0 };
        memcpy(peer->public_key, key, WG_KEY_BYTES);
        return peer;
}

int wg_peer_add_allowed(struct wg_peer *peer, struct ip_prefix prefix)
{
        size_t count = peer->allowed_count;
        if (count >= WG_ALLOWED_MAX)
                return MESH_ELIMIT;
        if (is_capacity(count)) {
                size_t capacity = count ? count * 2 : 1;
                void *grown = reallocarray(peer->allowed, capacity, sizeof(*peer->allowed));
                if (!grown)
                        return MESH_ENOMEM;
                peer->allowed = grown;
        }
        peer->allowed[peer->allowed_count++] = prefix;
        return 0;
}

const struct wg_peer *wg_device_find_peer(const struct wg_device *device,
                                          const uint8_t key[static WG_KEY_BYTES])
{
        for (size_t i = 0; i < device->peer_count; i++)
                if (memcmp(device->peers[i].public_key, key, WG_KEY_BYTES) == 0)
                        return &device->peers[i];
        return NULL;
}

void wg_key_clamp(uint8_t key[static WG_KEY_BYTES])
{
        key[0] &= 248;
        key[31] = (uint8_t)((key[31] & 127) | 64);
}

bool wg_key_is_same(const uint8_t a[static WG_KEY_BYTES], const uint8_t b[static WG_KEY_BYTES])
{
        uint8_t one[WG_KEY_BYTES], two[WG_KEY_BYTES];
        bool same = !sodium_is_zero(a, sizeof(one)) && !sodium_is_zero(b, sizeof(two));
        memcpy(one, a, sizeof(one));
        memcpy(two, b, sizeof(two));
        wg_key_clamp(one); /* keys are compared as WireGuard keeps them */
        wg_key_clamp(two);
        same = same && sodium_memcmp(one, two, sizeof(one)) == 0;
        sodium_memzero(one, sizeof(one));
        sodium_memzero(two, sizeof(two));
        return same;
}
