#include "compute/opencl/trial.h"

#include "base/clock.h"
#include "base/philox.h"
#include "base/size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPERATIONS_MOST                                                                                      \
    4e8 /* of a product: some milliseconds where it is fast, and not a second where it is slow */
#define BATCH_LEAST  16
#define SAMPLES      96 /* elements compared beside the corners */
#define SECONDS_MOST 0.04
#define RUNS_MOST    20
#define RATE         0x1p-6
#define L2           0x1p-4

struct trial {
    struct clm_backend *be;
    size_t B, I, O;
    struct tensor X, dZ, Y, dX; /* (B,I), (B,O), (B,O), (B,I) */
    struct linear layer;
    float *x, *dz, *w, *b; /* on the host */
    float *got, *signs;    /* of the size of the largest result, and of the widest */
    double *folded, *folded_size;
};

/* R (M,N) = alpha A (M,K) C (K,N) + beta D (M,N), by the strides of rows and columns. */
struct expected {
    size_t M, N, K;
    const float *a, *c, *d;
    size_t a_row, a_column, c_row, c_column, d_row, d_column;
    double alpha, beta;
};

/* ---- operands ---- */

static clm_status fill(struct trial *trial, struct philox *random, struct tensor *tensor, size_t rows,
                       size_t columns, size_t panel, float **host, struct clm_error *error)
{
    const size_t count = rows * columns;
    *host = malloc(count * sizeof **host);
    if (!*host)
        return clm_fail_host_memory(error, "a trial of products", count * sizeof **host);
    for (size_t i = 0; i < count; i++)
        (*host)[i] = (float)(int32_t)philox_next(random) * 0x1p-31f;
    const clm_status status = panels_create(trial->be, rows, columns, panel, tensor, error);
    return status ? status : backend_write(trial->be, tensor, HOST_FLOAT, *host, error);
}

static clm_status create(struct trial *trial, size_t panel, struct clm_error *error)
{
    const size_t B = trial->B, I = trial->I, O = trial->O, widest = size_max(B, size_max(I, O));
    struct philox random = philox_start(1, RANDOM_TEST, 1);
    clm_status status;
    if ((status = fill(trial, &random, &trial->X, B, I, 0, &trial->x, error)) ||
        (status = fill(trial, &random, &trial->dZ, B, O, 0, &trial->dz, error)) ||
        (status = fill(trial, &random, &trial->layer.W, O, I, panel, &trial->w, error)) ||
        (status = fill(trial, &random, &trial->layer.b, 1, O, 0, &trial->b, error)) ||
        (status = tensor_create(trial->be, TENSOR_REAL, B, O, &trial->Y, error)) ||
        (status = tensor_create(trial->be, TENSOR_REAL, B, I, &trial->dX, error)))
        return status;
    trial->got = malloc(size_max(B * O, size_max(B * I, O * I)) * sizeof *trial->got);
    trial->signs = malloc(widest * sizeof *trial->signs);
    trial->folded = malloc(widest * sizeof *trial->folded);
    trial->folded_size = malloc(widest * sizeof *trial->folded_size);
    if (!trial->got || !trial->signs || !trial->folded || !trial->folded_size)
        return clm_fail_host_memory(error, "a trial of products", widest * sizeof *trial->folded);
    for (size_t i = 0; i < widest; i++)
        trial->signs[i] = philox_next(&random) & 1 ? 1.0f : -1.0f;
    return CLM_OK;
}

size_t trial_rows(size_t B, size_t I, size_t O)
{
    const double rows = OPERATIONS_MOST / (2.0 * (double)I * (double)O);
    return size_min(B, rows > BATCH_LEAST ? (size_t)rows : BATCH_LEAST);
}

clm_status trial_open(const struct gemm_provider *gemm, size_t B, size_t I, size_t O, struct trial **out,
                      struct clm_error *error)
{
    struct trial *const trial = calloc(1, sizeof *trial);
    *out = NULL;
    if (!trial)
        return clm_fail_host_memory(error, "a trial of products", sizeof *trial);
    *trial = (struct trial){.be = gemm->backend, .B = B, .I = I, .O = O};
    const size_t panel = gemm->operations->panel ? gemm->operations->panel(gemm, trial->B, I, O) : 0;
    const clm_status status = create(trial, panel, error);
    if (status == CLM_OK)
        *out = trial;
    else
        trial_close(trial);
    return status;
}

void trial_close(struct trial *trial)
{
    if (!trial)
        return;
    struct tensor *const tensors[] = {&trial->X,  &trial->dZ,      &trial->Y,
                                      &trial->dX, &trial->layer.W, &trial->layer.b};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        tensor_free(trial->be, tensors[i]);
    void *const arrays[] = {trial->x,   trial->dz,    trial->w,      trial->b,
                            trial->got, trial->signs, trial->folded, trial->folded_size};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    free(trial);
}

double trial_operations(const struct trial *trial)
{
    return 2.0 * (double)trial->B * (double)trial->I * (double)trial->O;
}

/* ---- running ---- */

static clm_status run(struct trial *t, struct gemm_provider *gemm, enum product product, bool has_epilogue,
                      struct clm_error *error)
{
    static const struct step step = {.learning_rate = RATE, .l2 = L2};
    switch (product) {
    case PRODUCT_FORWARD:
        return gemm->operations->forward(gemm, &t->X, &t->layer,
                                         has_epilogue ? ACTIVATION_RELU : ACTIVATION_NONE, &t->Y, error);
    case PRODUCT_BACKWARD_INPUT:
        return gemm->operations->backward_input(gemm, &t->dZ, &t->layer, has_epilogue ? &t->X : NULL, &t->dX,
                                                error);
    case PRODUCT_UPDATE:
    case PRODUCT_COUNT:
        break;
    }
    return gemm->operations->descend(gemm, &t->dZ, &t->X, &t->layer, &step, error);
}

clm_status trial_time(struct trial *trial, struct gemm_provider *gemm, enum product product, double most,
                      double *milliseconds, struct clm_error *error)
{
    double spent = 0;
    *milliseconds = INFINITY;
    for (int i = 0; i < RUNS_MOST && spent < SECONDS_MOST; i++) {
        const double begin = clock_seconds();
        clm_status status = run(trial, gemm, product, true, error);
        if (status == CLM_OK)
            status = backend_finish(trial->be, error);
        if (status != CLM_OK)
            return status;
        const double seconds = clock_seconds() - begin;
        spent += seconds;
        *milliseconds = fmin(*milliseconds, 1e3 * seconds);
        if (*milliseconds > most)
            break;
    }
    return CLM_OK;
}

/* ---- checking ---- */

static struct expected expect(const struct trial *t, enum product product)
{
    const size_t B = t->B, I = t->I, O = t->O;
    switch (product) {
    case PRODUCT_FORWARD: /* Y = X Wᵀ + b */
        return (struct expected){.M = B,
                                 .N = O,
                                 .K = I,
                                 .a = t->x,
                                 .a_row = I,
                                 .a_column = 1,
                                 .c = t->w,
                                 .c_row = 1,
                                 .c_column = I,
                                 .d = t->b,
                                 .d_row = 0,
                                 .d_column = 1,
                                 .alpha = 1,
                                 .beta = 1};
    case PRODUCT_BACKWARD_INPUT: /* dX = dZ W */
        return (struct expected){.M = B,
                                 .N = I,
                                 .K = O,
                                 .a = t->dz,
                                 .a_row = O,
                                 .a_column = 1,
                                 .c = t->w,
                                 .c_row = I,
                                 .c_column = 1,
                                 .d = t->x,
                                 .d_row = I,
                                 .d_column = 1,
                                 .alpha = 1,
                                 .beta = 0};
    case PRODUCT_UPDATE: /* W = (1 - 2 rate l2) W - rate dZᵀ X */
    case PRODUCT_COUNT:
        break;
    }
    return (struct expected){.M = O,
                             .N = I,
                             .K = B,
                             .a = t->dz,
                             .a_row = 1,
                             .a_column = O,
                             .c = t->x,
                             .c_row = I,
                             .c_column = 1,
                             .d = t->w,
                             .d_row = I,
                             .d_column = 1,
                             .alpha = -RATE,
                             .beta = 1 - 2 * RATE * L2};
}

/* Each result is a sum of K products, scaled, and a further summand: K + 4 roundings at most, so
 * |got - expected| <= gamma_(K+4) (|alpha| |A||C| + |beta D|) + FLT_MIN, with gamma_k = k u / (1 - k u), u = 2^-24. */
static double gamma_of(const struct expected *e)
{
    const double roundings = ((double)e->K + 4) * 0x1p-24;
    return roundings / (1 - roundings);
}

static double larger(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}

/* relu and the mask are 1-Lipschitz: the bound holds behind them. */
static double epilogue(const struct trial *t, enum product product, size_t at, double value)
{
    if (product == PRODUCT_FORWARD)
        return value < 0 ? 0 : value;
    if (product == PRODUCT_BACKWARD_INPUT)
        return t->x[at] > 0 ? value : 0;
    return value;
}

static double compare_element(const struct trial *t, const struct expected *e, enum product product, size_t m,
                              size_t n)
{
    const double rest = e->beta * (double)e->d[m * e->d_row + n * e->d_column];
    double sum = 0, size = 0;
    for (size_t k = 0; k < e->K; k++) {
        const double term =
            (double)e->a[m * e->a_row + k * e->a_column] * (double)e->c[k * e->c_row + n * e->c_column];
        sum += term;
        size += fabs(term);
    }
    const size_t at = m * e->N + n;
    const double bound = gamma_of(e) * (fabs(e->alpha) * size + fabs(rest)) + (double)FLT_MIN;
    return fabs((double)t->got[at] - epilogue(t, product, at, e->alpha * sum + rest)) / bound;
}

static double compare_samples(const struct trial *t, const struct expected *e, enum product product)
{
    struct philox random = philox_start(1, RANDOM_TEST, 2);
    double worst = 0;
    for (size_t corner = 0; corner < 4; corner++)
        worst = larger(worst,
                       compare_element(t, e, product, corner & 1 ? e->M - 1 : 0, corner & 2 ? e->N - 1 : 0));
    for (size_t i = 0; i < SAMPLES; i++) {
        const size_t m = philox_below(&random, (uint32_t)e->M), n = philox_below(&random, (uint32_t)e->N);
        worst = larger(worst, compare_element(t, e, product, m, n));
    }
    return worst;
}

/* folded = C signs, and folded_size = |C| 1, by the stride that is short. */
static void fold(struct trial *t, const struct expected *e)
{
    const bool is_along_n = e->c_column == 1;
    const size_t outer = is_along_n ? e->K : e->N, inner = is_along_n ? e->N : e->K;
    for (size_t k = 0; k < e->K; k++)
        t->folded[k] = t->folded_size[k] = 0;
    for (size_t i = 0; i < outer; i++)
        for (size_t j = 0; j < inner; j++) {
            const size_t k = is_along_n ? i : j, n = is_along_n ? j : i;
            const double value = (double)e->c[k * e->c_row + n * e->c_column];
            t->folded[k] += value * (double)t->signs[n];
            t->folded_size[k] += fabs(value);
        }
}

/* R signs = alpha A (C signs) + beta D signs, a row at a time, under the sum of the row's bounds. */
static double compare_whole(struct trial *t, const struct expected *e)
{
    const double gamma = gamma_of(e);
    double worst = 0;
    fold(t, e);
    for (size_t m = 0; m < e->M; m++) {
        double expected = 0, size = 0, got = 0;
        for (size_t k = 0; k < e->K; k++) {
            const double a = (double)e->a[m * e->a_row + k * e->a_column];
            expected += e->alpha * a * t->folded[k];
            size += fabs(e->alpha * a) * t->folded_size[k];
        }
        for (size_t n = 0; n < e->N; n++) {
            const double rest = e->beta * (double)e->d[m * e->d_row + n * e->d_column];
            expected += rest * (double)t->signs[n];
            size += fabs(rest);
            got += (double)t->got[m * e->N + n] * (double)t->signs[n];
        }
        worst = larger(worst, fabs(got - expected) / (gamma * size + (double)e->N * (double)FLT_MIN));
    }
    return worst;
}

/* NaN everywhere, so that an element that is not written does not pass for one of an earlier run. */
static clm_status poison(struct trial *t, struct tensor *result, struct clm_error *error)
{
    for (size_t i = 0; i < result->rows * result->columns; i++)
        t->got[i] = NAN;
    return backend_write(t->be, result, HOST_FLOAT, t->got, error);
}

static clm_status write_parameters(struct trial *t, struct clm_error *error)
{
    const clm_status status = backend_write(t->be, &t->layer.W, HOST_FLOAT, t->w, error);
    return status ? status : backend_write(t->be, &t->layer.b, HOST_FLOAT, t->b, error);
}

/* The result of a run from fresh parameters, in `got`. */
static clm_status result_of(struct trial *t, struct gemm_provider *gemm, enum product product,
                            bool has_epilogue, struct clm_error *error)
{
    struct tensor *const results[PRODUCT_COUNT] = {&t->Y, &t->dX, &t->layer.W};
    struct tensor *const result = results[product];
    clm_status status;
    if ((product != PRODUCT_UPDATE && (status = poison(t, result, error))) ||
        (status = write_parameters(t, error)) || (status = run(t, gemm, product, has_epilogue, error)))
        return status;
    return backend_read(t->be, result, HOST_FLOAT, t->got, error);
}

/* b = b - rate Σ dZ, behind a run of the update; every element, for biases are few. Each is a sum of B terms, scaled, and
 * b: B + 4 roundings at most, as above. */
static clm_status compare_biases(struct trial *t, double *worst, struct clm_error *error)
{
    const double roundings = ((double)t->B + 4) * 0x1p-24, gamma = roundings / (1 - roundings);
    const clm_status status = backend_read(t->be, &t->layer.b, HOST_FLOAT, t->got, error);
    for (size_t o = 0; status == CLM_OK && o < t->O; o++) {
        double expected = (double)t->b[o], size = fabs(expected);
        for (size_t r = 0; r < t->B; r++) {
            const double term = RATE * (double)t->dz[r * t->O + o];
            expected -= term;
            size += fabs(term);
        }
        *worst = larger(*worst, fabs((double)t->got[o] - expected) / (gamma * size + (double)FLT_MIN));
    }
    return status;
}

/* The next batch's forward product, where the provider does it along with the update: of the parameters as they are
 * afterwards, which are those of an update alone. The same rows are the next batch. */
static clm_status compare_fused(struct trial *t, struct gemm_provider *gemm, const struct expected *update,
                                double *worst, struct clm_error *error)
{
    static const struct step step = {.learning_rate = RATE, .l2 = L2};
    const size_t weights = t->O * t->I;
    struct expected forward = expect(t, PRODUCT_FORWARD);
    float *const w = malloc(weights * sizeof *w), *const b = malloc(t->O * sizeof *b);
    clm_status status =
        w && b ? CLM_OK : clm_fail_host_memory(error, "a trial of products", weights * sizeof *w);
    if (status || (status = poison(t, &t->Y, error)) || (status = write_parameters(t, error)) ||
        (status = gemm->operations->descend_forward(gemm, &t->dZ, &t->X, &t->layer, &step, &t->X,
                                                    ACTIVATION_NONE, &t->Y, error)) ||
        (status = backend_read(t->be, &t->layer.W, HOST_FLOAT, w, error)) ||
        (status = backend_read(t->be, &t->layer.b, HOST_FLOAT, b, error)))
        goto cleanup;
    memcpy(t->got, w, weights * sizeof *w);
    *worst = larger(*worst, larger(compare_samples(t, update, PRODUCT_UPDATE), compare_whole(t, update)));
    if ((status = backend_read(t->be, &t->Y, HOST_FLOAT, t->got, error)))
        goto cleanup;
    forward.c = w;
    forward.d = b;
    *worst = larger(*worst, larger(compare_samples(t, &forward, PRODUCT_COUNT), compare_whole(t, &forward)));
cleanup:
    free(w);
    free(b);
    return status;
}

clm_status trial_check(struct trial *trial, struct gemm_provider *gemm, enum product product,
                       double *error_over_bound, struct clm_error *error)
{
    const struct expected e = expect(trial, product);
    *error_over_bound = NAN;
    clm_status status = result_of(trial, gemm, product, true, error);
    if (status != CLM_OK)
        return status;
    const double samples = compare_samples(trial, &e, product);
    if ((status = result_of(trial, gemm, product, false, error)) != CLM_OK)
        return status;
    double worst = larger(samples, compare_whole(trial, &e));
    if (product == PRODUCT_UPDATE)
        status = compare_biases(trial, &worst, error);
    if (status == CLM_OK && product == PRODUCT_UPDATE && gemm->operations->fuses &&
        gemm->operations->fuses(gemm, &trial->layer, trial->B, trial->B))
        status = compare_fused(trial, gemm, &e, &worst, error);
    if (status == CLM_OK)
        *error_over_bound = worst;
    return status;
}

/* ---- a whole layer ---- */

const char *product_name(enum product product)
{
    return product == PRODUCT_FORWARD  ? "forward product"
           : product == PRODUCT_UPDATE ? "update"
                                       : "backward product";
}

clm_status trial_of_layer(struct gemm_provider *gemm, size_t B, size_t I, size_t O, struct clm_error *error)
{
    struct gemm_provider own = *gemm;
    struct trial *trial = NULL;
    size_t bytes = 0;
    own.workspace = (struct tensor){0};
    clm_status status = gemm->operations->workspace(gemm, B, I, O, &bytes, error);
    if (status == CLM_OK && bytes)
        status = tensor_create(gemm->backend, TENSOR_BYTE, 1, bytes, &own.workspace, error);
    if (status == CLM_OK)
        status = trial_open(&own, B, I, O, &trial, error);
    for (int p = 0; status == CLM_OK && p < PRODUCT_COUNT; p++) {
        double worst = NAN;
        status = trial_check(trial, &own, (enum product)p, &worst, error);
        if (status == CLM_OK && !(worst <= 1))
            status =
                clm_fail(error, CLM_ERROR_WRONG,
                         "it computes wrongly; an error of its %s of B=%zu I=%zu O=%zu is %g times its bound",
                         product_name((enum product)p), B, I, O, worst);
    }
    trial_close(trial);
    tensor_free(gemm->backend, &own.workspace);
    return status;
}
