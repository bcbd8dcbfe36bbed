/* The three private keys of this node, as they lie on disk.
 *
 * Made on this host, never sent anywhere; durable before the first enrolment attempt, so that a
 * retry after a crash is the same node (02-protocol.md, "Identities and keys"). */
#pragma once
#include <stdint.h>

struct env;
struct state_dir;

enum { NODE_KEY_BYTES = 32 };

struct node_keys {
        uint8_t identity_seed[NODE_KEY_BYTES];     /* Ed25519 seed */
        uint8_t wireguard_private[NODE_KEY_BYTES]; /* X25519, clamped */
        uint8_t signal_private[NODE_KEY_BYTES];    /* X25519, clamped */
        uint8_t wireguard_public[NODE_KEY_BYTES];  /* computed when made or read */
};

/* Makes fresh keys from ENV's random bytes. */
void node_keys_make(const struct env *env, struct node_keys *ret_keys);

/* Reads the keys. MESH_ENOENT if this host never made any; MESH_EDAMAGED, MESH_EVERSION. */
int node_keys_read(const struct state_dir *dir, struct node_keys *ret_keys);

/* Stores the keys durably. Errors of state_dir_write. */
int node_keys_write(const struct state_dir *dir, const struct node_keys *keys);

/* Wipes the keys from memory. */
void node_keys_wipe(struct node_keys *keys);
