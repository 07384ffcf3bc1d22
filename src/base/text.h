/* Text from outside the program: names and paths may hold any bytes, but JSON and cairo accept only UTF-8. */
#ifndef CLM_BASE_TEXT_H
#define CLM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Length of the UTF-8 character at the beginning of `text`: 1 to 4 bytes; 0 if `text` does not begin with
 * one. */
size_t utf8_length(const char *text);

/* Writes a code point as UTF-8, at most 4 bytes, and returns the end of it. */
char *utf8_put(char *end, uint32_t code);

/* True if `text` ends with `end` and has something before it. */
bool has_ending(const char *text, const char *end);

/* True if one of the bytes is a control character of ASCII. */
bool has_control(const char *bytes, size_t length);

/* A copy in which '?' replaces each byte that is not part of a UTF-8 character. The caller frees it; NULL if
 * there is no memory. */
char *utf8_copy(const char *text);

/* Puts `length` bytes into `out` (of `size` bytes) as one line for a message. '?' replaces each byte that is
 * no printable UTF-8, and "..." marks text that was cut off. Returns `out`. */
const char *text_show(char *out, size_t size, const char *bytes, size_t length);

/* Closes a stream of open_memstream; NULL is one that could not be opened. True if all that was written is in
 * `text`, which the caller frees; false if memory ran out: the text is freed, and `text` is NULL. */
bool text_close(FILE *stream, char **text);

/* Puts the number into `out` as a short text that strtod reads as the same number; 32 bytes are enough for
 * any. Returns `out`. LC_NUMERIC must be that of the C locale. */
const char *text_of_number(char *out, size_t size, double value);

#endif
