/* Makes operations of a user's kernels: each has its arguments in the order of its entry's declaration. */
#include "compute/opencl/user/user.h"

#include "base/size.h"
#include "compute/opencl/status.h"

#include <string.h>

/* Calls `visit` for each operand in memory. */
typedef clm_status visit_operand(struct user_backend *u, cl_mem memory, const struct declared *operand,
                                 struct clm_error *error);

static clm_status visit_operands(struct user_backend *u, const struct kernel_argument *arguments,
                                 visit_operand *visit, struct clm_error *error)
{
    struct declared operand;
    clm_status status = CLM_OK;
    for (size_t n = 0; status == CLM_OK && declared_argument(u->chosen, n, &operand); n++)
        if (operand.is_pointer) {
            cl_mem memory;
            memcpy(&memory, arguments[n].value, sizeof memory);
            status = visit(u, memory, &operand, error);
        }
    return status;
}

/* Queues the chosen kernel over a result of that many columns and rows. */
static clm_status user_launch(struct clm_backend *be, size_t columns, size_t rows,
                              const struct kernel_argument *arguments, struct clm_error *error)
{
    struct user_backend *const u = user_of(be);
    const struct user_kernel *const kernel = &u->programs[u->order].kernels[u->chosen];
    const struct user_entry_about *const about = &user_entries[u->chosen];
    const size_t global[2] = {divide_up(columns, kernel->tile[0]) * kernel->group[0],
                              divide_up(rows, kernel->tile[1]) * kernel->group[1]};
    clm_status status = u->tell ? visit_operands(u, arguments, tell_address, error) : CLM_OK;
    if (status == CLM_OK && u->is_watched)
        status = poison_memory(u, error);
    if (status != CLM_OK)
        return status;
    status = opencl_launch(&u->opencl.device, kernel->handle, about->name, about->tiles[1] ? 2 : 1, global,
                           kernel->group, arguments, error);
    if (status == CLM_OK && u->is_watched)
        status = queue_finish(u->opencl.device.queue, about->name, error);
    if (status != CLM_OK)
        return blame_kernel(u, u->chosen, error);
    return u->is_watched ? visit_operands(u, arguments, check_surroundings, error) : CLM_OK;
}

/* ---- the entries as operations ---- */

static clm_status user_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                               const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    const size_t B = X->rows, I = X->columns, O = Y->columns;
    if (user_of(be)->chosen == ENTRY_PRODUCT)
        return user_launch(be, O, B,
                           ARGUMENTS(INT(B), INT(I), INT(O), MEMORY(X), MEMORY(&layer->W.value), MEMORY(Y)),
                           error);
    return user_launch(be, O, B,
                       ARGUMENTS(INT(B), INT(I), INT(O), INT(epilogue->act == ACTIVATION_RELU), MEMORY(X),
                                 MEMORY(&layer->W.value), MEMORY(&layer->b.value), MEMORY(Y)),
                       error);
}

static clm_status user_backward_input(struct clm_backend *be, const struct tensor *dZ,
                                      const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                      struct clm_error *error)
{
    return user_launch(be, dX->columns, dX->rows,
                       ARGUMENTS(INT(dX->rows), INT(dX->columns), INT(dZ->columns), MEMORY(dZ),
                                 MEMORY(&layer->W.value), MEMORY(gate->of), MEMORY(dX)),
                       error);
}

static clm_status user_backward_params(struct clm_backend *be, const struct tensor *dZ,
                                       const struct tensor *X, struct linear *layer, double l2,
                                       struct clm_error *error)
{
    (void)l2; /* the entry has no penalty */
    return user_launch(be, X->columns, dZ->columns,
                       ARGUMENTS(INT(X->rows), INT(X->columns), INT(dZ->columns), MEMORY(dZ), MEMORY(X),
                                 MEMORY(&layer->W.gradient), MEMORY(&layer->b.gradient)),
                       error);
}

static clm_status user_backward_update(struct clm_backend *be, const struct tensor *dZ,
                                       const struct tensor *X, struct linear *layer, const struct step *step,
                                       struct clm_error *error)
{
    const struct step_argument s = step_argument(step);
    return user_launch(be, X->columns, dZ->columns,
                       ARGUMENTS(INT(X->rows), INT(X->columns), INT(dZ->columns), ARGUMENT(s.rate),
                                 ARGUMENT(s.momentum), ARGUMENT(s.penalty), MEMORY(dZ), MEMORY(X),
                                 MEMORY(&layer->W.value), MEMORY(&layer->b.value), MEMORY(&layer->W.state[0]),
                                 MEMORY(&layer->b.state[0])),
                       error);
}

static clm_status user_parameter_step(struct clm_backend *be, struct parameter *parameter,
                                      const struct step *step, struct clm_error *error)
{
    const struct step_argument s = step_argument(step);
    const size_t count = tensor_elements(&parameter->value);
    return user_launch(be, count, 1,
                       ARGUMENTS(INT(count), ARGUMENT(s.rate), ARGUMENT(s.momentum),
                                 MEMORY(&parameter->gradient), MEMORY(&parameter->value),
                                 MEMORY(&parameter->state[0])),
                       error);
}

/* The state of `sums` is the tensor of the rows' losses. */
static clm_status user_softmax_xent(struct clm_backend *be, const struct tensor *Z,
                                    const struct tensor *labels, const struct mixture *mixture,
                                    struct tensor *dZ, struct metrics *sums, struct clm_error *error)
{
    (void)mixture; /* the entry has none */
    return user_launch(
        be, Z->rows, 1,
        ARGUMENTS(INT(Z->rows), INT(Z->columns), MEMORY(Z), MEMORY(labels), MEMORY(dZ), MEMORY(&sums->state)),
        error);
}

static clm_status user_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                               struct clm_error *error)
{
    return user_launch(be, Z->rows, 1, ARGUMENTS(INT(Z->rows), INT(Z->columns), MEMORY(Z), MEMORY(P)), error);
}

static clm_status user_gather(struct clm_backend *be, const struct resident *data, const struct tensor *order,
                              size_t first, const struct augmentation *augmentation, struct tensor *X,
                              struct tensor *labels, struct clm_error *error)
{
    (void)augmentation; /* the entry has none */
    return user_launch(be, X->columns, X->rows,
                       ARGUMENTS(INT(X->rows), INT(X->columns), SCALAR(cl_uint, first), MEMORY(&data->values),
                                 MEMORY(&data->labels), MEMORY(order), MEMORY(&data->mean),
                                 MEMORY(&data->scale), MEMORY(X), MEMORY(labels)),
                       error);
}

static clm_status user_gather_weights(struct clm_backend *be, const struct tensor *weights,
                                      const struct tensor *order, size_t first, size_t turn,
                                      struct tensor *out, struct clm_error *error)
{
    return user_launch(be, out->columns, 1,
                       ARGUMENTS(INT(out->columns), SCALAR(cl_uint, first), INT(turn), MEMORY(weights),
                                 MEMORY(order), MEMORY(out)),
                       error);
}

static bool user_fuses_step(const struct clm_backend *be, enum rule rule)
{
    (void)be, (void)rule;
    return true;
}
void set_user_operations(struct backend_operations *out)
{
    *out = opencl_operations;
    out->name = "user";
    out->profile_start = NULL;
    out->profile_stop = NULL;
    out->peaks = NULL;
    out->weight_panel = NULL;
    out->allocate = user_allocate;
    out->release = user_release;
    out->prepare = NULL;
    out->loss_prepare = NULL;
    out->gather = user_gather;
    out->gather_weights = user_gather_weights;
    out->linear_forward = user_forward;
    out->softmax_xent = user_softmax_xent;
    out->loss_gradient = NULL;
    out->softmax = user_softmax;
    out->linear_backward_input = user_backward_input;
    out->linear_backward_params = user_backward_params;
    out->fuses_step = user_fuses_step;
    out->linear_backward_update = user_backward_update;
    out->looks_ahead = NULL;
    out->linear_update_forward = NULL;
    out->has_head = NULL;
    out->linear_softmax_backward = NULL;
    out->parameter_step = user_parameter_step;
    out->parameters_step = NULL;
}
