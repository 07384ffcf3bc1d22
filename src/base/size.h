/* Arithmetic on sizes that reports overflow. */
#ifndef CLM_BASE_SIZE_H
#define CLM_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a * b; false if the product overflows. */
static inline bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* *out = a + b; false if the sum overflows. */
static inline bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The smallest multiple of `step` that is at least `n`. The caller has checked that n + step - 1
 * does not overflow. */
static inline size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* How many parts of `by` each, the last perhaps smaller, make up `n`. */
static inline size_t divide_up(size_t n, size_t by)
{
    return n / by + (n % by != 0);
}

static inline double mebibytes(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

#endif
