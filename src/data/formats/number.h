/* Decimal numbers in text, whatever the locale. */
#ifndef CLM_DATA_FORMATS_NUMBER_H
#define CLM_DATA_FORMATS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads [+-] digits [. digits] [e [+-] digits] at *at and moves *at behind it; digits may be missing on one side of the
 * point. *value is the float that is nearest to it, to even where two are, as strtof's; infinite where that is too large.
 * False, and *at as it was, where there is none. The text must end somewhere with a byte that no number has, as NUL. */
bool number_read(const char **at, float *value);

/* A whole number of at most 18 digits, which may be written with a point and zeros behind it, and nothing else in these
 * `length` bytes. */
bool number_read_whole(const char *bytes, size_t length, int64_t *value);

#endif
