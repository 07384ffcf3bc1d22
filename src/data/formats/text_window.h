/* Reads a text file, gzipped or not, through a window that holds a part of it. */
#ifndef CLM_DATA_FORMATS_TEXT_WINDOW_H
#define CLM_DATA_FORMATS_TEXT_WINDOW_H

#include "data/files/stream.h"

struct text_window {
    struct stream *stream;
    char *bytes; /* [begin, end) is the window, and bytes[end] is NUL */
    size_t begin, end, capacity;
    bool is_last; /* the file ends at `end` */
    size_t line;  /* line number of `begin`, counted from 1; the code that moves `begin` updates it */
};

/* Opens the file and reads its beginning. A UTF-8 byte order mark is skipped. */
CLM_MUST_CHECK clm_status text_window_open(const char *path, struct text_window *out,
                                           struct clm_error *error);
void text_window_close(struct text_window *window);

/* Reads more bytes after `end`, or finds that the file ends there (is_last). The bytes from `begin` on are
 * kept, but may move. Fails with CLM_ERROR_FORMAT if the window becomes larger than any row of a table. */
CLM_MUST_CHECK clm_status text_window_more(struct text_window *window, struct clm_error *error);

const char *text_window_path(const struct text_window *window);

/* True if a text may begin with these bytes: they have no control characters but tabs and line ends. */
bool text_is_likely(const unsigned char *bytes, size_t count);

#endif
