/* Reads a gzip file and decompresses it. zlib's own gzread cannot tell if the checksum at the end of
 * the file was there. */
#ifndef CLM_DATA_FILES_GUNZIP_H
#define CLM_DATA_FILES_GUNZIP_H

#include "base/error.h"

struct gunzip;

/* Sets *is_gzip if the open file begins with gzip's magic number. Fails with CLM_ERROR_IO; `path` is
 * for the message. */
CLM_MUST_CHECK clm_status gunzip_recognises(const char *path, int file, bool *is_gzip,
                                            struct clm_error *error);

/* Begins to read the open file, which the caller keeps open and closes. Fails with CLM_ERROR_MEMORY; `path`
 * is for messages. */
CLM_MUST_CHECK clm_status gunzip_open(const char *path, int file, struct gunzip **out,
                                      struct clm_error *error);

/* Reads `size` bytes; *got is smaller only at the end. The end is reported only if every member of the file
 * had the right checksum and length and nothing follows the last member. Otherwise fails with
 * CLM_ERROR_FORMAT. */
CLM_MUST_CHECK clm_status gunzip_read(struct gunzip *gunzip, void *bytes, size_t size, size_t *got,
                                      struct clm_error *error);
void gunzip_close(struct gunzip *gunzip);

#endif
