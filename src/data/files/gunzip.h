/* Unpacks gzip with zlib. */
#ifndef CLM_DATA_FILES_GUNZIP_H
#define CLM_DATA_FILES_GUNZIP_H

#include "data/files/raw_file.h"

struct gunzip;

/* Begins to unpack the file, which must stay open. */
CLM_MUST_CHECK clm_status gunzip_open(struct raw_file *file, struct gunzip **out, struct clm_error *error);
void gunzip_close(struct gunzip *gunzip);

/* Reads `size` unpacked bytes and adds their number to *got; fewer only at the end. The end is reported only
 * if every member of the file had the right checksum and length, and nothing follows the last member. */
CLM_MUST_CHECK clm_status gunzip_read(struct gunzip *gunzip, void *bytes, size_t size, size_t *got,
                                      struct clm_error *error);

#endif
