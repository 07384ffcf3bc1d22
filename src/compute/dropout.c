#include "compute/dropout.h"

#include "base/philox.h"

#include <math.h>

uint32_t dropout_threshold(const struct dropout *dropout)
{
    return (uint32_t)floor(dropout->share * 65536 + 0.5);
}

void dropout_kept(const struct dropout *dropout, size_t first, size_t column, size_t count, uint8_t *kept)
{
    const uint32_t threshold = dropout_threshold(dropout);
    const uint32_t key[2] = {(uint32_t)dropout->seed, (uint32_t)(dropout->seed >> 32)};
    for (size_t i = 0; i < count; i++) {
        const uint32_t counter[4] = {(uint32_t)(column + i), (uint32_t)(first / DROPOUT_ROWS),
                                     (uint32_t)dropout->step, dropout->layer << 8 | RANDOM_DROPOUT};
        uint32_t words[4];
        unsigned bits = 0;
        philox4x32_10(counter, key, words);
        for (unsigned k = 0; k < DROPOUT_ROWS; k++)
            bits |= (unsigned)((words[k / 2] >> 16 * (k % 2) & 0xffff) >= threshold) << k;
        kept[i] = (uint8_t)bits;
    }
}
