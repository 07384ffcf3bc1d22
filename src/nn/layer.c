#include "nn/layer.h"

static bool saves_gate(const struct layer_spec *spec)
{
    return activations[spec->activation].gate == GATE_SAVED;
}

clm_status layer_create(struct clm_backend *be, const struct layer_spec *spec, size_t batch, bool is_trained,
                        bool is_last, struct layer *out, struct clm_error *error)
{
    out->spec = spec;
    clm_status status = tensor_create(be, TENSOR_REAL, batch, spec->outputs, &out->Y, error);
    if (status == CLM_OK && is_trained && saves_gate(spec))
        status = tensor_create(be, TENSOR_REAL, batch, spec->outputs, &out->saved_gate, error);
    if (status == CLM_OK && is_trained && !is_last)
        status = tensor_create(be, TENSOR_REAL, batch, spec->outputs, &out->dZ, error);
    return status;
}

void layer_free(struct clm_backend *be, struct layer *layer)
{
    tensor_free(be, &layer->Y);
    tensor_free(be, &layer->saved_gate);
    tensor_free(be, &layer->dZ);
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

clm_status layer_forward(struct clm_backend *be, struct layer *layer, const struct tensor *X,
                         bool is_training, struct clm_error *error)
{
    struct tensor Y = layer_outputs(layer, X->rows), saved_gate;
    const struct epilogue epilogue = epilogue_of(layer, X->rows, is_training, &saved_gate);
    return linear_forward(be, X, &layer->linear, &epilogue, &Y, error);
}

/* ---- backward ---- */

/* The gate into the layer below: a function of its outputs, or what it has saved. `of` is the view that the
 * gate points to. */
static struct gate gate_into(const struct layer *below, size_t rows, struct tensor *of)
{
    *of = tensor_first_rows(saves_gate(below->spec) ? &below->saved_gate : &below->Y, rows);
    return (struct gate){below->spec->activation, of};
}

clm_status layer_backward(struct clm_backend *be, const struct layer *layer, const struct tensor *dZ,
                          const struct layer *below, struct tensor *dX, struct clm_error *error)
{
    struct tensor of;
    const struct gate gate = gate_into(below, dZ->rows, &of);
    return linear_backward_input(be, dZ, &layer->linear, &gate, dX, error);
}

/* ---- fused ---- */

clm_status layer_loss(struct clm_backend *be, struct layer *layer, const struct tensor *X,
                      const struct loss *loss, const struct targets *targets, const struct layer *below,
                      struct tensor *dX, struct metrics *sums, struct clm_error *error)
{
    struct tensor dZ = layer_outputs(layer, X->rows), of;
    struct gate gate = {.act = ACTIVATION_NONE};
    if (below)
        gate = gate_into(below, X->rows, &of);
    if (loss_is_plain(loss))
        return linear_softmax_backward(be, X, &layer->linear, targets->labels, targets->mixture, &gate, &dZ,
                                       dX, sums, error);
    clm_status status;
    if ((status = layer_forward(be, layer, X, true, error)) ||
        (status = loss_gradient(be, loss, &dZ, targets, &dZ, sums, error)) || !dX)
        return status;
    return linear_backward_input(be, &dZ, &layer->linear, &gate, dX, error);
}

clm_status layer_update_forward(struct clm_backend *be, struct layer *layer, const struct tensor *dZ,
                                const struct tensor *X, const struct step *step, const struct tensor *next_X,
                                struct clm_error *error)
{
    struct tensor next_Y = layer_outputs(layer, next_X->rows), saved_gate;
    const struct epilogue epilogue = epilogue_of(layer, next_X->rows, true, &saved_gate);
    return linear_update_forward(be, dZ, X, &layer->linear, step, next_X, &epilogue, &next_Y, error);
}
