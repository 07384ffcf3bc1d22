/* What all providers of products share, tried at the sizes of a net. */
#include "prove/prove.h"
#include "prove/within.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- rows ---- */

/* Rows of a data set, some of which are gathered: element c of row n is a whole number, (element - mean) * scale is exact. */
enum { FIRST = 3 }; /* row, or place in the order */

static uint32_t element_of(size_t n, size_t c)
{
    return (uint32_t)((n * 2654435761U + c * 40503U) >> 7) % 256;
}

static float mean_of(size_t c)
{
    return (float)(100 + c % 50);
}

struct gathering {
    struct resident data; /* (B + FIRST, I) */
    struct tensor order, X, labels;
    union {
        uint8_t *bytes;
        float *floats;
        void *any;
    } values;        /* (B + FIRST, I) */
    float *features; /* (I): means, then scales, which stay */
    float *got;      /* (B,I) */
    uint32_t *index; /* (B + FIRST): labels, then the order, then labels again */
};

static clm_status gathering_tensors(struct clm_backend *be, enum tensor_type type, size_t B, size_t I,
                                    struct gathering *t, struct clm_error *error)
{
    const size_t N = B + FIRST;
    clm_status status;
    if ((status = tensor_create(be, type, N, I, &t->data.values, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, N, &t->data.labels, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, I, &t->data.mean, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, I, &t->data.scale, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, N, &t->order, error)) ||
        (status = tensor_create(be, TENSOR_REAL, B, I, &t->X, error)))
        return status;
    return tensor_create(be, TENSOR_INDEX, 1, B, &t->labels, error);
}

static clm_status gathering_create(struct clm_backend *be, enum tensor_type type, size_t B, size_t I,
                                   struct gathering *t, struct clm_error *error)
{
    const size_t N = B + FIRST, element = type == TENSOR_BYTE ? sizeof(uint8_t) : sizeof(float);
    t->values.any = calloc(N * I, element);
    t->got = calloc(B * I, sizeof *t->got);
    t->features = calloc(I, sizeof *t->features);
    t->index = calloc(N, sizeof *t->index);
    if (!t->values.any || !t->got || !t->features || !t->index)
        return clm_fail_host_memory(error, "a trial of rows", N * I * (element + sizeof *t->got));
    return gathering_tensors(be, type, B, I, t, error);
}

static void gathering_free(struct clm_backend *be, struct gathering *t)
{
    struct tensor *const tensors[] = {&t->data.values, &t->data.labels, &t->data.mean, &t->data.scale,
                                      &t->order,       &t->X,           &t->labels};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        tensor_free(be, tensors[i]);
    free(t->values.any);
    free(t->got);
    free(t->features);
    free(t->index);
}

/* In order, the rows are taken from the last to the first. */
static size_t taken_row(size_t r, size_t N, bool is_ordered)
{
    return is_ordered ? N - 1 - (FIRST + r) : FIRST + r;
}

static clm_status gathering_write(struct clm_backend *be, struct gathering *t, struct clm_error *error)
{
    const size_t N = t->data.values.rows, I = t->data.values.columns;
    const bool is_byte = t->data.values.type == TENSOR_BYTE;
    clm_status status;
    for (size_t n = 0; n < N; n++)
        for (size_t c = 0; c < I; c++)
            if (is_byte)
                t->values.bytes[n * I + c] = (uint8_t)element_of(n, c);
            else
                t->values.floats[n * I + c] = (float)element_of(n, c);
    if ((status = backend_write(be, &t->data.values, is_byte ? HOST_BYTE : HOST_FLOAT, t->values.any, error)))
        return status;
    for (size_t n = 0; n < N; n++)
        t->index[n] = element_of(n, I);
    if ((status = backend_write(be, &t->data.labels, HOST_INDEX, t->index, error)))
        return status;
    for (size_t n = 0; n < N; n++)
        t->index[n] = (uint32_t)(N - 1 - n);
    if ((status = backend_write(be, &t->order, HOST_INDEX, t->index, error)))
        return status;
    for (size_t c = 0; c < I; c++)
        t->features[c] = mean_of(c);
    if ((status = backend_write(be, &t->data.mean, HOST_FLOAT, t->features, error)))
        return status;
    for (size_t c = 0; c < I; c++)
        t->features[c] = ldexpf(1, -(int)(c % 8));
    return backend_write(be, &t->data.scale, HOST_FLOAT, t->features, error);
}

static clm_status gathering_compare(struct clm_backend *be, struct gathering *t, bool is_ordered,
                                    struct clm_error *error)
{
    const size_t N = t->data.values.rows, B = t->X.rows, I = t->X.columns;
    clm_status status;
    if ((status =
             gather(be, &t->data, is_ordered ? &t->order : NULL, FIRST, NULL, &t->X, &t->labels, error)) ||
        (status = backend_read(be, &t->X, HOST_FLOAT, t->got, error)) ||
        (status = backend_read(be, &t->labels, HOST_INDEX, t->index, error)))
        return status;
    for (size_t r = 0; r < B && status == CLM_OK; r++) {
        const size_t n = taken_row(r, N, is_ordered);
        status = within("gather", t->index[r], element_of(n, I), 0, error);
        for (size_t c = 0; c < I && status == CLM_OK; c++)
            status = within("gather", (double)t->got[r * I + c],
                            (double)(((float)element_of(n, c) - mean_of(c)) * t->features[c]), 0, error);
    }
    return status;
}

static clm_status gathering_test(struct clm_backend *be, enum tensor_type type, size_t B, size_t I,
                                 struct clm_error *error)
{
    struct gathering t = {0};
    clm_status status;
    if ((status = gathering_create(be, type, B, I, &t, error)) == CLM_OK &&
        (status = gathering_write(be, &t, error)) == CLM_OK &&
        (status = gathering_compare(be, &t, true, error)) == CLM_OK)
        status = gathering_compare(be, &t, false, error);
    gathering_free(be, &t);
    return status;
}

/* Whether there is room for so many. */
static clm_status gathering_check(struct clm_backend *be, enum tensor_type type, size_t B, size_t I,
                                  struct clm_error *error)
{
    struct gathering t = {0};
    memory_plan_begin(be);
    const clm_status status = gathering_tensors(be, type, B, I, &t, error);
    gathering_free(be, &t);
    const size_t bytes = memory_plan_end(be);
    return status ? status
                  : memory_check(be, "trying how rows are gathered", bytes,
                                 "take smaller batches, or the blas backend", "batch backend", error);
}

clm_status prove_gather(struct clm_backend *be, size_t B, size_t I, struct clm_error *error)
{
    static const enum tensor_type types[] = {TENSOR_BYTE, TENSOR_REAL};
    struct clm_error why = {0};
    clm_status status = CLM_OK;
    for (int i = 0; i < 2 && status == CLM_OK; i++) {
        size_t rows = B;
        /* a set may have room for fewer rows than a minibatch */
        while ((status = gathering_check(be, types[i], rows, I, &why)) == CLM_ERROR_MEMORY && rows > 1)
            rows /= 2;
        if (status == CLM_OK)
            status = gathering_test(be, types[i], rows, I, &why);
    }
    return status ? fail_self_test(be, &why, error) : CLM_OK;
}

/* ---- scores ---- */

/* B rows of C logits, multiples of 1 / 16 between -4 and 4, so that their differences are exact. A row's class is its number, mod
 * C. */
static float logit_of(size_t C, size_t r, size_t c)
{
    return (float)(29 * (r * C + c) % 127) / 16 - 4;
}

struct scoring {
    struct tensor Z, P, labels;
    struct metrics sums;
    float *scores;     /* (B,C) on the host */
    double *z;         /* (C) */
    uint32_t *classes; /* (B) */
};

static clm_status scoring_tensors(struct clm_backend *be, size_t B, size_t C, struct scoring *t,
                                  struct clm_error *error)
{
    clm_status status;
    if ((status = tensor_create(be, TENSOR_REAL, B, C, &t->Z, error)) ||
        (status = tensor_create(be, TENSOR_REAL, B, C, &t->P, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, B, &t->labels, error)))
        return status;
    return metrics_create(be, &t->sums, error);
}

static void scoring_free(struct clm_backend *be, struct scoring *t)
{
    tensor_free(be, &t->Z);
    tensor_free(be, &t->P);
    tensor_free(be, &t->labels);
    metrics_free(be, &t->sums);
    free(t->scores);
    free(t->z);
    free(t->classes);
}

static clm_status scoring_create(struct clm_backend *be, size_t B, size_t C, struct scoring *t,
                                 struct clm_error *error)
{
    t->scores = malloc(B * C * sizeof *t->scores);
    t->z = malloc(C * sizeof *t->z);
    t->classes = malloc(B * sizeof *t->classes);
    if (!t->scores || !t->z || !t->classes)
        return clm_fail_host_memory(error, "a trial of the loss", B * (C + 1) * sizeof *t->scores);
    for (size_t i = 0; i < B * C; i++)
        t->scores[i] = logit_of(C, i / C, i % C);
    for (size_t r = 0; r < B; r++)
        t->classes[r] = (uint32_t)(r % C);
    clm_status status;
    if ((status = scoring_tensors(be, B, C, t, error)) ||
        (status = backend_write(be, &t->Z, HOST_FLOAT, t->scores, error)))
        return status;
    return backend_write(be, &t->labels, HOST_INDEX, t->classes, error);
}

static struct scored_row scoring_row(struct scoring *t, size_t r)
{
    const size_t C = t->Z.columns;
    for (size_t c = 0; c < C; c++)
        t->z[c] = (double)logit_of(C, r, c);
    return scored_row_of(t->z, C, 0, t->classes[r]);
}

/* The results in `scores` are probabilities, or gradients. */
static clm_status compare_scores(struct scoring *t, bool are_gradients, struct clm_error *error)
{
    const size_t B = t->Z.rows, C = t->Z.columns;
    clm_status status = CLM_OK;
    for (size_t r = 0; status == CLM_OK && r < B; r++) {
        const struct scored_row row = scoring_row(t, r);
        for (size_t c = 0; status == CLM_OK && c < C; c++) {
            double bound;
            const double got = (double)t->scores[r * C + c];
            if (are_gradients) {
                const double right = scored_gradient(&row, c, B, &bound);
                status = within("softmax_xent", (double)B * got, right, bound, error);
            } else {
                const double right = scored_probability(&row, c, &bound);
                status = within("softmax", got, right, bound, error);
            }
        }
    }
    return status;
}

/* Without a gradient, or with one in the place of the logits. */
static clm_status shared_compare_sums(struct clm_backend *be, struct scoring *t, bool has_gradient,
                                      struct clm_error *error)
{
    const size_t B = t->Z.rows;
    struct scored_sums expected = {0};
    double loss = NAN;
    size_t correct = 0;
    clm_status status;
    for (size_t r = 0; r < B; r++) {
        const struct scored_row row = scoring_row(t, r);
        scored_add(&expected, &row);
    }
    if ((status = metrics_reset(be, &t->sums, error)) ||
        (status = softmax_xent(be, &t->Z, &t->labels, NULL, has_gradient ? &t->Z : NULL, &t->sums, error)) ||
        (status = metrics_read(be, &t->sums, &loss, &correct, error)))
        return status;
    return scored_sums_within(&expected, B, loss, correct, error);
}

static clm_status scoring_test(struct clm_backend *be, size_t B, size_t C, struct clm_error *error)
{
    struct scoring t = {0};
    clm_status status;
    if ((status = scoring_create(be, B, C, &t, error)) || (status = softmax(be, &t.Z, &t.P, error)) ||
        (status = backend_read(be, &t.P, HOST_FLOAT, t.scores, error)) ||
        (status = compare_scores(&t, false, error)) || (status = shared_compare_sums(be, &t, false, error)) ||
        (status = shared_compare_sums(be, &t, true, error)) ||
        (status = backend_read(be, &t.Z, HOST_FLOAT, t.scores, error)) ||
        (status = compare_scores(&t, true, error)))
        goto cleanup;
cleanup:
    scoring_free(be, &t);
    return status;
}

clm_status prove_loss(struct clm_backend *be, size_t B, size_t C, struct clm_error *error)
{
    struct scoring planned = {0};
    struct clm_error why = {0};
    memory_plan_begin(be);
    clm_status status = scoring_tensors(be, B, C, &planned, error);
    scoring_free(be, &planned);
    const size_t bytes = memory_plan_end(be);
    if (status == CLM_OK)
        status = memory_check(be, "trying the loss", bytes, "take smaller batches, or the blas backend",
                              "batch backend", error);
    if (status != CLM_OK)
        return status;
    status = scoring_test(be, B, C, &why);
    return status ? fail_self_test(be, &why, error) : CLM_OK;
}
