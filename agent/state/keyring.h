/* The three key pairs of this node, as they lie on disk.
 *
 * Made on this host, private halves never sent anywhere; durable before the first enrolment
 * attempt, so that a retry after a crash is the same node (02-protocol.md, "Identities and
 * keys"). */
#pragma once
#include "proto/key.h"

struct env;
struct state_dir;

/* A plain value that holds secrets. */
struct keyring {
        struct identity identity;
        struct x25519_pair wireguard;
        struct x25519_pair signal;
};

/* Makes fresh keys from ENV's random bytes. */
void keyring_make(const struct env *env, struct keyring *ret_keys);

/* Reads the keys. MESH_ENOENT if this host never made any; MESH_EDAMAGED, MESH_EVERSION. */
int keyring_read(const struct state_dir *dir, struct keyring *ret_keys);

/* Stores the keys durably. Errors of state_dir_write. */
int keyring_write(const struct state_dir *dir, const struct keyring *keys);

/* Wipes the keys from memory. */
void keyring_done(struct keyring *keys);
