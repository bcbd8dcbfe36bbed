/* Full-jitter backoff; see the header. */
#include "agent/session/backoff.h"

#include "common/env.h"

enum { FAILURES_MAX = 20 }; /* more shifts change nothing */

void backoff_reset(struct backoff *backoff, uint64_t now_ms)
{
        backoff->failures = 0;
        backoff->success_ms = now_ms;
}

uint64_t backoff_draw(struct backoff *backoff, bool slow, const struct env *env, uint64_t now_ms)
{
        bool late = slow || now_ms - backoff->success_ms >= backoff->late_after_ms;
        uint64_t cap = late ? backoff->late_ms : backoff->max_ms;
        uint64_t top = backoff->min_ms << backoff->failures;
        if (backoff->failures < FAILURES_MAX)
                backoff->failures++;
        return env_random_below(env, (top < cap ? top : cap) + 1);
}
