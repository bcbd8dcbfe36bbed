/* Bounded arena: many small allocations that are freed together.
 *
 * One per received message or parsed file. Never holds more than its maximum, so that a stranger's
 * message cannot grow memory; an allocation over it returns NULL. protobuf-c unpacks into one
 * through proto/pb.h. Not thread-safe. */
#pragma once
#include <stddef.h>

struct arena; /* opaque */

/* Returns owned, or NULL when out of memory. Blocks are taken from malloc as needed. */
struct arena *arena_new(size_t max_bytes);

/* Frees everything; NULL is allowed. */
void arena_free(struct arena *arena);

/* Forgets all allocations, keeps the first block. */
void arena_clear(struct arena *arena);

/* LEN zeroed bytes aligned for any type, borrowed from the arena; NULL when out of memory or over
 * the maximum. */
void *arena_alloc(struct arena *arena, size_t len);

/* Copies of bytes and of text (with a NUL added); NULL as above. */
void *arena_copy(struct arena *arena, const void *bytes, size_t len);
char *arena_text(struct arena *arena, const char *text, size_t len);

/* Bytes handed out so far. */
size_t arena_used(const struct arena *arena);

/* Bytes that may still be handed out; each allocation is rounded up to 16. */
size_t arena_left(const struct arena *arena);
