/* Unpacks bzip2, xz and zstd with libarchive. */
#ifndef CLM_DATA_FILES_UNPACK_H
#define CLM_DATA_FILES_UNPACK_H

#include "data/files/compression.h"
#include "data/files/raw_file.h"

struct unpacking;

/* Begins to unpack the file, which must stay open. */
CLM_MUST_CHECK clm_status unpack_open(struct raw_file *file, enum compression compression,
                                      struct unpacking **out, struct clm_error *error);
void unpack_close(struct unpacking *unpacking);

/* Reads `size` unpacked bytes and adds their number to *got; fewer only at the end. The end is reported only
 * if every checksum was right and all bytes of the file were used. */
CLM_MUST_CHECK clm_status unpack_read(struct unpacking *unpacking, void *bytes, size_t size, size_t *got,
                                      struct clm_error *error);

#endif
