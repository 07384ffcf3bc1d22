/* The opencl backend: one device, and a table of providers of products. Operations are in opencl.c, tensors
 * in buffers.c, opening is in open.c. */
#ifndef CLM_COMPUTE_OPENCL_OPENCL_H
#define CLM_COMPUTE_OPENCL_OPENCL_H

#include "compute/opencl/gemm/dispatch.h"
#include "compute/opencl/upload.h"

#define STEPS_IN_FLIGHT 16
#define CLIP_SUMS       256 /* groups that add squares of gradients, at most */

struct opencl_backend {
    struct clm_backend base;
    struct opencl_device device;
    struct kernels own, *kernels; /* its own, or those of the first backend on the device */
    struct dispatch dispatch;
    cl_event marks[STEPS_IN_FLIGHT]; /* ends of the last steps, a ring */
    size_t steps;
    struct uploads uploads;
    void *clip_sums; /* CLIP_SUMS floats, from the first clip_factor on; too few to count as used memory */
    bool is_second;  /* shares another backend's device and kernels: see provider_backend */
};

static inline struct opencl_backend *self(struct clm_backend *be)
{
    return (struct opencl_backend *)be;
}

extern const struct backend_operations opencl_operations;

/* Also closes a backend that is only partly open. */
void opencl_close(struct clm_backend *be);

/* Tells the profile what the next launch computes, and the floats it reads and writes at least. */
void opencl_expect(struct clm_backend *be, double operations, double floats);

/* Whether an environment variable "NAME=VALUE" may change what a driver compiles. */
bool is_setting_of_a_driver(const char *variable);

/* Elements of a matrix. */
static inline double size_of(const struct tensor *tensor)
{
    return (double)tensor->rows * (double)tensor->columns;
}

/* Floats that gather reads and writes at least. */
double gather_floats(struct clm_backend *be, const struct resident *data, const struct tensor *X);

/* ---- kernels.c: entries of struct backend_operations that are one kernel ---- */

__typeof__(gather) opencl_gather;
__typeof__(gather_weights) opencl_gather_weights;
__typeof__(softmax_xent) opencl_softmax_xent;
__typeof__(loss_prepare) opencl_loss_prepare;
__typeof__(loss_gradient) opencl_loss_gradient;
__typeof__(softmax) opencl_softmax;
__typeof__(parameter_step) opencl_parameter_step;
__typeof__(parameters_step) opencl_parameters_step;
__typeof__(clip_factor) opencl_clip_factor;
__typeof__(blends) opencl_blends;

/* ---- finish.c: entries of struct backend_operations ---- */

__typeof__(backend_prepare_finish) opencl_prepare_finish;
__typeof__(layer_finish) opencl_layer_finish;
__typeof__(gate_backward) opencl_gate_backward;
__typeof__(norm_backward) opencl_norm_backward;

/* ---- buffers.c: entries of struct backend_operations ---- */

clm_status opencl_allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error);
void opencl_release(struct clm_backend *be, void *memory);
__typeof__(backend_write) opencl_write;
__typeof__(backend_read) opencl_read;
__typeof__(backend_write_part) opencl_write_part;

#endif
