/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as
 * 1, 2, 3; SC 2011). A number depends only on (seed, stream, index), so every backend draws the same ones in
 * any order. */
#ifndef CLM_BASE_PHILOX_H
#define CLM_BASE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* What random numbers are used for; a stream never shares numbers with another. */
enum random_stream {
    RANDOM_INIT = 1,
    RANDOM_SHUFFLE,
    RANDOM_TEST,
    RANDOM_SYNTHETIC,
    RANDOM_IMAGE_FOLDER,
    RANDOM_SHEET,
    RANDOM_CHANGE = 7, /* of a training row; kernels/augment.cl has the same numbers */
    RANDOM_NOISE = 8,
    RANDOM_MIXUP,
    RANDOM_SPLIT
};

/* A stream of its own for each use and each part of it (a layer, an epoch): the upper half of the counter. */
struct philox {
    uint64_t seed;
    uint64_t stream;
    uint64_t index; /* the next block of four */
    uint32_t block[4];
    unsigned unused; /* numbers left in block */
};

/* One block: ten rounds on counter c under key k. */
void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

struct philox philox_start(uint64_t seed, enum random_stream use, uint32_t part);

uint32_t philox_next(struct philox *random);

/* Uniform in [0, 1), 32 random bits. */
double philox_uniform(struct philox *random);

/* Uniform in 0 … below - 1, without bias; below > 0. */
uint32_t philox_below(struct philox *random, uint32_t below);

/* Standard normal (Box-Muller). */
double philox_normal(struct philox *random);

/* A permutation of 0 … count - 1 (Fisher-Yates). */
void philox_permutation(struct philox *random, uint32_t *order, size_t count);

#endif
