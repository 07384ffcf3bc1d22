/* clm_verify: makes the checks of a plan one by one, and looks for the smallest case that fails. */
#include "check/plan.h"
#include "check/reproducer.h"

#include "base/clock.h"
#include "base/stop.h"
#include "prove/bounds/bounds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define REPEATS 3 /* runs of each check of CLM_VERIFY_FULL, which must give the same bits */

/* A run of checks: the request, and the results so far. */
struct verification {
    struct clm_backend *device, *bounds;
    const struct clm_verify_options *options;
    size_t repeats;
    /* seconds spent on the failures of each operation; the last is that of training steps */
    double shrinking[OPERATION_COUNT + 1];
    double begin; /* when the first check began */
    double rate;  /* the least seconds per unit of work so far */
    size_t left_out;
    bool passed, is_lost; /* is_lost: the device no longer answers */
    bool has_reproducer;
};

static bool is_wanted(const struct clm_verify_options *options, const struct check_case *which)
{
    return (!options->only || !strcmp(options->only, case_name(which))) &&
           (options->part == CLM_VERIFY_ALL ||
            case_has_products(which) == (options->part == CLM_VERIFY_PRODUCTS));
}

/* Whether a check would take longer than all checks may or, after their time is up, a twentieth of it. */
static bool takes_too_long(const struct verification *v, double expected, double now)
{
    const double most = v->options->seconds_most;
    const bool is_time_up = now - v->begin > most;
    return most > 0 && v->rate < INFINITY && expected > (is_time_up ? most / 20 : most);
}

/* Looks for the smallest failing shape, too, while the operation has time for that. */
static void shrink(struct verification *v, const struct check_case *which, struct clm_check *check)
{
    double *const spent =
        &v->shrinking[which->operation ? which->operation - operations_checked : OPERATION_COUNT];
    const double left = v->options->shrink_seconds - *spent, begin = clock_seconds();
    if (v->options->shape || left <= 0 || stop_is_asked(v->options->stop))
        return;
    v->is_lost = !case_shrink(v->device, v->bounds, which, v->repeats, left, check);
    *spent += clock_seconds() - begin;
}

/* Writes the first failing check that can be written, at the smallest shape that is known. */
static void reproduce(struct verification *v, const struct check_case *which, struct clm_check *check)
{
    struct check_case smallest = *which;
    if (!v->options->reproducer || v->has_reproducer || v->is_lost)
        return;
    if (strcmp(check->smallest, check->shape) != 0 &&
        case_parse(check->operation, check->smallest, v->options->seed, &smallest, NULL) != CLM_OK)
        return;
    reproducer_write(v->options->reproducer, v->device, v->bounds, clm_backend_about(v->device), &smallest,
                     check);
    v->has_reproducer = check->has_reproducer;
}

/* Fills a check that ended with an error. */
static void tell_error(struct clm_check *check, const struct clm_error *why)
{
    check->is_error = true;
    check->passed = false;
    check->error_over_bound = NAN;
    snprintf(check->detail, sizeof check->detail, "%.255s", why->message);
}

/* Adds that the device no longer answers, so that other checks are not made. */
static void tell_loss(struct clm_check *check, size_t behind)
{
    char detail[sizeof check->detail];
    memcpy(detail, check->detail, sizeof detail);
    snprintf(check->detail, sizeof check->detail,
             "%.160s; the device no longer answers, so that %zu checks after it are not made", detail,
             behind);
}

/* Names the check; no smaller failing case is known yet. */
static void name_check(struct clm_check *check, const struct check_case *which, size_t number, size_t of)
{
    snprintf(check->operation, sizeof check->operation, "%s", case_name(which));
    case_describe(which, check->shape);
    memcpy(check->smallest, check->shape, sizeof check->smallest);
    check->has_products = case_has_products(which);
    check->number = number;
    check->of = of;
}

static void check_one(struct verification *v, const struct check_case *which, size_t number, size_t of)
{
    struct clm_check check = {0};
    struct clm_error why = {0};
    const double begin = clock_seconds(), work = case_work(which);
    if (takes_too_long(v, v->rate * work, begin)) {
        v->left_out++;
        return;
    }
    name_check(&check, which, number, of);
    if (v->options->on_begin)
        v->options->on_begin(v->options->user, &check);
    const clm_status status = case_run(v->device, v->bounds, which, v->repeats, &check, &why);
    v->rate = fmin(v->rate, (clock_seconds() - begin) / work);
    name_check(&check, which, number, of);
    if (status != CLM_OK)
        tell_error(&check, &why);
    v->is_lost = status != CLM_OK && !case_device_answers(v->device);
    if (!check.passed && !v->is_lost)
        shrink(v, which, &check);
    if (!check.passed)
        reproduce(v, which, &check);
    if (v->is_lost && number < of)
        tell_loss(&check, of - number);
    v->passed = v->passed && check.passed;
    if (v->options->on_check)
        v->options->on_check(v->options->user, &check);
}

/* Lists the cases that the options ask for. */
static clm_status make_plan(const struct clm_verify_options *options, struct case_list *out,
                            struct clm_error *error)
{
    struct plan plan = {.seed = options->seed, .error = error};
    struct check_case one;
    if (options->shape) {
        plan.status =
            case_parse(options->only ? options->only : "", options->shape, options->seed, &one, error);
        if (plan.status == CLM_OK)
            plan.status = case_list_add(&plan.list, &one, error);
    } else if (options->extent == CLM_VERIFY_QUICK) {
        plan_quick(&plan);
    } else {
        plan_standard(&plan);
        if (options->extent == CLM_VERIFY_FULL)
            plan_sweep(&plan);
    }
    size_t kept = 0;
    for (size_t i = 0; i < plan.list.count; i++)
        if (is_wanted(options, &plan.list.cases[i]))
            plan.list.cases[kept++] = plan.list.cases[i];
    plan.list.count = kept;
    *out = plan.list;
    if (plan.status == CLM_OK && !kept && options->part == CLM_VERIFY_ALL)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "%s: there is no such operation; verify prints their names", options->only);
    return plan.status;
}

size_t clm_verify_names(const char **names, size_t most)
{
    size_t count = 0;
    for (; count < OPERATION_COUNT && count < most; count++)
        names[count] = operations_checked[count].name;
    if (count < most)
        names[count++] = STEPS_NAME;
    return count;
}

clm_status clm_verify(struct clm_backend *backend, const struct clm_verify_options *options, bool *passed,
                      struct clm_error *error)
{
    struct verification v = {.device = backend,
                             .options = options,
                             .repeats = options->extent == CLM_VERIFY_FULL ? REPEATS : 1,
                             .begin = clock_seconds(),
                             .rate = INFINITY,
                             .passed = true};
    struct case_list list = {0};
    if (passed)
        *passed = false;
    clm_status status = reproducer_check(options->reproducer, backend, error);
    if (status == CLM_OK)
        status = make_plan(options, &list, error);
    if (status == CLM_OK)
        status = bounds_open(&v.bounds, error);
    for (size_t i = 0; status == CLM_OK && i < list.count && !v.is_lost && !stop_is_asked(options->stop); i++)
        check_one(&v, &list.cases[i], i + 1, list.count);
    clm_backend_close(v.bounds);
    case_list_free(&list);
    if (options->left_out)
        *options->left_out = v.left_out;
    if (passed)
        *passed = status == CLM_OK && v.passed;
    return status;
}
