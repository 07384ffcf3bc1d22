/* Which elements of a matrix dropout sets to 0, alike for all backends.
 *
 * Numbers are Philox4x32-10 blocks under key `seed`, counted by {column, ⌊row / 8⌋, step, 256 layer +
 * RANDOM_DROPOUT}. A block decides about eight elements, one under the other: row 8 b + k takes the low half
 * of word ⌊k / 2⌋ if k is even, else the high half. An element stays if its half is at least `share` in units
 * of 2^-16, rounded. */
#ifndef CLM_COMPUTE_DROPOUT_H
#define CLM_COMPUTE_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

/* Sets a share of a matrix's elements to 0, and divides the others by 1 - share. Whether an element stays
 * depends on seed, step, layer, row and column alone. */
struct dropout {
    double share; /* 0 to less than 1; 0: nothing is dropped */
    uint64_t seed, step;
    uint32_t layer;
};

#define DROPOUT_STEPS  UINT32_MAX /* the last step */
#define DROPOUT_LAYERS 0xffffffu  /* the last layer */
#define DROPOUT_ROWS   8          /* of a block */

/* The least half word whose element stays. */
uint32_t dropout_threshold(const struct dropout *dropout);

/* Which elements of rows first … first + 7 stay, in `count` columns: bit k of kept[i] is row first + k's, in
 * column `column` + i. `first` is a multiple of DROPOUT_ROWS. */
void dropout_kept(const struct dropout *dropout, size_t first, size_t column, size_t count, uint8_t *kept);

#endif
