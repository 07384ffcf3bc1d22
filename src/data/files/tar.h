/* Tar archives, gzipped or not, as streams of the files in them. They are read in one pass, in the order of the
 * archive, and nothing is ever unpacked: no link is followed, no file is made.
 *
 * The bytes come from a stream, so that gzip's checksum is verified; libarchive takes them apart. What a small file
 * may cost is bounded: 4096 entries, 1 MiB of headers from one entry to the next, 400 MiB of archive, of which the
 * largest that is a data set, CIFAR-100 as protocol 2 of Python 3, needs up to 370. */
#ifndef CLM_DATA_FILES_TAR_H
#define CLM_DATA_FILES_TAR_H

#include "data/files/stream.h"

struct tar;

struct tar_entry {
    const char
        *name; /* relative, without "./" before it, without "..", control characters or more than 255 bytes */
    char shown[256];  /* the name in a sentence, with '?' for what is no UTF-8 */
    const char *kind; /* "a file", "a symbolic link", … */
    bool is_file;     /* one that can be read; no link, device or sparse file is */
    size_t size;
};

/* Does a file that begins like this, decompressed, begin like a tar archive? It needs 512 bytes to tell. */
bool tar_recognises(const unsigned char *head, size_t count);

CLM_MUST_CHECK clm_status tar_open(const char *path, struct tar **out, struct clm_error *error);
void tar_close(struct tar *tar);

/* The next entry; *entry lives until the call after it. Directories, and entries with other names than above, are
 * passed over. Behind
 * the last, *entry is NULL: then the archive was read to its end, and was whole. CLM_ERROR_FORMAT where it is damaged
 * or larger than the bounds above. */
CLM_MUST_CHECK clm_status tar_next(struct tar *tar, const struct tar_entry **entry, struct clm_error *error);

/* The bytes of the entry that tar_next gave last, until it is called again; CLM_ERROR_FORMAT where it is no file. The
 * stream's path is the archive's, a colon, and the entry's name. */
CLM_MUST_CHECK clm_status tar_entry_open(struct tar *tar, struct stream **out, struct clm_error *error);

#endif
