#include "check/case.h"

#include "base/clock.h"
#include "base/size.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char *case_name(const struct check_case *which)
{
    return which->operation ? which->operation->name : STEPS_NAME;
}

bool case_has_products(const struct check_case *which)
{
    return !which->operation || has_products(which->operation->dimensions);
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

clm_status case_judge(struct clm_backend *device, struct clm_backend *bounds, const struct check_case *which,
                      struct judgement *out, struct clm_error *error)
{
    return which->operation ? operation_judge(device, bounds, which->operation, &which->variant, out, error)
                            : steps_judge(device, bounds, &which->steps, out, error);
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
    if (which->operation)
        variant_describe(which->operation, &which->variant, shape);
    else
        steps_describe(&which->steps, shape);
}

/* Reads the case's own description; false if it is no case. */
static bool read_back(const struct check_case *which, struct check_case *out)
{
    char shape[SHAPE_TEXT_MAX];
    case_describe(which, shape);
    *out = (struct check_case){.operation = which->operation};
    const clm_status status = which->operation ? variant_parse(which->operation, shape, &out->variant, NULL)
                                               : steps_parse(shape, &out->steps, NULL);
    out->variant.seed = which->variant.seed;
    out->variant.is_bare = which->variant.is_bare;
    out->steps.seed = which->steps.seed;
    return status == CLM_OK;
}

/* ---- sizes ---- */

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SIZES_MOST      (STEPS_WIDTHS_MAX + 3)

/* The most options of a case; steps have nineteen, and each layer between two others. */
#define OPTIONS_MOST 26
_Static_assert(19 + STEPS_WIDTHS_MAX - 2 <= OPTIONS_MOST, "steps have more options");

/* A member of a case, by offset and size. */
struct field {
    size_t at, size;
};

#define FIELD(type, member)                                                                                  \
    {                                                                                                        \
        offsetof(struct type, member), sizeof(((struct type *)0)->member)                                    \
    }

static void *field_of(void *of, struct field field)
{
    return (char *)of + field.at;
}

#define OF(dimensions) (1u << (dimensions))
#define OF_PICTURES    OF(DIMENSIONS_PICTURES)
#define OF_BATCH       OF(DIMENSIONS_BATCH)
#define OF_LAYER       (OF(DIMENSIONS_LAYER) | OF(DIMENSIONS_STEP))
#define OF_ROWS        (OF(DIMENSIONS_ROWS) | OF(DIMENSIONS_LOSS))
#define OF_WEIGHTS     OF(DIMENSIONS_WEIGHTS)
#define OF_OUTPUTS     OF(DIMENSIONS_OUTPUTS)

/* Sizes of a variant that may shrink, the operations that have them, and the least value. */
static const struct {
    struct field field;
    unsigned dimensions;
    size_t least;
} variant_sizes[] = {
    {FIELD(variant, augmentation.changes.shift), OF_PICTURES, 0},
    {FIELD(variant, augmentation.changes.cutout), OF_PICTURES, 0},
    {FIELD(variant, first), OF_PICTURES | OF_BATCH, 0},
    {FIELD(variant, B), OF_PICTURES | OF_BATCH | OF_LAYER | OF_ROWS | OF_OUTPUTS, 1},
    {FIELD(variant, N), OF_PICTURES | OF_BATCH, 1},
    {FIELD(variant, augmentation.channels), OF_PICTURES, 1},
    {FIELD(variant, augmentation.height), OF_PICTURES, 1},
    {FIELD(variant, augmentation.width), OF_PICTURES, 1},
    {FIELD(variant, I), OF_BATCH | OF_LAYER | OF_WEIGHTS, 1},
    {FIELD(variant, O), OF_LAYER | OF_ROWS | OF_WEIGHTS | OF_OUTPUTS, 1},
};

/* The kth size of a case that may shrink, and its least value; NULL after the last. A net's outputs stay a
 * multiple of the quantiles of a target. */
static size_t *size_of_case(struct check_case *which, size_t k, size_t *least)
{
    struct step_case *const s = &which->steps;
    size_t *const others[] = {&s->rows, &s->batch, &s->epochs};
    *least = !which->operation && k == steps_depth(s) ? size_max(s->quantiles, 1) : 1;
    if (!which->operation && k <= steps_depth(s))
        return &s->widths[k];
    if (!which->operation)
        return k - steps_depth(s) <= COUNT_OF(others) ? others[k - steps_depth(s) - 1] : NULL;
    for (size_t i = 0; i < COUNT_OF(variant_sizes); i++)
        if (variant_sizes[i].dimensions & OF(which->operation->dimensions) && !k--) {
            *least = variant_sizes[i].least;
            return field_of(&which->variant, variant_sizes[i].field);
        }
    return NULL;
}

/* How much is taken from a size: first all but the least, then a half, then smaller and smaller parts, at
 * last 1. */
static const size_t divisors[] = {1, 2, 4, 16, SIZE_MAX};
#define CUTS COUNT_OF(divisors)

/* Takes that part from the kth size; false if the size cannot shrink. */
static bool case_cut(struct check_case *which, size_t k, size_t divisor)
{
    size_t least, *const size = size_of_case(which, k, &least);
    if (!size || *size <= least)
        return false;
    *size = size_max(*size - size_max(*size / divisor, 1), least);
    *size -= *size % size_max(least, 1);
    return true;
}

/* ---- options ---- */

/* Sets an option to 0; false if that changes nothing. */
static bool leave_out(void *of, struct field option)
{
    static const char zeros[sizeof(void *) + sizeof(double)];
    void *const place = field_of(of, option);
    const bool is_set = memcmp(place, zeros, option.size) != 0;
    memset(place, 0, option.size);
    return is_set;
}

_Static_assert(!ACTIVATION_NONE && !FILL_NORMAL && !RULE_SGD && !LOSS_CROSS_ENTROPY,
               "0 is what an option is without");

static bool leave_out_of_variant(struct variant *v, size_t k)
{
    static const struct field options[] = {FIELD(variant, odd_in),
                                           FIELD(variant, act),
                                           FIELD(variant, fill),
                                           FIELD(variant, augmentation.changes.shift),
                                           FIELD(variant, augmentation.changes.cutout),
                                           FIELD(variant, l2),
                                           FIELD(variant, momentum),
                                           FIELD(variant, augmentation.changes.noise),
                                           FIELD(variant, augmentation.changes.mixup),
                                           FIELD(variant, augmentation.changes.flip),
                                           FIELD(variant, below),
                                           FIELD(variant, norm),
                                           FIELD(variant, is_ordered),
                                           FIELD(variant, is_bytes),
                                           FIELD(variant, quantiles),
                                           FIELD(variant, loss)};
    static const struct field rule = FIELD(variant, rule);
    _Static_assert(COUNT_OF(options) <= OPTIONS_MOST, "OPTIONS_MOST is of these, too");
    if (k >= COUNT_OF(options))
        return false;
    const bool is_with_rule = options[k].at == offsetof(struct variant, momentum) && leave_out(v, rule);
    return leave_out(v, options[k]) || is_with_rule;
}

/* Drops the layer after the first k + 1 widths; inputs and classes stay. */
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

/* The loss that most nets of verify have: plain cross-entropy, which has no gradient of a single class. */
static bool take_cross_entropy(struct step_case *s)
{
    size_t *const classes = &s->widths[steps_depth(s)];
    const bool is_another = s->loss != LOSS_CROSS_ENTROPY || s->smoothing != 0;
    s->loss = LOSS_CROSS_ENTROPY;
    s->smoothing = 0;
    s->quantiles = 0;
    *classes = is_another ? size_max(*classes, 2) : *classes;
    return is_another;
}

/* The activation that most nets of verify have. */
static bool take_relu(struct step_case *s)
{
    const bool is_another = s->act != ACTIVATION_RELU;
    s->act = ACTIVATION_RELU;
    return is_another;
}

static bool leave_out_of_steps(struct step_case *s, size_t k)
{
    static const struct field options[] = {
        FIELD(step_case, l2),           FIELD(step_case, l1),         FIELD(step_case, weight_decay),
        FIELD(step_case, rule),         FIELD(step_case, momentum),   FIELD(step_case, is_weighted),
        FIELD(step_case, is_augmented), FIELD(step_case, is_extreme), FIELD(step_case, is_float),
        FIELD(step_case, norm),         FIELD(step_case, drop),       FIELD(step_case, has_skips),
        FIELD(step_case, average),      FIELD(step_case, parts),      FIELD(step_case, clip),
        FIELD(step_case, quantiles)};
    if (k < COUNT_OF(options))
        return leave_out(s, options[k]);
    switch (k - COUNT_OF(options)) {
    case 0:
        return shrink_pictures(s);
    case 1:
        return take_relu(s);
    case 2:
        return take_cross_entropy(s);
    default:
        return drop_layer(s, k - COUNT_OF(options) - 3);
    }
}

static bool leave_out_option(struct check_case *which, size_t k)
{
    return which->operation ? leave_out_of_variant(&which->variant, k) : leave_out_of_steps(&which->steps, k);
}

/* ---- the smallest failing case ---- */

#define WAYS (CUTS * SIZES_MOST + OPTIONS_MOST)

#define FIRST_OPTION (2 * SIZES_MOST)

/* The kth way to make a case smaller: first as much as possible of each size, because large cases take long;
 * then options; then less of each size. The new case is read from its own description. False if nothing
 * changes, or it is no case, or its result is not defined. */
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

/* Whether the smaller case fails as `failed` does. An error must stay an error. A NaN, which also means that
 * nothing can be judged, counts only if `failed` has one. */
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
        if (!array_resize(&list->cases, room, sizeof *which))
            return clm_fail_host_memory(error, "the list of checks", room * sizeof *which);
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
