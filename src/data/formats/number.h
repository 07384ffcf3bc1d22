/* Reads decimal numbers in text, independent of the locale. */
#ifndef CLM_DATA_FORMATS_NUMBER_H
#define CLM_DATA_FORMATS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads [+-] digits [. digits] [e [+-] digits] at *at and moves *at after it. Digits may be missing on one
 * side of the point. *value is the nearest float, as strtof gives it: the even one if two are as near,
 * infinity if the number is too large. Returns false, with *at unchanged, if there is no number. The text
 * must end with a byte that cannot be part of a number, such as NUL. */
bool number_read(const char **at, float *value);

/* Reads a whole number of at most 18 digits, which may have a point and zeros after it. False unless it fills
 * all `length` bytes. */
bool number_read_whole(const char *bytes, size_t length, int64_t *value);

#endif
