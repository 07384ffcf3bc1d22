#include "nn/layer.h"

/* Whether the forward pass of training stores dY/dN: it is neither 1 nor a function of Y. */
static bool saves_gate(const struct layer_spec *spec)
{
    const enum gate_source source = activations[spec->activation].gate;
    return spec->drop > 0 || source == GATE_SAVED || (spec->skip && source == GATE_OF_OUTPUT);
}

/* What a normalisation keeps of a batch. */
static clm_status create_norm(struct clm_backend *be, const struct layer_spec *spec, size_t batch,
                              bool is_trained, struct layer *out, struct clm_error *error)
{
    const size_t count = spec->norm == NORM_LAYER ? batch : spec->outputs;
    clm_status status;
    out->norm.kind = spec->norm;
    if (spec->norm == NORM_NONE || (spec->norm == NORM_BATCH && !is_trained))
        return CLM_OK;
    if ((status = tensor_create(be, TENSOR_REAL, 1, count, &out->norm.centre, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, count, &out->norm.inverse, error)))
        return status;
    return is_trained ? tensor_create(be, TENSOR_REAL, batch, spec->outputs, &out->Z, error) : CLM_OK;
}

clm_status layer_create(struct clm_backend *be, const struct layer_spec *spec, size_t batch, bool is_trained,
                        struct layer_place place, struct layer *out, struct clm_error *error)
{
    const size_t O = spec->outputs;
    out->spec = spec;
    out->dropout = (struct dropout){.share = spec->drop, .layer = place.number + 1}; /* 0 is the inputs */
    clm_status status = tensor_create(be, TENSOR_REAL, batch, O, &out->Y, error);
    if (status == CLM_OK)
        status = create_norm(be, spec, batch, is_trained, out, error);
    if (status == CLM_OK && is_trained && saves_gate(spec))
        status = tensor_create(be, TENSOR_REAL, batch, O, &out->saved_gate, error);
    if (status == CLM_OK && is_trained && !place.is_last)
        status = tensor_create(be, TENSOR_REAL, batch, O, &out->dZ, error);
    if (status == CLM_OK && is_trained && spec->skip && place.number > 0)
        status = tensor_create(be, TENSOR_REAL, batch, O, &out->dY, error);
    return status;
}

void layer_free(struct clm_backend *be, struct layer *layer)
{
    tensor_free(be, &layer->Y);
    tensor_free(be, &layer->Z);
    tensor_free(be, &layer->norm.centre);
    tensor_free(be, &layer->norm.inverse);
    tensor_free(be, &layer->saved_gate);
    tensor_free(be, &layer->dZ);
    tensor_free(be, &layer->dY);
}

size_t layer_bytes(const struct layer *layer)
{
    return layer->Y.bytes + layer->Z.bytes + layer->norm.centre.bytes + layer->norm.inverse.bytes +
           layer->saved_gate.bytes + layer->dZ.bytes + layer->dY.bytes;
}

struct tensor layer_outputs(const struct layer *layer, size_t rows)
{
    return tensor_first_rows(&layer->Y, rows);
}

struct tensor layer_gradient(const struct layer *layer, size_t rows)
{
    return tensor_first_rows(tensor_is_empty(&layer->dZ) ? &layer->Y : &layer->dZ, rows);
}

/* ---- forward ---- */

/* `saved_gate` is the view of the layer's saved gate that the epilogue points to. */
static struct epilogue epilogue_of(const struct layer *layer, size_t rows, bool is_training,
                                   struct tensor *saved_gate)
{
    const bool is_saved = is_training && saves_gate(layer->spec);
    *saved_gate = tensor_first_rows(&layer->saved_gate, rows);
    return (struct epilogue){layer->spec->activation, is_saved ? saved_gate : NULL};
}

/* From Z, which is in Y's place unless the layer keeps it, to Y. */
static clm_status finish_forward(struct clm_backend *be, struct layer *layer, const struct tensor *Z,
                                 const struct tensor *X, bool is_training, struct clm_error *error)
{
    const struct layer_spec *const spec = layer->spec;
    struct tensor Y = layer_outputs(layer, X->rows), saved_gate;
    const struct epilogue epilogue = epilogue_of(layer, X->rows, is_training, &saved_gate);
    const struct finish finish = {.norm = spec->norm ? &layer->norm : NULL,
                                  .act = spec->activation,
                                  .dropout = is_training ? &layer->dropout : NULL,
                                  .residual = spec->skip ? X : NULL,
                                  .gate = epilogue.gate,
                                  .is_training = is_training};
    return layer_finish(be, Z, &finish, &Y, error);
}

clm_status layer_forward(struct clm_backend *be, struct layer *layer, const struct tensor *X,
                         bool is_training, struct clm_error *error)
{
    struct tensor Y = layer_outputs(layer, X->rows), saved_gate;
    if (layer_is_plain(layer->spec)) {
        const struct epilogue epilogue = epilogue_of(layer, X->rows, is_training, &saved_gate);
        return linear_forward(be, X, &layer->linear, &epilogue, &Y, error);
    }
    struct tensor Z = is_training && layer->spec->norm ? tensor_first_rows(&layer->Z, X->rows) : Y;
    const clm_status status = linear_forward(be, X, &layer->linear, NULL, &Z, error);
    return status ? status : finish_forward(be, layer, &Z, X, is_training, error);
}

/* ---- backward ---- */

/* The gate of a layer: a function of its outputs, or what it has saved. `of` is the view that the gate points
 * to. */
static struct gate gate_of(const struct layer *layer, size_t rows, struct tensor *of)
{
    const enum activation act = layer->spec->activation;
    const bool is_saved = saves_gate(layer->spec);
    *of = tensor_first_rows(is_saved ? &layer->saved_gate : &layer->Y, rows);
    return (struct gate){is_saved ? saved_gate_activation(act) : act, of};
}

/* Whether the product of the layer can end with the gate of the layer below: nothing is added to dX, and dY
 * of the layer below is not needed later. */
static bool ends_with_gate(const struct layer *layer, const struct layer *below)
{
    return !layer->spec->skip && tensor_is_empty(&below->dY);
}

/* Where the product of the layer puts dX, and the gate that it ends with. */
static struct tensor product_into(const struct layer *layer, const struct layer *below, size_t rows,
                                  struct gate *gate, struct tensor *of)
{
    *gate = ends_with_gate(layer, below) ? gate_of(below, rows, of) : (struct gate){.act = ACTIVATION_NONE};
    return tensor_first_rows(tensor_is_empty(&below->dY) ? &below->dZ : &below->dY, rows);
}

/* From what product_into has given to dZ of the layer below. */
static clm_status pass_down(struct clm_backend *be, const struct layer *layer, size_t rows,
                            struct layer *below, struct tensor *dX, struct clm_error *error)
{
    const struct tensor skip = tensor_first_rows(&layer->dY, rows), Z = tensor_first_rows(&below->Z, rows);
    struct tensor dZ = tensor_first_rows(&below->dZ, rows), of;
    clm_status status = CLM_OK;
    if (!ends_with_gate(layer, below)) {
        const struct gate gate = gate_of(below, rows, &of);
        status = gate_backward(be, dX, layer->spec->skip ? &skip : NULL, &gate, &dZ, error);
    }
    if (status == CLM_OK && below->spec->norm != NORM_NONE)
        status = norm_backward(be, &below->norm, &Z, &dZ, error);
    return status;
}

clm_status layer_backward(struct clm_backend *be, const struct layer *layer, size_t rows, struct layer *below,
                          struct clm_error *error)
{
    struct tensor of;
    struct gate gate;
    const struct tensor dZ = layer_gradient(layer, rows);
    struct tensor dX = product_into(layer, below, rows, &gate, &of);
    const clm_status status = linear_backward_input(be, &dZ, &layer->linear, &gate, &dX, error);
    return status ? status : pass_down(be, layer, rows, below, &dX, error);
}

/* ---- fused ---- */

clm_status layer_loss(struct clm_backend *be, struct layer *layer, const struct tensor *X,
                      const struct loss *loss, const struct targets *targets, struct layer *below,
                      struct metrics *sums, struct clm_error *error)
{
    struct tensor dZ = layer_outputs(layer, X->rows), dX = {0}, of;
    struct gate gate = {.act = ACTIVATION_NONE};
    if (below)
        dX = product_into(layer, below, X->rows, &gate, &of);
    clm_status status;
    if (loss_is_plain(loss))
        status = linear_softmax_backward(be, X, &layer->linear, targets->labels, targets->mixture, &gate, &dZ,
                                         below ? &dX : NULL, sums, error);
    else if ((status = layer_forward(be, layer, X, true, error)) == CLM_OK &&
             (status = loss_gradient(be, loss, &dZ, targets, &dZ, sums, error)) == CLM_OK && below)
        status = linear_backward_input(be, &dZ, &layer->linear, &gate, &dX, error);
    return status || !below ? status : pass_down(be, layer, X->rows, below, &dX, error);
}

clm_status layer_update_forward(struct clm_backend *be, struct layer *layer, const struct tensor *dZ,
                                const struct tensor *X, const struct step *step, const struct tensor *next_X,
                                struct clm_error *error)
{
    struct tensor next_Y = layer_outputs(layer, next_X->rows), saved_gate;
    const struct epilogue epilogue = epilogue_of(layer, next_X->rows, true, &saved_gate);
    return linear_update_forward(be, dZ, X, &layer->linear, step, next_X, &epilogue, &next_Y, error);
}
