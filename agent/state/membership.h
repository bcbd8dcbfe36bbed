/* Who this node is, in which mesh, and how to reach its coordinator, as it lies on disk.
 *
 * Written at enrolment and after each Welcome; there is a membership exactly while this host is
 * enrolled. Not the keys (keyring.h), not the map (map.h). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/state/disk.h"
#include "agent/state/pins.h"
#include "common/addr.h"
#include "proto/key.h"

struct buffer;

enum {
        MEMBERSHIP_NAME_MAX = 64,  /* with the NUL: one DNS label */
        MEMBERSHIP_HOST_MAX = 254, /* with the NUL: a domain name */
        MEMBERSHIP_ADDRESSES_MAX = 4,
        MEMBERSHIP_PREFIXES_MAX = 8,
};

struct mesh_epoch {
        uint64_t start_ms; /* Unix time; a newer epoch starts later */
        uint64_t random;
};

struct membership {
        uint8_t node_id[NODE_ID_BYTES];
        char name[MEMBERSHIP_NAME_MAX];
        bool name_pending; /* the wanted name waits for approval */
        struct ip_prefix addresses[MEMBERSHIP_ADDRESSES_MAX];
        size_t address_count;
        struct ip_prefix prefixes[MEMBERSHIP_PREFIXES_MAX]; /* the mesh's: one route each */
        size_t prefix_count;
        uint8_t coordinator[KEY_BYTES]; /* its Ed25519 identity: the trust */
        char coordinator_name[MEMBERSHIP_HOST_MAX];
        uint16_t coordinator_port;
        struct pins pins;
        uint8_t token[INSTANCE_TOKEN_BYTES]; /* instance token */
        bool has_token;
        struct mesh_epoch epoch; /* the newest that was accepted; zero: none yet */
        uint16_t wireguard_port;
};

/* Reads the membership, or the copy before it; *RET_SOURCE tells which. MESH_ENOENT when not
 * enrolled; MESH_EDAMAGED, MESH_EVERSION. */
int membership_read(const struct state_dir *dir, struct membership *ret_membership,
                    enum state_source *ret_source);

/* Stores it durably. Errors of state_dir_write. */
int membership_write(const struct state_dir *dir, const struct membership *membership);

/* Forgets the membership on disk. */
int membership_remove(const struct state_dir *dir);

/* The payload's form, for membership_read and its tests. MESH_EFORMAT for anything odd: a count
 * over its maximum, an unterminated name, a bad prefix, bytes left over. */
int membership_decode(const uint8_t *bytes, size_t len, struct membership *ret_membership);
void membership_encode(const struct membership *membership, struct buffer *out);

/* Order of epochs: <0 if A is older than B, 0 if the same, >0 if newer. Two that started in the
 * same millisecond are told apart by their random number. */
int mesh_epoch_compare(const struct mesh_epoch *a, const struct mesh_epoch *b);

/* Whether PREFIX lies within one of the mesh's prefixes. */
bool membership_in_mesh(const struct membership *membership, const struct ip_prefix *prefix);
