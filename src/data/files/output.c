#include "data/files/output.h"

#include "base/file.h"
#include "base/size.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER_SIZE (1 << 17)

struct output {
    char *path;
    struct replacement replacement;
    gzFile file; /* writes plain bytes if they are not to be gzipped */
};

clm_status output_open(const char *path, bool is_gzipped, struct output **out, struct clm_error *error)
{
    struct output *output = calloc(1, sizeof *output);
    int copy = -1;
    *out = NULL;
    if (!output || !(output->path = strdup(path))) {
        free(output);
        return clm_fail_host_memory(error, path, sizeof *output);
    }
    clm_status status = replacement_begin(path, &output->replacement, error);
    /* gzclose closes the copy; the replacement is synced after that */
    if (status == CLM_OK && (copy = dup(output->replacement.file)) < 0)
        status = clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (status == CLM_OK) {
        output->file = gzdopen(copy, is_gzipped ? "wb" : "wbT");
        if (!output->file)
            close(copy);
        if (!output->file || gzbuffer(output->file, BUFFER_SIZE))
            status = clm_fail_host_memory(error, path, 2 * BUFFER_SIZE);
    }
    if (status == CLM_OK)
        *out = output;
    else
        output_close(output);
    return status;
}

clm_status output_open_in(const char *directory, const char *name, bool is_gzipped, struct output **out,
                          struct clm_error *error)
{
    char *const path = path_join(directory, name);
    *out = NULL;
    const clm_status status = path ? output_open(path, is_gzipped, out, error)
                                   : clm_fail_host_memory(error, directory, strlen(directory));
    free(path);
    return status;
}

static clm_status fail_to_write(const struct output *output, int code, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", output->path,
                    code == Z_ERRNO && errno ? strerror(errno) : "zlib fails");
}

clm_status output_write(struct output *output, const void *bytes, size_t size, struct clm_error *error)
{
    const unsigned char *at = bytes;
    while (size) {
        const unsigned step = (unsigned)size_min(size, 1 << 30);
        int code = Z_OK;
        errno = 0;
        if (gzwrite(output->file, at, step) != (int)step) {
            gzerror(output->file, &code);
            return fail_to_write(output, code, error);
        }
        at += step;
        size -= step;
    }
    return CLM_OK;
}

clm_status output_print(struct output *output, struct clm_error *error, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: a piece of %d bytes is too long to be written",
                        output->path, length);
    return output_write(output, text, (size_t)length, error);
}

clm_status output_commit(struct output *output, struct clm_error *error)
{
    errno = 0;
    const int code = gzclose(output->file);
    output->file = NULL;
    return code == Z_OK ? replacement_commit(&output->replacement, error)
                        : fail_to_write(output, code, error);
}

clm_status output_end(struct output *output, clm_status status, struct clm_error *error)
{
    if (status == CLM_OK)
        status = output_commit(output, error);
    output_close(output);
    return status;
}

void output_close(struct output *output)
{
    if (!output)
        return;
    if (output->file)
        gzclose(output->file);
    replacement_drop(&output->replacement);
    free(output->path);
    free(output);
}
