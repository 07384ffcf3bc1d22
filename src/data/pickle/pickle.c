#include "data/pickle/machine.h"

#include <stdlib.h>
#include <string.h>

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

static clm_status run_frame(struct machine *machine)
{
    size_t length;
    return pickle_read_length(machine, machine->opcode->argument, &length);
}

static clm_status run_stop(struct machine *machine)
{
    if (machine->count != 1 || machine->mark_count)
        return pickle_refuse(
            machine, "it ends with %zu values and %zu marks on the stack, but it must leave one value",
            machine->count, machine->mark_count);
    machine->pickle->top = machine->stack[0];
    machine->is_stopped = true;
    return CLM_OK;
}

static const struct opcode opcodes[] = {
    {'N', "NONE", pickle_run_empty, PICKLE_NONE},
    {0x88, "NEWTRUE", pickle_run_true, 0},
    {0x89, "NEWFALSE", pickle_run_empty, PICKLE_BOOL},
    {'K', "BININT1", pickle_run_number, 1},
    {'M', "BININT2", pickle_run_number, 2},
    {'J', "BININT", pickle_run_number, 4},
    {0x8a, "LONG1", pickle_run_long, 0},
    {'U', "SHORT_BINSTRING", pickle_run_bytes, 1},
    {'T', "BINSTRING", pickle_run_bytes, 4},
    {'C', "SHORT_BINBYTES", pickle_run_bytes, 1},
    {'B', "BINBYTES", pickle_run_bytes, 4},
    {0x8e, "BINBYTES8", pickle_run_bytes, 8},
    {0x96, "BYTEARRAY8", pickle_run_bytes, 8},
    {0x8c, "SHORT_BINUNICODE", pickle_run_text, 1},
    {'X', "BINUNICODE", pickle_run_text, 4},
    {0x8d, "BINUNICODE8", pickle_run_text, 8},
    {']', "EMPTY_LIST", pickle_run_empty, PICKLE_LIST},
    {'}', "EMPTY_DICT", pickle_run_empty, PICKLE_DICT},
    {')', "EMPTY_TUPLE", pickle_run_empty, PICKLE_TUPLE},
    {'(', "MARK", pickle_run_mark, 0},
    {0x85, "TUPLE1", pickle_run_tuple, 1},
    {0x86, "TUPLE2", pickle_run_tuple, 2},
    {0x87, "TUPLE3", pickle_run_tuple, 3},
    {'t', "TUPLE", pickle_run_tuple, 0},
    {'a', "APPEND", pickle_run_append, PICKLE_LIST},
    {'e', "APPENDS", pickle_run_appends, PICKLE_LIST},
    {'s', "SETITEM", pickle_run_append, PICKLE_DICT},
    {'u', "SETITEMS", pickle_run_appends, PICKLE_DICT},
    {'q', "BINPUT", pickle_run_put, 1},
    {'r', "LONG_BINPUT", pickle_run_put, 4},
    {0x94, "MEMOIZE", pickle_run_memoize, 0},
    {'h', "BINGET", pickle_run_get, 1},
    {'j', "LONG_BINGET", pickle_run_get, 4},
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

static clm_status run_next(struct machine *machine)
{
    unsigned char code;
    machine->start = stream_position(machine->stream);
    const clm_status status = pickle_read_bytes(machine, &code, 1);
    if (status != CLM_OK)
        return status;
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
        status = run_next(machine);
    if (status == CLM_OK)
        status = stream_read(machine->stream, &byte, 1, &got, machine->error);
    if (status == CLM_OK && got)
        status = pickle_refuse(machine, "there are more bytes after its end");
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
