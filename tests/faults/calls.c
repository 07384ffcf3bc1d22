/* The calls of calls.h as the product's objects see them: each counts, and fails if the plan says so. */
#include "faults/calls.h"

#include <archive.h>
#include <archive_entry.h>
#include <cairo.h>
#include <clblast_c.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <locale.h>
#include <png.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
/* after stdio.h, which they need */
#include <jerror.h>
#include <jpeglib.h>

struct fault_plan *fault_plan;
static atomic_flag is_taken = ATOMIC_FLAG_INIT;

/* ---- when ---- */

static struct fault_site site_here(const char *name, enum call_kind kind)
{
    enum { OWN = 3 }; /* this function, fault_due and the call's own */
    void *frames[OWN + FAULT_FRAMES] = {NULL};
    struct fault_site site = {.hash = UINT64_C(0xcbf29ce484222325), .name = name, .kind = kind};
    backtrace(frames, OWN + FAULT_FRAMES);
    for (size_t i = 0; i < FAULT_FRAMES && frames[OWN + i] != fault_plan->bottom; i++)
        site.callers[i] = frames[OWN + i];
    /* as seen from here, so that it is the same wherever the program is loaded */
    const uintptr_t base = (uintptr_t)&fault_plan;
    site.hash = (site.hash ^ ((uintptr_t)name - base)) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < fault_plan->depth && i < FAULT_FRAMES; i++)
        site.hash = (site.hash ^ ((uintptr_t)site.callers[i] - base)) * UINT64_C(0x100000001b3);
    return site;
}

static void note_site(const struct fault_site *site)
{
    for (size_t i = 0; i < fault_plan->site_count; i++)
        if (fault_plan->sites[i].hash == site->hash)
            return;
    if (fault_plan->site_count < FAULT_SITES)
        fault_plan->sites[fault_plan->site_count++] = *site;
}

static bool is_target(const struct fault_site *site)
{
    if (fault_plan->failed)
        return fault_plan->is_lasting && !strcmp(fault_plan->site.name, site->name);
    return fault_plan->target ? fault_plan->count == fault_plan->target
                              : fault_plan->target_hash && fault_plan->target_hash == site->hash;
}

__attribute__((noinline)) static bool fault_due(const char *name, enum call_kind kind)
{
    if (!fault_plan || !fault_plan->is_armed)
        return false;
    const struct fault_site site = site_here(name, kind);
    while (atomic_flag_test_and_set(&is_taken))
        ;
    fault_plan->count++;
    const bool is_due = is_target(&site);
    if (is_due && !fault_plan->failed++)
        fault_plan->site = site;
    if (!fault_plan->target && !fault_plan->target_hash)
        note_site(&site);
    atomic_flag_clear(&is_taken);
    return is_due;
}

/* ---- how ---- */

static bool gz_is_spoilt;

/* Sets the error flag as glibc does if its own write fails; its headers no longer have _IO_ERR_SEEN. */
static int spoil(FILE *stream)
{
    stream->_flags |= 0x20;
    errno = NO_SPACE;
    return EOF;
}

static json_t *json_spoil(json_error_t *error)
{
    if (error)
        snprintf(error->text, sizeof error->text, "out of memory");
    return NULL;
}

static int archive_spoil(struct archive *archive)
{
    archive_set_error(archive, ENOMEM, "no memory, as asked");
    return ARCHIVE_FATAL;
}

static int png_spoil(png_imagep image)
{
    snprintf(image->message, sizeof image->message, "no memory, as asked");
    return 0;
}

static int jpeg_spoil(j_decompress_ptr jpeg)
{
    jpeg->err->msg_code = JERR_OUT_OF_MEMORY;
    jpeg->err->error_exit((j_common_ptr)jpeg);
    abort(); /* it does not return */
}

/* ---- the calls ---- */

#define CALL(result, name, parameters, arguments, kind, failure)                                             \
    result __real_##name parameters;                                                                         \
    result __wrap_##name parameters;                                                                         \
    result __wrap_##name parameters                                                                          \
    {                                                                                                        \
        if (fault_due(#name, kind))                                                                          \
            return failure;                                                                                  \
        return __real_##name arguments;                                                                      \
    }
#define PRINT(stream, result, name, parameters, arguments, failure)                                          \
    result __real_##name parameters;                                                                         \
    result __wrap_##name parameters;                                                                         \
    result __wrap_##name parameters                                                                          \
    {                                                                                                        \
        if ((stream) != stderr && fault_due(#name, KIND_STREAM))                                             \
            return failure;                                                                                  \
        return __real_##name arguments;                                                                      \
    }
#define ACT(name, parameters, arguments, kind, failure)                                                      \
    void __real_##name parameters;                                                                           \
    void __wrap_##name parameters;                                                                           \
    void __wrap_##name parameters                                                                            \
    {                                                                                                        \
        if (fault_due(#name, kind))                                                                          \
            failure;                                                                                         \
        __real_##name arguments;                                                                             \
    }
CALLS

/* ---- calls with "...", and those that report zlib's failures ---- */

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (fault_due("open64", KIND_FILE)) {
        errno = FILE_ERROR;
        return -1;
    }
    return __real_open64(path, flags, mode);
}

__attribute__((format(printf, 2, 3))) int __wrap_asprintf(char **out, const char *format, ...);
int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list list;
    int length = -1;
    errno = ENOMEM;
    va_start(list, format);
    if (!fault_due("asprintf", KIND_MEMORY))
        length = __real_vasprintf(out, format, list);
    va_end(list);
    return length;
}

__attribute__((format(printf, 2, 3))) int __wrap_fprintf(FILE *stream, const char *format, ...);
int __wrap_fprintf(FILE *stream, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const bool is_due = stream != stderr && fault_due("fprintf", KIND_STREAM);
    const int length = is_due ? spoil(stream) : __real_vfprintf(stream, format, list);
    va_end(list);
    return length;
}

__attribute__((format(printf, 1, 2))) int __wrap_printf(const char *format, ...);
int __wrap_printf(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const int length =
        fault_due("printf", KIND_STREAM) ? spoil(stdout) : __real_vfprintf(stdout, format, list);
    va_end(list);
    return length;
}

/* It consumes what it is given, in any case. */
json_t *__wrap_json_pack(const char *format, ...);
json_t *__wrap_json_pack(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const bool is_due = fault_due("json_pack", KIND_LIBRARY);
    json_t *value = json_vpack_ex(NULL, 0, format, list);
    va_end(list);
    if (is_due) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

const char *__real_gzerror(gzFile file, int *code);
const char *__wrap_gzerror(gzFile file, int *code);
const char *__wrap_gzerror(gzFile file, int *code)
{
    if (!gz_is_spoilt)
        return __real_gzerror(file, code);
    *code = Z_ERRNO;
    return strerror(errno);
}
