/* What a backend asks its device for, in a form that a program without clmlp can repeat: programs, buffers
 * with their content, and what was queued, in order. src/check/reproducer.c writes such programs. */
#ifndef CLM_COMPUTE_RECORDING_H
#define CLM_COMPUTE_RECORDING_H

#include <stddef.h>

enum { RECORDED_ARGUMENTS_MOST = 40, RECORDED_VALUE_MOST = 128 };

struct recorded_program {
    char *source, *options; /* as the driver got them */
};

struct recorded_buffer {
    const void *memory; /* of the tensors that lie in it; only for comparison */
    size_t bytes;
    size_t room; /* bytes after it that a kernel may touch without harm: it is a part of a larger one */
    unsigned char *content; /* before the first event that uses it */
};

enum recorded_kind {
    RECORDED_VALUE,  /* `size` bytes of `value` */
    RECORDED_BUFFER, /* the buffer number `buffer`, or no buffer if that is NO_BUFFER */
    RECORDED_LOCAL   /* `size` bytes of local memory */
};

#define NO_BUFFER ((size_t)-1)

struct recorded_argument {
    enum recorded_kind kind;
    size_t size, buffer;
    unsigned char value[RECORDED_VALUE_MOST];
};

/* A launch of a kernel or, if `content` is not NULL, a write of `bytes` to the beginning of a buffer. */
struct recorded_event {
    unsigned char *content;
    size_t buffer, bytes;
    size_t program;
    char kernel[64];
    unsigned dimensions;
    size_t global[3], local[3]; /* local[0] is 0 if the device chooses */
    size_t argument_count;
    struct recorded_argument arguments[RECORDED_ARGUMENTS_MOST];
};

struct recording {
    struct recorded_program *programs;
    struct recorded_buffer *buffers;
    struct recorded_event *events;
    size_t program_count, buffer_count, event_count;
    /* "CLBlastSgemm" if a library has launched kernels of its own, which are not in the recording; or NULL */
    const char *library_call;
};

/* Frees what a recording holds. */
void recording_free(struct recording *recording);

/* The number of the buffer in which a tensor with this memory lies, or NO_BUFFER. */
size_t recording_buffer(const struct recording *recording, const void *memory);

/* The nth environment variable, "NAME=VALUE", that may change what a driver compiles; NULL after the last. */
const char *recording_environment(size_t n);

/* C functions with which a program repeats a recording: the text of src/compute/opencl/replay.c. */
const char *recording_replay(void);

#endif
