/* Opcodes that push None, bools, numbers, strings and empty collections. */
#include "data/pickle/machine.h"

#include "base/size.h"

enum { TEXT_MAX = 4096, STEP = 1 << 20 };

/* Pushes what is all zeros but for its kind: None, False, or an empty collection. */
clm_status pickle_run_empty(struct machine *machine)
{
    struct pickle_value *value;
    return pickle_push_new(machine, (enum pickle_kind)machine->opcode->argument, &value);
}

clm_status pickle_run_true(struct machine *machine)
{
    struct pickle_value *value;
    const clm_status status = pickle_push_new(machine, PICKLE_BOOL, &value);
    if (status == CLM_OK)
        value->number = 1;
    return status;
}

static clm_status push_number(struct machine *machine, size_t width, bool is_signed)
{
    uint64_t number;
    struct pickle_value *value;
    clm_status status = pickle_read_number(machine, width, &number);
    if (status == CLM_OK)
        status = pickle_push_new(machine, PICKLE_NUMBER, &value);
    if (status != CLM_OK)
        return status;
    if (is_signed && width && width < 8 && number >> (8 * width - 1))
        number |= UINT64_MAX << 8 * width;
    value->number = (int64_t)number;
    return CLM_OK;
}

clm_status pickle_run_number(struct machine *machine)
{
    return push_number(machine, machine->opcode->argument, machine->opcode->argument == 4);
}

clm_status pickle_run_long(struct machine *machine)
{
    uint64_t width;
    const clm_status status = pickle_read_number(machine, 1, &width);
    if (status == CLM_OK && width > 8)
        return pickle_refuse(machine, "a whole number has %ju bytes, but at most 8 are read",
                             (uintmax_t)width);
    return status == CLM_OK ? push_number(machine, (size_t)width, true) : status;
}

/* Makes room for `more` bytes and a NUL after the present ones; there will never be more than `most`
 * bytes. */
static clm_status grow_bytes(struct machine *machine, struct pickle_value *value, size_t *capacity,
                             size_t more, size_t most)
{
    if (value->bytes && value->size + more <= *capacity)
        return CLM_OK;
    *capacity = size_min(most, size_max(value->size + more, 2 * value->size));
    return array_resize(&value->bytes, *capacity + 1, 1) ? CLM_OK
                                                         : pickle_fail_memory(machine, *capacity + 1);
}

/* Reads the next `length` bytes. Memory grows as they arrive, because the length may be wrong. */
static clm_status fill_bytes(struct machine *machine, struct pickle_value *value, size_t length)
{
    size_t capacity = 0;
    clm_status status = pickle_charge(machine, length + 1);
    do {
        const size_t step = size_min(length - value->size, STEP);
        if (status == CLM_OK)
            status = grow_bytes(machine, value, &capacity, step, length);
        if (status == CLM_OK)
            status = pickle_read_bytes(machine, value->bytes + value->size, step);
        if (status != CLM_OK)
            return status;
        value->size += step;
    } while (value->size < length);
    value->bytes[length] = 0;
    return CLM_OK;
}

clm_status pickle_run_bytes(struct machine *machine)
{
    size_t length;
    struct pickle_value *value;
    clm_status status = pickle_read_length(machine, machine->opcode->argument, &length);
    if (status == CLM_OK)
        status = pickle_push_new(machine, PICKLE_BYTES, &value);
    return status == CLM_OK ? fill_bytes(machine, value, length) : status;
}

/* Appends `count` bytes of UTF-8 as latin1. *lead is the first byte of a character whose second byte has
 * not come yet, or 0. */
static clm_status append_latin1(struct machine *machine, struct pickle_value *value,
                                const unsigned char *utf8, size_t count, unsigned *lead)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned byte = utf8[i];
        if (*lead ? (byte & 0xc0) != 0x80 : byte >= 0x80 && byte != 0xc2 && byte != 0xc3)
            return pickle_refuse(machine, "a text of more than %d bytes is not latin1", TEXT_MAX);
        if (*lead) {
            value->bytes[value->size++] = (unsigned char)((*lead & 3) << 6 | (byte & 0x3f));
            *lead = 0;
        } else if (byte >= 0x80) {
            *lead = byte;
        } else {
            value->bytes[value->size++] = (unsigned char)byte;
        }
    }
    return CLM_OK;
}

/* Reads a long text as latin1. Protocol 2 writes bytes as such a text; decoding it at once saves a copy. */
static clm_status fill_latin1(struct machine *machine, struct pickle_value *value, size_t length)
{
    unsigned char buffer[TEXT_MAX];
    unsigned lead = 0;
    size_t capacity = 0;
    clm_status status = CLM_OK;
    for (size_t left = length; left; left -= size_min(left, sizeof buffer)) {
        const size_t step = size_min(left, sizeof buffer), before = value->size;
        if (status == CLM_OK)
            status = grow_bytes(machine, value, &capacity, step, length);
        if (status == CLM_OK)
            status = pickle_read_bytes(machine, buffer, step);
        if (status == CLM_OK)
            status = append_latin1(machine, value, buffer, step, &lead);
        if (status == CLM_OK)
            status = pickle_charge(machine, value->size - before);
        if (status != CLM_OK)
            return status;
    }
    if (lead)
        return pickle_refuse(machine, "a text ends within a character");
    value->bytes[value->size] = 0;
    return CLM_OK;
}

clm_status pickle_run_text(struct machine *machine)
{
    size_t length;
    struct pickle_value *value;
    clm_status status = pickle_read_length(machine, machine->opcode->argument, &length);
    if (status == CLM_OK)
        status = pickle_push_new(machine, length > TEXT_MAX ? PICKLE_LATIN1 : PICKLE_TEXT, &value);
    if (status != CLM_OK)
        return status;
    return length > TEXT_MAX ? fill_latin1(machine, value, length) : fill_bytes(machine, value, length);
}
