/* Reads the files in a tar archive, gzipped or not, as streams. The archive is read in one pass, in its own
 * order. Nothing is unpacked to disk: no link is followed and no file is made.
 *
 * The bytes come from a stream, which verifies gzip's checksum; libarchive splits them into entries. The cost
 * of a small file is bounded: 4096 entries, 1 MiB of headers between two entries, and 400 MiB for the whole
 * archive. The largest archive of a data set, CIFAR-100 in protocol 2 of Python 3, needs up to 370 MiB. */
#ifndef CLM_DATA_FILES_TAR_H
#define CLM_DATA_FILES_TAR_H

#include "data/files/stream.h"

struct tar;

struct tar_entry {
    const char
        *name; /* relative, without a leading "./", without ".." or control characters, at most 255 bytes */
    char shown[256];  /* the name for messages, with '?' for each byte that is no UTF-8 */
    const char *kind; /* NULL for a file that can be read; else "a symbolic link", "a sparse file", … */
    size_t size;
};

/* True if a file whose decompressed bytes begin like this may be a tar archive. At least 512
 * bytes are needed. */
bool tar_recognises(const unsigned char *head, size_t count);

CLM_MUST_CHECK clm_status tar_open(const char *path, struct tar **out, struct clm_error *error);
void tar_close(struct tar *tar);

/* Moves to the next entry; *entry is valid until the next call. Directories and entries with other names than
 * above are skipped. *entry is NULL at the end of the archive, which was then read completely and was whole.
 * Fails with CLM_ERROR_FORMAT if the archive is damaged or beyond the bounds above. */
CLM_MUST_CHECK clm_status tar_next(struct tar *tar, const struct tar_entry **entry, struct clm_error *error);

/* Opens the current entry as a stream, which is valid until the next call of tar_next. Fails with
 * CLM_ERROR_FORMAT if the entry is no file. The stream's path is "ARCHIVE: ENTRY". */
CLM_MUST_CHECK clm_status tar_entry_open(struct tar *tar, struct stream **out, struct clm_error *error);

#endif
