/* Clock and randomness of a test; see the header. */
#include "tests/support/seeded_env.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seeded_monotonic_ms(void *user)
{
        return ((struct seeded_env *)user)->now_ms;
}

static int64_t seeded_wall_ms(void *user)
{
        return ((struct seeded_env *)user)->wall_ms;
}

static void seeded_random(void *user, void *out, size_t len)
{
        struct seeded_env *e = user;
        e->drawn++;
        memcpy(e->seed + 8, &e->drawn, sizeof(e->drawn));
        randombytes_buf_deterministic(out, len, e->seed);
}

void seeded_env_init(struct seeded_env *e, uint64_t seed)
{
        if (sodium_init() < 0)
                abort();
        *e = (struct seeded_env){ .now_ms = 1000, .wall_ms = INT64_C(1767225600000) };
        memcpy(e->seed, &seed, sizeof(seed));
        e->env = (struct env){ seeded_monotonic_ms, seeded_wall_ms, seeded_random, e };
}
