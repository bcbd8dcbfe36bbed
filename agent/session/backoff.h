/* How long to wait before the next try: full-jitter exponential backoff.
 *
 * Uniform in 0..min(cap, 1 s x 2^failures). The cap is 15 s, and 60 s only after an hour without
 * success or when refused. Plain value, pure. 02-protocol.md, "Errors". */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct env;

struct backoff {
        uint64_t min_ms, max_ms, late_ms, late_after_ms;
        uint32_t failures;   /* since the last success */
        uint64_t success_ms; /* when that was; the start counts as one */
};

/* A success at NOW_MS: the next failure waits shortly. */
void backoff_reset(struct backoff *backoff, uint64_t now_ms);

/* Counts a failure and draws the wait. SLOW: the cap is late_ms at once. */
uint64_t backoff_draw(struct backoff *backoff, bool slow, const struct env *env, uint64_t now_ms);
