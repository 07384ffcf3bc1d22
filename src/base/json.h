/* Numbers as JSON can hold them. */
#ifndef CLM_BASE_JSON_H
#define CLM_BASE_JSON_H

#include <jansson.h>
#include <stdint.h>

/* null where it is NaN or infinite, which JSON has no words for. NULL: no memory. */
json_t *json_number(double value);

/* Its integers end at 2^63: larger ones are in words, and exact, too. NULL: no memory. */
json_t *json_seed(uint64_t seed);

#endif
