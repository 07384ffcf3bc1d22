/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy
 * as 1, 2, 3; SC 2011). A number depends only on (seed, stream, index), so that every backend can draw the
 * same numbers in any order. */
#ifndef CLM_BASE_PHILOX_H
#define CLM_BASE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* The uses of random numbers. Two uses never share a number. */
enum random_stream {
    RANDOM_INIT = 1,
    RANDOM_SHUFFLE,
    RANDOM_TEST,
    RANDOM_SYNTHETIC,
    RANDOM_IMAGE_FOLDER,
    RANDOM_SHEET,
    RANDOM_CHANGE = 7, /* of a training row; kernels/augment.cl repeats these two numbers */
    RANDOM_NOISE = 8,
    RANDOM_MIXUP,
    RANDOM_SPLIT,
    RANDOM_DROPOUT = 11 /* kernels/finish.cl repeats this number */
};

/* A sequence of random numbers. Each use and each part of a use (a layer, an epoch) has its own `stream`, the
 * upper half of Philox's counter. */
struct philox {
    uint64_t seed;
    uint64_t stream;
    uint64_t index; /* of the next block of four */
    uint32_t block[4];
    unsigned unused; /* numbers left in `block` */
};

/* One block of four numbers: ten rounds on `counter` under `key`. */
void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

struct philox philox_start(uint64_t seed, enum random_stream use, uint32_t part);

uint32_t philox_next(struct philox *random);

/* Uniform in [0, 1), from 32 random bits. */
double philox_uniform(struct philox *random);

/* Uniform in 0 … below - 1, without bias; `below` must be at least 1. */
uint32_t philox_below(struct philox *random, uint32_t below);

/* Standard normal (Box-Muller). */
double philox_normal(struct philox *random);

/* A permutation of 0 … count - 1 (Fisher-Yates). */
void philox_permutation(struct philox *random, uint32_t *order, size_t count);

#endif
