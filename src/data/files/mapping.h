/* Maps a file into memory, so that its pages are read when they are touched and can be given back. */
#ifndef CLM_DATA_FILES_MAPPING_H
#define CLM_DATA_FILES_MAPPING_H

#include "base/error.h"

struct mapping {
    void *start; /* NULL if nothing is mapped */
    size_t size;
};

/* Maps the first `size` bytes of an open file for reading. Fails with CLM_ERROR_IO; `path` is
 * for the message. */
CLM_MUST_CHECK clm_status mapping_open(const char *path, int file, size_t size, struct mapping *out,
                                       struct clm_error *error);
/* Unmaps and clears *mapping; does nothing if nothing is mapped. */
void mapping_close(struct mapping *mapping);

/* Begins to read these bytes of a mapping from the disk, without waiting, because they will be needed
 * soon. */
void mapping_expect(const void *bytes, size_t size);

/* Gives the pages of these bytes back, because they were read. The last page is kept, because the bytes after
 * them may need it. Touching a page again reads it again. */
void mapping_forget(const void *bytes, size_t size);

#endif
