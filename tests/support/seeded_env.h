/* Clock and randomness of a test: the same in every run, and in the test's hands.
 *
 * Not secret and not for the product. The random bytes are a stream that the seed decides. */
#pragma once
#include <stdint.h>

#include "common/env.h"

struct seeded_env {
        struct env env; /* pass &e->env */
        uint64_t now_ms;
        int64_t wall_ms;
        uint8_t seed[32];
        uint64_t drawn;
};

/* Begins at NOW 1000 ms and wall time 2026-01-01. E must not move. Calls sodium_init. */
void seeded_env_init(struct seeded_env *e, uint64_t seed);
