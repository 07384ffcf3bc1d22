/* Arithmetic on sizes that reports overflow. */
#ifndef CLM_BASE_SIZE_H
#define CLM_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* Gives an array room for `count` elements of `size` bytes; `array` is the address of the pointer to it.
 * False if there is no memory; the array is then as before. */
static inline bool array_resize(void *array, size_t count, size_t size)
{
    void *old, *resized;
    size_t bytes;
    memcpy(&old, array, sizeof old);
    resized = size_mul(count, size, &bytes) ? realloc(old, bytes) : NULL;
    if (resized)
        memcpy(array, &resized, sizeof resized);
    return resized != NULL;
}

static inline double mebibytes(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

#endif
