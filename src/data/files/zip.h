/* Reads the entries of a zip archive as streams, with libarchive, which verifies their checksums. Nothing is
 * unpacked to disk. */
#ifndef CLM_DATA_FILES_ZIP_H
#define CLM_DATA_FILES_ZIP_H

#include "data/files/raw_file.h"

struct zip;

struct zip_member {
    const char *name; /* valid until the next call of zip_next; it does not lead out of the archive */
    char shown[64];   /* the name for messages */
    size_t bytes;     /* unpacked; if it is not known, an upper bound */
    bool is_exact;    /* whether `bytes` is known; libarchive verifies it then */
    bool is_encrypted;
    bool
        is_data; /* neither a folder nor what archivers and their users add: __MACOSX, .DS_Store, README, … */
};

/* Fails with CLM_ERROR_FORMAT if the archive's directory, which is at its end, is missing, or if something
 * follows it. */
CLM_MUST_CHECK clm_status zip_open(const char *path, struct zip **out, struct clm_error *error);
void zip_close(struct zip *zip);

/* Moves to the next entry that has a usable name; *entry is NULL after the last. */
CLM_MUST_CHECK clm_status zip_next(struct zip *zip, const struct zip_member **entry, struct clm_error *error);

/* Reads `size` bytes of the current entry and adds their number to *got; fewer only at its end. Fails with
 * CLM_ERROR_FORMAT if its checksum or its size is wrong. */
CLM_MUST_CHECK clm_status zip_read(struct zip *zip, void *bytes, size_t size, size_t *got,
                                   struct clm_error *error);

/* Opens the archive at its only file of data. If there are several, *out is NULL if one of them is a NumPy
 * array, because the archive then is an NPZ; else that is CLM_ERROR_FORMAT, and the sentence names them. */
CLM_MUST_CHECK clm_status zip_open_only(const char *path, struct zip **out, struct zip_member *entry,
                                        struct clm_error *error);

#endif
