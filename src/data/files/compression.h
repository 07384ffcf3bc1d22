/* The compressions of files that are read, recognised by their first bytes. */
#ifndef CLM_DATA_FILES_COMPRESSION_H
#define CLM_DATA_FILES_COMPRESSION_H

#include <stdbool.h>
#include <stddef.h>

enum compression {
    NOT_COMPRESSED,
    COMPRESSED_GZIP,
    COMPRESSED_BZIP2,
    COMPRESSED_XZ,
    COMPRESSED_ZSTD,
    COMPRESSED_ZIP
};

#define COMPRESSION_MAGIC_MAX 10 /* bytes that compression_of needs */

/* How a file that begins with these bytes is compressed. */
enum compression compression_of(const unsigned char *bytes, size_t count);

/* "gzip", "bzip2", … */
const char *compression_name(enum compression compression);

/* An upper bound on what `size` bytes unpack to. */
size_t compression_bound(enum compression compression, size_t size);

/* Endings of the names of files with one array or table: "", ".gz", ".bz2", …; NULL after the last. */
extern const char *const compressed_endings[];

/* Length of the name without such an ending. */
size_t compressed_stem(const char *name);

#endif
