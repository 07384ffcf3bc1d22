/* Arrays in an NPZ. */
#ifndef CLM_DATA_FORMATS_NPZ_H
#define CLM_DATA_FORMATS_NPZ_H

#include "data/files/zip.h"
#include "data/formats/array.h"

/* An open archive, or none; begins with zeros. */
struct npz_file {
    struct zip *zip;
};

void npz_file_close(struct npz_file *file);

/* Opens the archive at `path` at the array called `name`, or, if that is NULL, at its only array, and reads
 * its header. Closes the archive that was open. */
CLM_MUST_CHECK clm_status npz_open_array(struct npz_file *file, const char *path, const char *name,
                                         struct stream **out, struct array_header *header,
                                         struct clm_error *error);

#endif
