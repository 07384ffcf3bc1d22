/* The bytes of a file, decompressed on the way where it is gzipped; gzip's checksums are verified. */
#ifndef CLM_DATA_STREAM_H
#define CLM_DATA_STREAM_H

#include "base/error.h"

struct stream;

/* CLM_ERROR_IO where `path` is no regular file that can be read. */
CLM_MUST_CHECK clm_status stream_open(const char *path, struct stream **out, struct clm_error *error);
void stream_close(struct stream *stream);

const char *stream_path(const struct stream *stream);
size_t stream_file_size(const struct stream *stream); /* bytes on disk */
bool stream_is_compressed(const struct stream *stream);

/* No more bytes than this can come out of it: what a header promises is checked against it before memory is
 * allocated. */
size_t stream_bound(const struct stream *stream);

/* Reads until `size` bytes are there or the end is reached; *got < size at the end alone. */
CLM_MUST_CHECK clm_status stream_read(struct stream *stream, void *bytes, size_t size, size_t *got,
                                      struct clm_error *error);

/* Reads exactly `size` bytes; `what` they are is for the error, CLM_ERROR_FORMAT, where the file ends
 * before. */
CLM_MUST_CHECK clm_status stream_fill(struct stream *stream, void *bytes, size_t size, const char *what,
                                      struct clm_error *error);

/* CLM_ERROR_FORMAT unless the end is reached: looks at one byte more, however many may follow. */
CLM_MUST_CHECK clm_status stream_expect_end(struct stream *stream, struct clm_error *error);

#endif
