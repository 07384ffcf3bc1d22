#include "compute/opencl/program.h"

#include "base/file.h"
#include "compute/backend.h"
#include "compute/opencl/profile.h"
#include "compute/opencl/recording.h"
#include "compute/opencl/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_FILE_LIMIT ((size_t)1 << 20)

/* NULL if the built-in kernels are used. */
static const char *kernel_directory(void)
{
    const char *const directory = getenv("CLMLP_KERNEL_DIR");
    return directory && *directory ? directory : NULL;
}

/* A kernel file's source; the caller frees it. */
static clm_status read_file(const char *name, char **text, size_t *size, struct clm_error *error)
{
    const char *const directory = kernel_directory();
    *text = NULL;
    if (directory) {
        unsigned char *bytes = NULL;
        char *path = path_join(directory, name);
        if (!path)
            return clm_fail_host_memory(error, name, strlen(directory) + strlen(name) + 2);
        const clm_status status = file_read(path, KERNEL_FILE_LIMIT, &bytes, size, error);
        free(path);
        *text = (char *)bytes;
        if (status != CLM_OK && error) {
            const size_t used = strlen(error->message);
            snprintf(error->message + used, sizeof error->message - used,
                     " (CLMLP_KERNEL_DIR is set, and kernels are read from there alone)");
        }
        return status;
    }
    for (const struct kernel_source *source = kernel_sources; source->name; source++)
        if (!strcmp(source->name, name)) {
            *size = source->size;
            *text = strndup(source->text, source->size);
            return *text ? CLM_OK : clm_fail_host_memory(error, name, source->size);
        }
    return clm_fail(error, CLM_ERROR_BUILD, "%s: there is no such kernel file in the library", name);
}

/* Whether the file that is used is the built-in one. */
static bool is_built_in(const struct kernel_source *source)
{
    char *text = NULL;
    size_t size = 0;
    const bool is_same = read_file(source->name, &text, &size, NULL) == CLM_OK && size == source->size &&
                         !memcmp(text, source->text, size);
    free(text);
    return is_same;
}

#define NAMED_MOST 3

void clm_kernel_files_changed(char *text, size_t size)
{
    char names[256] = "";
    size_t count = 0;
    text[0] = '\0';
    if (!kernel_directory())
        return;
    for (const struct kernel_source *source = kernel_sources; source->name; source++) {
        if (is_built_in(source))
            continue;
        const size_t used = strlen(names);
        if (count++ < NAMED_MOST)
            snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", source->name);
    }
    if (count > NAMED_MOST)
        snprintf(names + strlen(names), sizeof names - strlen(names), " and %zu more", count - NAMED_MOST);
    if (count)
        snprintf(text, size, "%s in %.400s (CLMLP_KERNEL_DIR) %s", names, kernel_directory(),
                 count > 1 ? "are not those built in" : "is not the built-in one");
}

/* The sources of all files in a list of names with spaces between, joined, so that the compiler's log names a
 * file and its line; the caller frees them. */
static clm_status read_source(const char *names, char **text, size_t *size, struct clm_error *error)
{
    clm_status status = CLM_OK;
    char *const list = strdup(names), *rest = NULL;
    *text = NULL;
    *size = 0;
    if (!list)
        return clm_fail_host_memory(error, names, strlen(names) + 1);
    for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        char *file = NULL;
        size_t length = 0;
        if ((status = read_file(name, &file, &length, error)))
            break;
        const size_t room = length + strlen(name) + sizeof "\n#line 1 \"\"\n";
        char *const longer = realloc(*text, *size + room);
        if (longer) {
            *size += (size_t)snprintf(longer + *size, room, "\n#line 1 \"%s\"\n", name);
            memcpy(longer + *size, file, length);
            longer[ *size += length] = '\0';
            *text = longer;
        } else
            status = clm_fail_host_memory(error, name, *size + room);
        free(file);
        if (!longer)
            break;
    }
    free(list);
    return status;
}

static clm_status fail_build(const struct opencl_device *device, const char *names, cl_program program,
                             int code, struct clm_error *error)
{
    char log[1400] = "", trouble[1400], from[400] = "";
    size_t size = 0;
    char *whole = NULL;
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) == CL_SUCCESS &&
        size && (whole = malloc(size)) &&
        clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, whole, NULL) == CL_SUCCESS)
        snprintf(log, sizeof log, "%s", whole);
    free(whole);
    if (kernel_directory())
        snprintf(from, sizeof from, " from %.350s (CLMLP_KERNEL_DIR)", kernel_directory());
    const char *status = opencl_status_name(code);
    return clm_fail(error, CLM_ERROR_BUILD,
                    "%s%s does not build on %s: clBuildProgram failed: %s (%d)%s; its log:\n%s", names, from,
                    device->about.name, status ? status : "a code without a name", code,
                    kernel_cache_trouble(trouble, sizeof trouble), log);
}

const char *opencl_options(const struct opencl_device *device)
{
    return device->about.type == CLM_DEVICE_CPU ? "-cl-std=CL1.2 -cl-denorms-are-zero" : "-cl-std=CL1.2";
}

/* Makes and builds a program. If it cannot be built, *code says so, and the program has the log. */
static clm_status make_program(const struct opencl_device *device, const char *names, const char *text,
                               size_t size, const char *options, cl_program *out, cl_int *code,
                               struct clm_error *error)
{
    if (device->parts)
        return parts_build(device->parts, text, size, options, out, code, error);
    *out = clCreateProgramWithSource(device->context, 1, &text, &size, code);
    if (!*out)
        return opencl_fail(error, names, "clCreateProgramWithSource", *code);
    *code = clBuildProgram(*out, 1, &device->id, options, NULL, NULL);
    return CLM_OK;
}

clm_status opencl_program_build(const struct opencl_device *device, const char *names, const char *options,
                                cl_program *out, struct clm_error *error)
{
    char *text = NULL;
    size_t size = 0;
    cl_int code;
    *out = NULL;
    clm_status status = read_source(names, &text, &size, error);
    if (status == CLM_OK && strlen(text) == size) { /* else it holds a NUL, which the compiler refuses */
        char *const noted = note_options(text, options);
        status = noted ? CLM_OK : clm_fail_host_memory(error, names, size);
        size = noted ? strlen(noted) : 0;
        free(text);
        text = noted;
    }
    if (status == CLM_OK)
        status = make_program(device, names, text, size, options, out, &code, error);
    if (status == CLM_OK && code != CL_SUCCESS)
        status = fail_build(device, names, *out, code, error);
    if (status != CLM_OK && *out) {
        clReleaseProgram(*out);
        *out = NULL;
    }
    free(text);
    return status;
}

clm_status opencl_kernel_create(cl_program program, const char *name, cl_kernel *out, struct clm_error *error)
{
    cl_int code;
    *out = clCreateKernel(program, name, &code);
    if (*out)
        return CLM_OK;
    const clm_status status = opencl_fail(error, name, "clCreateKernel", code);
    if (error && code == CL_INVALID_KERNEL_NAME) { /* the source has it, so the driver took another program */
        const size_t used = strlen(error->message);
        clm_kernel_cache_advice(error->message + used, sizeof error->message - used);
    }
    return status;
}

clm_status opencl_launch(const struct opencl_device *device, cl_kernel kernel, const char *purpose,
                         cl_uint dimensions, const size_t *global, const size_t *local,
                         const struct kernel_argument *arguments, struct clm_error *error)
{
    cl_int code;
    for (cl_uint i = 0; arguments[i].size; i++) {
        code = clSetKernelArg(kernel, i, arguments[i].size, arguments[i].value);
        if (code != CL_SUCCESS)
            return opencl_fail(error, purpose, "clSetKernelArg", code);
    }
    const clm_status status = record_launch(device, kernel, dimensions, global, local, arguments, error);
    if (status != CLM_OK)
        return status;
    code = clEnqueueNDRangeKernel(device->queue, kernel, dimensions, NULL, global, local, 0, NULL,
                                  profile_event(device, purpose));
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, purpose, "clEnqueueNDRangeKernel", code);
}
