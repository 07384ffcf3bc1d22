#include "data/set.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void set_free(struct set *set)
{
    if (!set->mapping.start)
        free(set->values);
    mapping_close(&set->mapping);
    free(set->labels);
    free(set->row_numbers);
    class_names_free(set->row_names, set->rows);
    free(set->labels_path);
    free(set->weights);
    free(set->targets);
    *set = (struct set){0};
}

void contents_free(struct contents *contents)
{
    class_names_free(contents->class_names, contents->classes);
    class_names_free(contents->target_names, contents->train.target_count);
    inputs_free(contents->inputs);
    free(contents->label_text);
    set_free(&contents->train);
    set_free(&contents->validation);
    set_free(&contents->test);
    *contents = (struct contents){0};
}

void class_names_free(char **names, size_t count)
{
    if (!names)
        return;
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

char **class_names_copy(const char *const *names, size_t count)
{
    char **copy = calloc(count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(names[i]);
        if (!copy[i]) {
            class_names_free(copy, count);
            copy = NULL;
        }
    }
    return copy;
}

size_t set_class_count(const struct set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->rows; i++)
        if (set->labels[i] != CLM_NO_LABEL)
            count = size_max(count, (size_t)set->labels[i] + 1);
    return count;
}

size_t count_unlabelled(const uint32_t *labels, size_t count)
{
    size_t unlabelled = 0;
    for (size_t i = 0; i < count; i++)
        unlabelled += labels[i] == CLM_NO_LABEL;
    return unlabelled;
}

clm_status allow_memory(uint64_t memory, const char *path, size_t bytes, struct clm_error *error)
{
    if (!memory || bytes <= memory)
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_MEMORY, "memory",
        "%s: takes %.1f MiB of memory, but half of the memory that is allowed is %.1f MiB; allow more, or convert the data: npy of uint8 and float32, and idx of bytes, stay in their files",
        path, mebibytes(bytes), mebibytes(memory));
}

static size_t set_row_bytes(const struct set *set)
{
    return set->features * (set->element == ELEMENT_BYTE ? 1 : sizeof(float));
}

float *values_create(size_t count)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    float *const values = calloc(count, sizeof *values);
    const uintptr_t first = round_up((uintptr_t)values, page),
                    end = ((uintptr_t)values + count * sizeof *values) / page * page;
    if (values && first < end)
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE); /* only saves time */
    return values;
}

bool set_resize(struct set *set, size_t rows)
{
    return array_resize(&set->values, rows, set_row_bytes(set)) &&
           array_resize(&set->labels, rows, sizeof *set->labels) &&
           (!set->weights || array_resize(&set->weights, rows, sizeof *set->weights)) &&
           (!set->targets || array_resize(&set->targets, rows, set->target_count * sizeof *set->targets));
}

clm_status set_make_labels(struct set *set, size_t rows, const char *path, struct clm_error *error)
{
    set->labels = malloc(rows * sizeof *set->labels);
    set->labels_path = strdup(path);
    return set->labels && set->labels_path ? CLM_OK
                                           : clm_fail_host_memory(error, path, rows * sizeof *set->labels);
}

clm_status set_check_weights(const struct set *set, struct clm_error *error)
{
    bool any_counts = false;
    for (size_t i = 0; set->weights && i < set->rows; i++) {
        const double weight = (double)set->weights[i];
        if (!(weight >= 0) || isinf(weight))
            return clm_fail_setting(
                error, CLM_ERROR_FORMAT, "weight",
                "%s: row %zu (counted from 0) has the weight %g; a weight must be a finite number of at least 0",
                set->labels_path, i, weight);
        any_counts = any_counts || weight > 0;
    }
    if (set->weights && !any_counts)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "weight",
            "%s: all %zu rows have the weight 0, so no row would count; name another column of weights",
            set->labels_path, set->rows);
    return CLM_OK;
}

clm_status set_check_targets(const struct set *set, bool are_optional, struct clm_error *error)
{
    for (size_t i = 0; set->targets && i < set->rows * set->target_count; i++) {
        const size_t row = i / set->target_count, target = i % set->target_count;
        if (isinf(set->targets[i]))
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: target %zu of row %zu (both counted from 0) is infinite; correct or remove such rows",
                set->labels_path, target, row);
        if (isnan(set->targets[i]) && !are_optional)
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: row %zu (counted from 0) has no target %zu, and only predictions can be made without; remove such rows",
                set->labels_path, row, target);
    }
    return CLM_OK;
}

char **target_names_make(size_t count)
{
    char **const names = calloc(count, sizeof *names);
    bool is_whole = names != NULL;
    for (size_t t = 0; is_whole && t < count; t++) {
        const int length = count == 1 ? asprintf(&names[t], "target") : asprintf(&names[t], "target%zu", t);
        is_whole = length >= 0;
        names[t] = is_whole ? names[t] : NULL;
    }
    if (is_whole)
        return names;
    class_names_free(names, count);
    return NULL;
}

size_t set_memory(const struct set *set)
{
    return set->rows *
           (sizeof *set->labels + (set->weights ? sizeof *set->weights : 0) +
            set->target_count * sizeof *set->targets + (set->mapping.start ? 0 : set_row_bytes(set)));
}

size_t contents_class_count(const struct contents *contents)
{
    return contents->classes ? contents->classes : set_class_count(&contents->train);
}
