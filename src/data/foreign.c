#include "data/foreign.h"

#include <string.h>

static const struct foreign {
    const char *magic;
    size_t size;
    struct foreign_kind kind;
} foreigners[] = {
#define UNPACK "unpack it first"
    {"7z\xbc\xaf\x27\x1c", 6, {"a 7-Zip archive", UNPACK}},
    {"Rar!\x1a\x07", 6, {"a RAR archive", UNPACK}},
    {"\x04\x22\x4d\x18", 4, {"compressed by lz4", UNPACK}},
    {"LZIP", 4, {"compressed by lzip", UNPACK}},
    {"\x1f\x9d", 2, {"compressed by compress", UNPACK}},
    {"\x5d\0\0", 3, {"compressed by lzma", UNPACK}},
    {"\x1f\x8b", 2, {"compressed twice, by gzip within another compression", "unpack it once"}},
    {"BZh", 3, {"compressed twice, by bzip2 within another compression", "unpack it once"}},
    {"\xfd"
     "7zXZ\0",
     6,
     {"compressed twice, by xz within another compression", "unpack it once"}},
    {"\x28\xb5\x2f\xfd", 4, {"compressed twice, by zstd within another compression", "unpack it once"}},
    {"PK\3\4", 4, {"a zip archive within another compression", "unpack it once"}},
#undef UNPACK
#define AS_ARRAYS "save its arrays with numpy.savez"
    {"\x89HDF\r\n\x1a\n", 8, {"an HDF5 file", AS_ARRAYS}},
    {"MATLAB 5.0 MAT-file", 19, {"a MATLAB file", AS_ARRAYS}},
    {"\x80\2", 2, {"a pickle of Python that is no CIFAR file", AS_ARRAYS}},
    {"\x80\3", 2, {"a pickle of Python that is no CIFAR file", AS_ARRAYS}},
    {"\x80\4", 2, {"a pickle of Python that is no CIFAR file", AS_ARRAYS}},
    {"\x80\5", 2, {"a pickle of Python that is no CIFAR file", AS_ARRAYS}},
#undef AS_ARRAYS
#define AS_TABLE "save its table as CSV"
    {"PAR1", 4, {"a Parquet file", AS_TABLE}},
    {"ARROW1", 6, {"an Arrow or Feather file", AS_TABLE}},
    {"FEA1", 4, {"a Feather file", AS_TABLE}},
    {"Obj\1", 4, {"an Avro file", AS_TABLE}},
    {"ORC", 3, {"an ORC file", AS_TABLE}},
    {"SQLite format 3", 16, {"an SQLite database", AS_TABLE}},
    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
     8,
     {"a document of an office program, such as an old spreadsheet", AS_TABLE}},
    {"RDX2\n", 5, {"an R data file", AS_TABLE}},
    {"RDX3\n", 5, {"an R data file", AS_TABLE}},
    {"X\n\0\0\0", 5, {"an R data file", AS_TABLE}},
    {"%PDF-", 5, {"a PDF document", AS_TABLE}},
#undef AS_TABLE
};

/* Text of ASCII in UTF-16 or UTF-32: of each unit, the other bytes are 0. */
static const struct foreign_kind *wide_text(const unsigned char *bytes, size_t count)
{
    static const struct foreign_kind utf16 = {"text in UTF-16 without a byte order mark",
                                              "write it as UTF-8"},
                                     utf32 = {"text in UTF-32", "write it as UTF-8"};
    size_t zeros[4] = {0}, units = count / 4;
    for (size_t i = 0; i < 4 * units; i++)
        zeros[i % 4] += !bytes[i];
    if (units < 2)
        return NULL;
    if ((zeros[1] + zeros[2] + zeros[3] == 3 * units && !zeros[0]) ||
        (zeros[0] + zeros[1] + zeros[2] == 3 * units && !zeros[3]))
        return &utf32;
    return (zeros[0] + zeros[2] == 2 * units && !zeros[1] && !zeros[3]) ||
                   (zeros[1] + zeros[3] == 2 * units && !zeros[0] && !zeros[2])
               ? &utf16
               : NULL;
}

const struct foreign_kind *foreign_kind_of(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < sizeof foreigners / sizeof *foreigners; i++) {
        const struct foreign *const foreign = foreigners + i;
        if (count >= foreign->size && !memcmp(bytes, foreign->magic, foreign->size))
            return &foreign->kind;
    }
    return wide_text(bytes, count < 64 ? count : 64);
}
