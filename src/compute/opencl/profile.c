#include "compute/opencl/profile.h"

#include "base/clock.h"
#include "base/size.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
    const char *name;
    cl_event before, event; /* before: the end of earlier work; NULL if the event's own start counts */
    double operations, bytes;
};

struct opencl_profile {
    cl_command_queue plain; /* the device's queue, while the profile's replaces it */
    struct record *records;
    size_t count, room;
    double operations, bytes; /* of the next launch */
    struct clm_error error;   /* the first error in recording, which profile_stop reports */
};

/* ---- recording ---- */

clm_status profile_start(struct clm_backend *be, struct clm_error *error)
{
    struct opencl_device *const device = &self(be)->device;
    cl_int code;
    const clm_status status = queue_finish(device->queue, "the profile", error);
    if (status != CLM_OK)
        return status;
    cl_command_queue queue =
        clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &code);
    struct opencl_profile *const profile = queue ? calloc(1, sizeof *profile) : NULL;
    if (!queue)
        return opencl_fail(error, "the profile", "clCreateCommandQueue", code);
    if (!profile) {
        clReleaseCommandQueue(queue);
        return clm_fail_host_memory(error, "the profile", sizeof *profile);
    }
    profile->plain = device->queue;
    device->queue = queue;
    device->profile = profile;
    return CLM_OK;
}

void profile_drop(struct opencl_device *device)
{
    struct opencl_profile *const profile = device->profile;
    if (!profile)
        return;
    clFinish(device->queue);
    for (size_t i = 0; i < profile->count; i++) {
        if (profile->records[i].before)
            clReleaseEvent(profile->records[i].before);
        if (profile->records[i].event)
            clReleaseEvent(profile->records[i].event);
    }
    clReleaseCommandQueue(device->queue);
    device->queue = profile->plain;
    device->profile = NULL;
    free(profile->records);
    free(profile);
}

void profile_expect(const struct opencl_device *device, double operations, double bytes)
{
    if (!device->profile)
        return;
    device->profile->operations = operations;
    device->profile->bytes = bytes;
}

/* Where to put an error of recording; NULL if there was one before. */
static struct clm_error *no_error_yet(struct opencl_profile *profile)
{
    return profile->error.status == CLM_OK ? &profile->error : NULL;
}

/* A record for the next launch; NULL if memory runs out. */
static struct record *next_record(struct opencl_profile *profile, const char *name)
{
    if (profile->count == profile->room) {
        const size_t room = profile->room ? 2 * profile->room : 256;
        if (!array_resize(&profile->records, room, sizeof *profile->records)) {
            (void)clm_fail_host_memory(no_error_yet(profile), "the profile", room * sizeof *profile->records);
            return NULL;
        }
        profile->room = room;
    }
    struct record *const record = &profile->records[profile->count++];
    *record = (struct record){.name = name, .operations = profile->operations, .bytes = profile->bytes};
    profile->operations = profile->bytes = 0;
    return record;
}

cl_event *profile_event(const struct opencl_device *device, const char *name)
{
    struct record *const record = device->profile ? next_record(device->profile, name) : NULL;
    return record ? &record->event : NULL;
}

cl_event *profile_call(const struct opencl_device *device, const char *name)
{
    struct record *const record = device->profile ? next_record(device->profile, name) : NULL;
    if (!record)
        return NULL;
    const cl_int code = clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &record->before);
    if (code != CL_SUCCESS) {
        record->before = NULL;
        (void)opencl_fail(no_error_yet(device->profile), "the profile", "clEnqueueMarkerWithWaitList", code);
    }
    return &record->event;
}

/* ---- adding up ---- */

static cl_int seconds_of(const struct record *record, double *seconds)
{
    cl_ulong begin = 0, end = 0;
    *seconds = 0;
    if (!record->event) /* the launch failed, and reported it */
        return CL_SUCCESS;
    cl_int code =
        record->before
            ? clGetEventProfilingInfo(record->before, CL_PROFILING_COMMAND_END, sizeof begin, &begin, NULL)
            : clGetEventProfilingInfo(record->event, CL_PROFILING_COMMAND_START, sizeof begin, &begin, NULL);
    if (code == CL_SUCCESS)
        code = clGetEventProfilingInfo(record->event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    *seconds = end > begin ? 1e-9 * (double)(end - begin) : 0;
    return code;
}

static struct profile_row *row_of(struct profile_row *rows, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (!strcmp(rows[i].kernel, name))
            return &rows[i];
    if (*count == PROFILE_ROWS_MAX) {
        snprintf(rows[PROFILE_ROWS_MAX - 1].kernel, sizeof rows->kernel, "the rest");
        return &rows[PROFILE_ROWS_MAX - 1];
    }
    rows[*count] = (struct profile_row){0};
    snprintf(rows[*count].kernel, sizeof rows->kernel, "%s", name);
    return &rows[(*count)++];
}

static int longer_first(const void *a, const void *b)
{
    const double x = ((const struct profile_row *)a)->seconds, y = ((const struct profile_row *)b)->seconds;
    return (x < y) - (x > y);
}

clm_status profile_stop(struct clm_backend *be, struct profile_row rows[PROFILE_ROWS_MAX], size_t *count,
                        struct clm_error *error)
{
    struct opencl_device *const device = &self(be)->device;
    const struct opencl_profile *const profile = device->profile;
    clm_status status = queue_finish(device->queue, "the profile", error);
    *count = 0;
    for (size_t i = 0; status == CLM_OK && i < profile->count; i++) {
        struct profile_row *const row = row_of(rows, count, profile->records[i].name);
        double seconds;
        const cl_int code = seconds_of(&profile->records[i], &seconds);
        if (code != CL_SUCCESS)
            status = opencl_fail(error, "the profile", "clGetEventProfilingInfo", code);
        row->calls++;
        row->seconds += seconds;
        row->operations += profile->records[i].operations;
        row->bytes += profile->records[i].bytes;
    }
    qsort(rows, *count, sizeof *rows, longer_first);
    const struct clm_error recording = profile->error;
    profile_drop(device);
    if (recording.status != CLM_OK)
        return clm_fail_setting(error, recording.status, recording.setting, "%s", recording.message);
    return status;
}

/* ---- peaks ---- */

#define COPY_BYTES ((size_t)(128 << 20)) /* larger than any cache; less if the device allows less */
#define RUNS_LEAST 6
#define RUNS_MOST  1000
#define RUNS_TIME  0.1 /* seconds, in which an operating system spreads threads that woke on one core */
#define ROUNDS     20000
#define CHAINS     12 /* as in peaks.cl */

/* The shortest time of several runs, in seconds. */
static clm_status fastest(struct kernels *k, enum kernel_name name, size_t items, size_t local,
                          const struct kernel_argument *arguments, double *seconds, struct clm_error *error)
{
    const double start = clock_seconds();
    double begin = start;
    *seconds = INFINITY;
    for (int run = 0; run < RUNS_LEAST || (run < RUNS_MOST && begin - start < RUNS_TIME); run++) {
        begin = clock_seconds();
        clm_status status = kernel_table_launch(k, &k->table, name, NO_ACTIVATION, NO_RULE, 1, &items, &local,
                                                arguments, error);
        if (status == CLM_OK)
            status = queue_finish(k->device->queue, k->table.about[name].name, error);
        if (status != CLM_OK)
            return status;
        *seconds = fmin(*seconds, clock_seconds() - begin);
    }
    return CLM_OK;
}

static clm_status peak_copy(struct clm_backend *be, struct kernels *k, double *bytes, struct clm_error *error)
{
    const size_t most = size_min(COPY_BYTES, (size_t)k->device->about.max_allocation / 4), local = 64;
    const size_t count = size_max(1, most / (k->chunk * sizeof(float)));
    struct tensor from = {0}, to = {0};
    double seconds = 0;
    clm_status status;
    if ((status = tensor_create(be, TENSOR_REAL, 1, count * k->chunk, &from, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, count * k->chunk, &to, error)))
        goto cleanup;
    status = fastest(k, KERNEL_PEAK_COPY, round_up(count, local), local,
                     ARGUMENTS(SCALAR(cl_ulong, count), MEMORY(&from), MEMORY(&to)), &seconds, error);
    *bytes = per_second(2 * (double)(count * k->chunk * sizeof(float)), seconds);
cleanup:
    tensor_free(be, &from);
    tensor_free(be, &to);
    return status;
}

static clm_status peak_fma(struct clm_backend *be, struct kernels *k, double *operations,
                           struct clm_error *error)
{
    const bool is_cpu = k->device->about.type == CLM_DEVICE_CPU;
    const size_t local = is_cpu ? 1 : 64, units = size_max(1, k->device->about.compute_units);
    const size_t items = units * (is_cpu ? 8 : 64 * 32);
    const cl_float factor = 0.5f, summand = 0.25f; /* sums tend to 0.5: neither overflow nor denormal */
    struct tensor out = {0};
    double seconds = 0;
    clm_status status = tensor_create(be, TENSOR_REAL, 1, items, &out, error);
    if (status != CLM_OK)
        return status;
    status =
        fastest(k, KERNEL_PEAK_FMA, items, local,
                ARGUMENTS(INT(ROUNDS), ARGUMENT(factor), ARGUMENT(summand), MEMORY(&out)), &seconds, error);
    *operations = per_second(2.0 * CHAINS * (double)k->chunk * ROUNDS * (double)items, seconds);
    tensor_free(be, &out);
    return status;
}

clm_status profile_peaks(struct clm_backend *be, double *operations, double *bytes, struct clm_error *error)
{
    const clm_status status = peak_copy(be, self(be)->kernels, bytes, error);
    return status ? status : peak_fma(be, self(be)->kernels, operations, error);
}
