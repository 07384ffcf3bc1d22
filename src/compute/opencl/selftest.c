#include "compute/opencl/selftest.h"

#include <math.h>
#include <stdlib.h>

/* X (2,3), W (2,3), b (2), chosen so that every product and sum is exact in float and ReLU cuts one element. */
static const float inputs[6] = {1, 2, -1, 0.5f, -3, 4};
static const float weights[6] = {0.5f, -1, 2, 1, 1, -0.25f};
static const float biases[2] = {0.25f, -0.5f};

struct bench {
    struct tensor X, Y, dX;
    struct linear layer;
};

static clm_status create(struct clm_backend *be, struct bench *t, struct clm_error *error)
{
    clm_status status;
    if ((status = tensor_create(be, TENSOR_REAL, 2, 3, &t->X, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 2, 2, &t->Y, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 2, 3, &t->dX, error)) ||
        (status = weights_create(be, 2, 3, 2, &t->layer.W, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, 2, &t->layer.b, error)) ||
        (status = backend_write(be, &t->X, HOST_FLOAT, inputs, error)) ||
        (status = backend_write(be, &t->layer.W, HOST_FLOAT, weights, error)) ||
        (status = backend_write(be, &t->layer.b, HOST_FLOAT, biases, error)))
        return status;
    return CLM_OK;
}

/* Every number here is exact in float: any difference is an error of the device. */
static clm_status compare(struct clm_backend *be, const char *operation, const struct tensor *got,
                          const float *expected, struct clm_error *error)
{
    float values[6] = {NAN, NAN, NAN, NAN, NAN, NAN};
    const clm_status status = backend_read(be, got, HOST_FLOAT, values, error);
    if (status != CLM_OK)
        return status;
    for (size_t i = 0; i < got->rows * got->columns; i++)
        if (!(values[i] == expected[i]))
            return clm_fail(
                error, CLM_ERROR_WRONG,
                "%s fails its self-test: %s gives %g where %g is right; it is not used. `clmlp doctor` "
                "tells more; update its driver, or choose another with --device",
                be->device, operation, (double)values[i], (double)expected[i]);
    return CLM_OK;
}

/* ---- rows ---- */

#define ROWS    300
#define CLASSES 10

struct row_bench {
    struct tensor values, labels, mean, scale, order, X, classes, P;
    struct metrics sums;
};

/* Byte c of row n; the label of row n; the row that stands at place r. */
static uint8_t byte_of(size_t n, size_t c)
{
    return (uint8_t)((7 * n + 11 * c) % 256);
}

static uint32_t label_of(size_t n)
{
    return (uint32_t)(3 * n % CLASSES);
}

static uint32_t place_of(size_t r)
{
    return (uint32_t)(7 * r % ROWS);
}

static clm_status create_rows(struct clm_backend *be, struct row_bench *t, struct clm_error *error)
{
    uint8_t values[ROWS * CLASSES];
    uint32_t labels[ROWS], order[ROWS];
    float mean[CLASSES], scale[CLASSES];
    clm_status status;
    for (size_t n = 0; n < ROWS; n++) {
        labels[n] = label_of(n);
        order[n] = place_of(n);
        for (size_t c = 0; c < CLASSES; c++)
            values[n * CLASSES + c] = byte_of(n, c);
    }
    for (size_t c = 0; c < CLASSES; c++) {
        mean[c] = (float)(100 + c);
        scale[c] = 0x1p-6f;
    }
    if ((status = tensor_create(be, TENSOR_BYTE, ROWS, CLASSES, &t->values, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, ROWS, &t->labels, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, CLASSES, &t->mean, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, CLASSES, &t->scale, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, ROWS, &t->order, error)) ||
        (status = tensor_create(be, TENSOR_REAL, ROWS, CLASSES, &t->X, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, ROWS, &t->classes, error)) ||
        (status = tensor_create(be, TENSOR_REAL, ROWS, CLASSES, &t->P, error)) ||
        (status = metrics_create(be, &t->sums, error)) || (status = metrics_reset(be, &t->sums, error)) ||
        (status = backend_write(be, &t->values, HOST_BYTE, values, error)) ||
        (status = backend_write(be, &t->labels, HOST_INDEX, labels, error)) ||
        (status = backend_write(be, &t->order, HOST_INDEX, order, error)) ||
        (status = backend_write(be, &t->mean, HOST_FLOAT, mean, error)) ||
        (status = backend_write(be, &t->scale, HOST_FLOAT, scale, error)))
        return status;
    return CLM_OK;
}

/* In double: row r's logits, its largest, which one that is, the sum of its exponentials, and its loss. */
struct row_answer {
    double z[CLASSES], largest, sum, loss;
    size_t best;
};

static struct row_answer answer_of(size_t r)
{
    struct row_answer row = {.largest = -(double)INFINITY};
    const size_t n = place_of(r);
    for (size_t c = 0; c < CLASSES; c++) {
        row.z[c] = (byte_of(n, c) - (100.0 + (double)c)) / 64;
        row.best = row.z[c] > row.largest ? c : row.best;
        row.largest = fmax(row.largest, row.z[c]);
    }
    for (size_t c = 0; c < CLASSES; c++)
        row.sum += exp(row.z[c] - row.largest);
    row.loss = log(row.sum) + row.largest - row.z[label_of(n)];
    return row;
}

/* Of numbers around 1, and of their differences. */
static clm_status expect_near(struct clm_backend *be, const char *operation, double got, double right,
                              double bound, struct clm_error *error)
{
    if (fabs(got - right) <= bound)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_WRONG,
                    "%s fails its self-test: %s gives %g where %g is right; it is not used. `clmlp doctor` "
                    "tells more; update its driver, or choose another with --device",
                    be->device, operation, got, right);
}

/* Of numbers that are not exact in float: some tens of roundings. */
static clm_status expect(struct clm_backend *be, const char *operation, double got, double right,
                         struct clm_error *error)
{
    return expect_near(be, operation, got, right, 1e-5 * (fabs(right) + 1e-3), error);
}

/* Of a batch. */
static clm_status expect_sums(struct clm_backend *be, size_t B, size_t C, double loss, size_t correct,
                              double right_loss, size_t right_correct, struct clm_error *error)
{
    /* an item adds up C exponentials, and of at least 64 items each the losses of its rows */
    const double rounding = 1e-5 + 0x1p-24 * ((double)C + (double)B / 64);
    const clm_status status =
        expect_near(be, "softmax_xent's loss", loss, right_loss, rounding * (fabs(right_loss) + 1e-3), error);
    return status ? status
                  : expect_near(be, "softmax_xent's count of right predictions", (double)correct,
                                (double)right_correct, 0, error);
}

static clm_status compare_rows(struct clm_backend *be, struct row_bench *t, struct clm_error *error)
{
    float X[ROWS * CLASSES], P[ROWS * CLASSES], dZ[ROWS * CLASSES];
    double loss = NAN, expected_loss = 0;
    size_t correct = 0, expected_correct = 0;
    clm_status status;
    if ((status = backend_read(be, &t->X, HOST_FLOAT, X, error)) ||
        (status = softmax(be, &t->X, &t->P, error)) ||
        (status = backend_read(be, &t->P, HOST_FLOAT, P, error)) ||
        (status = softmax_xent(be, &t->X, &t->classes, NULL, &t->P, &t->sums, error)) ||
        (status = backend_read(be, &t->P, HOST_FLOAT, dZ, error)) ||
        (status = metrics_read(be, &t->sums, &loss, &correct, error)))
        return status;
    for (size_t r = 0; r < ROWS && status == CLM_OK; r++) {
        const struct row_answer row = answer_of(r);
        expected_loss += row.loss;
        expected_correct += row.best == label_of(place_of(r));
        for (size_t c = 0; c < CLASSES && status == CLM_OK; c++) {
            const size_t at = r * CLASSES + c;
            const double p = exp(row.z[c] - row.largest) / row.sum;
            if ((status = expect(be, "gather", (double)X[at], row.z[c], error)) ||
                (status = expect(be, "softmax", (double)P[at], p, error)))
                break;
            status =
                expect(be, "softmax_xent", ROWS * (double)dZ[at], p - (c == label_of(place_of(r))), error);
        }
    }
    return status ? status
                  : expect_sums(be, ROWS, CLASSES, loss, correct, expected_loss, expected_correct, error);
}

/* A batch that is gathered, its softmax, and its loss with gradient. */
static clm_status test_rows(struct clm_backend *be, struct clm_error *error)
{
    struct row_bench t = {0};
    clm_status status = create_rows(be, &t, error);
    const struct resident data = {t.values, t.labels, t.mean, t.scale};
    if (status == CLM_OK)
        status = gather(be, &data, &t.order, 0, NULL, &t.X, &t.classes, error);
    if (status == CLM_OK)
        status = compare_rows(be, &t, error);
    struct tensor *const tensors[] = {&t.values, &t.labels, &t.mean,    &t.scale,
                                      &t.order,  &t.X,      &t.classes, &t.P};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        tensor_free(be, tensors[i]);
    metrics_free(be, &t.sums);
    return status;
}

/* ---- changed rows ---- */

enum {
    PICTURE_WIDTH = 7,
    PICTURE_HEIGHT = 5,
    PICTURE = 3 * PICTURE_WIDTH * PICTURE_HEIGHT,
    PICTURES = 40,
    TAKEN = 17
};

static const struct clm_augmentation every_change = {
    .flip = true, .shift = 2, .cutout = 3, .noise = 0.25, .mixup = 1};

struct changed_bench {
    struct tensor values, labels, mean, scale, X, classes, partners, Z, dZ;
    struct metrics sums;
};

/* What a backend makes of them. */
struct changed_rows {
    float X[TAKEN * PICTURE], dZ[TAKEN * CLASSES];
    uint32_t classes[TAKEN], partners[TAKEN];
    double loss;
    size_t correct;
};

static clm_status create_pictures(struct clm_backend *be, struct changed_bench *t, struct clm_error *error)
{
    uint8_t values[PICTURES * PICTURE];
    uint32_t labels[PICTURES];
    float mean[PICTURE], scale[PICTURE], Z[TAKEN * CLASSES];
    clm_status status;
    for (size_t n = 0; n < PICTURES; n++)
        labels[n] = label_of(n);
    for (size_t i = 0; i < PICTURES * PICTURE; i++)
        values[i] = (uint8_t)(37 * i % 251);
    for (size_t i = 0; i < PICTURE; i++) {
        mean[i] = (float)(100 + i % 50);
        scale[i] = 0x1p-6f;
    }
    for (size_t i = 0; i < TAKEN * CLASSES; i++)
        Z[i] = (float)(29 * i % 64) / 16 - 2;
    if ((status = tensor_create(be, TENSOR_BYTE, PICTURES, PICTURE, &t->values, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, PICTURES, &t->labels, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, PICTURE, &t->mean, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, PICTURE, &t->scale, error)) ||
        (status = tensor_create(be, TENSOR_REAL, TAKEN, PICTURE, &t->X, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, TAKEN, &t->classes, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, TAKEN, &t->partners, error)) ||
        (status = tensor_create(be, TENSOR_REAL, TAKEN, CLASSES, &t->Z, error)) ||
        (status = tensor_create(be, TENSOR_REAL, TAKEN, CLASSES, &t->dZ, error)) ||
        (status = metrics_create(be, &t->sums, error)) || (status = metrics_reset(be, &t->sums, error)) ||
        (status = backend_write(be, &t->values, HOST_BYTE, values, error)) ||
        (status = backend_write(be, &t->labels, HOST_INDEX, labels, error)) ||
        (status = backend_write(be, &t->mean, HOST_FLOAT, mean, error)) ||
        (status = backend_write(be, &t->scale, HOST_FLOAT, scale, error)) ||
        (status = backend_write(be, &t->Z, HOST_FLOAT, Z, error)))
        return status;
    return CLM_OK;
}

/* Rows from the second on, up to one that is not the last. */
static clm_status change_rows(struct clm_backend *be, struct changed_bench *t, struct changed_rows *out,
                              struct clm_error *error)
{
    const struct resident data = {t->values, t->labels, t->mean, t->scale};
    const struct augmentation a = {.changes = every_change,
                                   .width = PICTURE_WIDTH,
                                   .height = PICTURE_HEIGHT,
                                   .channels = 3,
                                   .seed = 1,
                                   .epoch = 3,
                                   .position = 11,
                                   .partners = &t->partners};
    const struct mixture mixture = {t->partners, augmentation_share(&a)};
    clm_status status;
    if ((status = gather(be, &data, NULL, 1, &a, &t->X, &t->classes, error)) ||
        (status = softmax_xent(be, &t->Z, &t->classes, &mixture, &t->dZ, &t->sums, error)) ||
        (status = backend_read(be, &t->X, HOST_FLOAT, out->X, error)) ||
        (status = backend_read(be, &t->dZ, HOST_FLOAT, out->dZ, error)) ||
        (status = backend_read(be, &t->classes, HOST_INDEX, out->classes, error)) ||
        (status = backend_read(be, &t->partners, HOST_INDEX, out->partners, error)))
        return status;
    return metrics_read(be, &t->sums, &out->loss, &out->correct, error);
}

static clm_status changed_rows_of(struct clm_backend *be, struct changed_rows *out, struct clm_error *error)
{
    struct changed_bench t = {0};
    clm_status status = create_pictures(be, &t, error);
    if (status == CLM_OK)
        status = change_rows(be, &t, out, error);
    struct tensor *const tensors[] = {&t.values,  &t.labels,   &t.mean, &t.scale, &t.X,
                                      &t.classes, &t.partners, &t.Z,    &t.dZ};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        tensor_free(be, tensors[i]);
    metrics_free(be, &t.sums);
    return status;
}

clm_status opencl_test_changes(struct clm_backend *be, struct clm_error *error)
{
    static const char gathered[] = "gather_augmented", mixed[] = "softmax_xent of mixed labels";
    const struct memory_use memory = be->memory; /* the test has no part in what was planned */
    struct changed_rows got = {0}, right = {0};
    struct clm_backend *reference = NULL;
    clm_status status = reference_open(&reference, error);
    if (status == CLM_OK)
        status = changed_rows_of(reference, &right, error);
    clm_backend_close(reference);
    if (status == CLM_OK)
        status = changed_rows_of(be, &got, error);
    be->memory = memory;
    for (size_t i = 0; status == CLM_OK && i < TAKEN * PICTURE; i++)
        status = expect_near(be, gathered, got.X[i], right.X[i], 1e-4, error);
    for (size_t r = 0; status == CLM_OK && r < TAKEN; r++)
        if ((status = expect(be, gathered, got.classes[r], right.classes[r], error)) == CLM_OK)
            status = expect(be, gathered, got.partners[r], right.partners[r], error);
    for (size_t i = 0; status == CLM_OK && i < TAKEN * CLASSES; i++)
        status = expect_near(be, mixed, TAKEN * (double)got.dZ[i], TAKEN * (double)right.dZ[i], 1e-4, error);
    return status ? status
                  : expect_sums(be, TAKEN, CLASSES, got.loss, got.correct, right.loss, right.correct, error);
}

/* ---- at the sizes of a net ---- */

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
        if ((status = expect_near(be, "softmax", (double)got->P[i], (double)right->P[i],
                                  1e-8 + rounding * (double)right->P[i], error)) == CLM_OK)
            status = expect_near(be, "softmax_xent", (double)B * (double)got->dZ[i],
                                 (double)B * (double)right->dZ[i],
                                 1e-6 + 1e-4 * (double)B * fabs((double)right->dZ[i]), error);
    for (int i = 0; i < 2 && status == CLM_OK; i++)
        status = expect_sums(be, B, C, got->losses[i], got->corrects[i], right->losses[i], right->corrects[i],
                             error);
    return status;
}

/* Logits are between -4 and 4, a row's class is its number, mod C. */
clm_status opencl_test_loss(struct clm_backend *be, size_t B, size_t C, struct clm_error *error)
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
        status = expect_near(be, "gather", t->index[r], element_of(n, I), 0, error);
        for (size_t c = 0; c < I && status == CLM_OK; c++)
            status = expect_near(be, "gather", (double)t->got[r * I + c],
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

clm_status opencl_test_gather(struct clm_backend *be, size_t B, size_t I, struct clm_error *error)
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

clm_status opencl_self_test(struct clm_backend *be, struct clm_error *error)
{
    /* relu(X Wᵀ + b); (Y W) * (X > 0); W - 0.5 Yᵀ X: by hand */
    static const float Y[4] = {0, 2.75f, 11.5f, 0};
    static const float dX[6] = {2.75f, 2.75f, 0, 5.75f, 0, 23};
    static const float W[6] = {-2.375f, 16.25f, -21, -0.375f, -1.75f, 1.125f};
    const struct step step = {.learning_rate = 0.5};
    const size_t widths[2] = {3, 2};
    struct bench t = {0};
    clm_status status = backend_prepare(be, widths, 2, 2, error);
    if (status || (status = create(be, &t, error)) ||
        (status = linear_forward(be, &t.X, &t.layer, ACTIVATION_RELU, &t.Y, error)) ||
        (status = compare(be, "linear_forward", &t.Y, Y, error)) ||
        (status = linear_backward_input(be, &t.Y, &t.layer, &t.X, &t.dX, error)) ||
        (status = compare(be, "linear_backward_input", &t.dX, dX, error)) ||
        (status = linear_backward_update(be, &t.Y, &t.X, &t.layer, &step, error)) ||
        (status = compare(be, "linear_backward_update", &t.layer.W, W, error)))
        goto cleanup;
cleanup:
    tensor_free(be, &t.X);
    tensor_free(be, &t.Y);
    tensor_free(be, &t.dX);
    tensor_free(be, &t.layer.W);
    tensor_free(be, &t.layer.b);
    return status ? status : test_rows(be, error);
}
