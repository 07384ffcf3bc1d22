#include "compute/opencl/recording.h"

#include "base/size.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- growing lists ---- */

/* Adds a zeroed element to a list of `count` elements; NULL if there is no memory. */
static void *add_element(void *list, size_t *count, size_t size)
{
    unsigned char *elements;
    if (!array_resize(list, *count + 1, size))
        return NULL;
    memcpy(&elements, list, sizeof elements);
    return memset(elements + (*count)++ * size, 0, size);
}

/* ---- programs ---- */

#define NOTED "\n// built with: "

char *note_options(const char *source, const char *options)
{
    char *noted = NULL;
    const bool is_line = !strpbrk(options, "\\\n"); /* else it would not end with the line */
    return asprintf(&noted, "%s%s%s%s", source, is_line ? NOTED : "", is_line ? options : "",
                    is_line ? "\n" : "") < 0
               ? NULL
               : noted;
}

/* The options that are noted in a source, which the caller frees; NULL if there are none. */
static char *noted_options(const char *source)
{
    const char *found = NULL;
    for (const char *at = source; at && (at = strstr(at, NOTED)); at++)
        found = at + strlen(NOTED);
    return found ? strndup(found, strcspn(found, "\n")) : NULL;
}

/* The source of a program, or the options of its build, which the caller frees. NULL if OpenCL does not
 * tell it, or there is no memory. */
static char *text_of(cl_program program, cl_device_id device, bool is_source)
{
    size_t size = 0;
    cl_int code = is_source
                      ? clGetProgramInfo(program, CL_PROGRAM_SOURCE, 0, NULL, &size)
                      : clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_OPTIONS, 0, NULL, &size);
    char *const text = code == CL_SUCCESS ? calloc(size + 1, 1) : NULL;
    if (text)
        code = is_source ? clGetProgramInfo(program, CL_PROGRAM_SOURCE, size, text, NULL)
                         : clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_OPTIONS, size, text, NULL);
    if (code == CL_SUCCESS)
        return text;
    free(text);
    return NULL;
}

static clm_status add_program(struct recording *r, const struct opencl_device *device, cl_program program,
                              struct clm_error *error)
{
    struct recorded_program told = {text_of(program, device->id, true), NULL};
    told.options = noted_options(told.source);
    if (!told.options)
        told.options = text_of(program, device->id, false);
    struct recorded_program *const added =
        told.source && told.options ? add_element(&r->programs, &r->program_count, sizeof *added) : NULL;
    if (added) {
        *added = told;
        return CLM_OK;
    }
    free(told.source);
    free(told.options);
    return clm_fail(error, CLM_ERROR_DEVICE,
                    "the driver does not tell the source of its kernels, or there is no memory for it");
}

/* The number of a kernel's program, which is added if it is new: programs with one source and the same
 * options are one. */
static clm_status find_program(struct recording *r, const struct opencl_device *device, cl_kernel kernel,
                               size_t *out, struct clm_error *error)
{
    cl_program program = NULL;
    const cl_int code = clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof(cl_program), &program, NULL);
    if (code != CL_SUCCESS)
        return opencl_fail(error, "the program of a kernel", "clGetKernelInfo", code);
    const clm_status status = add_program(r, device, program, error);
    if (status != CLM_OK)
        return status;
    const struct recorded_program *const last = &r->programs[r->program_count - 1];
    *out = 0;
    while (strcmp(r->programs[*out].source, last->source) != 0 ||
           strcmp(r->programs[*out].options, last->options) != 0)
        ++*out;
    if (*out + 1 < r->program_count) {
        free(last->source);
        free(last->options);
        r->program_count--;
    }
    return CLM_OK;
}

/* ---- buffers ---- */

/* The bytes after a buffer that is a part of another one; else 0. */
static size_t room_after(cl_mem memory, size_t bytes)
{
    cl_mem parent = NULL;
    size_t offset = 0, whole = 0;
    const bool is_part =
        clGetMemObjectInfo(memory, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof(cl_mem), &parent, NULL) ==
            CL_SUCCESS &&
        parent && clGetMemObjectInfo(memory, CL_MEM_OFFSET, sizeof offset, &offset, NULL) == CL_SUCCESS &&
        clGetMemObjectInfo(parent, CL_MEM_SIZE, sizeof whole, &whole, NULL) == CL_SUCCESS;
    return is_part && whole > offset + bytes ? whole - offset - bytes : 0;
}

/* The number of a buffer, which is added with its content if it is new. It is kept, so that no other buffer
 * gets its handle. */
static clm_status find_buffer(struct recording *r, const struct opencl_device *device, cl_mem memory,
                              size_t *out, struct clm_error *error)
{
    size_t bytes = 0;
    *out = memory ? recording_buffer(r, memory) : NO_BUFFER;
    if (*out != NO_BUFFER || !memory)
        return CLM_OK;
    cl_int code = clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    if (code != CL_SUCCESS)
        return opencl_fail(error, "the size of a buffer", "clGetMemObjectInfo", code);
    unsigned char *const content = malloc(bytes);
    struct recorded_buffer *const added =
        content ? add_element(&r->buffers, &r->buffer_count, sizeof *added) : NULL;
    if (!added) {
        free(content);
        return clm_fail_host_memory(error, "the content of a buffer", bytes);
    }
    *added = (struct recorded_buffer){.bytes = bytes, .room = room_after(memory, bytes), .content = content};
    code = clEnqueueReadBuffer(device->queue, memory, CL_TRUE, 0, bytes, content, 0, NULL, NULL);
    if (code == CL_SUCCESS)
        code = clRetainMemObject(memory);
    if (code != CL_SUCCESS)
        return opencl_fail(error, "the content of a buffer", "clEnqueueReadBuffer", code);
    added->memory = memory;
    *out = r->buffer_count - 1;
    return CLM_OK;
}

/* ---- events ---- */

static clm_status keep_argument(struct recording *r, const struct opencl_device *device,
                                const struct kernel_argument *argument, struct recorded_argument *out,
                                struct clm_error *error)
{
    *out = (struct recorded_argument){.size = argument->size, .buffer = NO_BUFFER};
    if (!argument->value) {
        out->kind = RECORDED_LOCAL;
        return CLM_OK;
    }
    if (argument->is_memory) {
        cl_mem memory;
        memcpy(&memory, argument->value, sizeof memory);
        out->kind = RECORDED_BUFFER;
        return find_buffer(r, device, memory, &out->buffer, error);
    }
    if (argument->size > sizeof out->value)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "an argument of %zu bytes cannot be recorded",
                        argument->size);
    memcpy(out->value, argument->value, argument->size);
    return CLM_OK;
}

clm_status record_launch(const struct opencl_device *device, cl_kernel kernel, cl_uint dimensions,
                         const size_t *global, const size_t *local, const struct kernel_argument *arguments,
                         struct clm_error *error)
{
    struct recording *const r = device->recording;
    struct recorded_event event = {.dimensions = dimensions};
    if (!r)
        return CLM_OK;
    memcpy(event.global, global, dimensions * sizeof *global);
    if (local)
        memcpy(event.local, local, dimensions * sizeof *local);
    const cl_int code =
        clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof event.kernel, event.kernel, NULL);
    if (code != CL_SUCCESS)
        return opencl_fail(error, "the name of a kernel", "clGetKernelInfo", code);
    clm_status status = find_program(r, device, kernel, &event.program, error);
    for (size_t n = 0; status == CLM_OK && arguments[n].size; n++) {
        if (n == RECORDED_ARGUMENTS_MOST)
            return clm_fail(error, CLM_ERROR_ARGUMENT, "%s has more arguments than the %d that are recorded",
                            event.kernel, RECORDED_ARGUMENTS_MOST);
        status = keep_argument(r, device, &arguments[n], &event.arguments[event.argument_count++], error);
    }
    struct recorded_event *const added =
        status == CLM_OK ? add_element(&r->events, &r->event_count, sizeof *added) : NULL;
    if (!added)
        return status ? status : clm_fail_host_memory(error, "a launch", sizeof *added);
    *added = event;
    return CLM_OK;
}

/* Before its first event, a buffer's content is not recorded yet. */
clm_status record_write(const struct opencl_device *device, cl_mem memory, const void *bytes, size_t count,
                        struct clm_error *error)
{
    struct recording *const r = device->recording;
    const size_t buffer = r ? recording_buffer(r, memory) : NO_BUFFER;
    if (buffer == NO_BUFFER)
        return CLM_OK;
    unsigned char *const content = malloc(count);
    struct recorded_event *const added =
        content ? add_element(&r->events, &r->event_count, sizeof *added) : NULL;
    if (!added) {
        free(content);
        return clm_fail_host_memory(error, "a write", count);
    }
    memcpy(content, bytes, count);
    *added = (struct recorded_event){.content = content, .buffer = buffer, .bytes = count};
    return CLM_OK;
}

void record_library(const struct opencl_device *device, const char *name)
{
    if (device->recording)
        device->recording->library_call = name;
}

/* ---- a recording ---- */

clm_status record_start(struct clm_backend *be, struct recording *out, struct clm_error *error)
{
    (void)error;
    *out = (struct recording){0};
    self(be)->device.recording = out;
    return CLM_OK;
}

void record_stop(struct clm_backend *be)
{
    const struct recording *const r = self(be)->device.recording;
    self(be)->device.recording = NULL;
    for (size_t i = 0; r && i < r->buffer_count; i++)
        if (r->buffers[i].memory)
            clReleaseMemObject((cl_mem)(uintptr_t)r->buffers[i].memory);
}

void recording_free(struct recording *recording)
{
    for (size_t i = 0; i < recording->program_count; i++) {
        free(recording->programs[i].source);
        free(recording->programs[i].options);
    }
    for (size_t i = 0; i < recording->buffer_count; i++)
        free(recording->buffers[i].content);
    for (size_t i = 0; i < recording->event_count; i++)
        free(recording->events[i].content);
    free(recording->programs);
    free(recording->buffers);
    free(recording->events);
    *recording = (struct recording){0};
}

size_t recording_buffer(const struct recording *recording, const void *memory)
{
    for (size_t i = 0; i < recording->buffer_count; i++)
        if (recording->buffers[i].memory == memory)
            return i;
    return NO_BUFFER;
}

const char *recording_environment(size_t n)
{
    for (char **variable = environ; variable && *variable; variable++)
        if (is_setting_of_a_driver(*variable) && !n--)
            return *variable;
    return NULL;
}

const char *recording_replay(void)
{
    return replay_program[0].text;
}
