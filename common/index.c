/* Open addressing with linear probing, at most half full; removal moves later entries back, so
 * there are no tombstones. See index.h. */
#include "common/index.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"

enum { CAPACITY_MIN = 16 };

_Static_assert(crypto_shorthash_KEYBYTES == sizeof(((struct index *)0)->hash_key), "hash key");

void index_init(struct index *index, const struct env *env, size_t key_len,
                const void *(*key_of)(const void *item))
{
        *index = (struct index){ .key_of = key_of, .key_len = key_len };
        env_random(env, index->hash_key, sizeof(index->hash_key));
}

void index_done(struct index *index)
{
        free(index->slots);
        index->slots = NULL;
        index->capacity = index->count = 0;
}

static size_t home_of(const struct index *index, const void *key)
{
        uint8_t hash[crypto_shorthash_BYTES];
        uint64_t number;
        crypto_shorthash(hash, key, index->key_len, index->hash_key);
        memcpy(&number, hash, sizeof(number));
        return (size_t)number & (index->capacity - 1);
}

static size_t next_slot(const struct index *index, size_t slot)
{
        return (slot + 1) & (index->capacity - 1);
}

static void place(struct index *index, void *item)
{
        size_t slot = home_of(index, index->key_of(item));
        while (index->slots[slot])
                slot = next_slot(index, slot);
        index->slots[slot] = item;
}

int index_reserve(struct index *index, size_t extra)
{
        size_t capacity = index->capacity ? index->capacity : CAPACITY_MIN;
        while (capacity / 2 < index->count + extra)
                capacity *= 2;
        if (capacity == index->capacity)
                return 0;
        void **slots = calloc(capacity, sizeof(*slots));
        if (!slots)
                return MESH_ENOMEM;
        struct index old = *index;
        index->slots = slots;
        index->capacity = capacity;
        for (size_t i = 0; i < old.capacity; i++)
                if (old.slots[i])
                        place(index, old.slots[i]);
        free(old.slots);
        return 0;
}

int index_put(struct index *index, void *item)
{
        int err = index_reserve(index, 1);
        if (err)
                return err;
        place(index, item);
        index->count++;
        return 0;
}

/* The slot of KEY, or the capacity. */
static size_t slot_of(const struct index *index, const void *key)
{
        if (index->count == 0)
                return index->capacity;
        for (size_t slot = home_of(index, key); index->slots[slot]; slot = next_slot(index, slot))
                if (!memcmp(index->key_of(index->slots[slot]), key, index->key_len))
                        return slot;
        return index->capacity;
}

void *index_find(const struct index *index, const void *key)
{
        size_t slot = slot_of(index, key);
        return slot == index->capacity ? NULL : index->slots[slot];
}

void *index_remove(struct index *index, const void *key)
{
        size_t hole = slot_of(index, key);
        if (hole == index->capacity)
                return NULL;
        void *item = index->slots[hole];
        index->slots[hole] = NULL;
        index->count--;
        /* An entry after the hole may move into it unless its home lies between the two. */
        for (size_t slot = next_slot(index, hole); index->slots[slot];
             slot = next_slot(index, slot)) {
                size_t home = home_of(index, index->key_of(index->slots[slot]));
                size_t mask = index->capacity - 1;
                if (((slot - home) & mask) >= ((slot - hole) & mask)) {
                        index->slots[hole] = index->slots[slot];
                        index->slots[slot] = NULL;
                        hole = slot;
                }
        }
        return item;
}

void *index_next(const struct index *index, size_t *cursor)
{
        while (*cursor < index->capacity) {
                void *item = index->slots[(*cursor)++];
                if (item)
                        return item;
        }
        return NULL;
}
