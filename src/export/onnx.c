/* ONNX: a graph from raw inputs to probabilities or predictions.
 *
 *   inputs     x (N,I) float32; of a table x (N,columns); with text, one input (N,1) a column, of
 *              strings if it is text. Numbers are doubles if a column counts from an offset
 *   outputs    probabilities (N,C) and class (N), or predictions (N,outputs)
 *
 * Operations are those of version 17, and LabelEncoder of ai.onnx.ml. */
#include "export/onnx_names.h"
#include "base/text.h"
#include "export/format.h"
#include "export/protobuf.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONNX_IR_VERSION 8
#define ONNX_OPSET      17
#define ONNX_ML_OPSET   2
#define ONNX_NAME_MAX   24 /* of values inside the graph */

struct onnx {
    const struct portable *net;
    struct proto graph;
    size_t names;            /* that were given */
    char now[ONNX_NAME_MAX]; /* the value that the net has reached */
    char **input_names;      /* (columns), owned, of a table with text */
};

/* ---- parts of a graph ---- */

/* A new name, which no column has: those begin with another character. */
static void onnx_name(struct onnx *onnx, char name[ONNX_NAME_MAX])
{
    snprintf(name, ONNX_NAME_MAX, "/%zu", onnx->names++);
}

static void attribute_whole(struct proto *node, const char *name, int64_t value)
{
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    proto_whole(&attribute, ATTRIBUTE_WHOLE, (uint64_t)value);
    proto_whole(&attribute, ATTRIBUTE_TYPE, IS_WHOLE);
    proto_message(node, NODE_ATTRIBUTE, &attribute);
}

static void attribute_float(struct proto *node, const char *name, float value)
{
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    proto_float(&attribute, ATTRIBUTE_FLOAT, value);
    proto_whole(&attribute, ATTRIBUTE_TYPE, IS_FLOAT);
    proto_message(node, NODE_ATTRIBUTE, &attribute);
}

/* A node of one or two inputs and an output; `second` may be NULL. The caller may add to it. */
static struct proto node_begin(const char *operation, const char *first, const char *second,
                               const char *output)
{
    struct proto node = {0};
    proto_text(&node, NODE_INPUT, first);
    if (second)
        proto_text(&node, NODE_INPUT, second);
    proto_text(&node, NODE_OUTPUT, output);
    proto_text(&node, NODE_OPERATION, operation);
    return node;
}

static void node_end(struct onnx *onnx, struct proto *node)
{
    proto_message(&onnx->graph, GRAPH_NODE, node);
}

/* A node without attributes whose output is a new value: onnx->now. */
static void onnx_step(struct onnx *onnx, const char *operation, const char *first, const char *second)
{
    char output[ONNX_NAME_MAX];
    onnx_name(onnx, output);
    struct proto node = node_begin(operation, first, second, output);
    node_end(onnx, &node);
    memcpy(onnx->now, output, sizeof output);
}

/* A constant; rows 0: a vector, columns 0: a number. Elements are little-endian. */
static void onnx_constant(struct onnx *onnx, int type, const void *elements, size_t element_size, size_t rows,
                          size_t columns, char name[ONNX_NAME_MAX])
{
    struct proto tensor = {0};
    onnx_name(onnx, name);
    if (rows)
        proto_whole(&tensor, TENSOR_DIMENSION, rows);
    if (columns)
        proto_whole(&tensor, TENSOR_DIMENSION, columns);
    proto_whole(&tensor, TENSOR_TYPE, (uint64_t)type);
    proto_text(&tensor, TENSOR_NAME, name);
    proto_bytes(&tensor, TENSOR_RAW, elements, (rows ? rows : 1) * (columns ? columns : 1) * element_size);
    proto_message(&onnx->graph, GRAPH_INITIALIZER, &tensor);
}

static void constant_floats(struct onnx *onnx, const float *values, size_t rows, size_t columns,
                            char name[ONNX_NAME_MAX])
{
    onnx_constant(onnx, OF_FLOAT, values, sizeof *values, rows, columns, name);
}

/* now = operation(now, vector) */
static void step_by_vector(struct onnx *onnx, const char *operation, const float *values, size_t count)
{
    char name[ONNX_NAME_MAX];
    constant_floats(onnx, values, 0, count, name);
    onnx_step(onnx, operation, onnx->now, name);
}

static void step_by_number(struct onnx *onnx, const char *operation, float value)
{
    char name[ONNX_NAME_MAX];
    constant_floats(onnx, &value, 0, 0, name);
    onnx_step(onnx, operation, onnx->now, name);
}

/* now = the columns of `from` that `places` names */
static void onnx_choose(struct onnx *onnx, const char *from, const int64_t *places, size_t count,
                        int64_t axis)
{
    char indices[ONNX_NAME_MAX], output[ONNX_NAME_MAX];
    onnx_constant(onnx, OF_INT64, places, sizeof *places, 0, count, indices);
    onnx_name(onnx, output);
    struct proto node = node_begin("Gather", from, indices, output);
    attribute_whole(&node, "axis", axis);
    node_end(onnx, &node);
    memcpy(onnx->now, output, sizeof output);
}

static void onnx_cast(struct onnx *onnx, const char *from, int type)
{
    char output[ONNX_NAME_MAX];
    onnx_name(onnx, output);
    struct proto node = node_begin("Cast", from, NULL, output);
    attribute_whole(&node, "to", type);
    node_end(onnx, &node);
    memcpy(onnx->now, output, sizeof output);
}

/* now = the matrices side by side */
static void onnx_concat(struct onnx *onnx, const char *const *names, size_t count)
{
    struct proto node = {0};
    char output[ONNX_NAME_MAX];
    onnx_name(onnx, output);
    for (size_t i = 0; i < count; i++)
        proto_text(&node, NODE_INPUT, names[i]);
    proto_text(&node, NODE_OUTPUT, output);
    proto_text(&node, NODE_OPERATION, "Concat");
    attribute_whole(&node, "axis", 1);
    node_end(onnx, &node);
    memcpy(onnx->now, output, sizeof output);
}

/* An input or output of the graph: (N,columns), or (N) if columns is 0. */
static void onnx_edge(struct onnx *onnx, unsigned field, const char *name, int type, size_t columns)
{
    struct proto value = {0}, kind = {0}, tensor = {0}, shape = {0}, rows = {0}, width = {0};
    proto_text(&rows, DIMENSION_NAME, "N");
    proto_message(&shape, SHAPE_DIMENSION, &rows);
    if (columns) {
        proto_whole(&width, DIMENSION_VALUE, columns);
        proto_message(&shape, SHAPE_DIMENSION, &width);
    }
    proto_whole(&tensor, TYPE_ELEMENT, (uint64_t)type);
    proto_message(&tensor, TYPE_SHAPE, &shape);
    proto_message(&kind, TYPE_TENSOR, &tensor);
    proto_text(&value, VALUE_NAME, name);
    proto_message(&value, VALUE_TYPE, &kind);
    proto_message(&onnx->graph, field, &value);
}

/* ---- inputs ---- */

static int number_of_type(const struct portable *net)
{
    return net->has_offsets ? OF_DOUBLE : OF_FLOAT;
}

/* The column's name, with its number if another column, an output or a value of the graph has that name. The
 * caller frees it; NULL if there is no memory. */
static char *onnx_input_name(const struct clm_inputs *inputs, size_t column)
{
    char *const name = utf8_copy(inputs->columns[column].name), *whole = NULL;
    bool is_alone = name && *name && *name != '/' && strcmp(name, "class") && strcmp(name, "probabilities") &&
                    strcmp(name, "predictions");
    for (size_t i = 0; is_alone && i < inputs->column_count; i++)
        is_alone = i == column || strcmp(inputs->columns[i].name, inputs->columns[column].name) != 0;
    if (!name || is_alone)
        return name;
    if (asprintf(&whole, "column %zu %s", column, name) < 0)
        whole = NULL;
    free(name);
    return whole;
}

/* now = the numbers of a table (N,numbers), with offsets and as they come; `columns` are their columns. */
static void onnx_take_numbers(struct onnx *onnx, const size_t *columns, size_t count, bool *is_whole)
{
    const struct portable *const net = onnx->net;
    const struct clm_inputs *const inputs = net->model->inputs;
    const char **const names = calloc(count + 1, sizeof *names);
    double *const offsets = calloc(count + 1, sizeof *offsets);
    char name[ONNX_NAME_MAX];
    *is_whole = *is_whole && names && offsets;
    if (names && net->categories) {
        for (size_t i = 0; i < count; i++)
            names[i] = onnx->input_names[columns[i]];
        onnx_concat(onnx, names, count);
    }
    for (size_t i = 0; offsets && i < count; i++)
        offsets[i] = inputs->columns[columns[i]].offset;
    if (offsets && net->has_offsets) {
        onnx_constant(onnx, OF_DOUBLE, offsets, sizeof *offsets, 0, count, name);
        onnx_step(onnx, "Sub", onnx->now, name);
        onnx_cast(onnx, onnx->now, OF_FLOAT);
    }
    free(names);
    free(offsets);
}

/* now = the numbers with what replaces missing ones; `marks` becomes the value that says which are missing,
 * or "" if no column keeps that. */
static void onnx_fill_numbers(struct onnx *onnx, const size_t *columns, size_t count,
                              char marks[ONNX_NAME_MAX], bool *is_whole)
{
    const struct clm_inputs *const inputs = onnx->net->model->inputs;
    float *const fills = calloc(count + 1, sizeof *fills);
    int64_t *const marked = calloc(count + 1, sizeof *marked);
    char values[ONNX_NAME_MAX], missing[ONNX_NAME_MAX], name[ONNX_NAME_MAX];
    size_t marked_count = 0;
    *marks = '\0';
    if (!fills || !marked) {
        *is_whole = false;
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        fills[i] = (float)inputs->columns[columns[i]].fill;
        if (inputs->columns[columns[i]].has_indicator)
            marked[marked_count++] = (int64_t)i;
    }
    memcpy(values, onnx->now, sizeof values);
    onnx_step(onnx, "IsNaN", values, NULL);
    memcpy(missing, onnx->now, sizeof missing);
    if (marked_count) {
        onnx_cast(onnx, missing, OF_FLOAT);
        memcpy(name, onnx->now, sizeof name);
        onnx_choose(onnx, name, marked, marked_count, 1);
        memcpy(marks, onnx->now, ONNX_NAME_MAX);
    }
    constant_floats(onnx, fills, 0, count, name);
    struct proto node = {0};
    onnx_name(onnx, onnx->now);
    proto_text(&node, NODE_INPUT, missing);
    proto_text(&node, NODE_INPUT, name);
    proto_text(&node, NODE_INPUT, values);
    proto_text(&node, NODE_OUTPUT, onnx->now);
    proto_text(&node, NODE_OPERATION, "Where");
    node_end(onnx, &node);
cleanup:
    free(fills);
    free(marked);
}

/* What stands for a missing text. */
static const char *const missing_texts[] = {"",    "?",    "NA",   "N/A",  "NaN", "nan",
                                            "n/a", "null", "NULL", "None", "<NA>"};

/* Texts become the numbers of categories; a missing one is the next number, and any other the one after. */
static void onnx_encode_text(struct onnx *onnx, const struct column *column, const char *input,
                             const char *output)
{
    const size_t count = column->category_count, missing = sizeof missing_texts / sizeof *missing_texts;
    struct proto node = node_begin("LabelEncoder", input, NULL, output), keys = {0}, values = {0};
    proto_text(&node, NODE_DOMAIN, "ai.onnx.ml");
    proto_text(&keys, ATTRIBUTE_NAME, "keys_strings");
    proto_text(&values, ATTRIBUTE_NAME, "values_int64s");
    for (size_t i = 0; i < count + missing; i++) {
        const char *const text = i < count ? column->categories[i] : missing_texts[i - count];
        if (i >= count && column_category(column, text, strlen(text)) < count)
            continue;
        proto_text(&keys, ATTRIBUTE_STRINGS, text);
        proto_whole(&values, ATTRIBUTE_WHOLES, i < count ? i : count);
    }
    proto_whole(&keys, ATTRIBUTE_TYPE, IS_STRINGS);
    proto_whole(&values, ATTRIBUTE_TYPE, IS_WHOLES);
    proto_message(&node, NODE_ATTRIBUTE, &keys);
    proto_message(&node, NODE_ATTRIBUTE, &values);
    attribute_whole(&node, "default_int64", (int64_t)count + 1);
    node_end(onnx, &node);
}

/* now = the marks of a column of texts (N,width): rows of a table that has one for each category, one for
 * missing texts, and one of zeros for any other. */
static void onnx_take_text(struct onnx *onnx, size_t index, bool *is_whole)
{
    const struct column *const column = &onnx->net->model->inputs->columns[index];
    const size_t count = column->category_count, width = column_width(column);
    float *const table = calloc((count + 2) * width, sizeof *table);
    char code[ONNX_NAME_MAX], name[ONNX_NAME_MAX];
    *is_whole = *is_whole && table;
    if (!table)
        return;
    for (size_t c = 0; c < count; c++)
        table[c * width + c] = 1;
    table[count * width + (size_t)column->fill] = 1;
    if (column->has_indicator)
        table[count * width + width - 1] = 1;
    onnx_name(onnx, code);
    onnx_encode_text(onnx, column, onnx->input_names[index], code);
    constant_floats(onnx, table, count + 2, width, name);
    onnx_step(onnx, "Gather", name, code); /* (N,1,width) */
    onnx_step(onnx, "Flatten", onnx->now, NULL);
    free(table);
}

/* Blocks of features in the order that they are made: numbers, their marks, texts. */
struct onnx_blocks {
    char (*names)[ONNX_NAME_MAX];
    const char **list;
    size_t count;
    int64_t *places; /* (features) where each feature stands in the blocks */
};

static void blocks_add(struct onnx_blocks *blocks, const char *name)
{
    memcpy(blocks->names[blocks->count], name, ONNX_NAME_MAX);
    blocks->list[blocks->count] = blocks->names[blocks->count];
    blocks->count++;
}

/* Fills blocks->places; numbers come first, then marks of numbers, then texts. True if they are in order. */
static bool place_features(const struct portable *net, int64_t *places)
{
    const struct clm_inputs *const inputs = net->model->inputs;
    size_t number = 0, mark = net->columns - net->categories, text = mark;
    bool is_in_order = true;
    for (size_t i = 0; i < net->columns; i++)
        text += inputs->columns[i].kind != CLM_COLUMN_CATEGORY && inputs->columns[i].has_indicator;
    for (size_t i = 0; i < net->columns; i++) {
        const struct column *const column = &inputs->columns[i];
        const bool is_text = column->kind == CLM_COLUMN_CATEGORY;
        for (size_t f = 0; f < column_width(column); f++)
            places[column->first + f] = (int64_t)(is_text ? text++ : f ? mark++ : number++);
    }
    for (size_t f = 0; f < net->features; f++)
        is_in_order = is_in_order && places[f] == (int64_t)f;
    return is_in_order;
}

/* now = the features of a table. */
static void onnx_take_columns(struct onnx *onnx, bool *is_whole)
{
    const struct portable *const net = onnx->net;
    const struct clm_inputs *const inputs = net->model->inputs;
    const size_t numbers = net->columns - net->categories, most = net->categories + 2;
    struct onnx_blocks blocks = {.names = calloc(most, sizeof *blocks.names),
                                 .list = calloc(most, sizeof *blocks.list),
                                 .places = calloc(net->features, sizeof *blocks.places)};
    size_t *const columns = calloc(numbers + 1, sizeof *columns);
    char marks[ONNX_NAME_MAX] = "";
    if (!blocks.names || !blocks.list || !blocks.places || !columns) {
        *is_whole = false;
        goto cleanup;
    }
    for (size_t i = 0, n = 0; i < net->columns; i++)
        if (inputs->columns[i].kind != CLM_COLUMN_CATEGORY)
            columns[n++] = i;
    if (numbers) {
        onnx_take_numbers(onnx, columns, numbers, is_whole);
        onnx_fill_numbers(onnx, columns, numbers, marks, is_whole);
        blocks_add(&blocks, onnx->now);
    }
    if (*marks)
        blocks_add(&blocks, marks);
    for (size_t i = 0; i < net->columns; i++)
        if (inputs->columns[i].kind == CLM_COLUMN_CATEGORY) {
            onnx_take_text(onnx, i, is_whole);
            blocks_add(&blocks, onnx->now);
        }
    if (blocks.count > 1)
        onnx_concat(onnx, blocks.list, blocks.count);
    if (!place_features(net, blocks.places)) {
        char from[ONNX_NAME_MAX];
        memcpy(from, onnx->now, sizeof from);
        onnx_choose(onnx, from, blocks.places, net->features, 1);
    }
cleanup:
    free(blocks.names);
    free(blocks.list);
    free(blocks.places);
    free(columns);
}

/* Declares the inputs. */
static void onnx_declare_inputs(struct onnx *onnx, bool *is_whole)
{
    const struct portable *const net = onnx->net;
    const struct clm_inputs *const inputs = net->model->inputs;
    snprintf(onnx->now, sizeof onnx->now, "x");
    if (!net->categories) {
        onnx_edge(onnx, GRAPH_INPUT, "x", number_of_type(net), net->columns ? net->columns : net->features);
        return;
    }
    onnx->input_names = calloc(net->columns, sizeof *onnx->input_names);
    *is_whole = *is_whole && onnx->input_names;
    for (size_t i = 0; *is_whole && i < net->columns; i++) {
        onnx->input_names[i] = onnx_input_name(inputs, i);
        *is_whole = onnx->input_names[i] != NULL;
        if (*is_whole)
            onnx_edge(onnx, GRAPH_INPUT, onnx->input_names[i],
                      inputs->columns[i].kind == CLM_COLUMN_CATEGORY ? OF_STRING : number_of_type(net), 1);
    }
}

/* now = the inputs of the first layer */
static void onnx_inputs(struct onnx *onnx, bool *is_whole)
{
    const struct portable *const net = onnx->net;
    char name[ONNX_NAME_MAX];
    onnx_declare_inputs(onnx, is_whole);
    if (!*is_whole)
        return;
    if (net->columns)
        onnx_take_columns(onnx, is_whole);
    else if (net->has_offsets) {
        onnx_constant(onnx, OF_DOUBLE, net->model->inputs->offsets, sizeof(double), 0, net->features, name);
        onnx_step(onnx, "Sub", onnx->now, name);
        onnx_cast(onnx, onnx->now, OF_FLOAT);
    }
    if (net->is_scaled) {
        step_by_vector(onnx, "Sub", net->model->mean, net->features);
        step_by_vector(onnx, "Mul", net->model->scale, net->features);
    }
}

/* ---- layers ---- */

static void onnx_linear(struct onnx *onnx, const struct portable_layer *layer)
{
    char weight[ONNX_NAME_MAX], bias[ONNX_NAME_MAX], output[ONNX_NAME_MAX];
    constant_floats(onnx, layer->W, layer->outputs, layer->inputs, weight);
    constant_floats(onnx, layer->b, 0, layer->outputs, bias);
    onnx_name(onnx, output);
    struct proto node = node_begin("Gemm", onnx->now, weight, output);
    proto_text(&node, NODE_INPUT, bias);
    attribute_whole(&node, "transB", 1);
    node_end(onnx, &node);
    memcpy(onnx->now, output, sizeof output);
}

static void onnx_norm(struct onnx *onnx, const struct portable_layer *layer)
{
    char scale[ONNX_NAME_MAX], shift[ONNX_NAME_MAX], output[ONNX_NAME_MAX];
    constant_floats(onnx, layer->scale, 0, layer->outputs, scale);
    constant_floats(onnx, layer->shift, 0, layer->outputs, shift);
    onnx_name(onnx, output);
    struct proto node = node_begin("LayerNormalization", onnx->now, scale, output);
    proto_text(&node, NODE_INPUT, shift);
    attribute_whole(&node, "axis", -1);
    attribute_float(&node, "epsilon", (float)NORM_EPSILON);
    node_end(onnx, &node);
    memcpy(onnx->now, output, sizeof output);
}

static void onnx_activate(struct onnx *onnx, enum activation activation)
{
    static const char *const one_node[ACTIVATION_COUNT] = {[ACTIVATION_RELU] = "Relu",
                                                           [ACTIVATION_LEAKY] = "LeakyRelu",
                                                           [ACTIVATION_ELU] = "Elu",
                                                           [ACTIVATION_TANH] = "Tanh",
                                                           [ACTIVATION_SIGMOID] = "Sigmoid"};
    char z[ONNX_NAME_MAX];
    memcpy(z, onnx->now, sizeof z);
    if (one_node[activation]) /* Elu's alpha is 1, LeakyRelu's 0.01 */
        onnx_step(onnx, one_node[activation], z, NULL);
    if (activation == ACTIVATION_SILU)
        onnx_step(onnx, "Sigmoid", z, NULL);
    if (activation == ACTIVATION_MISH) {
        onnx_step(onnx, "Softplus", z, NULL);
        onnx_step(onnx, "Tanh", onnx->now, NULL);
    }
    if (activation == ACTIVATION_GELU) {
        step_by_number(onnx, "Div", (float)M_SQRT2);
        onnx_step(onnx, "Erf", onnx->now, NULL);
        step_by_number(onnx, "Add", 1);
    }
    if (activation == ACTIVATION_SILU || activation == ACTIVATION_MISH || activation == ACTIVATION_GELU)
        onnx_step(onnx, "Mul", z, onnx->now);
    if (activation == ACTIVATION_GELU)
        step_by_number(onnx, "Mul", 0.5f);
}

static void onnx_layer(struct onnx *onnx, const struct portable_layer *layer)
{
    char before[ONNX_NAME_MAX];
    memcpy(before, onnx->now, sizeof before);
    onnx_linear(onnx, layer);
    if (layer->scale)
        onnx_norm(onnx, layer);
    onnx_activate(onnx, layer->activation);
    if (layer->skip)
        onnx_step(onnx, "Add", onnx->now, before);
}

/* ---- end ---- */

/* now = (N,targets,quantiles) in order, then in the order of the outputs */
static void onnx_sort(struct onnx *onnx)
{
    const struct portable *const net = onnx->net;
    const int64_t deep[] = {-1, (int64_t)(net->outputs / net->quantiles), (int64_t)net->quantiles},
                  count[] = {deep[2]};
    int64_t places[QUANTILES_MOST];
    char name[ONNX_NAME_MAX], sorted[ONNX_NAME_MAX], unused[ONNX_NAME_MAX];
    onnx_constant(onnx, OF_INT64, deep, sizeof *deep, 0, 3, name);
    onnx_step(onnx, "Reshape", onnx->now, name);
    onnx_constant(onnx, OF_INT64, count, sizeof *count, 0, 1, name);
    onnx_name(onnx, sorted);
    onnx_name(onnx, unused);
    struct proto node = node_begin("TopK", onnx->now, name, sorted);
    proto_text(&node, NODE_OUTPUT, unused);
    attribute_whole(&node, "largest", 0);
    node_end(onnx, &node);
    for (size_t q = 0; q < net->quantiles; q++)
        places[q] = (int64_t)net->places[q];
    onnx_choose(onnx, sorted, places, net->quantiles, 2);
}

static void onnx_end(struct onnx *onnx)
{
    const struct portable *const net = onnx->net;
    const char *const name = net->end == PORTABLE_UNITS ? "predictions" : "probabilities";
    struct proto node;
    if (net->end == PORTABLE_UNITS) {
        step_by_vector(onnx, "Mul", net->target_deviation, net->outputs);
        step_by_vector(onnx, "Add", net->target_mean, net->outputs);
    }
    if (net->quantiles > 1)
        onnx_sort(onnx);
    node = node_begin(net->end == PORTABLE_SOFTMAX   ? "Softmax"
                      : net->end == PORTABLE_SIGMOID ? "Sigmoid"
                                                     : "Flatten",
                      onnx->now, NULL, name);
    node_end(onnx, &node);
    onnx_edge(onnx, GRAPH_OUTPUT, name, OF_FLOAT, net->outputs);
    if (net->end != PORTABLE_SOFTMAX)
        return;
    node = node_begin("ArgMax", name, NULL, "class");
    attribute_whole(&node, "axis", 1);
    attribute_whole(&node, "keepdims", 0);
    node_end(onnx, &node);
    onnx_edge(onnx, GRAPH_OUTPUT, "class", OF_INT64, 0);
}

/* ---- file ---- */

static void model_opset(struct proto *model, const char *domain, uint64_t version)
{
    struct proto opset = {0};
    proto_text(&opset, OPSET_DOMAIN, domain);
    proto_whole(&opset, OPSET_VERSION, version);
    proto_message(model, MODEL_OPSET, &opset);
}

static void model_metadata(struct proto *model, const struct portable *net, bool *is_whole)
{
    char *const text = portable_text(net);
    struct proto entry = {0};
    *is_whole = *is_whole && text;
    if (!text)
        return;
    proto_text(&entry, ENTRY_KEY, "clmlp");
    proto_text(&entry, ENTRY_VALUE, text);
    proto_message(model, MODEL_METADATA, &entry);
    free(text);
}

static clm_status write_onnx(const struct portable *net, const char *path,
                             const struct clm_export_options *options, struct clm_error *error)
{
    struct onnx onnx = {.net = net};
    struct proto model = {0};
    bool is_whole = true;
    (void)options;
    onnx_inputs(&onnx, &is_whole);
    for (size_t l = 0; is_whole && l < net->depth; l++)
        onnx_layer(&onnx, &net->layers[l]);
    onnx_end(&onnx);
    proto_text(&onnx.graph, GRAPH_NAME, "clmlp");
    proto_whole(&model, MODEL_IR_VERSION, ONNX_IR_VERSION);
    proto_text(&model, MODEL_PRODUCER, "clmlp");
    proto_text(&model, MODEL_PRODUCER_VERSION, clm_version());
    proto_message(&model, MODEL_GRAPH, &onnx.graph);
    model_opset(&model, "", ONNX_OPSET);
    if (net->categories)
        model_opset(&model, "ai.onnx.ml", ONNX_ML_OPSET);
    model_metadata(&model, net, &is_whole);
    const clm_status status = is_whole && !model.is_lost
                                  ? clm_write_file(path, model.bytes, model.size, error)
                                  : clm_fail_host_memory(error, path, model.size);
    for (size_t i = 0; onnx.input_names && i < net->columns; i++)
        free(onnx.input_names[i]);
    free(onnx.input_names);
    proto_free(&model);
    return status;
}

const struct export_format onnx_export = {.name = "onnx", .write = write_onnx};
