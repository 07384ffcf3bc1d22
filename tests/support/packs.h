/* Files for tests: growing bytes, pickles as Python 2 wrote CIFAR's, archives, compressed bytes; without any
 * of the library's code. */
#ifndef CLM_TESTS_PACKS_H
#define CLM_TESTS_PACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
    unsigned char *at;
    size_t size, capacity;
};

void pack_add(struct pack *pack, const void *bytes, size_t size);
void pack_text(struct pack *pack, const char *text);
void pack_little_endian(struct pack *pack, uint64_t number, size_t width);
void pack_free(struct pack *pack);

/* Adds a string literal, with its NULs. */
#define pack_literal(pack, literal) pack_add(pack, literal, sizeof(literal) - 1)

/* Row r of a made-up batch: byte i is 7 r + 5 i + first. CIFAR-10's label is r mod 10, CIFAR-100's are
 * r mod 100 and r mod 20. */
void made_row(unsigned char *pixels, size_t row, unsigned first);

/* `rows` of these rows as records of the binary layout, with one label or two. */
void pack_records(struct pack *pack, size_t rows, unsigned first, int labels);

/* These rows as a pickle of protocol 2, as Python 2's cPickle and NumPy wrote them. */
void pack_batch(struct pack *pack, size_t rows, unsigned first, int labels);

/* A pickled dict of one list of `count` strings. */
void pack_names(struct pack *pack, const char *key, const char *const *names, size_t count);

/* The header of a tar archive's member, with a right checksum: a file ('0'), a link to `target` ('2'), … */
void pack_tar_header(struct pack *pack, const char *name, char type, const char *target, uint64_t size);
/* A header, the bytes, and zeros up to a multiple of 512. */
void pack_tar_file(struct pack *pack, const char *name, const void *bytes, size_t size);
/* A header of GNU's sparse files: 512 bytes at byte 32768; if goes_on, the next block has more of the map. */
void pack_tar_sparse(struct pack *pack, const char *name, bool goes_on);
void pack_tar_end(struct pack *pack);

/* Appends `size` bytes as one member of gzip. */
void pack_gzip(struct pack *pack, const void *bytes, size_t size);

/* Appends `size` bytes, compressed by libarchive's filter of that name: "gzip", "bzip2", "xz", "zstd". */
void pack_filtered(struct pack *pack, const char *filter, const void *bytes, size_t size);

/* Appends a zip archive of `count` files with these names, each of which holds the `size` bytes. */
void pack_zip(struct pack *pack, const char *const *names, size_t count, const void *bytes, size_t size);

#endif
