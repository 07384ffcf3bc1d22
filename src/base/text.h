/* Text from outside: names and paths may be any bytes, JSON and cairo take UTF-8 alone. */
#ifndef CLM_BASE_TEXT_H
#define CLM_BASE_TEXT_H

#include <stddef.h>

/* Bytes of the UTF-8 character that `text` begins with: 1 to 4, or 0 where it is none. */
size_t utf8_length(const char *text);

/* A copy in which each byte that belongs to no UTF-8 character is a '?'. The caller frees it; NULL where there is no
 * memory. */
char *utf8_copy(const char *text);

/* Puts `length` bytes into `out`, which has room for `size`, as one line to show in a sentence: what is no printable
 * UTF-8 becomes '?', and what does not fit is cut and marked. Returns `out`. */
const char *text_show(char *out, size_t size, const char *bytes, size_t length);

#endif
