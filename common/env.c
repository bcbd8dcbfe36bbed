/* Time and randomness; see the header. */
#include "common/env.h"

#include <sodium.h>
#include <time.h>

static int64_t clock_ms(clockid_t id)
{
        struct timespec ts;
        (void)clock_gettime(id, &ts); /* fails only for an unknown clock */
        return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint64_t system_monotonic_ms(void *user)
{
        (void)user;
        return (uint64_t)clock_ms(CLOCK_BOOTTIME);
}

static int64_t system_wall_ms(void *user)
{
        (void)user;
        return clock_ms(CLOCK_REALTIME);
}

static void system_random(void *user, void *out, size_t len)
{
        (void)user;
        randombytes_buf(out, len);
}

const struct env *env_system(void)
{
        static const struct env env = { system_monotonic_ms, system_wall_ms, system_random, NULL };
        return &env;
}

uint64_t env_monotonic_ms(const struct env *env)
{
        return env->monotonic_ms(env->user);
}

int64_t env_wall_ms(const struct env *env)
{
        return env->wall_ms(env->user);
}

void env_random(const struct env *env, void *out, size_t len)
{
        env->random(env->user, out, len);
}

uint64_t env_random_below(const struct env *env, uint64_t limit)
{
        uint64_t value;
        /* Values above the last whole multiple would favour small results. */
        uint64_t biased = UINT64_MAX - UINT64_MAX % limit;
        do
                env_random(env, &value, sizeof(value));
        while (value >= biased);
        return value % limit;
}
