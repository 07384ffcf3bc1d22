/* An ONNX graph that is a multi-layer perceptron. Its nodes are read in their order; each value that a node
 * makes is known by the layer that it belongs to and by its form, what of the layer has been done:
 *
 *   raw -> linear -> norm -> act -> raw of the next layer
 *
 * with the parts of GELU, SiLU and Mish in between. A node that fits nowhere is refused by its name. */
#include "export/import.h"
#include "export/onnx_names.h"
#include "export/protobuf.h"

#include "base/file.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONNX_BYTES_MOST  ((size_t)1 << 32)
#define ONNX_VALUES_MOST 20000 /* each name is looked for among all */
#define ONNX_INPUTS_MOST 8     /* of a node */
#define ONNX_RANK_MOST   4

enum onnx_form {
    FORM_NONE,     /* not known here */
    FORM_CONSTANT, /* values */
    FORM_RAW,      /* the graph's input, perhaps normalised */
    FORM_LINEAR,   /* W x + b */
    FORM_NORM,
    FORM_ACT,  /* with an activation */
    FORM_DONE, /* with all that the layer has */
    FORM_SOFTPLUS,
    FORM_GATE, /* of Mish: tanh(softplus(z)) */
    /* of GELU: z / sqrt(2), its erf, that + 1, z times that; z / 2, and (erf + 1) / 2 */
    FORM_ROOT,
    FORM_ERF,
    FORM_ERF1,
    FORM_TWICE,
    FORM_HALF,
    FORM_SHARE,
    FORM_END /* softmax or sigmoid of the last layer */
};

struct onnx_value {
    struct proto_view name;
    enum onnx_form form;
    size_t layer;               /* of a net's value; undefined for raw ones */
    enum activation activation; /* of FORM_ACT */
    size_t before;              /* of FORM_LINEAR and later: number of the value that the layer took */
    /* of FORM_CONSTANT */
    float *values; /* owned; NULL: they are no numbers */
    size_t count, rank, shape[ONNX_RANK_MOST];
    bool is_double, is_lost; /* is_lost: there was no memory for the values */
};

struct onnx_node {
    struct proto_view operation, message, inputs[ONNX_INPUTS_MOST], output;
    size_t input_count;
};

struct onnx_reader {
    struct import_net *net;
    struct onnx_value *values;
    size_t count, capacity;
    bool has_columns; /* an exported file, whose inputs become features in a way that the model knows */
    size_t left;      /* elements that matrices may still have: those of the file */
    struct proto_view output; /* of the graph, the first */
};

/* ---- errors ---- */

static clm_status fail_onnx(const struct onnx_reader *reader, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: is neither a safetensors file nor a whole ONNX file",
                    reader->net->path);
}

static clm_status fail_node(const struct onnx_reader *reader, const struct onnx_node *node, const char *why,
                            struct clm_error *error)
{
    char operation[40], output[80];
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: its node %s, which makes %s, %s, so it is no multi-layer perceptron that is read here",
        reader->net->path,
        text_show(operation, sizeof operation, (const char *)node->operation.at,
                  proto_size(&node->operation)),
        text_show(output, sizeof output, (const char *)node->output.at, proto_size(&node->output)), why);
}

static clm_status fail_onnx_memory(const struct onnx_reader *reader, size_t bytes, struct clm_error *error)
{
    return clm_fail_host_memory(error, reader->net->path, bytes);
}

/* ---- values ---- */

static bool view_is(const struct proto_view *view, const char *text)
{
    const size_t length = strlen(text);
    return proto_size(view) == length && !memcmp(view->at, text, length);
}

static bool views_are_equal(const struct proto_view *a, const struct proto_view *b)
{
    return proto_size(a) == proto_size(b) && (!proto_size(a) || !memcmp(a->at, b->at, proto_size(a)));
}

/* The value's number; count if there is none. */
static size_t find_value_named(const struct onnx_reader *reader, const struct proto_view *name)
{
    size_t v = 0;
    while (v < reader->count && !views_are_equal(&reader->values[v].name, name))
        v++;
    return v;
}

/* Adds a value without a form; NULL if there is no memory, or there are too many. */
static struct onnx_value *add_value(struct onnx_reader *reader, struct proto_view name)
{
    if (reader->count == ONNX_VALUES_MOST)
        return NULL;
    if (reader->count == reader->capacity) {
        if (!array_resize(&reader->values, 2 * reader->capacity + 16, sizeof *reader->values))
            return NULL;
        reader->capacity = 2 * reader->capacity + 16;
    }
    reader->values[reader->count] = (struct onnx_value){.name = name};
    return &reader->values[reader->count++];
}

/* ---- tensors ---- */

static float onnx_float(const unsigned char *bytes, bool is_double)
{
    uint64_t bits = 0;
    uint32_t half = 0;
    double wide;
    float narrow;
    memcpy(is_double ? (void *)&bits : (void *)&half, bytes, is_double ? 8 : 4);
    bits = le64toh(bits);
    half = le32toh(half);
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &half, sizeof narrow);
    return is_double ? (float)wide : narrow;
}

/* Elements from raw bytes, or from packed floats. */
static bool take_elements(struct onnx_value *value, const struct proto_view *bytes)
{
    const size_t size = value->is_double ? 8 : 4;
    if (proto_size(bytes) / size != value->count || proto_size(bytes) % size)
        return false;
    value->values = malloc(value->count * sizeof *value->values + 1);
    for (size_t i = 0; value->values && i < value->count; i++)
        value->values[i] = onnx_float(bytes->at + i * size, value->is_double);
    value->is_lost = !value->values;
    return value->values != NULL;
}

/* Reads a tensor into *value. False if it makes no sense, or memory ran out. */
static bool read_tensor(struct proto_view view, struct onnx_value *value, struct proto_view *name)
{
    struct proto_view raw = {0}, packed = {0};
    struct proto_field field;
    uint64_t type = 0;
    bool is_wrong = false, fits = true;
    value->form = FORM_CONSTANT;
    value->count = 1;
    while (fits && proto_next(&view, &field, &is_wrong)) {
        if (field.number == TENSOR_DIMENSION && field.wire == PROTO_WHOLE) {
            fits = value->rank < ONNX_RANK_MOST && field.whole <= SIZE_MAX &&
                   size_mul(value->count, (size_t)field.whole, &value->count);
            if (fits)
                value->shape[value->rank++] = (size_t)field.whole;
        } else if (field.number == TENSOR_TYPE && field.wire == PROTO_WHOLE)
            type = field.whole;
        else if (field.number == TENSOR_NAME && field.wire == PROTO_BYTES)
            *name = field.bytes;
        else if (field.number == TENSOR_RAW && field.wire == PROTO_BYTES)
            raw = field.bytes;
        else if ((field.number == TENSOR_FLOATS || field.number == TENSOR_DOUBLES) &&
                 field.wire == PROTO_BYTES)
            packed = field.bytes;
    }
    value->is_double = type == OF_DOUBLE;
    if (is_wrong || !fits)
        return false;
    if (type != OF_FLOAT && type != OF_DOUBLE)
        return true; /* whole numbers and texts are for shapes and preparations */
    return take_elements(value, raw.at ? &raw : &packed);
}

/* ---- attributes ---- */

/* The attribute of that name, in *out; false if the node has none. */
static bool find_attribute(const struct onnx_node *node, const char *name, struct proto_view *out)
{
    struct proto_view view = node->message, inner;
    struct proto_field field, part;
    bool is_wrong = false;
    while (proto_next(&view, &field, &is_wrong)) {
        bool is_it = false;
        if (field.number != NODE_ATTRIBUTE || field.wire != PROTO_BYTES)
            continue;
        for (inner = field.bytes; proto_next(&inner, &part, &is_wrong);)
            is_it = is_it ||
                    (part.number == ATTRIBUTE_NAME && part.wire == PROTO_BYTES && view_is(&part.bytes, name));
        *out = field.bytes;
        if (is_it)
            return true;
    }
    return false;
}

static double attribute_number(const struct onnx_node *node, const char *name, double otherwise)
{
    struct proto_view view;
    struct proto_field field;
    bool is_wrong = false;
    if (!find_attribute(node, name, &view))
        return otherwise;
    while (proto_next(&view, &field, &is_wrong)) {
        if (field.number == ATTRIBUTE_FLOAT && field.wire == PROTO_FLOAT)
            return (double)field.real;
        if (field.number == ATTRIBUTE_WHOLE && field.wire == PROTO_WHOLE)
            return (double)(int64_t)field.whole;
    }
    return otherwise;
}

/* ---- layers ---- */

/* Is it a value of the net, that something may follow? */
static bool is_flow(const struct onnx_value *value)
{
    return value->form == FORM_RAW || value->form == FORM_LINEAR || value->form == FORM_NORM ||
           value->form == FORM_ACT || value->form == FORM_DONE;
}

/* Is it what the net has come to? */
static bool is_latest(const struct onnx_reader *reader, const struct onnx_value *value)
{
    return is_flow(value) &&
           (value->form == FORM_RAW ? !reader->net->depth : value->layer + 1 == reader->net->depth);
}

/* The layer of the value keeps its activation. */
static void settle_layer(struct onnx_reader *reader, const struct onnx_value *value)
{
    if (value->form == FORM_ACT)
        reader->net->layers[value->layer].spec.activation = value->activation;
}

static float *transposed(const float *from, size_t rows, size_t columns)
{
    float *const out = malloc(rows * columns * sizeof *out + 1);
    for (size_t r = 0; out && r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            out[c * rows + r] = from[r * columns + c];
    return out;
}

/* Gemm or MatMul: the next layer. `bias` may be NULL. */
static clm_status add_product(struct onnx_reader *reader, const struct onnx_node *node, size_t input,
                              const struct onnx_value *weight, const struct onnx_value *bias,
                              bool is_transposed, double alpha, double beta, struct clm_error *error)
{
    struct import_net *const net = reader->net;
    if (!weight->values || weight->rank != 2 || !weight->count || !is_latest(reader, &reader->values[input]))
        return fail_node(reader, node, "multiplies by no matrix of numbers", error);
    const size_t O = weight->shape[is_transposed ? 0 : 1], I = weight->shape[is_transposed ? 1 : 0];
    if (net->depth ? net->layers[net->depth - 1].spec.outputs != I : net->mean && net->inputs != I)
        return fail_node(reader, node, "takes another number of values than the layer before gives", error);
    if (weight->count > reader->left)
        return fail_node(reader, node, "uses a matrix that other layers use", error);
    reader->left -= weight->count;
    if (bias && (!bias->values || (bias->count != O && bias->count != 1)))
        return fail_node(reader, node, "adds what is no bias", error);
    settle_layer(reader, &reader->values[input]);
    struct import_layer *const layer = import_add(net);
    if (!layer)
        return fail_onnx_memory(reader, sizeof *layer, error);
    layer->spec.inputs = I;
    layer->spec.outputs = O;
    layer->of[ROLE_WEIGHT] =
        is_transposed ? import_copy(weight->values, O * I) : transposed(weight->values, I, O);
    layer->of[ROLE_BIAS] = calloc(O, sizeof(float));
    if (!layer->of[ROLE_WEIGHT] || !layer->of[ROLE_BIAS])
        return fail_onnx_memory(reader, O * I * sizeof(float), error);
    for (size_t i = 0; alpha != 1 && i < O * I; i++)
        layer->of[ROLE_WEIGHT][i] = (float)(alpha * (double)layer->of[ROLE_WEIGHT][i]);
    for (size_t o = 0; bias && o < O; o++)
        layer->of[ROLE_BIAS][o] = (float)(beta * (double)bias->values[bias->count == 1 ? 0 : o]);
    return CLM_OK;
}

/* What a node makes of its inputs. */
struct onnx_result {
    enum onnx_form form;
    enum activation activation;
    size_t before;
};

/* A constant of one number, or of as many as the layer has outputs, is added to the last layer's product or
 * multiplies it. */
static clm_status change_product(struct onnx_reader *reader, const struct onnx_node *node,
                                 const struct onnx_value *by, bool multiplies, double sign,
                                 struct clm_error *error)
{
    struct import_layer *const layer = &reader->net->layers[reader->net->depth - 1];
    const size_t I = layer->spec.inputs, O = layer->spec.outputs;
    if (!by->values || (by->count != 1 && by->count != O))
        return fail_node(reader, node, "changes a layer by another number of values than it has", error);
    for (size_t o = 0; o < O; o++) {
        const double value = (double)by->values[by->count == 1 ? 0 : o];
        float *const b = &layer->of[ROLE_BIAS][o];
        if (!multiplies) {
            *b = (float)((double)*b + sign * value);
            continue;
        }
        const double factor = sign > 0 ? value : 1 / value;
        *b = (float)(factor * (double)*b);
        for (size_t i = 0; i < I; i++)
            layer->of[ROLE_WEIGHT][o * I + i] = (float)(factor * (double)layer->of[ROLE_WEIGHT][o * I + i]);
    }
    return CLM_OK;
}

/* The same for the inputs of the net, by a vector. */
static clm_status change_inputs(struct onnx_reader *reader, const struct onnx_node *node,
                                const struct onnx_value *by, bool multiplies, double sign, size_t features,
                                struct clm_error *error)
{
    float *const buffer = calloc(2 * features, sizeof *buffer);
    clm_status status = CLM_OK;
    if (!buffer)
        return fail_onnx_memory(reader, 2 * features * sizeof *buffer, error);
    float *const mean = buffer, *const one = buffer + features;
    for (size_t i = 0; i < features; i++) {
        const double value = (double)by->values[by->count == 1 ? 0 : i];
        mean[i] = (float)(multiplies ? 0 : -sign * value);
        /* the variance of import_normalise stands below; a factor is a scale */
        one[i] = (float)(multiplies ? (sign > 0 ? value : 1 / value) : 1);
    }
    float *const variance = calloc(features, sizeof *variance);
    for (size_t i = 0; variance && i < features; i++)
        variance[i] = 1;
    status = variance ? import_normalise(reader->net, mean, variance, 0, one, NULL, features, error)
                      : fail_onnx_memory(reader, features * sizeof *variance, error);
    free(variance);
    free(buffer);
    (void)node;
    return status;
}

static bool onnx_is_number(const struct onnx_value *value, double number)
{
    return value->values && value->count == 1 && fabs((double)value->values[0] - number) <= 1e-6;
}

/* z, which an activation follows: the product of a layer, or its norm. */
static bool is_before_act(const struct onnx_reader *reader, const struct onnx_value *value)
{
    return is_latest(reader, value) && (value->form == FORM_LINEAR || value->form == FORM_NORM);
}

/* Two values of the net that are multiplied: the end of an activation. */
static enum onnx_form multiplied(const struct onnx_value *a, const struct onnx_value *b,
                                 enum activation *activation)
{
    const bool a_is_z = a->form == FORM_LINEAR || a->form == FORM_NORM;
    *activation = ACTIVATION_NONE;
    if (a->layer != b->layer)
        return FORM_NONE;
    if (a_is_z && b->form == FORM_ERF1)
        return FORM_TWICE;
    *activation = a_is_z && b->form == FORM_ACT && b->activation == ACTIVATION_SIGMOID ? ACTIVATION_SILU
                  : a_is_z && b->form == FORM_GATE                                     ? ACTIVATION_MISH
                  : (a_is_z && b->form == FORM_SHARE) || (a->form == FORM_HALF && b->form == FORM_ERF1)
                      ? ACTIVATION_GELU
                      : ACTIVATION_NONE;
    return *activation == ACTIVATION_NONE ? FORM_NONE : FORM_ACT;
}

/* Add, Sub, Mul or Div of a value and a constant. */
static clm_status by_constant(struct onnx_reader *reader, const struct onnx_node *node,
                              const struct onnx_value *value, const struct onnx_value *by,
                              struct onnx_result *out, struct clm_error *error)
{
    const bool multiplies = view_is(&node->operation, "Mul"), divides = view_is(&node->operation, "Div"),
               adds = view_is(&node->operation, "Add");
    const double sign = multiplies || adds ? 1 : -1;
    *out = (struct onnx_result){value->form, value->activation, value->before};
    if (is_before_act(reader, value) &&
        ((multiplies && onnx_is_number(by, M_SQRT1_2)) || (divides && onnx_is_number(by, M_SQRT2))))
        out->form = FORM_ROOT;
    else if (is_before_act(reader, value) &&
             ((multiplies && onnx_is_number(by, 0.5)) || (divides && onnx_is_number(by, 2))))
        out->form = FORM_HALF;
    else if (value->form == FORM_ERF && adds && onnx_is_number(by, 1))
        out->form = FORM_ERF1;
    else if (value->form == FORM_ERF1 && multiplies && onnx_is_number(by, 0.5))
        out->form = FORM_SHARE;
    else if (value->form == FORM_TWICE && multiplies && onnx_is_number(by, 0.5)) {
        out->form = FORM_ACT;
        out->activation = ACTIVATION_GELU;
    } else if (value->form == FORM_RAW && by->values && by->rank == 1 && is_latest(reader, value))
        return change_inputs(reader, node, by, multiplies || divides, sign, by->count, error);
    else if (value->form == FORM_LINEAR && is_latest(reader, value))
        return change_product(reader, node, by, multiplies || divides, sign, error);
    else
        return fail_node(reader, node, "changes values at a place where no layer does", error);
    return CLM_OK;
}

static clm_status take_arithmetic(struct onnx_reader *reader, const struct onnx_node *node,
                                  const size_t *inputs, struct onnx_result *out, struct clm_error *error)
{
    const struct onnx_value *a = &reader->values[inputs[0]], *b = &reader->values[inputs[1]];
    const bool is_ordered = view_is(&node->operation, "Sub") || view_is(&node->operation, "Div");
    if (b->form == FORM_CONSTANT && a->form != FORM_CONSTANT)
        return by_constant(reader, node, a, b, out, error);
    if (a->form == FORM_CONSTANT && b->form != FORM_CONSTANT && !is_ordered)
        return by_constant(reader, node, b, a, out, error);
    if (view_is(&node->operation, "Mul")) {
        *out = (struct onnx_result){.before = a->before};
        out->form = multiplied(a, b, &out->activation);
        if (out->form == FORM_NONE)
            out->form = multiplied(b, a, &out->activation);
        if (out->form != FORM_NONE)
            return CLM_OK;
    }
    if (view_is(&node->operation, "Add") && (is_latest(reader, a) || is_latest(reader, b))) {
        /* a layer's outputs and what it took */
        const bool a_is_new = a->form != FORM_RAW && is_latest(reader, a) && a->before == inputs[1];
        const struct onnx_value *const latest = a_is_new ? a : b;
        if (latest->form != FORM_RAW && is_latest(reader, latest) && latest->form != FORM_DONE &&
            latest->before == inputs[a_is_new ? 1 : 0]) {
            settle_layer(reader, latest);
            reader->net->layers[latest->layer].spec.skip = true;
            *out = (struct onnx_result){.form = FORM_DONE};
            return CLM_OK;
        }
    }
    return fail_node(reader, node, "joins values in another way than a layer with skip", error);
}

/* BatchNormalization of the inputs, or of a layer. */
static clm_status take_batch_norm(struct onnx_reader *reader, const struct onnx_node *node,
                                  const size_t *inputs, struct onnx_result *out, struct clm_error *error)
{
    const struct onnx_value *const value = &reader->values[inputs[0]];
    const double epsilon = attribute_number(node, "epsilon", 1e-5);
    const struct onnx_value *of[4];
    size_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        of[i] = &reader->values[inputs[i + 1]];
        count = i ? count : of[i]->count;
        if (!of[i]->values || !count || of[i]->count != count)
            return fail_node(reader, node, "has other than four vectors of one length", error);
    }
    *out = (struct onnx_result){FORM_NORM, ACTIVATION_NONE, value->before};
    if (value->form == FORM_RAW && is_latest(reader, value)) {
        out->form = FORM_RAW;
        return import_normalise(reader->net, of[2]->values, of[3]->values, epsilon, of[0]->values,
                                of[1]->values, count, error);
    }
    struct import_layer *const layer = &reader->net->layers[value->layer];
    if (value->form != FORM_LINEAR || !is_latest(reader, value) || layer->spec.outputs != count)
        return fail_node(reader, node, "follows no product of a layer", error);
    static const enum parameter_role roles[] = {ROLE_SCALE, ROLE_SHIFT, ROLE_MEAN, ROLE_VARIANCE};
    for (size_t i = 0; i < 4; i++)
        if (!(layer->of[roles[i]] = import_copy(of[i]->values, count)))
            return fail_onnx_memory(reader, count * sizeof(float), error);
    for (size_t i = 0; i < count; i++)
        layer->of[ROLE_VARIANCE][i] = (float)((double)layer->of[ROLE_VARIANCE][i] + (epsilon - NORM_EPSILON));
    return CLM_OK;
}

static clm_status take_layer_norm(struct onnx_reader *reader, const struct onnx_node *node,
                                  const size_t *inputs, struct onnx_result *out, struct clm_error *error)
{
    const struct onnx_value *const value = &reader->values[inputs[0]],
                                   *const scale = &reader->values[inputs[1]],
                                   *const shift = node->input_count > 2 ? &reader->values[inputs[2]] : NULL;
    const double axis = attribute_number(node, "axis", -1);
    if (value->form != FORM_LINEAR || !is_latest(reader, value) || (axis != -1 && axis != 1) ||
        fabs(attribute_number(node, "epsilon", 1e-5) - NORM_EPSILON) > 1e-9)
        return fail_node(reader, node, "is not over the outputs of a layer, with the epsilon 1e-5", error);
    struct import_layer *const layer = &reader->net->layers[value->layer];
    const size_t O = layer->spec.outputs;
    if (!scale->values || scale->count != O || (shift && (!shift->values || shift->count != O)))
        return fail_node(reader, node, "has vectors of another length than the layer", error);
    layer->of[ROLE_SCALE] = import_copy(scale->values, O);
    layer->of[ROLE_SHIFT] = shift ? import_copy(shift->values, O) : calloc(O, sizeof(float));
    *out = (struct onnx_result){FORM_NORM, ACTIVATION_NONE, value->before};
    return layer->of[ROLE_SCALE] && layer->of[ROLE_SHIFT]
               ? CLM_OK
               : fail_onnx_memory(reader, O * sizeof(float), error);
}

/* An activation of one node, or a part of one. */
static clm_status onnx_take_activation(struct onnx_reader *reader, const struct onnx_node *node,
                                       const size_t *inputs, struct onnx_result *out, struct clm_error *error)
{
    static const struct {
        const char *operation;
        enum onnx_form from, to; /* FORM_LINEAR: anything before an activation */
        enum activation activation;
        const char *attribute;
        double otherwise, value; /* of the attribute */
    } steps[] = {{"Relu", FORM_LINEAR, FORM_ACT, ACTIVATION_RELU, NULL, 0, 0},
                 {"LeakyRelu", FORM_LINEAR, FORM_ACT, ACTIVATION_LEAKY, "alpha", 0.01, 0.01},
                 {"Elu", FORM_LINEAR, FORM_ACT, ACTIVATION_ELU, "alpha", 1, 1},
                 {"Tanh", FORM_SOFTPLUS, FORM_GATE, ACTIVATION_NONE, NULL, 0, 0},
                 {"Tanh", FORM_LINEAR, FORM_ACT, ACTIVATION_TANH, NULL, 0, 0},
                 {"Sigmoid", FORM_LINEAR, FORM_ACT, ACTIVATION_SIGMOID, NULL, 0, 0},
                 {"Gelu", FORM_LINEAR, FORM_ACT, ACTIVATION_GELU, NULL, 0, 0},
                 {"Mish", FORM_LINEAR, FORM_ACT, ACTIVATION_MISH, NULL, 0, 0},
                 {"Softplus", FORM_LINEAR, FORM_SOFTPLUS, ACTIVATION_NONE, NULL, 0, 0},
                 {"Erf", FORM_ROOT, FORM_ERF, ACTIVATION_NONE, NULL, 0, 0}};
    const struct onnx_value *const value = &reader->values[inputs[0]];
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const bool fits =
            steps[i].from == FORM_LINEAR ? is_before_act(reader, value) : value->form == steps[i].from;
        if (!fits || !view_is(&node->operation, steps[i].operation))
            continue;
        if (steps[i].attribute &&
            fabs(attribute_number(node, steps[i].attribute, steps[i].otherwise) - steps[i].value) > 1e-6)
            return fail_node(reader, node, "has another alpha than clmlp's", error);
        *out = (struct onnx_result){steps[i].to, steps[i].activation, value->before};
        return CLM_OK;
    }
    return fail_node(reader, node, "stands where no activation does", error);
}

/* ---- nodes ---- */

static bool is_one_of(const struct proto_view *operation, const char *const *names)
{
    while (*names && !view_is(operation, *names))
        names++;
    return *names != NULL;
}

/* Of an exported file: what makes features of columns. It leaves raw values. */
static bool is_preparation(const struct onnx_reader *reader, const struct onnx_node *node,
                           const size_t *inputs)
{
    static const char *const names[] = {"IsNaN",  "Where",        "Cast",    "Gather",
                                        "Concat", "LabelEncoder", "Flatten", NULL};
    const bool is_sub =
        node->input_count == 2 && view_is(&node->operation, "Sub") && reader->values[inputs[1]].is_double;
    return reader->has_columns && !reader->net->depth && (is_sub || is_one_of(&node->operation, names));
}

static clm_status take_product(struct onnx_reader *reader, const struct onnx_node *node, const size_t *inputs,
                               struct onnx_result *out, struct clm_error *error)
{
    const bool is_gemm = view_is(&node->operation, "Gemm");
    *out = (struct onnx_result){FORM_LINEAR, ACTIVATION_NONE, inputs[0]};
    if (is_gemm && attribute_number(node, "transA", 0) != 0)
        return fail_node(reader, node, "turns its rows into columns", error);
    return add_product(reader, node, inputs[0], &reader->values[inputs[1]],
                       node->input_count > 2 ? &reader->values[inputs[2]] : NULL,
                       is_gemm && attribute_number(node, "transB", 0) != 0,
                       is_gemm ? attribute_number(node, "alpha", 1) : 1,
                       is_gemm ? attribute_number(node, "beta", 1) : 1, error);
}

/* What the node makes, if its inputs are known. */
static clm_status take_node(struct onnx_reader *reader, const struct onnx_node *node, const size_t *inputs,
                            struct onnx_result *out, struct clm_error *error)
{
    static const char *const
        products[] = {"Gemm", "MatMul", NULL},
        *const sums[] = {"Add", "Sub", "Mul", "Div", NULL}, *const same[] = {"Identity", "Dropout", "Flatten",
                                                                             "Reshape",  "Cast",    NULL},
        *const ends[] = {"Softmax", "LogSoftmax", NULL}, *const after[] = {"TopK",    "Gather",  "ArgMax",
                                                                           "Reshape", "Flatten", "ZipMap",
                                                                           "Cast",    NULL};
    const struct onnx_value *const value = &reader->values[inputs[0]];
    *out = (struct onnx_result){value->form, value->activation, value->before};
    if (is_preparation(reader, node, inputs)) {
        out->form = FORM_RAW;
        return CLM_OK;
    }
    if (is_one_of(&node->operation, products) && node->input_count >= 2)
        return take_product(reader, node, inputs, out, error);
    if (is_one_of(&node->operation, sums) && node->input_count == 2)
        return take_arithmetic(reader, node, inputs, out, error);
    if (view_is(&node->operation, "BatchNormalization") && node->input_count == 5)
        return take_batch_norm(reader, node, inputs, out, error);
    if (view_is(&node->operation, "LayerNormalization") && node->input_count >= 2)
        return take_layer_norm(reader, node, inputs, out, error);
    if (is_one_of(&node->operation, same) && (is_flow(value) || value->form == FORM_END))
        return CLM_OK;
    if (is_one_of(&node->operation, ends) && value->form == FORM_LINEAR && is_latest(reader, value)) {
        out->form = FORM_END;
        return CLM_OK;
    }
    if (is_one_of(&node->operation, after) &&
        (value->form == FORM_END || (reader->net->about && reader->net->depth)))
        return CLM_OK;
    return onnx_take_activation(reader, node, inputs, out, error);
}

static bool read_node(struct proto_view view, struct onnx_node *node)
{
    struct proto_field field;
    bool is_wrong = false;
    *node = (struct onnx_node){.message = view};
    while (proto_next(&view, &field, &is_wrong)) {
        if (field.wire != PROTO_BYTES)
            continue;
        if (field.number == NODE_OPERATION)
            node->operation = field.bytes;
        else if (field.number == NODE_OUTPUT && !node->output.at)
            node->output = field.bytes;
        else if (field.number == NODE_INPUT && node->input_count < ONNX_INPUTS_MOST)
            node->inputs[node->input_count++] = field.bytes;
    }
    return !is_wrong && node->operation.at && node->output.at;
}

/* The value of a node Constant. */
static clm_status add_constant(struct onnx_reader *reader, const struct onnx_node *node,
                               struct clm_error *error)
{
    struct proto_view attribute, unused;
    struct proto_field field;
    bool is_wrong = false;
    struct onnx_value *const value = add_value(reader, node->output);
    if (!value)
        return fail_onnx_memory(reader, sizeof *value, error);
    value->form = FORM_CONSTANT;
    if (!find_attribute(node, "value", &attribute))
        return CLM_OK;
    while (proto_next(&attribute, &field, &is_wrong))
        if (field.number == ATTRIBUTE_TENSOR && field.wire == PROTO_BYTES && !value->values) {
            struct onnx_value read = {.name = value->name};
            if (!read_tensor(field.bytes, &read, &unused)) {
                free(read.values);
                return read.is_lost ? fail_onnx_memory(reader, read.count * sizeof(float), error)
                                    : fail_onnx(reader, error);
            }
            *value = read;
        }
    return CLM_OK;
}

static clm_status add_node(struct onnx_reader *reader, struct proto_view view, struct clm_error *error)
{
    struct onnx_node node;
    struct onnx_result result;
    size_t inputs[ONNX_INPUTS_MOST] = {0};
    if (!read_node(view, &node))
        return fail_onnx(reader, error);
    if (view_is(&node.operation, "Constant"))
        return add_constant(reader, &node, error);
    for (size_t i = 0; i < node.input_count; i++) {
        inputs[i] = find_value_named(reader, &node.inputs[i]);
        if (inputs[i] == reader->count)
            return fail_node(reader, &node, "takes a value that no node before it makes", error);
    }
    if (!node.input_count)
        return fail_node(reader, &node, "takes nothing", error);
    const size_t layer_before = reader->values[inputs[0]].form == FORM_CONSTANT && node.input_count > 1
                                    ? reader->values[inputs[1]].layer
                                    : reader->values[inputs[0]].layer;
    const clm_status status = take_node(reader, &node, inputs, &result, error);
    if (status != CLM_OK)
        return status;
    struct onnx_value *const value = add_value(reader, node.output);
    if (!value)
        return fail_onnx_memory(reader, sizeof *value, error);
    value->form = result.form;
    value->activation = result.activation;
    value->before = result.before;
    value->layer =
        result.form == FORM_LINEAR || result.form == FORM_DONE ? reader->net->depth - 1 : layer_before;
    return CLM_OK;
}

/* ---- file ---- */

/* Calls `add` for each part of that number of a message. */
static clm_status each_part(struct onnx_reader *reader, struct proto_view view, unsigned number,
                            clm_status (*add)(struct onnx_reader *reader, struct proto_view part,
                                              struct clm_error *error),
                            struct clm_error *error)
{
    struct proto_field field;
    bool is_wrong = false;
    clm_status status = CLM_OK;
    while (status == CLM_OK && proto_next(&view, &field, &is_wrong))
        if (field.number == number && field.wire == PROTO_BYTES)
            status = add(reader, field.bytes, error);
    return status == CLM_OK && is_wrong ? fail_onnx(reader, error) : status;
}

static clm_status add_initializer(struct onnx_reader *reader, struct proto_view view, struct clm_error *error)
{
    struct onnx_value *const value = add_value(reader, (struct proto_view){0});
    struct proto_view name = {0};
    if (!value)
        return fail_onnx_memory(reader, sizeof *value, error);
    if (!read_tensor(view, value, &name))
        return value->is_lost ? fail_onnx_memory(reader, value->count * sizeof(float), error)
                              : fail_onnx(reader, error);
    value->name = name;
    return CLM_OK;
}

static struct proto_view edge_name(struct proto_view view)
{
    struct proto_view name = {0};
    struct proto_field field;
    bool is_wrong = false;
    while (proto_next(&view, &field, &is_wrong))
        if (field.number == VALUE_NAME && field.wire == PROTO_BYTES)
            name = field.bytes;
    return name;
}

/* Inputs may repeat initializers. */
static clm_status add_input_edge(struct onnx_reader *reader, struct proto_view view, struct clm_error *error)
{
    const struct proto_view name = edge_name(view);
    if (find_value_named(reader, &name) < reader->count)
        return CLM_OK;
    struct onnx_value *const value = add_value(reader, name);
    if (!value)
        return fail_onnx_memory(reader, sizeof *value, error);
    value->form = FORM_RAW;
    return CLM_OK;
}

static clm_status add_output_edge(struct onnx_reader *reader, struct proto_view view, struct clm_error *error)
{
    (void)error;
    if (!reader->output.at)
        reader->output = edge_name(view);
    return CLM_OK;
}

/* What an exported file says of itself. */
static clm_status add_entry(struct onnx_reader *reader, struct proto_view view, struct clm_error *error)
{
    struct proto_view key = {0}, text = {0};
    struct proto_field field;
    bool is_wrong = false;
    while (proto_next(&view, &field, &is_wrong)) {
        if (field.number == ENTRY_KEY && field.wire == PROTO_BYTES)
            key = field.bytes;
        if (field.number == ENTRY_VALUE && field.wire == PROTO_BYTES)
            text = field.bytes;
    }
    if (reader->net->about || !text.at || !view_is(&key, "clmlp"))
        return CLM_OK;
    const clm_status status = json_parse(reader->net->path, "what it says of itself", (const char *)text.at,
                                         proto_size(&text), &reader->net->about, error);
    const json_t *const inputs = json_object_get(reader->net->about, "inputs");
    reader->has_columns = json_object_get(inputs, "columns") || json_object_get(inputs, "offsets");
    return status;
}

static clm_status read_graph(struct onnx_reader *reader, struct proto_view graph, struct clm_error *error)
{
    clm_status status;
    if ((status = each_part(reader, graph, GRAPH_INITIALIZER, add_initializer, error)) ||
        (status = each_part(reader, graph, GRAPH_INPUT, add_input_edge, error)) ||
        (status = each_part(reader, graph, GRAPH_OUTPUT, add_output_edge, error)) ||
        (status = each_part(reader, graph, GRAPH_NODE, add_node, error)))
        return status;
    const size_t v = find_value_named(reader, &reader->output);
    const struct onnx_value *const value = v < reader->count ? &reader->values[v] : NULL;
    if (!value || !reader->net->depth || value->layer + 1 != reader->net->depth ||
        (value->form != FORM_LINEAR && value->form != FORM_END &&
         !(value->form == FORM_ACT && value->activation == ACTIVATION_SIGMOID)))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its first output is not that of a last linear layer, perhaps with Softmax or Sigmoid",
            reader->net->path);
    if (value->form == FORM_ACT)
        reader->net->loss = usual_loss(LOSS_BINARY);
    return CLM_OK;
}

clm_status import_onnx(struct import_net *net, struct clm_error *error)
{
    struct onnx_reader reader = {.net = net};
    unsigned char *bytes = NULL;
    size_t size = 0;
    clm_status status = file_read(net->path, ONNX_BYTES_MOST, &bytes, &size, error);
    const struct proto_view model = {bytes, bytes ? bytes + size : NULL};
    net->knows_activations = true;
    reader.left = size / sizeof(float);
    if (status == CLM_OK)
        status = each_part(&reader, model, MODEL_METADATA, add_entry, error);
    if (status == CLM_OK)
        status = each_part(&reader, model, MODEL_GRAPH, read_graph, error);
    if (status == CLM_OK && !net->depth)
        status = fail_onnx(&reader, error);
    for (size_t v = 0; v < reader.count; v++)
        free(reader.values[v].values);
    free(reader.values);
    free(bytes);
    return status;
}
