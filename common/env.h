/* Time and randomness as parameters.
 *
 * Engines never read a clock or /dev/urandom: they get one of these, so that a test or the
 * simulation owns both. Daemons pass env_system(). */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct env {
        uint64_t (*monotonic_ms)(void *user); /* CLOCK_BOOTTIME: goes on during suspend */
        int64_t (*wall_ms)(void *user);       /* Unix time; may be wrong, may jump */
        void (*random)(void *user, void *out, size_t len);
        void *user;
};

/* The machine's clocks and libsodium's random bytes. Static. Call sodium_init() first. */
const struct env *env_system(void);

/* Milliseconds since some moment; never goes back, goes on during suspend. */
uint64_t env_monotonic_ms(const struct env *env);

/* Unix time in ms; may be wrong, may jump. */
int64_t env_wall_ms(const struct env *env);

/* LEN random bytes, fit for keys. */
void env_random(const struct env *env, void *out, size_t len);

/* A uniform number below LIMIT (LIMIT > 0), for jitter. */
uint64_t env_random_below(const struct env *env, uint64_t limit);
