#include "base/philox.h"

#include <math.h>

void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0;
        c1 = (uint32_t)p1;
        c2 = n2;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct philox philox_start(uint64_t seed, enum random_stream use, uint32_t part)
{
    return (struct philox){.seed = seed, .stream = (uint64_t)use << 32 | part};
}

uint32_t philox_next(struct philox *random)
{
    if (!random->unused) {
        const uint32_t counter[4] = {(uint32_t)random->index, (uint32_t)(random->index >> 32),
                                     (uint32_t)random->stream, (uint32_t)(random->stream >> 32)};
        const uint32_t key[2] = {(uint32_t)random->seed, (uint32_t)(random->seed >> 32)};
        philox4x32_10(counter, key, random->block);
        random->index++;
        random->unused = 4;
    }
    return random->block[4 - random->unused--];
}

double philox_uniform(struct philox *random)
{
    return philox_next(random) * 0x1p-32;
}

uint32_t philox_below(struct philox *random, uint32_t below)
{
    /* Without drawing again, remainders below 2^32 mod `below` would be more likely than the others. */
    const uint32_t biased = -below % below;
    uint32_t number;
    do {
        number = philox_next(random);
    } while (number < biased);
    return number % below;
}

double philox_normal(struct philox *random)
{
    const double radius = (philox_next(random) + 1.0) * 0x1p-32; /* in (0, 1] */
    const double angle = 6.283185307179586 * philox_uniform(random);
    return sqrt(-2.0 * log(radius)) * cos(angle);
}

void philox_permutation(struct philox *random, uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        const size_t j = philox_below(random, (uint32_t)i);
        const uint32_t swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}
