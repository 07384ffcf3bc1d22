/* Builds a user's file of kernels. */
#include "compute/opencl/user/user.h"

#include "base/size.h"
#include "compute/opencl/recording.h"
#include "compute/opencl/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Items of a group, unless reqd_work_group_size says otherwise. */
#define GROUP_SIDE 16
#define GROUP_LIST 64
/* ---- building ---- */

/* Turns the order of work-items. */
#define TURNS                                                                                                \
    "size_t clmlp_local_id(uint d) { return get_local_size(d) - 1 - get_local_id(d); }\n"                    \
    "size_t clmlp_group_id(uint d) { return get_num_groups(d) - 1 - get_group_id(d); }\n"                    \
    "#define get_local_id(d)  clmlp_local_id(d)\n"                                                           \
    "#define get_group_id(d)  clmlp_group_id(d)\n"                                                           \
    "#define get_global_id(d) (clmlp_group_id(d) * get_local_size(d) + clmlp_local_id(d))\n"                 \
    "#define get_local_linear_id()  ((clmlp_local_id(2) * get_local_size(1) + clmlp_local_id(1)) * "         \
    "get_local_size(0) + clmlp_local_id(0))\n"                                                               \
    "#define get_global_linear_id() ((get_global_id(2) * get_global_size(1) + get_global_id(1)) * "          \
    "get_global_size(0) + get_global_id(0))\n"

/* Stands before the user's source. */
#define WARNS "#ifdef __clang__\n#pragma clang diagnostic warning \"-Wuninitialized\"\n#endif\n"

void append_words(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list words;
    va_start(words, format);
    vsnprintf(text + used, size - used, format, words);
    va_end(words);
}

/* A kernel that tells the values of the macros that give the tiles. */
static void append_tiles(char *text, size_t size)
{
    append_words(text, size, "\n#line 1 \"clmlp\"\n__kernel void clmlp_tiles(__global int *out)\n{\n");
    for (int i = 0; i < 2 * ENTRY_COUNT; i++) {
        const char *const macro = user_entries[i / 2].tiles[i % 2];
        if (macro)
            append_words(text, size, "#ifdef %s\n    out[%d] = %s;\n#else\n    out[%d] = 0;\n#endif\n", macro,
                         i, macro, i);
        else
            append_words(text, size, "    out[%d] = 0;\n", i);
    }
    append_words(text, size, "}\n");
}

/* The whole source for an order; the caller frees it. */
static char *source_for(const struct user_backend *u, enum user_order order)
{
    const size_t size = strlen(u->source) + strlen(u->path) * 2 + sizeof TURNS + sizeof WARNS + 8192;
    char *const text = calloc(1, size);
    if (!text)
        return NULL;
    append_words(text, size, "%s%s#line 1 \"", WARNS, order == USER_ORDER_TURNED ? TURNS : "");
    for (const char *c = u->path; *c; c++) { /* a name in a string of C */
        const char character[3] = {strchr("\"\\", *c) ? '\\' : *c, strchr("\"\\", *c) ? *c : '\0', '\0'};
        append_words(text, size, "%s", (unsigned char)*c < ' ' ? "?" : character);
    }
    append_words(text, size, "\"\n%s", u->source);
    append_tiles(text, size);
    return text;
}

/* Keeps the end of lines before what does not fit. */
static void read_log(const struct opencl_device *device, cl_program program, char log[LOG_MOST])
{
    size_t size = 0;
    char *whole = NULL;
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) == CL_SUCCESS &&
        size && (whole = calloc(1, size + 1)) &&
        clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, whole, NULL) == CL_SUCCESS)
        snprintf(log, LOG_MOST, "%s", whole);
    free(whole);
    for (size_t end = strlen(log); end && strchr(" \n\t", log[end - 1]); end--)
        log[end - 1] = '\0';
}

/* Builds a text; `log` gets what the compiler says. Returns clBuildProgram's code. */
cl_int build_text(const struct user_backend *u, const char *text, const char *options, cl_program *out,
                  char log[LOG_MOST])
{
    const struct opencl_device *const device = &u->opencl.device;
    char *const noted = note_options(text, options);
    cl_int code = CL_OUT_OF_HOST_MEMORY;
    log[0] = '\0';
    *out = NULL;
    if (noted)
        *out = clCreateProgramWithSource(device->context, 1, &(const char *){noted}, NULL, &code);
    free(noted);
    if (!*out)
        return code;
    code = clBuildProgram(*out, 1, &device->id, options, NULL, NULL);
    read_log(device, *out, log);
    if (code != CL_SUCCESS) {
        clReleaseProgram(*out);
        *out = NULL;
    }
    return code;
}

/* Options that show memory that was never written, best first. Not every compiler takes them. */
static const char *const turned_options[] = {
    "-cl-kernel-arg-info -cl-opt-disable -ftrivial-auto-var-init=pattern",
    "-cl-kernel-arg-info -cl-opt-disable", "-cl-opt-disable", ""};
static const char *const plain_options[] = {"-cl-kernel-arg-info", ""};

static clm_status build_order(struct user_backend *u, enum user_order order, struct clm_error *error)
{
    const bool is_turned = order == USER_ORDER_TURNED;
    const char *const *const options = is_turned ? turned_options : plain_options;
    const size_t count =
        is_turned ? sizeof turned_options / sizeof *options : sizeof plain_options / sizeof *options;
    char *const text = source_for(u, order);
    char log[LOG_MOST] = "";
    const size_t room = strlen(u->build) + 96;
    char *const all = malloc(room);
    cl_int code = CL_SUCCESS;
    clm_status status = CLM_OK;
    if (!text || !all)
        status = clm_fail_host_memory(error, u->path, room);
    for (size_t i = 0; status == CLM_OK && i < count && !u->programs[order].program; i++) {
        snprintf(all, room, "%s%s%s", u->build, *u->build && *options[i] ? " " : "", options[i]);
        code = build_text(u, text, all, &u->programs[order].program, log);
    }
    if (status == CLM_OK && !u->programs[order].program) {
        const char *const name = opencl_status_name(code);
        status = clm_fail(
            error, CLM_ERROR_BUILD,
            "%.200s does not build on %s: clBuildProgram failed: %s (%d); the compiler's log:\n%.3000s",
            u->path, u->opencl.device.about.name, name ? name : "a code without a name", code, log);
    }
    if (status == CLM_OK && !is_turned)
        memcpy(u->log, log, sizeof log);
    free(text);
    free(all);
    return status;
}

/* ---- kernels ---- */

/* Notes kernels that are no entries. */
static clm_status list_unknown(struct user_backend *u, cl_program program, struct clm_error *error)
{
    size_t size = 0;
    char *names = NULL, *rest = NULL;
    cl_int code = clGetProgramInfo(program, CL_PROGRAM_KERNEL_NAMES, 0, NULL, &size);
    if (code == CL_SUCCESS && !(names = calloc(1, size + 1)))
        return clm_fail_host_memory(error, u->path, size);
    if (code == CL_SUCCESS)
        code = clGetProgramInfo(program, CL_PROGRAM_KERNEL_NAMES, size, names, NULL);
    for (char *name = names ? strtok_r(names, ";", &rest) : NULL; code == CL_SUCCESS && name;
         name = strtok_r(NULL, ";", &rest))
        if (user_entry_named(name) == ENTRY_COUNT && strcmp(name, "clmlp_tiles") != 0 &&
            u->unknown_count < UNKNOWN_MOST)
            snprintf(u->unknown[u->unknown_count++], NAME_MOST, "%.60s", name);
    free(names);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, u->path, "clGetProgramInfo", code);
}

/* Reads the values of the tiles' macros; 0 for one that is not defined. */
static clm_status read_tiles(const struct user_backend *u, cl_program program, cl_int tiles[ENTRY_COUNT][2],
                             struct clm_error *error)
{
    const struct opencl_device *const device = &u->opencl.device;
    const size_t bytes = ENTRY_COUNT * 2 * sizeof(cl_int), one = 1;
    cl_kernel kernel;
    cl_int code;
    clm_status status = opencl_kernel_create(program, "clmlp_tiles", &kernel, error);
    if (status != CLM_OK)
        return status;
    cl_mem out = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (!out)
        status = opencl_fail(error, "clmlp_tiles", "clCreateBuffer", code);
    if (status == CLM_OK)
        status = opencl_launch(device, kernel, "clmlp_tiles", 1, &one, NULL, ARGUMENTS(ARGUMENT(out)), error);
    if (status == CLM_OK &&
        (code = clEnqueueReadBuffer(device->queue, out, CL_TRUE, 0, bytes, tiles, 0, NULL, NULL)))
        status = opencl_fail(error, "clmlp_tiles", "clEnqueueReadBuffer", code);
    if (out)
        clReleaseMemObject(out);
    clReleaseKernel(kernel);
    return status;
}

/* The group that the kernel asks for, or as many items as it allows, up to the usual. */
static clm_status choose_group(const struct user_backend *u, enum user_entry entry,
                               struct user_kernel *kernel, struct clm_error *error)
{
    const struct opencl_device *const device = &u->opencl.device;
    const bool is_list = !user_entries[entry].tiles[1];
    size_t wanted[3] = {0}, most = 0;
    cl_ulong local = 0;
    cl_int code = clGetKernelWorkGroupInfo(kernel->handle, device->id, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
                                           sizeof wanted, wanted, NULL);
    if (code == CL_SUCCESS)
        code = clGetKernelWorkGroupInfo(kernel->handle, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof most,
                                        &most, NULL);
    if (code == CL_SUCCESS)
        code = clGetKernelWorkGroupInfo(kernel->handle, device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local,
                                        &local, NULL);
    if (code != CL_SUCCESS)
        return opencl_fail(error, user_entries[entry].name, "clGetKernelWorkGroupInfo", code);
    most = size_max(1, size_min(most, device->about.max_work_group));
    kernel->group[0] = wanted[0] ? wanted[0] : is_list ? GROUP_LIST : GROUP_SIDE;
    kernel->group[1] = wanted[0] ? wanted[1] : is_list ? 1 : GROUP_SIDE;
    while (!wanted[0] && kernel->group[0] * kernel->group[1] > most)
        kernel->group[kernel->group[1] > 1] /= 2;
    if (wanted[0] && (wanted[2] > 1 || (is_list && wanted[1] > 1)))
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "its reqd_work_group_size is %zu x %zu x %zu, but it is launched in %s", wanted[0],
                        wanted[1], wanted[2], is_list ? "one dimension" : "two dimensions");
    if (kernel->group[0] * kernel->group[1] > most || local > device->about.local_memory)
        return clm_fail(
            error, CLM_ERROR_DEVICE,
            "%s cannot run it in groups of %zu x %zu items with %llu bytes of local memory: it allows %zu items of this kernel, and %llu bytes",
            device->about.name, kernel->group[0], kernel->group[1], (unsigned long long)local, most,
            (unsigned long long)device->about.local_memory);
    return CLM_OK;
}

static clm_status open_kernel(struct user_backend *u, struct user_program *program, enum user_entry entry,
                              const cl_int tiles[2], struct clm_error *error)
{
    struct user_kernel *const kernel = &program->kernels[entry];
    cl_int code;
    kernel->handle = clCreateKernel(program->program, user_entries[entry].name, &code);
    if (!kernel->handle && code == CL_INVALID_KERNEL_NAME)
        return CLM_OK;
    if (!kernel->handle)
        return opencl_fail(error, user_entries[entry].name, "clCreateKernel", code);
    clm_status status = check_arguments(u, entry, kernel->handle, error);
    if (status != CLM_OK)
        return status;
    status = choose_group(u, entry, kernel, error);
    for (int d = 0; status == CLM_OK && d < 2; d++) {
        kernel->tile[d] = tiles[d] ? (size_t)tiles[d] : kernel->group[d];
        if (tiles[d] < 0)
            status = clm_fail(error, CLM_ERROR_ARGUMENT, "%s is %d; it must be at least 1",
                              user_entries[entry].tiles[d], tiles[d]);
    }
    return status ? blame_kernel(u, entry, error) : CLM_OK;
}

clm_status open_program(struct user_backend *u, enum user_order order, struct clm_error *error)
{
    struct user_program *const program = &u->programs[order];
    cl_int tiles[ENTRY_COUNT][2];
    clm_status status = program->is_built ? CLM_OK : build_order(u, order, error);
    if (status != CLM_OK || program->is_built)
        return status;
    status = read_tiles(u, program->program, tiles, error);
    for (int entry = 0; status == CLM_OK && entry < ENTRY_COUNT; entry++)
        status = open_kernel(u, program, (enum user_entry)entry, tiles[entry], error);
    if (status == CLM_OK && order == USER_ORDER_PLAIN)
        status = list_unknown(u, program->program, error);
    program->is_built = status == CLM_OK;
    return status;
}
