/* clm_kernel_check: the checks of a user's own kernels. */
#include "check/plan.h"
#include "check/reproducer.h"
#include "check/speed.h"
#include "compute/user_kernels.h"
#include "prove/bounds/bounds.h"
#include "prove/entries.h"

#include "base/clock.h"
#include "base/stop.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FAILURES_MOST  3   /* of an entry, before its other checks are left out */
#define WORK_MOST      2e7 /* multiplications of a check: one item may take a microsecond for each */
#define WORK_TURNED    4e6 /* of a check without optimisation */
#define WORK_REPEATED  2e7
#define WORK_SIMULATED 20000

/* A run of checks of one file. */
struct user_checks {
    const struct clm_kernel_options *options;
    struct clm_backend *device, *user, *bounds;
    enum user_entry entry;
    size_t failures;  /* of this entry */
    double shrinking; /* seconds spent on them */
    struct peaks peaks;
    bool passed, can_turn, is_lost, has_reproducer;
};

__attribute__((format(printf, 2, 3))) static void tell_note(const struct user_checks *c, const char *format,
                                                            ...)
{
    char sentence[sizeof(struct clm_error)];
    va_list words;
    va_start(words, format);
    vsnprintf(sentence, sizeof sentence, format, words);
    va_end(words);
    if (c->options->on_note)
        c->options->on_note(c->options->user, sentence);
}

/* ---- entries ---- */

static void take_entry(enum user_entry entry, struct clm_kernel_entry *out)
{
    const struct user_entry_about *const about = &user_entries[entry];
    *out = (struct clm_kernel_entry){
        about->name, about->arguments, about->computes, {about->tiles[0], about->tiles[1]}};
}

bool clm_kernel_entry_at(size_t n, struct clm_kernel_entry *out)
{
    if (n >= ENTRY_COUNT)
        return false;
    take_entry((enum user_entry)n, out);
    return true;
}

size_t clm_kernel_names(const char **names, size_t most)
{
    size_t count = 0;
    for (; count < ENTRY_COUNT && count < most; count++)
        names[count] = user_entries[count].name;
    return count;
}

/* ---- the plan: verify's checks of the like operation, as far as the entry can make them ---- */

/* Adds a case, unless the plan has it: variants of the like operation may be the same for the entry. */
static void plan_case(struct plan *plan, enum user_entry entry, const struct variant *variant)
{
    const struct check_case which = {.operation = &entry_operations[entry].operation, .variant = *variant};
    char shape[SHAPE_TEXT_MAX], other[SHAPE_TEXT_MAX];
    case_describe(&which, shape);
    for (size_t i = 0; i < plan->list.count; i++) {
        case_describe(&plan->list.cases[i], other);
        if (!strcmp(shape, other))
            return;
    }
    if (plan->status == CLM_OK)
        plan->status = case_list_add(&plan->list, &which, plan->error);
}

/* A NaN beside zeros, too: a kernel may leave zeros out. */
static void plan_beside_zeros(struct plan *plan, enum user_entry entry, const struct variant *variant)
{
    struct variant ties = *variant;
    ties.fill = FILL_TIES;
    if (variant->odd_in && isnan(variant->odd) && variant->fill == FILL_NORMAL &&
        entry_operations[entry].operation.dimensions == DIMENSIONS_LAYER)
        plan_case(plan, entry, &ties);
}

/* Shapes of layers for a simulator: several tiles in each dimension, and none whole. */
static const size_t simulated_layers[][3] = {{1, 1, 1}, {3, 5, 2}, {5, 70, 9}, {18, 33, 20}, {33, 9, 35}};

/* What a simulator tries: each shape that is small enough, with plain contents. */
static bool is_for_simulator(const struct check_case *which)
{
    const struct variant *const v = &which->variant;
    return which->operation->dimensions != DIMENSIONS_LAYER && !v->odd_in && v->fill == FILL_NORMAL &&
           case_work(which) <= WORK_SIMULATED;
}

static void plan_simulated_layers(struct plan *plan, enum user_entry entry)
{
    const size_t count = sizeof simulated_layers / sizeof *simulated_layers;
    const bool is_layer = entry_operations[entry].operation.dimensions == DIMENSIONS_LAYER;
    for (size_t i = 0; is_layer && i < count; i++) {
        struct variant variant = {.B = simulated_layers[i][0],
                                  .I = simulated_layers[i][1],
                                  .O = simulated_layers[i][2],
                                  .act = ACTIVATION_RELU,
                                  .seed = plan->seed,
                                  .is_bare = true};
        (void)entry_adapt(entry, &variant);
        plan_case(plan, entry, &variant);
    }
}

static clm_status plan_entry(const struct user_checks *c, struct case_list *out, struct clm_error *error)
{
    const struct operation *const like = &operations_checked[entry_operations[c->entry].like];
    const bool is_simulated = c->options->is_simulated;
    struct plan all = {.seed = c->options->seed, .error = error}, plan = all;
    plan_standard(&all);
    if (is_simulated)
        plan_simulated_layers(&plan, c->entry);
    for (size_t i = 0; all.status == CLM_OK && i < all.list.count; i++) {
        const struct check_case *const which = &all.list.cases[i];
        struct variant variant = which->variant;
        variant.is_bare = true; /* the memory around each operand is watched */
        if (which->operation != like ||
            (is_simulated ? !is_for_simulator(which) : case_work(which) > WORK_MOST) ||
            !entry_adapt(c->entry, &variant))
            continue;
        plan_case(&plan, c->entry, &variant);
        if (!is_simulated)
            plan_beside_zeros(&plan, c->entry, &variant);
    }
    case_list_free(&all.list);
    *out = plan.list;
    return all.status ? all.status : plan.status;
}

/* The one check that the options name. */
static clm_status plan_shape(const struct user_checks *c, struct case_list *out, struct clm_error *error)
{
    const struct operation *const operation = &entry_operations[c->entry].operation;
    struct check_case which = {.operation = operation};
    clm_status status = variant_parse(operation, c->options->shape, &which.variant, error);
    if (status == CLM_OK && !entry_adapt(c->entry, &which.variant))
        status = clm_fail_setting(error, CLM_ERROR_ARGUMENT, "shape",
                                  "%s is no shape of %s; a check of it prints its shapes, such as \"%s\"",
                                  c->options->shape, operation->name, entry_operations[c->entry].timed[0]);
    which.variant.seed = c->options->seed;
    which.variant.is_bare = true;
    return status ? status : case_list_add(out, &which, error);
}

/* ---- one check ---- */

/* What a check is run in. */
static clm_status use_order(const struct user_checks *c, enum user_order order, struct clm_error *error)
{
    return user_kernels_choose(c->user, c->entry, order, true, error);
}

static void describe_failure(struct clm_check *check, const char *about)
{
    char detail[sizeof check->detail];
    memcpy(detail, check->first[0] ? check->first : check->detail, sizeof detail);
    if (check->first[0] && check->wrong > 1)
        snprintf(check->detail, sizeof check->detail, "%.300s; it is the first of %zu wrong ones of %zu%s",
                 detail, check->wrong, check->elements, about);
    else
        snprintf(check->detail, sizeof check->detail, "%.300s%s", detail, about);
}

/* Whether two runs give the same bits. */
static clm_status check_bits(const struct user_checks *c, const struct check_case *which,
                             struct clm_check *check, struct clm_error *error)
{
    char text[sizeof check->detail];
    bool differs;
    const clm_status status = operation_compare_runs(c->user, which->operation, &which->variant, &differs,
                                                     text, sizeof text, error);
    if (status != CLM_OK || !differs)
        return status;
    check->passed = false;
    check->error_over_bound = INFINITY;
    snprintf(check->detail, sizeof check->detail,
             "%.300s: a race, or memory that is read before it is written", text);
    return CLM_OK;
}

#define TURNED_ABOUT                                                                                         \
    ", with its work-items in the opposite order: a race, a missing barrier, or memory that is read before it is written"

/* Runs a case as far as it passes: in the plain order, once more for the bits, in the turned order. *order is
 * that of the run that failed. */
static clm_status run_case(const struct user_checks *c, const struct check_case *which,
                           struct clm_check *check, enum user_order *order, struct clm_error *error)
{
    const double work = case_work(which);
    *order = USER_ORDER_PLAIN;
    clm_status status = use_order(c, USER_ORDER_PLAIN, error);
    if (status == CLM_OK)
        status = case_run(c->user, c->bounds, which, 1, check, error);
    if (status == CLM_OK && !check->passed)
        describe_failure(check, "");
    if (status == CLM_OK && check->passed && work <= WORK_REPEATED && !c->options->is_simulated)
        status = check_bits(c, which, check, error);
    if (status != CLM_OK || !check->passed || !c->can_turn || work > WORK_TURNED)
        return status;
    *order = USER_ORDER_TURNED;
    struct clm_check turned = *check;
    status = use_order(c, USER_ORDER_TURNED, error);
    if (status == CLM_OK)
        status = case_run(c->user, c->bounds, which, 1, &turned, error);
    if (status == CLM_OK && !turned.passed) {
        describe_failure(&turned, TURNED_ABOUT);
        *check = turned;
    }
    return status;
}

/* Runs a case; an error becomes a failed check. */
static void run_named(struct user_checks *c, const struct check_case *which, struct clm_check *check,
                      enum user_order *order)
{
    struct clm_error why = {0};
    const struct clm_check named = *check;
    const clm_status status = run_case(c, which, check, order, &why);
    check->number = named.number;
    check->of = named.of;
    check->has_products = named.has_products;
    snprintf(check->operation, sizeof check->operation, "%s", case_name(which));
    case_describe(which, check->shape);
    memcpy(check->smallest, check->shape, sizeof check->smallest);
    if (status == CLM_OK)
        return;
    check->is_error = true;
    check->passed = false;
    check->error_over_bound = NAN;
    snprintf(check->detail, sizeof check->detail, "%.511s", why.message);
    c->is_lost = !case_device_answers(c->user);
}

/* Looks for a smaller case that fails, and lets the check tell of that one. */
static void shrink_check(struct user_checks *c, const struct check_case *which, enum user_order order,
                         struct clm_check *check)
{
    const double left = c->options->shrink_seconds - c->shrinking, begin = clock_seconds();
    struct check_case smallest = *which;
    struct clm_check again = *check;
    struct clm_error why;
    if (c->options->shape || c->options->is_simulated || left <= 0 || stop_is_asked(c->options->stop) ||
        c->is_lost || use_order(c, order, &why) != CLM_OK)
        return;
    c->is_lost = !case_shrink(c->user, c->bounds, which, 1, left, check);
    c->shrinking += clock_seconds() - begin;
    if (c->is_lost || !strcmp(check->smallest, check->shape) ||
        variant_parse(which->operation, check->smallest, &smallest.variant, &why) != CLM_OK ||
        !entry_adapt(c->entry, &smallest.variant))
        return;
    smallest.variant.seed = which->variant.seed;
    smallest.variant.is_bare = which->variant.is_bare;
    run_named(c, &smallest, &again, &order);
    if (again.passed) /* it does not always fail: what has been seen counts */
        memcpy(check->smallest, check->shape, sizeof check->smallest);
    else
        memcpy(check->detail, again.detail, sizeof check->detail);
}

/* Writes the first failing check that can be written. Its memory is not watched: rows after the operands show
 * what is written beyond them. */
static void reproduce_check(struct user_checks *c, const struct check_case *which, enum user_order order,
                            struct clm_check *check)
{
    struct check_case smallest = *which;
    struct clm_error why;
    if (!c->options->reproducer || c->has_reproducer || c->is_lost || c->options->is_simulated ||
        user_kernels_choose(c->user, c->entry, order, false, &why) != CLM_OK ||
        variant_parse(which->operation, check->smallest, &smallest.variant, &why) != CLM_OK ||
        !entry_adapt(c->entry, &smallest.variant))
        return;
    smallest.variant.seed = which->variant.seed;
    reproducer_write(c->options->reproducer, c->user, c->bounds, clm_backend_about(c->device), &smallest,
                     check);
    c->has_reproducer = check->has_reproducer;
}

static void check_user_case(struct user_checks *c, const struct check_case *which, size_t number, size_t of)
{
    struct clm_check check = {.number = number, .of = of, .has_products = case_has_products(which)};
    enum user_order order;
    snprintf(check.operation, sizeof check.operation, "%s", case_name(which));
    case_describe(which, check.shape);
    memcpy(check.smallest, check.shape, sizeof check.smallest);
    if (c->options->on_begin)
        c->options->on_begin(c->options->user, &check);
    run_named(c, which, &check, &order);
    if (c->options->on_result)
        c->options->on_result(c->options->user, &check);
    if (!check.passed && !c->failures) /* the others mostly shrink to the same */
        shrink_check(c, which, order, &check);
    if (!check.passed)
        reproduce_check(c, which, order, &check);
    c->failures += !check.passed;
    c->passed = c->passed && check.passed;
    if (c->options->on_check)
        c->options->on_check(c->options->user, &check);
}

/* ---- a file ---- */

/* Whether the other order can be tried; says why not. */
static void try_turning(struct user_checks *c)
{
    struct clm_error why = {0};
    c->can_turn = false;
    if (c->options->is_simulated)
        return;
    c->can_turn = use_order(c, USER_ORDER_TURNED, &why) == CLM_OK;
    if (!c->can_turn)
        tell_note(c, "the opposite order of work-items is not tried: %s", why.message);
}

static clm_status check_entry(struct user_checks *c, enum user_entry entry, struct clm_error *error)
{
    const struct clm_kernel_options *const options = c->options;
    struct case_list list = {0};
    struct clm_kernel_entry about;
    size_t group[2], tile[2];
    c->entry = entry;
    c->failures = 0;
    c->shrinking = 0;
    take_entry(entry, &about);
    user_kernels_sizes(c->user, entry, group, tile);
    if (options->on_entry)
        options->on_entry(options->user, &about, group, tile);
    clm_status status = options->shape ? plan_shape(c, &list, error) : plan_entry(c, &list, error);
    if (status == CLM_OK)
        try_turning(c);
    for (size_t i = 0; status == CLM_OK && i < list.count && c->failures < FAILURES_MOST; i++)
        if (!c->is_lost && !stop_is_asked(c->options->stop))
            check_user_case(c, &list.cases[i], i + 1, list.count);
    case_list_free(&list);
    if (status == CLM_OK && !c->failures && !c->is_lost && !stop_is_asked(c->options->stop) &&
        !options->shape && !options->is_simulated && options->speed_seconds > 0)
        status = time_entry(c->device, c->user, c->bounds, entry, options, &c->peaks, &c->passed, error);
    return status;
}

static bool is_entry_wanted(const struct user_checks *c, enum user_entry entry)
{
    return user_kernels_have(c->user, entry) &&
           (!c->options->only || !strcmp(c->options->only, user_entries[entry].name));
}

/* Fails if `only` names nothing that the file has. */
static clm_status check_entry_name(const struct user_checks *c, struct clm_error *error)
{
    const char *const only = c->options->only;
    const enum user_entry entry = only ? user_entry_named(only) : ENTRY_COUNT;
    if (only && entry == ENTRY_COUNT)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "only", "%s: there is no such entry", only);
    return !only || user_kernels_have(c->user, entry)
               ? CLM_OK
               : clm_fail_setting(error, CLM_ERROR_ARGUMENT, "only", "%.200s has no kernel called `%s`",
                                  c->options->path, only);
}

static void tell_about_file(const struct user_checks *c)
{
    const char *name;
    for (size_t n = 0; (name = user_kernels_unknown(c->user, n)); n++)
        tell_note(c, "the kernel `%s` in %.200s is not checked: no entry has that name", name,
                  c->options->path);
    if (*user_kernels_log(c->user))
        tell_note(c, "the compiler says:\n%s", user_kernels_log(c->user));
}

clm_status clm_kernel_check(struct clm_backend *backend, const struct clm_kernel_options *options,
                            bool *passed, struct clm_error *error)
{
    struct user_checks c = {.options = options, .device = backend, .passed = true};
    if (passed)
        *passed = false;
    clm_status status = check_given(options->path, "the file of kernels", error);
    if (status != CLM_OK)
        return status;
    if (clm_backend_kind(backend) != CLM_BACKEND_OPENCL)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "backend",
                                "kernels are for the opencl backend, not for %s", clm_backend_name(backend));
    status = reproducer_check(options->reproducer, backend, error);
    if (status != CLM_OK)
        return status;
    status = user_kernels_open(backend, options->path, options->build, options->is_simulated, &c.user, error);
    if (status != CLM_OK)
        return status;
    tell_about_file(&c);
    if (options->is_simulated && options->on_operand)
        user_kernels_tell_addresses(c.user, options->on_operand, options->user);
    status = check_entry_name(&c, error);
    if (status == CLM_OK)
        status = bounds_open(&c.bounds, error);
    for (int entry = 0;
         status == CLM_OK && entry < ENTRY_COUNT && !c.is_lost && !stop_is_asked(options->stop); entry++)
        if (is_entry_wanted(&c, (enum user_entry)entry))
            status = check_entry(&c, (enum user_entry)entry, error);
    clm_backend_close(c.bounds);
    clm_backend_close(c.user);
    if (passed)
        *passed = status == CLM_OK && c.passed;
    return status;
}
