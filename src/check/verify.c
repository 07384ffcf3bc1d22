/* clm_verify: makes the checks of a plan one by one, and looks for the smallest that fails. */
#include "check/plan.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define REPEATS 3 /* runs of each check of CLM_VERIFY_FULL, which have to give the same bits */

/* A run of checks: what is asked for, and what has come of them. */
struct verification {
    struct clm_backend *device, *reference;
    const struct clm_verify_options *options;
    size_t repeats;
    char shrunk[OPERATION_COUNT + 1]
               [sizeof(((struct clm_check *)0)->operation)]; /* names; one case of each */
    double begin;                                            /* when the first began */
    double rate; /* the least seconds for a unit of a case's work so far */
    size_t left_out;
    bool passed;
    struct clm_error *error;
};

static bool is_wanted(const struct clm_verify_options *options, const struct check_case *which)
{
    return (!options->only || !strcmp(options->only, case_name(which))) &&
           (!options->products_only || case_has_products(which));
}

/* Whether this is the operation's first failure. */
static bool is_first_failure(struct verification *v, const char *name)
{
    for (size_t i = 0; i < sizeof v->shrunk / sizeof *v->shrunk; i++) {
        if (!strcmp(v->shrunk[i], name))
            return false;
        if (!v->shrunk[i][0]) {
            snprintf(v->shrunk[i], sizeof v->shrunk[i], "%s", name);
            return true;
        }
    }
    return false;
}

/* By itself, or where the time for all is up and it would still take a good part of that again. */
static bool takes_too_long(const struct verification *v, double expected, double now)
{
    const double most = v->options->seconds_most;
    const bool is_time_up = now - v->begin > most;
    return most > 0 && v->rate < INFINITY && expected > (is_time_up ? most / 20 : most);
}

static clm_status check_one(struct verification *v, const struct check_case *which, size_t number, size_t of)
{
    struct clm_check check;
    const double begin = clock_seconds(), work = case_work(which);
    if (takes_too_long(v, v->rate * work, begin)) {
        v->left_out++;
        return CLM_OK;
    }
    clm_status status = case_run(v->device, v->reference, which, v->repeats, &check, v->error);
    v->rate = fmin(v->rate, (clock_seconds() - begin) / work);
    memcpy(check.smallest, check.shape, sizeof check.smallest);
    if (status == CLM_OK && !check.passed && v->options->extent == CLM_VERIFY_FULL && !v->options->shape &&
        is_first_failure(v, check.operation))
        status = case_shrink(v->device, v->reference, which, v->repeats, check.smallest, v->error);
    if (status != CLM_OK)
        return status;
    check.has_products = case_has_products(which);
    check.number = number;
    check.of = of;
    v->passed = v->passed && check.passed;
    if (v->options->on_check)
        v->options->on_check(v->options->user, &check);
    return CLM_OK;
}

/* The cases that are asked for. */
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
    if (plan.status == CLM_OK && !kept && !options->products_only)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "%s: there is no such operation; verify prints their names", options->only);
    return plan.status;
}

clm_status clm_verify(struct clm_backend *backend, const struct clm_verify_options *options, bool *passed,
                      struct clm_error *error)
{
    const struct clm_backend_options reference = {.kind = CLM_BACKEND_REFERENCE};
    struct verification v = {.device = backend,
                             .options = options,
                             .repeats = options->extent == CLM_VERIFY_FULL ? REPEATS : 1,
                             .begin = clock_seconds(),
                             .rate = INFINITY,
                             .passed = true,
                             .error = error};
    struct case_list list = {0};
    *passed = false;
    clm_status status = make_plan(options, &list, error);
    if (status == CLM_OK)
        status = clm_backend_open(&reference, &v.reference, error);
    for (size_t i = 0; status == CLM_OK && i < list.count; i++)
        status = check_one(&v, &list.cases[i], i + 1, list.count);
    clm_backend_close(v.reference);
    case_list_free(&list);
    if (options->left_out)
        *options->left_out = v.left_out;
    *passed = status == CLM_OK && v.passed;
    return status;
}
