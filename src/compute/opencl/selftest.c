#include "compute/opencl/selftest.h"

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
                "%s fails its self-test: %s gives %g where %g is right; it is not used. `clmlp verify` "
                "tells more; update its driver, or choose another with --device",
                be->device, operation, (double)values[i], (double)expected[i]);
    return CLM_OK;
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
    return status;
}
