/* verify passes right backends, with any seed; bounds are not too large; checks are described, repeated and
 * judged. */
#include "base/philox.h"
#include "base/size.h"
#include "check/plan.h"
#include "prove/bounds/bounds.h"
#include "prove/judge.h"
#include "support/fixtures.h"
#include "support/spoilt.h"
#include "support/support.h"
#include "support/verdict.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

enum { LOGITS_B = 7, LOGITS_C = 5 };

/* ---- what is right ---- */

static bool is_cpu(const struct clm_backend *backend)
{
    const char *names[16];
    const size_t count = clm_gemm_names(backend, names, 16);
    bool has_native = false;
    for (size_t i = 0; i < count; i++)
        has_native = has_native || !strcmp(names[i], "native");
    return has_native;
}

START_TEST(what_is_right_passes)
{
    static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST,
                                         FIXTURE_TILED};
    struct clm_backend *const backend = fixture_backend(kinds[_i]);
    const bool is_whole = test_in_sample((size_t)_i, 2); /* large products take long */
    const struct verdict verdict = is_whole ? verify(backend) : verify_quickly(backend);
    for (size_t i = 0; i < verdict.failed_count; i++)
        printf("%s: %s\n", clm_backend_name(backend), verdict.failed[i]);
    ck_assert(verdict.passed);
    ck_assert_uint_ge(verdict.checks, 200);
    /* Worst-case bounds are never reached, but they must not be orders of magnitude too large either. */
    if (kinds[_i] != FIXTURE_REFERENCE)
        ck_assert_double_ge(verdict.worst_passed, 0.1);
    /* CLBlast needs a workspace, which stays, for products that it pads: on CPU devices the large ones. What
     * it calls large on a GPU that it knows may be ten times as large. */
    if (kinds[_i] == FIXTURE_CLBLAST && is_cpu(backend) && is_whole)
        ck_assert_uint_gt(backend->memory.now, 0);
    clm_backend_close(backend);
}
END_TEST

/* Random cases of other seeds pass, too, unless they are so large that they take long. */
#define WORK_MOST 5e4

static void run_small_cases(struct clm_backend *backend, struct clm_backend *bounds, const struct plan *plan,
                            size_t *failures)
{
    for (size_t i = 0; i < plan->list.count; i++) {
        const struct check_case *const which = &plan->list.cases[i];
        struct clm_check check;
        if (case_work(which) > WORK_MOST)
            continue;
        if (case_run(backend, bounds, which, 1, &check, &error) != CLM_OK)
            ck_abort_msg("%s", error.message);
        if (check.passed)
            continue;
        printf("%s: %s %s, seed %d: %g, %s\n", clm_backend_name(backend), check.operation, check.shape,
               (int)plan->seed, check.error_over_bound, check.detail);
        ++*failures;
    }
}

START_TEST(what_is_right_passes_whatever_the_seed)
{
    static const struct {
        enum fixture kind;
        uint64_t seeds;
    } tried[] = {{FIXTURE_REFERENCE, 3}, {FIXTURE_BLAS, 20}, {FIXTURE_OPENCL, 5}};
    struct clm_backend *const backend = fixture_backend(tried[_i].kind);
    struct clm_backend *const bounds = fixture_bounds();
    const size_t parts = size_min(3, tried[_i].seeds / 2); /* so that each sample has a seed */
    size_t failures = 0;
    for (uint64_t seed = 2; seed < 2 + tried[_i].seeds; seed++) {
        if (!test_in_sample(seed, parts))
            continue;
        struct plan plan = {.seed = seed, .error = &error};
        plan_standard(&plan);
        plan_sweep(&plan);
        ck_assert_int_eq(plan.status, CLM_OK);
        run_small_cases(backend, bounds, &plan, &failures);
        case_list_free(&plan.list);
    }
    ck_assert_uint_eq(failures, 0);
    clm_backend_close(bounds);
    clm_backend_close(backend);
}
END_TEST

/* ---- wrong checks ---- */

/* A negative, infinite or NaN bound passes nothing, not even right results. */
START_TEST(what_is_no_bound_passes_nothing)
{
    const double infinity = INFINITY;
    static const double none[] = {-1e-300, -1, -INFINITY, INFINITY, NAN};
    char text[256];
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        const struct bounded_sums sums = {.loss = 2, .loss_error = none[i]};
        ck_assert(!is_bound(2, none[i]));
        ck_assert(isnan(error_ratio(2, 2, none[i])));
        ck_assert(isnan(error_ratio(3, 2, none[i])));
        ck_assert(isnan(error_ratio(NAN, 2, none[i])));
        error_describe(text, sizeof text, "Y[0,0]", 2, 2, none[i]);
        ck_assert_ptr_nonnull(strstr(text, "Y[0,0] is 2, which cannot be judged"));
        sums_describe(text, sizeof text, &(struct bounded_sums){.loss = 2}, &sums);
        ck_assert_ptr_nonnull(strstr(text, "loss is 2, which cannot be judged"));
        /* an infinity or NaN must be there itself, whatever the bound */
        ck_assert(error_ratio(NAN, NAN, none[i]) == 0 && error_ratio(-infinity, -infinity, none[i]) == 0);
        ck_assert(isinf(error_ratio(1, NAN, none[i])) && isinf(error_ratio(1, infinity, none[i])));
        ck_assert(isinf(error_ratio(-infinity, infinity, none[i])));
        ck_assert(isinf(error_ratio(NAN, infinity, none[i])) && isinf(error_ratio(infinity, NAN, none[i])));
    }
    ck_assert(error_ratio(2, 2, 0) == 0 && error_ratio(2.5, 2, 1) == 0.5 && isinf(error_ratio(3, 2, 0)));
}
END_TEST

/* What is right is told with a bound only if it has one, and a NaN has no sign. */
START_TEST(what_is_not_finite_is_worded)
{
    static const struct {
        double got, value, error;
        const char *text;
    } cases[] = {
        {3, 2, 0.5, "Y is 3; 2 is right, to within 0.5"},
        {NAN, 2, 0.5, "Y is nan; 2 is right, to within 0.5"},
        {-NAN, 2, 0.5, "Y is nan; 2 is right, to within 0.5"},
        {2, NAN, NAN, "Y is 2; nan is right"},
        {2, -NAN, INFINITY, "Y is 2; nan is right"},
        {2, INFINITY, -NAN, "Y is 2; inf is right"},
        {INFINITY, -INFINITY, 0, "Y is inf; -inf is right"},
        {2, 2, -NAN, "Y is 2, which cannot be judged: nan is no valid bound; the check itself is wrong"}};
    char text[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        error_describe(text, sizeof text, "Y", cases[i].got, cases[i].value, cases[i].error);
        ck_assert_str_eq(text, cases[i].text);
    }
    sums_describe(text, sizeof text, &(struct bounded_sums){.loss = 2, .correct = 3},
                  &(struct bounded_sums){.loss = -NAN, .loss_error = -NAN, .correct = 4});
    ck_assert_str_eq(text, "loss 2 and 3 correct rows; nan and 4 are right");
    sums_describe(text, sizeof text, &(struct bounded_sums){.loss = -NAN, .correct = 3},
                  &(struct bounded_sums){.loss = 2, .loss_error = 0.5, .correct = 4});
    ck_assert_str_eq(text, "loss nan and 3 correct rows; 2 to within 0.5 and 4 are right");
}
END_TEST

/* dZ and the sums of logits with errors. */
struct judged_logits {
    double values[LOGITS_B * LOGITS_C], errors[LOGITS_B * LOGITS_C];
    struct bounded_sums sums;
};

static struct judged_logits judge_logits(struct clm_backend *bounds, const double *values,
                                         const double *errors)
{
    struct tensor Z, dZ, labels;
    struct metrics sums;
    uint32_t classes[LOGITS_B];
    struct judged_logits out;
    for (size_t r = 0; r < LOGITS_B; r++)
        classes[r] = (uint32_t)(r % LOGITS_C);
    ck_assert_done(tensor_create(bounds, TENSOR_INDEX, 1, LOGITS_B, &labels, &error));
    ck_assert_done(tensor_create(bounds, TENSOR_REAL, LOGITS_B, LOGITS_C, &Z, &error));
    ck_assert_done(tensor_create(bounds, TENSOR_REAL, LOGITS_B, LOGITS_C, &dZ, &error));
    ck_assert_done(metrics_create(bounds, &sums, &error));
    ck_assert_done(metrics_reset(bounds, &sums, &error));
    ck_assert_done(backend_write(bounds, &labels, HOST_INDEX, classes, &error));
    ck_assert_done(bounds_write(bounds, &Z, values, errors, &error));
    ck_assert_done(softmax_xent(bounds, &Z, &labels, NULL, &dZ, &sums, &error));
    ck_assert_done(bounds_read(bounds, &dZ, out.values, out.errors, &error));
    ck_assert_done(bounds_sums(bounds, &sums, &out.sums, &error));
    metrics_free(bounds, &sums);
    tensor_free(bounds, &labels);
    tensor_free(bounds, &dZ);
    tensor_free(bounds, &Z);
    return out;
}

/* Logits at the ends of their errors, one of each row at one end and all others at the other: probabilities
 * and losses move as far as possible, and stay within the bounds. The part of the bounds for a float's
 * roundings, which these do not have, is small. */
START_TEST(errors_of_logits_stay_within_their_bounds)
{
    enum { COUNT = LOGITS_B * LOGITS_C };
    struct clm_backend *const bounds = fixture_bounds();
    struct philox random = philox_start((uint64_t)_i, RANDOM_TEST, 9);
    const double size = pow(10, _i - 4); /* size of the errors: 1e-4 to 1e4 */
    double Z[COUNT], errors[COUNT], end[COUNT], worst = 0, worst_loss = 0;
    static const double none[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        Z[i] = fmax(size, 1) * philox_normal(&random);
        errors[i] = size * philox_uniform(&random);
    }
    const struct judged_logits middle = judge_logits(bounds, Z, errors);
    for (size_t one = 0; one < 2 * LOGITS_C; one++) { /* up, then down */
        for (size_t i = 0; i < COUNT; i++)
            end[i] = Z[i] + ((i % LOGITS_C == one / 2) == (one % 2 == 0) ? errors[i] : -errors[i]);
        const struct judged_logits moved = judge_logits(bounds, end, none);
        for (size_t i = 0; i < COUNT; i++)
            worst = worse_ratio(worst, error_ratio(moved.values[i], middle.values[i], middle.errors[i]));
        worst_loss =
            worse_ratio(worst_loss, error_ratio(moved.sums.loss, middle.sums.loss, middle.sums.loss_error));
    }
    ck_assert(worst <= 1 && worst_loss <= 1);
    ck_assert_double_ge(worst, 0.9);
    ck_assert_double_ge(worst_loss, 0.1); /* some labels' losses move less */
    clm_backend_close(bounds);
}
END_TEST

/* On the reference: |X| |W|ᵀ, from which its bounds are computed, becomes negative. */
static clm_status negated_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                  const struct epilogue *epilogue, struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, epilogue, Y, e);
    for (size_t i = 0; i < Y->rows * Y->columns; i++)
        ((double *)Y->memory)[i] *= -1;
    return status;
}

/* The device agrees to the last bit, but that proves nothing. */
START_TEST(a_check_that_is_wrong_says_so)
{
    static const char *const cases[][2] = {{"linear_forward", "B=3 I=5 O=2"},
                                           {"linear_softmax_backward", "B=3 I=5 O=2"},
                                           {"training_steps", "5-2 B=3 N=3 x1 momentum=0 l2=0"}};
    struct clm_backend *const bounds = fixture_bounds(), *const backend = bounds_reference(bounds);
    right = spoilt = *backend->operations;
    spoilt.linear_forward = negated_forward;
    backend->operations = &spoilt;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct check_case which;
        struct clm_check check;
        ck_assert_int_eq(case_parse(cases[i][0], cases[i][1], 1, &which, &error), CLM_OK);
        ck_assert_int_eq(case_run(backend, bounds, &which, 1, &check, &error), CLM_OK);
        if (check.passed || !isnan(check.error_over_bound) || !strstr(check.detail, "cannot be judged"))
            ck_abort_msg("%s: %g, %s", cases[i][0], check.error_over_bound, check.detail);
    }
    clm_backend_close(bounds);
}
END_TEST

/* ---- what a failed check prints ---- */

struct last_check {
    struct clm_check failed;
    size_t count;
};

static void hear_last(void *user, const struct clm_check *check)
{
    struct last_check *const last = user;
    last->count++;
    if (!check->passed && !last->failed.smallest[0])
        last->failed = *check;
}

static struct last_check check_shape(struct clm_backend *backend, const char *operation, const char *shape,
                                     uint64_t seed)
{
    struct last_check last = {0};
    const struct clm_verify_options options = {.extent = CLM_VERIFY_FULL,
                                               .seed = seed,
                                               .only = operation,
                                               .shape = shape,
                                               .on_check = hear_last,
                                               .user = &last};
    bool passed;
    if (clm_verify(backend, &options, &passed, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_int_eq(passed, !last.failed.smallest[0]);
    return last;
}

/* Changes the last bit of one element at every fifth call: within every bound. */
static clm_status racing_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                                 struct clm_error *e)
{
    static size_t calls;
    const clm_status status = right.softmax(be, Z, P, e);
    if (++calls % 5 == 0)
        *element(P, 0) = nextafterf(*element(P, 0), 2);
    return status;
}

START_TEST(bits_that_change_from_run_to_run_fail)
{
    struct clm_backend *const backend = backend_to_spoil();
    ck_assert_uint_eq(check_shape(backend, "softmax", "B=7 C=10", 1).failed.shape[0], 0);
    spoilt.softmax = racing_softmax;
    const struct last_check last = check_shape(backend, "softmax", "B=7 C=10", 1);
    ck_assert(isinf(last.failed.error_over_bound));
    ck_assert_ptr_nonnull(strstr(last.failed.detail, "other bits"));
    clm_backend_close(backend);
}
END_TEST

/* ---- denormals ---- */

/* A device may keep denormals, or take all or some of them as zeros; nothing else. */
static float denormal_taken(float x, size_t i, int way)
{
    static const float factors[] = {1, 0, 0, 2, -1};
    if (x == 0 || fabsf(x) >= FLT_MIN || (way == 2 && i % 2))
        return x;
    return factors[way] * x;
}

static int way_taken;

static float *batch_taken(const struct tensor *batch)
{
    const size_t count = count_of(batch);
    float *const taken = malloc(count * sizeof *taken);
    ck_assert_ptr_nonnull(taken);
    for (size_t i = 0; i < count; i++)
        taken[i] = denormal_taken(((const float *)batch->memory)[i], i, way_taken);
    return taken;
}

static clm_status forward_of_taken(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                   const struct epilogue *epilogue, struct tensor *Y, struct clm_error *e)
{
    struct tensor taken = *X;
    taken.memory = batch_taken(X);
    const clm_status status = right.linear_forward(be, &taken, layer, epilogue, Y, e);
    free(taken.memory);
    return status;
}

static clm_status params_of_taken(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, double l2, struct clm_error *e)
{
    struct tensor taken = *dZ;
    taken.memory = batch_taken(dZ);
    const clm_status status = right.linear_backward_params(be, &taken, X, layer, l2, e);
    free(taken.memory);
    return status;
}

START_TEST(denormals_are_kept_or_flushed_and_nothing_else)
{
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.linear_forward = forward_of_taken;
    spoilt.linear_backward_params = params_of_taken;
    for (way_taken = 0; way_taken < 5; way_taken++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            const bool is_right = way_taken < 3;
            const struct last_check forward =
                check_shape(backend, "linear_forward", "B=33 I=31 O=63 tiny", seed);
            const struct last_check params =
                check_shape(backend, "linear_backward_params", "B=33 I=31 O=63 tiny", seed);
            ck_assert_int_eq(forward.failed.error_over_bound > 1, !is_right);
            ck_assert_int_eq(params.failed.error_over_bound > 1, !is_right);
        }
    clm_backend_close(backend);
}
END_TEST

/* ---- mistakes that no weight shows ---- */

#define STEPS "13-11-5 B=8 N=20 x2 momentum=0.9 l2=0"
static const size_t last_call = 2 * 2 * 3; /* layers, epochs, batches: the last layer's last step */
static size_t calls;

static clm_status step_spoils_the_last_velocity(struct clm_backend *be, const struct tensor *dZ,
                                                const struct tensor *X, struct linear *layer,
                                                const struct step *step, struct clm_error *e)
{
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    if (++calls == last_call)
        *element(&layer->W.state[0], count_of(&layer->W.state[0]) - 1) += 1e-3f;
    return status;
}

static clm_status step_forgets_the_last_bias_velocity(struct clm_backend *be, const struct tensor *dZ,
                                                      const struct tensor *X, struct linear *layer,
                                                      const struct step *step, struct clm_error *e)
{
    const float before = *element(&layer->b.state[0], 0);
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    if (++calls == last_call)
        *element(&layer->b.state[0], 0) = before;
    return status;
}

START_TEST(velocities_are_judged_after_the_last_step)
{
    struct clm_backend *const backend = backend_to_spoil();
    ck_assert_uint_eq(check_shape(backend, "training_steps", STEPS, 1).failed.shape[0], 0);
    for (int is_bias = 0; is_bias < 2; is_bias++) {
        calls = 0;
        spoilt.linear_backward_update =
            is_bias ? step_forgets_the_last_bias_velocity : step_spoils_the_last_velocity;
        const struct last_check last = check_shape(backend, "training_steps", STEPS, 1);
        ck_assert(last.failed.error_over_bound > 1);
        ck_assert_ptr_nonnull(strstr(last.failed.detail, is_bias ? "layers.1.bias velocity[0,0]"
                                                                 : "layers.1.weight velocity[4,10]"));
    }
    clm_backend_close(backend);
}
END_TEST

/* The description that each case prints gives the same case again. */
START_TEST(every_shape_is_read_as_it_is_printed)
{
    struct plan plan = {.seed = 5, .error = &error};
    plan_standard(&plan);
    plan_quick(&plan);
    plan_sweep(&plan);
    ck_assert_int_eq(plan.status, CLM_OK);
    ck_assert_uint_gt(plan.list.count, 900);
    for (size_t i = 0; i < plan.list.count; i++) {
        const struct check_case *const which = &plan.list.cases[i];
        struct check_case again;
        struct clm_check printed = {0}, reprinted = {0};
        case_describe(which, printed.shape);
        if (case_parse(case_name(which), printed.shape, 5, &again, &error) != CLM_OK)
            ck_abort_msg("%s", error.message);
        const struct variant *const a = &which->variant, *const b = &again.variant;
        case_describe(&again, reprinted.shape);
        if (which->operation) {
            ck_assert(a->odd_in == b->odd_in && a->odd_place == b->odd_place && a->fill == b->fill &&
                      a->seed == b->seed && a->act == b->act);
            ck_assert(a->is_bytes == b->is_bytes && a->is_ordered == b->is_ordered);
            ck_assert(a->below == b->below && a->rule == b->rule && a->momentum == b->momentum &&
                      a->l2 == b->l2);
        } else {
            ck_assert_mem_eq(which->steps.widths, again.steps.widths, sizeof again.steps.widths);
            ck_assert_uint_eq(which->steps.seed, again.steps.seed);
            ck_assert(which->steps.is_float == again.steps.is_float &&
                      which->steps.is_extreme == again.steps.is_extreme);
        }
        ck_assert_str_eq(printed.shape, reprinted.shape);
    }
    case_list_free(&plan.list);
}
END_TEST

START_TEST(shapes_that_are_none_are_refused)
{
    static const char *const cases[][2] = {
        {"linear_forward", "B=7 I=33"},
        {"linear_forward", "B=0 I=33 O=65"},
        {"linear_forward", "B=7 I=33 O=65 softplus"},
        {"linear_forward", "B=7 I=33 O=65, NaN in v"},
        {"linear_forward", "B=7 I=-3 O=65"},
        {"linear_forward", "B=99999999999999999999 I=33 O=65"},
        {"linear_forward", "B=1 I=100000 O=100000"},
        {"softmax", "B=7 C=10, 3 in Z"},
        {"softmax", "B=7 C=10, NaN in Z at top"},
        {"gather", "N=40 B=31 I=33 first=10"},
        {"gather", "N=40 B=31 I=33 first=0 bytes, Inf in values"},
        {"gather_augmented", "N=40 B=33 3x9x5 first=0 bytes flip, NaN in values"},
        {"training_steps", "33-10 B=3"},
        {"training_steps", "33 B=3 N=4 x2 momentum=0 l2=0"},
        {"gather", "N=40 B=31 I=33 first=0 flip"},
        {"gather", "N=40 B=31 3x9x5 first=0"},
        {"gather_augmented", "N=40 B=33 3x9x5 first=0 relu"},
        {"linear_forward", "B=7 I=33 O=65 bytes"},
        {"linear_forward", "B=7 I=33 O=65 mixup=0.5"},
        {"softmax", "B=7 C=10 momentum=0.9"},
        {"update", "O=65 I=33 relu"},
        {"softmin", "B=7 C=10"},
        {"update", "O=65 I=33 momentum=2"},
        {"training_steps", "33-10 B=3 N=4 x2 momentum=0 l2=0 more"},
        {"training_steps", "33-10 B=3 N=4 x2 momentum=0 l2=0 extreme"},
    };
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct clm_verify_options options = {.seed = 1, .only = cases[i][0], .shape = cases[i][1]};
        bool passed = true;
        if (clm_verify(backend, &options, &passed, &error) != CLM_ERROR_ARGUMENT)
            ck_abort_msg("%s %s was taken", cases[i][0], cases[i][1]);
        ck_assert(!passed);
        ck_assert(strstr(error.message, "has to be") || strstr(error.message, "no such operation"));
    }
    clm_backend_close(backend);
}
END_TEST

/* How many checks of the plan try an operation with such an activation, or with such a rule. */
static size_t checks_with(const struct plan *plan, enum operation_name name, enum activation act,
                          enum rule rule)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->list.count; i++) {
        const struct check_case *const tried = &plan->list.cases[i];
        const struct variant *const v = &tried->variant;
        count += tried->operation == &operations_checked[name] && (v->act == act || v->below == act) &&
                 v->rule == rule;
    }
    return count;
}

/* A rule or an activation that is only in the table, and in no check, would be right without a look. */
START_TEST(each_rule_and_activation_is_tried)
{
    struct plan plan = {.seed = 1, .error = &error};
    plan_standard(&plan);
    ck_assert_int_eq(plan.status, CLM_OK);
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        ck_assert_uint_gt(checks_with(&plan, OPERATION_UPDATE, ACTIVATION_NONE, (enum rule)rule), 5);
        if (rules[rule].is_linear) /* the steps of others are not taken with the gradient */
            ck_assert_uint_gt(checks_with(&plan, OPERATION_BACKWARD_UPDATE, ACTIVATION_NONE, (enum rule)rule),
                              5);
    }
    for (int act = 0; act < ACTIVATION_COUNT; act++) {
        ck_assert_uint_gt(checks_with(&plan, OPERATION_FORWARD, (enum activation)act, RULE_SGD), 5);
        ck_assert_uint_gt(checks_with(&plan, OPERATION_BACKWARD_INPUT, (enum activation)act, RULE_SGD), 5);
    }
    case_list_free(&plan.list);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("check");
    TCase *const verification = tcase_create("verify"), *const repeating = tcase_create("repeating"),
                 *const bounding = tcase_create("bounds");
    test_add_sampled(verification, what_is_right_passes, 0, 5, 2);
    tcase_add_test(repeating, bits_that_change_from_run_to_run_fail);
    tcase_add_test(repeating, every_shape_is_read_as_it_is_printed);
    tcase_add_test(repeating, each_rule_and_activation_is_tried);
    tcase_add_test(repeating, shapes_that_are_none_are_refused);
    tcase_add_loop_test(bounding, what_is_right_passes_whatever_the_seed, 0, 3);
    tcase_add_test(bounding, what_is_no_bound_passes_nothing);
    tcase_add_test(bounding, what_is_not_finite_is_worded);
    tcase_add_test(bounding, a_check_that_is_wrong_says_so);
    tcase_add_loop_test(bounding, errors_of_logits_stay_within_their_bounds, 0, 9);
    tcase_add_test(bounding, denormals_are_kept_or_flushed_and_nothing_else);
    tcase_add_test(bounding, velocities_are_judged_after_the_last_step);
    suite_add_tcase(suite, verification);
    suite_add_tcase(suite, repeating);
    suite_add_tcase(suite, bounding);
    return test_run(suite);
}
