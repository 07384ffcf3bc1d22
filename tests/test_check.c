/* verify and gradcheck pass on what is right, and name what is wrong: operations that are spoilt one at a time. */
#include "check/differences.h"
#include "check/plan.h"
#include "compute/host.h"
#include "support/fixtures.h"
#include "support/support.h"
#include "support/verdict.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

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
    const struct verdict verdict = verify(backend);
    for (size_t i = 0; i < verdict.failures; i++)
        printf("%s: %s\n", clm_backend_name(backend), verdict.failed[i]);
    ck_assert(verdict.passed);
    ck_assert_uint_ge(verdict.checks, 200);
    /* Bounds of a worst case are not met by far, but they are no orders of magnitude away either. */
    if (kinds[_i] != FIXTURE_REFERENCE)
        ck_assert_double_ge(verdict.worst_passed, 0.1);
    /* CLBlast needs a workspace, which stays, for products that it pads. On CPU devices the large ones are such; what it
     * calls large on a GPU that it knows may be ten times as large. */
    if (kinds[_i] == FIXTURE_CLBLAST && is_cpu(backend))
        ck_assert_uint_gt(backend->memory.now, 0);
    clm_backend_close(backend);
}
END_TEST

/* What chance makes of other seeds is right, too: whatever is not so large that it takes its time. */
#define WORK_MOST 5e4

static void run_small_cases(struct clm_backend *backend, struct clm_backend *reference,
                            const struct plan *plan, size_t *failures)
{
    for (size_t i = 0; i < plan->list.count; i++) {
        const struct check_case *const which = &plan->list.cases[i];
        struct clm_check check;
        if (case_work(which) > WORK_MOST)
            continue;
        if (case_run(backend, reference, which, 1, &check, &error) != CLM_OK)
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
    struct clm_backend *const reference = fixture_backend(FIXTURE_REFERENCE);
    size_t failures = 0;
    for (uint64_t seed = 2; seed < 2 + tried[_i].seeds; seed++) {
        struct plan plan = {.seed = seed, .error = &error};
        plan_standard(&plan);
        plan_sweep(&plan);
        ck_assert_int_eq(plan.status, CLM_OK);
        run_small_cases(backend, reference, &plan, &failures);
        case_list_free(&plan.list);
    }
    ck_assert_uint_eq(failures, 0);
    clm_backend_close(reference);
    clm_backend_close(backend);
}
END_TEST

/* ---- a check that is wrong ---- */

/* A bound has to bound something: one that is negative, infinite or NaN passes nothing, not even what is right. */
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
        sums_describe(text, sizeof text, &(struct sums_read){2, 0}, &sums);
        ck_assert_ptr_nonnull(strstr(text, "loss is 2, which cannot be judged"));
        /* what is not finite has to be there itself, whatever the bound */
        ck_assert(error_ratio(NAN, NAN, none[i]) == 0 && error_ratio(-infinity, -infinity, none[i]) == 0);
        ck_assert(isinf(error_ratio(1, NAN, none[i])) && isinf(error_ratio(1, infinity, none[i])));
        ck_assert(isinf(error_ratio(-infinity, infinity, none[i])));
        ck_assert(isinf(error_ratio(NAN, infinity, none[i])) && isinf(error_ratio(infinity, NAN, none[i])));
    }
    ck_assert(error_ratio(2, 2, 0) == 0 && error_ratio(2.5, 2, 1) == 0.5 && isinf(error_ratio(3, 2, 0)));
}
END_TEST

/* Logits at the ends of their errors, one of each row at the one end and all others at the other: probabilities and losses move as
 * far as they can, and stay within the bounds; of a float's roundings, which these do not have, little is in them. */
START_TEST(errors_of_logits_stay_within_their_bounds)
{
    enum { B = 7, C = 5 };
    struct clm_backend *const reference = fixture_backend(FIXTURE_REFERENCE);
    struct philox random = philox_start((uint64_t)_i, RANDOM_TEST, 9);
    const double size = pow(10, _i - 4); /* of the errors: 1e-4 to 1e4 */
    struct bounded labels, Z, dZ, end, end_dZ;
    struct bounded_sums sums = {0};
    ck_assert_int_eq(bounded_create(TENSOR_INDEX, 1, B, &labels, &error), CLM_OK);
    struct bounded *const logits[] = {&Z, &dZ, &end, &end_dZ};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(bounded_create(TENSOR_REAL, B, C, logits[i], &error), CLM_OK);
    for (size_t r = 0; r < B; r++)
        labels.value[r] = (double)(r % C);
    for (size_t i = 0; i < bounded_count(&Z); i++) {
        Z.value[i] = fmax(size, 1) * philox_normal(&random);
        Z.error[i] = size * philox_uniform(&random);
    }
    ck_assert_int_eq(bounded_softmax_xent(reference, &Z, &labels, NULL, &dZ, &sums, &error), CLM_OK);
    double worst = 0, worst_loss = 0;
    for (size_t one = 0; one < 2 * C; one++) { /* up, then down */
        struct bounded_sums end_sums = {0};
        for (size_t i = 0; i < bounded_count(&Z); i++)
            end.value[i] = Z.value[i] + ((i % C == one / 2) == (one % 2 == 0) ? Z.error[i] : -Z.error[i]);
        ck_assert_int_eq(bounded_softmax_xent(reference, &end, &labels, NULL, &end_dZ, &end_sums, &error),
                         CLM_OK);
        for (size_t i = 0; i < bounded_count(&Z); i++)
            worst = worse_ratio(worst, error_ratio(end_dZ.value[i], dZ.value[i], dZ.error[i]));
        worst_loss = worse_ratio(worst_loss, error_ratio(end_sums.loss, sums.loss, sums.loss_error));
    }
    ck_assert(worst <= 1 && worst_loss <= 1);
    ck_assert_double_ge(worst, 0.9);
    ck_assert_double_ge(worst_loss, 0.1); /* no end is that of all labels */
    for (size_t i = 0; i < 4; i++)
        bounded_free(logits[i]);
    bounded_free(&labels);
    clm_backend_close(reference);
}
END_TEST

static struct backend_operations right, spoilt;

/* On the reference: |X| |W|ᵀ, of which its bounds are made, is negative. */
static clm_status negated_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                  enum activation act, struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, act, Y, e);
    for (size_t i = 0; i < Y->rows * Y->columns; i++)
        ((double *)Y->memory)[i] *= -1;
    return status;
}

/* The device agrees to the last bit, and yet nothing is proved. */
START_TEST(a_check_that_is_wrong_says_so)
{
    static const char *const cases[][2] = {{"linear_forward", "B=3 I=5 O=2"},
                                           {"linear_softmax_backward", "B=3 I=5 O=2"},
                                           {"training_steps", "5-2 B=3 N=3 x1 momentum=0 l2=0"}};
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    right = spoilt = *backend->operations;
    spoilt.linear_forward = negated_forward;
    backend->operations = &spoilt;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct check_case which;
        struct clm_check check;
        ck_assert_int_eq(case_parse(cases[i][0], cases[i][1], 1, &which, &error), CLM_OK);
        ck_assert_int_eq(case_run(backend, backend, &which, 1, &check, &error), CLM_OK);
        if (check.passed || !isnan(check.error_over_bound) || !strstr(check.detail, "cannot be judged"))
            ck_abort_msg("%s: %g, %s", cases[i][0], check.error_over_bound, check.detail);
    }
    clm_backend_close(backend);
}
END_TEST

/* ---- operations that are wrong ---- */

static clm_status (*fixture_allocate)(struct clm_backend *be, size_t bytes, void **memory,
                                      struct clm_error *error);

static float *element(struct tensor *tensor, size_t i)
{
    return (float *)tensor->memory + i;
}

static size_t count_of(const struct tensor *tensor)
{
    return tensor->rows * tensor->columns;
}

/* What can be wrong with any operation's output. */
enum damage { DAMAGE_BEYOND, DAMAGE_LAST, DAMAGE_SLIGHT, DAMAGE_NAN, DAMAGE_COUNT };

static const char *const damages[DAMAGE_COUNT] = {
    "writes one element beyond the end", "gets the last element wrong",
    "gets one element wrong by one part in a thousand", "turns NaN into zero"};

static enum damage damage;

static void spoil(struct tensor *out)
{
    const size_t count = count_of(out);
    switch (damage) {
    case DAMAGE_BEYOND:
        *element(out, count) = 1;
        break;
    case DAMAGE_LAST:
        *element(out, count - 1) += 1;
        break;
    case DAMAGE_SLIGHT:
        *element(out, count / 2) *= 1.001f;
        break;
    default:
        for (size_t i = 0; i < count; i++)
            if (isnan(*element(out, i)))
                *element(out, i) = 0;
    }
}

static clm_status spoilt_gather(struct clm_backend *be, const struct resident *data,
                                const struct tensor *order, size_t first, const struct augmentation *a,
                                struct tensor *X, struct tensor *labels, struct clm_error *e)
{
    const clm_status status = right.gather(be, data, order, first, a, X, labels, e);
    spoil(X);
    return status;
}

static clm_status spoilt_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                 enum activation act, struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, act, Y, e);
    spoil(Y);
    return status;
}

static clm_status spoilt_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                              const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                              struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    if (dZ)
        spoil(dZ);
    return status;
}

static clm_status spoilt_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                                 struct clm_error *e)
{
    const clm_status status = right.softmax(be, Z, P, e);
    spoil(P);
    return status;
}

static clm_status spoilt_input(struct clm_backend *be, const struct tensor *dZ, const struct linear *layer,
                               const struct tensor *Y, struct tensor *dX, struct clm_error *e)
{
    const clm_status status = right.linear_backward_input(be, dZ, layer, Y, dX, e);
    spoil(dX);
    return status;
}

static clm_status spoilt_params(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                const struct linear *layer, double l2, struct tensor *dW, struct tensor *db,
                                struct clm_error *e)
{
    const clm_status status = right.linear_backward_params(be, dZ, X, layer, l2, dW, db, e);
    spoil(dW);
    return status;
}

static clm_status spoilt_step(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                              struct linear *layer, const struct step *step, struct clm_error *e)
{
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    spoil(&layer->W);
    return status;
}

static clm_status spoilt_step_forward(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                      struct linear *layer, const struct step *step,
                                      const struct tensor *next_X, enum activation act, struct tensor *next_Y,
                                      struct clm_error *e)
{
    clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    if (status == CLM_OK)
        status = right.linear_forward(be, next_X, layer, act, next_Y, e);
    spoil(next_Y);
    return status;
}

static bool always_has_head(struct clm_backend *be, const struct linear *layer, size_t B)
{
    (void)be, (void)layer, (void)B;
    return true;
}

static clm_status spoilt_softmax_backward(struct clm_backend *be, const struct tensor *X,
                                          const struct linear *layer, const struct tensor *labels,
                                          struct tensor *dZ, struct tensor *dX, struct metrics *sums,
                                          struct clm_error *e)
{
    clm_status status = right.linear_forward(be, X, layer, ACTIVATION_NONE, dZ, e);
    if (status == CLM_OK)
        status = right.softmax_xent(be, dZ, labels, NULL, dZ, sums, e);
    if (status == CLM_OK && dX)
        status = right.linear_backward_input(be, dZ, layer, X, dX, e);
    spoil(dX ? dX : dZ);
    return status;
}

static clm_status spoilt_update(struct clm_backend *be, struct tensor *w, const struct tensor *g,
                                struct tensor *velocity, const struct step *step, struct clm_error *e)
{
    const clm_status status = right.update(be, w, g, velocity, step, e);
    spoil(w);
    return status;
}

static void put_spoilt(size_t operation)
{
    switch (operation) {
    case 0:
        spoilt.gather = spoilt_gather;
        break;
    case 1:
        spoilt.linear_forward = spoilt_forward;
        break;
    case 2:
        spoilt.softmax_xent = spoilt_xent;
        break;
    case 3:
        spoilt.softmax = spoilt_softmax;
        break;
    case 4:
        spoilt.linear_backward_input = spoilt_input;
        break;
    case 5:
        spoilt.linear_backward_params = spoilt_params;
        break;
    case 6:
        spoilt.linear_backward_update = spoilt_step;
        break;
    case 7:
        spoilt.linear_update_forward = spoilt_step_forward;
        break;
    case 8:
        spoilt.has_head = always_has_head;
        spoilt.linear_softmax_backward = spoilt_softmax_backward;
        break;
    default:
        spoilt.update = spoilt_update;
    }
}

static const char *const operation_names[] = {"gather",
                                              "linear_forward",
                                              "softmax_xent",
                                              "softmax",
                                              "linear_backward_input",
                                              "linear_backward_params",
                                              "linear_backward_update",
                                              "linear_update_forward",
                                              "linear_softmax_backward",
                                              "update"};
#define OPERATIONS (sizeof operation_names / sizeof *operation_names)

/* Room for what is written beyond the end of a matrix that has nothing behind it. */
static clm_status roomy_allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *e)
{
    return fixture_allocate(be, bytes + sizeof(float), memory, e);
}

/* A blas backend whose table may be changed. */
static struct clm_backend *backend_to_spoil(void)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    right = spoilt = *backend->operations;
    fixture_allocate = right.allocate;
    right.allocate = spoilt.allocate = roomy_allocate;
    backend->operations = &spoilt;
    return backend;
}

/* verify of one operation. */
static struct verdict verify_only(struct clm_backend *backend, const char *operation,
                                  enum clm_verify_extent extent)
{
    struct verdict verdict = {0};
    const struct clm_verify_options options = {
        .extent = extent, .seed = 1, .only = operation, .on_check = verdict_hear, .user = &verdict};
    if (clm_verify(backend, &options, &verdict.passed, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return verdict;
}

START_TEST(every_damage_to_every_operation_is_noticed)
{
    struct clm_backend *const backend = backend_to_spoil();
    put_spoilt((size_t)_i);
    for (int d = 0; d < DAMAGE_COUNT; d++) {
        char what[128];
        damage = (enum damage)d;
        snprintf(what, sizeof what, "%s %s", operation_names[_i], damages[d]);
        const struct verdict verdict = verify_only(backend, operation_names[_i], CLM_VERIFY_STANDARD);
        expect_named(&verdict, operation_names[_i], NULL, what);
    }
    clm_backend_close(backend);
}
END_TEST

/* ---- one element in a million ---- */

#define MILLION 1000000

/* What the spoilt operations below spoil: of the outputs of a call that has one of a million elements, the one of this number,
 * at one element. */
static size_t spoilt_output;
static bool is_spoilt_by_nan;
static size_t calls_spoilt;

static void spoil_one_of(struct tensor *const *outputs, size_t count)
{
    size_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = count_of(outputs[i]) > largest ? count_of(outputs[i]) : largest;
    if (largest < MILLION || spoilt_output >= count)
        return;
    struct tensor *const output = outputs[spoilt_output];
    const size_t at = (size_t)(0.618 * (double)count_of(output));
    calls_spoilt++;
    if (output->type == TENSOR_INDEX)
        ((uint32_t *)output->memory)[at] ^= 1;
    else if (is_spoilt_by_nan)
        *element(output, at) = NAN;
    else
        *element(output, at) = *element(output, at) == 0 ? 1e-6f : 1.001f * *element(output, at);
}

static clm_status rare_gather(struct clm_backend *be, const struct resident *data, const struct tensor *order,
                              size_t first, const struct augmentation *augmentation, struct tensor *X,
                              struct tensor *labels, struct clm_error *e)
{
    const clm_status status = right.gather(be, data, order, first, augmentation, X, labels, e);
    spoil_one_of((struct tensor *const[]){X, labels}, 2);
    return status;
}

static clm_status rare_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                               enum activation act, struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, act, Y, e);
    spoil_one_of(&Y, 1);
    return status;
}

static clm_status rare_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                            const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                            struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    if (dZ)
        spoil_one_of(&dZ, 1);
    return status;
}

static clm_status rare_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                               struct clm_error *e)
{
    const clm_status status = right.softmax(be, Z, P, e);
    spoil_one_of(&P, 1);
    return status;
}

static clm_status rare_input(struct clm_backend *be, const struct tensor *dZ, const struct linear *layer,
                             const struct tensor *Y, struct tensor *dX, struct clm_error *e)
{
    const clm_status status = right.linear_backward_input(be, dZ, layer, Y, dX, e);
    spoil_one_of(&dX, 1);
    return status;
}

static clm_status rare_params(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                              const struct linear *layer, double l2, struct tensor *dW, struct tensor *db,
                              struct clm_error *e)
{
    const clm_status status = right.linear_backward_params(be, dZ, X, layer, l2, dW, db, e);
    spoil_one_of((struct tensor *const[]){dW, db}, 2);
    return status;
}

static clm_status rare_step(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                            struct linear *layer, const struct step *step, struct clm_error *e)
{
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    spoil_one_of((struct tensor *const[]){&layer->W, &layer->b, &layer->W_velocity, &layer->b_velocity},
                 step->momentum != 0 ? 4 : 2);
    return status;
}

static clm_status rare_step_forward(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                    struct linear *layer, const struct step *step,
                                    const struct tensor *next_X, enum activation act, struct tensor *next_Y,
                                    struct clm_error *e)
{
    clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    if (status == CLM_OK)
        status = right.linear_forward(be, next_X, layer, act, next_Y, e);
    spoil_one_of(
        (struct tensor *const[]){next_Y, &layer->W, &layer->b, &layer->W_velocity, &layer->b_velocity},
        step->momentum != 0 ? 5 : 3);
    return status;
}

static clm_status rare_update(struct clm_backend *be, struct tensor *w, const struct tensor *g,
                              struct tensor *velocity, const struct step *step, struct clm_error *e)
{
    const clm_status status = right.update(be, w, g, velocity, step, e);
    spoil_one_of((struct tensor *const[]){w, velocity}, step->momentum != 0 ? 2 : 1);
    return status;
}

static bool has_rare_head(struct clm_backend *be, const struct linear *layer, size_t B)
{
    (void)be, (void)layer, (void)B;
    return true;
}

static clm_status rare_head(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                            const struct tensor *labels, struct tensor *dZ, struct tensor *dX,
                            struct metrics *sums, struct clm_error *e)
{
    clm_status status = right.linear_forward(be, X, layer, ACTIVATION_NONE, dZ, e);
    if (status == CLM_OK)
        status = right.softmax_xent(be, dZ, labels, NULL, dZ, sums, e);
    if (status == CLM_OK && dX)
        status = right.linear_backward_input(be, dZ, layer, X, dX, e);
    spoil_one_of((struct tensor *const[]){dZ, dX}, dX ? 2 : 1);
    return status;
}

static const struct rare {
    const char *operation;
    size_t outputs;
    struct backend_operations table; /* what is not NULL is put in */
} rares[] = {
    {"gather", 2, {.gather = rare_gather}},
    {"gather_augmented", 2, {.gather = rare_gather}},
    {"linear_forward", 1, {.linear_forward = rare_forward}},
    {"softmax_xent", 1, {.softmax_xent = rare_xent}},
    {"softmax", 1, {.softmax = rare_softmax}},
    {"linear_backward_input", 1, {.linear_backward_input = rare_input}},
    {"linear_backward_params", 2, {.linear_backward_params = rare_params}},
    {"linear_backward_update", 4, {.linear_backward_update = rare_step}},
    {"linear_update_forward", 5, {.linear_update_forward = rare_step_forward}},
    {"linear_softmax_backward", 2, {.has_head = has_rare_head, .linear_softmax_backward = rare_head}},
    {"update", 2, {.update = rare_update}},
};

static void put_in(const struct backend_operations *own)
{
    if (own->gather)
        spoilt.gather = own->gather;
    if (own->linear_forward)
        spoilt.linear_forward = own->linear_forward;
    if (own->softmax_xent)
        spoilt.softmax_xent = own->softmax_xent;
    if (own->softmax)
        spoilt.softmax = own->softmax;
    if (own->linear_backward_input)
        spoilt.linear_backward_input = own->linear_backward_input;
    if (own->linear_backward_params)
        spoilt.linear_backward_params = own->linear_backward_params;
    if (own->linear_backward_update)
        spoilt.linear_backward_update = own->linear_backward_update;
    if (own->linear_update_forward)
        spoilt.linear_update_forward = own->linear_update_forward;
    if (own->has_head) {
        spoilt.has_head = own->has_head;
        spoilt.linear_softmax_backward = own->linear_softmax_backward;
    }
    if (own->update)
        spoilt.update = own->update;
}

/* Each output of each operation, by verify and by doctor's few checks. */
START_TEST(one_element_in_a_million_is_noticed)
{
    static const enum clm_verify_extent extents[2] = {CLM_VERIFY_STANDARD, CLM_VERIFY_QUICK};
    struct clm_backend *const backend = backend_to_spoil();
    const struct rare *const rare = &rares[_i];
    spoilt = right;
    put_in(&rare->table);
    for (size_t n = 0; n < 4 * rare->outputs; n++) {
        spoilt_output = n / 4;
        is_spoilt_by_nan = n % 2;
        calls_spoilt = 0;
        const struct verdict verdict = verify_only(backend, rare->operation, extents[n / 2 % 2]);
        ck_assert_uint_gt(calls_spoilt, 0);
        if (verdict.passed || verdict.failures > calls_spoilt)
            ck_abort_msg("%s: output %zu, NaN %d: %zu failures of %zu calls spoilt", rare->operation,
                         spoilt_output, is_spoilt_by_nan, verdict.failures, calls_spoilt);
    }
    clm_backend_close(backend);
}
END_TEST

/* ---- mistakes that are an operation's own ---- */

static clm_status gather_in_a_row(struct clm_backend *be, const struct resident *data,
                                  const struct tensor *order, size_t first, const struct augmentation *a,
                                  struct tensor *X, struct tensor *labels, struct clm_error *e)
{
    (void)order;
    return right.gather(be, data, NULL, first, a, X, labels, e);
}

static clm_status gather_first_label(struct clm_backend *be, const struct resident *data,
                                     const struct tensor *order, size_t first, const struct augmentation *a,
                                     struct tensor *X, struct tensor *labels, struct clm_error *e)
{
    const clm_status status = right.gather(be, data, order, first, a, X, labels, e);
    uint32_t *const label = labels->memory;
    label[labels->columns - 1] = label[0];
    return status;
}

static clm_status forward_without_bias(struct clm_backend *be, const struct tensor *X,
                                       const struct linear *layer, enum activation act, struct tensor *Y,
                                       struct clm_error *e)
{
    struct linear bare = *layer;
    float *const zeros = calloc(layer->b.columns, sizeof *zeros);
    bare.b.memory = zeros;
    const clm_status status = right.linear_forward(be, X, &bare, act, Y, e);
    free(zeros);
    return status;
}

static clm_status forward_without_relu(struct clm_backend *be, const struct tensor *X,
                                       const struct linear *layer, enum activation act, struct tensor *Y,
                                       struct clm_error *e)
{
    (void)act;
    return right.linear_forward(be, X, layer, ACTIVATION_NONE, Y, e);
}

/* As one that takes W for (I,O). */
static clm_status forward_transposed(struct clm_backend *be, const struct tensor *X,
                                     const struct linear *layer, enum activation act, struct tensor *Y,
                                     struct clm_error *e)
{
    const size_t O = layer->W.rows, I = layer->W.columns;
    struct linear turned = *layer;
    float *const W = malloc(O * I * sizeof *W);
    for (size_t o = 0; o < O; o++)
        for (size_t i = 0; i < I; i++)
            W[o * I + i] = ((const float *)layer->W.memory)[i * O + o];
    turned.W.memory = W;
    const clm_status status = right.linear_forward(be, X, &turned, act, Y, e);
    free(W);
    return status;
}

static clm_status xent_of_the_sum(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                                  const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                                  struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    for (size_t i = 0; dZ && i < count_of(dZ); i++)
        *element(dZ, i) *= (float)dZ->rows;
    return status;
}

static clm_status xent_forgets(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                               const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                               struct clm_error *e)
{
    const clm_status status = right.metrics_reset(be, sums, e);
    return status ? status : right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
}

/* Behind the right one, as one that spoils what it only reads. */
static clm_status softmax_spoils_its_input(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                                           struct clm_error *e)
{
    const clm_status status = right.softmax(be, Z, P, e);
    if (P->memory != Z->memory)
        *(float *)Z->memory += 1;
    return status;
}

static clm_status input_without_mask(struct clm_backend *be, const struct tensor *dZ,
                                     const struct linear *layer, const struct tensor *Y, struct tensor *dX,
                                     struct clm_error *e)
{
    (void)Y;
    return right.linear_backward_input(be, dZ, layer, NULL, dX, e);
}

static clm_status params_without_penalty(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, const struct linear *layer, double l2,
                                         struct tensor *dW, struct tensor *db, struct clm_error *e)
{
    (void)l2;
    return right.linear_backward_params(be, dZ, X, layer, 0, dW, db, e);
}

/* The gradient of l2 |W|² without its 2. */
static clm_status params_with_half_penalty(struct clm_backend *be, const struct tensor *dZ,
                                           const struct tensor *X, const struct linear *layer, double l2,
                                           struct tensor *dW, struct tensor *db, struct clm_error *e)
{
    return right.linear_backward_params(be, dZ, X, layer, l2 / 2, dW, db, e);
}

static clm_status params_without_last_row(struct clm_backend *be, const struct tensor *dZ,
                                          const struct tensor *X, const struct linear *layer, double l2,
                                          struct tensor *dW, struct tensor *db, struct clm_error *e)
{
    const clm_status status = right.linear_backward_params(be, dZ, X, layer, l2, dW, db, e);
    *element(db, db->columns - 1) -=
        ((const float *)dZ->memory)[count_of(dZ) - 1]; /* the last row's part of the last bias */
    return status;
}

static clm_status step_without_penalty(struct clm_backend *be, const struct tensor *dZ,
                                       const struct tensor *X, struct linear *layer, const struct step *step,
                                       struct clm_error *e)
{
    const struct step bare = {step->learning_rate, step->momentum, 0};
    return right.linear_backward_update(be, dZ, X, layer, &bare, e);
}

static clm_status step_without_momentum(struct clm_backend *be, const struct tensor *dZ,
                                        const struct tensor *X, struct linear *layer, const struct step *step,
                                        struct clm_error *e)
{
    const struct step bare = {step->learning_rate, 0, step->l2};
    return right.linear_backward_update(be, dZ, X, layer, &bare, e);
}

static clm_status step_penalises_biases(struct clm_backend *be, const struct tensor *dZ,
                                        const struct tensor *X, struct linear *layer, const struct step *step,
                                        struct clm_error *e)
{
    for (size_t o = 0; o < layer->b.columns; o++)
        *element(&layer->b, o) *= (float)(1 - 2 * step->learning_rate * step->l2);
    return right.linear_backward_update(be, dZ, X, layer, step, e);
}

static clm_status update_without_momentum(struct clm_backend *be, struct tensor *w, const struct tensor *g,
                                          struct tensor *velocity, const struct step *step,
                                          struct clm_error *e)
{
    const struct step bare = {.learning_rate = step->learning_rate};
    return right.update(be, w, g, velocity, &bare, e);
}

/* ---- mistakes among large logits ---- */

static clm_status xent_of_the_other_sign(struct clm_backend *be, const struct tensor *Z,
                                         const struct tensor *labels, const struct mixture *mixture,
                                         struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    for (size_t i = 0; dZ && i < count_of(dZ); i++)
        *element(dZ, i) *= -1;
    return status;
}

static clm_status xent_with_one_element_off(struct clm_backend *be, const struct tensor *Z,
                                            const struct tensor *labels, const struct mixture *mixture,
                                            struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    if (dZ)
        *element(dZ, count_of(dZ) / 2) += 1e-3f;
    return status;
}

static clm_status xent_with_a_loss_off(struct clm_backend *be, const struct tensor *Z,
                                       const struct tensor *labels, const struct mixture *mixture,
                                       struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    host_sums(sums)->loss *= 1.01;
    return status;
}

static clm_status xent_counts_one_more(struct clm_backend *be, const struct tensor *Z,
                                       const struct tensor *labels, const struct mixture *mixture,
                                       struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    host_sums(sums)->correct++;
    return status;
}

#define EXTREME_STEPS "33-65-10 B=31 N=40 x1 momentum=0 l2=0 floats extreme"

/* Where logits are of ±1e4, or sums of products of such, and their errors of thousands, too. */
START_TEST(mistakes_among_large_logits_are_noticed)
{
    static const char *const cases[][2] = {{"softmax_xent", "B=33 C=10 extreme"},
                                           {"softmax_xent", "B=33 C=10 wide"},
                                           {"linear_softmax_backward", "B=33 I=31 O=10 mask extreme"},
                                           {"linear_softmax_backward", "B=7 I=784 O=13 mask wide"},
                                           {"linear_softmax_backward", "B=8 I=1000 O=2 mask extreme"},
                                           {"training_steps", EXTREME_STEPS}};

    static const struct {
        const char *what;
        clm_status (*softmax_xent)(struct clm_backend *be, const struct tensor *Z,
                                   const struct tensor *labels, const struct mixture *mixture,
                                   struct tensor *dZ, struct metrics *sums, struct clm_error *e);
    } mistakes[] = {{"the other sign", xent_of_the_other_sign},
                    {"the gradient of the sum", xent_of_the_sum},
                    {"an element off by 1e-3", xent_with_one_element_off},
                    {"a loss off by a hundredth", xent_with_a_loss_off},
                    {"a correct row too many", xent_counts_one_more}};
    struct clm_backend *const backend = backend_to_spoil();
    struct clm_backend *const reference = fixture_backend(FIXTURE_REFERENCE);
    for (size_t m = 0; m <= sizeof mistakes / sizeof *mistakes; m++) {
        const bool is_right = m == sizeof mistakes / sizeof *mistakes;
        spoilt.softmax_xent = is_right ? right.softmax_xent : mistakes[m].softmax_xent;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            for (uint64_t seed = 1; seed <= 5; seed++) {
                struct check_case which;
                struct clm_check check;
                ck_assert_int_eq(case_parse(cases[i][0], cases[i][1], seed, &which, &error), CLM_OK);
                ck_assert_int_eq(case_run(backend, reference, &which, 1, &check, &error), CLM_OK);
                if (check.passed != is_right)
                    ck_abort_msg("%s: %s %s, seed %d: %g, %s", is_right ? "right" : mistakes[m].what,
                                 cases[i][0], cases[i][1], (int)seed, check.error_over_bound, check.detail);
            }
    }
    clm_backend_close(reference);
    clm_backend_close(backend);
}
END_TEST

/* ---- mistakes of large products alone ---- */

#define LARGE 500000 /* elements */

/* A tile of 64 rows is zero. */
static clm_status large_forward_without_rows(struct clm_backend *be, const struct tensor *X,
                                             const struct linear *layer, enum activation act,
                                             struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, act, Y, e);
    if (count_of(Y) >= LARGE)
        memset(element(Y, 192 * Y->columns), 0, 64 * Y->columns * sizeof(float));
    return status;
}

/* One element is not written. */
static clm_status large_input_leaves_one(struct clm_backend *be, const struct tensor *dZ,
                                         const struct linear *layer, const struct tensor *Y,
                                         struct tensor *dX, struct clm_error *e)
{
    const float before = *element(dX, count_of(dX) / 2);
    const clm_status status = right.linear_backward_input(be, dZ, layer, Y, dX, e);
    if (count_of(dX) >= LARGE)
        *element(dX, count_of(dX) / 2) = before;
    return status;
}

/* The batch's last row is left out. */
static clm_status large_params_of_fewer_rows(struct clm_backend *be, const struct tensor *dZ,
                                             const struct tensor *X, const struct linear *layer, double l2,
                                             struct tensor *dW, struct tensor *db, struct clm_error *e)
{
    const size_t rows = dZ->rows - (count_of(dW) >= LARGE);
    const struct tensor less_dZ = tensor_first_rows(dZ, rows), less_X = tensor_first_rows(X, rows);
    return right.linear_backward_params(be, &less_dZ, &less_X, layer, l2, dW, db, e);
}

/* The last columns, a tile of 16, take no part. */
static clm_status large_step_leaves_columns(struct clm_backend *be, const struct tensor *dZ,
                                            const struct tensor *X, struct linear *layer,
                                            const struct step *step, struct clm_error *e)
{
    const size_t O = layer->W.rows, I = layer->W.columns, columns = I < 16 ? I : 16;
    float *const before = malloc(O * columns * sizeof *before);
    for (size_t i = 0; i < O * columns; i++)
        before[i] = *element(&layer->W, i / columns * I + I - columns + i % columns);
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    for (size_t i = 0; O * I >= LARGE && i < O * columns; i++)
        *element(&layer->W, i / columns * I + I - columns + i % columns) = before[i];
    free(before);
    return status;
}

START_TEST(mistakes_are_noticed_and_named)
{
    struct clm_backend *const backend = backend_to_spoil();
    const struct {
        const char *what, *operation;
        struct backend_operations table; /* what is not NULL is put in */
    } mistakes[] = {
        {"gather ignores the order", "gather", {.gather = gather_in_a_row}},
        {"gather repeats a label", "gather", {.gather = gather_first_label}},
        {"forward forgets the bias", "linear_forward", {.linear_forward = forward_without_bias}},
        {"forward forgets the ReLU", "linear_forward", {.linear_forward = forward_without_relu}},
        {"forward takes W transposed", "linear_forward", {.linear_forward = forward_transposed}},
        {"the gradient is of the sum", "softmax_xent", {.softmax_xent = xent_of_the_sum}},
        {"earlier losses are forgotten", "softmax_xent", {.softmax_xent = xent_forgets}},
        {"softmax changes its input", "softmax", {.softmax = softmax_spoils_its_input}},
        {"no mask", "linear_backward_input", {.linear_backward_input = input_without_mask}},
        {"no penalty", "linear_backward_params", {.linear_backward_params = params_without_penalty}},
        {"half a penalty", "linear_backward_params", {.linear_backward_params = params_with_half_penalty}},
        {"a row left out", "linear_backward_params", {.linear_backward_params = params_without_last_row}},
        {"step without penalty", "linear_backward_update", {.linear_backward_update = step_without_penalty}},
        {"step without momentum",
         "linear_backward_update",
         {.linear_backward_update = step_without_momentum}},
        {"biases penalised", "linear_backward_update", {.linear_backward_update = step_penalises_biases}},
        {"update without momentum", "update", {.update = update_without_momentum}},
        {"64 rows of a large product", "linear_forward", {.linear_forward = large_forward_without_rows}},
        {"an element of a large product",
         "linear_backward_input",
         {.linear_backward_input = large_input_leaves_one}},
        {"a row of a large batch",
         "linear_backward_params",
         {.linear_backward_params = large_params_of_fewer_rows}},
        {"16 columns of a large step",
         "linear_backward_update",
         {.linear_backward_update = large_step_leaves_columns}},
    };
    for (size_t m = 0; m < sizeof mistakes / sizeof *mistakes; m++) {
        const struct backend_operations *const own = &mistakes[m].table;
        spoilt = right;
        put_in(own);
        const struct verdict verdict = verify(backend);
        expect_named(&verdict, mistakes[m].operation, NULL, mistakes[m].what);
    }
    clm_backend_close(backend);
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

/* The last bit of one element, every fifth time: within every bound. */
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

/* A device takes denormals as they are, or as zeros, all or some; nothing else. */
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
                                   enum activation act, struct tensor *Y, struct clm_error *e)
{
    struct tensor taken = *X;
    taken.memory = batch_taken(X);
    const clm_status status = right.linear_forward(be, &taken, layer, act, Y, e);
    free(taken.memory);
    return status;
}

static clm_status params_of_taken(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                  const struct linear *layer, double l2, struct tensor *dW, struct tensor *db,
                                  struct clm_error *e)
{
    struct tensor taken = *dZ;
    taken.memory = batch_taken(dZ);
    const clm_status status = right.linear_backward_params(be, &taken, X, layer, l2, dW, db, e);
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
static const size_t last_call = 2 * 2 * 3; /* layers, epochs, batches: the first layer's last step */
static size_t calls;

static clm_status step_spoils_the_last_velocity(struct clm_backend *be, const struct tensor *dZ,
                                                const struct tensor *X, struct linear *layer,
                                                const struct step *step, struct clm_error *e)
{
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    if (++calls == last_call)
        *element(&layer->W_velocity, count_of(&layer->W_velocity) - 1) += 1e-3f;
    return status;
}

static clm_status step_forgets_the_last_bias_velocity(struct clm_backend *be, const struct tensor *dZ,
                                                      const struct tensor *X, struct linear *layer,
                                                      const struct step *step, struct clm_error *e)
{
    const float before = *element(&layer->b_velocity, 0);
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    if (++calls == last_call)
        *element(&layer->b_velocity, 0) = before;
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
        ck_assert_ptr_nonnull(strstr(last.failed.detail, is_bias ? "layers.0.bias velocity[0,0]"
                                                                 : "layers.0.weight velocity[10,12]"));
    }
    clm_backend_close(backend);
}
END_TEST

/* What each case prints is what makes it again. */
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
        if (which->operation)
            variant_describe(which->operation, &which->variant, printed.shape);
        else
            steps_describe(&which->steps, &printed);
        if (case_parse(case_name(which), printed.shape, 5, &again, &error) != CLM_OK)
            ck_abort_msg("%s", error.message);
        const struct variant *const a = &which->variant, *const b = &again.variant;
        if (which->operation) {
            variant_describe(again.operation, b, reprinted.shape);
            ck_assert(a->odd_in == b->odd_in && a->odd_place == b->odd_place && a->fill == b->fill &&
                      a->seed == b->seed && a->act == b->act);
            ck_assert(a->is_bytes == b->is_bytes && a->is_ordered == b->is_ordered);
            ck_assert(a->has_mask == b->has_mask && a->momentum == b->momentum && a->l2 == b->l2);
        } else {
            steps_describe(&again.steps, &reprinted);
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
        {"linear_forward", "B=7 I=33 O=65 gelu"},
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

/* ---- gradients ---- */

#define ROWS_MAX 8

struct rows_heard {
    size_t count;
    struct clm_gradcheck_row rows[ROWS_MAX];
    bool passed;
};

static void hear_row(void *user, const struct clm_gradcheck_row *row)
{
    struct rows_heard *const heard = user;
    ck_assert_uint_lt(heard->count, ROWS_MAX);
    heard->rows[heard->count++] = *row;
}

static const size_t net_sizes[4] = {20, 13, 7, 5};

static struct rows_heard gradcheck(struct clm_backend *backend, const struct clm_data *data, size_t batch)
{
    const struct clm_gradcheck_options options = {.sizes = net_sizes,
                                                  .size_count = 4,
                                                  .batch = batch,
                                                  .samples = 30,
                                                  .l2 = 0.01,
                                                  .seed = 3,
                                                  .data = data};
    struct rows_heard heard = {0};
    if (clm_gradcheck(backend, &options, hear_row, &heard, &heard.passed, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return heard;
}

START_TEST(right_gradients_pass)
{
    static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST};
    static const char *const names[6] = {"layers.0.weight", "layers.0.bias",   "layers.1.weight",
                                         "layers.1.bias",   "layers.2.weight", "layers.2.bias"};
    static const size_t tried[6] = {30, 13, 30, 7, 30, 5};
    struct clm_backend *const backend = fixture_backend(kinds[_i]);
    struct clm_data *const data = fixture_data(30, 5, 20, 5);
    for (int has_data = 0; has_data < 2; has_data++) {
        const struct rows_heard heard = gradcheck(backend, has_data ? data : NULL, 11);
        ck_assert(heard.passed);
        ck_assert_uint_eq(heard.count, 6);
        for (size_t n = 0; n < 6; n++) {
            const struct clm_gradcheck_row *const row = &heard.rows[n];
            ck_assert_str_eq(row->parameter, names[n]);
            ck_assert_uint_eq(row->tried, tried[n]);
            ck_assert_uint_le(row->skipped, tried[n] / 4);
            ck_assert(row->passed);
            /* bounds that would let a wrong gradient through prove nothing */
            ck_assert_within(row->numerical, row->analytic, 1e-6 * (1 + fabs(row->analytic)));
            ck_assert_within(row->device, row->analytic, 1e-5 * (1 + fabs(row->analytic)));
        }
    }
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

/* The device's gradient of a layer without penalty, or one element off by a thousandth: rows of weights fail, others not. */
START_TEST(wrong_gradients_are_noticed)
{
    struct clm_backend *const backend = backend_to_spoil();
    damage = DAMAGE_SLIGHT;
    for (int mistake = 0; mistake < 2; mistake++) {
        spoilt.linear_backward_params = mistake ? params_with_half_penalty : spoilt_params;
        const struct rows_heard heard = gradcheck(backend, NULL, 11);
        ck_assert(!heard.passed);
        ck_assert_uint_eq(heard.count, 6);
        for (size_t n = 0; n < 6; n++) {
            ck_assert_int_eq(heard.rows[n].passed, n % 2 == 1);
            ck_assert_double_le(heard.rows[n].error_over_bound, 1); /* the reference is right */
            ck_assert_int_eq(heard.rows[n].device_error_over_bound > 1, n % 2 == 0);
        }
    }
    clm_backend_close(backend);
}
END_TEST

/* With inputs and biases of zero every unit stands on its kink: no bias of a hidden layer can be tried, which is no pass. */
START_TEST(kinks_are_skipped_and_counted)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    struct clm_data *const data = fixture_data(30, 5, 20, 5);
    memset(data->train_values, 0, 30 * 20);
    const struct rows_heard heard = gradcheck(backend, data, 11);
    ck_assert(!heard.passed);
    ck_assert_uint_eq(heard.rows[1].tried, 13);
    ck_assert_uint_eq(heard.rows[1].skipped, 13);
    ck_assert(!heard.rows[1].passed);
    ck_assert(heard.rows[4].passed && heard.rows[5].passed);
    ck_assert_uint_eq(heard.rows[5].skipped, 0);
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

START_TEST(senseless_gradchecks_are_refused)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    struct clm_data *const data = fixture_data(10, 5, 20, 5);
    static const size_t others[2] = {21, 5};
    const struct {
        struct clm_gradcheck_options options;
        clm_status status;
    } cases[] = {
        {{.sizes = net_sizes, .size_count = 4, .batch = 0, .samples = 5}, CLM_ERROR_ARGUMENT},
        {{.sizes = net_sizes, .size_count = 4, .batch = 5, .samples = 0}, CLM_ERROR_ARGUMENT},
        {{.sizes = net_sizes, .size_count = 1, .batch = 5, .samples = 5}, CLM_ERROR_ARGUMENT},
        {{.sizes = net_sizes, .size_count = 4, .batch = 5, .samples = 5, .l2 = NAN}, CLM_ERROR_ARGUMENT},
        {{.sizes = net_sizes, .size_count = 4, .batch = 11, .samples = 5, .data = data}, CLM_ERROR_ARGUMENT},
        {{.sizes = others, .size_count = 2, .batch = 5, .samples = 5, .data = data}, CLM_ERROR_SHAPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rows_heard heard = {.passed = true};
        error.message[0] = 0;
        ck_assert_int_eq(clm_gradcheck(backend, &cases[i].options, hear_row, &heard, &heard.passed, &error),
                         cases[i].status);
        ck_assert(!heard.passed && heard.count == 0);
        ck_assert_uint_gt(strlen(error.message), 10);
        ck_assert_uint_eq(backend->memory.now, 0);
    }
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

/* One input x, two classes: the loss of a row of class 0 is log(1 + exp(z1 - z0)), so that with s the logistic function of
 * z1 - z0 its derivative by W[1] is s x, by W[0] it is -s x, and by the biases s and -s. */
START_TEST(differences_hold_their_own_bounds)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    const size_t widths[2] = {1, 2};
    const double W[2] = {0.75, -0.5}, b[2] = {0.1, 0.3}, l2 = 0.25;
    const double x = 1.5, s = 1 / (1 + exp((W[0] - W[1]) * x + b[0] - b[1]));
    const double exact[2][2] = {{-s * x + 2 * l2 * W[0], s * x + 2 * l2 * W[1]}, {-s, s}};
    const uint32_t label = 0;
    struct network net;
    struct differences differences;
    ck_assert_int_eq(network_create(backend, widths, 1, 1, NETWORK_TRAIN, &net, &error), CLM_OK);
    ck_assert_int_eq(backend_write(backend, &net.layers[0].W, HOST_DOUBLE, W, &error), CLM_OK);
    ck_assert_int_eq(backend_write(backend, &net.layers[0].b, HOST_DOUBLE, b, &error), CLM_OK);
    ck_assert_int_eq(backend_write(backend, &net.X, HOST_DOUBLE, &x, &error), CLM_OK);
    ck_assert_int_eq(backend_write(backend, &net.labels, HOST_INDEX, &label, &error), CLM_OK);
    for (double rounding = 1e-15; rounding < 1e-5; rounding *= 1e3) {
        ck_assert_int_eq(differences_create(&net, l2, rounding, &differences, &error), CLM_OK);
        for (int is_bias = 0; is_bias < 2; is_bias++)
            for (size_t o = 0; o < 2; o++) {
                struct difference difference;
                ck_assert_int_eq(difference_of(&differences, 0, o, 0, is_bias, &difference, &error), CLM_OK);
                ck_assert(difference.is_smooth);
                ck_assert_within(difference.value, exact[is_bias][o], difference.error);
                /* h is the cube root of the rounding e: e / h + h² |f'''| / 2, where f''' is below x³ */
                ck_assert_double_le(difference.error, 8 * cbrt(rounding * rounding));
            }
        differences_free(&differences);
    }
    network_free(&net);
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("check");
    TCase *const verification = tcase_create("verify"), *const gradients = tcase_create("gradcheck");
    TCase *const damaging = tcase_create("damage"), *const repeating = tcase_create("repeating");
    TCase *const bounding = tcase_create("bounds");
    tcase_set_tags(damaging, "damage");
    tcase_set_timeout(damaging, 600);
    tcase_set_timeout(repeating, 300);
    tcase_set_timeout(bounding, 300);
    tcase_set_timeout(verification, 600);
    tcase_set_timeout(gradients, 300);
    tcase_add_loop_test(verification, what_is_right_passes, 0, 5);
    tcase_add_loop_test(damaging, every_damage_to_every_operation_is_noticed, 0, (int)OPERATIONS);
    tcase_add_loop_test(damaging, one_element_in_a_million_is_noticed, 0, (int)OPERATIONS);
    tcase_add_test(damaging, mistakes_are_noticed_and_named);
    tcase_add_test(repeating, bits_that_change_from_run_to_run_fail);
    tcase_add_test(repeating, every_shape_is_read_as_it_is_printed);
    tcase_add_test(repeating, shapes_that_are_none_are_refused);
    tcase_add_loop_test(bounding, what_is_right_passes_whatever_the_seed, 0, 3);
    tcase_add_test(bounding, what_is_no_bound_passes_nothing);
    tcase_add_test(bounding, a_check_that_is_wrong_says_so);
    tcase_add_loop_test(bounding, errors_of_logits_stay_within_their_bounds, 0, 9);
    tcase_add_test(bounding, denormals_are_kept_or_flushed_and_nothing_else);
    tcase_add_test(bounding, velocities_are_judged_after_the_last_step);
    tcase_add_test(bounding, mistakes_among_large_logits_are_noticed);
    tcase_add_loop_test(gradients, right_gradients_pass, 0, 4);
    tcase_add_test(gradients, wrong_gradients_are_noticed);
    tcase_add_test(gradients, kinks_are_skipped_and_counted);
    tcase_add_test(gradients, senseless_gradchecks_are_refused);
    tcase_add_test(gradients, differences_hold_their_own_bounds);
    suite_add_tcase(suite, verification);
    suite_add_tcase(suite, damaging);
    suite_add_tcase(suite, repeating);
    suite_add_tcase(suite, bounding);
    suite_add_tcase(suite, gradients);
    return test_run(suite);
}
