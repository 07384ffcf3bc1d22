/* The operations of a net, and what stands behind them: reference, blas or opencl.
 *
 *   B batch rows, I a layer's inputs, O its outputs, N rows of a data set, C classes
 *   X (B,I)   W (O,I)   b (1,O)   Z = X Wᵀ + b (B,O)   Y = act(Z)   dZ, dX, dW, db gradients of the mean loss
 *
 * Operations are queued: each sees the results of those before it, and only backend_write, backend_read,
 * metrics_read and backend_finish wait. Shapes are checked here, once for all backends; an operation
 * whose tensors do not fit fails with CLM_ERROR_SHAPE and does nothing. Outputs never overlap inputs unless said.
 */
#ifndef CLM_COMPUTE_BACKEND_H
#define CLM_COMPUTE_BACKEND_H

#include "base/error.h"
#include "compute/augmentation.h"
#include "compute/tensor.h"
#include "compute/vocabulary.h"

/* What follows Z = X Wᵀ + b on its way to Y = act(Z). A NULL epilogue is that of ACTIVATION_NONE. */
struct epilogue {
    enum activation act;
    struct tensor
        *gate; /* (B,O) out: act'(Z) of an activation with GATE_SAVED; NULL where no backward pass follows */
};

/* What follows dX = dZ W on its way to the layer below: dX = dX * act'. A NULL gate is that of ACTIVATION_NONE. */
struct gate {
    enum activation act; /* of the layer below */
    const struct tensor
        *of; /* (B,I) its output Y with GATE_OF_OUTPUT, what its forward pass saved with GATE_SAVED */
};

#define EPILOGUE(act) (&(const struct epilogue){(act), NULL})
#define GATE(act, of) (&(const struct gate){(act), (of)})

/* One tensor that training changes, and what it keeps beside it. Tensors that a run does not need are empty. */
struct parameter {
    struct tensor value;
    struct tensor gradient; /* the same shape and layout */
    struct tensor
        state[STATES_MOST]; /* likewise: what the optimiser remembers; momentum's velocity is state[0] */
};

/* A linear layer. */
struct linear {
    struct parameter W, b; /* (O,I) by weights_create, (1,O) */
};

/* One step of an optimiser. g is the gradient, which for weights includes 2 l2 w and for biases does not.
 *
 *   RULE_SGD       w = w - learning_rate g
 *   RULE_MOMENTUM  v = momentum v + g; w = w - learning_rate v, with v in state[0]
 */
struct step {
    enum rule rule;
    double learning_rate, momentum, l2;
};

/* The rule that has a velocity, unless momentum is 0. */
static inline struct step step_of(double learning_rate, double momentum, double l2)
{
    return (struct step){momentum != 0 ? RULE_MOMENTUM : RULE_SGD, learning_rate, momentum, l2};
}

/* A data set in the backend's memory, and how its rows become inputs. */
struct resident {
    struct tensor values;      /* (N,I) TENSOR_BYTE or TENSOR_REAL */
    struct tensor labels;      /* (1,N) TENSOR_INDEX, each < classes */
    struct tensor mean, scale; /* (1,I): x = (value - mean) * scale */
};

/* Sums over rows, kept in the backend's memory; `state` is the backend's own. */
struct metrics {
    struct tensor state;
};

/* Bytes a backend has allocated. While `is_planning`, memory is only counted, in numbers of its own, and nothing is computed. */
struct memory_use {
    size_t now, peak;
    bool is_planning;
    struct {
        size_t now, peak; /* with what is really allocated */
        size_t workspace; /* of the products, beyond what they really have */
    } planned;
};

struct backend_operations;

/* Every backend begins with this. */
struct clm_backend {
    const struct backend_operations *operations;
    enum clm_backend_kind kind;
    char device[256], provider[64];
    void (*on_note)(void *user, const char *sentence); /* NULL: nobody listens */
    void *note_user;
    struct memory_use memory;
    size_t memory_limit,
        allocation_limit;      /* bytes in all, and at once; SIZE_MAX where only the host limits */
    const char *limited_by;    /* what sets memory_limit: CL_DEVICE_GLOBAL_MEM_SIZE, or an option's limit */
    const char *limit_setting; /* the setting that can raise it; NULL if none can */
    bool uses_host_memory;     /* there is no other */
    /* What a floor above keeps of it (src/tune: what was measured); freed when it is closed. */
    void *notebook;
    void (*free_notebook)(void *notebook);
};

/* ---- memory ---- */

/* A tensor of undefined content. Fails with CLM_ERROR_MEMORY where the backend has not so much, or the device
 * allows not so much at once, which is noticed while planning too. */
CLM_MUST_CHECK clm_status tensor_create(struct clm_backend *be, enum tensor_type type, size_t rows,
                                        size_t columns, struct tensor *out, struct clm_error *error);
/* A tensor for the weights (O,I) of a layer, their velocity or their gradient, in the order in which this backend's products
 * of up to `batch` rows want them: call it behind backend_prepare, which may choose them. */
CLM_MUST_CHECK clm_status weights_create(struct clm_backend *be, size_t O, size_t I, size_t batch,
                                         struct tensor *out, struct clm_error *error);
/* Real numbers in panels of so many rows; 0: row-major. */
CLM_MUST_CHECK clm_status panels_create(struct clm_backend *be, size_t rows, size_t columns, size_t panel,
                                        struct tensor *out, struct clm_error *error);
/* Frees *tensor, which may be empty, and makes it empty. */
void tensor_free(struct clm_backend *be, struct tensor *tensor);

enum host_type { HOST_FLOAT, HOST_DOUBLE, HOST_BYTE, HOST_INDEX };

/* Copies all of a tensor from and to host memory, row-major there, and waits. HOST_FLOAT and HOST_DOUBLE go with TENSOR_REAL and are
 * converted where the backend computes in the other; HOST_BYTE with TENSOR_BYTE, HOST_INDEX with TENSOR_INDEX. */
CLM_MUST_CHECK clm_status backend_write(struct clm_backend *be, struct tensor *tensor, enum host_type type,
                                        const void *host, struct clm_error *error);
CLM_MUST_CHECK clm_status backend_read(struct clm_backend *be, const struct tensor *tensor,
                                       enum host_type type, void *host, struct clm_error *error);

/* Copies host memory over `count` elements of a tensor in row-major order, from element `first` on, and waits for that
 * alone: it may run in a thread of its own while operations on other tensors are queued and computed. Nothing that is
 * queued may use this tensor. No HOST_DOUBLE. */
CLM_MUST_CHECK clm_status backend_write_part(struct clm_backend *be, struct tensor *tensor, size_t first,
                                             size_t count, enum host_type type, const void *host,
                                             struct clm_error *error);

/* Reserves what products of a net with these layer widths need beside their tensors, up to `batch` rows, and builds the kernels
 * of its steps, so that no step waits for a compiler. acts[l] is the activation of layer l < width_count - 1; all are
 * ACTIVATION_NONE if `acts` is NULL. `rule` is the rule that trains the net, RULE_COUNT if none does. While a plan is made,
 * nothing is built, and products without a provider yet need nothing: see compute/providers.h. */
CLM_MUST_CHECK clm_status backend_prepare(struct clm_backend *be, const size_t *widths, size_t width_count,
                                          const enum activation *acts, enum rule rule, size_t batch,
                                          struct clm_error *error);

/* From here to memory_plan_end tensors are counted and have no memory: they are freed before that, or forgotten. Returns the
 * planned peak. Nothing of the backend is changed by a plan. */
void memory_plan_begin(struct clm_backend *be);
size_t memory_plan_end(struct clm_backend *be);
/* For an implementation: a plan's products need a workspace of `bytes`, of which `have` are really there. */
CLM_MUST_CHECK clm_status memory_plan_workspace(struct clm_backend *be, size_t have, size_t bytes,
                                                struct clm_error *error);

/* Fails with CLM_ERROR_MEMORY if `bytes`, the planned peak of `what`, are more than the backend has or may take;
 * `remedy` says what to do, `setting` with which settings. */
CLM_MUST_CHECK clm_status memory_check(const struct clm_backend *be, const char *what, size_t bytes,
                                       const char *remedy, const char *setting, struct clm_error *error);

/* Waits for all that is queued. */
CLM_MUST_CHECK clm_status backend_finish(struct clm_backend *be, struct clm_error *error);

/* Ends a step: keeps the queue short by waiting for a step some way back, hardly ever in practice. */
CLM_MUST_CHECK clm_status backend_pace(struct clm_backend *be, struct clm_error *error);

/* ---- metrics ---- */

CLM_MUST_CHECK clm_status metrics_create(struct clm_backend *be, struct metrics *out,
                                         struct clm_error *error);
void metrics_free(struct clm_backend *be, struct metrics *metrics);
CLM_MUST_CHECK clm_status metrics_reset(struct clm_backend *be, struct metrics *metrics,
                                        struct clm_error *error);
/* The loss sum [nats] and the number of correct rows since the last reset; waits. */
CLM_MUST_CHECK clm_status metrics_read(struct clm_backend *be, const struct metrics *metrics,
                                       double *loss_sum, size_t *correct, struct clm_error *error);

/* ---- the net's operations ---- */

/* X[r] = (values[n] - mean) * scale, labels[r] = data.labels[n], with n = order[first + r], or first + r where
 * `order` is NULL, for each of X's rows; changed on the way as `augmentation` says, unless it is NULL.
 *
 *   order  (1,N) TENSOR_INDEX, each < N     X (B,I) out     labels (1,B) TENSOR_INDEX out
 *
 * All backends change rows alike: to the bit, but for the noise, which is within NOISE_ERROR, and what is rounded. */
CLM_MUST_CHECK clm_status gather(struct clm_backend *be, const struct resident *data,
                                 const struct tensor *order, size_t first,
                                 const struct augmentation *augmentation, struct tensor *X,
                                 struct tensor *labels, struct clm_error *error);

/* Y = act(X Wᵀ + b)          X (B,I)   Y (B,O) out */
CLM_MUST_CHECK clm_status linear_forward(struct clm_backend *be, const struct tensor *X,
                                         const struct linear *layer, const struct epilogue *epilogue,
                                         struct tensor *Y, struct clm_error *error);

/* dZ = (softmax(Z) - onehot(labels)) / B, and the rows' losses and correct predictions are added to `sums`.
 *
 *   Z (B,C) logits     labels (1,B), each < C     dZ (B,C) out, may be Z, or NULL where only the sums matter
 *
 * The loss is log(sum(exp(z - max))) + max - z[label], finite wherever Z is. A prediction is the first of
 * the largest logits; a row with a NaN is never correct and makes the sum NaN.
 *
 * Of mixed rows, where `mixture` is not NULL, onehot(labels) is share onehot(labels) + (1 - share) onehot(partners), and the
 * loss the same mean of both labels' losses; correct is what predicts `labels`. */
CLM_MUST_CHECK clm_status softmax_xent(struct clm_backend *be, const struct tensor *Z,
                                       const struct tensor *labels, const struct mixture *mixture,
                                       struct tensor *dZ, struct metrics *sums, struct clm_error *error);

/* P = softmax(Z), row by row.          P (B,C) out, may be Z */
CLM_MUST_CHECK clm_status softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                                  struct clm_error *error);

/* dX = (dZ W) * gate          dZ (B,O)   dX (B,I) out */
CLM_MUST_CHECK clm_status linear_backward_input(struct clm_backend *be, const struct tensor *dZ,
                                                const struct linear *layer, const struct gate *gate,
                                                struct tensor *dX, struct clm_error *error);

/* The gradients of W and b, dZᵀ X + 2 l2 W and Σ_B dZ, into the layer's parameters.          dZ (B,O)   X (B,I) */
CLM_MUST_CHECK clm_status linear_backward_params(struct clm_backend *be, const struct tensor *dZ,
                                                 const struct tensor *X, struct linear *layer, double l2,
                                                 struct clm_error *error);

/* Whether linear_backward_update takes the steps of this rule without keeping the gradient. If it does not, the layer's
 * parameters need tensors for their gradients. */
bool backend_fuses_step(const struct clm_backend *be, enum rule rule);

/* linear_backward_params and parameter_step, at once if the backend fuses the rule's step: the layer's values and states are
 * replaced. */
CLM_MUST_CHECK clm_status linear_backward_update(struct clm_backend *be, const struct tensor *dZ,
                                                 const struct tensor *X, struct linear *layer,
                                                 const struct step *step, struct clm_error *error);

/* linear_backward_update, and behind it the next batch's linear_forward with the new parameters: both at once where that
 * saves a way of W through memory.
 *
 *   next_X (B',I)     next_Y (B',O) out, may be an activation that the gradients no longer need */
CLM_MUST_CHECK clm_status linear_update_forward(struct clm_backend *be, const struct tensor *dZ,
                                                const struct tensor *X, struct linear *layer,
                                                const struct step *step, const struct tensor *next_X,
                                                const struct epilogue *epilogue, struct tensor *next_Y,
                                                struct clm_error *error);

/* The last layer of a net: linear_forward, softmax_xent and linear_backward_input in turn, at once where the backend can.
 *
 *   X (B,I)     labels (1,B), each < C     dZ (B,C) out     dX (B,I) out: (dZ W) * gate, or NULL where no layer is below
 */
CLM_MUST_CHECK clm_status linear_softmax_backward(struct clm_backend *be, const struct tensor *X,
                                                  const struct linear *layer, const struct tensor *labels,
                                                  const struct mixture *mixture, const struct gate *gate,
                                                  struct tensor *dZ, struct tensor *dX, struct metrics *sums,
                                                  struct clm_error *error);

/* Whether linear_update_forward of batches of up to B rows is faster than its parts. */
bool backend_looks_ahead(struct clm_backend *be, const struct linear *layer, size_t B);

/* The optimiser's step of a parameter whose gradient is there, and has had its penalty: its value and states are replaced. */
CLM_MUST_CHECK clm_status parameter_step(struct clm_backend *be, struct parameter *parameter,
                                         const struct step *step, struct clm_error *error);

/* ---- what an implementation provides: the same operations, shapes already checked ---- */

/* What a kernel did while a profile was taken. */
struct profile_row {
    char kernel[32];
    size_t calls;
    double seconds;           /* on the device */
    double operations, bytes; /* that its products need, and that they move at least; 0 where not stated */
};

enum { PROFILE_ROWS_MAX = 24 };

/* Records kernels from here to backend_profile_stop, which puts out what each did, the longest first. CLM_ERROR_ARGUMENT
 * on a backend without kernels. */
CLM_MUST_CHECK clm_status backend_profile_start(struct clm_backend *be, struct clm_error *error);
CLM_MUST_CHECK clm_status backend_profile_stop(struct clm_backend *be,
                                               struct profile_row rows[PROFILE_ROWS_MAX], size_t *count,
                                               struct clm_error *error);
/* What the device can do at most, measured now: operations and bytes a second. */
CLM_MUST_CHECK clm_status backend_peaks(struct clm_backend *be, double *operations, double *bytes,
                                        struct clm_error *error);

struct backend_operations {
    const char *name;
    /* NULL, all three, where there are no kernels */
    clm_status (*profile_start)(struct clm_backend *be, struct clm_error *error);
    clm_status (*profile_stop)(struct clm_backend *be, struct profile_row *rows, size_t *count,
                               struct clm_error *error);
    clm_status (*peaks)(struct clm_backend *be, double *operations, double *bytes, struct clm_error *error);
    void (*close)(struct clm_backend *be);
    size_t (*element_size)(enum tensor_type type);
    size_t metrics_columns; /* of the (1, n) TENSOR_REAL that holds the sums */

    /* Rows of the panels in which a layer's weights lie; NULL: row-major */
    size_t (*weight_panel)(struct clm_backend *be, size_t batch, size_t I, size_t O);
    clm_status (*allocate)(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error);
    void (*release)(struct clm_backend *be, void *memory);
    clm_status (*write)(struct clm_backend *be, struct tensor *tensor, enum host_type type, const void *host,
                        struct clm_error *error);
    clm_status (*read)(struct clm_backend *be, const struct tensor *tensor, enum host_type type, void *host,
                       struct clm_error *error);
    clm_status (*write_part)(struct clm_backend *be, struct tensor *tensor, size_t first, size_t count,
                             enum host_type type, const void *host, struct clm_error *error);
    /* NULL, all three, where nothing is queued and products need their tensors alone */
    clm_status (*prepare)(struct clm_backend *be, const size_t *widths, size_t width_count,
                          const enum activation *acts, enum rule rule, size_t batch, struct clm_error *error);
    clm_status (*finish)(struct clm_backend *be, struct clm_error *error);
    clm_status (*pace)(struct clm_backend *be, struct clm_error *error);

    clm_status (*metrics_reset)(struct clm_backend *be, struct metrics *metrics, struct clm_error *error);
    clm_status (*metrics_read)(struct clm_backend *be, const struct metrics *metrics, double *loss_sum,
                               size_t *correct, struct clm_error *error);

    clm_status (*gather)(struct clm_backend *be, const struct resident *data, const struct tensor *order,
                         size_t first, const struct augmentation *augmentation, struct tensor *X,
                         struct tensor *labels, struct clm_error *error);
    clm_status (*linear_forward)(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                 const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error);
    clm_status (*softmax_xent)(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                               const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                               struct clm_error *error);
    clm_status (*softmax)(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                          struct clm_error *error);
    clm_status (*linear_backward_input)(struct clm_backend *be, const struct tensor *dZ,
                                        const struct linear *layer, const struct gate *gate,
                                        struct tensor *dX, struct clm_error *error);
    clm_status (*linear_backward_params)(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer, double l2,
                                         struct clm_error *error);
    clm_status (*linear_backward_update)(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer,
                                         const struct step *step, struct clm_error *error);
    bool (*fuses_step)(const struct clm_backend *be, enum rule rule); /* NULL: every rule that is linear */
    /* NULL, both: one after the other */
    bool (*looks_ahead)(struct clm_backend *be, const struct linear *layer, size_t B);
    clm_status (*linear_update_forward)(struct clm_backend *be, const struct tensor *dZ,
                                        const struct tensor *X, struct linear *layer, const struct step *step,
                                        const struct tensor *next_X, const struct epilogue *epilogue,
                                        struct tensor *next_Y, struct clm_error *error);
    /* NULL, both, or not for this layer and B rows: the three in turn */
    bool (*has_head)(struct clm_backend *be, const struct linear *layer, size_t B);
    clm_status (*linear_softmax_backward)(struct clm_backend *be, const struct tensor *X,
                                          const struct linear *layer, const struct tensor *labels,
                                          const struct gate *gate, struct tensor *dZ, struct tensor *dX,
                                          struct metrics *sums, struct clm_error *error);
    clm_status (*parameter_step)(struct clm_backend *be, struct parameter *parameter, const struct step *step,
                                 struct clm_error *error);
};

/* Plain opening: nothing is tried. src/prove opens a backend for use. */
CLM_MUST_CHECK clm_status reference_open(struct clm_backend **out, struct clm_error *error);
CLM_MUST_CHECK clm_status blas_open(struct clm_backend **out, struct clm_error *error);
/* One of the devices that clm_devices_find has found; of the options the provider of products and the notes matter. */
CLM_MUST_CHECK clm_status opencl_open(const struct clm_device *device,
                                      const struct clm_backend_options *options, struct clm_backend **out,
                                      struct clm_error *error);
/* How well `selector` suits a device: 0 not at all; of those it suits, auto prefers the larger. */
int opencl_preference(const struct clm_device *device, const char *selector);

#endif
