/* A text file, gzipped or not, a window of it at a time. */
#ifndef CLM_DATA_FORMATS_TEXT_WINDOW_H
#define CLM_DATA_FORMATS_TEXT_WINDOW_H

#include "data/files/stream.h"

struct text_window {
    struct stream *stream;
    char *bytes; /* those from `begin` to `end` are there, and bytes[end] is NUL */
    size_t begin, end, capacity;
    bool is_last; /* the file ends at `end` */
    size_t line;  /* that `begin` lies in, counted from 1; whoever moves `begin` counts */
};

/* Opens the file and reads its beginning; a UTF-8 byte order mark is left out. */
CLM_MUST_CHECK clm_status text_window_open(const char *path, struct text_window *out,
                                           struct clm_error *error);
void text_window_close(struct text_window *window);

/* Reads on behind `end`, or finds that the file is_last; what lies from `begin` on stays, at another place.
 * CLM_ERROR_FORMAT where so much is there that it can be no line of a table. */
CLM_MUST_CHECK clm_status text_window_more(struct text_window *window, struct clm_error *error);

const char *text_window_path(const struct text_window *window);

/* Is this how a text begins: without control characters but tabs and line ends? */
bool text_is_likely(const unsigned char *bytes, size_t count);

#endif
