#include "prove/sampled.h"

#include "base/philox.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define SAMPLES   96  /* elements compared beside the corners */
#define TERMS_FEW 4e6 /* of all elements' sums: some milliseconds */

double larger(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}

double rounding_bound(double k)
{
    return k * 0x1p-24 / (1 - k * 0x1p-24);
}

/* Each result is a sum of K products, scaled, and two further summands: K + 6 roundings at most. */
static double gamma_of(const struct expected *e)
{
    return rounding_bound((double)e->K + 6);
}

/* The summands of an element; *size is increased by their absolutes. */
static double rest_of(const struct expected *e, size_t m, size_t n, double *size)
{
    double sum = 0;
    for (int i = 0; i < 2; i++) {
        const struct summand *const s = &e->rest[i];
        if (s->factor == 0)
            continue;
        const double value = s->factor * (double)s->d[m * s->row + n * s->column];
        sum += value;
        *size += fabs(value);
    }
    return sum;
}

static double sampled_cut(const struct expected *e, size_t at, double value)
{
    if (e->cut == CUT_RELU)
        return value < 0 ? 0 : value;
    if (e->cut == CUT_MASK)
        return e->mask[at] > 0 ? value : 0;
    return value;
}

static double element(const struct expected *e, const float *got, size_t m, size_t n)
{
    double sum = 0, size = 0;
    for (size_t k = 0; k < e->K; k++) {
        const double term =
            (double)e->a[m * e->a_row + k * e->a_column] * (double)e->c[k * e->c_row + n * e->c_column];
        sum += term;
        size += fabs(term);
    }
    const size_t at = m * e->N + n;
    size *= fabs(e->alpha);
    const double value = e->alpha * sum + rest_of(e, m, n, &size);
    return fabs((double)got[at] - sampled_cut(e, at, value)) / (gamma_of(e) * size + (double)FLT_MIN);
}

double expected_samples(const struct expected *e, const float *got)
{
    struct philox random = philox_start(1, RANDOM_TEST, 2);
    double worst = 0;
    if ((double)e->M * (double)e->N * (double)e->K <= TERMS_FEW) {
        for (size_t m = 0; m < e->M; m++)
            for (size_t n = 0; n < e->N; n++)
                worst = larger(worst, element(e, got, m, n));
        return worst;
    }
    for (size_t corner = 0; corner < 4; corner++)
        worst = larger(worst, element(e, got, corner & 1 ? e->M - 1 : 0, corner & 2 ? e->N - 1 : 0));
    for (size_t i = 0; i < SAMPLES; i++) {
        const size_t m = philox_below(&random, (uint32_t)e->M), n = philox_below(&random, (uint32_t)e->N);
        worst = larger(worst, element(e, got, m, n));
    }
    return worst;
}

/* folded[k] = Σ_n c[k][n] signs[n], and size[k] = Σ_n |c[k][n]|, by the stride that is short. */
static void fold(const struct expected *e, const float *signs, double *folded, double *size)
{
    const bool is_along_n = e->c_column == 1;
    const size_t outer = is_along_n ? e->K : e->N, inner = is_along_n ? e->N : e->K;
    for (size_t i = 0; i < outer; i++)
        for (size_t j = 0; j < inner; j++) {
            const size_t k = is_along_n ? i : j, n = is_along_n ? j : i;
            const double value = (double)e->c[k * e->c_row + n * e->c_column];
            folded[k] += value * (double)signs[n];
            size[k] += fabs(value);
        }
}

/* R signs = alpha A (C signs) + rest signs, of row m, under the sum of the row's bounds. */
static double compare_row(const struct expected *e, const float *got, const float *signs,
                          const double *folded, const double *folded_size, size_t m)
{
    double expected = 0, size = 0, sum = 0;
    for (size_t k = 0; k < e->K; k++) {
        const double a = e->alpha * (double)e->a[m * e->a_row + k * e->a_column];
        expected += a * folded[k];
        size += fabs(a) * folded_size[k];
    }
    for (size_t n = 0; n < e->N; n++) {
        expected += rest_of(e, m, n, &size) * (double)signs[n];
        sum += (double)got[m * e->N + n] * (double)signs[n];
    }
    return fabs(sum - expected) / (gamma_of(e) * size + (double)e->N * (double)FLT_MIN);
}

clm_status expected_whole(const struct expected *e, const float *got, double *worst, struct clm_error *error)
{
    struct philox random = philox_start(1, RANDOM_TEST, 3);
    float *const signs = malloc(e->N * sizeof *signs);
    double *const folded = calloc(e->K, 2 * sizeof *folded), *const size = folded + e->K;
    const bool has_memory = signs && folded;
    *worst = 0;
    for (size_t n = 0; has_memory && n < e->N; n++)
        signs[n] = philox_next(&random) & 1 ? 1.0f : -1.0f;
    if (has_memory)
        fold(e, signs, folded, size);
    for (size_t m = 0; has_memory && m < e->M; m++)
        *worst = larger(*worst, compare_row(e, got, signs, folded, size, m));
    free(signs);
    free(folded);
    return has_memory ? CLM_OK
                      : clm_fail_host_memory(error, "a trial of products", 2 * e->K * sizeof *folded);
}
