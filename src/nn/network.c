#include "nn/network.h"

#include "base/size.h"
#include "nn/fold.h"
#include "prove/prove.h"

#include <stdio.h>
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

/* Whether it is a scale or a shift, whose gradient norm_backward stores. */
static bool is_of_norm(const struct parameter_spec *spec)
{
    return spec->role == ROLE_SCALE || spec->role == ROLE_SHIFT;
}

static clm_status create_parameter(struct network *net, const struct parameter_spec *spec,
                                   struct network_use use, struct parameter *out, struct clm_error *error)
{
    clm_status status = create_tensor(net, spec, &out->value, error);
    out->is_weight = spec->is_weight;
    for (size_t s = 0; status == CLM_OK && use.is_trained && s < rules[use.rule].states; s++)
        status = create_tensor(net, spec, &out->state[s], error);
    if (status == CLM_OK && (net->keeps_gradients || (use.is_trained && is_of_norm(spec))))
        status = create_tensor(net, spec, &out->gradient, error);
    return status;
}

static struct parameter *parameter_in(struct layer *layer, enum parameter_role role)
{
    switch (role) {
    case ROLE_WEIGHT:
        return &layer->linear.W;
    case ROLE_BIAS:
        return &layer->linear.b;
    case ROLE_SCALE:
        return &layer->norm.scale;
    default:
        return &layer->norm.shift;
    }
}

static clm_status create_statistics(struct network *net, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t s = 0; status == CLM_OK && s < architecture_statistic_count(&net->architecture); s++) {
        const struct parameter_spec spec = architecture_statistic(&net->architecture, s);
        struct norm *const norm = &net->layers[spec.layer].norm;
        net->statistics[s] = spec.role == ROLE_MEAN ? &norm->mean : &norm->variance;
        status = create_tensor(net, &spec, net->statistics[s], error);
    }
    return status;
}

static clm_status create_parameters(struct network *net, struct network_use use, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < architecture_parameter_count(&net->architecture); p++) {
        const struct parameter_spec spec = architecture_parameter(&net->architecture, p);
        net->parameters[p] = parameter_in(&net->layers[spec.layer], spec.role);
        if (is_of_norm(&spec))
            net->vectors[net->vector_count++] = net->parameters[p];
        status = create_parameter(net, &spec, use, net->parameters[p], error);
    }
    return status;
}

struct parameter *network_parameter(const struct network *net, size_t p)
{
    return net->parameters[p];
}

static void free_parameter(struct clm_backend *be, struct parameter *parameter)
{
    tensor_free(be, &parameter->value);
    tensor_free(be, &parameter->gradient);
    for (size_t s = 0; s < STATES_MOST; s++)
        tensor_free(be, &parameter->state[s]);
}

/* Looking ahead needs a step that changes the first layer at once, and one that ends with its product. A
 * single layer's next outputs would replace the gradient that its step is made from. */
static bool network_looks_ahead(const struct network *net, bool is_trained)
{
    return is_trained && !net->keeps_gradients && net->architecture.depth > 1 &&
           layer_is_plain(&net->architecture.layers[0]) && net->architecture.input_drop == 0 &&
           backend_looks_ahead(net->be, &net->layers[0].linear, net->batch);
}

/* The layer with most weights. */
static const struct layer *largest_layer(const struct network *net)
{
    const struct layer *largest = &net->layers[0];
    for (size_t l = 1; l < net->architecture.depth; l++)
        if (tensor_elements(&net->layers[l].linear.W.value) > tensor_elements(&largest->linear.W.value))
            largest = &net->layers[l];
    return largest;
}

/* Whether the next minibatch is gathered while the step still needs X. */
static bool has_next_inputs(const struct network *net, bool is_trained)
{
    return net->looks_ahead || (is_trained && !net->keeps_gradients &&
                                backend_gathers_beside(net->be, &largest_layer(net)->linear, net->batch));
}

static bool has_values(const struct network *net)
{
    return loss_table[net->architecture.loss.kind].has_values;
}

static size_t target_count(const struct network *net)
{
    return architecture_width(&net->architecture, net->architecture.depth) /
           loss_quantiles(&net->architecture.loss);
}

static clm_status create_batch(struct network *net, bool is_trained, struct clm_error *error)
{
    struct clm_backend *const be = net->be;
    const size_t depth = net->architecture.depth, I = net->architecture.layers[0].inputs;
    clm_status status;
    net->looks_ahead = network_looks_ahead(net, is_trained);
    if ((status = tensor_create(be, TENSOR_REAL, net->batch, I, &net->X, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, net->batch, &net->labels, error)) ||
        (has_values(net) &&
         (status = tensor_create(be, TENSOR_REAL, net->batch, target_count(net), &net->values, error))) ||
        (has_next_inputs(net, is_trained) &&
         (status = tensor_create(be, TENSOR_REAL, net->batch, I, &net->next_X, error))))
        return status;
    for (size_t l = 0; status == CLM_OK && l < depth; l++)
        status = layer_create(be, &net->architecture.layers[l], net->batch, is_trained,
                              (struct layer_place){(uint32_t)l, l + 1 == depth}, &net->layers[l], error);
    return status;
}

/* The activations that all layers' products end with, for the caller to free; NULL if there is no memory. */
static enum activation *activations_of(const struct architecture *architecture)
{
    enum activation *const acts = calloc(architecture->depth, sizeof *acts);
    for (size_t l = 0; acts && l < architecture->depth; l++)
        acts[l] =
            layer_is_plain(&architecture->layers[l]) ? architecture->layers[l].activation : ACTIVATION_NONE;
    return acts;
}

/* Builds the kernels of layers that are not plain. */
static clm_status prepare_finishes(struct network *net, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t l = 0; status == CLM_OK && l < net->architecture.depth; l++) {
        const struct layer_spec *const layer = &net->architecture.layers[l];
        if (!layer_is_plain(layer))
            status = backend_prepare_finish(net->be, layer->norm, layer->activation, error);
    }
    if (status == CLM_OK && net->architecture.input_drop > 0)
        status = backend_prepare_finish(net->be, NORM_NONE, ACTIVATION_NONE, error);
    return status;
}

/* What the backend needs beside tensors: memory, and kernels. */
static clm_status prepare_products(struct network *net, struct network_use use, struct clm_error *error)
{
    size_t *const widths = architecture_widths(&net->architecture);
    const size_t depth = net->architecture.depth, count = depth + 1;
    enum activation *const acts = activations_of(&net->architecture);
    const clm_status status = widths && acts
                                  ? backend_prepare(net->be, widths, count, acts,
                                                    use.is_trained ? use.rule : RULE_COUNT, net->batch, error)
                                  : clm_fail_host_memory(error, "a network", count * sizeof *widths);
    free(widths);
    free(acts);
    return status ? status : prepare_finishes(net, error);
}

/* The activations whose formulas the net's kernels have: those of all layers, and of gates that are
 * stored. */
static enum activation *formulas_of(const struct architecture *architecture)
{
    enum activation *const acts = calloc(2 * architecture->depth, sizeof *acts);
    for (size_t l = 0; acts && l < architecture->depth; l++) {
        const struct layer_spec *const layer = &architecture->layers[l];
        acts[2 * l] = layer->activation;
        acts[2 * l + 1] =
            layer_is_plain(layer) ? layer->activation : saved_gate_activation(layer->activation);
    }
    return acts;
}

/* The net as it is computed for this use. */
static clm_status architecture_for(const struct architecture *architecture, struct network_use use,
                                   struct architecture *out, struct clm_error *error)
{
    return use.is_trained ? architecture_copy(architecture, out, error)
                          : architecture_for_prediction(architecture, out, error);
}

static bool stores_gradients(const struct clm_backend *be, struct network_use use)
{
    return use.keeps_gradients || extras_keep_gradients(&use.extras) ||
           (use.is_trained && !backend_fuses_step(be, use.rule));
}

/* Whether some layers have scales and shifts, whose gradients are always stored. */
static bool has_norms(const struct architecture *architecture)
{
    bool has = false;
    for (size_t l = 0; l < architecture->depth; l++)
        has = has || architecture->layers[l].norm != NORM_NONE;
    return has;
}

clm_status network_tune(struct clm_backend *be, const struct architecture *architecture,
                        struct network_use use, struct tune_wish wish, struct clm_error *error)
{
    size_t *const widths = architecture_widths(architecture);
    enum activation *const acts = formulas_of(architecture);
    wish.widths = widths;
    wish.width_count = architecture->depth + 1;
    wish.use = !use.is_trained                                       ? LAYER_FORWARD
               : rules[use.rule].states || stores_gradients(be, use) ? LAYER_MOMENTUM
                                                                     : LAYER_STEP;
    clm_status status = widths && acts
                            ? tune_network(be, &wish, error)
                            : clm_fail_host_memory(error, "a network", wish.width_count * sizeof *widths);
    if (status == CLM_OK)
        status = prove_activations(be, acts, 2 * architecture->depth, error);
    if (status == CLM_OK && use.is_trained)
        status = prove_rule(be, use.rule, stores_gradients(be, use) || has_norms(architecture), error);
    free(widths);
    free(acts);
    return status;
}

clm_status network_create(struct clm_backend *be, const struct architecture *architecture, size_t batch,
                          struct network_use use, struct network *out, struct clm_error *error)
{
    *out = (struct network){.be = be,
                            .batch = batch,
                            .is_trained = use.is_trained,
                            .step_number = 1,
                            .keeps_gradients = stores_gradients(be, use)};
    clm_status status = architecture_for(architecture, use, &out->architecture, error);
    if (status != CLM_OK)
        goto cleanup;
    out->layers = calloc(architecture->depth, sizeof *out->layers);
    out->updates = calloc(architecture->depth, sizeof *out->updates);
    const size_t count = architecture_parameter_count(&out->architecture);
    out->parameters = calloc(count, sizeof *out->parameters);
    out->vectors = calloc(count, sizeof *out->vectors);
    out->statistics = calloc(count, sizeof *out->statistics); /* a layer has fewer of them than parameters */
    if (!out->layers || !out->updates || !out->parameters || !out->vectors || !out->statistics) {
        status = clm_fail_host_memory(error, "a network", architecture->depth * sizeof *out->layers);
        goto cleanup;
    }
    if ((status = prepare_products(out, use, error)) ||
        (status = loss_prepare(be, &architecture->loss, error)) ||
        (status = create_parameters(out, use, error)) || (status = create_statistics(out, error)) ||
        (status = optimiser_create(be, &use.extras, out->parameters, count, &out->optimiser, error)))
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
    for (size_t p = 0; net->parameters && p < architecture_parameter_count(&net->architecture); p++)
        if (net->parameters[p])
            free_parameter(be, net->parameters[p]);
    for (size_t s = 0; net->statistics && s < architecture_statistic_count(&net->architecture); s++)
        if (net->statistics[s])
            tensor_free(be, net->statistics[s]);
    for (size_t l = 0; net->layers && l < net->architecture.depth; l++)
        layer_free(be, &net->layers[l]);
    optimiser_free(&net->optimiser);
    if (be) {
        tensor_free(be, &net->X);
        tensor_free(be, &net->next_X);
        tensor_free(be, &net->labels);
        tensor_free(be, &net->values);
        tensor_free(be, &net->mixture.partners);
        tensor_free(be, &net->mixture.weights);
        tensor_free(be, &net->mixture.partner_weights);
    }
    free(net->layers);
    free(net->updates);
    free(net->parameters);
    free(net->vectors);
    free(net->statistics);
    architecture_free(&net->architecture);
    memset(net, 0, sizeof *net);
}

struct network_memory network_memory(const struct network *net)
{
    const struct mixture *const mixture = &net->mixture;
    struct network_memory memory = {.activations = net->X.bytes + net->next_X.bytes + net->labels.bytes +
                                                   net->values.bytes + mixture->partners.bytes +
                                                   mixture->weights.bytes + mixture->partner_weights.bytes};
    for (size_t p = 0; p < architecture_parameter_count(&net->architecture); p++) {
        const struct parameter *const parameter = network_parameter(net, p);
        memory.parameters += parameter->value.bytes;
        memory.gradients += parameter->gradient.bytes;
        for (size_t s = 0; s < STATES_MOST; s++)
            memory.states += parameter->state[s].bytes;
    }
    memory.gradients += optimiser_bytes(&net->optimiser);
    memory.states += optimiser_average_bytes(&net->optimiser);
    for (size_t l = 0; l < net->architecture.depth; l++)
        memory.activations += layer_bytes(&net->layers[l]);
    for (size_t s = 0; s < architecture_statistic_count(&net->architecture); s++)
        memory.parameters += net->statistics[s]->bytes;
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

static clm_status check_architecture(const struct architecture *own, const struct architecture *its,
                                     struct clm_error *error)
{
    if (architecture_is_equal(its, own))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_SHAPE,
                    "a model of %zu layers does not fit a network of %zu, or their layers differ", its->depth,
                    own->depth);
}

/* Whether the model's net, for the use that this network has, is this network's. */
static clm_status check_model(const struct network *net, const struct clm_model *model,
                              struct clm_error *error)
{
    struct architecture its;
    clm_status status = architecture_for(&model->architecture,
                                         (struct network_use){.is_trained = net->is_trained}, &its, error);
    if (status == CLM_OK)
        status = check_architecture(&net->architecture, &its, error);
    architecture_free(&its);
    return status;
}

/* Weights and biases with the normalisation of the model's layer in them. */
static clm_status write_folded(struct network *net, size_t l, const struct clm_model *model,
                               struct clm_error *error)
{
    const size_t O = net->architecture.layers[l].outputs, count = O * net->architecture.layers[l].inputs;
    struct linear *const linear = &net->layers[l].linear;
    float *const W = malloc((count + O) * sizeof *W), *const b = W ? W + count : NULL;
    if (!W)
        return clm_fail_host_memory(error, "a layer's weights", (count + O) * sizeof *W);
    fold_layer(model, l, W, b);
    clm_status status = backend_write(net->be, &linear->W.value, HOST_FLOAT, W, error);
    if (status == CLM_OK)
        status = backend_write(net->be, &linear->b.value, HOST_FLOAT, b, error);
    free(W);
    return status;
}

static clm_status write_parameters(struct network *net, const struct clm_model *model,
                                   struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < architecture_parameter_count(&net->architecture); p++) {
        const struct parameter_spec spec = architecture_parameter(&net->architecture, p);
        struct parameter *const parameter = net->parameters[p];
        status = backend_write(net->be, &parameter->value, HOST_FLOAT,
                               model_values(model, spec.layer, spec.role), error);
        for (size_t s = 0; status == CLM_OK && s < STATES_MOST; s++)
            status = write_zeros(net->be, &parameter->state[s], error);
    }
    return status ? status : optimiser_begin(&net->optimiser, error);
}

clm_status network_write(struct network *net, const struct clm_model *model, struct clm_error *error)
{
    clm_status status = check_model(net, model, error);
    if (status == CLM_OK)
        status = write_parameters(net, model, error);
    for (size_t l = 0; status == CLM_OK && l < net->architecture.depth; l++)
        if (net->architecture.layers[l].norm != model->architecture.layers[l].norm)
            status = write_folded(net, l, model, error);
    for (size_t s = 0; status == CLM_OK && s < architecture_statistic_count(&net->architecture); s++)
        status = backend_write(net->be, net->statistics[s], HOST_FLOAT,
                               model->values[model->parameter_count + s], error);
    return status;
}

clm_status network_read(const struct network *net, struct clm_model *model, struct clm_error *error)
{
    clm_status status = check_architecture(&net->architecture, &model->architecture, error);
    for (size_t p = 0; status == CLM_OK && p < model->parameter_count; p++)
        status =
            backend_read(net->be, &network_parameter(net, p)->value, HOST_FLOAT, model->values[p], error);
    for (size_t s = 0; status == CLM_OK && s < model->statistic_count; s++)
        status = backend_read(net->be, net->statistics[s], HOST_FLOAT,
                              model->values[model->parameter_count + s], error);
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

/* A minibatch on its way into the net, with the views that `gathering` points to. */
struct intake {
    struct tensor X, labels, partners;
    struct augmentation augmentation;
    struct gathering gathering;
};

/* Into the first rows of `inputs`. From here on the net knows how the batch's rows count. */
static clm_status intake_begin(struct network *net, const struct tensor *inputs,
                               const struct minibatch *batch, struct intake *out, struct clm_error *error)
{
    const clm_status status = check_rows(net, batch->rows, error);
    if (status != CLM_OK)
        return status;
    *out = (struct intake){.X = tensor_first_rows(inputs, batch->rows),
                           .labels = tensor_first_columns(&net->labels, batch->rows),
                           .partners = tensor_first_columns(&net->mixture.partners, batch->rows)};
    if (batch->augmentation) {
        out->augmentation = *batch->augmentation;
        out->augmentation.position = batch->position;
        out->augmentation.partners = &out->partners;
    }
    out->gathering = (struct gathering){batch->data,  batch->order,
                                        batch->first, batch->augmentation ? &out->augmentation : NULL,
                                        &out->X,      &out->labels};
    net->is_mixed = out->augmentation.changes.mixup > 0;
    net->is_weighted = batch->is_weighted;
    net->mixture.share = net->is_mixed ? augmentation_share(&out->augmentation) : 1;
    return CLM_OK;
}

/* The values of the batch's rows; the labels that come with them are those that are there already. */
static clm_status gather_values(struct network *net, const struct minibatch *batch, struct clm_error *error)
{
    struct tensor values = tensor_first_rows(&net->values, batch->rows),
                  labels = tensor_first_columns(&net->labels, batch->rows);
    return gather(net->be, batch->targets, batch->order, batch->first, NULL, &values, &labels, error);
}

static clm_status intake_end(struct network *net, const struct minibatch *batch, const struct intake *intake,
                             struct clm_error *error)
{
    const clm_status status = batch->targets ? gather_values(net, batch, error) : CLM_OK;
    if (status != CLM_OK)
        return status;
    return batch->is_weighted ? gather_row_weights(net, batch, &intake->augmentation, error) : CLM_OK;
}

static clm_status gather_into(struct network *net, const struct tensor *inputs, const struct minibatch *batch,
                              struct clm_error *error)
{
    struct intake intake;
    const struct gathering *const g = &intake.gathering;
    clm_status status;
    if ((status = intake_begin(net, inputs, batch, &intake, error)) ||
        (status =
             gather(net->be, g->data, g->order, g->first, g->augmentation, &intake.X, &intake.labels, error)))
        return status;
    return intake_end(net, batch, &intake, error);
}

clm_status network_gather(struct network *net, const struct minibatch *batch, struct clm_error *error)
{
    net->is_ahead = net->has_dropped_inputs = false;
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

struct loss network_score_loss(const struct network *net)
{
    struct loss loss = net->architecture.loss;
    loss.smoothing = 0;
    return loss;
}

struct targets network_targets(const struct network *net, size_t rows, struct target_views *views,
                               struct mixture *mixture)
{
    views->labels = tensor_first_columns(&net->labels, rows);
    views->values = tensor_first_rows(&net->values, rows);
    return (struct targets){.labels = has_values(net) ? NULL : &views->labels,
                            .mixture = mixture ? network_mixture(net, rows, mixture) : NULL,
                            .values = has_values(net) ? &views->values : NULL};
}

/* ---- the step ---- */

/* What layer l multiplies: the batch, or the outputs below it. */
static struct tensor network_input_of(const struct network *net, size_t l, size_t rows)
{
    return l ? layer_outputs(&net->layers[l - 1], rows) : tensor_first_rows(&net->X, rows);
}

struct tensor network_logits(const struct network *net, size_t rows)
{
    return layer_outputs(&net->layers[net->architecture.depth - 1], rows);
}

/* Drops inputs of the batch, once. */
static clm_status drop_inputs(struct network *net, size_t rows, struct clm_error *error)
{
    const struct dropout dropout = {net->architecture.input_drop, net->seed, net->step_number, 0};
    const struct finish finish = {.act = ACTIVATION_NONE, .dropout = &dropout, .is_training = true};
    struct tensor X = tensor_first_rows(&net->X, rows);
    if (net->architecture.input_drop == 0 || net->has_dropped_inputs)
        return CLM_OK;
    net->has_dropped_inputs = true;
    return layer_finish(net->be, &X, &finish, &X, error);
}

/* What this step drops. */
static clm_status begin_dropouts(struct network *net, size_t rows, struct clm_error *error)
{
    for (size_t l = 0; l < net->architecture.depth; l++) {
        net->layers[l].dropout.seed = net->seed;
        net->layers[l].dropout.step = net->step_number;
    }
    return drop_inputs(net, rows, error);
}

/* The outputs of the first `depth` layers, without those that the step before has computed. */
static clm_status network_forward_layers(struct network *net, size_t rows, size_t depth, bool is_training,
                                         struct clm_error *error)
{
    clm_status status = check_rows(net, rows, error);
    if (status == CLM_OK && is_training)
        status = begin_dropouts(net, rows, error);
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

clm_status network_forward_in_training(struct network *net, size_t rows, struct clm_error *error)
{
    return network_forward_layers(net, rows, net->architecture.depth, true, error);
}

/* The last layer's outputs, the loss, and the gradients of the last two layers' Z. */
static clm_status loss(struct network *net, size_t rows, struct metrics *sums, struct clm_error *error)
{
    const size_t last = net->architecture.depth - 1;
    const struct tensor X = network_input_of(net, last, rows);
    struct target_views views;
    struct mixture mixture;
    const struct targets targets = network_targets(net, rows, &views, &mixture);
    return layer_loss(net->be, &net->layers[last], &X, &net->architecture.loss, &targets,
                      last ? &net->layers[last - 1] : NULL, sums, error);
}

/* From the last layer, whose dX the loss has left, to the first, which needs none. */
static clm_status backward(struct network *net, size_t rows, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t l = net->architecture.depth - 1; status == CLM_OK && l-- > 1;)
        status = layer_backward(net->be, &net->layers[l], rows, &net->layers[l - 1], error);
    return status;
}

/* Forward, loss and backward: dZ of every layer. */
static clm_status network_propagate(struct network *net, size_t rows, struct metrics *sums,
                                    struct clm_error *error)
{
    clm_status status;
    if ((status = network_forward_layers(net, rows, net->architecture.depth - 1, true, error)) ||
        (status = loss(net, rows, sums, error)))
        return status;
    return backward(net, rows, error);
}

static void swap_inputs(struct network *net)
{
    const struct tensor done = net->X;
    net->X = net->next_X;
    net->next_X = done;
    net->has_dropped_inputs = false;
}

/* What each layer's gradients are made from. */
static void set_updates(struct network *net, size_t rows)
{
    for (size_t l = 0; l < net->architecture.depth; l++)
        net->updates[l] = (struct layer_update){&net->layers[l].linear, layer_gradient(&net->layers[l], rows),
                                                network_input_of(net, l, rows)};
}

/* The steps of all layers. The next batch is gathered at the same time, if it has an X of its own. */
static clm_status step_and_gather(struct network *net, const struct step *step, const struct minibatch *next,
                                  struct clm_error *error)
{
    const size_t depth = net->architecture.depth;
    const bool is_beside = next && !tensor_is_empty(&net->next_X);
    struct intake intake;
    clm_status status = CLM_OK;
    if (is_beside)
        status = intake_begin(net, &net->next_X, next, &intake, error);
    if (status == CLM_OK)
        status =
            linear_updates(net->be, net->updates, depth, step, is_beside ? &intake.gathering : NULL, error);
    if (status != CLM_OK || !next)
        return status;
    if (!is_beside)
        return network_gather(net, next, error);
    swap_inputs(net);
    return intake_end(net, next, &intake, error);
}

/* The steps of all layers but the first, with the gather of the next batch; then the first layer's, which
 * takes that batch through the layer as well. */
static clm_status step_and_look_ahead(struct network *net, const struct step *step,
                                      const struct minibatch *next, struct clm_error *error)
{
    const struct layer_update *const first = &net->updates[0];
    struct intake intake;
    clm_status status;
    if ((status = intake_begin(net, &net->next_X, next, &intake, error)) ||
        (status = linear_updates(net->be, first + 1, net->architecture.depth - 1, step, &intake.gathering,
                                 error)) ||
        (status = intake_end(net, next, &intake, error)) ||
        (status =
             layer_update_forward(net->be, &net->layers[0], &first->dZ, &first->X, step, &intake.X, error)))
        return status;
    swap_inputs(net);
    net->is_ahead = true;
    return CLM_OK;
}

/* The step of all parameters, whose gradients are not stored; then the next batch. */
static clm_status step_at_once(struct network *net, size_t rows, const struct step *step,
                               const struct minibatch *next, struct clm_error *error)
{
    if (net->vector_count) {
        const clm_status status = parameters_step(net->be, net->vectors, net->vector_count, step, error);
        if (status != CLM_OK)
            return status;
    }
    set_updates(net, rows);
    return next && net->looks_ahead ? step_and_look_ahead(net, step, next, error)
                                    : step_and_gather(net, step, next, error);
}

clm_status network_gradients(struct network *net, size_t rows, double l2, struct metrics *sums,
                             struct clm_error *error)
{
    const clm_status status = network_propagate(net, rows, sums, error);
    if (status != CLM_OK)
        return status;
    set_updates(net, rows);
    return linear_gradients(net->be, net->updates, net->architecture.depth, l2, error);
}

clm_status network_step(struct network *net, size_t rows, const struct step *step, struct metrics *sums,
                        const struct minibatch *next, struct clm_error *error)
{
    clm_status status;
    net->step_number = step->number;
    if (!net->keeps_gradients) {
        if ((status = network_propagate(net, rows, sums, error)) ||
            (status = step_at_once(net, rows, step, next, error)))
            return status;
        return optimiser_average(&net->optimiser, step->number, error);
    }
    if ((status = network_gradients(net, rows, step->l2, sums, error)) ||
        (status = optimiser_step(&net->optimiser, step, false, error)) ||
        (status = optimiser_average(&net->optimiser, step->number, error)))
        return status;
    return next ? network_gather(net, next, error) : CLM_OK;
}

/* Apart from each other, the parts of a step drop elements as steps do that are far away: 2^32 divided by the
 * golden ratio, whose multiples are far apart. */
#define PART_APART 2654435769u

/* The penalty of squares is in the gradient of each part, and the shares add up to 1. */
clm_status network_step_part(struct network *net, const struct batch_part *part, const struct step *step,
                             struct metrics *sums, const struct minibatch *next, struct clm_error *error)
{
    clm_status status;
    net->step_number = (uint32_t)(step->number + part->first * PART_APART);
    if ((status = network_gradients(net, part->rows, step->l2, sums, error)) ||
        (status = optimiser_add(&net->optimiser, part->share, part->first == 0, error)))
        return status;
    if (part->is_last && ((status = optimiser_step(&net->optimiser, step, true, error)) ||
                          (status = optimiser_average(&net->optimiser, step->number, error))))
        return status;
    return next ? network_gather(net, next, error) : CLM_OK;
}

void network_exchange_average(struct network *net)
{
    optimiser_exchange(&net->optimiser);
}

/* ---- state ---- */

/* Adds a tensor to the list, unless it is empty or only counted. */
static void list_tensor(struct state_tensor *out, size_t *count, const char *name, size_t number,
                        const char *what, const struct tensor *tensor)
{
    if (tensor_is_empty(tensor))
        return;
    if (out) {
        snprintf(out[*count].name, sizeof out->name, "%s.%zu%s", name, number, what);
        out[*count].tensor = *tensor;
    }
    ++*count;
}

size_t network_list_state(const struct network *net, size_t next_rows, struct state_tensor *out)
{
    static const char *const states[] = {".state.0", ".state.1"};
    size_t count = 0;
    _Static_assert(sizeof states / sizeof *states == STATES_MOST, "a name for each state");
    for (size_t p = 0; p < architecture_parameter_count(&net->architecture); p++) {
        const struct parameter *const parameter = net->parameters[p];
        list_tensor(out, &count, "parameters", p, ".value", &parameter->value);
        for (size_t s = 0; s < STATES_MOST; s++)
            list_tensor(out, &count, "parameters", p, states[s], &parameter->state[s]);
        list_tensor(out, &count, "parameters", p, ".average", &net->optimiser.averages[p]);
    }
    for (size_t s = 0; s < architecture_statistic_count(&net->architecture); s++)
        list_tensor(out, &count, "statistics", s, "", net->statistics[s]);
    if (net->is_ahead) {
        const struct tensor Y = tensor_first_rows(&net->layers[0].Y, next_rows);
        list_tensor(out, &count, "ahead", 0, ".outputs", &Y);
    }
    return count;
}
