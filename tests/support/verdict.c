#include "support/verdict.h"

#include "check/plan.h"
#include "compute/opencl/program.h"
#include "prove/bounds/bounds.h"
#include "support/support.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_failed(const struct verdict *verdict, const char *operation)
{
    for (size_t i = 0; i < verdict->failed_count; i++)
        if (!strcmp(verdict->failed[i], operation))
            return true;
    return false;
}

void verdict_hear(void *user, const struct clm_check *check)
{
    struct verdict *const verdict = user;
    ck_assert(check->operation[0] && check->shape[0]);
    ck_assert_int_eq(check->passed, check->error_over_bound <= 1);
    verdict->checks++;
    if (check->passed)
        verdict->worst_passed = fmax(verdict->worst_passed, check->error_over_bound);
    else
        verdict->failures++;
    if (!check->passed && !has_failed(verdict, check->operation)) {
        ck_assert_uint_lt(verdict->failed_count, OPERATIONS_MAX);
        snprintf(verdict->failed[verdict->failed_count++], 64, "%s", check->operation);
    }
    verdict->stop = verdict->needs_one && verdict->failures;
}

struct verdict verify(struct clm_backend *backend)
{
    struct verdict verdict = {0};
    struct clm_error error = {0};
    const struct clm_verify_options options = {
        .extent = CLM_VERIFY_STANDARD, .seed = 1, .on_check = verdict_hear, .user = &verdict};
    if (clm_verify(backend, &options, &verdict.passed, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_int_eq(verdict.passed, verdict.failures == 0);
    return verdict;
}

/* Multiplications: a limit by work leaves out the same checks on a slow machine. */
#define WORK_MOST 2e6

struct verdict verify_quickly(struct clm_backend *backend)
{
    struct verdict verdict = {0};
    struct clm_error error = {0};
    struct clm_backend *bounds = NULL;
    struct plan plan = {.seed = 1, .error = &error};
    plan_standard(&plan);
    if (plan.status != CLM_OK || bounds_open(&bounds, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    for (size_t i = 0; i < plan.list.count; i++) {
        struct clm_check check;
        if (case_work(&plan.list.cases[i]) > WORK_MOST)
            continue;
        if (case_run(backend, bounds, &plan.list.cases[i], 1, &check, &error) != CLM_OK)
            ck_abort_msg("%s", error.message);
        verdict_hear(&verdict, &check);
    }
    case_list_free(&plan.list);
    clm_backend_close(bounds);
    verdict.passed = verdict.failures == 0;
    return verdict;
}

/* These contain other operations, or their formulas: whole steps, a layer's end, gates, changed rows, the
 * updates of several layers with a gather, an update with a forward pass after it, and a net's last layer. */
static bool is_composed(const char *name)
{
    return !strcmp(name, "layer_finish") || !strcmp(name, "gate_backward") ||
           !strcmp(name, "training_steps") || !strcmp(name, "gather_augmented") ||
           !strcmp(name, "linear_gradients") || !strcmp(name, "linear_updates") ||
           !strcmp(name, "linear_update_forward") || !strcmp(name, "linear_softmax_backward");
}

void expect_named(const struct verdict *verdict, const char *operation, const char *also, const char *what)
{
    for (size_t i = 0; i < verdict->failed_count; i++) {
        const char *const name = verdict->failed[i];
        if (strcmp(name, operation) && !is_composed(name) && !(also && !strncmp(name, also, strlen(also))))
            ck_abort_msg("%s: %s is blamed, too", what, name);
    }
    if (!has_failed(verdict, operation))
        ck_abort_msg("%s: not noticed", what);
}

/* The source with the replacement, if `from` is in it; the caller frees it. */
static char *replaced(const struct kernel_source *source, const char *from, const char *to)
{
    char *out = NULL, *const text = strndup(source->text, source->size);
    ck_assert_ptr_nonnull(text);
    const char *const at = strstr(text, from);
    ck_assert_msg(at != NULL, "%s has no line with %s", source->name, from);
    ck_assert_int_gt(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), 0);
    free(text);
    return out;
}

char *broken_kernels(const char *file, const char *from, const char *to)
{
    char *const directory = test_directory();
    for (const struct kernel_source *source = kernel_sources; source->name; source++) {
        char *const text = strcmp(source->name, file) ? NULL : replaced(source, from, to);
        free(test_file(directory, source->name, text ? text : source->text,
                       text ? strlen(text) : source->size));
        free(text);
    }
    return directory;
}
