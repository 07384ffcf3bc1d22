/* A gzip file's bytes, decompressed. zlib's own gzread cannot be asked whether the checksum behind the last byte was
 * there. */
#ifndef CLM_DATA_FILES_GUNZIP_H
#define CLM_DATA_FILES_GUNZIP_H

#include "base/error.h"

struct gunzip;

/* Whether the open file begins as gzip files do. CLM_ERROR_IO, which names `path`. */
CLM_MUST_CHECK clm_status gunzip_recognises(const char *path, int file, bool *is_gzip,
                                            struct clm_error *error);

/* Reads the open file from its beginning; it stays the caller's, and open. CLM_ERROR_MEMORY, which names `path`. */
CLM_MUST_CHECK clm_status gunzip_open(const char *path, int file, struct gunzip **out,
                                      struct clm_error *error);

/* Up to `size` bytes, *got < size at the end alone, which comes only when checksum and length of each member of the file
 * were right, and nothing is behind the last one: CLM_ERROR_FORMAT. */
CLM_MUST_CHECK clm_status gunzip_read(struct gunzip *gunzip, void *bytes, size_t size, size_t *got,
                                      struct clm_error *error);
void gunzip_close(struct gunzip *gunzip);

#endif
