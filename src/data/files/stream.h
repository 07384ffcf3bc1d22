/* A stream of bytes. They are those of a file, or they come from a callback, such as an entry of an archive.
 * A file that is compressed by gzip, bzip2, xz or zstd is unpacked, and its checksums are verified. A zip
 * archive is read as the only file in it, but stays as it is if it holds NumPy's arrays. */
#ifndef CLM_DATA_FILES_STREAM_H
#define CLM_DATA_FILES_STREAM_H

#include "base/size.h"
#include "data/files/mapping.h"

struct stream;

/* Fails with CLM_ERROR_IO if `path` is neither a regular file that can be read nor the copy of a pipe (see
 * spool.h), and with CLM_ERROR_FORMAT if it is a zip archive of several files. */
CLM_MUST_CHECK clm_status stream_open(const char *path, struct stream **out, struct clm_error *error);

/* Reads `size` bytes and adds their number to *got, which is 0 before; fewer only at the end. Its
 * messages name the file. */
typedef clm_status (*stream_source)(void *user, void *bytes, size_t size, size_t *got,
                                    struct clm_error *error);

/* A stream of `size` bytes from `source`, or of at most so many unless is_exact; `path` is its path. */
CLM_MUST_CHECK clm_status stream_of(const char *path, size_t size, bool is_exact, stream_source source,
                                    void *user, struct stream **out, struct clm_error *error);
void stream_close(struct stream *stream);

const char *stream_path(const struct stream *stream);
size_t stream_file_size(const struct stream *stream); /* bytes on disk */
size_t stream_position(const struct stream *stream);  /* bytes read so far */
bool stream_is_compressed(const struct stream *stream);

/* An upper bound on the bytes of the stream. What a header promises is checked against it before
 * memory is allocated. */
size_t stream_bound(const struct stream *stream);

/* True if there are exactly so many bytes. */
bool stream_is_exact(const struct stream *stream);

/* An upper bound on the bytes that are left. */
size_t stream_left(const struct stream *stream);

/* The most bytes that a header may promise before they are seen, because memory is allocated for them. It is
 * below stream_bound for compressions that are denser than deflate: otherwise a small file could take all
 * memory. */
size_t stream_credit(const struct stream *stream);

/* Reads `size` bytes; *got is smaller only at the end. */
CLM_MUST_CHECK clm_status stream_read(struct stream *stream, void *bytes, size_t size, size_t *got,
                                      struct clm_error *error);

/* Reads the whole file at `path`, which the caller frees. Fails with CLM_ERROR_FORMAT if it has more than
 * `limit` bytes. */
CLM_MUST_CHECK clm_status stream_read_all(const char *path, size_t limit, unsigned char **bytes, size_t *size,
                                          struct clm_error *error);

/* Reads exactly `size` bytes. Fails with CLM_ERROR_FORMAT if the stream ends before; `what` names the
 * bytes in the message. */
CLM_MUST_CHECK clm_status stream_fill(struct stream *stream, void *bytes, size_t size, const char *what,
                                      struct clm_error *error);

/* True if the bytes are those of an uncompressed file, so that stream_map works. */
bool stream_is_file(const struct stream *stream);

/* Maps the next `size` bytes instead of reading them; *bytes points to them and must not be written to. Fails
 * with CLM_ERROR_FORMAT if the file ends before; `what` names the bytes in the message. */
CLM_MUST_CHECK clm_status stream_map(struct stream *stream, size_t size, const char *what,
                                     struct mapping *mapping, void **bytes, struct clm_error *error);

/* Fails with CLM_ERROR_FORMAT unless the stream is at its end. Reads at most one byte more. */
CLM_MUST_CHECK clm_status stream_expect_end(struct stream *stream, struct clm_error *error);

#endif
