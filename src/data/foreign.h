/* Kinds of files that people have data in, and that are not read. */
#ifndef CLM_DATA_FOREIGN_H
#define CLM_DATA_FOREIGN_H

#include <stddef.h>

struct foreign_kind {
    const char *what;   /* "an HDF5 file" */
    const char *remedy; /* "save its arrays with numpy.savez" */
};

/* The kind of a file that begins with these bytes; NULL if it is none of them. */
const struct foreign_kind *foreign_kind_of(const unsigned char *bytes, size_t count);

#endif
