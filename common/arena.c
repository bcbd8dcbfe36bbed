/* Bounded arena; see the header. */
#include "common/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const size_t block_bytes = 4096;

struct block {
        struct block *next;
        size_t size, used;
        alignas(max_align_t) uint8_t bytes[];
};

struct arena {
        struct block *blocks; /* newest first */
        size_t max, used;
};

struct arena *arena_new(size_t max_bytes)
{
        struct arena *arena = calloc(1, sizeof(*arena));
        if (arena)
                arena->max = max_bytes;
        return arena;
}

static void free_blocks(struct block *block)
{
        while (block) {
                struct block *next = block->next;
                free(block);
                block = next;
        }
}

void arena_free(struct arena *arena)
{
        if (!arena)
                return;
        free_blocks(arena->blocks);
        free(arena);
}

void arena_clear(struct arena *arena)
{
        struct block *keep = arena->blocks;
        arena->used = 0;
        if (!keep)
                return;
        free_blocks(keep->next);
        keep->next = NULL;
        keep->used = 0;
}

static struct block *block_with_room(struct arena *arena, size_t len)
{
        struct block *block = arena->blocks;
        if (block && block->size - block->used >= len)
                return block;
        size_t size = len > block_bytes ? len : block_bytes;
        block = malloc(sizeof(*block) + size);
        if (!block)
                return NULL;
        *block = (struct block){ .next = arena->blocks, .size = size };
        arena->blocks = block;
        return block;
}

void *arena_alloc(struct arena *arena, size_t len)
{
        const size_t align = alignof(max_align_t);
        if (len > arena->max)
                return NULL;
        size_t rounded = (len + align - 1) / align * align;
        rounded = rounded ? rounded : align; /* distinct pointers for empty things */
        if (rounded > arena->max - arena->used)
                return NULL;
        struct block *block = block_with_room(arena, rounded);
        if (!block)
                return NULL;
        void *at = block->bytes + block->used;
        block->used += rounded;
        arena->used += rounded;
        return memset(at, 0, rounded);
}

void *arena_copy(struct arena *arena, const void *bytes, size_t len)
{
        void *copy = arena_alloc(arena, len);
        if (copy && len > 0)
                memcpy(copy, bytes, len);
        return copy;
}

char *arena_text(struct arena *arena, const char *text, size_t len)
{
        char *copy = arena_alloc(arena, len + 1);
        if (copy && len > 0)
                memcpy(copy, text, len);
        return copy;
}

size_t arena_used(const struct arena *arena)
{
        return arena->used;
}

size_t arena_left(const struct arena *arena)
{
        return arena->max - arena->used;
}
