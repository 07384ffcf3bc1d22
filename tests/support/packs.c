#include "support/packs.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { PIXELS = 3072, BLOCK = 512 };

/* Not Check's, because seeds are also made outside of tests. */
static void insist(bool is_so)
{
    if (!is_so)
        abort();
}

void pack_add(struct pack *pack, const void *bytes, size_t size)
{
    if (!size)
        return;
    if (pack->size + size > pack->capacity) {
        pack->capacity = 2 * (pack->size + size);
        pack->at = realloc(pack->at, pack->capacity);
        insist(pack->at);
    }
    memcpy(pack->at + pack->size, bytes, size);
    pack->size += size;
}

void pack_text(struct pack *pack, const char *text)
{
    pack_add(pack, text, strlen(text));
}

void pack_little_endian(struct pack *pack, uint64_t number, size_t width)
{
    for (size_t i = 0; i < width; i++)
        pack_add(pack, &(const unsigned char){(unsigned char)(number >> 8 * i)}, 1);
}

void pack_free(struct pack *pack)
{
    free(pack->at);
    *pack = (struct pack){0};
}

/* ---- batches ------------------------------------------------------------------------------------------- */

void made_row(unsigned char *pixels, size_t row, unsigned first)
{
    for (size_t i = 0; i < PIXELS; i++)
        pixels[i] = (unsigned char)(7 * row + 5 * i + first);
}

void pack_records(struct pack *pack, size_t rows, unsigned first, int labels)
{
    unsigned char record[2 + PIXELS];
    for (size_t row = 0; row < rows; row++) {
        record[0] = (unsigned char)(row % 20);
        record[1] = (unsigned char)(labels == 1 ? row % 10 : row % 100);
        made_row(record + 2, row, first);
        pack_add(pack, record + 2 - labels, labels + PIXELS);
    }
}

/* A string and its place in the memo, as cPickle writes them. */
static void add_string(struct pack *pack, const char *text, unsigned *memo)
{
    pack_add(pack, "U", 1);
    pack_little_endian(pack, strlen(text), 1);
    pack_text(pack, text);
    pack_add(pack, "q", 1);
    pack_little_endian(pack, ++*memo, 1);
}

static void add_labels(struct pack *pack, const char *key, size_t rows, unsigned classes, unsigned *memo)
{
    add_string(pack, key, memo);
    pack_add(pack, "]q", 2);
    pack_little_endian(pack, ++*memo, 1);
    pack_add(pack, "(", 1);
    for (size_t row = 0; row < rows; row++) {
        pack_add(pack, "K", 1);
        pack_little_endian(pack, row % classes, 1);
    }
    pack_add(pack, "e", 1);
}

static void add_array(struct pack *pack, size_t rows, unsigned first)
{
    unsigned char pixels[PIXELS];
    pack_literal(pack, "cnumpy.core.multiarray\n_reconstruct\nq\xc8"
                       "cnumpy\nndarray\nq\xc9K\x00\x85U\x01"
                       "b\x87Rq\xca(K\x01M");
    pack_little_endian(pack, rows, 2);
    pack_literal(
        pack,
        "M\x00\x0c\x86"
        "cnumpy\ndtype\nq\xcbU\x02u1K\x00K\x01\x87Rq\xcc(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        "K\x00tb\x89T");
    pack_little_endian(pack, rows * PIXELS, 4);
    for (size_t row = 0; row < rows; row++) {
        made_row(pixels, row, first);
        pack_add(pack, pixels, PIXELS);
    }
    pack_literal(pack, "tb");
}

void pack_batch(struct pack *pack, size_t rows, unsigned first, int labels)
{
    unsigned memo = 1;
    pack_literal(pack, "\x80\x02}q\x01(");
    add_string(pack, "batch_label", &memo);
    add_string(pack, "training batch 1 of 1", &memo);
    if (labels == 1) {
        add_labels(pack, "labels", rows, 10, &memo);
    } else {
        add_labels(pack, "fine_labels", rows, 100, &memo);
        add_labels(pack, "coarse_labels", rows, 20, &memo);
    }
    add_string(pack, "data", &memo);
    add_array(pack, rows, first);
    add_string(pack, "filenames", &memo);
    pack_literal(pack, "]U\x05"
                       "a.png"
                       "au.");
}

void pack_names(struct pack *pack, const char *key, const char *const *names, size_t count)
{
    unsigned memo = 1;
    pack_literal(pack, "\x80\x02}q\x01");
    add_string(pack, key, &memo);
    pack_literal(pack, "](");
    for (size_t i = 0; i < count; i++)
        add_string(pack, names[i], &memo);
    pack_literal(pack, "es.");
}

/* ---- tar ----------------------------------------------------------------------------------------------- */

/* Corrects the checksum of the last block. */
static void correct_checksum(struct pack *pack)
{
    unsigned char *header = pack->at + pack->size - BLOCK;
    unsigned sum = 0;
    char number[16];
    memset(header + 148, ' ', 8);
    for (int i = 0; i < BLOCK; i++)
        sum += header[i];
    snprintf(number, sizeof number, "%06o", sum);
    memcpy(header + 148, number, 7);
}

void pack_tar_header(struct pack *pack, const char *name, char type, const char *target, uint64_t size)
{
    unsigned char header[BLOCK] = {0};
    char number[16];
    memcpy(header, name, strlen(name));
    memcpy(header + 100, "0000644\0000000000\0000000000", 24);
    if (size < (uint64_t)1 << 33) {
        snprintf(number, sizeof number, "%011jo", (uintmax_t)size);
        memcpy(header + 124, number, 12);
    } else { /* base 256 */
        header[124] = 0x80;
        for (int i = 0; i < 8; i++)
            header[135 - i] = (unsigned char)(size >> 8 * i);
    }
    memcpy(header + 136, "00000000000", 12);
    header[156] = (unsigned char)type;
    memcpy(header + 157, target, strlen(target));
    memcpy(header + 257, "ustar\00000", 8);
    pack_add(pack, header, BLOCK);
    correct_checksum(pack);
}

void pack_tar_sparse(struct pack *pack, const char *name, bool goes_on)
{
    pack_tar_header(pack, name, 'S', "", BLOCK);
    unsigned char *header = pack->at + pack->size - BLOCK;
    memcpy(header + 257, "ustar  ", 8);
    memcpy(header + 386, "00000100000\00000000001000", 24);
    header[482] = goes_on;
    memcpy(header + 483, "00000101000", 12);
    correct_checksum(pack);
}

void pack_tar_file(struct pack *pack, const char *name, const void *bytes, size_t size)
{
    static const unsigned char zeros[BLOCK];
    pack_tar_header(pack, name, '0', "", size);
    pack_add(pack, bytes, size);
    pack_add(pack, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

void pack_tar_end(struct pack *pack)
{
    static const unsigned char zeros[2 * BLOCK];
    pack_add(pack, zeros, sizeof zeros);
}

/* ---- gzip ---------------------------------------------------------------------------------------------- */

void pack_gzip(struct pack *pack, const void *bytes, size_t size)
{
    z_stream stream = {0};
    insist(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    const size_t bound = deflateBound(&stream, (uLong)size);
    unsigned char *packed = malloc(bound);
    insist(packed);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = packed;
    stream.avail_out = (uInt)bound;
    insist(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    pack_add(pack, packed, stream.total_out);
    deflateEnd(&stream);
    free(packed);
}

static la_ssize_t take_packed(struct archive *archive, void *user, const void *bytes, size_t size)
{
    (void)archive;
    pack_add(user, bytes, size);
    return (la_ssize_t)size;
}

static void write_file(struct archive *archive, const char *name, const void *bytes, size_t size)
{
    struct archive_entry *const entry = archive_entry_new();
    insist(entry);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)size);
    insist(archive_write_header(archive, entry) == ARCHIVE_OK);
    insist(archive_write_data(archive, bytes, size) == (la_ssize_t)size);
    archive_entry_free(entry);
}

static void end_packed(struct archive *archive)
{
    insist(archive_write_close(archive) == ARCHIVE_OK);
    archive_write_free(archive);
}

static struct archive *begin_packed(struct pack *pack, const char *filter)
{
    struct archive *const archive = archive_write_new();
    insist(archive && (filter ? archive_write_set_format_raw(archive)
                              : archive_write_set_format_zip(archive)) == ARCHIVE_OK);
    insist(!filter || archive_write_add_filter_by_name(archive, filter) == ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(archive, 1);
    insist(archive_write_open(archive, pack, NULL, take_packed, NULL) == ARCHIVE_OK);
    return archive;
}

void pack_filtered(struct pack *pack, const char *filter, const void *bytes, size_t size)
{
    struct archive *const archive = begin_packed(pack, filter);
    write_file(archive, "data", bytes, size);
    end_packed(archive);
}

void pack_zip(struct pack *pack, const char *const *names, size_t count, const void *bytes, size_t size)
{
    struct archive *const archive = begin_packed(pack, NULL);
    for (size_t i = 0; i < count; i++)
        write_file(archive, names[i], bytes, size);
    end_packed(archive);
}
