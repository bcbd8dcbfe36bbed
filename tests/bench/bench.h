/* What the benchmarks share: clocks, medians and the line that `make bench` prints. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double bench_clock(clockid_t clock)
{
        struct timespec now;
        clock_gettime(clock, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds of CPU that this process has used, and of the wall clock. */
static inline double bench_cpu_s(void)
{
        return bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline double bench_now_s(void)
{
        return bench_clock(CLOCK_MONOTONIC);
}

static inline int bench_order(const void *a, const void *b)
{
        const double *x = a, *y = b;
        return (*x > *y) - (*x < *y);
}

/* Sorts VALUES. */
static inline double bench_median(double *values, size_t count)
{
        qsort(values, count, sizeof(*values), bench_order);
        return values[count / 2];
}

/* BENCH name value unit ref=what ref_value=x ratio=y */
static inline void bench_print(const char *name, double value, const char *unit, const char *ref,
                               double ref_value)
{
        printf("BENCH %s %.4g %s ref=%s ref_value=%.4g ratio=%.3g\n", name, value, unit, ref,
               ref_value, value / ref_value);
        fflush(stdout);
}
