#include "nn/network.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

/* One of a parameter's tensors: value, gradient or a state. */
static clm_status create_tensor(struct network *net, const struct parameter_spec *spec, struct tensor *out,
                                struct clm_error *error)
{
    return spec->is_weight ? weights_create(net->be, spec->rows, spec->columns, net->batch, out, error)
                           : tensor_create(net->be, TENSOR_REAL, 1, spec->rows, out, error);
}

static clm_status create_parameter(struct network *net, const struct parameter_spec *spec,
                                   struct network_use use, struct parameter *out, struct clm_error *error)
{
    clm_status status = create_tensor(net, spec, &out->value, error);
    for (size_t s = 0; status == CLM_OK && use.is_trained && s < rules[use.rule].states; s++)
        status = create_tensor(net, spec, &out->state[s], error);
    if (status == CLM_OK && net->keeps_gradients)
        status = create_tensor(net, spec, &out->gradient, error);
    return status;
}

static clm_status create_parameters(struct network *net, struct network_use use, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < architecture_parameter_count(&net->architecture); p++) {
        const struct parameter_spec spec = architecture_parameter(&net->architecture, p);
        status = create_parameter(net, &spec, use, network_parameter(net, p), error);
    }
    return status;
}

struct parameter *network_parameter(const struct network *net, size_t p)
{
    struct linear *const linear = &net->layers[p / LAYER_PARAMETERS].linear;
    return p % LAYER_PARAMETERS ? &linear->b : &linear->W;
}

static void free_parameter(struct clm_backend *be, struct parameter *parameter)
{
    tensor_free(be, &parameter->value);
    tensor_free(be, &parameter->gradient);
    for (size_t s = 0; s < STATES_MOST; s++)
        tensor_free(be, &parameter->state[s]);
}

static size_t widest_hidden(const struct architecture *architecture)
{
    size_t widest = 0;
    for (size_t l = 1; l < architecture->depth; l++)
        widest = size_max(widest, architecture->layers[l].inputs);
    return widest;
}

/* Looking ahead needs a step that changes the first layer at once. A single layer's next outputs would
 * replace the gradient that its step is made from. */
static bool network_looks_ahead(const struct network *net, bool is_trained)
{
    return is_trained && !net->keeps_gradients && net->architecture.depth > 1 &&
           backend_looks_ahead(net->be, &net->layers[0].linear, net->batch);
}

static clm_status create_batch(struct network *net, bool is_trained, struct clm_error *error)
{
    struct clm_backend *const be = net->be;
    const size_t depth = net->architecture.depth, I = net->architecture.layers[0].inputs;
    const size_t widest = widest_hidden(&net->architecture);
    clm_status status;
    if ((status = tensor_create(be, TENSOR_REAL, net->batch, I, &net->X, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, net->batch, &net->labels, error)) ||
        (network_looks_ahead(net, is_trained) &&
         (status = tensor_create(be, TENSOR_REAL, net->batch, I, &net->next_X, error))))
        return status;
    for (size_t l = 0; status == CLM_OK && l < depth; l++)
        status =
            layer_create(be, &net->architecture.layers[l], net->batch, is_trained, &net->layers[l], error);
    /* Z's gradient replaces Z; those of hidden layers take turns: one is read while the next is made. */
    for (size_t i = 0; status == CLM_OK && is_trained && i < size_min(depth - 1, 2); i++)
        status = tensor_create(be, TENSOR_REAL, net->batch, widest, &net->gradients[i], error);
    return status;
}

/* What the backend needs beside tensors: memory, and kernels. */
static clm_status prepare_products(struct network *net, struct network_use use, struct clm_error *error)
{
    size_t *const widths = architecture_widths(&net->architecture);
    const size_t depth = net->architecture.depth, count = depth + 1;
    enum activation *const acts = calloc(depth, sizeof *acts);
    for (size_t l = 0; acts && l < depth; l++)
        acts[l] = net->architecture.layers[l].activation;
    const clm_status status = widths && acts
                                  ? backend_prepare(net->be, widths, count, acts,
                                                    use.is_trained ? use.rule : RULE_COUNT, net->batch, error)
                                  : clm_fail_host_memory(error, "a network", count * sizeof *widths);
    free(widths);
    free(acts);
    return status;
}

clm_status network_tune(struct clm_backend *be, const struct architecture *architecture,
                        struct network_use use, struct tune_wish wish, struct clm_error *error)
{
    size_t *const widths = architecture_widths(architecture);
    wish.widths = widths;
    wish.width_count = architecture->depth + 1;
    wish.use = !use.is_trained ? LAYER_FORWARD : rules[use.rule].states ? LAYER_MOMENTUM : LAYER_STEP;
    const clm_status status =
        widths ? tune_network(be, &wish, error)
               : clm_fail_host_memory(error, "a network", wish.width_count * sizeof *widths);
    free(widths);
    return status;
}

clm_status network_create(struct clm_backend *be, const struct architecture *architecture, size_t batch,
                          struct network_use use, struct network *out, struct clm_error *error)
{
    *out = (struct network){.be = be,
                            .batch = batch,
                            .keeps_gradients =
                                use.keeps_gradients || (use.is_trained && !backend_fuses_step(be, use.rule))};
    clm_status status = architecture_copy(architecture, &out->architecture, error);
    if (status != CLM_OK)
        goto cleanup;
    out->layers = calloc(architecture->depth, sizeof *out->layers);
    if (!out->layers) {
        status = clm_fail_host_memory(error, "a network", architecture->depth * sizeof *out->layers);
        goto cleanup;
    }
    if ((status = prepare_products(out, use, error)) || (status = create_parameters(out, use, error)))
        goto cleanup;
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

clm_status network_prepare_weights(struct network *net, struct clm_error *error)
{
    struct mixture *const mixture = &net->mixture;
    const clm_status status = tensor_create(net->be, TENSOR_REAL, 1, net->batch, &mixture->weights, error);
    if (status != CLM_OK || tensor_is_empty(&mixture->partners))
        return status;
    return tensor_create(net->be, TENSOR_REAL, 1, net->batch, &mixture->partner_weights, error);
}

void network_free(struct network *net)
{
    struct clm_backend *const be = net->be;
    for (size_t p = 0; net->layers && p < architecture_parameter_count(&net->architecture); p++)
        free_parameter(be, network_parameter(net, p));
    for (size_t l = 0; net->layers && l < net->architecture.depth; l++)
        layer_free(be, &net->layers[l]);
    if (be) {
        tensor_free(be, &net->X);
        tensor_free(be, &net->next_X);
        tensor_free(be, &net->labels);
        tensor_free(be, &net->mixture.partners);
        tensor_free(be, &net->mixture.weights);
        tensor_free(be, &net->mixture.partner_weights);
        tensor_free(be, &net->gradients[0]);
        tensor_free(be, &net->gradients[1]);
    }
    free(net->layers);
    architecture_free(&net->architecture);
    memset(net, 0, sizeof *net);
}

struct network_memory network_memory(const struct network *net)
{
    const struct mixture *const mixture = &net->mixture;
    struct network_memory memory = {.activations = net->X.bytes + net->next_X.bytes + net->labels.bytes +
                                                   mixture->partners.bytes + mixture->weights.bytes +
                                                   mixture->partner_weights.bytes + net->gradients[0].bytes +
                                                   net->gradients[1].bytes};
    for (size_t p = 0; p < architecture_parameter_count(&net->architecture); p++) {
        const struct parameter *const parameter = network_parameter(net, p);
        memory.parameters += parameter->value.bytes;
        memory.gradients += parameter->gradient.bytes;
        for (size_t s = 0; s < STATES_MOST; s++)
            memory.states += parameter->state[s].bytes;
    }
    for (size_t l = 0; l < net->architecture.depth; l++)
        memory.activations += net->layers[l].Y.bytes + net->layers[l].saved_gate.bytes;
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

static clm_status check_architecture(const struct network *net, const struct clm_model *model,
                                     struct clm_error *error)
{
    if (architecture_is_equal(&model->architecture, &net->architecture))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_SHAPE,
                    "a model of %zu layers does not fit a network of %zu, or their widths differ",
                    model->architecture.depth, net->architecture.depth);
}

clm_status network_write(struct network *net, const struct clm_model *model, struct clm_error *error)
{
    clm_status status = check_architecture(net, model, error);
    for (size_t p = 0; status == CLM_OK && p < model->parameter_count; p++) {
        struct parameter *const parameter = network_parameter(net, p);
        status = backend_write(net->be, &parameter->value, HOST_FLOAT, model->values[p], error);
        for (size_t s = 0; status == CLM_OK && s < STATES_MOST; s++)
            status = write_zeros(net->be, &parameter->state[s], error);
    }
    return status;
}

clm_status network_read(const struct network *net, struct clm_model *model, struct clm_error *error)
{
    clm_status status = check_architecture(net, model, error);
    for (size_t p = 0; status == CLM_OK && p < model->parameter_count; p++)
        status =
            backend_read(net->be, &network_parameter(net, p)->value, HOST_FLOAT, model->values[p], error);
    return status;
}

/* ---- the batch ---- */

static clm_status check_rows(const struct network *net, size_t rows, struct clm_error *error)
{
    if (rows > 0 && rows <= net->batch)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_SHAPE, "a step of %zu rows on a network made for 1 to %zu", rows,
                    net->batch);
}

/* The weights of the batch's rows and, if they are mixed, of their partners. */
static clm_status gather_row_weights(struct network *net, const struct minibatch *batch,
                                     const struct augmentation *augmentation, struct clm_error *error)
{
    const struct tensor *const all = &batch->data->weights;
    struct tensor weights = tensor_first_columns(&net->mixture.weights, batch->rows),
                  of_partners = tensor_first_columns(&net->mixture.partner_weights, batch->rows);
    clm_status status = gather_weights(net->be, all, batch->order, batch->first, 0, &weights, error);
    if (status == CLM_OK && net->is_mixed)
        status = gather_weights(net->be, all, batch->order, batch->first,
                                augmentation_distance(augmentation, batch->rows), &of_partners, error);
    return status;
}

static clm_status gather_into(struct network *net, struct tensor *inputs, const struct minibatch *batch,
                              struct clm_error *error)
{
    clm_status status = check_rows(net, batch->rows, error);
    if (status != CLM_OK)
        return status;
    struct tensor X = tensor_first_rows(inputs, batch->rows),
                  labels = tensor_first_columns(&net->labels, batch->rows),
                  partners = tensor_first_columns(&net->mixture.partners, batch->rows);
    struct augmentation augmentation = {0};
    if (batch->augmentation) {
        augmentation = *batch->augmentation;
        augmentation.position = batch->position;
        augmentation.partners = &partners;
    }
    net->is_mixed = augmentation.changes.mixup > 0;
    net->is_weighted = batch->is_weighted;
    net->mixture.share = net->is_mixed ? augmentation_share(&augmentation) : 1;
    status = gather(net->be, batch->data, batch->order, batch->first,
                    batch->augmentation ? &augmentation : NULL, &X, &labels, error);
    return status || !batch->is_weighted ? status : gather_row_weights(net, batch, &augmentation, error);
}

clm_status network_gather(struct network *net, const struct minibatch *batch, struct clm_error *error)
{
    net->is_ahead = false;
    return gather_into(net, &net->X, batch, error);
}

clm_status network_weigh(struct network *net, const float *weights, struct clm_error *error)
{
    net->is_weighted = true;
    net->mixture.share = 1;
    return backend_write(net->be, &net->mixture.weights, HOST_FLOAT, weights, error);
}

const struct mixture *network_mixture(const struct network *net, size_t rows, struct mixture *out)
{
    const struct mixture *const all = &net->mixture;
    *out = (struct mixture){.share = all->share};
    if (net->is_mixed)
        out->partners = tensor_first_columns(&all->partners, rows);
    if (net->is_weighted)
        out->weights = tensor_first_columns(&all->weights, rows);
    if (net->is_mixed && net->is_weighted)
        out->partner_weights = tensor_first_columns(&all->partner_weights, rows);
    return net->is_mixed || net->is_weighted ? out : NULL;
}

/* ---- the step ---- */

/* What layer l multiplies: the batch, or the outputs below it. */
static struct tensor network_input_of(const struct network *net, size_t l, size_t rows)
{
    return l ? layer_outputs(&net->layers[l - 1], rows) : tensor_first_rows(&net->X, rows);
}

/* dZ of layer l: in the place of its outputs for the last layer, else in one of two buffers in turn. */
static struct tensor network_gradient_of(const struct network *net, size_t l, size_t rows)
{
    if (l + 1 == net->architecture.depth)
        return network_logits(net, rows);
    struct tensor dZ = net->gradients[l % 2];
    dZ.rows = rows;
    dZ.columns = net->layers[l].spec->outputs;
    return dZ;
}

struct tensor network_logits(const struct network *net, size_t rows)
{
    return layer_outputs(&net->layers[net->architecture.depth - 1], rows);
}

/* The outputs of the first `depth` layers, without those that the step before has computed. */
static clm_status network_forward_layers(struct network *net, size_t rows, size_t depth, bool is_training,
                                         struct clm_error *error)
{
    clm_status status = check_rows(net, rows, error);
    for (size_t l = net->is_ahead ? 1 : 0; status == CLM_OK && l < depth; l++) {
        const struct tensor X = network_input_of(net, l, rows);
        status = layer_forward(net->be, &net->layers[l], &X, is_training, error);
    }
    net->is_ahead = false;
    return status;
}

clm_status network_forward(struct network *net, size_t rows, struct clm_error *error)
{
    return network_forward_layers(net, rows, net->architecture.depth, false, error);
}

/* The last layer's outputs, the loss, and the gradients of the last two layers' Z. */
static clm_status loss(struct network *net, size_t rows, struct metrics *sums, struct clm_error *error)
{
    const size_t last = net->architecture.depth - 1;
    const struct tensor X = network_input_of(net, last, rows),
                        labels = tensor_first_columns(&net->labels, rows);
    struct mixture mixture;
    struct tensor dX = last ? network_gradient_of(net, last - 1, rows) : (struct tensor){0};
    return layer_loss(net->be, &net->layers[last], &X, &labels, network_mixture(net, rows, &mixture),
                      last ? &net->layers[last - 1] : NULL, last ? &dX : NULL, sums, error);
}

/* What becomes of the gradients: `step` changes the parameters, after which `next` may come; or, if `step` is
 * NULL, they are kept, with the penalty l2. */
struct gradient_use {
    const struct step *step;
    const struct minibatch *next;
    double l2;
};

/* Gathers the next batch, and takes it through the first layer together with that layer's step. */
static clm_status step_and_look_ahead(struct network *net, const struct tensor *dZ, const struct tensor *X,
                                      const struct gradient_use *use, struct clm_error *error)
{
    clm_status status = gather_into(net, &net->next_X, use->next, error);
    if (status != CLM_OK)
        return status;
    const struct tensor next_X = tensor_first_rows(&net->next_X, use->next->rows), done = net->X;
    status = layer_update_forward(net->be, &net->layers[0], dZ, X, use->step, &next_X, error);
    net->X = net->next_X;
    net->next_X = done;
    net->is_ahead = true;
    return status;
}

/* The gradients of layer l's parameters, kept or used at once for a step. */
static clm_status backward_parameters(struct network *net, size_t l, size_t rows,
                                      const struct gradient_use *use, struct clm_error *error)
{
    struct linear *const linear = &net->layers[l].linear;
    const struct tensor dZ = network_gradient_of(net, l, rows), X = network_input_of(net, l, rows);
    if (!use->step)
        return linear_backward_params(net->be, &dZ, &X, linear, use->l2, error);
    if (l == 0 && use->next && !tensor_is_empty(&net->next_X))
        return step_and_look_ahead(net, &dZ, &X, use, error);
    return linear_backward_update(net->be, &dZ, &X, linear, use->step, error);
}

/* From the last layer, whose dX the loss has left, to the first, which needs none. */
static clm_status backward(struct network *net, size_t rows, const struct gradient_use *use,
                           struct clm_error *error)
{
    const size_t depth = net->architecture.depth;
    clm_status status = CLM_OK;
    for (size_t l = depth; status == CLM_OK && l-- > 0;) {
        if (l > 0 && l + 1 < depth) { /* before the step, for dX needs the weights of the forward pass */
            const struct tensor dZ = network_gradient_of(net, l, rows);
            struct tensor dX = network_gradient_of(net, l - 1, rows);
            status = layer_backward(net->be, &net->layers[l], &dZ, &net->layers[l - 1], &dX, error);
        }
        if (status == CLM_OK)
            status = backward_parameters(net, l, rows, use, error);
    }
    return status;
}

static clm_status network_propagate(struct network *net, size_t rows, const struct gradient_use *use,
                                    struct metrics *sums, struct clm_error *error)
{
    clm_status status;
    if ((status = network_forward_layers(net, rows, net->architecture.depth - 1, true, error)) ||
        (status = loss(net, rows, sums, error)))
        return status;
    return backward(net, rows, use, error);
}

/* The step of all parameters from gradients that are kept. */
static clm_status optimise(struct network *net, const struct step *step, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < architecture_parameter_count(&net->architecture); p++)
        status = parameter_step(net->be, network_parameter(net, p), step, error);
    return status;
}

clm_status network_gradients(struct network *net, size_t rows, double l2, struct metrics *sums,
                             struct clm_error *error)
{
    const struct gradient_use use = {.l2 = l2};
    return network_propagate(net, rows, &use, sums, error);
}

clm_status network_step(struct network *net, size_t rows, const struct step *step, struct metrics *sums,
                        const struct minibatch *next, struct clm_error *error)
{
    const struct gradient_use at_once = {.step = step, .next = next};
    clm_status status = net->keeps_gradients ? network_gradients(net, rows, step->l2, sums, error)
                                             : network_propagate(net, rows, &at_once, sums, error);
    if (status == CLM_OK && net->keeps_gradients)
        status = optimise(net, step, error);
    return status || !next || net->is_ahead ? status : network_gather(net, next, error);
}
