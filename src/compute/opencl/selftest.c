#include "compute/opencl/selftest.h"
#include "compute/opencl/within.h"

#include <math.h>

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
        (status = weights_create(be, 2, 3, 2, &t->layer.W.value, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, 2, &t->layer.b.value, error)) ||
        (status = backend_write(be, &t->X, HOST_FLOAT, inputs, error)) ||
        (status = backend_write(be, &t->layer.W.value, HOST_FLOAT, weights, error)) ||
        (status = backend_write(be, &t->layer.b.value, HOST_FLOAT, biases, error)))
        return status;
    return CLM_OK;
}

/* Every number here is exact in float: any difference is an error of the device. */
static clm_status compare(struct clm_backend *be, const char *operation, const struct tensor *got,
                          const float *expected, struct clm_error *error)
{
    float values[6] = {NAN, NAN, NAN, NAN, NAN, NAN};
    clm_status status = backend_read(be, got, HOST_FLOAT, values, error);
    for (size_t i = 0; i < got->rows * got->columns && status == CLM_OK; i++)
        status = within(be, operation, values[i], expected[i], 0, error);
    return status;
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

/* Of numbers that are not exact in float: some tens of roundings. */
static clm_status expect(struct clm_backend *be, const char *operation, double got, double right,
                         struct clm_error *error)
{
    return within(be, operation, got, right, 1e-5 * (fabs(right) + 1e-3), error);
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
                  : sums_within(be, ROWS, CLASSES, loss, correct, expected_loss, expected_correct, error);
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
        status = within(be, gathered, got.X[i], right.X[i], 1e-4, error);
    for (size_t r = 0; status == CLM_OK && r < TAKEN; r++)
        if ((status = expect(be, gathered, got.classes[r], right.classes[r], error)) == CLM_OK)
            status = expect(be, gathered, got.partners[r], right.partners[r], error);
    for (size_t i = 0; status == CLM_OK && i < TAKEN * CLASSES; i++)
        status = within(be, mixed, TAKEN * (double)got.dZ[i], TAKEN * (double)right.dZ[i], 1e-4, error);
    return status ? status
                  : sums_within(be, TAKEN, CLASSES, got.loss, got.correct, right.loss, right.correct, error);
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
        (status = linear_forward(be, &t.X, &t.layer, EPILOGUE(ACTIVATION_RELU), &t.Y, error)) ||
        (status = compare(be, "linear_forward", &t.Y, Y, error)) ||
        (status = linear_backward_input(be, &t.Y, &t.layer, GATE(ACTIVATION_RELU, &t.X), &t.dX, error)) ||
        (status = compare(be, "linear_backward_input", &t.dX, dX, error)) ||
        (status = linear_backward_update(be, &t.Y, &t.X, &t.layer, &step, error)) ||
        (status = compare(be, "linear_backward_update", &t.layer.W.value, W, error)))
        goto cleanup;
cleanup:
    tensor_free(be, &t.X);
    tensor_free(be, &t.Y);
    tensor_free(be, &t.dX);
    tensor_free(be, &t.layer.W.value);
    tensor_free(be, &t.layer.b.value);
    return status ? status : test_rows(be, error);
}
