#include "data/pickle/machine.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4096, STEP = 1 << 20 };

const char *pickle_kind_name(enum pickle_kind kind)
{
    static const char *const names[] = {
        [PICKLE_NONE] = "None",      [PICKLE_BOOL] = "a bool",   [PICKLE_NUMBER] = "a number",
        [PICKLE_BYTES] = "bytes",    [PICKLE_TEXT] = "a text",   [PICKLE_LATIN1] = "a long text",
        [PICKLE_TUPLE] = "a tuple",  [PICKLE_LIST] = "a list",   [PICKLE_DICT] = "a dict",
        [PICKLE_ARRAY] = "an array", [PICKLE_GLOBAL] = "a name", [PICKLE_DTYPE] = "a dtype",
    };
    return names[kind];
}

void pickle_close(struct pickle *pickle)
{
    if (!pickle)
        return;
    for (struct pickle_chunk *chunk = pickle->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        for (size_t i = 0; i < chunk->count; i++)
            if (chunk->values[i].kind >= PICKLE_BYTES && chunk->values[i].kind <= PICKLE_ARRAY)
                free(chunk->values[i].memory);
        free(chunk);
    }
    free(pickle);
}

const struct pickle_value *pickle_top(const struct pickle *pickle)
{
    return pickle->top;
}

struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key)
{
    const size_t length = strlen(key);
    if (dict->kind != PICKLE_DICT)
        return NULL;
    for (size_t i = dict->count; i >= 2; i -= 2) {
        const struct pickle_value *const here = dict->items[i - 2];
        if (here->size == length && !memcmp(here->bytes, key, length))
            return dict->items[i - 1];
    }
    return NULL;
}

void *pickle_take_bytes(struct pickle_value *array)
{
    struct pickle_value *const value = array->array->bytes;
    void *bytes = value ? value->bytes : NULL;
    if (value)
        *value = (struct pickle_value){.kind = PICKLE_NONE};
    array->array->bytes = NULL;
    return bytes;
}

/* ---- opcodes that push None, bools, numbers, strings and empty collections ---- */

/* Pushes what is all zeros but for its kind: None, False, or an empty collection. */
static bool run_empty(struct machine *machine)
{
    struct pickle_value *value;
    return pickle_push_new(machine, (enum pickle_kind)machine->opcode->argument, &value);
}

static bool run_true(struct machine *machine)
{
    struct pickle_value *value;
    if (!pickle_push_new(machine, PICKLE_BOOL, &value))
        return false;
    value->number = 1;
    return true;
}

static bool push_number(struct machine *machine, size_t width, bool is_signed)
{
    uint64_t number;
    struct pickle_value *value;
    if (!pickle_read_number(machine, width, &number) || !pickle_push_new(machine, PICKLE_NUMBER, &value))
        return false;
    if (is_signed && width && width < 8 && number >> (8 * width - 1))
        number |= UINT64_MAX << 8 * width;
    value->number = (int64_t)number;
    return true;
}

static bool run_number(struct machine *machine)
{
    return push_number(machine, machine->opcode->argument, machine->opcode->argument == 4);
}

static bool run_long(struct machine *machine)
{
    uint64_t width;
    if (!pickle_read_number(machine, 1, &width))
        return false;
    if (width > 8)
        return pickle_refuse(machine, "a whole number has %ju bytes, but at most 8 are read",
                             (uintmax_t)width);
    return push_number(machine, (size_t)width, true);
}

/* Makes room for `more` bytes and a NUL after the present ones; there will never be more than `most`
 * bytes. */
static bool grow_bytes(struct machine *machine, struct pickle_value *value, size_t *capacity, size_t more,
                       size_t most)
{
    if (value->bytes && value->size + more <= *capacity)
        return true;
    *capacity = size_min(most, size_max(value->size + more, 2 * value->size));
    return array_resize(&value->bytes, *capacity + 1, 1) || pickle_fail_memory(machine, *capacity + 1);
}

/* Reads the next `length` bytes. Memory grows as they arrive, because the length may be wrong. */
static bool fill_bytes(struct machine *machine, struct pickle_value *value, size_t length)
{
    size_t capacity = 0;
    if (!pickle_charge(machine, length + 1))
        return false;
    do {
        const size_t step = size_min(length - value->size, STEP);
        if (!grow_bytes(machine, value, &capacity, step, length) ||
            !pickle_read_bytes(machine, value->bytes + value->size, step))
            return false;
        value->size += step;
    } while (value->size < length);
    value->bytes[length] = 0;
    return true;
}

static bool run_bytes(struct machine *machine)
{
    size_t length;
    struct pickle_value *value;
    return pickle_read_length(machine, machine->opcode->argument, &length) &&
           pickle_push_new(machine, PICKLE_BYTES, &value) && fill_bytes(machine, value, length);
}

bool pickle_append_latin1(struct pickle_value *value, const unsigned char *utf8, size_t count, unsigned *lead)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned byte = utf8[i];
        if (*lead ? (byte & 0xc0) != 0x80 : byte >= 0x80 && byte != 0xc2 && byte != 0xc3)
            return false;
        if (*lead) {
            value->bytes[value->size++] = (unsigned char)((*lead & 3) << 6 | (byte & 0x3f));
            *lead = 0;
        } else if (byte >= 0x80) {
            *lead = byte;
        } else {
            value->bytes[value->size++] = (unsigned char)byte;
        }
    }
    return true;
}

/* Reads a long text as latin1. Protocol 2 writes bytes as such a text; decoding it at once saves a copy. */
static bool fill_latin1(struct machine *machine, struct pickle_value *value, size_t length)
{
    unsigned char buffer[TEXT_MAX];
    unsigned lead = 0;
    size_t capacity = 0;
    for (size_t left = length; left; left -= size_min(left, sizeof buffer)) {
        const size_t step = size_min(left, sizeof buffer), before = value->size;
        if (!grow_bytes(machine, value, &capacity, step, length) || !pickle_read_bytes(machine, buffer, step))
            return false;
        if (!pickle_append_latin1(value, buffer, step, &lead))
            return pickle_refuse(machine, "a text of more than %d bytes is not latin1", TEXT_MAX);
        if (!pickle_charge(machine, value->size - before))
            return false;
    }
    if (lead)
        return pickle_refuse(machine, "a text ends within a character");
    value->bytes[value->size] = 0;
    return true;
}

static bool run_text(struct machine *machine)
{
    size_t length;
    struct pickle_value *value;
    if (!pickle_read_length(machine, machine->opcode->argument, &length) ||
        !pickle_push_new(machine, length > TEXT_MAX ? PICKLE_LATIN1 : PICKLE_TEXT, &value))
        return false;
    return length > TEXT_MAX ? fill_latin1(machine, value, length) : fill_bytes(machine, value, length);
}

/* ---- opcodes that make and fill tuples, lists and dicts ---- */

/* Moves the top `count` values of the stack to the end of the collection, whose room is always a power of
 * two. */
static bool append_top(struct machine *machine, struct pickle_value *collection, size_t count)
{
    struct pickle_value **const values = machine->stack + machine->count - count;
    const size_t need_count = collection->count + count;
    size_t room = collection->count ? 1 : 0, old;
    while (room < collection->count)
        room *= 2;
    old = room;
    while (room < need_count)
        room = room ? 2 * room : 1;
    if (room > old) {
        if (!pickle_charge(machine, (room - old) * sizeof *values))
            return false;
        if (!array_resize(&collection->items, room, sizeof *values))
            return pickle_fail_memory(machine, room * sizeof *values);
    }
    if (count)
        memcpy(collection->items + collection->count, values, count * sizeof *values);
    collection->count = (uint32_t)need_count;
    machine->count -= count;
    return true;
}

/* Makes a tuple of as many values as the opcode says, or of those above the last mark. */
static bool run_tuple(struct machine *machine)
{
    struct pickle_value *tuple;
    size_t count = machine->opcode->argument;
    return (count ? pickle_need(machine, count) : pickle_take_mark(machine, &count)) &&
           pickle_make(machine, PICKLE_TUPLE, &tuple) && append_top(machine, tuple, count) &&
           pickle_push(machine, tuple);
}

static bool run_mark(struct machine *machine)
{
    if (machine->mark_count == PICKLE_MARKS_MAX)
        return pickle_refuse(machine, "it is nested too deeply: there are %d marks on the stack",
                             PICKLE_MARKS_MAX);
    machine->marks[machine->mark_count++] = machine->count;
    return true;
}

/* Appends the top `count` values of the stack to the collection below them. */
static bool append_to(struct machine *machine, enum pickle_kind kind, size_t count)
{
    if (!pickle_need(machine, count + 1))
        return false;
    struct pickle_value *const collection = machine->stack[machine->count - count - 1];
    if (collection->kind != kind)
        return pickle_refuse(machine, "it appends to %s as if that were %s",
                             pickle_kind_name(collection->kind), pickle_kind_name(kind));
    if (kind == PICKLE_DICT && count % 2)
        return pickle_refuse(machine, "a key has no value");
    for (size_t i = 0; kind == PICKLE_DICT && i < count; i += 2) {
        const enum pickle_kind key = machine->stack[machine->count - count + i]->kind;
        if (key != PICKLE_BYTES && key != PICKLE_TEXT)
            return pickle_refuse(machine, "the key of a dict is %s, but only strings are read",
                                 pickle_kind_name(key));
    }
    return append_top(machine, collection, count);
}

static bool run_append(struct machine *machine)
{
    const enum pickle_kind kind = (enum pickle_kind)machine->opcode->argument;
    return append_to(machine, kind, kind == PICKLE_DICT ? 2 : 1);
}

static bool run_appends(struct machine *machine)
{
    size_t count = 0;
    return pickle_take_mark(machine, &count) &&
           append_to(machine, (enum pickle_kind)machine->opcode->argument, count);
}

/* ---- opcodes of the memo ---- */

static bool memo_put(struct machine *machine, uint64_t place)
{
    if (!pickle_need(machine, 1))
        return false;
    if (place >= PICKLE_MEMO_MAX)
        return pickle_refuse(machine, "place %ju of the memo is above the %zu that a data set may need",
                             (uintmax_t)place, PICKLE_MEMO_MAX);
    if (place >= machine->memo_size) {
        const size_t size = size_max((size_t)place + 1, size_max(64, 2 * machine->memo_size));
        if (!array_resize(&machine->memo, size, sizeof *machine->memo))
            return pickle_fail_memory(machine, size * sizeof *machine->memo);
        memset(machine->memo + machine->memo_size, 0, (size - machine->memo_size) * sizeof *machine->memo);
        machine->memo_size = size;
    }
    machine->memo_count += !machine->memo[place];
    machine->memo[place] = machine->stack[machine->count - 1];
    return true;
}

static bool run_put(struct machine *machine)
{
    uint64_t place;
    return pickle_read_number(machine, machine->opcode->argument, &place) && memo_put(machine, place);
}

static bool run_memoize(struct machine *machine)
{
    return memo_put(machine, machine->memo_count);
}

static bool run_get(struct machine *machine)
{
    uint64_t place;
    if (!pickle_read_number(machine, machine->opcode->argument, &place))
        return false;
    if (place >= machine->memo_size || !machine->memo[place])
        return pickle_refuse(machine, "place %ju of the memo is empty", (uintmax_t)place);
    return pickle_push(machine, machine->memo[place]);
}

/* ---- other opcodes, and all of them ---- */

static bool run_frame(struct machine *machine)
{
    size_t length;
    return pickle_read_length(machine, machine->opcode->argument, &length);
}

static bool run_stop(struct machine *machine)
{
    if (machine->count != 1 || machine->mark_count)
        return pickle_refuse(
            machine, "it ends with %zu values and %zu marks on the stack, but it must leave one value",
            machine->count, machine->mark_count);
    machine->pickle->top = machine->stack[0];
    machine->is_stopped = true;
    return true;
}

static const struct opcode opcodes[] = {
    {'N', "NONE", run_empty, PICKLE_NONE},
    {0x88, "NEWTRUE", run_true, 0},
    {0x89, "NEWFALSE", run_empty, PICKLE_BOOL},
    {'K', "BININT1", run_number, 1},
    {'M', "BININT2", run_number, 2},
    {'J', "BININT", run_number, 4},
    {0x8a, "LONG1", run_long, 0},
    {'U', "SHORT_BINSTRING", run_bytes, 1},
    {'T', "BINSTRING", run_bytes, 4},
    {'C', "SHORT_BINBYTES", run_bytes, 1},
    {'B', "BINBYTES", run_bytes, 4},
    {0x8e, "BINBYTES8", run_bytes, 8},
    {0x96, "BYTEARRAY8", run_bytes, 8},
    {0x8c, "SHORT_BINUNICODE", run_text, 1},
    {'X', "BINUNICODE", run_text, 4},
    {0x8d, "BINUNICODE8", run_text, 8},
    {']', "EMPTY_LIST", run_empty, PICKLE_LIST},
    {'}', "EMPTY_DICT", run_empty, PICKLE_DICT},
    {')', "EMPTY_TUPLE", run_empty, PICKLE_TUPLE},
    {'(', "MARK", run_mark, 0},
    {0x85, "TUPLE1", run_tuple, 1},
    {0x86, "TUPLE2", run_tuple, 2},
    {0x87, "TUPLE3", run_tuple, 3},
    {'t', "TUPLE", run_tuple, 0},
    {'a', "APPEND", run_append, PICKLE_LIST},
    {'e', "APPENDS", run_appends, PICKLE_LIST},
    {'s', "SETITEM", run_append, PICKLE_DICT},
    {'u', "SETITEMS", run_appends, PICKLE_DICT},
    {'q', "BINPUT", run_put, 1},
    {'r', "LONG_BINPUT", run_put, 4},
    {0x94, "MEMOIZE", run_memoize, 0},
    {'h', "BINGET", run_get, 1},
    {'j', "LONG_BINGET", run_get, 4},
    {'c', "GLOBAL", pickle_run_global, 0},
    {0x93, "STACK_GLOBAL", pickle_run_stack_global, 0},
    {'R', "REDUCE", pickle_run_reduce, 0},
    {'b', "BUILD", pickle_run_build, 0},
    {0x95, "FRAME", run_frame, 8},
    {'.', "STOP", run_stop, 0},
    /* known, so that a message can name them */
    {'0', "POP", NULL, 0},
    {'1', "POP_MARK", NULL, 0},
    {'2', "DUP", NULL, 0},
    {'F', "FLOAT", NULL, 0},
    {'G', "BINFLOAT", NULL, 0},
    {'I', "INT", NULL, 0},
    {'L', "LONG", NULL, 0},
    {0x8b, "LONG4", NULL, 0},
    {'S', "STRING", NULL, 0},
    {'V', "UNICODE", NULL, 0},
    {'d', "DICT", NULL, 0},
    {'l', "LIST", NULL, 0},
    {'g', "GET", NULL, 0},
    {'p', "PUT", NULL, 0},
    {'i', "INST", NULL, 0},
    {'o', "OBJ", NULL, 0},
    {0x81, "NEWOBJ", NULL, 0},
    {0x92, "NEWOBJ_EX", NULL, 0},
    {'P', "PERSID", NULL, 0},
    {'Q', "BINPERSID", NULL, 0},
    {0x80, "PROTO", NULL, 0},
    {0x82, "EXT1", NULL, 0},
    {0x83, "EXT2", NULL, 0},
    {0x84, "EXT4", NULL, 0},
    {0x8f, "EMPTY_SET", NULL, 0},
    {0x90, "ADDITEMS", NULL, 0},
    {0x91, "FROZENSET", NULL, 0},
    {0x97, "NEXT_BUFFER", NULL, 0},
    {0x98, "READONLY_BUFFER", NULL, 0},
};

static bool run_next(struct machine *machine)
{
    unsigned char code;
    machine->start = stream_position(machine->stream);
    if (!pickle_read_bytes(machine, &code, 1))
        return false;
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
        if (opcodes[i].code != code)
            continue;
        machine->opcode = opcodes + i;
        return opcodes[i].run ? opcodes[i].run(machine)
                              : pickle_refuse(machine, "the opcode %s is not allowed here", opcodes[i].name);
    }
    return pickle_refuse(machine, "%02x is no opcode; the file is damaged or no pickle", code);
}

static clm_status pickle_run(struct machine *machine)
{
    unsigned char head[2] = {0}, byte;
    size_t got = 0;
    clm_status status = stream_read(machine->stream, head, sizeof head, &got, machine->error);
    if (status == CLM_OK && !pickle_recognises(head, got))
        return clm_fail(
            machine->error, CLM_ERROR_FORMAT,
            "%s: is no pickle of protocol 2 to 5: %s, but such a pickle begins with 80 02 to 80 05",
            stream_path(machine->stream),
            got < sizeof head ? "it ends at once" : "it begins with other bytes");
    while (status == CLM_OK && !machine->is_stopped)
        status = run_next(machine) ? CLM_OK : machine->status;
    if (status == CLM_OK)
        status = stream_read(machine->stream, &byte, 1, &got, machine->error);
    if (status == CLM_OK && got) {
        pickle_refuse(machine, "there are more bytes after its end");
        status = machine->status;
    }
    return status;
}

bool pickle_recognises(const unsigned char *head, size_t count)
{
    return count >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5;
}

clm_status pickle_read(struct stream *stream, struct pickle **out, struct clm_error *error)
{
    struct pickle *pickle = calloc(1, sizeof *pickle);
    struct machine *machine = calloc(1, sizeof *machine);
    clm_status status;
    *out = NULL;
    if (!pickle || !machine) {
        status = clm_fail_host_memory(error, stream_path(stream), sizeof *machine);
        goto cleanup;
    }
    machine->pickle = pickle;
    machine->stream = stream;
    machine->error = error;
    status = pickle_run(machine);
    if (status == CLM_OK) {
        *out = pickle;
        pickle = NULL;
    }
cleanup:
    if (machine)
        free(machine->memo);
    free(machine);
    pickle_close(pickle);
    return status;
}
