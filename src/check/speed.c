#include "check/speed.h"

#include "base/clock.h"
#include "base/size.h"
#include "compute/providers.h"
#include "prove/entries.h"
#include "prove/operands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SLICE_SECONDS 0.01 /* launches are queued back to back for so long, then waited for */
#define SLICE_MOST    1000 /* launches */
#define ROUNDS_MOST   50

/* One of those that compute the entry. */
struct contestant {
    struct clm_backend *backend;
    char name[32];
    bool is_owned, is_out; /* is_out: it has failed, or takes too long to build */
    struct problem problem;
    size_t launches; /* of a slice */
    double seconds;  /* of the fastest launch, as a mean over a slice */
};

struct contest {
    enum user_entry entry;
    struct variant variant;
    struct contestant of[PROVIDERS_MOST + 1];
    size_t count;
};

/* ---- who takes part ---- */

static void add_contestant(struct contest *contest, struct clm_backend *backend, const char *name,
                           bool is_owned)
{
    struct contestant *const one = &contest->of[contest->count++];
    *one = (struct contestant){.backend = backend, .is_owned = is_owned, .seconds = INFINITY};
    snprintf(one->name, sizeof one->name, "%s", name);
}

/* The user's comes first. A provider that does not open, or takes seconds to, does not take part. */
static void invite(struct contest *contest, struct clm_backend *device, struct clm_backend *user)
{
    const bool has_products = entry_operations[contest->entry].operation.dimensions == DIMENSIONS_LAYER;
    add_contestant(contest, user, "yours", false);
    if (!has_products)
        add_contestant(contest, device, "clmlp", false);
    for (size_t p = 0; has_products && p < providers_count(device); p++) {
        struct clm_backend *provider;
        struct clm_error why;
        if (provider_is_usable(device, p) && !provider_is_slow_to_build(device, p) &&
            provider_backend(device, p, &provider, &why) == CLM_OK)
            add_contestant(contest, provider, provider_name(device, p), true);
    }
}

static void dismiss(struct contest *contest)
{
    for (size_t i = 0; i < contest->count; i++)
        if (contest->of[i].is_owned)
            clm_backend_close(contest->of[i].backend);
    contest->count = 0;
}

/* ---- timing ---- */

/* Seconds of one launch, from `count` that are queued back to back. */
static clm_status time_slice(struct contestant *one, size_t count, double *seconds, struct clm_error *error)
{
    const double begin = clock_seconds();
    for (size_t i = 0; i < count; i++)
        problem_run(&one->problem);
    const clm_status status = one->problem.status ? one->problem.status : backend_finish(one->backend, error);
    *seconds = (clock_seconds() - begin) / (double)count;
    return status;
}

/* Makes the operands, builds kernels, and finds how many launches make a slice. The first run does not
 * count. */
static clm_status warm_up_contestant(struct contest *contest, struct contestant *one, struct clm_error *error)
{
    double seconds = 0;
    one->problem =
        problem_begin(one->backend, &entry_operations[contest->entry].operation, &contest->variant, error);
    clm_status status = time_slice(one, 1, &seconds, error);
    if (status == CLM_OK)
        status = time_slice(one, 1, &seconds, error);
    one->launches = seconds > 0 ? (size_t)fmin(SLICE_MOST, 1 + SLICE_SECONDS / seconds) : SLICE_MOST;
    return status;
}

/* All in turn, round after round, so that a change of the clock's rate meets all alike. */
static clm_status run_rounds(struct contest *contest, double most, struct clm_error *error)
{
    const double end = clock_seconds() + most * (double)contest->count;
    for (int round = 0; round < ROUNDS_MOST && (round == 0 || clock_seconds() < end); round++)
        for (size_t i = 0; i < contest->count; i++) {
            struct contestant *const one = &contest->of[i];
            double seconds;
            if (one->is_out)
                continue;
            const clm_status status = time_slice(one, one->launches, &seconds, error);
            if (status != CLM_OK)
                return status;
            one->seconds = fmin(one->seconds, seconds);
        }
    return CLM_OK;
}

static clm_status hold(struct contest *contest, double most, struct clm_error *error)
{
    struct clm_error why;
    clm_status status = CLM_OK;
    for (size_t i = 0; i < contest->count; i++) {
        contest->of[i].seconds = INFINITY;
        contest->of[i].is_out = warm_up_contestant(contest, &contest->of[i], &why) != CLM_OK;
        if (contest->of[i].is_out && i == 0) /* the user's own */
            status = clm_fail_setting(error, why.status, why.setting, "%s", why.message);
    }
    if (status == CLM_OK)
        status = run_rounds(contest, most, error);
    for (size_t i = 0; i < contest->count; i++) {
        const clm_status ended = problem_end(&contest->of[i].problem);
        if (ended != CLM_OK)
            contest->of[i].is_out = true;
    }
    return status;
}

/* ---- results ---- */

static void report_speeds(const struct contest *contest, const struct peaks *peaks,
                          const struct clm_kernel_options *options)
{
    const struct operation *const operation = &entry_operations[contest->entry].operation;
    const double operations = entry_operation_count(contest->entry, &contest->variant),
                 bytes = entry_bytes(contest->entry, &contest->variant);
    double fastest = INFINITY;
    for (size_t i = 1; i < contest->count; i++)
        if (!contest->of[i].is_out)
            fastest = fmin(fastest, contest->of[i].seconds);
    for (size_t i = 0; i < contest->count; i++) {
        const struct contestant *const one = &contest->of[i];
        struct clm_kernel_speed speed = {.is_users = i == 0,
                                         .seconds = one->seconds,
                                         .operations = per_second(operations, one->seconds),
                                         .bytes = per_second(bytes, one->seconds)};
        speed.share = fmax(peaks->operations > 0 ? speed.operations / peaks->operations : 0,
                           peaks->bytes > 0 ? speed.bytes / peaks->bytes : 0);
        speed.of_fastest = fastest < INFINITY ? fastest * per_second(1, one->seconds) : 0;
        snprintf(speed.entry, sizeof speed.entry, "%s", operation->name);
        variant_describe(operation, &contest->variant, speed.shape);
        snprintf(speed.system, sizeof speed.system, "%s", one->name);
        if (!one->is_out && options->on_speed)
            options->on_speed(options->user, &speed);
    }
}

/* Judges the user's result at the shape; a wrong one becomes a failed check. */
static clm_status judge_timed(const struct contest *contest, struct clm_backend *bounds,
                              const struct clm_kernel_options *options, bool *is_right,
                              struct clm_error *error)
{
    const struct operation *const operation = &entry_operations[contest->entry].operation;
    struct problem problem = problem_begin(contest->of[0].backend, operation, &contest->variant, error);
    const struct judgement judgement = problem_try(&problem, bounds);
    struct clm_check check = {
        .error_over_bound = judgement.worst, .has_products = true, .number = 1, .of = 1};
    const clm_status status = problem_end(&problem);
    *is_right = judgement.worst <= 1;
    if (status != CLM_OK || *is_right)
        return status;
    snprintf(check.operation, sizeof check.operation, "%s", operation->name);
    variant_describe(operation, &contest->variant, check.shape);
    memcpy(check.smallest, check.shape, sizeof check.smallest);
    snprintf(check.detail, sizeof check.detail, "%s",
             judgement.first[0] ? judgement.first : judgement.detail);
    if (options->on_check)
        options->on_check(options->user, &check);
    return CLM_OK;
}

static clm_status time_shape(struct contest *contest, struct clm_backend *bounds, const char *shape,
                             const struct peaks *peaks, const struct clm_kernel_options *options,
                             bool *passed, struct clm_error *error)
{
    struct clm_backend *const user = contest->of[0].backend;
    bool is_right = false;
    clm_status status =
        variant_parse(&entry_operations[contest->entry].operation, shape, &contest->variant, error);
    contest->variant.seed = options->seed;
    if (status == CLM_OK)
        status = user_kernels_choose(user, contest->entry, USER_ORDER_PLAIN, true, error);
    if (status == CLM_OK)
        status = judge_timed(contest, bounds, options, &is_right, error);
    *passed = *passed && (is_right || status != CLM_OK);
    if (status != CLM_OK || !is_right)
        return status;
    status = user_kernels_choose(user, contest->entry, USER_ORDER_PLAIN, false, error);
    if (status == CLM_OK)
        status = hold(contest, options->speed_seconds, error);
    if (status == CLM_OK)
        report_speeds(contest, peaks, options);
    return status;
}

static clm_status measure_peaks(struct clm_backend *device, const struct clm_kernel_options *options,
                                struct peaks *peaks, struct clm_error *error)
{
    if (peaks->operations > 0)
        return CLM_OK;
    const clm_status status = backend_peaks(device, &peaks->operations, &peaks->bytes, error);
    if (status == CLM_OK && options->on_peaks)
        options->on_peaks(options->user, peaks->operations, peaks->bytes);
    return status;
}

clm_status time_entry(struct clm_backend *device, struct clm_backend *user, struct clm_backend *bounds,
                      enum user_entry entry, const struct clm_kernel_options *options, struct peaks *peaks,
                      bool *passed, struct clm_error *error)
{
    struct contest contest = {.entry = entry};
    clm_status status = measure_peaks(device, options, peaks, error);
    invite(&contest, device, user);
    for (size_t s = 0; status == CLM_OK && s < 2 && entry_operations[entry].timed[s]; s++)
        status =
            time_shape(&contest, bounds, entry_operations[entry].timed[s], peaks, options, passed, error);
    dismiss(&contest);
    return status;
}
