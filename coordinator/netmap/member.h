/* What others may learn of one member: an immutable, counted value.
 *
 * The registry makes a new image for every change and shares it with the store (which writes it)
 * and with netmap (which tells it to those who may see it), so nothing is copied and a before-image
 * costs one reference. Not the whole node: what only the coordinator knows of it (tokens, facts,
 * reports) is in store/records.h and registry/registry.h. Not thread-safe: the writer thread only
 * reads images that a transaction holds. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/label.h"
#include "proto/key.h"

struct buffer;

enum {
        MEMBER_MAX_TAGS = 16,
        MEMBER_MAX_ENDPOINTS = 16,
        MEMBER_IMAGE_MAX_BYTES = 4096, /* of the packed form */
};

struct member {
        uint32_t refs; /* only member_ref and member_unref touch it */
        uint8_t id[NODE_ID_BYTES];
        uint8_t identity[KEY_BYTES]; /* Ed25519 */
        uint8_t wireguard_key[KEY_BYTES];
        uint8_t signal_key[KEY_BYTES];
        uint8_t signal_key_signature[SIGNATURE_BYTES];
        struct ip_addr v4, v6; /* overlay addresses */
        char name[LABEL_MAX + 1];
        bool name_pending;       /* it claims another name: no access by name (policy_classify) */
        const char *const *tags; /* sorted, no duplicates; in the same block of memory */
        size_t tag_count;
        const struct ip_endpoint *endpoints; /* best first; in the same block */
        size_t endpoint_count;
        uint32_t recreate; /* a new value: peers remove and add it again */
};

/* A copy of IMAGE (its refs are ignored, tags are sorted and made unique) with one reference.
 * Returns owned; NULL when out of memory or over a maximum above. */
struct member *member_new(const struct member *image);

/* Takes one more reference and returns MEMBER; NULL stays NULL. */
struct member *member_ref(const struct member *member);

/* Gives one reference back; NULL is allowed. */
void member_unref(const struct member *member);

/* Whether both would be told alike and are judged alike by any policy. */
bool member_equal(const struct member *a, const struct member *b);

/* The packed form, for before-images in the change log: versioned, canonical. Appends to OUT
 * (sticky error as in common/buffer.h). */
void member_pack(const struct member *member, struct buffer *out);

/* The image packed in BYTES. Returns owned in *RET_MEMBER. MESH_EVERSION, MESH_ETRUNCATED,
 * MESH_ETRAILING, MESH_EFORMAT, MESH_ENOMEM. */
int member_unpack(const void *bytes, size_t len, struct member **ret_member);
