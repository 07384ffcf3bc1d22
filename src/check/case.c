#include "check/case.h"

#include "base/clock.h"
#include "base/size.h"
#include "check/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *case_name(const struct check_case *which)
{
    return which->operation ? which->operation->name : STEPS_NAME;
}

bool case_has_products(const struct check_case *which)
{
    return !which->operation || which->operation->dimensions == DIMENSIONS_LAYER;
}

double case_work(const struct check_case *which)
{
    const struct variant *const v = &which->variant;
    double work = 0;
    if (which->operation)
        return (double)size_max(v->B, 1) * (double)size_max(v->I, 1) * (double)size_max(v->O, 1);
    for (size_t l = 0; l < steps_depth(&which->steps); l++)
        work += 3 * (double)(which->steps.rows * which->steps.epochs) * (double)which->steps.widths[l] *
                (double)which->steps.widths[l + 1];
    return work;
}

clm_status case_parse(const char *name, const char *shape, uint64_t seed, struct check_case *out,
                      struct clm_error *error)
{
    *out = (struct check_case){.operation = operation_named(name)};
    if (!out->operation && strcmp(name, STEPS_NAME) != 0)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "%s: there is no such operation; verify prints their names", name);
    const clm_status status = out->operation ? variant_parse(out->operation, shape, &out->variant, error)
                                             : steps_parse(shape, &out->steps, error);
    out->variant.seed = out->steps.seed = seed;
    return status;
}

clm_status case_run(struct clm_backend *device, struct clm_backend *bounds, const struct check_case *which,
                    size_t repeats, struct clm_check *check, struct clm_error *error)
{
    return which->operation
               ? operation_check(device, bounds, which->operation, &which->variant, repeats, check, error)
               : steps_check(device, bounds, &which->steps, repeats, check, error);
}

bool case_device_answers(struct clm_backend *device)
{
    const double sent = 1;
    double got = 0;
    struct tensor one = {0};
    const bool answers = tensor_create(device, TENSOR_REAL, 1, 1, &one, NULL) == CLM_OK &&
                         doubles_write(device, &one, &sent, NULL) == CLM_OK &&
                         doubles_read(device, &one, &got, NULL) == CLM_OK && got == sent;
    tensor_free(device, &one);
    return answers;
}

/* ---- shrinking ---- */

void case_describe(const struct check_case *which, char shape[SHAPE_TEXT_MAX])
{
    struct clm_check check;
    if (which->operation) {
        variant_describe(which->operation, &which->variant, shape);
        return;
    }
    steps_describe(&which->steps, &check);
    memcpy(shape, check.shape, SHAPE_TEXT_MAX);
}

/* Reads the case's own description; false if that names no case. */
static bool read_back(const struct check_case *which, struct check_case *out)
{
    char shape[SHAPE_TEXT_MAX];
    case_describe(which, shape);
    return case_parse(case_name(which), shape, which->operation ? which->variant.seed : which->steps.seed,
                      out, NULL) == CLM_OK;
}

/* ---- sizes ---- */

#define SIZES_MOST (STEPS_WIDTHS_MAX + 3)

/* Sizes of a case that may become smaller, the first `from_zero` of them down to 0, the others to 1. */
struct case_sizes {
    size_t *at[SIZES_MOST];
    size_t count, from_zero;
};

static void add_size(struct case_sizes *sizes, size_t *size)
{
    sizes->at[sizes->count++] = size;
}

static struct case_sizes sizes_of_variant(enum dimensions dimensions, struct variant *v)
{
    struct case_sizes sizes = {0};
    const bool is_picture = dimensions == DIMENSIONS_PICTURES;
    if (is_picture) {
        add_size(&sizes, &v->augmentation.changes.shift);
        add_size(&sizes, &v->augmentation.changes.cutout);
    }
    if (is_picture || dimensions == DIMENSIONS_BATCH) {
        add_size(&sizes, &v->first);
        sizes.from_zero = sizes.count;
    }
    if (dimensions != DIMENSIONS_WEIGHTS)
        add_size(&sizes, &v->B);
    if (is_picture || dimensions == DIMENSIONS_BATCH)
        add_size(&sizes, &v->N);
    if (is_picture) {
        add_size(&sizes, &v->augmentation.channels);
        add_size(&sizes, &v->augmentation.height);
        add_size(&sizes, &v->augmentation.width);
        return sizes;
    }
    if (dimensions != DIMENSIONS_ROWS)
        add_size(&sizes, &v->I);
    if (dimensions != DIMENSIONS_BATCH)
        add_size(&sizes, &v->O);
    return sizes;
}

static struct case_sizes sizes_of(struct check_case *which)
{
    if (which->operation)
        return sizes_of_variant(which->operation->dimensions, &which->variant);
    struct case_sizes sizes = {0};
    for (size_t l = 0; l <= steps_depth(&which->steps); l++)
        add_size(&sizes, &which->steps.widths[l]);
    add_size(&sizes, &which->steps.rows);
    add_size(&sizes, &which->steps.batch);
    add_size(&sizes, &which->steps.epochs);
    return sizes;
}

/* What is taken from a size: at first all of it but the least, then a half and parts that are smaller and
 * smaller, 1 at last. */
static const size_t divisors[] = {1, 2, 4, 16, SIZE_MAX};
#define CUTS (sizeof divisors / sizeof *divisors)

/* Takes that part from the kth size; false if it cannot become smaller. */
static bool case_cut(struct check_case *which, size_t k, size_t divisor)
{
    const struct case_sizes sizes = sizes_of(which);
    if (k >= sizes.count)
        return false;
    const size_t least = k < sizes.from_zero ? 0 : 1, size = *sizes.at[k];
    if (size <= least)
        return false;
    *sizes.at[k] = size_max(size - size_max(size / divisor, 1), least);
    return true;
}

/* ---- options ---- */

static bool clear(double *value)
{
    const bool is_set = *value != 0;
    *value = 0;
    return is_set;
}

static bool clear_size(size_t *value)
{
    const bool is_set = *value != 0;
    *value = 0;
    return is_set;
}

static bool clear_flag(bool *value)
{
    const bool is_set = *value;
    *value = false;
    return is_set;
}

/* Leaves the kth option of a variant out (normal numbers are no option); false if that changes nothing. */
static bool leave_out(struct variant *v, size_t k)
{
    struct clm_augmentation *const changes = &v->augmentation.changes;
    const struct variant before = *v;
    switch (k) {
    case 0:
        v->odd_in = NULL;
        return before.odd_in;
    case 1:
        v->act = ACTIVATION_NONE;
        return before.act != ACTIVATION_NONE;
    case 2:
        v->fill = FILL_NORMAL;
        return before.fill != FILL_NORMAL;
    case 3:
        return clear_size(&changes->shift);
    case 4:
        return clear_size(&changes->cutout);
    case 5:
        return clear(&v->l2);
    case 6:
        v->momentum = 0;
        v->rule = RULE_SGD;
        return before.momentum != 0 || before.rule != RULE_SGD;
    case 7:
        return clear(&changes->noise);
    case 8:
        return clear(&changes->mixup);
    case 9:
        return clear_flag(&changes->flip);
    case 10:
        v->below = ACTIVATION_NONE;
        return before.below != ACTIVATION_NONE;
    case 11:
        return clear_flag(&v->is_ordered);
    default:
        return clear_flag(&v->is_bytes);
    }
}

/* The layer behind the first k + 1 widths; the inputs and classes stay. */
static bool drop_layer(struct step_case *s, size_t k)
{
    if (k + 1 >= steps_depth(s))
        return false;
    memmove(&s->widths[k + 1], &s->widths[k + 2], (STEPS_WIDTHS_MAX - k - 2) * sizeof *s->widths);
    s->widths[STEPS_WIDTHS_MAX - 1] = 0;
    return true;
}

/* Makes the pictures the next smaller ones. */
static bool shrink_pictures(struct step_case *s)
{
    const struct step_case before = *s;
    struct check_case as_written;
    while (before.is_augmented && --s->widths[0])
        if (read_back(&(struct check_case){.steps = *s}, &as_written))
            return true;
    *s = before;
    return false;
}

static bool leave_out_of_steps(struct step_case *s, size_t k)
{
    switch (k) {
    case 0:
        return clear(&s->l2);
    case 1:
        return clear(&s->momentum);
    case 2:
        return clear_flag(&s->is_augmented);
    case 3:
        return clear_flag(&s->is_extreme);
    case 4:
        return clear_flag(&s->is_float);
    case 5:
        return shrink_pictures(s);
    default:
        return drop_layer(s, k - 6);
    }
}

/* Options of variants, and of steps the six and each layer between two others. */
#define OPTIONS_MOST 13
_Static_assert(6 + STEPS_WIDTHS_MAX - 2 <= OPTIONS_MOST, "steps have more options");

static bool leave_out_option(struct check_case *which, size_t k)
{
    return which->operation ? leave_out(&which->variant, k) : leave_out_of_steps(&which->steps, k);
}

/* ---- the smallest ---- */

#define WAYS (CUTS * SIZES_MOST + OPTIONS_MOST)

#define FIRST_OPTION (2 * SIZES_MOST)

/* The kth way to make a case smaller: as much as can be of each size, for what is large takes long, then
 * options, then less of each size. The new case is the one that its printed description is read as. Returns
 * false if that changes nothing, is not a case, or is a case whose result is not defined. */
static bool simplify(const struct check_case *which, size_t k, struct check_case *out)
{
    struct check_case smaller = *which;
    const bool is_option = k >= FIRST_OPTION && k < FIRST_OPTION + OPTIONS_MOST;
    const size_t place = k < FIRST_OPTION ? k : k - OPTIONS_MOST;
    const bool is_changed = is_option ? leave_out_option(&smaller, k - FIRST_OPTION)
                                      : case_cut(&smaller, place % SIZES_MOST, divisors[place / SIZES_MOST]);
    return is_changed && read_back(&smaller, out) &&
           (!out->variant.odd_in || odd_is_defined(out->operation, &out->variant));
}

/* Whether the smaller case fails as `failed` does: with an error where that is one, and with a NaN, which
 * is also what cannot be judged, only where that has one. */
static bool fails_alike(struct clm_backend *device, struct clm_backend *bounds,
                        const struct check_case *smaller, size_t repeats, const struct clm_check *failed,
                        bool *answers)
{
    struct clm_check check;
    struct clm_error why;
    if (case_run(device, bounds, smaller, repeats, &check, &why) != CLM_OK) {
        *answers = case_device_answers(device);
        return failed->is_error;
    }
    return !failed->is_error && !check.passed &&
           (!isnan(check.error_over_bound) || isnan(failed->error_over_bound));
}

bool case_shrink(struct clm_backend *device, struct clm_backend *bounds, const struct check_case *which,
                 size_t repeats, double seconds, struct clm_check *failed)
{
    const double end = clock_seconds() + seconds;
    struct check_case smallest = *which, smaller;
    bool is_smaller = true, answers = true;
    while (is_smaller) {
        is_smaller = false;
        for (size_t k = 0; k < WAYS; k++)
            while (answers && clock_seconds() < end && simplify(&smallest, k, &smaller) &&
                   fails_alike(device, bounds, &smaller, repeats, failed, &answers)) {
                smallest = smaller;
                is_smaller = true;
            }
    }
    case_describe(&smallest, failed->smallest);
    return answers;
}

/* ---- a list ---- */

clm_status case_list_add(struct case_list *list, const struct check_case *which, struct clm_error *error)
{
    if (list->count == list->room) {
        const size_t room = 2 * list->room + 64;
        struct check_case *const cases = realloc(list->cases, room * sizeof *cases);
        if (!cases)
            return clm_fail_host_memory(error, "the list of checks", room * sizeof *cases);
        list->cases = cases;
        list->room = room;
    }
    list->cases[list->count++] = *which;
    return CLM_OK;
}

void case_list_free(struct case_list *list)
{
    free(list->cases);
    *list = (struct case_list){0};
}
