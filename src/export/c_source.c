/* One C file without libraries: C99, also freestanding, for microcontrollers. It says itself how it is
 * called. */
#include "base/size.h"
#include "base/text.h"
#include "export/format.h"
#include "export/int8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBERS_A_LINE 8
#define FIELD_MAX      40 /* characters of a field's name */

/* ---- values ---- */

/* A float of C, which is the same float again. */
static void print_float(FILE *stream, float value)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", (double)value);
    fprintf(stream, "%s%sf", text, strpbrk(text, ".e") ? "" : ".0");
}

static void print_double(FILE *stream, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    fprintf(stream, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void print_floats(FILE *stream, const char *name, size_t number, const float *values, size_t count)
{
    fprintf(stream, "static const float %s%zu[%zu] = {", name, number, count);
    for (size_t i = 0; i < count; i++) {
        fputs(i % NUMBERS_A_LINE ? " " : "\n    ", stream);
        print_float(stream, values[i]);
        fputc(',', stream);
    }
    fputs("\n};\n", stream);
}

static void print_int8s(FILE *stream, size_t number, const int8_t *values, size_t count)
{
    fprintf(stream, "static const int8_t net_W%zu[%zu] = {", number, count);
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "%s%d,", i % (3 * NUMBERS_A_LINE) ? "" : "\n    ", values[i]);
    fputs("\n};\n", stream);
}

/* A string of C, of any bytes; no trigraph is in it. */
static void print_string(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; text++)
        fprintf(stream, isprint((unsigned char)*text) && !strchr("\"\\?", *text) ? "%c" : "\\%03o",
                (unsigned char)*text);
    fputc('"', stream);
}

/* ---- names of fields ---- */

static bool is_c_word(const char *name)
{
    static const char *const words[] = {
        "auto",     "break",  "case",     "char",     "const",    "continue", "default",  "do",
        "double",   "else",   "enum",     "extern",   "float",    "for",      "goto",     "if",
        "inline",   "int",    "long",     "register", "restrict", "return",   "short",    "signed",
        "sizeof",   "static", "struct",   "switch",   "typedef",  "union",    "unsigned", "void",
        "volatile", "while",  "asm",      "bool",     "class",    "delete",   "new",      "private",
        "public",   "this",   "template", "operator", "true",     "false"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i], name))
            return true;
    return false;
}

/* The column's name in small letters, with _ for what C does not allow; with its number if that is no name,
 * or another column's. */
static void field_name(const struct clm_inputs *inputs, size_t column, char name[FIELD_MAX])
{
    const char *const from = inputs->columns[column].name;
    bool is_alone = true;
    char plain[FIELD_MAX - 8] = "";
    for (size_t i = 0; from[i] && i + 1 < sizeof plain; i++)
        plain[i] = (char)(isalnum((unsigned char)from[i]) && (unsigned char)from[i] < 128
                              ? tolower((unsigned char)from[i])
                              : '_');
    for (size_t other = 0; other < inputs->column_count; other++) {
        const char *const its = inputs->columns[other].name;
        is_alone = is_alone && (other == column || strncasecmp(from, its, sizeof plain - 1));
        for (size_t i = 0; its[i]; i++) /* names that differ in other characters may become one */
            is_alone = is_alone && (other == column || isalnum((unsigned char)its[i]) || its[i] == '_');
    }
    for (size_t i = 0; from[i]; i++)
        is_alone = is_alone && (isalnum((unsigned char)from[i]) || from[i] == '_');
    if (is_alone && isalpha((unsigned char)plain[0]) && !is_c_word(plain))
        snprintf(name, FIELD_MAX, "%s", plain);
    else
        snprintf(name, FIELD_MAX, "%s_%zu", isalpha((unsigned char)plain[0]) ? plain : "column", column);
}

/* ---- functions that do not depend on the net ---- */

static const char exp_code[] =
    "/* exp(x) to 2e-7 of itself */\n"
    "static float net_exp(float x)\n"
    "{\n"
    "    union {\n"
    "        uint32_t bits;\n"
    "        float value;\n"
    "    } power;\n"
    "    int32_t n;\n"
    "    float r;\n"
    "    if (!(x >= -87.0f))\n"
    "        return x < 0.0f ? 0.0f : x;\n"
    "    if (x > 88.0f)\n"
    "        x = 88.0f;\n"
    "    n = (int32_t)(x * 1.44269504f + (x < 0.0f ? -0.5f : 0.5f));\n"
    "    r = (x - (float)n * 0.693359375f) + (float)n * 2.12194440e-4f;\n"
    "    power.bits = (uint32_t)(n + 127) << 23;\n"
    "    return power.value *\n"
    "           (1.0f + r * (1.0f + r * (0.5f + r * (0.166666667f + r * (0.0416666667f +\n"
    "            r * (0.00833333333f + r * (0.00138888889f + r * 0.000198412698f)))))));\n"
    "}\n\n";

static const char sqrt_code[] = "static float net_sqrt(float x)\n"
                                "{\n"
                                "    union {\n"
                                "        uint32_t bits;\n"
                                "        float value;\n"
                                "    } root;\n"
                                "    int i;\n"
                                "    root.value = x;\n"
                                "    root.bits = (root.bits >> 1) + 0x1fbd1df5u;\n"
                                "    for (i = 0; i < 4; i++)\n"
                                "        root.value = 0.5f * (root.value + x / root.value);\n"
                                "    return root.value;\n"
                                "}\n\n";

static const char norm_code[] =
    "/* y = (y - mean) / sqrt(variance + 1e-5) * scale + shift */\n"
    "static void net_norm(const float *scale, const float *shift, float *y, size_t n)\n"
    "{\n"
    "    float mean = 0.0f, variance = 0.0f, factor;\n"
    "    size_t i;\n"
    "    for (i = 0; i < n; i++)\n"
    "        mean += y[i];\n"
    "    mean /= (float)n;\n"
    "    for (i = 0; i < n; i++)\n"
    "        variance += (y[i] - mean) * (y[i] - mean);\n"
    "    factor = 1.0f / net_sqrt(variance / (float)n + 1e-5f);\n"
    "    for (i = 0; i < n; i++)\n"
    "        y[i] = (y[i] - mean) * factor * scale[i] + shift[i];\n"
    "}\n\n";

static const char float_code[] =
    "/* y = W x + b; four sums round less than one */\n"
    "static void net_linear(const float *W, const float *b, const float *x, float *y, size_t inputs,\n"
    "                       size_t outputs)\n"
    "{\n"
    "    size_t i, o;\n"
    "    for (o = 0; o < outputs; o++, W += inputs) {\n"
    "        float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;\n"
    "        for (i = 0; i + 4 <= inputs; i += 4) {\n"
    "            s0 += W[i] * x[i];\n"
    "            s1 += W[i + 1] * x[i + 1];\n"
    "            s2 += W[i + 2] * x[i + 2];\n"
    "            s3 += W[i + 3] * x[i + 3];\n"
    "        }\n"
    "        for (; i < inputs; i++)\n"
    "            s0 += W[i] * x[i];\n"
    "        y[o] = b[o] + ((s0 + s1) + (s2 + s3));\n"
    "    }\n"
    "}\n\n";

static const char int8_code[] =
    "/* y = W x + b with W[o][i] = scale[o] w: x becomes whole numbers up to limit, so that sums are exact */\n"
    "static void net_linear(const int8_t *W, const float *scale, const float *b, const float *x, float *y,\n"
    "                       size_t inputs, size_t outputs, int32_t limit)\n"
    "{\n"
    "    int16_t q[NET_WIDEST];\n"
    "    const float most = (float)limit;\n"
    "    float largest = 0.0f, step, inverse;\n"
    "    size_t i, o;\n"
    "    for (i = 0; i < inputs; i++) {\n"
    "        const float size = x[i] < 0.0f ? -x[i] : x[i];\n"
    "        largest = size > largest ? size : largest;\n"
    "    }\n"
    "    step = largest / most;\n"
    "    inverse = step > 0.0f ? most / largest : 0.0f;\n"
    "    for (i = 0; i < inputs; i++) {\n"
    "        const float v = x[i] * inverse;\n"
    "        q[i] = (int16_t)(v >= most ? limit : v > -most ? (int32_t)(v < 0.0f ? v - 0.5f : v + 0.5f) : -limit);\n"
    "    }\n"
    "    for (o = 0; o < outputs; o++, W += inputs) {\n"
    "        int32_t sum = 0;\n"
    "        for (i = 0; i < inputs; i++)\n"
    "            sum += W[i] * q[i];\n"
    "        y[o] = b[o] + (float)sum * (scale[o] * step);\n"
    "    }\n"
    "}\n\n";

static const char number_code[] = "/* A number and, if `marks`, whether it is missing: then it is NaN. */\n"
                                  "static void net_number(%s v, %s offset, float fill, int marks, float *x)\n"
                                  "{\n"
                                  "    x[0] = v == v ? (float)(v - offset) : fill;\n"
                                  "    if (marks)\n"
                                  "        x[1] = v == v ? 0.0f : 1.0f;\n"
                                  "}\n\n";

static const char category_code[] =
    "/* A mark for each category and, if `marks`, one if the text is missing: then it is NULL or empty. */\n"
    "static void net_category(const char *text, const char *const *categories, size_t count, size_t fill,\n"
    "                         int marks, float *x)\n"
    "{\n"
    "    const int is_missing = !text || !*text;\n"
    "    size_t c, i;\n"
    "    for (c = 0; c < count; c++) {\n"
    "        int is_same = is_missing && c == fill;\n"
    "        for (i = 0; !is_missing && text[i] && text[i] == categories[c][i];)\n"
    "            i++;\n"
    "        if (!is_missing && !text[i] && !categories[c][i])\n"
    "            is_same = 1;\n"
    "        x[c] = is_same ? 1.0f : 0.0f;\n"
    "    }\n"
    "    if (marks)\n"
    "        x[count] = is_missing ? 1.0f : 0.0f;\n"
    "}\n\n";

static const char softmax_code[] = "static void net_softmax(float *p, size_t n)\n"
                                   "{\n"
                                   "    float most = p[0], sum = 0.0f;\n"
                                   "    size_t i;\n"
                                   "    for (i = 1; i < n; i++)\n"
                                   "        most = p[i] > most ? p[i] : most;\n"
                                   "    for (i = 0; i < n; i++)\n"
                                   "        sum += p[i] = net_exp(p[i] - most);\n"
                                   "    for (i = 0; i < n; i++)\n"
                                   "        p[i] /= sum;\n"
                                   "}\n\n";

static const char sort_code[] =
    "/* The quantiles of a target, so that they never cross: output q gets value number places[q]. */\n"
    "static void net_sort(float *p)\n"
    "{\n"
    "    float sorted[NET_QUANTILES];\n"
    "    size_t i, q;\n"
    "    for (q = 0; q < NET_QUANTILES; q++) {\n"
    "        for (i = q; i > 0 && sorted[i - 1] > p[q]; i--)\n"
    "            sorted[i] = sorted[i - 1];\n"
    "        sorted[i] = p[q];\n"
    "    }\n"
    "    for (q = 0; q < NET_QUANTILES; q++)\n"
    "        p[q] = sorted[net_places[q]];\n"
    "}\n\n";

/* What an activation is in C, as an expression of z, and the functions that it needs. */
static const struct {
    const char *expression;
    bool has_exp;
    const char *code; /* NULL: no more than exp */
} c_activations[ACTIVATION_COUNT] = {
    [ACTIVATION_RELU] = {"z < 0.0f ? 0.0f : z", false, NULL},
    [ACTIVATION_LEAKY] = {"z < 0.0f ? 0.01f * z : z", false, NULL},
    [ACTIVATION_ELU] = {"z < 0.0f ? net_exp(z) - 1.0f : z", true, NULL},
    [ACTIVATION_TANH] =
        {"net_tanh(z)", true,
         "static float net_tanh(float z)\n"
         "{\n"
         "    const float s = z * z, e = net_exp(z < 0.0f ? 2.0f * z : -2.0f * z);\n"
         "    if (s < 0.01f)\n"
         "        return z * (1.0f - s * (0.333333333f - s * (0.133333333f - s * 0.053968254f)));\n"
         "    return z < 0.0f ? (e - 1.0f) / (1.0f + e) : (1.0f - e) / (1.0f + e);\n"
         "}\n\n"},
    [ACTIVATION_SIGMOID] = {"1.0f / (1.0f + net_exp(-z))", true, NULL},
    [ACTIVATION_GELU] =
        {"z * net_normal(z)", true,
         "/* The share of the normal distribution below z. With a = |z| / sqrt(2), t = 1 / (1 + a / 2):\n"
         " * exp(a * a) erfc(a) / (2 t) is a polynomial of t, fitted to 7e-9 of itself. */\n"
         "static float net_normal(float z)\n"
         "{\n"
         "    const float a = (z < 0.0f ? -z : z) * 0.707106781f, t = 1.0f / (1.0f + 0.5f * a);\n"
         "    const float tail = 0.5f * t * net_exp(-a * a) *\n"
         "        (0.282094801f + t * (0.282092845f + t * (0.24690857f + t * (0.175050444f + t * (0.0950275265f +\n"
         "         t * (-0.0646691465f + t * (0.143987573f + t * (-0.470996838f + t * (0.506948936f +\n"
         "         t * (-0.240842312f + t * 0.0443976075f))))))))));\n"
         "    return z < 0.0f ? tail : 1.0f - tail;\n"
         "}\n\n"},
    [ACTIVATION_SILU] = {"z / (1.0f + net_exp(-z))", true, NULL},
    [ACTIVATION_MISH] = {"z * net_gate(z)", true,
                         "/* tanh(log(1 + exp(z))) */\n"
                         "static float net_gate(float z)\n"
                         "{\n"
                         "    const float e = net_exp(z > 20.0f ? 20.0f : z), n = e * (e + 2.0f);\n"
                         "    return n / (n + 2.0f);\n"
                         "}\n\n"}};

/* ---- the file ---- */

struct c_file {
    FILE *stream;
    const struct portable *net;
    const struct int8_layer *layers8; /* (depth); NULL: weights are floats */
    size_t widest;
};

static const char *number_type(const struct portable *net)
{
    return net->has_offsets ? "double" : "float";
}

static void print_head(const struct c_file *file)
{
    const struct portable *const net = file->net;
    static const char *const outputs[] = {"probabilities of the classes, whose sum is 1",
                                          "probabilities of the targets", "predicted numbers"};
    FILE *const out = file->stream;
    fprintf(out, "/* A net of clmlp %s%s. C99 without libraries, also freestanding.\n *\n", clm_version(),
            file->layers8 ? ", with weights of 8 bits" : "");
    if (net->categories)
        fputs(
            " *   void predict(const struct predict_row *row, float *p);\n *\n"
            " *   row  the columns that predict_inputs names. A missing number is NaN, a missing text is NULL or\n"
            " *        empty; dates are days since 1970-01-01, and true is 1\n",
            out);
    else
        fprintf(out, " *   void predict(const %s *x, float *p);\n *\n *   x  (PREDICT_INPUTS) %s\n",
                number_type(net),
                net->columns ? "the columns that predict_inputs names, NaN if missing; dates are days since "
                               "1970-01-01, and true is 1"
                : net->model->inputs && net->model->inputs->element == ELEMENT_BYTE
                    ? "bytes, 0 to 255"
                    : "numbers as in training");
    fprintf(out, " *   p  (PREDICT_OUTPUTS) %s\n *\n", outputs[net->end]);
    fprintf(out, " * It allocates nothing and has no state. It takes about %zu bytes of stack. */\n",
            (2 * sizeof(float) + (file->layers8 ? sizeof(int16_t) : 0)) * file->widest + 256);
    fputs("#include <stddef.h>\n#include <stdint.h>\n\n", out);
    fprintf(out, "#define PREDICT_INPUTS  %zu\n#define PREDICT_OUTPUTS %zu\n",
            net->columns ? net->columns : net->features, net->outputs);
    fprintf(out, "#define NET_WIDEST      %zu\n", file->widest);
    if (net->quantiles > 1)
        fprintf(out, "#define NET_QUANTILES   %zu\n", net->quantiles);
    fputc('\n', out);
}

/* The names of outputs and columns; false if memory ran out. */
static bool print_names(const struct c_file *file)
{
    const struct portable *const net = file->net;
    FILE *const out = file->stream;
    bool is_whole = true;
    fputs("extern const char *const predict_outputs[PREDICT_OUTPUTS];\n"
          "const char *const predict_outputs[PREDICT_OUTPUTS] = {\n",
          out);
    for (size_t c = 0; is_whole && c < net->outputs; c++) {
        char *const name = portable_output_name(net, c);
        is_whole = name != NULL;
        fputs("    ", out);
        print_string(out, name ? name : "");
        fputs(",\n", out);
        free(name);
    }
    fputs("};\n\n", out);
    if (!net->columns)
        return is_whole;
    fputs("extern const char *const predict_inputs[PREDICT_INPUTS];\n"
          "const char *const predict_inputs[PREDICT_INPUTS] = {\n",
          out);
    for (size_t i = 0; i < net->columns; i++) {
        fputs("    ", out);
        print_string(out, net->model->inputs->columns[i].name);
        fputs(",\n", out);
    }
    fputs("};\n\n", out);
    return is_whole;
}

static void print_row_type(const struct c_file *file)
{
    const struct clm_inputs *const inputs = file->net->model->inputs;
    fputs("struct predict_row {\n", file->stream);
    for (size_t i = 0; i < inputs->column_count; i++) {
        char name[FIELD_MAX];
        field_name(inputs, i, name);
        if (inputs->columns[i].kind == CLM_COLUMN_CATEGORY)
            fprintf(file->stream, "    const char *%s;\n", name);
        else
            fprintf(file->stream, "    %s %s;\n", number_type(file->net), name);
    }
    fputs("};\n\n", file->stream);
}

static void print_categories(const struct c_file *file)
{
    const struct clm_inputs *const inputs = file->net->model->inputs;
    for (size_t i = 0; i < file->net->columns; i++) {
        const struct column *const column = &inputs->columns[i];
        if (column->kind != CLM_COLUMN_CATEGORY)
            continue;
        fprintf(file->stream, "static const char *const net_categories%zu[%zu] = {\n", i,
                column->category_count);
        for (size_t c = 0; c < column->category_count; c++) {
            fputs("    ", file->stream);
            print_string(file->stream, column->categories[c]);
            fputs(",\n", file->stream);
        }
        fputs("};\n", file->stream);
    }
}

/* Do all features have the mean 0 and one scale? */
static bool c_has_one_scale(const struct portable *net)
{
    const struct clm_model *const model = net->model;
    bool has = true;
    for (size_t i = 0; i < net->features; i++)
        has = has && model->mean[i] == 0 && model->scale[i] == model->scale[0];
    return has;
}

static void print_arrays(const struct c_file *file)
{
    const struct portable *const net = file->net;
    FILE *const out = file->stream;
    if (!c_has_one_scale(net)) {
        print_floats(out, "net_mean", 0, net->model->mean, net->features);
        print_floats(out, "net_scale", 0, net->model->scale, net->features);
    }
    if (net->model->inputs && net->model->inputs->offsets && net->has_offsets) {
        fprintf(out, "static const double net_offsets[%zu] = {\n", net->features);
        for (size_t i = 0; i < net->features; i++) {
            fputs("    ", out);
            print_double(out, net->model->inputs->offsets[i]);
            fputs(",\n", out);
        }
        fputs("};\n", out);
    }
    if (net->quantiles > 1) {
        fputs("static const unsigned char net_places[NET_QUANTILES] = {", out);
        for (size_t q = 0; q < net->quantiles; q++)
            fprintf(out, "%s%zu", q ? ", " : "", net->places[q]);
        fputs("};\n", out);
    }
    if (net->target_mean) {
        print_floats(out, "net_target_mean", 0, net->target_mean, net->outputs);
        print_floats(out, "net_target_deviation", 0, net->target_deviation, net->outputs);
    }
    for (size_t l = 0; l < net->depth; l++) {
        const struct portable_layer *const layer = &net->layers[l];
        const size_t O = layer->outputs, count = O * layer->inputs;
        if (file->layers8) {
            print_int8s(out, l, file->layers8[l].W, count);
            print_floats(out, "net_step", l, file->layers8[l].scale, O);
        } else
            print_floats(out, "net_W", l, layer->W, count);
        print_floats(out, "net_b", l, layer->b, O);
        if (layer->scale) {
            print_floats(out, "net_gain", l, layer->scale, O);
            print_floats(out, "net_shift", l, layer->shift, O);
        }
    }
    fputc('\n', out);
}

/* Those that the net calls, and no others. */
static void print_functions(const struct c_file *file)
{
    const struct portable *const net = file->net;
    FILE *const out = file->stream;
    bool has[ACTIVATION_COUNT] = {false}, has_norm = false, has_exp = net->end != PORTABLE_UNITS;
    for (size_t l = 0; l < net->depth; l++) {
        has[net->layers[l].activation] = true;
        has_norm = has_norm || net->layers[l].scale;
        has_exp = has_exp || c_activations[net->layers[l].activation].has_exp;
    }
    if (has_exp)
        fputs(exp_code, out);
    if (has_norm)
        fprintf(out, "%s%s", sqrt_code, norm_code);
    fputs(file->layers8 ? int8_code : float_code, out);
    for (int act = ACTIVATION_NONE + 1; act < ACTIVATION_COUNT; act++) {
        if (!has[act])
            continue;
        if (c_activations[act].code)
            fputs(c_activations[act].code, out);
        fprintf(
            out,
            "static void net_activate%d(float *y, size_t n)\n{\n    size_t i;\n"
            "    for (i = 0; i < n; i++) {\n        const float z = y[i];\n        y[i] = %s;\n    }\n}\n\n",
            act, c_activations[act].expression);
    }
    if (net->columns > net->categories)
        fprintf(out, number_code, number_type(net), number_type(net));
    if (net->categories)
        fputs(category_code, out);
    if (net->end == PORTABLE_SOFTMAX)
        fputs(softmax_code, out);
    if (net->quantiles > 1)
        fputs(sort_code, out);
}

/* One column of a table becomes features. */
static void print_column(const struct c_file *file, size_t i)
{
    const struct clm_inputs *const inputs = file->net->model->inputs;
    const struct column *const column = &inputs->columns[i];
    FILE *const out = file->stream;
    char name[FIELD_MAX];
    field_name(inputs, i, name);
    if (column->kind == CLM_COLUMN_CATEGORY) {
        fprintf(out, "    net_category(row->%s, net_categories%zu, %zu, %zu, %d, a + %zu);\n", name, i,
                column->category_count, (size_t)column->fill, column->has_indicator, column->first);
        return;
    }
    if (file->net->categories)
        fprintf(out, "    net_number(row->%s, ", name);
    else
        fprintf(out, "    net_number(x[%zu], ", i);
    if (file->net->has_offsets)
        print_double(out, column->offset);
    else
        fputs("0.0f", out);
    fputs(", ", out);
    print_float(out, (float)column->fill);
    fprintf(out, ", %d, a + %zu);\n", column->has_indicator, column->first);
}

static void print_c_inputs(const struct c_file *file)
{
    const struct portable *const net = file->net;
    const bool has_offsets = net->has_offsets && !net->columns;
    FILE *const out = file->stream;
    for (size_t i = 0; i < net->columns; i++)
        print_column(file, i);
    const char *const from = net->columns ? "a[i]" : has_offsets ? "(float)(x[i] - net_offsets[i])" : "x[i]";
    if (net->columns && !net->is_scaled)
        return;
    fprintf(out, "    for (i = 0; i < %zu; i++)\n        a[i] = ", net->features);
    if (c_has_one_scale(net)) {
        fprintf(out, "%s * ", from);
        print_float(out, net->model->scale[0]);
        fputs(";\n", out);
    } else
        fprintf(out, "(%s - net_mean0[i]) * net_scale0[i];\n", from);
}

static void print_layer(const struct c_file *file, size_t l)
{
    const struct portable_layer *const layer = &file->net->layers[l];
    const char *const x = l % 2 ? "b" : "a", *const y = l + 1 == file->net->depth ? "p" : l % 2 ? "a" : "b";
    FILE *const out = file->stream;
    fprintf(out, "    net_linear(net_W%zu, ", l);
    if (file->layers8)
        fprintf(out, "net_step%zu, net_b%zu, %s, %s, %zu, %zu, %d);\n", l, l, x, y, layer->inputs,
                layer->outputs, (int)file->layers8[l].limit);
    else
        fprintf(out, "net_b%zu, %s, %s, %zu, %zu);\n", l, x, y, layer->inputs, layer->outputs);
    if (layer->scale)
        fprintf(out, "    net_norm(net_gain%zu, net_shift%zu, %s, %zu);\n", l, l, y, layer->outputs);
    if (layer->activation != ACTIVATION_NONE)
        fprintf(out, "    net_activate%d(%s, %zu);\n", layer->activation, y, layer->outputs);
    if (layer->skip)
        fprintf(out, "    for (i = 0; i < %zu; i++)\n        %s[i] += %s[i];\n", layer->outputs, y, x);
}

static void print_end(const struct c_file *file)
{
    const struct portable *const net = file->net;
    FILE *const out = file->stream;
    if (net->end == PORTABLE_SOFTMAX)
        fputs("    net_softmax(p, PREDICT_OUTPUTS);\n", out);
    else
        fprintf(out, "    for (i = 0; i < PREDICT_OUTPUTS; i++)\n        p[i] = %s;\n",
                net->end == PORTABLE_SIGMOID ? "1.0f / (1.0f + net_exp(-p[i]))"
                                             : "net_target_mean0[i] + p[i] * net_target_deviation0[i]");
    if (net->quantiles > 1)
        fputs("    for (i = 0; i < PREDICT_OUTPUTS; i += NET_QUANTILES)\n        net_sort(p + i);\n", out);
}

/* Does predict use its index? */
static bool c_has_index(const struct portable *net)
{
    bool has = !net->columns || net->is_scaled || net->end != PORTABLE_SOFTMAX;
    for (size_t l = 0; l < net->depth; l++)
        has = has || net->layers[l].skip;
    return has;
}

static void print_predict(const struct c_file *file)
{
    const struct portable *const net = file->net;
    FILE *const out = file->stream;
    char arguments[80];
    snprintf(arguments, sizeof arguments,
             net->categories ? "const struct predict_row *row, float *p" : "const %s *x, float *p",
             number_type(net));
    fprintf(out, "void predict(%s);\nvoid predict(%s)\n{\n    float a[NET_WIDEST]%s;\n%s\n", arguments,
            arguments, net->depth > 1 ? ", b[NET_WIDEST]" : "", c_has_index(net) ? "    size_t i;\n" : "");
    print_c_inputs(file);
    for (size_t l = 0; l < net->depth; l++)
        print_layer(file, l);
    print_end(file);
    fputs("}\n", out);
}

/* False if memory ran out. */
static bool print_c(const struct c_file *file)
{
    print_head(file);
    const bool is_whole = print_names(file);
    if (file->net->categories)
        print_row_type(file);
    print_categories(file);
    print_arrays(file);
    print_functions(file);
    print_predict(file);
    return is_whole;
}

static clm_status round_layers(const struct portable *net, struct int8_layer **out, struct clm_error *error)
{
    struct int8_layer *const layers = *out = calloc(net->depth, sizeof *layers);
    clm_status status = layers ? CLM_OK : clm_fail_host_memory(error, "weights of 8 bits", net->depth);
    for (size_t l = 0; status == CLM_OK && l < net->depth; l++)
        status = int8_create(&net->layers[l], &layers[l], error);
    return status;
}

static clm_status export_c(const struct portable *net, const char *path,
                           const struct clm_export_options *options, struct clm_error *error)
{
    struct int8_layer *layers8 = NULL;
    struct c_file file = {.net = net, .widest = net->features};
    char *text = NULL;
    size_t size = 0;
    clm_status status = options->is_int8 ? round_layers(net, &layers8, error) : CLM_OK;
    file.layers8 = layers8;
    for (size_t l = 0; l < net->depth; l++)
        file.widest = size_max(file.widest, net->layers[l].outputs);
    if (status == CLM_OK) {
        file.stream = open_memstream(&text, &size);
        const bool is_whole = file.stream && print_c(&file);
        status = text_close(file.stream, &text) && is_whole ? clm_write_file(path, text, size, error)
                                                            : clm_fail_host_memory(error, path, size);
    }
    for (size_t l = 0; layers8 && l < net->depth; l++)
        int8_free(&layers8[l]);
    free(layers8);
    free(text);
    return status;
}

const struct export_format c_export = {.name = "c", .has_int8 = true, .write = export_c};
