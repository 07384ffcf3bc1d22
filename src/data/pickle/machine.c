#include "data/pickle/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool pickle_refuse(struct machine *machine, const char *format, ...)
{
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    machine->status = clm_fail(machine->error, CLM_ERROR_FORMAT, "%s: its pickle is refused at byte %zu: %s",
                               stream_path(machine->stream), machine->start, sentence);
    return false;
}

bool pickle_fail_memory(struct machine *machine, size_t bytes)
{
    machine->status = clm_fail_host_memory(machine->error, stream_path(machine->stream), bytes);
    return false;
}

bool pickle_charge(struct machine *machine, size_t bytes)
{
    if (bytes > PICKLE_BYTES_MAX - machine->spent)
        return pickle_refuse(machine, "it needs more than the %zu bytes of memory that a data set may need",
                             PICKLE_BYTES_MAX);
    machine->spent += bytes;
    return true;
}

bool pickle_make(struct machine *machine, enum pickle_kind kind, struct pickle_value **out)
{
    struct pickle *const pickle = machine->pickle;
    if (!pickle_charge(machine, sizeof **out))
        return false;
    if (!pickle->chunks || pickle->chunks->count == PICKLE_CHUNK) {
        struct pickle_chunk *chunk = calloc(1, sizeof *chunk);
        if (!chunk)
            return pickle_fail_memory(machine, sizeof *chunk);
        chunk->next = pickle->chunks;
        pickle->chunks = chunk;
    }
    *out = pickle->chunks->values + pickle->chunks->count++;
    (*out)->kind = kind;
    return true;
}

bool pickle_push(struct machine *machine, struct pickle_value *value)
{
    if (machine->count == PICKLE_STACK_MAX)
        return pickle_refuse(machine, "it is nested too deeply: %d values wait on the stack",
                             PICKLE_STACK_MAX);
    if (machine->pushes++ == PICKLE_VALUES_MAX)
        return pickle_refuse(machine, "it has more than the %zu values that a data set may have",
                             PICKLE_VALUES_MAX);
    machine->stack[machine->count++] = value;
    return true;
}

bool pickle_push_new(struct machine *machine, enum pickle_kind kind, struct pickle_value **out)
{
    return pickle_make(machine, kind, out) && pickle_push(machine, *out);
}

/* The number of values above the last mark. */
static size_t above_mark(const struct machine *machine)
{
    return machine->count - (machine->mark_count ? machine->marks[machine->mark_count - 1] : 0);
}

bool pickle_need(struct machine *machine, size_t values)
{
    return above_mark(machine) >= values ||
           pickle_refuse(machine, "it takes %zu values from a stack that has %zu", values,
                         above_mark(machine));
}

bool pickle_take_mark(struct machine *machine, size_t *count)
{
    if (!machine->mark_count)
        return pickle_refuse(machine, "it needs a mark on the stack, but there is none");
    *count = above_mark(machine);
    machine->mark_count--;
    return true;
}

bool pickle_read_bytes(struct machine *machine, void *bytes, size_t size)
{
    machine->status = stream_fill(machine->stream, bytes, size, "its pickle", machine->error);
    return machine->status == CLM_OK;
}

bool pickle_read_number(struct machine *machine, size_t width, uint64_t *number)
{
    unsigned char bytes[8];
    if (!pickle_read_bytes(machine, bytes, width))
        return false;
    *number = 0;
    for (size_t i = 0; i < width; i++)
        *number |= (uint64_t)bytes[i] << 8 * i;
    return true;
}

bool pickle_read_length(struct machine *machine, size_t width, size_t *length)
{
    uint64_t number;
    if (!pickle_read_number(machine, width, &number))
        return false;
    *length = (size_t)number;
    if (number > stream_left(machine->stream))
        return pickle_refuse(
            machine, "it promises %ju bytes, but %zu are left in the file; it is truncated or damaged",
            (uintmax_t)number, stream_left(machine->stream));
    if (number > stream_credit(machine->stream))
        return pickle_refuse(
            machine,
            "it promises %ju bytes, too many to be believed of a compressed file of %zu; unpack it first",
            (uintmax_t)number, stream_file_size(machine->stream));
    return true;
}
