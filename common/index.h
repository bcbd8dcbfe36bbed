/* Hash index: finds a caller's item by a key that lies inside the item.
 *
 * For keys that strangers choose: the hash is keyed with random bytes (SipHash), so that nobody can
 * make them collide. Holds pointers only; items stay the caller's. Not thread-safe. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct env;

struct index {
        /* The key inside ITEM. */
        const void *(*key_of)(const void *item);
        size_t key_len;
        void **slots; /* owned; NULL: empty */
        size_t capacity, count;
        uint8_t hash_key[16];
};

/* An empty index over keys of KEY_LEN bytes. Allocates nothing. */
void index_init(struct index *index, const struct env *env, size_t key_len,
                const void *(*key_of)(const void *item));

/* Frees the table, not the items. */
void index_done(struct index *index);

/* Makes room for EXTRA more items, so that as many puts cannot fail. MESH_ENOMEM. */
int index_reserve(struct index *index, size_t extra);

/* Adds ITEM, whose key must not be in the index yet. MESH_ENOMEM. */
int index_put(struct index *index, void *item);

/* The item with that key; NULL if there is none. */
void *index_find(const struct index *index, const void *key);

/* Takes the item with that key out; NULL if there is none. */
void *index_remove(struct index *index, const void *key);

/* Every item in no order: start with *CURSOR 0; NULL at the end. Do not change it meanwhile. */
void *index_next(const struct index *index, size_t *cursor);
