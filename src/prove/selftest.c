#include "prove/prove.h"
#include "prove/sampled.h"
#include "prove/within.h"

#include "compute/providers.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

/* X (2,3), W (2,3), b (2), chosen so that every product and sum is exact in float and ReLU cuts one element. */
static const float inputs[6] = {1, 2, -1, 0.5f, -3, 4};
static const float weights[6] = {0.5f, -1, 2, 1, 1, -0.25f};
static const float biases[2] = {0.25f, -0.5f};

struct bench {
    struct tensor X, Y, dX;
    struct linear layer;
};

static clm_status selftest_create(struct clm_backend *be, struct bench *t, struct clm_error *error)
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
        status = within(operation, values[i], expected[i], 0, error);
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

static uint32_t selftest_place(size_t r)
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
        order[n] = selftest_place(n);
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

/* Row r's logits, which are exact in float, as are their differences. */
static void selftest_logits(size_t r, double z[CLASSES])
{
    for (size_t c = 0; c < CLASSES; c++)
        z[c] = (byte_of(selftest_place(r), c) - (100.0 + (double)c)) / 64;
}

static clm_status selftest_compare_row(size_t r, const float *X, const float *P, const float *dZ,
                                       struct scored_sums *sums, struct clm_error *error)
{
    double z[CLASSES], bound;
    clm_status status = CLM_OK;
    selftest_logits(r, z);
    const struct scored_row row = scored_row_of(z, CLASSES, 0, label_of(selftest_place(r)));
    for (size_t c = 0; c < CLASSES && status == CLM_OK; c++) {
        const double p = scored_probability(&row, c, &bound);
        if ((status = within("gather", (double)X[c], z[c], 0, error)) ||
            (status = within("softmax", (double)P[c], p, bound, error)))
            break;
        const double right = scored_gradient(&row, c, ROWS, &bound);
        status = within("softmax_xent", ROWS * (double)dZ[c], right, bound, error);
    }
    scored_add(sums, &row);
    return status;
}

static clm_status compare_rows(struct clm_backend *be, struct row_bench *t, struct clm_error *error)
{
    float X[ROWS * CLASSES], P[ROWS * CLASSES], dZ[ROWS * CLASSES];
    struct scored_sums expected = {0};
    double loss = NAN;
    size_t correct = 0;
    clm_status status;
    if ((status = backend_read(be, &t->X, HOST_FLOAT, X, error)) ||
        (status = softmax(be, &t->X, &t->P, error)) ||
        (status = backend_read(be, &t->P, HOST_FLOAT, P, error)) ||
        (status = softmax_xent(be, &t->X, &t->classes, NULL, &t->P, &t->sums, error)) ||
        (status = backend_read(be, &t->P, HOST_FLOAT, dZ, error)) ||
        (status = metrics_read(be, &t->sums, &loss, &correct, error)))
        return status;
    for (size_t r = 0; r < ROWS && status == CLM_OK; r++)
        status =
            selftest_compare_row(r, X + r * CLASSES, P + r * CLASSES, dZ + r * CLASSES, &expected, error);
    return status ? status : scored_sums_within(&expected, ROWS, loss, correct, error);
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

/* A multiple of 1 / 16, as are their differences. */
static double changed_logit(size_t r, size_t c)
{
    return (double)(29 * (r * CLASSES + c) % 64) / 16 - 2;
}

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
        Z[i] = (float)changed_logit(i / CLASSES, i % CLASSES);
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
                              struct mixture *mixture, struct clm_error *error)
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
    clm_status status;
    *mixture = (struct mixture){t->partners, augmentation_share(&a)};
    if ((status = gather(be, &data, NULL, 1, &a, &t->X, &t->classes, error)) ||
        (status = softmax_xent(be, &t->Z, &t->classes, mixture, &t->dZ, &t->sums, error)) ||
        (status = backend_read(be, &t->X, HOST_FLOAT, out->X, error)) ||
        (status = backend_read(be, &t->dZ, HOST_FLOAT, out->dZ, error)) ||
        (status = backend_read(be, &t->classes, HOST_INDEX, out->classes, error)) ||
        (status = backend_read(be, &t->partners, HOST_INDEX, out->partners, error)))
        return status;
    return metrics_read(be, &t->sums, &out->loss, &out->correct, error);
}

static clm_status changed_rows_of(struct clm_backend *be, struct changed_rows *out, struct mixture *mixture,
                                  struct clm_error *error)
{
    struct changed_bench t = {0};
    clm_status status = create_pictures(be, &t, error);
    if (status == CLM_OK)
        status = change_rows(be, &t, out, mixture, error);
    struct tensor *const tensors[] = {&t.values,  &t.labels,   &t.mean, &t.scale, &t.X,
                                      &t.classes, &t.partners, &t.Z,    &t.dZ};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        tensor_free(be, tensors[i]);
    metrics_free(be, &t.sums);
    return status;
}

/* A changed row's element is λ (p + σ n) + (1 - λ) (p' + σ n'), where p = (value - mean) * scale of a row or its partner is exact
 * here and at most LARGEST, and a normal number n at most NOISE_MOST. σ n, both sums, both products and the last sum round: 6
 * roundings of no more than all of it, and one more as the reference's is read; and each n is off by NOISE_ERROR. */
#define LARGEST (150 / 64.0)

static clm_status compare_changed(const struct changed_rows *got, const struct changed_rows *right,
                                  const struct mixture *mixture, struct clm_error *error)
{
    static const char gathered[] = "gather_augmented", mixed[] = "softmax_xent of mixed labels";
    const double noise = every_change.noise;
    const double bound = rounding_bound(7) * (LARGEST + noise * (NOISE_MOST + NOISE_ERROR)) +
                         noise * NOISE_ERROR + 8 * (double)FLT_MIN;
    struct scored_sums sums = {0};
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < TAKEN * PICTURE; i++)
        status = within(gathered, got->X[i], right->X[i], bound, error);
    for (size_t r = 0; status == CLM_OK && r < TAKEN; r++)
        if ((status = within(gathered, got->classes[r], right->classes[r], 0, error)) == CLM_OK)
            status = within(gathered, got->partners[r], right->partners[r], 0, error);
    for (size_t r = 0; status == CLM_OK && r < TAKEN; r++) {
        double z[CLASSES], off;
        for (size_t c = 0; c < CLASSES; c++)
            z[c] = changed_logit(r, c);
        struct scored_row row = scored_row_of(z, CLASSES, 0, right->classes[r]);
        row.partner = right->partners[r];
        row.share = mixture->share;
        for (size_t c = 0; status == CLM_OK && c < CLASSES; c++) {
            const double gradient = scored_gradient(&row, c, TAKEN, &off);
            status = within(mixed, TAKEN * (double)got->dZ[r * CLASSES + c], gradient, off, error);
        }
        scored_add(&sums, &row);
    }
    return status ? status : scored_sums_within(&sums, TAKEN, got->loss, got->correct, error);
}

clm_status prove_changes(struct clm_backend *be, struct clm_error *error)
{
    struct changed_rows got = {0}, right = {0};
    struct clm_backend *reference = NULL;
    struct mixture mixture = {0};
    struct clm_error why = {0};
    clm_status status = reference_open(&reference, &why);
    if (status == CLM_OK)
        status = changed_rows_of(reference, &right, &mixture, &why);
    clm_backend_close(reference);
    if (status == CLM_OK)
        status = changed_rows_of(be, &got, &mixture, &why);
    if (status == CLM_OK)
        status = compare_changed(&got, &right, &mixture, &why);
    return status ? fail_self_test(be, &why, error) : CLM_OK;
}

/* ---- the device ---- */

static clm_status test_products(struct clm_backend *be, struct clm_error *error)
{
    /* relu(X Wᵀ + b); (Y W) * (X > 0); W - 0.5 Yᵀ X: by hand */
    static const float Y[4] = {0, 2.75f, 11.5f, 0};
    static const float dX[6] = {2.75f, 2.75f, 0, 5.75f, 0, 23};
    static const float W[6] = {-2.375f, 16.25f, -21, -0.375f, -1.75f, 1.125f};
    const struct step step = {.learning_rate = 0.5};
    const size_t widths[2] = {3, 2};
    struct bench t = {0};
    clm_status status = backend_prepare(be, widths, 2, 2, error);
    if (status || (status = selftest_create(be, &t, error)) ||
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
    return status;
}

/* The first provider that is right stays for what is assigned to none. Each wrong one is dropped, and fails the device if it was
 * asked for. */
static clm_status test_providers(struct clm_backend *be, struct clm_error *error)
{
    struct clm_error why = {0};
    size_t provider;
    clm_status status;
    while ((status = provider_of_rest(be, &provider, error)) == CLM_OK) {
        struct clm_backend *one = NULL;
        clm_status tried = provider_backend(be, provider, &one, &why);
        if (tried == CLM_OK)
            tried = test_products(one, &why);
        clm_backend_close(one);
        if (tried == CLM_OK || provider_of_all(be) != NO_PROVIDER)
            return tried ? fail_self_test(be, &why, error) : CLM_OK;
        char sentence[sizeof why.message];
        snprintf(sentence, sizeof sentence, "it computes wrongly: %.1000s", why.message);
        provider_drop(be, provider, tried == CLM_ERROR_WRONG ? sentence : why.message);
    }
    return status;
}

clm_status prove_device(struct clm_backend *be, struct clm_error *error)
{
    struct clm_error why = {0};
    clm_status status = providers_count(be) ? test_providers(be, error) : CLM_OK;
    if (status != CLM_OK || !providers_count(be))
        return status;
    status = test_rows(be, &why);
    return status ? fail_self_test(be, &why, error) : CLM_OK;
}
