/* The self-test of a device, and what all providers of products share at the sizes of a net. */
#include "compute/providers.h"
#include "prove/bounds/bounds.h"
#include "prove/operands.h"
#include "prove/prove.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A sentence about the device, if it is wrong; any other failure is passed on. */
static clm_status device_fail(const struct clm_backend *be, const struct clm_error *why,
                              struct clm_error *error)
{
    if (why->status != CLM_ERROR_WRONG)
        return clm_fail_setting(error, why->status, why->setting, "%s", why->message);
    return clm_fail_setting(
        error, CLM_ERROR_WRONG, "device",
        "%s fails its self-test: %s; it is not used. Update its driver, or choose another device", be->device,
        why->message);
}

/* ---- operations, as verify checks them ---- */

struct self_check {
    enum operation_name name;
    struct variant variant;
};

static clm_status self_check_one(struct clm_backend *be, struct clm_backend *bounds,
                                 const struct self_check *one, struct clm_error *error)
{
    const struct operation *const operation = &operations_checked[one->name];
    struct clm_check check = {0};
    clm_status status = problem_check_memory(be, operation, &one->variant, error);
    if (status == CLM_OK)
        status = operation_check(be, bounds, operation, &one->variant, 1, &check, error);
    if (status != CLM_OK || check.passed)
        return status;
    return clm_fail(error, CLM_ERROR_WRONG, "%s of %s: %s", check.operation, check.shape, check.detail);
}

/* CLM_ERROR_WRONG says what the first that is wrong does, for a sentence about the device or the provider. */
static clm_status self_check_all(struct clm_backend *be, const struct self_check *checks, size_t count,
                                 struct clm_error *error)
{
    struct clm_backend *bounds = NULL;
    clm_status status = bounds_open(&bounds, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        status = self_check_one(be, bounds, &checks[i], error);
    clm_backend_close(bounds);
    return status;
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

clm_status prove_loss(struct clm_backend *be, size_t B, size_t C, struct clm_error *error)
{
    const struct self_check checks[] = {{OPERATION_SOFTMAX, {.B = B, .O = C}},
                                        {OPERATION_SOFTMAX_XENT, {.B = B, .O = C}}};
    struct clm_error why = {0};
    const clm_status status = self_check_all(be, checks, COUNT_OF(checks), &why);
    return status ? device_fail(be, &why, error) : CLM_OK;
}

clm_status prove_changes(struct clm_backend *be, struct clm_error *error)
{
    enum { WIDTH = 7, HEIGHT = 5, CHANNELS = 3 };
    static const struct self_check checks[] = {
        {OPERATION_GATHER_AUGMENTED,
         {.B = 17,
          .I = WIDTH * HEIGHT * CHANNELS,
          .N = 40,
          .first = 1,
          .is_bytes = true,
          .augmentation = {.changes = {.flip = true, .shift = 2, .cutout = 3, .noise = 0.25, .mixup = 1},
                           .width = WIDTH,
                           .height = HEIGHT,
                           .channels = CHANNELS}}},
        {OPERATION_SOFTMAX_XENT, {.B = 17, .O = 10}}};
    struct clm_error why = {0};
    const clm_status status = self_check_all(be, checks, COUNT_OF(checks), &why);
    return status ? device_fail(be, &why, error) : CLM_OK;
}

/* ---- the self-test ---- */

/* The first provider that is right stays for what is assigned to none. Each wrong one is dropped, or fails the device if it was
 * asked for. */
static clm_status test_providers(struct clm_backend *be, struct clm_error *error)
{
    static const struct self_check products[] = {
        {OPERATION_FORWARD, {.B = 2, .I = 3, .O = 2, .act = ACTIVATION_RELU}},
        {OPERATION_BACKWARD_INPUT, {.B = 2, .I = 3, .O = 2, .below = ACTIVATION_RELU}},
        {OPERATION_BACKWARD_UPDATE, {.B = 2, .I = 3, .O = 2}}};
    struct clm_error why = {0};
    size_t provider;
    clm_status status;
    while ((status = provider_of_rest(be, &provider, error)) == CLM_OK) {
        struct clm_backend *one = NULL;
        clm_status tried = provider_backend(be, provider, &one, &why);
        if (tried == CLM_OK)
            tried = self_check_all(one, products, COUNT_OF(products), &why);
        clm_backend_close(one);
        if (tried == CLM_OK || provider_of_all(be) != NO_PROVIDER)
            return tried ? device_fail(be, &why, error) : CLM_OK;
        char sentence[sizeof why.message];
        snprintf(sentence, sizeof sentence, "it computes wrongly: %.1000s", why.message);
        provider_drop(be, provider, tried == CLM_ERROR_WRONG ? sentence : why.message);
    }
    return status;
}

clm_status prove_device(struct clm_backend *be, struct clm_error *error)
{
    static const struct self_check shared[] = {
        {OPERATION_GATHER, {.B = 300, .I = 10, .N = 301, .first = 1, .is_bytes = true, .is_ordered = true}},
        {OPERATION_SOFTMAX, {.B = 300, .O = 10}},
        {OPERATION_SOFTMAX_XENT, {.B = 300, .O = 10}}};
    struct clm_error why = {0};
    clm_status status = CLM_OK;
    if (!providers_count(be) || (status = test_providers(be, error)))
        return status;
    status = self_check_all(be, shared, COUNT_OF(shared), &why);
    return status ? device_fail(be, &why, error) : CLM_OK;
}

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

static clm_status expect_exact(double got, double right, struct clm_error *error)
{
    return got == right ? CLM_OK
                        : clm_fail(error, CLM_ERROR_WRONG, "gather gives %g where %g is right", got, right);
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
        status = expect_exact(t->index[r], element_of(n, I), error);
        for (size_t c = 0; c < I && status == CLM_OK; c++)
            status = expect_exact((double)t->got[r * I + c],
                                  (double)(((float)element_of(n, c) - mean_of(c)) * t->features[c]), error);
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
    return status ? device_fail(be, &why, error) : CLM_OK;
}
