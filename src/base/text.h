/* Text from outside: names and paths may be any bytes, JSON and cairo take UTF-8 alone. */
#ifndef CLM_BASE_TEXT_H
#define CLM_BASE_TEXT_H

#include <stddef.h>

/* Bytes of the UTF-8 character that `text` begins with: 1 to 4, or 0 where it is none. */
size_t utf8_length(const char *text);

/* A copy in which each byte that belongs to no UTF-8 character is a '?'. The caller frees it; NULL where there is no
 * memory. */
char *utf8_copy(const char *text);

#endif
