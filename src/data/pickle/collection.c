/* Opcodes that make and fill tuples, lists and dicts, and opcodes of the memo. */
#include "data/pickle/machine.h"

#include "base/size.h"

#include <string.h>

/* Moves the top `count` values of the stack to the end of the collection, whose room is always a power of
 * two. */
static clm_status append_top(struct machine *machine, struct pickle_value *collection, size_t count)
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
        const clm_status status = pickle_charge(machine, (room - old) * sizeof *values);
        if (status != CLM_OK)
            return status;
        if (!array_resize(&collection->items, room, sizeof *values))
            return pickle_fail_memory(machine, room * sizeof *values);
    }
    if (count)
        memcpy(collection->items + collection->count, values, count * sizeof *values);
    collection->count = (uint32_t)need_count;
    machine->count -= count;
    return CLM_OK;
}

/* Makes a tuple of as many values as the opcode says, or of those above the last mark. */
clm_status pickle_run_tuple(struct machine *machine)
{
    struct pickle_value *tuple;
    size_t count = machine->opcode->argument;
    clm_status status = count ? pickle_need(machine, count) : pickle_take_mark(machine, &count);
    if (status == CLM_OK)
        status = pickle_make(machine, PICKLE_TUPLE, &tuple);
    if (status == CLM_OK)
        status = append_top(machine, tuple, count);
    return status == CLM_OK ? pickle_push(machine, tuple) : status;
}

clm_status pickle_run_mark(struct machine *machine)
{
    if (machine->mark_count == PICKLE_MARKS_MAX)
        return pickle_refuse(machine, "it is nested too deeply: there are %d marks on the stack",
                             PICKLE_MARKS_MAX);
    machine->marks[machine->mark_count++] = machine->count;
    return CLM_OK;
}

/* Appends the top `count` values of the stack to the collection below them. */
static clm_status append_to(struct machine *machine, enum pickle_kind kind, size_t count)
{
    const clm_status status = pickle_need(machine, count + 1);
    if (status != CLM_OK)
        return status;
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

clm_status pickle_run_append(struct machine *machine)
{
    const enum pickle_kind kind = (enum pickle_kind)machine->opcode->argument;
    return append_to(machine, kind, kind == PICKLE_DICT ? 2 : 1);
}

clm_status pickle_run_appends(struct machine *machine)
{
    size_t count = 0;
    const clm_status status = pickle_take_mark(machine, &count);
    return status == CLM_OK ? append_to(machine, (enum pickle_kind)machine->opcode->argument, count) : status;
}

static clm_status memo_put(struct machine *machine, uint64_t place)
{
    const clm_status status = pickle_need(machine, 1);
    if (status != CLM_OK)
        return status;
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
    return CLM_OK;
}

clm_status pickle_run_put(struct machine *machine)
{
    uint64_t place;
    const clm_status status = pickle_read_number(machine, machine->opcode->argument, &place);
    return status == CLM_OK ? memo_put(machine, place) : status;
}

clm_status pickle_run_memoize(struct machine *machine)
{
    return memo_put(machine, machine->memo_count);
}

clm_status pickle_run_get(struct machine *machine)
{
    uint64_t place;
    const clm_status status = pickle_read_number(machine, machine->opcode->argument, &place);
    if (status != CLM_OK)
        return status;
    if (place >= machine->memo_size || !machine->memo[place])
        return pickle_refuse(machine, "place %ju of the memo is empty", (uintmax_t)place);
    return pickle_push(machine, machine->memo[place]);
}
