/* Opcodes that name and call a Python function: NumPy's, which make an array of bytes, and the one with which
 * protocol 2 makes bytes. The reader calls no function, but builds the value that the call would return. */
#include "data/pickle/machine.h"

#include "base/size.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_LENGTH = 255 };

enum { NDARRAY = 0 }; /* its place among the globals, which name the rest by their calls */

/* Copies a name for a message. Names come from the file, so any byte that is not printable ASCII becomes '?',
 * and a long name is cut. */
static void show(const char *name, char *shown, size_t size)
{
    size_t i = 0;
    for (; name[i] && i + 1 < size; i++)
        shown[i] = isgraph((unsigned char)name[i]) ? name[i] : '?';
    shown[i] = '\0';
}

/* A number or a bool, because writers differ in which they use. */
static bool is_number(const struct pickle_value *value, int64_t number)
{
    return (value->kind == PICKLE_NUMBER || value->kind == PICKLE_BOOL) && value->number == number;
}

static bool is_string(const struct pickle_value *value, const char *string)
{
    return (value->kind == PICKLE_TEXT || value->kind == PICKLE_BYTES) && value->size == strlen(string) &&
           !memcmp(value->bytes, string, value->size);
}

static bool has_items(const struct pickle_value *value, enum pickle_kind kind, size_t count)
{
    return value->kind == kind && value->count == count;
}

static bool encode_text(struct machine *machine, const struct pickle_value *text, struct pickle_value *bytes)
{
    unsigned lead = 0;
    if (!pickle_charge(machine, text->size + 1))
        return false;
    bytes->bytes = malloc(text->size + 1);
    if (!bytes->bytes)
        return pickle_fail_memory(machine, text->size + 1);
    if (!pickle_append_latin1(bytes, text->bytes, text->size, &lead) || lead)
        return pickle_refuse(machine, "_codecs.encode: character %zu of the text is not in latin1",
                             bytes->size);
    bytes->bytes[bytes->size] = 0;
    return true;
}

static bool encode(struct machine *machine, const struct pickle_value *arguments, struct pickle_value **out)
{
    if (!has_items(arguments, PICKLE_TUPLE, 2) || !is_string(arguments->items[1], "latin1") ||
        (arguments->items[0]->kind != PICKLE_TEXT && arguments->items[0]->kind != PICKLE_LATIN1))
        return pickle_refuse(machine,
                             "_codecs.encode is called with other arguments than a text and \"latin1\"");
    struct pickle_value *const text = arguments->items[0];
    if (text->kind == PICKLE_LATIN1) { /* a long text has no other use, so it need not be copied */
        text->kind = PICKLE_BYTES;
        *out = text;
        return true;
    }
    return pickle_make(machine, PICKLE_BYTES, out) && encode_text(machine, text, *out);
}

static bool make_dtype(struct machine *machine, const struct pickle_value *arguments,
                       struct pickle_value **out)
{
    char shown[24];
    if (!has_items(arguments, PICKLE_TUPLE, 3) ||
        (arguments->items[0]->kind != PICKLE_TEXT && arguments->items[0]->kind != PICKLE_BYTES))
        return pickle_refuse(machine, "numpy.dtype is called with other arguments than a name and two flags");
    if (!is_string(arguments->items[0], "u1")) {
        show((const char *)arguments->items[0]->bytes, shown, sizeof shown);
        return pickle_refuse(machine, "an array has the dtype %s, but pictures are bytes (u1)", shown);
    }
    if (!is_number(arguments->items[1], 0) || !is_number(arguments->items[2], 1))
        return pickle_refuse(machine, "numpy.dtype is called with flags other than False and True");
    return pickle_make(machine, PICKLE_DTYPE, out);
}

/* The state must be (3, "|", None, None, None, -1, -1, 0): version, no byte order, no fields. */
static bool build_dtype(struct machine *machine, const struct pickle_value *state)
{
    bool is_plain = has_items(state, PICKLE_TUPLE, 8) && is_number(state->items[0], 3) &&
                    is_string(state->items[1], "|") && is_number(state->items[5], -1) &&
                    is_number(state->items[6], -1) && is_number(state->items[7], 0);
    for (size_t i = 2; is_plain && i < 5; i++)
        is_plain = state->items[i]->kind == PICKLE_NONE;
    return is_plain || pickle_refuse(machine, "the state of a dtype is not that of plain bytes");
}

static bool pickle_call_make_array(struct machine *machine, struct pickle_value **out)
{
    if (!pickle_charge(machine, sizeof(struct pickle_array)) || !pickle_make(machine, PICKLE_ARRAY, out))
        return false;
    (*out)->array = calloc(1, sizeof *(*out)->array);
    return (*out)->array || pickle_fail_memory(machine, sizeof *(*out)->array);
}

static bool fill_array(struct machine *machine, struct pickle_array *array, const struct pickle_value *shape,
                       const struct pickle_value *dtype, struct pickle_value *bytes)
{
    size_t size;
    if (array->bytes)
        return pickle_refuse(machine, "an array is filled twice");
    if (dtype->kind != PICKLE_DTYPE || shape->kind != PICKLE_TUPLE)
        return pickle_refuse(machine, "an array comes without its dtype or its shape");
    if (shape->count != 2)
        return pickle_refuse(machine,
                             "an array has %u dimensions, but pictures have 2, with one row for each picture",
                             shape->count);
    for (size_t i = 0; i < 2; i++)
        if (shape->items[i]->kind != PICKLE_NUMBER || shape->items[i]->number < 0)
            return pickle_refuse(machine, "dimension %zu of an array is no size", i);
    if (bytes->kind != PICKLE_BYTES)
        return pickle_refuse(machine, "an array holds %s, but only bytes are read",
                             pickle_kind_name(bytes->kind));
    array->rows = (size_t)shape->items[0]->number;
    array->columns = (size_t)shape->items[1]->number;
    if (!size_mul(array->rows, array->columns, &size) || size != bytes->size)
        return pickle_refuse(machine, "an array of %zu x %zu has %zu bytes", array->rows, array->columns,
                             bytes->size);
    array->bytes = bytes;
    return true;
}

/* _reconstruct(numpy.ndarray, (0,), b"b") makes an empty array; BUILD then sets its state. */
static bool reconstruct(struct machine *machine, const struct pickle_value *arguments,
                        struct pickle_value **out)
{
    if (!has_items(arguments, PICKLE_TUPLE, 3) || arguments->items[0]->kind != PICKLE_GLOBAL ||
        arguments->items[0]->number != NDARRAY || !has_items(arguments->items[1], PICKLE_TUPLE, 1) ||
        !is_number(arguments->items[1]->items[0], 0) || !is_string(arguments->items[2], "b"))
        return pickle_refuse(
            machine, "_reconstruct is called with other arguments than numpy.ndarray, (0,) and b\"b\"");
    return pickle_call_make_array(machine, out);
}

/* The state is (1, shape, dtype, whether it is column-major, bytes). */
static bool build_array(struct machine *machine, struct pickle_value *object,
                        const struct pickle_value *state)
{
    if (!has_items(state, PICKLE_TUPLE, 5) || !is_number(state->items[0], 1))
        return pickle_refuse(machine, "the state of an array is not a tuple of version 1 and four more");
    if (!is_number(state->items[3], 0))
        return pickle_refuse(machine, "an array is column-major, but only row-major arrays are read");
    return fill_array(machine, object->array, state->items[1], state->items[2], state->items[4]);
}

/* _frombuffer(bytes, dtype, shape, "C") */
static bool from_buffer(struct machine *machine, const struct pickle_value *arguments,
                        struct pickle_value **out)
{
    if (!has_items(arguments, PICKLE_TUPLE, 4))
        return pickle_refuse(machine, "_frombuffer is not called with four arguments");
    if (!is_string(arguments->items[3], "C"))
        return pickle_refuse(machine, "an array is column-major, but only row-major arrays are read");
    return pickle_call_make_array(machine, out) &&
           fill_array(machine, (*out)->array, arguments->items[2], arguments->items[1], arguments->items[0]);
}

/* What a pickle may name: the function or type, and what calls it, NULL if it is only an argument. */
static const struct {
    const char *module, *name;
    bool (*call)(struct machine *machine, const struct pickle_value *arguments, struct pickle_value **out);
} globals[] = {
    [NDARRAY] = {"numpy", "ndarray", NULL},
    {"numpy", "dtype", make_dtype},
    {"numpy.core.multiarray", "_reconstruct", reconstruct},
    {"numpy._core.multiarray", "_reconstruct", reconstruct}, /* NumPy 2 */
    {"numpy.core.numeric", "_frombuffer", from_buffer},      /* protocol 5 */
    {"numpy._core.numeric", "_frombuffer", from_buffer},
    {"_codecs", "encode", encode},
};

static bool pickle_call_read_line(struct machine *machine, char line[LINE_MAX_LENGTH + 1])
{
    for (size_t length = 0; length <= LINE_MAX_LENGTH; length++) {
        if (!pickle_read_bytes(machine, line + length, 1))
            return false;
        if (line[length] == '\n') {
            line[length] = '\0';
            return true;
        }
        if (!line[length])
            line[length] = '?'; /* a NUL would end the name before its end */
    }
    return pickle_refuse(machine, "a name has more than %d bytes", LINE_MAX_LENGTH);
}

static bool push_global(struct machine *machine, const char *module, const char *name)
{
    char shown_module[80], shown_name[80];
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (strcmp(module, globals[i].module) || strcmp(name, globals[i].name))
            continue;
        struct pickle_value *global;
        if (!pickle_push_new(machine, PICKLE_GLOBAL, &global))
            return false;
        global->number = (int64_t)i;
        return true;
    }
    show(module, shown_module, sizeof shown_module);
    show(name, shown_name, sizeof shown_name);
    return pickle_refuse(
        machine,
        "GLOBAL %s.%s is not allowed here: a data set needs only lists, strings, numbers and arrays of bytes; do not let Python load this file",
        shown_module, shown_name);
}

bool pickle_run_global(struct machine *machine)
{
    char module[LINE_MAX_LENGTH + 1], name[LINE_MAX_LENGTH + 1];
    return pickle_call_read_line(machine, module) && pickle_call_read_line(machine, name) &&
           push_global(machine, module, name);
}

bool pickle_run_stack_global(struct machine *machine)
{
    if (!pickle_need(machine, 2))
        return false;
    machine->count -= 2;
    struct pickle_value *const *const names = machine->stack + machine->count;
    for (int i = 0; i < 2; i++)
        if (names[i]->kind != PICKLE_TEXT || strlen((const char *)names[i]->bytes) != names[i]->size)
            return pickle_refuse(machine, "STACK_GLOBAL finds %s, but a name is a text without NUL",
                                 pickle_kind_name(names[i]->kind));
    return push_global(machine, (const char *)names[0]->bytes, (const char *)names[1]->bytes);
}

bool pickle_run_reduce(struct machine *machine)
{
    struct pickle_value *made = NULL;
    if (!pickle_need(machine, 2))
        return false;
    machine->count -= 2;
    const struct pickle_value *const function = machine->stack[machine->count];
    if (function->kind != PICKLE_GLOBAL)
        return pickle_refuse(machine, "REDUCE of %s is not allowed here", pickle_kind_name(function->kind));
    if (function->number == NDARRAY)
        return pickle_refuse(machine, "REDUCE of numpy.ndarray is not allowed here");
    return globals[function->number].call(machine, machine->stack[machine->count + 1], &made) &&
           pickle_push(machine, made);
}

bool pickle_run_build(struct machine *machine)
{
    if (!pickle_need(machine, 2))
        return false;
    machine->count--;
    struct pickle_value *const object = machine->stack[machine->count - 1];
    const struct pickle_value *const state = machine->stack[machine->count];
    if (object->kind == PICKLE_ARRAY)
        return build_array(machine, object, state);
    if (object->kind == PICKLE_DTYPE)
        return build_dtype(machine, state);
    return pickle_refuse(machine, "BUILD of %s is not allowed here", pickle_kind_name(object->kind));
}
