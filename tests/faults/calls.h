/* Every call of the library and the program that can fail, and how the test makes it fail: one row each.
 *
 *   CALL(result, name, parameters, arguments, kind, failure)   failure is an expression: the value it returns
 *   then
 *   ACT(name, parameters, arguments, kind, failure)            for calls without a result
 *
 * `kind` is what the sentence must mention. A failure does what a real one would: it consumes or closes what
 * the call does, and sets errno, error flags and messages. Calls with "..." are in calls.c. The linker
 * (--wrap) leads the calls of our own objects here; other libraries' calls do not change. */
#ifndef CLM_FAULTS_CALLS_H
#define CLM_FAULTS_CALLS_H

#include "faults/faults.h"

#define CALLS_MEMORY                                                                                         \
    CALL(void *, malloc, (size_t size), (size), KIND_MEMORY, (errno = ENOMEM, NULL))                         \
    CALL(void *, calloc, (size_t count, size_t size), (count, size), KIND_MEMORY, (errno = ENOMEM, NULL))    \
    CALL(void *, realloc, (void *old, size_t size), (old, size), KIND_MEMORY, (errno = ENOMEM, NULL))        \
    CALL(void *, aligned_alloc, (size_t to, size_t size), (to, size), KIND_MEMORY, (errno = ENOMEM, NULL))   \
    CALL(char *, strdup, (const char *text), (text), KIND_MEMORY, (errno = ENOMEM, NULL))                    \
    CALL(char *, strndup, (const char *text, size_t size), (text, size), KIND_MEMORY,                        \
         (errno = ENOMEM, NULL))                                                                             \
    CALL(int, memfd_create, (const char *name, unsigned flags), (name, flags), KIND_MEMORY,                  \
         (errno = ENOMEM, -1))                                                                               \
    CALL(FILE *, fdopen, (int file, const char *mode), (file, mode), KIND_MEMORY, (errno = ENOMEM, NULL))    \
    CALL(pid_t, fork, (void), (), KIND_MEMORY, (errno = ENOMEM, -1))                                         \
    CALL(int, vasprintf, (char **out, const char *format, va_list list), (out, format, list), KIND_MEMORY,   \
         (errno = ENOMEM, -1))                                                                               \
    CALL(FILE *, open_memstream, (char **bytes, size_t *size), (bytes, size), KIND_MEMORY,                   \
         (errno = ENOMEM, NULL))                                                                             \
    CALL(int, setenv, (const char *name, const char *value, int replaces), (name, value, replaces),          \
         KIND_QUIET, (errno = ENOMEM, -1))                                                                   \
    CALL(locale_t, newlocale, (int mask, const char *name, locale_t base), (mask, name, base), KIND_MEMORY,  \
         (errno = ENOMEM, (locale_t)0))                                                                      \
    CALL(int, pthread_create,                                                                                \
         (pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *user),                  \
         (thread, how, run, user), KIND_THREAD, EAGAIN)

#define CALLS_FILES                                                                                          \
    CALL(int, access, (const char *path, int mode), (path, mode), KIND_FILE, (errno = FILE_ERROR, -1))       \
    CALL(int, close, (int file), (file), KIND_FILE, (__real_close(file), errno = FILE_ERROR, -1))            \
    CALL(int, dup, (int file), (file), KIND_FILE, (errno = FILE_ERROR, -1))                                  \
    CALL(int, flock, (int file, int how), (file, how), KIND_FILE, (errno = FILE_ERROR, -1))                  \
    CALL(int, fchmod, (int file, mode_t mode), (file, mode), KIND_FILE, (errno = FILE_ERROR, -1))            \
    CALL(int, fstat64, (int file, struct stat64 *out), (file, out), KIND_FILE, (errno = FILE_ERROR, -1))     \
    CALL(int, stat64, (const char *path, struct stat64 *out), (path, out), KIND_FILE,                        \
         (errno = FILE_ERROR, -1))                                                                           \
    CALL(int, lstat64, (const char *path, struct stat64 *out), (path, out), KIND_FILE,                       \
         (errno = FILE_ERROR, -1))                                                                           \
    CALL(int, fstatat64, (int directory, const char *path, struct stat64 *out, int flags),                   \
         (directory, path, out, flags), KIND_FILE, (errno = FILE_ERROR, -1))                                 \
    CALL(int, fsync, (int file), (file), KIND_FILE, (errno = FILE_ERROR, -1))                                \
    CALL(int, syncfs, (int file), (file), KIND_FILE, (errno = FILE_ERROR, -1))                               \
    CALL(ssize_t, read, (int file, void *out, size_t size), (file, out, size), KIND_FILE,                    \
         (errno = FILE_ERROR, -1))                                                                           \
    CALL(ssize_t, write, (int file, const void *bytes, size_t size), (file, bytes, size), KIND_FILE,         \
         (errno = NO_SPACE, -1))                                                                             \
    CALL(void *, mmap64, (void *at, size_t size, int access, int flags, int file, off64_t from),             \
         (at, size, access, flags, file, from), KIND_FILE, (errno = FILE_ERROR, MAP_FAILED))                 \
    CALL(int, madvise, (void *at, size_t size, int advice), (at, size, advice), KIND_QUIET,                  \
         (errno = FILE_ERROR, -1))                                                                           \
    CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), KIND_FILE, (errno = NO_SPACE, -1))       \
    CALL(char *, mkdtemp, (char *path), (path), KIND_FILE, (errno = NO_SPACE, NULL))                         \
    CALL(int, mkstemp64, (char *path), (path), KIND_FILE, (errno = NO_SPACE, -1))                            \
    CALL(int, nftw64, (const char *path, __nftw64_func_t on_name, int files, int flags),                     \
         (path, on_name, files, flags), KIND_FILE, (errno = FILE_ERROR, -1))                                 \
    CALL(ssize_t, pread64, (int file, void *out, size_t size, off64_t at), (file, out, size, at), KIND_FILE, \
         (errno = FILE_ERROR, -1))                                                                           \
    CALL(off64_t, lseek64, (int file, off64_t to, int from), (file, to, from), KIND_FILE,                    \
         (errno = FILE_ERROR, -1))                                                                           \
    CALL(char *, realpath, (const char *path, char *out), (path, out), KIND_FILE,                            \
         (errno = FILE_ERROR, NULL))                                                                         \
    CALL(int, rename, (const char *from, const char *to), (from, to), KIND_FILE, (errno = FILE_ERROR, -1))   \
    CALL(int, renameat2, (int d, const char *from, int e, const char *to, unsigned flags),                   \
         (d, from, e, to, flags), KIND_FILE, (errno = FILE_ERROR, -1))                                       \
    CALL(int, remove, (const char *path), (path), KIND_FILE, (errno = FILE_ERROR, -1))                       \
    CALL(int, rmdir, (const char *path), (path), KIND_FILE, (errno = FILE_ERROR, -1))                        \
    CALL(int, unlink, (const char *path), (path), KIND_FILE, (errno = FILE_ERROR, -1))                       \
    CALL(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags), KIND_FILE,   \
         (errno = FILE_ERROR, -1))                                                                           \
    CALL(int, scandir64,                                                                                     \
         (const char *path, struct dirent64 ***out, int (*takes)(const struct dirent64 *),                   \
          int (*order)(const struct dirent64 **, const struct dirent64 **)),                                 \
         (path, out, takes, order), KIND_FILE, (errno = FILE_ERROR, -1))                                     \
    CALL(int, scandirat64,                                                                                   \
         (int directory, const char *path, struct dirent64 ***out, int (*takes)(const struct dirent64 *),    \
          int (*order)(const struct dirent64 **, const struct dirent64 **)),                                 \
         (directory, path, out, takes, order), KIND_FILE, (errno = FILE_ERROR, -1))                          \
    CALL(int, dladdr, (const void *address, Dl_info *out), (address, out), KIND_QUIET, 0)                    \
    CALL(void *, dlopen, (const char *path, int flags), (path, flags), KIND_QUIET,                           \
         __real_dlopen("/a library that is not there", flags))                                               \
    CALL(void *, dlsym, (void *library, const char *name), (library, name), KIND_QUIET,                      \
         __real_dlsym(library, "a name that is not there"))

/* Printing fails on a stream, whose error flag is then set; streams in memory fail on closing. A failure of
 * stderr cannot be reported. PRINT(stream, ...) is like CALL. */
#define CALLS_STREAMS                                                                                        \
    PRINT(stream, int, fclose, (FILE * stream), (stream), (__real_fclose(stream), errno = NO_SPACE, EOF))    \
    PRINT(stream, int, fflush, (FILE * stream), (stream), spoil(stream))                                     \
    PRINT(stream, int, fputs, (const char *text, FILE *stream), (text, stream), spoil(stream))               \
    PRINT(stdout, int, puts, (const char *text), (text), spoil(stdout))                                      \
    PRINT(stream, int, fputc, (int byte, FILE *stream), (byte, stream), spoil(stream))                       \
    PRINT(stream, int, putc, (int byte, FILE *stream), (byte, stream), spoil(stream))                        \
    PRINT(stdout, int, putchar, (int byte), (byte), spoil(stdout))                                           \
    PRINT(stream, size_t, fwrite, (const void *bytes, size_t size, size_t count, FILE *stream),              \
          (bytes, size, count, stream), (size_t)(spoil(stream) + 1))                                         \
    PRINT(stream, int, vfprintf, (FILE * stream, const char *format, va_list list), (stream, format, list),  \
          spoil(stream))

#define CALLS_JSON                                                                                           \
    CALL(json_t *, json_object, (void), (), KIND_LIBRARY, NULL)                                              \
    CALL(json_t *, json_array, (void), (), KIND_LIBRARY, NULL)                                               \
    CALL(json_t *, json_string, (const char *text), (text), KIND_LIBRARY, NULL)                              \
    CALL(json_t *, json_integer, (json_int_t value), (value), KIND_LIBRARY, NULL)                            \
    CALL(json_t *, json_real, (double value), (value), KIND_LIBRARY, NULL)                                   \
    CALL(json_t *, json_deep_copy, (const json_t *value), (value), KIND_LIBRARY, NULL)                       \
    CALL(int, json_array_append_new, (json_t * list, json_t * value), (list, value), KIND_LIBRARY,           \
         (json_decref(value), -1))                                                                           \
    CALL(int, json_object_set_new, (json_t * object, const char *key, json_t *value), (object, key, value),  \
         KIND_LIBRARY, (json_decref(value), -1))                                                             \
    CALL(char *, json_dumps, (const json_t *value, size_t flags), (value, flags), KIND_LIBRARY, NULL)        \
    CALL(json_t *, json_loadf, (FILE * stream, size_t flags, json_error_t * error), (stream, flags, error),  \
         KIND_LIBRARY, json_spoil(error))                                                                    \
    CALL(json_t *, json_loads, (const char *text, size_t flags, json_error_t *error), (text, flags, error),  \
         KIND_LIBRARY, json_spoil(error))                                                                    \
    CALL(json_t *, json_loadb, (const char *text, size_t size, size_t flags, json_error_t *error),           \
         (text, size, flags, error), KIND_LIBRARY, json_spoil(error))

#define CALLS_ZLIB                                                                                           \
    CALL(gzFile, gzdopen, (int file, const char *mode), (file, mode), KIND_LIBRARY, (errno = ENOMEM, NULL))  \
    CALL(int, gzbuffer, (gzFile file, unsigned size), (file, size), KIND_LIBRARY, -1)                        \
    CALL(int, inflateInit2_, (z_stream * stream, int window, const char *version, int size),                 \
         (stream, window, version, size), KIND_LIBRARY, Z_MEM_ERROR)                                         \
    CALL(int, inflate, (z_stream * stream, int flush), (stream, flush), KIND_LIBRARY, Z_MEM_ERROR)           \
    CALL(int, gzwrite, (gzFile file, const void *bytes, unsigned size), (file, bytes, size), KIND_FILE,      \
         (gz_is_spoilt = true, errno = NO_SPACE, 0))                                                         \
    CALL(int, gzclose, (gzFile file), (file), KIND_FILE, (__real_gzclose(file), errno = NO_SPACE, Z_ERRNO))

#define ARCHIVE_CALL(name, parameters, arguments)                                                            \
    CALL(int, name, parameters, arguments, KIND_LIBRARY, archive_spoil(archive))
#define CALLS_ARCHIVE                                                                                        \
    CALL(struct archive *, archive_read_new, (void), (), KIND_LIBRARY, NULL)                                 \
    CALL(struct archive *, archive_write_new, (void), (), KIND_LIBRARY, NULL)                                \
    CALL(struct archive_entry *, archive_entry_new2, (struct archive * archive), (archive), KIND_LIBRARY,    \
         NULL)                                                                                               \
    ARCHIVE_CALL(archive_read_support_format_tar, (struct archive * archive), (archive))                     \
    ARCHIVE_CALL(archive_read_support_format_zip_seekable, (struct archive * archive), (archive))            \
    ARCHIVE_CALL(archive_read_append_filter, (struct archive * archive, int filter), (archive, filter))      \
    ARCHIVE_CALL(archive_read_set_format, (struct archive * archive, int format), (archive, format))         \
    ARCHIVE_CALL(archive_read_set_seek_callback,                                                             \
                 (struct archive * archive, archive_seek_callback * on_seek), (archive, on_seek))            \
    ARCHIVE_CALL(archive_read_open,                                                                          \
                 (struct archive * archive, void *user, archive_open_callback *on_open,                      \
                  archive_read_callback *on_read, archive_close_callback *on_close),                         \
                 (archive, user, on_open, on_read, on_close))                                                \
    ARCHIVE_CALL(archive_read_next_header, (struct archive * archive, struct archive_entry * *entry),        \
                 (archive, entry))                                                                           \
    CALL(la_ssize_t, archive_read_data, (struct archive * archive, void *out, size_t size),                  \
         (archive, out, size), KIND_LIBRARY, archive_spoil(archive))                                         \
    ARCHIVE_CALL(archive_read_data_skip, (struct archive * archive), (archive))                              \
    ARCHIVE_CALL(archive_write_set_format_zip, (struct archive * archive), (archive))                        \
    ARCHIVE_CALL(archive_write_zip_set_compression_store, (struct archive * archive), (archive))             \
    ARCHIVE_CALL(archive_write_open_fd, (struct archive * archive, int file), (archive, file))               \
    ARCHIVE_CALL(archive_write_header, (struct archive * archive, struct archive_entry * entry),             \
                 (archive, entry))                                                                           \
    CALL(la_ssize_t, archive_write_data, (struct archive * archive, const void *bytes, size_t size),         \
         (archive, bytes, size), KIND_LIBRARY, archive_spoil(archive))                                       \
    ARCHIVE_CALL(archive_write_close, (struct archive * archive), (archive))

#define CALLS_PICTURES                                                                                       \
    CALL(png_structp, png_create_read_struct,                                                                \
         (png_const_charp version, png_voidp user, png_error_ptr on_error, png_error_ptr on_warning),        \
         (version, user, on_error, on_warning), KIND_LIBRARY, NULL)                                          \
    CALL(png_infop, png_create_info_struct, (png_const_structrp png), (png), KIND_LIBRARY, NULL)             \
    ACT(png_read_info, (png_structrp png, png_inforp info), (png, info), KIND_LIBRARY,                       \
        png_error(png, "no memory, as asked"))                                                               \
    ACT(png_read_update_info, (png_structrp png, png_inforp info), (png, info), KIND_LIBRARY,                \
        png_error(png, "no memory, as asked"))                                                               \
    ACT(png_read_image, (png_structrp png, png_bytepp rows), (png, rows), KIND_LIBRARY,                      \
        png_error(png, "no memory, as asked"))                                                               \
    ACT(png_read_end, (png_structrp png, png_inforp info), (png, info), KIND_LIBRARY,                        \
        png_error(png, "no memory, as asked"))                                                               \
    CALL(int, png_image_write_to_memory,                                                                     \
         (png_imagep image, void *out, png_alloc_size_t *size, int is_8_bit, const void *pixels,             \
          png_int_32 stride, const void *colours),                                                           \
         (image, out, size, is_8_bit, pixels, stride, colours), KIND_LIBRARY, png_spoil(image))              \
    ACT(jpeg_CreateDecompress, (j_decompress_ptr jpeg, int version, size_t size), (jpeg, version, size),     \
        KIND_LIBRARY, jpeg_spoil(jpeg))                                                                      \
    ACT(jpeg_mem_src, (j_decompress_ptr jpeg, const unsigned char *bytes, unsigned long size),               \
        (jpeg, bytes, size), KIND_LIBRARY, jpeg_spoil(jpeg))                                                 \
    CALL(int, jpeg_read_header, (j_decompress_ptr jpeg, boolean is_needed), (jpeg, is_needed), KIND_LIBRARY, \
         jpeg_spoil(jpeg))                                                                                   \
    CALL(boolean, jpeg_start_decompress, (j_decompress_ptr jpeg), (jpeg), KIND_LIBRARY, jpeg_spoil(jpeg))    \
    CALL(JDIMENSION, jpeg_read_scanlines, (j_decompress_ptr jpeg, JSAMPARRAY rows, JDIMENSION most),         \
         (jpeg, rows, most), KIND_LIBRARY, (JDIMENSION)jpeg_spoil(jpeg))                                     \
    CALL(boolean, jpeg_finish_decompress, (j_decompress_ptr jpeg), (jpeg), KIND_LIBRARY, jpeg_spoil(jpeg))   \
    CALL(cairo_surface_t *, cairo_image_surface_create, (cairo_format_t format, int width, int height),      \
         (format, width, height), KIND_QUIET, __real_cairo_image_surface_create(format, -1, -1))             \
    CALL(cairo_t *, cairo_create, (cairo_surface_t * surface), (surface), KIND_QUIET,                        \
         __real_cairo_create(NULL))                                                                          \
    CALL(cairo_status_t, cairo_status, (cairo_t * context), (context), KIND_QUIET, CAIRO_STATUS_NO_MEMORY)   \
    CALL(cairo_status_t, cairo_surface_write_to_png_stream,                                                  \
         (cairo_surface_t * surface, cairo_write_func_t on_bytes, void *user), (surface, on_bytes, user),    \
         KIND_QUIET, CAIRO_STATUS_NO_MEMORY)

/* Sets *code to `as`, and makes no object. */
#define MAKES_NOTHING(as) (code ? *code = (as) : 0, NULL)
#define CALLS_DEVICE                                                                                         \
    CALL(cl_int, clGetPlatformIDs, (cl_uint most, cl_platform_id * out, cl_uint * count),                    \
         (most, out, count), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                                             \
    CALL(cl_int, clGetPlatformInfo,                                                                          \
         (cl_platform_id platform, cl_platform_info what, size_t size, void *out, size_t *got),              \
         (platform, what, size, out, got), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                               \
    CALL(cl_int, clGetDeviceIDs,                                                                             \
         (cl_platform_id platform, cl_device_type type, cl_uint most, cl_device_id * out, cl_uint * count),  \
         (platform, type, most, out, count), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                             \
    CALL(cl_int, clGetDeviceInfo,                                                                            \
         (cl_device_id device, cl_device_info what, size_t size, void *out, size_t *got),                    \
         (device, what, size, out, got), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                                 \
    CALL(cl_context, clCreateContext,                                                                        \
         (const cl_context_properties *how, cl_uint count, const cl_device_id *devices,                      \
          void (*on_error)(const char *, const void *, size_t, void *), void *user, cl_int *code),           \
         (how, count, devices, on_error, user, code), KIND_DEVICE, MAKES_NOTHING(CL_OUT_OF_HOST_MEMORY))     \
    CALL(cl_int, clCreateSubDevices,                                                                         \
         (cl_device_id device, const cl_device_partition_property *how, cl_uint most, cl_device_id *out,     \
          cl_uint *count),                                                                                   \
         (device, how, most, out, count), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                                \
    CALL(cl_command_queue, clCreateCommandQueue,                                                             \
         (cl_context context, cl_device_id device, cl_command_queue_properties how, cl_int * code),          \
         (context, device, how, code), KIND_DEVICE, MAKES_NOTHING(CL_OUT_OF_RESOURCES))                      \
    CALL(cl_mem, clCreateBuffer,                                                                             \
         (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code),                    \
         (context, flags, size, host, code), KIND_DEVICE, MAKES_NOTHING(CL_MEM_OBJECT_ALLOCATION_FAILURE))   \
    CALL(cl_program, clCreateProgramWithSource,                                                              \
         (cl_context context, cl_uint count, const char **texts, const size_t *sizes, cl_int *code),         \
         (context, count, texts, sizes, code), KIND_DEVICE, MAKES_NOTHING(CL_OUT_OF_HOST_MEMORY))            \
    CALL(cl_int, clBuildProgram,                                                                             \
         (cl_program program, cl_uint count, const cl_device_id *devices, const char *options,               \
          void (*on_end)(cl_program, void *), void *user),                                                   \
         (program, count, devices, options, on_end, user), KIND_DEVICE, CL_BUILD_PROGRAM_FAILURE)            \
    CALL(cl_int, clGetProgramBuildInfo,                                                                      \
         (cl_program program, cl_device_id device, cl_program_build_info what, size_t size, void *out,       \
          size_t *got),                                                                                      \
         (program, device, what, size, out, got), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                        \
    CALL(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *code),                    \
         (program, name, code), KIND_DEVICE, MAKES_NOTHING(CL_OUT_OF_HOST_MEMORY))                           \
    CALL(cl_int, clGetKernelWorkGroupInfo,                                                                   \
         (cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what, size_t size, void *out,     \
          size_t *got),                                                                                      \
         (kernel, device, what, size, out, got), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                         \
    CALL(cl_int, clGetKernelInfo,                                                                            \
         (cl_kernel kernel, cl_kernel_info what, size_t size, void *out, size_t *got),                       \
         (kernel, what, size, out, got), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                                 \
    CALL(cl_int, clGetKernelArgInfo,                                                                         \
         (cl_kernel kernel, cl_uint index, cl_kernel_arg_info what, size_t size, void *out, size_t *got),    \
         (kernel, index, what, size, out, got), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                          \
    CALL(cl_int, clGetProgramInfo,                                                                           \
         (cl_program program, cl_program_info what, size_t size, void *out, size_t *got),                    \
         (program, what, size, out, got), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                                \
    CALL(cl_int, clRetainMemObject, (cl_mem memory), (memory), KIND_DEVICE, CL_OUT_OF_RESOURCES)             \
    CALL(cl_int, clRetainProgram, (cl_program program), (program), KIND_DEVICE, CL_OUT_OF_RESOURCES)         \
    CALL(cl_int, clGetMemObjectInfo, (cl_mem memory, cl_mem_info what, size_t size, void *out, size_t *got), \
         (memory, what, size, out, got), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                                 \
    CALL(cl_mem, clCreateSubBuffer,                                                                          \
         (cl_mem memory, cl_mem_flags flags, cl_buffer_create_type type, const void *region, cl_int *code),  \
         (memory, flags, type, region, code), KIND_DEVICE, MAKES_NOTHING(CL_OUT_OF_HOST_MEMORY))             \
    CALL(void *, clEnqueueMapBuffer,                                                                         \
         (cl_command_queue queue, cl_mem buffer, cl_bool waits, cl_map_flags flags, size_t from,             \
          size_t size, cl_uint count, const cl_event *after, cl_event *event, cl_int *code),                 \
         (queue, buffer, waits, flags, from, size, count, after, event, code), KIND_DEVICE,                  \
         MAKES_NOTHING(CL_OUT_OF_HOST_MEMORY))                                                               \
    CALL(cl_int, clEnqueueFillBuffer,                                                                        \
         (cl_command_queue queue, cl_mem memory, const void *pattern, size_t pattern_size, size_t offset,    \
          size_t size, cl_uint count, const cl_event *events, cl_event *event),                              \
         (queue, memory, pattern, pattern_size, offset, size, count, events, event), KIND_DEVICE,            \
         CL_OUT_OF_RESOURCES)                                                                                \
    CALL(cl_int, clSetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),          \
         (kernel, index, size, value), KIND_DEVICE, CL_OUT_OF_RESOURCES)                                     \
    CALL(cl_int, clEnqueueNDRangeKernel,                                                                     \
         (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *from,                  \
          const size_t *global, const size_t *local, cl_uint count, const cl_event *after, cl_event *event), \
         (queue, kernel, dimensions, from, global, local, count, after, event), KIND_DEVICE,                 \
         CL_OUT_OF_RESOURCES)                                                                                \
    CALL(cl_int, clEnqueueReadBuffer,                                                                        \
         (cl_command_queue queue, cl_mem buffer, cl_bool waits, size_t from, size_t size, void *out,         \
          cl_uint count, const cl_event *after, cl_event *event),                                            \
         (queue, buffer, waits, from, size, out, count, after, event), KIND_DEVICE, CL_OUT_OF_RESOURCES)     \
    CALL(cl_int, clEnqueueWriteBuffer,                                                                       \
         (cl_command_queue queue, cl_mem buffer, cl_bool waits, size_t from, size_t size, const void *bytes, \
          cl_uint count, const cl_event *after, cl_event *event),                                            \
         (queue, buffer, waits, from, size, bytes, count, after, event), KIND_DEVICE, CL_OUT_OF_RESOURCES)   \
    CALL(cl_int, clEnqueueMarkerWithWaitList,                                                                \
         (cl_command_queue queue, cl_uint count, const cl_event *after, cl_event *event),                    \
         (queue, count, after, event), KIND_DEVICE, CL_OUT_OF_HOST_MEMORY)                                   \
    CALL(cl_int, clFinish, (cl_command_queue queue), (queue), KIND_DEVICE, CL_OUT_OF_RESOURCES)              \
    CALL(cl_int, clFlush, (cl_command_queue queue), (queue), KIND_DEVICE, CL_OUT_OF_RESOURCES)               \
    CALL(cl_int, clWaitForEvents, (cl_uint count, const cl_event *events), (count, events), KIND_DEVICE,     \
         CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)                                                       \
    CALL(cl_int, clGetEventProfilingInfo,                                                                    \
         (cl_event event, cl_profiling_info what, size_t size, void *out, size_t *got),                      \
         (event, what, size, out, got), KIND_DEVICE, CL_PROFILING_INFO_NOT_AVAILABLE)                        \
    CALL(CLBlastStatusCode, CLBlastSGemmTempBufferSize,                                                      \
         (const CLBlastLayout layout, const CLBlastTranspose a, const CLBlastTranspose b, const size_t m,    \
          const size_t n, const size_t k, const size_t a_from, const size_t a_leading, const size_t b_from,  \
          const size_t b_leading, const size_t c_from, const size_t c_leading, cl_command_queue *queue,      \
          size_t *bytes),                                                                                    \
         (layout, a, b, m, n, k, a_from, a_leading, b_from, b_leading, c_from, c_leading, queue, bytes),     \
         KIND_DEVICE, CLBlastDatabaseError)                                                                  \
    CALL(CLBlastStatusCode, CLBlastSgemmWithTempBuffer,                                                      \
         (const CLBlastLayout layout, const CLBlastTranspose a, const CLBlastTranspose b, const size_t m,    \
          const size_t n, const size_t k, const float alpha, const cl_mem A, const size_t a_from,            \
          const size_t a_leading, const cl_mem B, const size_t b_from, const size_t b_leading,               \
          const float beta, cl_mem C, const size_t c_from, const size_t c_leading, cl_command_queue *queue,  \
          cl_event *event, cl_mem workspace),                                                                \
         (layout, a, b, m, n, k, alpha, A, a_from, a_leading, B, b_from, b_leading, beta, C, c_from,         \
          c_leading, queue, event, workspace),                                                               \
         KIND_DEVICE, CLBlastTempBufferAllocFailure)                                                         \
    CALL(CLBlastStatusCode, CLBlastOverrideParameters,                                                       \
         (const cl_device_id device, const char *kernel, const CLBlastPrecision precision,                   \
          const size_t count, const char **names, const size_t *values),                                     \
         (device, kernel, precision, count, names, values), KIND_DEVICE, CLBlastInvalidOverrideKernel)

#define CALLS                                                                                                \
    CALLS_MEMORY CALLS_FILES CALLS_STREAMS CALLS_JSON CALLS_ZLIB CALLS_ARCHIVE CALLS_PICTURES CALLS_DEVICE

#endif
