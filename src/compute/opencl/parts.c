#include "compute/opencl/parts.h"

#include "compute/opencl/status.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct part_program {
    struct part_program *next;
    char *source, *options;
    size_t size; /* of the source */
    cl_program program;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of the list, and of all that is in it */
static struct device_parts *all_parts;

/* ---- parts ---- */

static void free_part_program(struct part_program *program)
{
    if (program->program)
        clReleaseProgram(program->program);
    free(program->source);
    free(program->options);
    free(program);
}

static void parts_free(struct device_parts *parts)
{
    for (struct part_program *made = parts->programs, *next; made; made = next) {
        next = made->next;
        free_part_program(made);
    }
    if (parts->context)
        clReleaseContext(parts->context);
    for (cl_uint p = 0; p < parts->count; p++)
        clReleaseDevice(parts->ids[p]);
    free(parts->ids);
    free(parts);
}

static clm_status divide(struct device_parts *parts, const struct clm_device *about, unsigned count,
                         struct clm_error *error)
{
    const cl_device_partition_property equally[] = {
        CL_DEVICE_PARTITION_EQUALLY, (cl_device_partition_property)(about->compute_units / count), 0};
    cl_uint made = 0;
    cl_int code;
    if (count > about->compute_units)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "jobs",
                                "%u at once on %s, which has %u units: there can be no more than that", count,
                                about->name, about->compute_units);
    parts->ids = calloc(about->compute_units, sizeof *parts->ids);
    if (!parts->ids)
        return clm_fail_host_memory(error, "the parts of a device",
                                    about->compute_units * sizeof *parts->ids);
    code = clCreateSubDevices(parts->whole, equally, about->compute_units, parts->ids, &made);
    if (code != CL_SUCCESS)
        return opencl_fail(error, about->name, "clCreateSubDevices", code);
    for (parts->count = made; parts->count > count; parts->count--) /* a rest that makes a part */
        clReleaseDevice(parts->ids[parts->count - 1]);
    parts->context = clCreateContext(NULL, parts->count, parts->ids, NULL, NULL, &code);
    return parts->context ? CLM_OK : opencl_fail(error, about->name, "clCreateContext", code);
}

static clm_status parts_create(cl_device_id whole, const struct clm_device *about, unsigned count,
                               struct device_parts **out, struct clm_error *error)
{
    struct device_parts *const made = calloc(1, sizeof *made);
    if (!made)
        return clm_fail_host_memory(error, "the parts of a device", sizeof *made);
    made->whole = whole;
    const clm_status status = divide(made, about, count, error);
    if (status != CLM_OK) {
        parts_free(made);
        return status;
    }
    made->next = all_parts;
    *out = all_parts = made;
    return CLM_OK;
}

clm_status parts_open(cl_device_id whole, const struct clm_device *about, unsigned count,
                      struct device_parts **out, struct clm_error *error)
{
    clm_status status = CLM_OK;
    pthread_mutex_lock(&mutex);
    for (*out = all_parts; *out && ((*out)->whole != whole || (*out)->count != count);)
        *out = (*out)->next;
    if (!*out)
        status = parts_create(whole, about, count, out, error);
    if (status == CLM_OK)
        (*out)->users++;
    pthread_mutex_unlock(&mutex);
    return status;
}

void parts_close(struct device_parts *parts)
{
    struct device_parts **at = &all_parts;
    if (!parts)
        return;
    pthread_mutex_lock(&mutex);
    if (--parts->users == 0) {
        while (*at != parts)
            at = &(*at)->next;
        *at = parts->next;
        parts_free(parts);
    }
    pthread_mutex_unlock(&mutex);
}

/* ---- programs ---- */

/* One more user of a program. */
static clm_status retain(cl_program program, struct clm_error *error)
{
    const cl_int code = clRetainProgram(program);
    return code == CL_SUCCESS ? CLM_OK
                              : opencl_fail(error, "a program that parts share", "clRetainProgram", code);
}

/* Keeps a program for the other parts. */
static clm_status keep_program(struct device_parts *parts, const char *source, size_t size,
                               const char *options, cl_program program, struct clm_error *error)
{
    struct part_program *const kept = calloc(1, sizeof *kept);
    if (!kept)
        return clm_fail_host_memory(error, "a program that parts share", sizeof *kept);
    *kept = (struct part_program){.source = malloc(size + 1), .size = size, .options = strdup(options)};
    if (!kept->source || !kept->options) {
        free_part_program(kept);
        return clm_fail_host_memory(error, "a program that parts share", size);
    }
    memcpy(kept->source, source, size);
    const clm_status status = retain(program, error);
    if (status != CLM_OK) {
        free_part_program(kept);
        return status;
    }
    kept->program = program;
    kept->next = parts->programs;
    parts->programs = kept;
    return CLM_OK;
}

static cl_program find_for_parts(const struct device_parts *parts, const char *source, size_t size,
                                 const char *options)
{
    for (const struct part_program *made = parts->programs; made; made = made->next)
        if (made->size == size && !memcmp(made->source, source, size) && !strcmp(made->options, options))
            return made->program;
    return NULL;
}

static clm_status build_for_parts(struct device_parts *parts, const char *source, size_t size,
                                  const char *options, cl_program *out, cl_int *code, struct clm_error *error)
{
    *out = clCreateProgramWithSource(parts->context, 1, &source, &size, code);
    if (!*out)
        return opencl_fail(error, "a program that parts share", "clCreateProgramWithSource", *code);
    *code = clBuildProgram(*out, parts->count, parts->ids, options, NULL, NULL);
    return *code == CL_SUCCESS ? keep_program(parts, source, size, options, *out, error) : CLM_OK;
}

clm_status parts_build(struct device_parts *parts, const char *source, size_t size, const char *options,
                       cl_program *out, cl_int *code, struct clm_error *error)
{
    clm_status status = CLM_OK;
    *code = CL_SUCCESS;
    pthread_mutex_lock(&mutex);
    *out = find_for_parts(parts, source, size, options);
    if (*out) {
        status = retain(*out, error);
        *out = status ? NULL : *out;
    } else
        status = build_for_parts(parts, source, size, options, out, code, error);
    pthread_mutex_unlock(&mutex);
    return status;
}
