#include "nn/network.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

static clm_status create_layer(struct clm_backend *be, size_t I, size_t O, bool has_velocity,
                               struct linear *layer, struct clm_error *error)
{
    clm_status status;
    if ((status = tensor_create(be, TENSOR_REAL, O, I, &layer->W, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, O, &layer->b, error)))
        return status;
    if (has_velocity && ((status = tensor_create(be, TENSOR_REAL, O, I, &layer->W_velocity, error)) ||
                         (status = tensor_create(be, TENSOR_REAL, 1, O, &layer->b_velocity, error))))
        return status;
    return CLM_OK;
}

static size_t widest_hidden(const struct network *net)
{
    size_t widest = 0;
    for (size_t l = 1; l < net->depth; l++)
        widest = size_max(widest, net->widths[l]);
    return widest;
}

static clm_status create_batch(struct network *net, bool is_trained, struct clm_error *error)
{
    struct clm_backend *const be = net->be;
    clm_status status;
    if ((status = tensor_create(be, TENSOR_REAL, net->batch, net->widths[0], &net->X, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, net->batch, &net->labels, error)))
        return status;
    for (size_t l = 0; l < net->depth; l++)
        if ((status =
                 tensor_create(be, TENSOR_REAL, net->batch, net->widths[l + 1], &net->outputs[l], error)))
            return status;
    /* Z's gradient replaces Z; those of hidden layers take turns, so that one is read while the next is made. */
    for (size_t i = 0; is_trained && i < size_min(net->depth - 1, 2); i++)
        if ((status =
                 tensor_create(be, TENSOR_REAL, net->batch, widest_hidden(net), &net->gradients[i], error)))
            return status;
    return CLM_OK;
}

clm_status network_create(struct clm_backend *be, const size_t *widths, size_t depth, size_t batch,
                          enum network_use use, struct network *out, struct clm_error *error)
{
    clm_status status = CLM_OK;
    memset(out, 0, sizeof *out);
    out->be = be;
    out->depth = depth;
    out->batch = batch;
    out->widths = calloc(depth + 1, sizeof *out->widths);
    out->layers = calloc(depth, sizeof *out->layers);
    out->outputs = calloc(depth, sizeof *out->outputs);
    if (!out->widths || !out->layers || !out->outputs) {
        status = clm_fail_host_memory(error, "a network", depth * sizeof *out->layers);
        goto cleanup;
    }
    memcpy(out->widths, widths, (depth + 1) * sizeof *widths);
    for (size_t l = 0; status == CLM_OK && l < depth; l++)
        status = create_layer(be, widths[l], widths[l + 1], use == NETWORK_TRAIN_WITH_MOMENTUM,
                              &out->layers[l], error);
    if (status == CLM_OK)
        status = create_batch(out, use != NETWORK_PREDICT, error);
    if (status == CLM_OK)
        status = backend_prepare(be, widths, depth + 1, batch, error);
cleanup:
    if (status != CLM_OK)
        network_free(out);
    return status;
}

void network_free(struct network *net)
{
    struct clm_backend *const be = net->be;
    for (size_t l = 0; l < net->depth; l++) {
        if (net->layers) {
            tensor_free(be, &net->layers[l].W);
            tensor_free(be, &net->layers[l].b);
            tensor_free(be, &net->layers[l].W_velocity);
            tensor_free(be, &net->layers[l].b_velocity);
        }
        if (net->outputs)
            tensor_free(be, &net->outputs[l]);
    }
    if (be) {
        tensor_free(be, &net->X);
        tensor_free(be, &net->labels);
        tensor_free(be, &net->gradients[0]);
        tensor_free(be, &net->gradients[1]);
    }
    free(net->widths);
    free(net->layers);
    free(net->outputs);
    memset(net, 0, sizeof *net);
}

struct network_memory network_memory(const struct network *net)
{
    struct network_memory memory = {.activations = net->X.bytes + net->labels.bytes +
                                                   net->gradients[0].bytes + net->gradients[1].bytes};
    for (size_t l = 0; l < net->depth; l++) {
        const struct linear *const layer = &net->layers[l];
        memory.parameters += layer->W.bytes + layer->b.bytes;
        memory.velocities += layer->W_velocity.bytes + layer->b_velocity.bytes;
        memory.activations += net->outputs[l].bytes;
    }
    return memory;
}

/* ---- parameters ---- */

static clm_status write_zeros(struct clm_backend *be, struct tensor *tensor, struct clm_error *error)
{
    if (tensor_is_empty(tensor))
        return CLM_OK;
    float *const zeros = calloc(tensor->rows * tensor->columns, sizeof *zeros);
    if (!zeros)
        return clm_fail_host_memory(error, "velocities", tensor->bytes);
    const clm_status status = backend_write(be, tensor, HOST_FLOAT, zeros, error);
    free(zeros);
    return status;
}

static clm_status check_widths(const struct network *net, const struct clm_model *model,
                               struct clm_error *error)
{
    if (model->depth == net->depth &&
        !memcmp(model->widths, net->widths, (net->depth + 1) * sizeof *net->widths))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_SHAPE,
                    "a model of %zu layers does not fit a network of %zu, or their widths differ",
                    model->depth, net->depth);
}

clm_status network_write(struct network *net, const struct clm_model *model, struct clm_error *error)
{
    clm_status status = check_widths(net, model, error);
    for (size_t l = 0; status == CLM_OK && l < net->depth; l++) {
        struct linear *const layer = &net->layers[l];
        if ((status = backend_write(net->be, &layer->W, HOST_FLOAT, model->weights[l], error)) ||
            (status = backend_write(net->be, &layer->b, HOST_FLOAT, model->biases[l], error)) ||
            (status = write_zeros(net->be, &layer->W_velocity, error)) ||
            (status = write_zeros(net->be, &layer->b_velocity, error)))
            break;
    }
    return status;
}

clm_status network_read(const struct network *net, struct clm_model *model, struct clm_error *error)
{
    clm_status status = check_widths(net, model, error);
    for (size_t l = 0; status == CLM_OK && l < net->depth; l++)
        if ((status = backend_read(net->be, &net->layers[l].W, HOST_FLOAT, model->weights[l], error)) ||
            (status = backend_read(net->be, &net->layers[l].b, HOST_FLOAT, model->biases[l], error)))
            break;
    return status;
}

/* ---- the step ---- */

/* The first rows x columns of a tensor's memory as a matrix without gaps. */
static struct tensor view(const struct tensor *of, size_t rows, size_t columns)
{
    struct tensor matrix = *of;
    matrix.rows = rows;
    matrix.columns = columns;
    return matrix;
}

/* What layer l multiplies: the batch, or the outputs below it. */
static struct tensor input_of(const struct network *net, size_t l, size_t rows)
{
    return tensor_first_rows(l ? &net->outputs[l - 1] : &net->X, rows);
}

static clm_status check_rows(const struct network *net, size_t rows, struct clm_error *error)
{
    if (rows > 0 && rows <= net->batch)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_SHAPE, "a step of %zu rows on a network made for 1 to %zu", rows,
                    net->batch);
}

clm_status network_gather(struct network *net, const struct resident *data, const struct tensor *order,
                          size_t first, size_t rows, struct clm_error *error)
{
    const clm_status status = check_rows(net, rows, error);
    if (status != CLM_OK)
        return status;
    struct tensor X = tensor_first_rows(&net->X, rows), labels = view(&net->labels, 1, rows);
    return gather(net->be, data, order, first, &X, &labels, error);
}

clm_status network_forward(struct network *net, size_t rows, struct clm_error *error)
{
    clm_status status = check_rows(net, rows, error);
    for (size_t l = 0; status == CLM_OK && l < net->depth; l++) {
        const struct tensor X = input_of(net, l, rows);
        struct tensor Y = tensor_first_rows(&net->outputs[l], rows);
        const enum activation act = l + 1 < net->depth ? ACTIVATION_RELU : ACTIVATION_NONE;
        status = linear_forward(net->be, &X, &net->layers[l], act, &Y, error);
    }
    return status;
}

/* What becomes of the layers' gradients: a step straight into the parameters, or tensors that keep them. */
struct gradient_use {
    const struct step *step;
    double l2;
    struct tensor *dW, *db;
};

/* Forward, loss, and the gradients from the last layer to the first. */
static clm_status propagate(struct network *net, size_t rows, const struct gradient_use *use,
                            struct metrics *sums, struct clm_error *error)
{
    struct clm_backend *const be = net->be;
    clm_status status = network_forward(net, rows, error);
    if (status != CLM_OK)
        return status;
    struct tensor dZ = tensor_first_rows(&net->outputs[net->depth - 1], rows);
    const struct tensor labels = view(&net->labels, 1, rows);
    status = softmax_xent(be, &dZ, &labels, &dZ, sums, error);
    for (size_t l = net->depth; status == CLM_OK && l-- > 0;) {
        struct linear *const layer = &net->layers[l];
        const struct tensor X = input_of(net, l, rows);
        struct tensor dX = {0};
        if (l > 0) { /* before the step, for it needs the weights of the forward pass */
            dX = view(&net->gradients[(l - 1) % 2], rows, net->widths[l]);
            status = linear_backward_input(be, &dZ, layer, &X, &dX, error);
        }
        if (status == CLM_OK)
            status = use->step ? linear_backward_update(be, &dZ, &X, layer, use->step, error)
                               : linear_backward_params(be, &dZ, &X, layer, use->l2, &use->dW[l], &use->db[l],
                                                        error);
        dZ = dX;
    }
    return status;
}

clm_status network_step(struct network *net, size_t rows, const struct step *step, struct metrics *sums,
                        struct clm_error *error)
{
    const struct gradient_use use = {.step = step};
    return propagate(net, rows, &use, sums, error);
}

clm_status network_gradients(struct network *net, size_t rows, double l2, struct tensor *dW,
                             struct tensor *db, struct metrics *sums, struct clm_error *error)
{
    const struct gradient_use use = {.l2 = l2, .dW = dW, .db = db};
    return propagate(net, rows, &use, sums, error);
}
