/* Architectures: made from widths, written as JSON and read again, and text that is no architecture. */
#include "nn/layers_text.h"

#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

static struct architecture net_of(const size_t *widths, size_t count)
{
    struct architecture net;
    ck_assert_done(architecture_create(widths, count, ACTIVATION_RELU, &net, &error));
    return net;
}

START_TEST(made_from_widths)
{
    static const size_t widths[] = {7, 5, 5, 3};
    struct architecture net = net_of(widths, 4);
    size_t *const again = architecture_widths(&net);
    ck_assert_uint_eq(net.depth, 3);
    ck_assert_mem_eq(again, widths, sizeof widths);
    for (size_t l = 0; l < 3; l++) {
        ck_assert_uint_eq(net.layers[l].inputs, widths[l]);
        ck_assert_uint_eq(net.layers[l].outputs, widths[l + 1]);
        ck_assert_int_eq(net.layers[l].activation, l < 2 ? ACTIVATION_RELU : ACTIVATION_NONE);
    }
    free(again);
    architecture_free(&net);
    ck_assert_ptr_null(net.layers);
}
END_TEST

static void assert_not_made(const size_t *widths, size_t count, clm_status status, const char *part)
{
    struct architecture net;
    ck_assert_int_eq(architecture_create(widths, count, ACTIVATION_RELU, &net, &error), status);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(net.layers);
}

START_TEST(widths_that_make_no_sense)
{
    size_t deep[ARCHITECTURE_DEPTH_MAX + 2];
    for (size_t i = 0; i < COUNT_OF(deep); i++)
        deep[i] = 1;
    assert_not_made(deep, 0, CLM_ERROR_ARGUMENT, "0 widths");
    assert_not_made(deep, 1, CLM_ERROR_ARGUMENT, "1 widths");
    assert_not_made((size_t[]){3, 4, 0}, 3, CLM_ERROR_ARGUMENT, "width 2 of the net is 0");
    assert_not_made(deep, COUNT_OF(deep), CLM_ERROR_ARGUMENT, "more than the 4096 layers");
    assert_not_made((size_t[]){SIZE_MAX, 1}, 2, CLM_ERROR_MEMORY, "narrower");
    assert_not_made((size_t[]){1, SIZE_MAX / 8 + 1}, 2, CLM_ERROR_MEMORY, "narrower");
    /* each layer fits, but not all together */
    assert_not_made((size_t[]){(size_t)1 << 31, (size_t)1 << 30, (size_t)1 << 31}, 3, CLM_ERROR_MEMORY,
                    "narrower");
}
END_TEST

START_TEST(bytes_of_parameters)
{
    struct architecture net = net_of((size_t[]){7, 5, 3}, 3);
    size_t bytes;
    ck_assert(architecture_bytes(&net, &bytes));
    ck_assert_uint_eq(bytes, sizeof(float) * (7 * 5 + 5 + 5 * 3 + 3));
    architecture_free(&net);
}
END_TEST

START_TEST(parameters)
{
    static const struct parameter_spec expected[] = {{"layers.0.weight", 0, 5, 7, true, ROLE_WEIGHT},
                                                     {"layers.0.bias", 0, 5, 0, false, ROLE_BIAS},
                                                     {"layers.1.weight", 1, 1, 5, true, ROLE_WEIGHT},
                                                     {"layers.1.bias", 1, 1, 0, false, ROLE_BIAS}};
    struct architecture net = net_of((size_t[]){7, 5, 1}, 3);
    struct parameter_spec specs[COUNT_OF(expected)];
    ck_assert_uint_eq(architecture_parameter_count(&net), COUNT_OF(expected));
    for (size_t p = 0; p < COUNT_OF(expected); p++)
        specs[p] = architecture_parameter(&net, p);
    for (size_t p = 0; p < COUNT_OF(expected); p++) {
        ck_assert_str_eq(specs[p].name, expected[p].name);
        ck_assert_uint_eq(specs[p].layer, expected[p].layer);
        ck_assert_uint_eq(specs[p].rows, expected[p].rows);
        ck_assert_uint_eq(specs[p].columns, expected[p].columns);
        ck_assert(specs[p].is_weight == expected[p].is_weight);
    }
    ck_assert_uint_eq(parameter_elements(&specs[0]), 35);
    ck_assert_uint_eq(parameter_elements(&specs[1]), 5);
    architecture_free(&net);
}
END_TEST

START_TEST(copies_and_differences)
{
    struct architecture net = net_of((size_t[]){7, 5, 5, 3}, 4), copy;
    ck_assert_done(architecture_copy(&net, &copy, &error));
    ck_assert(architecture_is_equal(&net, &copy));
    for (size_t l = 0; l < 3; l++) {
        struct layer_spec *const layer = &copy.layers[l];
        layer->inputs++;
        ck_assert(!architecture_is_equal(&net, &copy));
        layer->inputs--, layer->outputs++;
        ck_assert(!architecture_is_equal(&net, &copy));
        layer->outputs--, layer->activation = l < 2 ? ACTIVATION_NONE : ACTIVATION_RELU;
        ck_assert(!architecture_is_equal(&net, &copy));
        layer->activation = net.layers[l].activation, layer->norm = NORM_LAYER;
        ck_assert(!architecture_is_equal(&net, &copy));
        layer->norm = NORM_NONE, layer->drop = 0.1;
        ck_assert(!architecture_is_equal(&net, &copy));
        layer->drop = 0, layer->skip = true;
        ck_assert(!architecture_is_equal(&net, &copy));
        layer->skip = false;
    }
    copy.input_drop = 0.1;
    ck_assert(!architecture_is_equal(&net, &copy));
    copy.input_drop = 0;
    ck_assert(architecture_is_equal(&net, &copy));
    copy.depth = 2;
    ck_assert(!architecture_is_equal(&net, &copy));
    ck_assert(!architecture_is_equal(&copy, &net));
    architecture_free(&net);
    architecture_free(&copy);
}
END_TEST

/* ---- JSON ---- */

#define LAYER(I, O, act) "{\"inputs\":" I ",\"outputs\":" O ",\"activation\":\"" act "\"}"

#define LAST(extra) "{\"inputs\":2,\"outputs\":2,\"activation\":\"none\"," extra "}"
/* A hidden layer with one more field, and the last layer. */
#define EXTRA(extra)                                                                                         \
    "{\"layers\":[{\"inputs\":2,\"outputs\":2,\"activation\":\"relu\"," extra                                \
    "}," LAYER("2", "2", "none") "]}"

/* Other programs rely on this. */
START_TEST(text_of_a_net)
{
    struct architecture net = net_of((size_t[]){784, 256, 10}, 3);
    char *const text = architecture_text(&net);
    ck_assert_str_eq(text, "{\"layers\":[" LAYER("784", "256", "relu") "," LAYER("256", "10", "none") "]}");
    free(text);
    architecture_free(&net);
}
END_TEST

static void assert_comes_back(const struct architecture *net)
{
    struct architecture again;
    char *const text = architecture_text(net);
    ck_assert_ptr_nonnull(text);
    ck_assert_done(architecture_parse(text, &again, &error));
    ck_assert(architecture_is_equal(net, &again));
    free(text);
    architecture_free(&again);
}

START_TEST(text_comes_back)
{
    size_t widths[ARCHITECTURE_DEPTH_MAX + 1];
    for (size_t depth = 1; depth <= 3; depth++) {
        struct architecture net = net_of((size_t[]){4, 3, 2, 1}, depth + 1);
        for (int a = 0; a < ACTIVATION_COUNT; a++) {
            for (size_t l = 0; l + 1 < depth; l++)
                net.layers[l].activation = (enum activation)a;
            assert_comes_back(&net);
        }
        architecture_free(&net);
    }
    /* the deepest net with layers as wide as a size_t can count the bytes of */
    for (size_t i = 0; i < COUNT_OF(widths); i++)
        widths[i] = ((size_t)1 << 24) - 1;
    struct architecture deepest = net_of(widths, COUNT_OF(widths));
    assert_comes_back(&deepest);
    architecture_free(&deepest);
}
END_TEST

/* What layers may have besides, as text, and back. */
START_TEST(text_of_a_net_with_more)
{
    struct architecture net = net_of((size_t[]){4, 3, 3, 3, 2}, 5);
    net.input_drop = 0.125;
    net.layers[0].norm = NORM_BATCH;
    net.layers[0].drop = 0.2;
    net.layers[1].norm = NORM_LAYER;
    net.layers[1].skip = true;
    net.layers[2].drop = 1.0 / 3;
    char *const text = architecture_text(&net);
    ck_assert_str_eq(
        text,
        "{\"layers\":[{\"inputs\":4,\"outputs\":3,\"activation\":\"relu\",\"norm\":\"batch\",\"drop\":0.2},"
        "{\"inputs\":3,\"outputs\":3,\"activation\":\"relu\",\"norm\":\"layer\",\"skip\":true},"
        "{\"inputs\":3,\"outputs\":3,\"activation\":\"relu\",\"drop\":0.3333333333333333}," LAYER(
            "3", "2", "none") "],\"input_drop\":0.125}");
    free(text);
    assert_comes_back(&net);
    architecture_free(&net);
}
END_TEST

/* Scale and shift follow the bias of their layer; running statistics are a list of their own. */
START_TEST(parameters_of_norms)
{
    static const struct parameter_spec expected[] = {{"layers.0.weight", 0, 3, 4, true, ROLE_WEIGHT},
                                                     {"layers.0.bias", 0, 3, 0, false, ROLE_BIAS},
                                                     {"layers.0.norm.weight", 0, 3, 0, false, ROLE_SCALE},
                                                     {"layers.0.norm.bias", 0, 3, 0, false, ROLE_SHIFT},
                                                     {"layers.1.weight", 1, 5, 3, true, ROLE_WEIGHT},
                                                     {"layers.1.bias", 1, 5, 0, false, ROLE_BIAS},
                                                     {"layers.1.norm.weight", 1, 5, 0, false, ROLE_SCALE},
                                                     {"layers.1.norm.bias", 1, 5, 0, false, ROLE_SHIFT},
                                                     {"layers.2.weight", 2, 2, 5, true, ROLE_WEIGHT},
                                                     {"layers.2.bias", 2, 2, 0, false, ROLE_BIAS}};
    struct architecture net = net_of((size_t[]){4, 3, 5, 2}, 4);
    size_t bytes;
    net.layers[0].norm = NORM_LAYER;
    net.layers[1].norm = NORM_BATCH;
    ck_assert_uint_eq(architecture_parameter_count(&net), COUNT_OF(expected));
    for (size_t p = 0; p < COUNT_OF(expected); p++) {
        const struct parameter_spec spec = architecture_parameter(&net, p);
        ck_assert_str_eq(spec.name, expected[p].name);
        ck_assert_uint_eq(spec.layer, expected[p].layer);
        ck_assert_uint_eq(spec.rows, expected[p].rows);
        ck_assert_uint_eq(spec.columns, expected[p].columns);
        ck_assert(spec.is_weight == expected[p].is_weight);
        ck_assert_int_eq(spec.role, expected[p].role);
    }
    ck_assert_uint_eq(architecture_first_parameter(&net, 0), 0);
    ck_assert_uint_eq(architecture_first_parameter(&net, 1), 4);
    ck_assert_uint_eq(architecture_first_parameter(&net, 2), 8);
    ck_assert_uint_eq(architecture_statistic_count(&net), 2);
    const struct parameter_spec mean = architecture_statistic(&net, 0),
                                variance = architecture_statistic(&net, 1);
    ck_assert_str_eq(mean.name, "layers.1.norm.running_mean");
    ck_assert_str_eq(variance.name, "layers.1.norm.running_var");
    ck_assert_uint_eq(variance.rows, 5);
    ck_assert(architecture_bytes(&net, &bytes));
    ck_assert_uint_eq(bytes, sizeof(float) * (3 * 4 + 3 * 3 + 5 * 3 + 5 * 5 + 2 * 5 + 2));
    architecture_free(&net);
}
END_TEST

/* ---- the short text ---- */

static const struct {
    const char *text, *again;
} short_texts[] = {
    {"10", "10"},
    {"512", "512 tanh drop=0.5, 10"},
    {"512,10", "512 tanh drop=0.5, 10"},
    {"10,10", "10 tanh drop=0.5, 10"},
    {"10 none", "10 none drop=0.5, 10"},
    {"512 relu , 11", "512 relu drop=0.5, 11 tanh drop=0.5, 10"},
    {"input drop=0.1, 6 gelu norm=batch drop=0.2, 6 gelu skip drop=0, 10",
     "input drop=0.1, 6 gelu norm=batch drop=0.2, 6 gelu skip, 10"},
    {"7 drop=0 skip norm=layer", "7 tanh norm=layer skip, 10"},
    {"input drop=0.25", "input drop=0.25, 10"},
};

/* Of 7 inputs and 10 classes; hidden layers are tanh and drop a half if the text does not say it. */
START_TEST(short_text)
{
    const struct layer_spec hidden = {.activation = ACTIVATION_TANH, .drop = 0.5};
    struct architecture net, again;
    ck_assert_done(layers_text_read(short_texts[_i].text, 7, 10, &hidden, 0, &net, &error));
    char *const text = layers_text_of(&net);
    ck_assert_str_eq(text, short_texts[_i].again);
    ck_assert_done(layers_text_read(text, 7, 10, &(struct layer_spec){.norm = NORM_NONE}, 0, &again, &error));
    ck_assert(architecture_is_equal(&net, &again));
    free(text);
    architecture_free(&net);
    architecture_free(&again);
}
END_TEST

START_TEST(short_text_that_is_no_net)
{
    const struct layer_spec hidden = {.activation = ACTIVATION_RELU};
    struct architecture net;
    ck_assert_int_eq(layers_text_read("5 skip", 7, 10, &hidden, 0, &net, &error), CLM_ERROR_SHAPE);
    ck_assert_msg(strstr(error.message, "layer 0 adds its inputs") != NULL, "%s", error.message);
    ck_assert_ptr_null(net.layers);
    ck_assert_int_eq(layers_text_read("7", 7, 10, &hidden, 1, &net, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(layers_text_read("gelu", 7, 10, &hidden, 0, &net, &error), CLM_ERROR_ARGUMENT);
}
END_TEST

START_TEST(spaces_and_order_do_not_matter)
{
    struct architecture net = net_of((size_t[]){4, 2}, 2), read;
    ck_assert_done(architecture_parse(
        " {\"layers\" : [ {\"activation\":\"none\", \"outputs\": 2,\n\"inputs\": 4 } ] } ", &read, &error));
    ck_assert(architecture_is_equal(&net, &read));
    architecture_free(&net);
    architecture_free(&read);
}
END_TEST

static const struct {
    const char *text;
    clm_status status;
    const char *part;
} refused[] = {
    {"", CLM_ERROR_FORMAT, "it is no JSON"},
    {"{\"layers\":[", CLM_ERROR_FORMAT, "it is no JSON"},
    {"{\"layers\":[" LAYER("1", "1", "none") "]} x", CLM_ERROR_FORMAT, "it is no JSON"},
    {"[]", CLM_ERROR_FORMAT, "the net: Expected object, got array; this version reads layers (a list)"},
    {"{}", CLM_ERROR_FORMAT, "the net: Object item not found: layers"},
    {"{\"layers\":[]}", CLM_ERROR_FORMAT, "no list \"layers\" with a layer"},
    {"{\"layers\":{\"inputs\":1}}", CLM_ERROR_FORMAT, "no list \"layers\""},
    {"{\"layers\":[3]}", CLM_ERROR_FORMAT, "layer 0: Expected object, got integer"},
    {"{\"layers\":[" LAYER("2", "2", "relu") ",null]}", CLM_ERROR_FORMAT,
     "layer 1: Expected object, got null"},
    {"{\"layers\":[{\"outputs\":2,\"activation\":\"none\"}]}", CLM_ERROR_FORMAT,
     "layer 0: Object item not found: inputs; this version reads inputs, outputs"},
    {"{\"layers\":[{\"inputs\":2,\"activation\":\"none\"}]}", CLM_ERROR_FORMAT,
     "layer 0: Object item not found: outputs"},
    {"{\"layers\":[{\"inputs\":2,\"outputs\":2}]}", CLM_ERROR_FORMAT,
     "layer 0: Object item not found: activation"},
    {"{\"layers\":[{\"inputs\":2,\"outputs\":2,\"activation\":1}]}", CLM_ERROR_FORMAT,
     "layer 0: Expected string, got integer"},
    {"{\"layers\":[" LAYER("0", "2", "none") "]}", CLM_ERROR_FORMAT,
     "layer 0: 0 inputs and 2 outputs; there has to be"},
    {"{\"layers\":[" LAYER("2", "-1", "none") "]}", CLM_ERROR_FORMAT, "layer 0: 2 inputs and -1 outputs"},
    {"{\"layers\":[" LAYER("2.0", "2", "none") "]}", CLM_ERROR_FORMAT, "layer 0: Expected integer, got real"},
    {"{\"layers\":[" LAYER("1e3", "2", "none") "]}", CLM_ERROR_FORMAT, "layer 0: Expected integer, got real"},
    {"{\"layers\":[" LAYER("\"2\"", "2", "none") "]}", CLM_ERROR_FORMAT,
     "layer 0: Expected integer, got string"},
    {"{\"layers\":[" LAYER("2", "18446744073709551615", "none") "]}", CLM_ERROR_FORMAT, "it is no JSON"},
    {"{\"layers\":[" LAYER("2", "9223372036854775807", "none") "]}", CLM_ERROR_MEMORY, "narrower"},
    {"{\"layers\":[" LAYER("2", "2", "tanhh") "]}", CLM_ERROR_FORMAT,
     "layer 0: its activation is tanhh; this version knows none, relu"},
    {"{\"layers\":[" LAYER("2", "2", "") "]}", CLM_ERROR_FORMAT, "this version knows none, relu"},
    {"{\"layers\":[" LAYER("2", "3", "relu") "," LAYER("4", "2", "none") "]}", CLM_ERROR_SHAPE,
     "layer 1 takes 4 inputs, but the layer before it gives 3"},
    {"{\"layers\":[" LAYER("2", "3", "none") "," LAYER("3", "2", "relu") "]}", CLM_ERROR_ARGUMENT,
     "layer 1 is the last one and has activation relu"},
    /* a field of a later version changes what the net computes */
    {"{\"layers\":[{\"inputs\":2,\"outputs\":2,\"activation\":\"none\",\"groups\":2}]}", CLM_ERROR_FORMAT,
     "layer 0: 1 object item(s) left unpacked: groups; this version reads inputs, outputs"},
    {EXTRA("\"norm\":\"group\""), CLM_ERROR_FORMAT,
     "layer 0: its norm is group; this version knows none, batch"},
    {EXTRA("\"norm\":1"), CLM_ERROR_FORMAT, "layer 0: Expected string, got integer"},
    {EXTRA("\"drop\":1"), CLM_ERROR_ARGUMENT, "layer 0 drops a share of 1; it has to be from 0 to below 1"},
    {EXTRA("\"drop\":-0.1"), CLM_ERROR_ARGUMENT, "layer 0 drops a share of -0.1"},
    {EXTRA("\"drop\":\"0.1\""), CLM_ERROR_FORMAT, "layer 0: Expected real or integer, got string"},
    {EXTRA("\"skip\":1"), CLM_ERROR_FORMAT, "layer 0: Expected true or false, got integer"},
    {"{\"layers\":[{\"inputs\":2,\"outputs\":3,\"activation\":\"relu\",\"skip\":true}," LAYER("3", "2",
                                                                                              "none") "]}",
     CLM_ERROR_SHAPE, "layer 0 adds its inputs to its outputs (skip), but has 2 inputs and 3 outputs"},
    {"{\"layers\":[" LAST("\"norm\":\"batch\"") "]}", CLM_ERROR_ARGUMENT,
     "layer 0 is the last one and has a norm"},
    {"{\"layers\":[" LAST("\"skip\":true") "]}", CLM_ERROR_ARGUMENT,
     "layer 0 is the last one and has a skip"},
    {"{\"layers\":[" LAST("\"drop\":0.5") "]}", CLM_ERROR_ARGUMENT, "layer 0 is the last one and has a drop"},
    {"{\"input_drop\":1,\"layers\":[" LAYER("2", "2", "none") "]}", CLM_ERROR_ARGUMENT,
     "the share of inputs to drop is 1"},
    {"{\"drop\":0.2,\"layers\":[" LAYER("2", "2", "none") "]}", CLM_ERROR_FORMAT,
     "the net: 1 object item(s) left unpacked: drop; this version reads layers"},
    {"{\"layers\":[{\"inputs\":2,\"inputs\":2,\"outputs\":2,\"activation\":\"none\"}]}", CLM_ERROR_FORMAT,
     "it is no JSON"},
};

START_TEST(text_that_is_no_architecture)
{
    struct architecture net = {.depth = 1};
    error = (struct clm_error){0};
    ck_assert_msg(architecture_parse(refused[_i].text, &net, &error) == refused[_i].status, "%s: %d %s",
                  refused[_i].text, (int)error.status, error.message);
    ck_assert_int_eq(error.status, refused[_i].status);
    ck_assert_msg(strstr(error.message, refused[_i].part) != NULL, "no \"%s\" in: %s", refused[_i].part,
                  error.message);
    ck_assert_ptr_null(net.layers);
    ck_assert_uint_eq(net.depth, 0);
}
END_TEST

START_TEST(text_that_is_too_long)
{
    const size_t length = 4096 * 256 + 1;
    struct architecture net;
    char *const text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, '[', length);
    text[length] = '\0';
    ck_assert_int_eq(architecture_parse(text, &net, &error), CLM_ERROR_FORMAT);
    ck_assert_msg(strstr(error.message, "more than the 1048576") != NULL, "%s", error.message);
    text[length - 1] = '\0';
    ck_assert_int_eq(architecture_parse(text, &net, &error), CLM_ERROR_FORMAT);
    ck_assert_msg(strstr(error.message, "it is no JSON") != NULL, "%s", error.message);
    free(text);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("architecture");
    TCase *const cases = tcase_create("architecture");
    tcase_add_test(cases, made_from_widths);
    tcase_add_test(cases, widths_that_make_no_sense);
    tcase_add_test(cases, bytes_of_parameters);
    tcase_add_test(cases, parameters);
    tcase_add_test(cases, copies_and_differences);
    tcase_add_test(cases, text_of_a_net);
    tcase_add_test(cases, text_comes_back);
    tcase_add_test(cases, text_of_a_net_with_more);
    tcase_add_test(cases, parameters_of_norms);
    tcase_add_loop_test(cases, short_text, 0, COUNT_OF(short_texts));
    tcase_add_test(cases, short_text_that_is_no_net);
    tcase_add_test(cases, spaces_and_order_do_not_matter);
    tcase_add_loop_test(cases, text_that_is_no_architecture, 0, COUNT_OF(refused));
    tcase_add_test(cases, text_that_is_too_long);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
