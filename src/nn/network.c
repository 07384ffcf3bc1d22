#include "nn/network.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

/* `create` makes one of the parameter's tensors: weights_create or a row of biases. */
typedef clm_status (*tensor_maker)(struct network *net, size_t l, struct tensor *out,
                                   struct clm_error *error);

static clm_status make_weights(struct network *net, size_t l, struct tensor *out, struct clm_error *error)
{
    return weights_create(net->be, net->widths[l + 1], net->widths[l], net->batch, out, error);
}

static clm_status make_biases(struct network *net, size_t l, struct tensor *out, struct clm_error *error)
{
    return tensor_create(net->be, TENSOR_REAL, 1, net->widths[l + 1], out, error);
}

static clm_status create_parameter(struct network *net, size_t l, tensor_maker make, struct network_use use,
                                   struct parameter *out, struct clm_error *error)
{
    clm_status status = make(net, l, &out->value, error);
    for (size_t s = 0; status == CLM_OK && use.is_trained && s < rules[use.rule].states; s++)
        status = make(net, l, &out->state[s], error);
    if (status == CLM_OK &&
        (use.keeps_gradients || (use.is_trained && !backend_fuses_step(net->be, use.rule))))
        status = make(net, l, &out->gradient, error);
    return status;
}

static clm_status create_layer(struct network *net, size_t l, struct network_use use, struct clm_error *error)
{
    struct linear *const layer = &net->layers[l];
    const clm_status status = create_parameter(net, l, make_weights, use, &layer->W, error);
    return status ? status : create_parameter(net, l, make_biases, use, &layer->b, error);
}

static void free_parameter(struct clm_backend *be, struct parameter *parameter)
{
    tensor_free(be, &parameter->value);
    tensor_free(be, &parameter->gradient);
    for (size_t s = 0; s < STATES_MOST; s++)
        tensor_free(be, &parameter->state[s]);
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
    /* of a single layer, the next outputs would replace the gradient that the step is made from */
    if (is_trained && net->depth > 1 && backend_looks_ahead(be, &net->layers[0], net->batch) &&
        (status = tensor_create(be, TENSOR_REAL, net->batch, net->widths[0], &net->next_X, error)))
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
                          struct network_use use, struct network *out, struct clm_error *error)
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
    status = backend_prepare(be, widths, depth + 1, batch, error);
    for (size_t l = 0; status == CLM_OK && l < depth; l++)
        status = create_layer(out, l, use, error);
    if (status == CLM_OK)
        status = create_batch(out, use.is_trained, error);
cleanup:
    if (status != CLM_OK)
        network_free(out);
    return status;
}

clm_status network_prepare_mixup(struct network *net, struct clm_error *error)
{
    return tensor_create(net->be, TENSOR_INDEX, 1, net->batch, &net->mixture.partners, error);
}

void network_free(struct network *net)
{
    struct clm_backend *const be = net->be;
    for (size_t l = 0; l < net->depth; l++) {
        if (net->layers) {
            free_parameter(be, &net->layers[l].W);
            free_parameter(be, &net->layers[l].b);
        }
        if (net->outputs)
            tensor_free(be, &net->outputs[l]);
    }
    if (be) {
        tensor_free(be, &net->X);
        tensor_free(be, &net->next_X);
        tensor_free(be, &net->labels);
        tensor_free(be, &net->mixture.partners);
        tensor_free(be, &net->gradients[0]);
        tensor_free(be, &net->gradients[1]);
    }
    free(net->widths);
    free(net->layers);
    free(net->outputs);
    memset(net, 0, sizeof *net);
}

static void count_parameter(const struct parameter *parameter, struct network_memory *memory)
{
    memory->parameters += parameter->value.bytes;
    memory->gradients += parameter->gradient.bytes;
    for (size_t s = 0; s < STATES_MOST; s++)
        memory->states += parameter->state[s].bytes;
}

struct network_memory network_memory(const struct network *net)
{
    struct network_memory memory = {.activations = net->X.bytes + net->next_X.bytes + net->labels.bytes +
                                                   net->mixture.partners.bytes + net->gradients[0].bytes +
                                                   net->gradients[1].bytes};
    for (size_t l = 0; l < net->depth; l++) {
        count_parameter(&net->layers[l].W, &memory);
        count_parameter(&net->layers[l].b, &memory);
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
        return clm_fail_host_memory(error, "the optimiser's states", tensor->bytes);
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

static clm_status write_parameter(struct clm_backend *be, struct parameter *parameter, const float *values,
                                  struct clm_error *error)
{
    clm_status status = backend_write(be, &parameter->value, HOST_FLOAT, values, error);
    for (size_t s = 0; status == CLM_OK && s < STATES_MOST; s++)
        status = write_zeros(be, &parameter->state[s], error);
    return status;
}

clm_status network_write(struct network *net, const struct clm_model *model, struct clm_error *error)
{
    clm_status status = check_widths(net, model, error);
    for (size_t l = 0; status == CLM_OK && l < net->depth; l++) {
        status = write_parameter(net->be, &net->layers[l].W, model->weights[l], error);
        if (status == CLM_OK)
            status = write_parameter(net->be, &net->layers[l].b, model->biases[l], error);
    }
    return status;
}

clm_status network_read(const struct network *net, struct clm_model *model, struct clm_error *error)
{
    clm_status status = check_widths(net, model, error);
    for (size_t l = 0; status == CLM_OK && l < net->depth; l++) {
        const struct linear *const layer = &net->layers[l];
        status = backend_read(net->be, &layer->W.value, HOST_FLOAT, model->weights[l], error);
        if (status == CLM_OK)
            status = backend_read(net->be, &layer->b.value, HOST_FLOAT, model->biases[l], error);
    }
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

static clm_status gather_into(struct network *net, struct tensor *inputs, const struct minibatch *batch,
                              struct clm_error *error)
{
    const clm_status status = check_rows(net, batch->rows, error);
    if (status != CLM_OK)
        return status;
    struct tensor X = tensor_first_rows(inputs, batch->rows),
                  labels = tensor_first_columns(&net->labels, batch->rows);
    net->is_mixed = batch->augmentation && batch->augmentation->changes.mixup > 0;
    if (!batch->augmentation)
        return gather(net->be, batch->data, batch->order, batch->first, NULL, &X, &labels, error);
    struct augmentation augmentation = *batch->augmentation;
    struct tensor partners = tensor_first_columns(&net->mixture.partners, batch->rows);
    augmentation.position = batch->position;
    augmentation.partners = &partners;
    net->mixture.share = augmentation_share(&augmentation);
    return gather(net->be, batch->data, batch->order, batch->first, &augmentation, &X, &labels, error);
}

clm_status network_gather(struct network *net, const struct minibatch *batch, struct clm_error *error)
{
    net->is_ahead = false;
    return gather_into(net, &net->X, batch, error);
}

static enum activation activation_of(const struct network *net, size_t l)
{
    return l + 1 < net->depth ? ACTIVATION_RELU : ACTIVATION_NONE;
}

/* The first `depth` layers, without what is there already. */
static clm_status forward(struct network *net, size_t rows, size_t depth, struct clm_error *error)
{
    clm_status status = check_rows(net, rows, error);
    for (size_t l = net->is_ahead ? 1 : 0; status == CLM_OK && l < depth; l++) {
        const struct tensor X = input_of(net, l, rows);
        struct tensor Y = tensor_first_rows(&net->outputs[l], rows);
        status = linear_forward(net->be, &X, &net->layers[l], EPILOGUE(activation_of(net, l)), &Y, error);
    }
    net->is_ahead = false;
    return status;
}

clm_status network_forward(struct network *net, size_t rows, struct clm_error *error)
{
    return forward(net, rows, net->depth, error);
}

/* What becomes of the layers' gradients: a step straight into the parameters, after which the next batch may come; or, if `step`
 * is NULL, gradients that are kept, with the penalty l2. */
struct gradient_use {
    const struct step *step;
    const struct minibatch *next;
    double l2;
};

/* The step of layer l; of the first one together with its next outputs, where looking ahead saves time. */
static clm_status step_layer(struct network *net, size_t l, const struct tensor *dZ, const struct tensor *X,
                             const struct gradient_use *use, struct clm_error *error)
{
    struct linear *const layer = &net->layers[l];
    if (l > 0 || !use->next || tensor_is_empty(&net->next_X))
        return linear_backward_update(net->be, dZ, X, layer, use->step, error);
    clm_status status = gather_into(net, &net->next_X, use->next, error);
    if (status != CLM_OK)
        return status;
    const struct tensor next_X = tensor_first_rows(&net->next_X, use->next->rows);
    struct tensor next_Y = tensor_first_rows(&net->outputs[0], use->next->rows);
    status = linear_update_forward(net->be, dZ, X, layer, use->step, &next_X, EPILOGUE(activation_of(net, 0)),
                                   &next_Y, error);
    const struct tensor done = net->X;
    net->X = net->next_X;
    net->next_X = done;
    net->is_ahead = true;
    return status;
}

/* Forward, loss, and the gradients from the last layer to the first. */
static clm_status propagate(struct network *net, size_t rows, const struct gradient_use *use,
                            struct metrics *sums, struct clm_error *error)
{
    struct clm_backend *const be = net->be;
    const size_t last = net->depth - 1;
    clm_status status = forward(net, rows, last, error);
    struct tensor dZ = tensor_first_rows(&net->outputs[last], rows);
    const struct tensor labels = tensor_first_columns(&net->labels, rows);
    const struct mixture mixture = {tensor_first_columns(&net->mixture.partners, rows), net->mixture.share};
    for (size_t l = net->depth; status == CLM_OK && l-- > 0;) {
        struct linear *const layer = &net->layers[l];
        const struct tensor X = input_of(net, l, rows);
        const struct gate gate = {l > 0 ? activation_of(net, l - 1) : ACTIVATION_NONE, &X};
        struct tensor dX = {0};
        if (l > 0) /* before the step, for it needs the weights of the forward pass */
            dX = view(&net->gradients[(l - 1) % 2], rows, net->widths[l]);
        if (l == last)
            status = linear_softmax_backward(be, &X, layer, &labels, net->is_mixed ? &mixture : NULL, &gate,
                                             &dZ, l > 0 ? &dX : NULL, sums, error);
        else if (l > 0)
            status = linear_backward_input(be, &dZ, layer, &gate, &dX, error);
        if (status == CLM_OK)
            status = use->step ? step_layer(net, l, &dZ, &X, use, error)
                               : linear_backward_params(be, &dZ, &X, layer, use->l2, error);
        dZ = dX;
    }
    return status;
}

clm_status network_step(struct network *net, size_t rows, const struct step *step, struct metrics *sums,
                        const struct minibatch *next, struct clm_error *error)
{
    const struct gradient_use use = {.step = step, .next = next};
    const clm_status status = propagate(net, rows, &use, sums, error);
    return status || !next || net->is_ahead ? status : network_gather(net, next, error);
}

clm_status network_gradients(struct network *net, size_t rows, double l2, struct metrics *sums,
                             struct clm_error *error)
{
    const struct gradient_use use = {.l2 = l2};
    return propagate(net, rows, &use, sums, error);
}
