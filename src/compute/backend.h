/* The operations of a net; the reference, blas and opencl backends implement them.
 *
 *   B batch rows, I a layer's inputs, O its outputs, N rows of a data set, C classes
 *   X (B,I)   W (O,I)   b (1,O)   Z = X Wᵀ + b (B,O)   Y = act(Z)   dZ, dX, dW, db gradients of the mean loss
 *
 * Operations are queued: each sees the results of those before it. Only backend_write, backend_write_part,
 * backend_read, metrics_read and backend_finish wait, and backend_pace if too many steps are queued. Shapes
 * are checked here for all backends: if they do not fit, the operation fails with CLM_ERROR_SHAPE and does
 * nothing. Outputs never overlap inputs unless the declaration allows it. */
#ifndef CLM_COMPUTE_BACKEND_H
#define CLM_COMPUTE_BACKEND_H

#include "base/error.h"
#include "compute/augmentation.h"
#include "compute/loss.h"
#include "compute/dropout.h"
#include "compute/tensor.h"
#include "compute/vocabulary.h"

/* How Z = X Wᵀ + b becomes Y = act(Z). A NULL epilogue is that of ACTIVATION_NONE. */
struct epilogue {
    enum activation act;
    struct tensor
        *gate; /* (B,O) out: act'(Z) of an activation with GATE_SAVED; NULL if no backward pass follows */
};

/* The factor act' of dX = (dZ W) * act'. A NULL gate is that of ACTIVATION_NONE. */
struct gate {
    enum activation act; /* of the layer below */
    const struct tensor
        *of; /* (B,I) with GATE_OF_OUTPUT its output Y, with GATE_SAVED what its forward pass saved */
};

/* A factor of act' that layer_finish saved multiplies, whatever the layer's activation is. The kernels of the
 * activation that this returns multiply by it: the layer's own, if it saves its gate anyway. */
static inline enum activation saved_gate_activation(enum activation act)
{
    return activations[act].gate == GATE_SAVED ? act : ACTIVATION_SILU;
}

#define EPILOGUE(act) (&(const struct epilogue){(act), NULL})
#define GATE(act, of) (&(const struct gate){(act), (of)})

/* One tensor that training changes, its gradient and state. Tensors that a run does not need are empty. */
struct parameter {
    struct tensor value;
    struct tensor gradient; /* the same shape and layout */
    /* what the optimiser remembers, in that shape and layout; momentum's velocity is state[0] */
    struct tensor state[STATES_MOST];
    bool is_weight; /* whether l1 and weight decay are for it */
};

/* A linear layer. */
struct linear {
    struct parameter W, b; /* (O,I) by weights_create, (1,O) */
};

/* What normalises a layer's Z (B,O); tensors that the kind does not name may be empty.
 *
 *   N = (Z - centre) * inverse * scale + shift     inverse = 1 / sqrt(variance + NORM_EPSILON)
 *
 *   NORM_BATCH  centre and variance of each column of the batch. The running statistics move by NORM_MOMENTUM
 *               towards those of the batch, the variance towards the unbiased one (divided by B - 1), unless
 *               B is 1.
 *   NORM_LAYER  centre and variance of each row */
struct norm {
    enum norm_kind kind;
    struct parameter scale, shift; /* (1,O), no weights */
    struct tensor mean, variance;  /* (1,O) running, of NORM_BATCH */
    struct tensor centre,
        inverse; /* of the batch in progress: (1,O) of NORM_BATCH, (1, at least B) of NORM_LAYER */
};

/* How a layer's Z becomes its output. */
struct finish {
    struct norm *norm; /* NULL: none */
    enum activation act;
    const struct dropout *dropout; /* NULL: nothing is dropped */
    const struct tensor *residual; /* (B,O), is added; or NULL */
    struct tensor *gate;           /* (B,O) out: dY/dN; or NULL */
    bool is_training;              /* NORM_BATCH takes the batch's statistics, not the running ones */
};

/* One step of an optimiser. g is the gradient; for weights, but not for biases, it includes 2 l2 w + l1
 * sign(w), and w has been multiplied by 1 - learning_rate weight_decay. All of g is multiplied by
 * gradient_scale. States begin with zeros. m is state[0], v the state after it; t is the number of the step.
 *
 *   RULE_SGD       w = w - learning_rate g
 *   RULE_MOMENTUM  m = momentum m + g; w = w - learning_rate m
 *   RULE_NESTEROV  m = momentum m + g; w = w - learning_rate (g + momentum m)
 *   RULE_RMSPROP   v = beta2 v + (1 - beta2) g²; w = w - learning_rate g / (sqrt(v) + epsilon); v is state[0]
 *   RULE_ADAM      m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g²
 *   RULE_ADAMW     w = w - learning_rate m' / (sqrt(v') + epsilon)
 *                  with m' = m / (1 - beta1^t), v' = v / (1 - beta2^t)
 *   RULE_NADAM     m and v as Adam; w = w - learning_rate m'' / (sqrt(v') + epsilon)
 *                  with m'' = c[t+1] m / (1 - c[1] ... c[t+1]) + (1 - c[t]) g / (1 - c[1] ... c[t]) and
 *                  c[i] = beta1 (1 - 0.96^(0.004 i) / 2)
 *   RULE_LION      w = w - learning_rate sign(beta1 m + (1 - beta1) g); then m = beta2 m + (1 - beta2) g
 */
struct step {
    enum rule rule;
    double learning_rate, momentum, l2, l1, weight_decay;
    double beta1, beta2, epsilon;
    size_t number;                       /* t, from 1; only the rules of Adam's kind read it */
    const struct tensor *gradient_scale; /* (1,1), as clip_factor makes it; NULL: 1 */
};

/* A step of the rule; SGD with a momentum is RULE_MOMENTUM. */
static inline struct step step_of(enum rule rule, double learning_rate, double momentum, double l2)
{
    const bool rolls = rule == RULE_SGD && momentum != 0;
    return (struct step){.rule = rolls ? RULE_MOMENTUM : rule,
                         .learning_rate = learning_rate,
                         .momentum = momentum,
                         .l2 = l2,
                         .beta1 = rules[rule].beta1,
                         .beta2 = rules[rule].beta2,
                         .epsilon = rules[rule].epsilon,
                         .number = 1};
}

/* Whether a step can be taken without storing the gradient: it is linear in gradient, value and states. */
static inline bool step_is_linear(const struct step *step)
{
    return rules[step->rule].is_linear && step->l1 == 0 && step->weight_decay == 0 && !step->gradient_scale;
}

/* A data set in the backend's memory, and the mean and scale that turn its rows into inputs. */
struct resident {
    struct tensor values;      /* (N,I) TENSOR_BYTE or TENSOR_REAL */
    struct tensor labels;      /* (1,N) TENSOR_INDEX, each < classes */
    struct tensor mean, scale; /* (1,I): x = (value - mean) * scale */
    struct tensor weights;     /* (1,N) TENSOR_REAL: how much each row counts; empty: all count the same */
};

/* Sums over rows, kept in the backend's memory; `state` is the backend's own. */
struct metrics {
    struct tensor state;
};

/* Bytes a backend has allocated. While `is_planning`, memory is only counted, in `planned`. */
struct memory_use {
    size_t now, peak;
    bool is_planning;
    struct {
        size_t now, peak; /* with what is really allocated */
        size_t workspace; /* of the products, beyond the workspace that they really have */
    } planned;
};

struct backend_operations;

/* Every backend begins with this. */
struct clm_backend {
    const struct backend_operations *operations;
    enum clm_backend_kind kind;
    char device[256], provider[64];
    void (*on_note)(void *user, const char *sentence); /* NULL: notes are dropped */
    void *note_user;
    struct memory_use memory;
    size_t memory_limit, allocation_limit; /* bytes in all, and at once; SIZE_MAX if only the host limits */
    const char *limited_by;    /* what sets memory_limit: CL_DEVICE_GLOBAL_MEM_SIZE, or an option's limit */
    const char *limit_setting; /* the setting that can raise it; NULL if none can */
    bool uses_host_memory;     /* it has no memory of its own */
    /* What src/tune keeps with a backend: its measurements; freed when the backend is closed. */
    void *notebook;
    void (*free_notebook)(void *notebook);
};

/* ---- memory ---- */

/* A tensor of undefined content. Fails with CLM_ERROR_MEMORY if the backend has too little memory, or if the
 * device allows less in one piece. A plan fails for the second reason, too. */
CLM_MUST_CHECK clm_status tensor_create(struct clm_backend *be, enum tensor_type type, size_t rows,
                                        size_t columns, struct tensor *out, struct clm_error *error);
/* A tensor for a layer's weights (O,I), their velocity or gradient, laid out as this backend's products of up
 * to `batch` rows want. backend_prepare may choose these products: call it before. */
CLM_MUST_CHECK clm_status weights_create(struct clm_backend *be, size_t O, size_t I, size_t batch,
                                         struct tensor *out, struct clm_error *error);
/* A tensor of the same type, shape and layout as another. */
CLM_MUST_CHECK clm_status tensor_create_like(struct clm_backend *be, const struct tensor *like,
                                             struct tensor *out, struct clm_error *error);
/* Frees *tensor, which may be empty, and makes it empty. */
void tensor_free(struct clm_backend *be, struct tensor *tensor);

/* Whether a TENSOR_REAL of the backend is double, not float. */
bool backend_is_double(const struct clm_backend *be);

enum host_type { HOST_FLOAT, HOST_DOUBLE, HOST_BYTE, HOST_INDEX };

/* Copies all of a tensor to or from row-major host memory, and waits. TENSOR_REAL takes HOST_FLOAT and
 * HOST_DOUBLE and converts if needed; TENSOR_BYTE takes HOST_BYTE, TENSOR_INDEX takes HOST_INDEX. */
CLM_MUST_CHECK clm_status backend_write(struct clm_backend *be, struct tensor *tensor, enum host_type type,
                                        const void *host, struct clm_error *error);
CLM_MUST_CHECK clm_status backend_read(struct clm_backend *be, const struct tensor *tensor,
                                       enum host_type type, void *host, struct clm_error *error);

/* Copies host memory over `count` elements of a tensor in row-major order, from element `first` on, and waits
 * only for that. It may run in a thread of its own while operations on other tensors are queued and computed.
 * No queued operation may use this tensor. HOST_DOUBLE is not allowed. */
CLM_MUST_CHECK clm_status backend_write_part(struct clm_backend *be, struct tensor *tensor, size_t first,
                                             size_t count, enum host_type type, const void *host,
                                             struct clm_error *error);

/* Reserves the workspace of a net's products for up to `batch` rows, and builds the kernels of its steps, so
 * that no step waits for a compiler. acts[l] is the activation of layer l < width_count - 1; NULL means
 * ACTIVATION_NONE for all. `rule` trains the net; it is RULE_COUNT if none does. A plan builds nothing, and
 * products without a provider yet need no workspace: see compute/providers.h. */
CLM_MUST_CHECK clm_status backend_prepare(struct clm_backend *be, const size_t *widths, size_t width_count,
                                          const enum activation *acts, enum rule rule, size_t batch,
                                          struct clm_error *error);

/* Builds the kernels that layer_finish, gate_backward and norm_backward launch for layers with these norm and
 * activation. A plan builds nothing. */
CLM_MUST_CHECK clm_status backend_prepare_finish(struct clm_backend *be, enum norm_kind norm,
                                                 enum activation act, struct clm_error *error);

/* From here to memory_plan_end tensors are counted but have no memory. They must be freed or forgotten before
 * the end. memory_plan_end returns the planned peak. Of the backend, a plan changes only `memory`: the
 * planned numbers, and is_planning until the end. */
void memory_plan_begin(struct clm_backend *be);
size_t memory_plan_end(struct clm_backend *be);
/* For an implementation: a plan's products need a workspace of `bytes`; `have` of them are allocated. */
CLM_MUST_CHECK clm_status memory_plan_workspace(struct clm_backend *be, size_t have, size_t bytes,
                                                struct clm_error *error);

/* Fails with CLM_ERROR_MEMORY if `bytes`, the planned peak of `what`, are more than the backend has or may
 * take. `remedy` says what to do, and `setting` names the settings for it. */
CLM_MUST_CHECK clm_status memory_check(const struct clm_backend *be, const char *what, size_t bytes,
                                       const char *remedy, const char *setting, struct clm_error *error);

/* Waits for all that is queued. */
CLM_MUST_CHECK clm_status backend_finish(struct clm_backend *be, struct clm_error *error);

/* Ends a step, and keeps the queue short: waits for an earlier step, which has nearly always ended. */
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

/* X[r] = (values[n] - mean) * scale and labels[r] = data.labels[n] for each row r of X, with
 * n = order[first + r], or first + r if `order` is NULL. Rows are changed on the way by `augmentation`,
 * unless it is NULL.
 *
 *   order  (1,N) TENSOR_INDEX, each < N     X (B,I) out     labels (1,B) TENSOR_INDEX out
 *
 * All backends change rows alike, to the bit, except noise (within NOISE_ERROR) and rounded results. */
CLM_MUST_CHECK clm_status gather(struct clm_backend *be, const struct resident *data,
                                 const struct tensor *order, size_t first,
                                 const struct augmentation *augmentation, struct tensor *X,
                                 struct tensor *labels, struct clm_error *error);

/* out[r] = weights[n], with n = order[first + (r + turn) % B], or first + (r + turn) % B if `order` is NULL:
 * how much the rows of a batch count; with the distance of mixup as the turn, how much their partners do.
 *
 *   weights (1,N)     order (1,N) TENSOR_INDEX, each < N     turn < B     out (1,B) out */
CLM_MUST_CHECK clm_status gather_weights(struct clm_backend *be, const struct tensor *weights,
                                         const struct tensor *order, size_t first, size_t turn,
                                         struct tensor *out, struct clm_error *error);

/* Y = act(X Wᵀ + b)          X (B,I)   Y (B,O) out */
CLM_MUST_CHECK clm_status linear_forward(struct clm_backend *be, const struct tensor *X,
                                         const struct linear *layer, const struct epilogue *epilogue,
                                         struct tensor *Y, struct clm_error *error);

/* dZ = (softmax(Z) - onehot(labels)) / B; adds the rows' losses and correct predictions to `sums`.
 *
 *   Z (B,C) logits     labels (1,B), each < C     dZ (B,C) out, may be Z, or NULL if only the sums matter
 *
 * The loss is log(sum(exp(z - max))) + max - z[label], finite wherever Z is. A prediction is the first of the
 * largest logits; a row with a NaN is never correct and makes the sum NaN.
 *
 * If `mixture` is not NULL, a row's loss is share w of its label's loss and (1 - share) w' of its partner's:
 *
 *   dZ = ((own + other) softmax(Z) - own onehot(labels) - other onehot(partners)) / B
 *   own = share w, other = (1 - share) w'
 *
 * The sum of losses is weighted, the number of correct predictions is not: a prediction is correct if it is
 * the one in `labels`. */
CLM_MUST_CHECK clm_status softmax_xent(struct clm_backend *be, const struct tensor *Z,
                                       const struct tensor *labels, const struct mixture *mixture,
                                       struct tensor *dZ, struct metrics *sums, struct clm_error *error);

/* dZ = the gradient of the mean loss over rows, and over columns for a loss with values; struct loss has the
 * formulas. Adds the rows' losses to `sums`, each a mean over its columns. A loss with labels also adds the
 * correct predictions, as softmax_xent does; plain cross-entropy is softmax_xent.
 *
 *   Z (B,C)     targets: labels (1,B), each < C, or values (B,C / Q) with Q quantiles, else (B,C)
 *   dZ (B,C) out, may be Z, or NULL if only the sums matter
 *
 * The mixture of `targets` weights its rows; its partners are for losses with labels. A row with a NaN in Z
 * or in its values makes the sum NaN. Fails with CLM_ERROR_ARGUMENT if a number of `loss` is out of its
 * range, or values come with partners. */
CLM_MUST_CHECK clm_status loss_gradient(struct clm_backend *be, const struct loss *loss,
                                        const struct tensor *Z, const struct targets *targets,
                                        struct tensor *dZ, struct metrics *sums, struct clm_error *error);

/* Builds what loss_gradient needs, so that no step waits for a compiler. */
CLM_MUST_CHECK clm_status loss_prepare(struct clm_backend *be, const struct loss *loss,
                                       struct clm_error *error);

/* N = norm(Z), A = act(N), Y = drop(A) + residual, gate = dY/dN.
 *
 *   Z (B,O)     Y (B,O) out, may be Z
 *
 * While training, norm->centre and norm->inverse are filled for norm_backward, and running statistics move. A
 * dropped element is 0, whatever A is, and so is its gate. */
CLM_MUST_CHECK clm_status layer_finish(struct clm_backend *be, const struct tensor *Z,
                                       const struct finish *finish, struct tensor *Y,
                                       struct clm_error *error);

/* dY = dY + skip, then dZ = dY * gate. A gate that layer_finish saved has an act with GATE_SAVED, as
 * saved_gate_activation gives.
 *
 *   dY (B,O) in and out     skip (B,O), or NULL     dZ (B,O) out, may be dY, which then is lost */
CLM_MUST_CHECK clm_status gate_backward(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                                        const struct gate *gate, struct tensor *dZ, struct clm_error *error);

/* dN becomes dZ, in place, after a layer_finish of Z in training; the gradients of scale and shift are
 * stored.
 *
 *   Z, dN (B,O)     x = (Z - centre) * inverse     d shift = Σ_B dN     d scale = Σ_B dN * x
 *
 *   NORM_BATCH  dZ = inverse * scale * (dN - mean(dN) - x * mean(dN * x)), with means of each column
 *   NORM_LAYER  dZ = inverse * (g - mean(g) - x * mean(g * x)), g = dN * scale, with means of each row */
CLM_MUST_CHECK clm_status norm_backward(struct clm_backend *be, struct norm *norm, const struct tensor *Z,
                                        struct tensor *dN, struct clm_error *error);

/* P = softmax(Z), row by row.          P (B,C) out, may be Z */
CLM_MUST_CHECK clm_status softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                                  struct clm_error *error);

/* dX = (dZ W) * gate          dZ (B,O)   dX (B,I) out */
CLM_MUST_CHECK clm_status linear_backward_input(struct clm_backend *be, const struct tensor *dZ,
                                                const struct linear *layer, const struct gate *gate,
                                                struct tensor *dX, struct clm_error *error);

/* The layer's gradients: dZᵀ X + 2 l2 W for W, Σ_B dZ for b.          dZ (B,O)   X (B,I) */
CLM_MUST_CHECK clm_status linear_backward_params(struct clm_backend *be, const struct tensor *dZ,
                                                 const struct tensor *X, struct linear *layer, double l2,
                                                 struct clm_error *error);

/* A layer that takes a step, with dZ (B,O) and X (B,I) of its batch. */
struct layer_update {
    struct linear *layer;
    struct tensor dZ, X;
};

/* linear_backward_params of `count` layers, for one batch; no two share parameters. Takes few launches if the
 * backend can. */
CLM_MUST_CHECK clm_status linear_gradients(struct clm_backend *be, const struct layer_update *updates,
                                           size_t count, double l2, struct clm_error *error);

/* Whether linear_backward_update takes this rule's steps without storing the gradient. If it does not, or if
 * step_is_linear is false, the layer's parameters need tensors for their gradients. */
bool backend_fuses_step(const struct clm_backend *be, enum rule rule);

/* linear_backward_params and parameter_step, in one if the backend fuses the rule's step. Replaces the
 * layer's values and states. */
CLM_MUST_CHECK clm_status linear_backward_update(struct clm_backend *be, const struct tensor *dZ,
                                                 const struct tensor *X, struct linear *layer,
                                                 const struct step *step, struct clm_error *error);

/* linear_backward_update, then the next batch's linear_forward with the new parameters; in one if W then is
 * read once instead of twice.
 *
 *   next_X (B',I)     next_Y (B',O) out, may be an activation that the gradients no longer need */
CLM_MUST_CHECK clm_status linear_update_forward(struct clm_backend *be, const struct tensor *dZ,
                                                const struct tensor *X, struct linear *layer,
                                                const struct step *step, const struct tensor *next_X,
                                                const struct epilogue *epilogue, struct tensor *next_Y,
                                                struct clm_error *error);

/* A batch to gather. */
struct gathering {
    const struct resident *data;
    const struct tensor *order;
    size_t first;
    const struct augmentation *augmentation;
    struct tensor *X, *labels;
};

/* The end of a step: linear_backward_update of `count` layers, for one batch; no two share parameters. Then
 * gather of the next batch, unless `next` is NULL. Takes few launches if the backend can. */
CLM_MUST_CHECK clm_status linear_updates(struct clm_backend *be, const struct layer_update *updates,
                                         size_t count, const struct step *step, const struct gathering *next,
                                         struct clm_error *error);

/* Whether linear_updates gathers in the same launch, if the next batch has an X of its own. `layer` is the
 * largest. */
bool backend_gathers_beside(struct clm_backend *be, const struct linear *layer, size_t B);

/* linear_forward, softmax_xent and linear_backward_input of the last layer, in one if the backend can.
 *
 *   X (B,I)     labels (1,B), each < C     dZ (B,C) out     dX (B,I) out: (dZ W) * gate; NULL: no layer below
 */
CLM_MUST_CHECK clm_status linear_softmax_backward(struct clm_backend *be, const struct tensor *X,
                                                  const struct linear *layer, const struct tensor *labels,
                                                  const struct mixture *mixture, const struct gate *gate,
                                                  struct tensor *dZ, struct tensor *dX, struct metrics *sums,
                                                  struct clm_error *error);

/* Whether linear_update_forward is faster than its parts, for batches of up to B rows. */
bool backend_looks_ahead(struct clm_backend *be, const struct linear *layer, size_t B);

/* The optimiser's step: replaces a parameter's value and states. The gradient already has 2 l2 w. */
CLM_MUST_CHECK clm_status parameter_step(struct clm_backend *be, struct parameter *parameter,
                                         const struct step *step, struct clm_error *error);
/* The same for each parameter of a list, in which none stands twice. Takes few launches if the backend
 * can. */
CLM_MUST_CHECK clm_status parameters_step(struct clm_backend *be, struct parameter *const *list, size_t count,
                                          const struct step *step, struct clm_error *error);

/* Added to the length of the gradient before it divides, as PyTorch's clip_grad_norm_ does. */
#define CLIP_EPSILON 1e-6

/* What clips gradients to a common length of `most`: the step's gradient_scale.
 *
 *   factor (1,1) out: min(1, most / (length + CLIP_EPSILON)), length = sqrt(sum of g² over all gradients)
 *
 * g of a weight includes 2 l2 w, which the stored gradient has, and l1 sign(w): both penalties count as part
 * of the loss. The sum has a fixed order. It is infinite, and the factor 0, if the squares are too large for
 * a float. A gradient that is no number makes the factor none. */
CLM_MUST_CHECK clm_status clip_factor(struct clm_backend *be, struct parameter *const *list, size_t count,
                                      double l1, double most, struct tensor *factor, struct clm_error *error);

/* Two tensors of the same shape and layout. */
struct blend {
    struct tensor *into;
    const struct tensor *from;
};

enum blend_way {
    BLEND_SET, /* into = share from; what was there is not read */
    BLEND_ADD, /* into = into + share from */
    BLEND_MEAN /* into = into + share (from - into) */
};

/* The same sum for each pair of a list; no tensor is written twice. Takes few launches if the backend can.
 * share is from 0 to 1. */
CLM_MUST_CHECK clm_status blends(struct clm_backend *be, const struct blend *list, size_t count,
                                 enum blend_way way, double share, struct clm_error *error);

/* ---- what an implementation provides: the same operations, shapes already checked ---- */

/* One kernel's totals while a profile was taken. */
struct profile_row {
    char kernel[32];
    size_t calls;
    double seconds;           /* on the device */
    double operations, bytes; /* that its products need, and that they move at least; 0 if not stated */
};

enum { PROFILE_ROWS_MAX = 24 };

/* Records kernels from here to backend_profile_stop, which gives each kernel's totals, the longest first.
 * Fails with CLM_ERROR_ARGUMENT on a backend without kernels. */
CLM_MUST_CHECK clm_status backend_profile_start(struct clm_backend *be, struct clm_error *error);
CLM_MUST_CHECK clm_status backend_profile_stop(struct clm_backend *be,
                                               struct profile_row rows[PROFILE_ROWS_MAX], size_t *count,
                                               struct clm_error *error);
/* Keeps in *out what the device is asked for, from here to backend_record_stop; *out stays the caller's, who
 * frees it by recording_free. Launches and writes are recorded; backend_write_part is not. Fails with
 * CLM_ERROR_ARGUMENT on a backend without kernels. */
struct recording;
CLM_MUST_CHECK clm_status backend_record_start(struct clm_backend *be, struct recording *out,
                                               struct clm_error *error);
void backend_record_stop(struct clm_backend *be);

/* The device's peak rates, measured now: operations and bytes per second. */
CLM_MUST_CHECK clm_status backend_peaks(struct clm_backend *be, double *operations, double *bytes,
                                        struct clm_error *error);

/* Functions have the type of the one above that calls them. */
struct backend_operations {
    const char *name;
    /* these five are NULL in a backend without kernels */
    __typeof__(backend_profile_start) *profile_start;
    __typeof__(backend_profile_stop) *profile_stop;
    __typeof__(backend_peaks) *peaks;
    __typeof__(backend_record_start) *record_start;
    __typeof__(backend_record_stop) *record_stop;
    __typeof__(clm_backend_close) *close;
    size_t element_sizes[3]; /* bytes of a TENSOR_REAL, a TENSOR_BYTE and a TENSOR_INDEX */
    size_t metrics_columns;  /* columns of the (1, n) TENSOR_REAL that holds the sums */

    /* Rows of the panels that hold a layer's weights; NULL means row-major. */
    size_t (*weight_panel)(struct clm_backend *be, size_t batch, size_t I, size_t O);
    clm_status (*allocate)(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error);
    void (*release)(struct clm_backend *be, void *memory);
    __typeof__(backend_write) *write;
    __typeof__(backend_read) *read;
    __typeof__(backend_write_part) *write_part;
    /* these five are NULL if nothing is queued and products need only their tensors */
    __typeof__(backend_prepare) *prepare;
    __typeof__(loss_prepare) *loss_prepare;
    __typeof__(backend_prepare_finish) *prepare_finish;
    __typeof__(backend_finish) *finish;
    __typeof__(backend_pace) *pace;

    __typeof__(metrics_reset) *metrics_reset;
    __typeof__(metrics_read) *metrics_read;

    __typeof__(gather) *gather;
    __typeof__(gather_weights) *gather_weights;
    __typeof__(linear_forward) *linear_forward;
    __typeof__(softmax_xent) *softmax_xent;
    __typeof__(loss_gradient) *loss_gradient; /* NULL: plain cross-entropy is the only loss */
    __typeof__(softmax) *softmax;
    /* NULL in a backend of a user's kernels, which has no such layers */
    __typeof__(layer_finish) *layer_finish;
    __typeof__(gate_backward) *gate_backward;
    __typeof__(norm_backward) *norm_backward;
    __typeof__(linear_backward_input) *linear_backward_input;
    __typeof__(linear_backward_params) *linear_backward_params;
    __typeof__(linear_gradients) *linear_gradients; /* NULL: one layer after the other */
    __typeof__(linear_backward_update) *linear_backward_update;
    __typeof__(backend_fuses_step) *fuses_step; /* NULL: every linear rule */
    /* both NULL, or looks_ahead false for this layer, B and next_B rows: the two operations run in turn */
    bool (*looks_ahead)(struct clm_backend *be, const struct linear *layer, size_t B, size_t next_B);
    __typeof__(linear_update_forward) *linear_update_forward;
    /* NULL: the operations run in turn. Called for a rule whose steps the backend fuses. */
    __typeof__(linear_updates) *linear_updates;
    __typeof__(backend_gathers_beside) *gathers_beside; /* NULL: it does not */
    /* both NULL, or has_head false for this layer and B rows: the three operations run in turn */
    bool (*has_head)(struct clm_backend *be, const struct linear *layer, size_t B);
    clm_status (*linear_softmax_backward)(struct clm_backend *be, const struct tensor *X,
                                          const struct linear *layer, const struct tensor *labels,
                                          const struct gate *gate, struct tensor *dZ, struct tensor *dX,
                                          struct metrics *sums, struct clm_error *error);
    __typeof__(parameter_step) *parameter_step;
    __typeof__(parameters_step) *parameters_step; /* NULL: one after the other */
    __typeof__(clip_factor) *clip_factor;
    __typeof__(blends) *blends;
};

/* These open a backend without testing it. src/prove opens one for use. */
CLM_MUST_CHECK clm_status reference_open(struct clm_backend **out, struct clm_error *error);
CLM_MUST_CHECK clm_status blas_open(struct clm_backend **out, struct clm_error *error);
/* `device` is from clm_devices_find. Of the options only the provider of products and the notes matter. */
CLM_MUST_CHECK clm_status opencl_open(const struct clm_device *device,
                                      const struct clm_backend_options *options, struct clm_backend **out,
                                      struct clm_error *error);
/* How well `selector` suits a device: 0 means not at all; auto prefers the device with the largest number. */
int opencl_preference(const struct clm_device *device, const char *selector);
/* Whether `a` is to be tried before `b`, which the loader lists earlier: it suits better, or is a faster
 * GPU. */
bool opencl_is_preferred(const struct clm_device *a, const struct clm_device *b, const char *selector);

/* "; PoCL cannot write FOLDER, its cache of compiled kernels: …" or "; the disk of FOLDER … is full: …" for
 * the first of the drivers' caches of which this is true; "" if there is none. Returns `text`. */
const char *kernel_cache_trouble(char *text, size_t size);

#endif
