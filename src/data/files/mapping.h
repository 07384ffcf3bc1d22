/* The bytes of a file where they lie: its pages come into memory as they are touched, and go again. */
#ifndef CLM_DATA_FILES_MAPPING_H
#define CLM_DATA_FILES_MAPPING_H

#include "base/error.h"

struct mapping {
    void *start; /* NULL: nothing is mapped */
    size_t size;
};

/* Maps the first `size` bytes of an open file to be read; `path` is for the error, CLM_ERROR_IO. */
CLM_MUST_CHECK clm_status mapping_open(const char *path, int file, size_t size, struct mapping *out,
                                       struct clm_error *error);
/* Accepts one without a mapping, and leaves such a one. */
void mapping_close(struct mapping *mapping);

/* These bytes of a mapping will be read soon: begins to fetch them from the disk, and does not wait. */
void mapping_expect(const void *bytes, size_t size);

/* These and those before them have been read: takes their pages out of this process's memory, but for the last one, which
 * what follows may need. Reading them again brings them back. */
void mapping_forget(const void *bytes, size_t size);

#endif
