/* Reads decimal numbers in text, independent of the locale. */
#ifndef CLM_DATA_TABLE_NUMBER_H
#define CLM_DATA_TABLE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads [+-] digits [. digits] [e [+-] digits] at *at and moves *at after it. Digits may be missing on one
 * side of the point. *value is the nearest float, as strtof gives it: the even one if two are as near,
 * infinity if the number is too large. Returns false, with *at unchanged, if there is no number. The text
 * must end with a byte that cannot be part of a number, such as NUL. */
bool number_read(const char **at, float *value);

/* The nearest double of a number that number_read accepts; infinity if it is too large. */
double number_as_double(const char *text);

/* Reads a whole number of at most 18 digits in any spelling: 7, +7, 07, 7.0, 70e-1. False unless it fills all
 * `length` bytes. The byte after them must not be a digit. */
bool number_read_whole(const char *bytes, size_t length, int64_t *value);

#endif
