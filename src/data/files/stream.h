/* The bytes of a file, decompressed on the way where it is gzipped; gzip's checksums are verified. Or the bytes of a
 * file that lies in another, as somebody brings them. */
#ifndef CLM_DATA_FILES_STREAM_H
#define CLM_DATA_FILES_STREAM_H

#include "data/files/mapping.h"

struct stream;

/* CLM_ERROR_IO where `path` is no regular file that can be read. */
CLM_MUST_CHECK clm_status stream_open(const char *path, struct stream **out, struct clm_error *error);

/* Puts up to `size` bytes there, *got of them, fewer at the end alone; its errors name the file. */
typedef clm_status (*stream_source)(void *user, void *bytes, size_t size, size_t *got,
                                    struct clm_error *error);

/* A stream of `size` bytes that `source` brings, as if of a file at `path`. */
CLM_MUST_CHECK clm_status stream_of(const char *path, size_t size, stream_source source, void *user,
                                    struct stream **out, struct clm_error *error);
void stream_close(struct stream *stream);

const char *stream_path(const struct stream *stream);
size_t stream_file_size(const struct stream *stream); /* bytes on disk */
size_t stream_position(const struct stream *stream);  /* bytes that came out so far */
bool stream_is_compressed(const struct stream *stream);

/* No more bytes than this can come out of it: what a header promises is checked against it before memory is
 * allocated. */
size_t stream_bound(const struct stream *stream);

/* Of these, what can still come. */
size_t stream_left(const struct stream *stream);

/* Reads until `size` bytes are there or the end is reached; *got < size at the end alone. */
CLM_MUST_CHECK clm_status stream_read(struct stream *stream, void *bytes, size_t size, size_t *got,
                                      struct clm_error *error);

/* Reads exactly `size` bytes; `what` they are is for the error, CLM_ERROR_FORMAT, where the file ends
 * before. */
CLM_MUST_CHECK clm_status stream_fill(struct stream *stream, void *bytes, size_t size, const char *what,
                                      struct clm_error *error);

/* Whether the bytes of the stream are those of its file, so that stream_map can be had. */
bool stream_is_file(const struct stream *stream);

/* Instead of reading them, maps the file up to the end of the next `size` bytes, which *bytes is put to and which are not to be written to; `what` they are
 * is for the error, CLM_ERROR_FORMAT, where the file ends before. */
CLM_MUST_CHECK clm_status stream_map(struct stream *stream, size_t size, const char *what,
                                     struct mapping *mapping, void **bytes, struct clm_error *error);

/* CLM_ERROR_FORMAT unless the end is reached: looks at one byte more, however many may follow. */
CLM_MUST_CHECK clm_status stream_expect_end(struct stream *stream, struct clm_error *error);

#endif
