/* The stack machine that runs a pickle. pickle.c runs it and implements its opcodes, except those that call
 * functions, which are in call.c. */
#ifndef CLM_DATA_PICKLE_MACHINE_H
#define CLM_DATA_PICKLE_MACHINE_H

#include "data/pickle/pickle.h"

enum {
    PICKLE_STACK_MAX = 4096, /* Python puts up to 2000 values on it, for 1000 entries of a dict */
    PICKLE_MARKS_MAX = 16,
    PICKLE_CHUNK = 1024,
};

#define PICKLE_VALUES_MAX ((size_t)1 << 20)
#define PICKLE_MEMO_MAX   ((size_t)1 << 20)
#define PICKLE_BYTES_MAX  ((size_t)176000000)

/* Owns values of the pickle, so that pickle_close can free them all. */
struct pickle_chunk {
    struct pickle_chunk *next;
    size_t count;
    struct pickle_value values[PICKLE_CHUNK];
};

struct pickle {
    struct pickle_chunk *chunks;
    struct pickle_value *top;
};

struct machine;

/* An opcode and the function that runs it. */
struct opcode {
    unsigned char code;
    const char *name;
    bool (*run)(struct machine *machine); /* NULL if the opcode is refused */
    size_t argument;                      /* bytes of the opcode's number or length, or another constant */
};

struct machine {
    struct pickle *pickle;
    struct stream *stream;
    const struct opcode *opcode; /* the current one */
    size_t start;                /* position of the current opcode in the file */
    size_t spent;                /* bytes of memory so far */
    size_t pushes;               /* values put on the stack so far */
    bool is_stopped;             /* STOP has run */
    struct pickle_value *stack[PICKLE_STACK_MAX];
    size_t count;
    size_t marks[PICKLE_MARKS_MAX]; /* height of the stack at each mark */
    size_t mark_count;
    struct pickle_value **memo;
    size_t memo_size, memo_count; /* places of the memo, and how many are filled */
    clm_status status;            /* CLM_OK until a function fails; `error` then says why */
    struct clm_error *error;
};

/* A function that returns bool returns false if it fails; the machine's status and error then say why. */

/* Fails with CLM_ERROR_FORMAT and a message that names the file and the position. */
bool pickle_refuse(struct machine *machine, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds `bytes` to the memory that the pickle needs; fails if that is more than PICKLE_BYTES_MAX. */
CLM_MUST_CHECK bool pickle_charge(struct machine *machine, size_t bytes);

/* Makes a value that the pickle owns. */
CLM_MUST_CHECK bool pickle_make(struct machine *machine, enum pickle_kind kind, struct pickle_value **out);

/* Put an existing or a new value on the stack. */
CLM_MUST_CHECK bool pickle_push(struct machine *machine, struct pickle_value *value);
CLM_MUST_CHECK bool pickle_push_new(struct machine *machine, enum pickle_kind kind,
                                    struct pickle_value **out);

/* Fails unless there are `values` values above the last mark. */
CLM_MUST_CHECK bool pickle_need(struct machine *machine, size_t values);

/* Removes the last mark. *count is the number of values that were above it. */
CLM_MUST_CHECK bool pickle_take_mark(struct machine *machine, size_t *count);

/* Read the file's next bytes as they are, as a little-endian number of up to 8 bytes, or as such a number
 * that is a length. A length fails if the rest of the file is shorter. */
CLM_MUST_CHECK bool pickle_read_bytes(struct machine *machine, void *bytes, size_t size);
CLM_MUST_CHECK bool pickle_read_number(struct machine *machine, size_t width, uint64_t *number);
CLM_MUST_CHECK bool pickle_read_length(struct machine *machine, size_t width, size_t *length);

bool pickle_fail_memory(struct machine *machine, size_t bytes);

/* Appends `count` bytes of UTF-8 as latin1; false if a character is not in latin1. *lead is the first byte of
 * a character whose second byte has not come yet, or 0. */
CLM_MUST_CHECK bool pickle_append_latin1(struct pickle_value *value, const unsigned char *utf8, size_t count,
                                         unsigned *lead);

/* The opcodes of call.c. */
CLM_MUST_CHECK bool pickle_run_global(struct machine *machine);
CLM_MUST_CHECK bool pickle_run_stack_global(struct machine *machine);
CLM_MUST_CHECK bool pickle_run_reduce(struct machine *machine);
CLM_MUST_CHECK bool pickle_run_build(struct machine *machine);

#endif
