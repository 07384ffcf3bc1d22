#include "check/case.h"

#include "base/clock.h"
#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHRINK_SECONDS   20.0
#define WAYS_OF_VARIANTS 21 /* to make one simpler */
#define WAYS_OF_STEPS    8

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

clm_status case_run(struct clm_backend *device, struct clm_backend *reference, const struct check_case *which,
                    size_t repeats, struct clm_check *check, struct clm_error *error)
{
    return which->operation
               ? operation_check(device, reference, which->operation, &which->variant, repeats, check, error)
               : steps_check(device, reference, &which->steps, repeats, check, error);
}

/* ---- shrinking ---- */

static bool halve(size_t *size)
{
    const bool is_larger = *size > 1;
    *size /= is_larger ? 2 : 1;
    return is_larger;
}

static bool take_a_quarter(size_t *size)
{
    const size_t quarter = *size / 4;
    *size -= quarter;
    return quarter > 0;
}

static bool decrease(size_t *size)
{
    const bool is_larger = *size > 1;
    *size -= is_larger;
    return is_larger;
}

static bool clear(double *value)
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

static bool halve_rows_of_data(struct variant *v)
{
    const size_t before = v->N;
    v->N = size_max(v->N / 2, v->B + v->first);
    return v->N < before;
}

static bool clear_odd(struct variant *v)
{
    const bool is_set = v->odd_in;
    v->odd_in = NULL;
    return is_set;
}

static bool clear_size(size_t *size)
{
    const bool is_set = *size != 0;
    *size = 0;
    return is_set;
}

static bool clear_activation(struct variant *v)
{
    const bool is_set = v->act != ACTIVATION_NONE;
    v->act = ACTIVATION_NONE;
    return is_set;
}

/* The kth way to make a variant simpler; false where that changes nothing. */
static bool simplify_variant(struct variant *v, int k)
{
    struct clm_augmentation *const changes = &v->augmentation.changes;
    const bool is_picture = v->augmentation.width > 0;
    switch (k) {
    case 0:
        return halve(&v->B);
    case 1:
        return !is_picture && halve(&v->I);
    case 2:
        return halve(&v->O);
    case 3:
        return clear_odd(v);
    case 4:
        return clear(&v->l2);
    case 5:
        return clear(&v->momentum);
    case 6:
        return clear_activation(v);
    case 7:
        return clear_flag(&v->has_mask);
    case 8:
        return v->first && halve(&v->first);
    case 9:
        return v->N && halve_rows_of_data(v);
    case 10:
        return take_a_quarter(&v->B);
    case 11:
        return !is_picture && take_a_quarter(&v->I);
    case 12:
        return take_a_quarter(&v->O);
    case 13:
        return decrease(&v->B);
    case 14:
        return !is_picture && decrease(&v->I);
    case 15:
        return decrease(&v->O);
    case 16:
        return clear_flag(&changes->flip);
    case 17:
        return clear_size(&changes->shift);
    case 18:
        return clear_size(&changes->cutout);
    case 19:
        return clear(&changes->noise);
    default:
        return clear(&changes->mixup);
    }
}

static bool drop_layer(struct step_case *s)
{
    const size_t depth = steps_depth(s);
    if (depth < 2)
        return false;
    memmove(&s->widths[1], &s->widths[2], (STEPS_WIDTHS_MAX - 2) * sizeof *s->widths);
    s->widths[STEPS_WIDTHS_MAX - 1] = 0;
    return true;
}

static bool halve_widths(struct step_case *s)
{
    bool is_smaller = false;
    for (size_t l = s->is_augmented ? 1 : 0; l <= steps_depth(s); l++) /* pictures stay */
        is_smaller = halve(&s->widths[l]) || is_smaller;
    return is_smaller;
}

static bool simplify_steps(struct step_case *s, int k)
{
    switch (k) {
    case 0:
        return halve(&s->epochs);
    case 1:
        return drop_layer(s);
    case 2:
        return halve_widths(s);
    case 3:
        return halve(&s->rows);
    case 4:
        return halve(&s->batch);
    case 5:
        return clear(&s->l2);
    case 6:
        return clear(&s->momentum);
    default:
        return decrease(&s->rows);
    }
}

static bool simplify(struct check_case *which, int k)
{
    return which->operation ? simplify_variant(&which->variant, k) : simplify_steps(&which->steps, k);
}

clm_status case_shrink(struct clm_backend *device, struct clm_backend *reference,
                       const struct check_case *which, size_t repeats, char shape[SHAPE_TEXT_MAX],
                       struct clm_error *error)
{
    const double begin = clock_seconds();
    const int ways = which->operation ? WAYS_OF_VARIANTS : WAYS_OF_STEPS;
    struct check_case smallest = *which;
    struct clm_check check;
    bool is_smaller = true;
    while (is_smaller) {
        is_smaller = false;
        for (int k = 0; k < ways && clock_seconds() - begin < SHRINK_SECONDS; k++) {
            struct check_case smaller = smallest;
            if (!simplify(&smaller, k))
                continue;
            const clm_status status = case_run(device, reference, &smaller, repeats, &check, error);
            if (status != CLM_OK)
                return status;
            if (!check.passed) {
                smallest = smaller;
                is_smaller = true;
                k--; /* the same way once more */
            }
        }
    }
    if (smallest.operation)
        variant_describe(smallest.operation, &smallest.variant, shape);
    else {
        steps_describe(&smallest.steps, &check);
        memcpy(shape, check.shape, SHAPE_TEXT_MAX);
    }
    return CLM_OK;
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
