/* CLBlast's GEMM, followed by our kernels. The optimiser needs no gradient buffer here either: alpha and beta
 * of the product carry the step (W = beta W + alpha dZᵀ X), or the velocity's decay. */
#include "compute/opencl/gemm/provider.h"

#include "base/size.h"
#include "compute/opencl/profile.h"
#include "compute/opencl/recording.h"
#include "compute/opencl/status.h"

#include <clblast_c.h>

/* op(A) (M,K) times op(B) (K,N), all row-major without gaps. */
struct clblast_shape {
    size_t M, N, K;
    CLBlastTranspose a, b;
};

static size_t leading(CLBlastTranspose transposed, size_t rows, size_t columns)
{
    return transposed == CLBlastTransposeYes ? rows : columns;
}

static struct clblast_shape clblast_shape_of(enum product product, size_t B, size_t I, size_t O)
{
    const struct clblast_shape shapes[PRODUCT_COUNT] = {
        [PRODUCT_FORWARD] = {B, O, I, CLBlastTransposeNo, CLBlastTransposeYes},
        [PRODUCT_BACKWARD_INPUT] = {B, I, O, CLBlastTransposeNo, CLBlastTransposeNo},
        [PRODUCT_UPDATE] = {O, I, B, CLBlastTransposeYes, CLBlastTransposeNo}};
    return shapes[product];
}

/* C = alpha op(A) op(B) + beta C */
static clm_status clblast_multiply(struct gemm_provider *gemm, const char *purpose, struct clblast_shape p,
                                   float alpha, const struct tensor *A, const struct tensor *B, float beta,
                                   struct tensor *C, struct clm_error *error)
{
    record_library(gemm->device, "CLBlastSgemm");
    const CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, p.a, p.b, p.M, p.N, p.K, alpha, A->memory, 0, leading(p.a, p.M, p.K),
        B->memory, 0, leading(p.b, p.K, p.N), beta, C->memory, 0, p.N, &gemm->device->queue,
        profile_call(gemm->device, "CLBlastSgemm"), gemm->workspace.memory);
    return code == CLBlastSuccess ? CLM_OK : opencl_fail(error, purpose, "CLBlastSgemm", code);
}

static clm_status clblast_workspace(struct gemm_provider *gemm, size_t B, size_t I, size_t O, size_t *bytes,
                                    struct clm_error *error)
{
    cl_command_queue queue = gemm->device->queue;
    *bytes = 0;
    for (int i = 0; i < PRODUCT_COUNT; i++) {
        const struct clblast_shape p = clblast_shape_of((enum product)i, B, I, O);
        size_t needed = 0;
        const CLBlastStatusCode code = CLBlastSGemmTempBufferSize(
            CLBlastLayoutRowMajor, p.a, p.b, p.M, p.N, p.K, 0, leading(p.a, p.M, p.K), 0,
            leading(p.b, p.K, p.N), 0, p.N, &queue, &needed);
        if (code != CLBlastSuccess)
            return opencl_fail(error, "CLBlast's workspace", "CLBlastSGemmTempBufferSize", code);
        *bytes = size_max(*bytes, needed);
    }
    return CLM_OK;
}

/* Builds our kernels. CLBlast builds its own at the first product, which is a trial of src/tune. */
static clm_status clblast_build(struct gemm_provider *gemm, const struct gemm_layer *layer,
                                struct clm_error *error)
{
    return kernel_table_build_range(gemm->kernels, &gemm->kernels->table, KERNEL_BIAS_ACTIVATION,
                                    KERNEL_PARAMETERS_STEP, layer->act, layer->rule, error);
}

static clm_status clblast_forward(struct gemm_provider *gemm, const struct tensor *X,
                                  const struct linear *layer, const struct epilogue *epilogue,
                                  struct tensor *Y, struct clm_error *error)
{
    const struct clblast_shape p = clblast_shape_of(PRODUCT_FORWARD, X->rows, X->columns, Y->columns);
    const clm_status status =
        clblast_multiply(gemm, "linear_forward", p, 1.0f, X, &layer->W.value, 0.0f, Y, error);
    return status ? status : kernel_bias_activation(gemm->kernels, epilogue, &layer->b.value, Y, error);
}

static clm_status clblast_backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                         const struct linear *layer, const struct gate *gate,
                                         struct tensor *dX, struct clm_error *error)
{
    const struct clblast_shape p =
        clblast_shape_of(PRODUCT_BACKWARD_INPUT, dZ->rows, dX->columns, dZ->columns);
    const clm_status status =
        clblast_multiply(gemm, "linear_backward_input", p, 1.0f, dZ, &layer->W.value, 0.0f, dX, error);
    return status ? status : kernel_through_gate(gemm->kernels, gate, dX, error);
}

static clm_status clblast_gradient(struct gemm_provider *gemm, const struct tensor *dZ,
                                   const struct tensor *X, struct linear *layer, double l2,
                                   struct clm_error *error)
{
    struct tensor *const dW = &layer->W.gradient, *const db = &layer->b.gradient;
    const struct clblast_shape p = clblast_shape_of(PRODUCT_UPDATE, dZ->rows, X->columns, dZ->columns);
    clm_status status = clblast_multiply(gemm, "linear_backward_params", p, 1.0f, dZ, X, 0.0f, dW, error);
    if (status == CLM_OK && l2 != 0)
        status = kernel_add_penalty(gemm->kernels, (float)(2 * l2), &layer->W.value, dW, error);
    return status ? status : kernel_bias_gradient(gemm->kernels, dZ, db, error);
}

/* CLBlast's product can add the gradient directly to W, or to the velocity. */
static bool clblast_takes_step(enum rule rule)
{
    return rule == RULE_SGD || rule == RULE_MOMENTUM;
}

/* The gradient is never stored: the product adds it to W, or to the velocity. */
static clm_status descend_weights(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, const struct step *step, struct clm_error *error)
{
    const char *const here = "linear_backward_update";
    const struct clblast_shape p = clblast_shape_of(PRODUCT_UPDATE, dZ->rows, X->columns, dZ->columns);
    const struct step_argument s = step_argument(step);
    if (step->rule == RULE_SGD)
        return clblast_multiply(gemm, here, p, -s.rate, dZ, X, s.decay, &layer->W.value, error);
    const clm_status status =
        clblast_multiply(gemm, here, p, 1.0f, dZ, X, s.momentum, &layer->W.state[0], error);
    return status ? status : kernel_weights_end(gemm->kernels, step, &layer->W, error);
}

static clm_status clblast_descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, const struct step *step, struct clm_error *error)
{
    const clm_status status = descend_weights(gemm, dZ, X, layer, step, error);
    return status ? status : kernel_bias_update(gemm->kernels, step, dZ, &layer->b, error);
}

/* CLBlast's tuner never tries groups of one item. They suit a device whose units are cores: 4 to 6 times as
 * fast as shipped at 1000 x 1024 x 1024 on two cores. Only the kernel of large products gets them: with such
 * parameters the kernel of small ones takes minutes to build. */
static clm_status override_parameters(struct gemm_provider *gemm, struct clm_error *error)
{
    static const char *names[] = {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
                                  "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};
    static const size_t values[] = {0, 1, 32, 1, 1, 1, 8, 1, 1, 32, 0, 0, 0, 0, 8, 8};
    const CLBlastStatusCode code = CLBlastOverrideParameters(
        gemm->device->id, "Xgemm", CLBlastPrecisionSingle, sizeof values / sizeof *values, names, values);
    return code == CLBlastSuccess
               ? CLM_OK
               : opencl_fail(error, "CLBlast's parameters", "CLBlastOverrideParameters", code);
}

#define CLBLAST(provider_name, opens)                                                                        \
    {                                                                                                        \
        .name = provider_name, .open = opens, .workspace = clblast_workspace, .build = clblast_build,        \
        .forward = clblast_forward, .backward_input = clblast_backward_input, .gradient = clblast_gradient,  \
        .takes_step = clblast_takes_step, .descend = clblast_descend                                         \
    }

const struct gemm_operations gemm_clblast = CLBLAST("clblast", NULL);
const struct gemm_operations gemm_clblast_tuned = CLBLAST("clblast-tuned", override_parameters);
