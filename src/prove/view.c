/* Judges a device's results of a problem by the same call on the bounds backend.
 *
 * A small problem is judged as a whole. A large one would take the bounds too long, so they see only a part
 * of it, and the same part of the results is compared:
 *
 *   sampled  the operands of some rows and columns, corners among them: each element of the results is a sum
 *            that has all its terms
 *   folded   all rows or columns as one, their sum under random signs (Freivalds' check): an operation that
 *            is linear gives the sum of its results. Its bound is the sum of their bounds. As bounds are
 *            linear in the operands' absolute values, it is the bound for these, summed without signs
 *   slices   some columns after the other, until all have been seen */
#include "prove/operands.h"
#include "prove/expectations.h"

#include "base/size.h"
#include "prove/bounds/bounds.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows, and columns, that are compared. In a result of 1000 x 1000 they meet a wrong tile of 32 x 32 with a
 * probability of 75 %; if the operation is linear, the fold sees every element, under a wider bound. */
#define SAMPLES    64
#define TERMS_FEW  4e6       /* of all sums: their bounds take some milliseconds */
#define SLICE_MOST (1 << 20) /* elements */

/* ---- the part of a matrix that a view shows ---- */

/* Some of the rows or columns that a letter stands for. */
struct selection {
    char letter; /* 0: none */
    size_t count;
    size_t *at; /* (count) */
};

struct view {
    struct selection thinned[2];
    char folded;        /* a letter, or 0 */
    bool is_absolute;   /* folded without signs, from absolute values */
    const char *prefix; /* for a result's name */
};

static const struct selection *selection_of(const struct view *view, char letter)
{
    for (size_t a = 0; a < 2; a++)
        if (view->thinned[a].letter == letter)
            return &view->thinned[a];
    return NULL;
}

/* How many of `size` rows or columns the view shows. */
static size_t seen(const struct view *view, char letter, size_t size)
{
    const struct selection *const selection = selection_of(view, letter);
    return letter == view->folded ? 1 : selection ? selection->count : size;
}

/* The place of the ith row or column that the view shows. */
static size_t seen_place(const struct view *view, char letter, size_t i)
{
    const struct selection *const selection = selection_of(view, letter);
    return selection ? selection->at[i] : i;
}

/* The random sign of a row or column, the same in every matrix. */
static double sign_of(size_t i)
{
    uint64_t bits = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
    return bits >> 63 ? 1 : -1;
}

static void fold(const struct view *view, const char *shape, const double *in, size_t rows, size_t columns,
                 double *out)
{
    const bool has_rows = shape[0] == view->folded, has_columns = shape[1] == view->folded;
    const size_t width = has_columns ? 1 : columns;
    memset(out, 0, (has_rows ? 1 : rows) * width * sizeof *out);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            const double x = in[r * columns + c];
            const double sign = has_rows ? sign_of(r) : has_columns ? sign_of(c) : 1;
            out[(has_rows ? 0 : r) * width + (has_columns ? 0 : c)] += view->is_absolute ? fabs(x) : sign * x;
        }
}

/* Writes what the view shows of a matrix (rows, columns) into `out`. */
static void view_matrix(const struct view *view, const char *shape, const double *in, size_t rows,
                        size_t columns, double *out)
{
    if (view->folded) {
        fold(view, shape, in, rows, columns, out);
        return;
    }
    const size_t height = seen(view, shape[0], rows), width = seen(view, shape[1], columns);
    for (size_t r = 0; r < height; r++)
        for (size_t c = 0; c < width; c++)
            out[r * width + c] = in[seen_place(view, shape[0], r) * columns + seen_place(view, shape[1], c)];
}

/* ---- the answer of the bounds ---- */

struct answer {
    struct clm_backend *bounds;
    struct tensor tensors[OPERANDS_MAX];
    struct metrics sums;
    bool has_denormals;
};

static void flush(struct answer *answer, enum flushing flushing, double *x, double *error)
{
    if (*x == 0 || !(fabs(*x) < (double)FLT_MIN))
        return;
    answer->has_denormals = true;
    if (flushing == FLUSHING_ALL)
        *x = 0;
    if (flushing == FLUSHING_ANY)
        *error = fabs(*x /= 2);
}

/* The part of an operand that the view shows; its denormals are what the device may make of them. */
static clm_status answer_operand(struct answer *answer, const struct problem *problem, size_t n,
                                 const struct view *view, enum flushing flushing, struct clm_error *error)
{
    const struct tensor *const operand = &problem->tensors[n];
    const char *const shape = problem->operation->rows[n].shape;
    const size_t rows = seen(view, shape[0], operand->rows), columns = seen(view, shape[1], operand->columns);
    struct tensor *const expected = &answer->tensors[n];
    double *const values = calloc(2 * rows * columns, sizeof *values);
    if (!values)
        return clm_fail_host_memory(error, "a check", 2 * rows * columns * sizeof *values);
    double *const errors = values + rows * columns;
    clm_status status = tensor_create(answer->bounds, operand->type, rows, columns, expected, error);
    view_matrix(view, shape, problem->before[n], operand->rows, operand->columns, values);
    for (size_t i = 0; operand->type == TENSOR_REAL && i < rows * columns; i++)
        flush(answer, flushing, &values[i], &errors[i]);
    if (status == CLM_OK)
        status = bounds_write(answer->bounds, expected, values, errors, error);
    free(values);
    return status;
}

/* Must be freed whatever its status. */
static clm_status answer_make(const struct problem *problem, struct clm_backend *bounds,
                              const struct view *view, enum flushing flushing, struct answer *out,
                              struct clm_error *error)
{
    const struct operation *const operation = problem->operation;
    clm_status status = CLM_OK;
    *out = (struct answer){.bounds = bounds};
    for (size_t n = 0; status == CLM_OK && operation->rows[n].name; n++)
        if (problem->before[n])
            status = answer_operand(out, problem, n, view, flushing, error);
    if (status || (operation->has_sums && ((status = metrics_create(bounds, &out->sums, error)) ||
                                           (status = metrics_reset(bounds, &out->sums, error)))))
        return status;
    return operation->call(bounds, problem->variant, out->tensors, &out->sums, error);
}

static void answer_free(struct answer *answer)
{
    for (size_t n = 0; n < OPERANDS_MAX; n++)
        tensor_free(answer->bounds, &answer->tensors[n]);
    metrics_free(answer->bounds, &answer->sums);
}

/* ---- judging ---- */

/* `of_errors` is the answer whose errors are the bounds. */
static clm_status judge_result(const struct problem *problem, size_t n, const struct view *view,
                               const struct answer *answer, const struct answer *of_errors,
                               struct judgement *judgement, struct clm_error *error)
{
    const struct tensor *const operand = &problem->tensors[n], *const expected = &answer->tensors[n];
    const struct operand_row *const row = &problem->operation->rows[n];
    const size_t columns = expected->columns, count = expected->rows * columns;
    char name[80];
    double *const got = calloc(4 * count, sizeof *got);
    if (!got)
        return clm_fail_host_memory(error, "a check", 4 * count * sizeof *got);
    double *const values = got + count, *const errors = values + count, *const unused = errors + count;
    clm_status status = bounds_read(answer->bounds, &of_errors->tensors[n], unused, errors, error);
    if (status == CLM_OK)
        status = bounds_read(answer->bounds, expected, values, unused, error);
    if (status == CLM_OK)
        status = expect_values(judgement->kept, row->name, operand, values, errors, count, error);
    view_matrix(view, row->shape, problem->after[n], operand->rows, operand->columns, got);
    snprintf(name, sizeof name, "%s%s", view->prefix ? view->prefix : "", row->name);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        judge_element(judgement, name, seen_place(view, row->shape[0], i / columns),
                      seen_place(view, row->shape[1], i % columns), got[i], values[i], errors[i]);
    free(got);
    return status;
}

static clm_status judge_answer(const struct problem *problem, const struct view *view,
                               const struct answer *answer, const struct answer *of_errors,
                               struct judgement *judgement, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t n = 0; status == CLM_OK && problem->operation->rows[n].name; n++)
        if (problem->after[n])
            status = judge_result(problem, n, view, answer, of_errors, judgement, error);
    if (status == CLM_OK && problem->operation->has_sums)
        status = judge_sums(judgement, problem->device, &problem->sums, answer->bounds, &answer->sums, error);
    return status;
}

static clm_status judge_seen(const struct problem *problem, struct clm_backend *bounds,
                             const struct view *view, enum flushing flushing, bool *has_denormals,
                             struct judgement *judgement, struct clm_error *error)
{
    struct answer answer;
    clm_status status = answer_make(problem, bounds, view, flushing, &answer, error);
    if (status == CLM_OK)
        status = judge_answer(problem, view, &answer, &answer, judgement, error);
    *has_denormals = answer.has_denormals;
    answer_free(&answer);
    return status;
}

clm_status judge_problem(const struct problem *problem, struct clm_backend *bounds, enum flushing flushing,
                         bool *has_denormals, struct judgement *judgement, struct clm_error *error)
{
    return judge_seen(problem, bounds, &(const struct view){0}, flushing, has_denormals, judgement, error);
}

/* ---- large problems ---- */

static size_t letter_size(const struct problem *problem, char letter)
{
    for (size_t n = 0; problem->operation->rows[n].name; n++) {
        const char *const shape = problem->operation->rows[n].shape;
        if (problem->before[n] && (shape[0] == letter || shape[1] == letter))
            return shape[0] == letter ? problem->tensors[n].rows : problem->tensors[n].columns;
    }
    return 1;
}

/* The first, the last, and some in between. */
static clm_status select_samples(const struct problem *problem, char letter, struct philox *random,
                                 struct selection *out, struct clm_error *error)
{
    const size_t size = letter_size(problem, letter);
    *out = (struct selection){letter, size_min(size, SAMPLES), calloc(SAMPLES, sizeof *out->at)};
    if (!out->at)
        return clm_fail_host_memory(error, "a check", SAMPLES * sizeof *out->at);
    for (size_t i = 0; i < out->count; i++)
        out->at[i] = size <= SAMPLES       ? i
                     : i == 0              ? 0
                     : i + 1 == out->count ? size - 1
                                           : philox_below(random, (uint32_t)size);
    return CLM_OK;
}

static clm_status judge_samples(const struct problem *problem, struct clm_backend *bounds,
                                struct judgement *judgement, struct clm_error *error)
{
    struct philox random = philox_start(1, RANDOM_TEST, 2);
    struct view view = {0};
    bool has_denormals;
    clm_status status = CLM_OK;
    for (size_t a = 0; status == CLM_OK && a < 2; a++)
        status = select_samples(problem, problem->operation->sampled[a], &random, &view.thinned[a], error);
    if (status == CLM_OK)
        status = judge_seen(problem, bounds, &view, FLUSHING_NONE, &has_denormals, judgement, error);
    for (size_t a = 0; a < 2; a++)
        free(view.thinned[a].at);
    return status;
}

/* At this size numbers are so large that no product of two of them is flushed to zero. */
static clm_status judge_fold(const struct problem *problem, struct clm_backend *bounds,
                             struct judgement *judgement, struct clm_error *error)
{
    const struct view signs = {.folded = problem->operation->folded, .prefix = "random signs times "};
    struct view absolutes = signs;
    struct answer answer, of_errors = {.bounds = bounds};
    absolutes.is_absolute = true;
    clm_status status = answer_make(problem, bounds, &signs, FLUSHING_NONE, &answer, error);
    if (status == CLM_OK)
        status = answer_make(problem, bounds, &absolutes, FLUSHING_NONE, &of_errors, error);
    if (status == CLM_OK)
        status = judge_answer(problem, &signs, &answer, &of_errors, judgement, error);
    answer_free(&answer);
    answer_free(&of_errors);
    return status;
}

/* Columns from `first` on, as many as may be judged at once. */
static clm_status judge_slices(const struct problem *problem, struct clm_backend *bounds,
                               struct judgement *judgement, struct clm_error *error)
{
    const char letter = problem->operation->sliced;
    const size_t columns = letter_size(problem, letter), rows = letter_size(problem, 'N');
    const size_t most = size_min(columns, size_max(1, SLICE_MOST / rows));
    size_t *const at = calloc(most, sizeof *at);
    clm_status status = at ? CLM_OK : clm_fail_host_memory(error, "a check", most * sizeof *at);
    for (size_t first = 0; status == CLM_OK && first < columns; first += most) {
        const struct view view = {.thinned = {{letter, size_min(most, columns - first), at}}};
        bool has_denormals;
        for (size_t i = 0; i < view.thinned[0].count; i++)
            at[i] = first + i;
        status = judge_seen(problem, bounds, &view, FLUSHING_NONE, &has_denormals, judgement, error);
    }
    free(at);
    return status;
}

static clm_status judge_large_problem(const struct problem *problem, struct clm_backend *bounds,
                                      struct judgement *judgement, struct clm_error *error)
{
    const struct operation *const operation = problem->operation;
    const struct variant *const v = problem->variant;
    const bool is_linear =
        v->act == ACTIVATION_NONE && v->below == ACTIVATION_NONE && rules[v->rule].is_linear;
    bool has_denormals;
    clm_status status;
    if (operation->sliced)
        return judge_slices(problem, bounds, judgement, error);
    if (!operation->sampled || (double)v->B * (double)v->I * (double)v->O <= TERMS_FEW)
        return judge_problem(problem, bounds, FLUSHING_NONE, &has_denormals, judgement, error);
    status = judge_samples(problem, bounds, judgement, error);
    return status || !is_linear ? status : judge_fold(problem, bounds, judgement, error);
}

struct judgement problem_try(struct problem *problem, struct clm_backend *bounds)
{
    struct judgement judgement = judgement_begin();
    problem_run(problem);
    problem_read(problem, &judgement);
    if (problem->status == CLM_OK)
        problem->status = judge_large_problem(problem, bounds, &judgement, problem->error);
    return judgement;
}
