#include "compute/opencl/trial_shared.h"
#include "compute/opencl/within.h"

#include <math.h>
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

static clm_status gathering_create(struct clm_backend *be, enum tensor_type type, size_t B, size_t I,
                                   struct gathering *t, struct clm_error *error)
{
    const size_t N = B + FIRST, element = type == TENSOR_BYTE ? sizeof(uint8_t) : sizeof(float);
    clm_status status;
    t->values.any = calloc(N * I, element);
    t->got = calloc(B * I, sizeof *t->got);
    t->features = calloc(I, sizeof *t->features);
    t->index = calloc(N, sizeof *t->index);
    if (!t->values.any || !t->got || !t->features || !t->index)
        return clm_fail_host_memory(error, "a trial of rows", N * I * (element + sizeof *t->got));
    if ((status = tensor_create(be, type, N, I, &t->data.values, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, N, &t->data.labels, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, I, &t->data.mean, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, I, &t->data.scale, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, N, &t->order, error)) ||
        (status = tensor_create(be, TENSOR_REAL, B, I, &t->X, error)))
        return status;
    return tensor_create(be, TENSOR_INDEX, 1, B, &t->labels, error);
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
        status = within(be, "gather", t->index[r], element_of(n, I), 0, error);
        for (size_t c = 0; c < I && status == CLM_OK; c++)
            status = within(be, "gather", (double)t->got[r * I + c],
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

clm_status trial_of_gather(struct clm_backend *be, size_t B, size_t I, struct clm_error *error)
{
    static const enum tensor_type types[] = {TENSOR_BYTE, TENSOR_REAL};
    const struct memory_use memory = be->memory;
    clm_status status = CLM_OK;
    be->memory = (struct memory_use){0};
    for (int i = 0; i < 2 && status == CLM_OK; i++) {
        size_t rows = B;
        /* of a set there may be room for fewer rows than of a minibatch */
        while ((status = gathering_test(be, types[i], rows, I, error)) == CLM_ERROR_MEMORY && rows > 1)
            rows /= 2;
    }
    be->memory = memory;
    return status;
}

/* ---- scores ---- */

/* What comes of B rows of C logits, with room for all of it. */
struct scores {
    float *P, *dZ;      /* (B,C) */
    double losses[2];   /* without a gradient, and with it */
    size_t corrects[2]; /* likewise */
};

static clm_status scores_create(struct scores *out, size_t count, struct clm_error *error)
{
    out->P = calloc(count, sizeof *out->P);
    out->dZ = calloc(count, sizeof *out->dZ);
    return out->P && out->dZ ? CLM_OK
                             : clm_fail_host_memory(error, "a trial of the loss", 2 * count * sizeof *out->P);
}

static void scores_free(struct scores *scores)
{
    free(scores->P);
    free(scores->dZ);
}

static clm_status scores_of(struct clm_backend *be, size_t B, size_t C, const float *logits,
                            const uint32_t *classes, struct scores *out, struct clm_error *error)
{
    struct tensor Z = {0}, P = {0}, labels = {0};
    struct metrics sums = {0};
    clm_status status;
    if ((status = tensor_create(be, TENSOR_REAL, B, C, &Z, error)) ||
        (status = tensor_create(be, TENSOR_REAL, B, C, &P, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, B, &labels, error)) ||
        (status = metrics_create(be, &sums, error)) ||
        (status = backend_write(be, &Z, HOST_FLOAT, logits, error)) ||
        (status = backend_write(be, &labels, HOST_INDEX, classes, error)) ||
        (status = softmax(be, &Z, &P, error)) || (status = backend_read(be, &P, HOST_FLOAT, out->P, error)))
        goto cleanup;
    for (int i = 0; i < 2 && status == CLM_OK; i++)
        if ((status = metrics_reset(be, &sums, error)) ||
            (status = softmax_xent(be, &Z, &labels, NULL, i ? &Z : NULL, &sums, error)) ||
            (status = metrics_read(be, &sums, &out->losses[i], &out->corrects[i], error)))
            goto cleanup;
    status = backend_read(be, &Z, HOST_FLOAT, out->dZ, error);
cleanup:
    tensor_free(be, &Z);
    tensor_free(be, &P);
    tensor_free(be, &labels);
    metrics_free(be, &sums);
    return status;
}

static clm_status compare_scores(struct clm_backend *be, size_t B, size_t C, const struct scores *got,
                                 const struct scores *right, struct clm_error *error)
{
    clm_status status = CLM_OK;
    const double rounding = 1e-5 + 0x1p-23 * (double)C; /* of a sum of C numbers, divided by */
    for (size_t i = 0; status == CLM_OK && i < B * C; i++)
        if ((status = within(be, "softmax", (double)got->P[i], (double)right->P[i],
                             1e-8 + rounding * (double)right->P[i], error)) == CLM_OK)
            status =
                within(be, "softmax_xent", (double)B * (double)got->dZ[i], (double)B * (double)right->dZ[i],
                       1e-6 + 1e-4 * (double)B * fabs((double)right->dZ[i]), error);
    for (int i = 0; i < 2 && status == CLM_OK; i++)
        status = sums_within(be, B, C, got->losses[i], got->corrects[i], right->losses[i], right->corrects[i],
                             error);
    return status;
}

/* Logits are between -4 and 4, a row's class is its number, mod C. */
clm_status trial_of_loss(struct clm_backend *be, size_t B, size_t C, struct clm_error *error)
{
    const struct memory_use memory = be->memory;
    struct clm_backend *reference = NULL;
    struct scores got = {0}, right = {0};
    float *const logits = malloc(B * C * sizeof *logits);
    uint32_t *const classes = malloc(B * sizeof *classes);
    clm_status status =
        logits && classes ? CLM_OK
                          : clm_fail_host_memory(error, "a trial of the loss", B * (C + 1) * sizeof *logits);
    be->memory = (struct memory_use){0};
    for (size_t i = 0; status == CLM_OK && i < B * C; i++)
        logits[i] = (float)(29 * i % 127) / 16 - 4;
    for (size_t r = 0; status == CLM_OK && r < B; r++)
        classes[r] = (uint32_t)(r % C);
    if (status || (status = reference_open(&reference, error)) ||
        (status = scores_create(&right, B * C, error)) || (status = scores_create(&got, B * C, error)) ||
        (status = scores_of(reference, B, C, logits, classes, &right, error)) ||
        (status = scores_of(be, B, C, logits, classes, &got, error)))
        goto cleanup;
    status = compare_scores(be, B, C, &got, &right, error);
cleanup:
    be->memory = memory;
    clm_backend_close(reference);
    scores_free(&got);
    scores_free(&right);
    free(logits);
    free(classes);
    return status;
}
