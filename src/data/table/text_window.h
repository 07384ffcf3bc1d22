/* Reads a text file through a window that holds a part of it. The text is UTF-8 or another encoding of ASCII,
 * or UTF-16 with a byte order mark, which becomes UTF-8. */
#ifndef CLM_DATA_TABLE_TEXT_WINDOW_H
#define CLM_DATA_TABLE_TEXT_WINDOW_H

#include "data/files/stream.h"

/* The order of bytes of UTF-16, and the bytes of a character that is not whole yet. */
struct utf16 {
    bool is_used, is_big_endian;
    unsigned char rest[4];
    size_t rest_size;
};

struct text_window {
    struct stream *stream;
    char *bytes; /* [begin, end) is the window, and bytes[end] is NUL */
    size_t begin, end, capacity;
    bool is_last; /* the file ends at `end` */
    size_t line;  /* line number of `begin`, counted from 1; the code that moves `begin` updates it */
    struct utf16 utf16;
};

/* Opens the file and reads its beginning. A byte order mark is skipped. */
CLM_MUST_CHECK clm_status text_window_open(const char *path, struct text_window *out,
                                           struct clm_error *error);
void text_window_close(struct text_window *window);

/* Reads more bytes after `end`, or finds that the file ends there (is_last); a ^Z of DOS at the end is left
 * out. The bytes from `begin` on are kept, but may move. Fails with CLM_ERROR_FORMAT if the window becomes
 * larger than any row of a table. */
CLM_MUST_CHECK clm_status text_window_more(struct text_window *window, struct clm_error *error);

const char *text_window_path(const struct text_window *window);

/* Turns the first `count` bytes of a file into UTF-8 without a mark, in `text`, which has room for 3 / 2 *
 * count + 1; returns the length. */
size_t text_head(const unsigned char *bytes, size_t count, char *text);

/* True if a text may begin with these bytes: they have no control characters but tabs, line ends and ^Z. */
bool text_is_likely(const char *bytes, size_t count);

#endif
