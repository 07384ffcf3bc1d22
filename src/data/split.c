#include "data/split.h"

#include "base/philox.h"
#include "base/size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A class, or all rows together if the split is not stratified. */
struct stratum {
    size_t class, rows;
    size_t held;        /* rows to hold out */
    uint64_t remainder; /* what the share is over `held`, in rows / number of all rows */
};

/* Order in which left-over rows are given out: first classes without a row in the validation part, then by
 * the largest remainder of their share. */
static int by_claim(const void *a, const void *b)
{
    const struct stratum *const x = a, *const y = b;
    if (!x->held != !y->held)
        return x->held ? 1 : -1;
    if (x->remainder != y->remainder)
        return x->remainder < y->remainder ? 1 : -1;
    return (x->class > y->class) - (x->class < y->class);
}

static int by_class(const void *a, const void *b)
{
    const struct stratum *const x = a, *const y = b;
    return (x->class > y->class) - (x->class < y->class);
}

/* Takes one row from each class in turn until nothing is left to take. Each class keeps at least one row. */
static void give_out(struct stratum *strata, size_t classes, size_t left)
{
    while (left)
        for (size_t c = 0; c < classes && left; c++)
            if (strata[c].held + 1 < strata[c].rows) {
                strata[c].held++;
                left--;
            }
}

/* Gives each class its share, held * rows_of_class / count, rounded down, and then gives out what is left. A
 * class keeps at least one row for training, which rounding down always leaves. */
static clm_status apportion(struct stratum *strata, size_t classes, size_t count, size_t held,
                            struct clm_error *error)
{
    size_t left = held, most = 0;
    for (size_t c = 0; c < classes; c++) {
        const uint64_t share = (uint64_t)held * strata[c].rows; /* cannot overflow: both are below 2^32 */
        strata[c].held = (size_t)(share / count);
        strata[c].remainder = share % count;
        left -= strata[c].held;
        most += strata[c].rows ? strata[c].rows - 1 : 0;
    }
    if (held > most)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val val-by",
            "validation takes %zu of %zu training rows, and each class keeps one to train on, which leaves %zu to take; hold out fewer, or draw them from all rows alike",
            held, count, most);
    qsort(strata, classes, sizeof *strata, by_claim);
    give_out(strata, classes, left);
    qsort(strata, classes, sizeof *strata, by_class);
    return CLM_OK;
}

/* Passes over the rows once. A row is marked with the probability (rows still to take) / (rows still to
 * come) of its stratum, which makes every choice equally likely (Knuth, The Art of Computer Programming
 * 3.4.2, algorithm S). */
static void mark(const uint32_t *labels, size_t count, struct stratum *strata, uint64_t seed, bool *is_held)
{
    struct philox random = philox_start(seed, RANDOM_SPLIT, 0);
    for (size_t r = 0; r < count; r++) {
        struct stratum *const stratum = strata + (labels ? labels[r] : 0);
        is_held[r] = philox_below(&random, (uint32_t)stratum->rows) < stratum->held;
        stratum->held -= is_held[r];
        stratum->rows--;
    }
}

clm_status split_mark(const uint32_t *labels, size_t count, size_t classes, size_t held, uint64_t seed,
                      bool *is_held, struct clm_error *error)
{
    const size_t strata_count = size_max(classes, 1);
    clm_status status = CLM_OK;
    if (count > UINT32_MAX)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val-by",
            "%zu training rows are over the %u that rows are drawn from; hold out the last ones", count,
            UINT32_MAX);
    struct stratum *const strata = calloc(strata_count, sizeof *strata);
    if (!strata)
        return clm_fail_host_memory(error, "the classes' rows", strata_count * sizeof *strata);
    if (classes) {
        for (size_t c = 0; c < classes; c++)
            strata[c].class = c;
        for (size_t r = 0; r < count; r++)
            strata[labels[r]].rows++;
        status = apportion(strata, classes, count, held, error);
    } else
        *strata = (struct stratum){.rows = count, .held = held};
    if (status == CLM_OK)
        mark(classes ? labels : NULL, count, strata, seed, is_held);
    free(strata);
    return status;
}

/* The number of elements from `first` on that are all marked or all not marked. */
static size_t run_length(const bool *is_held, size_t first, size_t count)
{
    size_t end = first + 1;
    while (end < count && is_held[end] == is_held[first])
        end++;
    return end - first;
}

/* Copies the elements whose mark is `wanted` to `to`, which is outside of the elements or their beginning. */
static unsigned char *gather_marked(unsigned char *to, const unsigned char *elements, size_t size,
                                    size_t count, const bool *is_held, bool wanted)
{
    for (size_t first = 0, length; first < count; first += length) {
        length = run_length(is_held, first, count);
        if (is_held[first] == wanted) {
            memmove(to, elements + first * size, length * size);
            to += length * size;
        }
    }
    return to;
}

/* Moves the marked elements to the end, from the last one on, over elements that are not marked. */
static void move_to_end(unsigned char *elements, size_t size, size_t count, const bool *is_held)
{
    unsigned char *to = elements + count * size;
    for (size_t end = count, first; end; end = first) {
        first = end - 1;
        while (first && is_held[first - 1] == is_held[first])
            first--;
        if (is_held[first]) {
            to -= (end - first) * size;
            memmove(to, elements + first * size, (end - first) * size);
        }
    }
}

clm_status split_partition(void *elements, size_t size, size_t count, const bool *is_held,
                           struct clm_error *error)
{
    size_t held = 0;
    for (size_t i = 0; i < count; i++)
        held += is_held[i];
    const bool buffers_held = held <= count - held;
    const size_t bytes = (buffers_held ? held : count - held) * size;
    unsigned char *const buffer = malloc(bytes + 1);
    if (!buffer)
        return clm_fail_host_memory(error, "rows that are held out", bytes);
    gather_marked(buffer, elements, size, count, is_held, buffers_held);
    if (buffers_held)
        memcpy(gather_marked(elements, elements, size, count, is_held, false), buffer, bytes);
    else {
        move_to_end(elements, size, count, is_held);
        memcpy(elements, buffer, bytes);
    }
    free(buffer);
    return CLM_OK;
}

/* A copy of mapped values, whose pages are given back while they are copied. */
static void *copy_mapped(const struct clm_data *data)
{
    const size_t row = data_row_bytes(data), count = data->train.count;
    const size_t step = size_max(1, ((size_t)1 << 20) / row);
    unsigned char *const copy = malloc(count * row);
    for (size_t r = 0; copy && r < count; r += step) {
        const size_t rows = size_min(step, count - r);
        memcpy(copy + r * row, data_row(data, &data->train, r), rows * row);
        data_forget(data, &data->train, r, rows);
    }
    return copy;
}

/* Copies mapped values so that they can be moved. The memory limit must also leave room for
 * split_partition's buffer. */
static clm_status own_values(struct clm_data *data, size_t held, uint64_t memory, struct clm_error *error)
{
    const size_t count = data->train.count, rows = count + size_min(held, count - held);
    if (!data->train.is_mapped)
        return CLM_OK;
    if (memory && rows > memory / data_row_bytes(data))
        return clm_fail_setting(
            error, CLM_ERROR_MEMORY, "memory val-by",
            "%s: rows that are drawn for validation are moved in memory, but %.1f MiB are over half of the memory that is allowed, %.1f MiB; allow more, or hold out the last rows",
            data->source, mebibytes(rows * data_row_bytes(data)), mebibytes(memory));
    void *const values = copy_mapped(data);
    if (!values)
        return clm_fail_host_memory(error, data->source, count * data_row_bytes(data));
    mapping_close(&data->read.train.mapping);
    data->read.train.values = values;
    data->train.values = values;
    data->train.is_mapped = false;
    return CLM_OK;
}

/* Gives the rows their numbers in the file before they are moved. */
static clm_status number_rows(struct clm_data *data, struct clm_error *error)
{
    struct set *const train = &data->read.train;
    const size_t count = data->train.count;
    if (train->row_numbers)
        return CLM_OK;
    train->row_numbers = malloc(count * sizeof *train->row_numbers);
    if (!train->row_numbers)
        return clm_fail_host_memory(error, data->source, count * sizeof *train->row_numbers);
    for (size_t i = 0; i < count; i++)
        train->row_numbers[i] = (uint32_t)i;
    data->train.numbers = train->row_numbers;
    return CLM_OK;
}

/* Moves the rows to hold out after the others. */
static clm_status reorder(struct clm_data *data, size_t held, const struct clm_data_options *options,
                          struct clm_error *error)
{
    const size_t count = data->train.count, row = data_row_bytes(data);
    const size_t classes = options->validation_by == CLM_SPLIT_STRATIFIED ? data->classes : 0;
    struct set *const train = &data->read.train;
    if (data->target_count && options->validation_by == CLM_SPLIT_STRATIFIED)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val-by",
            "rows have targets, and no classes that validation rows could be drawn from in proportion; draw them at random");
    const clm_status labelled = classes ? data_check_labels(data, CLM_TRAIN, error) : CLM_OK;
    if (labelled != CLM_OK)
        return labelled;
    bool *const is_held = calloc(count, sizeof *is_held);
    if (!is_held)
        return clm_fail_host_memory(error, data->source, count * sizeof *is_held);
    clm_status status = own_values(data, held, options->memory, error);
    if (status == CLM_OK)
        status = number_rows(data, error);
    if (status == CLM_OK)
        status = split_mark(train->labels, count, classes, held, options->validation_seed, is_held, error);
    if (status == CLM_OK)
        status = split_partition(train->values, row, count, is_held, error);
    if (status == CLM_OK)
        status = split_partition(train->labels, sizeof *train->labels, count, is_held, error);
    if (status == CLM_OK)
        status = split_partition(train->row_numbers, sizeof *train->row_numbers, count, is_held, error);
    if (status == CLM_OK && train->row_names)
        status = split_partition(train->row_names, sizeof *train->row_names, count, is_held, error);
    if (status == CLM_OK && train->weights)
        status = split_partition(train->weights, sizeof *train->weights, count, is_held, error);
    if (status == CLM_OK && train->targets)
        status = split_partition(train->targets, train->target_count * sizeof *train->targets, count, is_held,
                                 error);
    free(is_held);
    return status;
}

/* `count` rows of the training set from row `first` on. */
static struct rows rows_from(const struct clm_data *data, size_t first, size_t count)
{
    const struct rows *const train = &data->train;
    return (struct rows){.count = count,
                         .values = data_row(data, train, first),
                         .labels = train->labels + first,
                         .is_mapped = train->is_mapped,
                         .first = first,
                         .numbers = train->numbers ? train->numbers + first : NULL,
                         .names = train->names ? train->names + first : NULL,
                         .weights = train->weights ? train->weights + first : NULL,
                         .targets = train->targets ? train->targets + first * data->target_count : NULL};
}

clm_status split_rows(struct clm_data *data, const struct clm_data_options *options, struct clm_error *error)
{
    const size_t all = data->train.count;
    const double validation = options->validation;
    const double held = validation < 1 ? floor(validation * (double)all + 0.5) : validation;
    if (validation > 0 && held < 1)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "val",
                                "validation is %g of %zu training rows, which is no row; hold out more",
                                validation, all);
    if (held >= (double)all)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val",
            "validation takes %.0f of %zu training rows, and leaves none to train on; hold out fewer", held,
            all);
    const size_t rest = all - (size_t)held;
    if (options->validation_by != CLM_SPLIT_LAST && rest < all) {
        const clm_status status = reorder(data, all - rest, options, error);
        if (status != CLM_OK)
            return status;
    }
    if (rest < all)
        data->validation = rows_from(data, rest, all - rest);
    const size_t most = options->limit ? options->limit : SIZE_MAX,
                 most_of_others = options->limits_each ? most : SIZE_MAX;
    data->train.count = size_min(most, rest);
    data->validation.count = size_min(most_of_others, data->validation.count);
    data->test.count = size_min(most_of_others, data->test.count);
    return CLM_OK;
}
