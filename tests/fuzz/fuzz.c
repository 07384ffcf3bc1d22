#define ZLIB_CONST /* zlib does not write to what it compresses */
#include "fuzz/fuzz.h"

#include "base/text.h"
#include "data/data.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define WRITTEN_MOST 4096 /* elements of a data set that is written again */

/* ---- expectations ---- */

_Noreturn void fuzz_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

static bool is_printable(const char *text)
{
    for (size_t length; *text; text += length) {
        length = utf8_length(text);
        if (!length || (unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    }
    return true;
}

void fuzz_expect_sentence(const struct clm_error *error, clm_status status, const char *path)
{
    const bool is_good = status != CLM_OK && error->status == status && *error->message &&
                         is_printable(error->message) && (!path || strstr(error->message, path));
    if (!is_good)
        fprintf(stderr, "%s: %s\n", clm_status_text(status), error->message);
    fuzz_expect(is_good);
}

/* ---- files ---- */

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static struct {
    int descriptor; /* from 1 on; 0 means none yet */
    char path[64];
} files[FUZZ_FILES];

const char *fuzz_file(unsigned number, const unsigned char *bytes, size_t size)
{
    int *const file = &files[number].descriptor;
    if (!*file) {
        *file = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(files[number].path, sizeof files[number].path, "/proc/self/fd/%d", *file);
    }
    if (*file < 0 || ftruncate(*file, 0) || (size && pwrite(*file, bytes, size, 0) != (ssize_t)size))
        fail("a file in memory");
    return files[number].path;
}

const char *fuzz_gzipped_file(unsigned number, const unsigned char *bytes, size_t size)
{
    z_stream stream = {.next_in = bytes, .avail_in = (uInt)size};
    unsigned char *zipped = NULL;
    /* windowBits of 16 + 9 to 16 + 15: gzip's header and checksum */
    if (deflateInit2(&stream, 1, Z_DEFLATED, 16 + 10, 1, Z_DEFAULT_STRATEGY) == Z_OK)
        zipped = malloc(stream.avail_out = (uInt)deflateBound(&stream, size));
    stream.next_out = zipped;
    if (!zipped || deflate(&stream, Z_FINISH) != Z_STREAM_END)
        fail("gzip");
    const char *const path = fuzz_file(number, zipped, stream.total_out);
    deflateEnd(&stream);
    free(zipped);
    return path;
}

static char directory[] = "/tmp/clmlp-fuzz-XXXXXX";
static struct {
    const char *name;
    char path[sizeof directory + 40];
} links[16];
static size_t link_count;

static void remove_links(void)
{
    for (size_t i = 0; i < link_count; i++) {
        unlink(links[i].path);
        *strrchr(links[i].path, '/') = '\0';
        rmdir(links[i].path); /* with the last link of each */
    }
    rmdir(directory);
}

static void make_link(const char *target, char *path)
{
    char *const slash = strrchr(path, '/');
    *slash = '\0';
    const bool is_made = mkdir(path, 0700) == 0 || errno == EEXIST;
    *slash = '/';
    if (!is_made || symlink(target, path))
        fail(path);
}

const char *fuzz_link(unsigned number, const char *name)
{
    for (size_t i = 0; i < link_count; i++)
        if (!strcmp(links[i].name, name))
            return links[i].path;
    if (link_count == sizeof links / sizeof *links || (!link_count && !mkdtemp(directory)))
        fail(directory);
    if (!link_count)
        atexit(remove_links);
    links[link_count].name = name;
    snprintf(links[link_count].path, sizeof links->path, "%s/%s", directory, name);
    make_link(files[number].path, links[link_count].path);
    return links[link_count++].path;
}

struct fuzz_part fuzz_next_part(struct fuzz_part *rest)
{
    struct fuzz_part part = *rest;
    const unsigned char *const end =
        part.size ? memmem(part.bytes, part.size, FUZZ_SEPARATOR, strlen(FUZZ_SEPARATOR)) : NULL;
    if (end)
        part.size = (size_t)(end - part.bytes);
    const size_t used = part.size + (end ? strlen(FUZZ_SEPARATOR) : 0);
    *rest = (struct fuzz_part){rest->bytes + used, rest->size - used};
    return part;
}

/* ---- data sets ---- */

static void look_at(const struct clm_data *data, enum clm_part part)
{
    const struct rows *rows = data_part(data, part);
    unsigned sum = 0; /* so that each byte is read */
    for (size_t r = 0; r < rows->count; r++)
        fuzz_expect(rows->labels[r] < data->classes || rows->labels[r] == CLM_NO_LABEL);
    for (size_t i = 0; i < rows->count * data->features; i++)
        if (data->element == ELEMENT_BYTE)
            sum += ((const unsigned char *)rows->values)[i];
        else
            fuzz_expect(isfinite(((const float *)rows->values)[i]));
    fuzz_expect(sum <= rows->count * data->features * 255);
}

/* The value in the file: with the offset that a table subtracted. */
static double value_at(const struct clm_data *data, size_t index)
{
    const void *const values = data->train.values;
    return data->element == ELEMENT_BYTE ? ((const unsigned char *)values)[index]
                                         : (double)((const float *)values)[index] +
                                               feature_offset(data->inputs, index % data->features);
}

static void expect_same(const struct clm_data *a, const struct clm_data *b)
{
    fuzz_expect(a->train.count == b->train.count && a->features == b->features && a->classes == b->classes);
    for (size_t r = 0; r < a->train.count; r++)
        fuzz_expect(a->train.labels[r] == b->train.labels[r]);
    for (size_t i = 0; i < a->train.count * a->features; i++) {
        const double value = value_at(a, i); /* text has digits for a float; with an offset it is a double */
        const size_t feature = i % a->features;
        const bool are_floats =
            feature_offset(a->inputs, feature) == 0 && feature_offset(b->inputs, feature) == 0;
        fuzz_expect(fabs(value - value_at(b, i)) <= (are_floats ? 0 : 0x1p-24 * fabs(value)));
    }
}

static void write_and_read(const struct clm_data *data, const char *format)
{
    struct clm_error error = {0};
    struct clm_data *again = NULL;
    const char *const path = fuzz_file(FUZZ_FILES - 1, NULL, 0);
    const struct clm_data_write_options written = {.format = format};
    const struct clm_data_options options = {.source = path,
                                             .format = format,
                                             .features = data->features,
                                             .classes = data->classes,
                                             .class_names = clm_data_write_keeps_names(format, data)
                                                                ? (const char *const *)data->class_names
                                                                : NULL};
    const clm_status status = clm_data_write(data, path, &written, &error);
    if (status != CLM_OK) {
        fuzz_expect_sentence(&error, status, NULL);
        fuzz_expect(status == CLM_ERROR_SHAPE || status == CLM_ERROR_ARGUMENT);
        return;
    }
    if (clm_data_open(&options, &again, &error) != CLM_OK)
        fuzz_fail(error.message, format, 0);
    expect_same(data, again);
    clm_data_close(again);
}

void fuzz_open(const struct clm_data_options *options)
{
    static const char *const formats[8] = {"csv", "npz", "libsvm"};
    struct clm_data *data = NULL;
    struct clm_error error = {0};
    const clm_status status = clm_data_open(options, &data, &error);
    if (status != CLM_OK) {
        fuzz_expect(!data);
        /* with several files, the sentence may name any; with wrong arguments, none */
        fuzz_expect_sentence(&error, status, NULL);
        fuzz_expect(status == CLM_ERROR_ARGUMENT || strstr(error.message, directory) ||
                    strstr(error.message, "/proc/self/fd/"));
        return;
    }
    look_at(data, CLM_TRAIN);
    look_at(data, CLM_VALIDATION);
    look_at(data, CLM_TEST);
    const size_t elements = data->train.count * data->features;
    const char *const format = formats[elements % 8];
    if (format && elements <= WRITTEN_MOST && data->classes <= WRITTEN_MOST && !options->labels_optional)
        write_and_read(data, format);
    clm_data_close(data);
}
