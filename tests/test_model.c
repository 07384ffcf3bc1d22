/* Models: initial parameters, writing and reading files, and files that are no models. */
#include "nn/model.h"

#include "nn/safetensors.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;
static char *directory;

static void set_up(void)
{
    error = (struct clm_error){0};
    directory = test_directory();
}

static void tear_down(void)
{
    test_directory_remove(directory);
}

static char *path_of(const char *name)
{
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/%s", directory, name), 0);
    return path;
}

/* A model of these widths, which a 0 ends; initialised as `init` says. */
static struct clm_model *model_of(const char *init, uint64_t seed, const size_t *widths)
{
    struct clm_model *model = NULL;
    size_t count = 0;
    while (widths[count])
        count++;
    const struct clm_model_options options = {
        .sizes = widths, .size_count = count, .init = init, .seed = seed, .is_bytes = true};
    if (clm_model_create(&options, &model, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return model;
}

static void assert_same_parameters(const struct clm_model *a, const struct clm_model *b)
{
    ck_assert_uint_eq(clm_model_depth(a), clm_model_depth(b));
    for (size_t l = 0; l < clm_model_depth(a); l++) {
        const size_t I = clm_model_width(a, l), O = clm_model_width(a, l + 1);
        ck_assert_uint_eq(I, clm_model_width(b, l));
        ck_assert_uint_eq(O, clm_model_width(b, l + 1));
        ck_assert_mem_eq(clm_model_weight(a, l), clm_model_weight(b, l), I * O * sizeof(float));
        ck_assert_mem_eq(clm_model_bias(a, l), clm_model_bias(b, l), O * sizeof(float));
    }
}

/* ---- initial parameters ---- */

/* Mean and variance of n independent normal numbers of deviation s have deviations s / sqrt(n) and s² sqrt(2
 * / n). Six of them come about once in 10⁹ draws, and the seed is fixed. */
static void assert_normal(const float *values, size_t n, double s)
{
    double sum = 0, squares = 0, fourth = 0;
    for (size_t i = 0; i < n; i++) {
        const double v = values[i];
        sum += v, squares += v * v, fourth += v * v * v * v;
    }
    const double count = (double)n, variance = squares / count;
    ck_assert_within(sum / count, 0, 6 * s / sqrt(count));
    ck_assert_within(variance, s * s, 6 * s * s * sqrt(2 / count));
    /* the normal distribution's fourth moment is 3 s⁴ with variance 96 s⁸ / n; a uniform one has 1.8 s⁴ */
    ck_assert_within(fourth / count, 3 * s * s * s * s, 6 * s * s * s * s * sqrt(96 / count));
}

static void assert_initialised(const char *init, const double *deviations)
{
    static const size_t widths[] = {150, 120, 90, 0};
    struct clm_model *const model = model_of(init, 3, widths);
    for (size_t l = 0; l < 2; l++) {
        assert_normal(clm_model_weight(model, l), widths[l] * widths[l + 1], deviations[l]);
        for (size_t o = 0; o < widths[l + 1]; o++)
            ck_assert_float_eq(clm_model_bias(model, l)[o], 0);
    }
    clm_model_free(model);
}

START_TEST(deviations_of_initial_weights)
{
    const double he[] = {sqrt(2 / 150.0), sqrt(1 / 120.0)}, xavier[] = {sqrt(2 / 270.0), sqrt(2 / 210.0)},
                 lecun[] = {sqrt(1 / 150.0), sqrt(1 / 120.0)}, normal[] = {0.01, 0.01};
    assert_initialised(NULL, he);
    assert_initialised("he", he);
    assert_initialised("xavier", xavier);
    assert_initialised("lecun", lecun);
    assert_initialised("normal:0.01", normal);
}
END_TEST

/* Uniform numbers from -A to A: none is outside, and the moments are 0, A² / 3 and A⁴ / 5. The variances of
 * n numbers' squares and fourth powers are 4 A⁴ / 45 and 16 A⁸ / 225. */
START_TEST(uniform_weights)
{
    const size_t count = 150 * 120;
    const double A = 0.25, n = (double)count;
    struct clm_model *const model = model_of("uniform:0.25", 3, (const size_t[]){150, 120, 0});
    double sum = 0, squares = 0, fourth = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        const double w = clm_model_weight(model, 0)[i];
        sum += w, squares += w * w, fourth += w * w * w * w, most = fmax(most, fabs(w));
    }
    ck_assert(most <= A && most > 0.999 * A);
    ck_assert_within(sum / n, 0, 6 * A / sqrt(3 * n));
    ck_assert_within(squares / n, A * A / 3, 6 * A * A * sqrt(4.0 / 45 / n));
    ck_assert_within(fourth / n, A * A * A * A / 5, 6 * A * A * A * A * sqrt(16.0 / 225 / n));
    for (size_t o = 0; o < 120; o++)
        ck_assert_float_eq(clm_model_bias(model, 0)[o], 0);
    clm_model_free(model);
}
END_TEST

/* Products of the rows of W, or of its columns if they are fewer: `square` with themselves, 0 with others, to
 * within the roundings of floats. */
static void assert_orthogonal(const struct clm_model *model, size_t l, double square)
{
    const size_t I = clm_model_width(model, l), O = clm_model_width(model, l + 1), count = O < I ? O : I,
                 length = O < I ? I : O, step = O < I ? 1 : I, next = O < I ? I : 1;
    const float *const W = clm_model_weight(model, l);
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < count; b++) {
            double product = 0;
            for (size_t i = 0; i < length; i++)
                product += (double)W[a * next + i * step] * (double)W[b * next + i * step];
            ck_assert_within(product, a == b ? square : 0, square * 0x1p-22);
        }
}

/* The lengths are sqrt(2) before a ReLU and 1 elsewhere. Elements of the diagonal have either sign. */
START_TEST(orthogonal_weights)
{
    static const size_t widths[] = {90, 40, 70, 70, 1, 3}, count = sizeof widths / sizeof *widths;
    for (int act = ACTIVATION_RELU; act <= ACTIVATION_TANH; act++) {
        const bool is_halved = act <= ACTIVATION_LEAKY;
        const struct clm_model_options options = {.sizes = widths,
                                                  .size_count = count,
                                                  .activation = activations[act].name,
                                                  .init = "orthogonal",
                                                  .seed = 5};
        struct clm_model *model = NULL, *again = NULL;
        ck_assert_done(clm_model_create(&options, &model, &error));
        ck_assert_done(clm_model_create(&options, &again, &error));
        assert_same_parameters(model, again);
        for (size_t l = 0; l + 1 < count; l++)
            assert_orthogonal(model, l, is_halved && l + 2 < count ? 2 : 1);
        size_t positive = 0;
        for (size_t o = 0; o < 40; o++)
            positive += clm_model_weight(model, 0)[o * 90 + o] > 0;
        ck_assert_uint_ge(positive, 5); /* of 40 coins; fewer, or more than 35, come less than once in 10⁶ */
        ck_assert_uint_le(positive, 35);
        clm_model_free(model);
        clm_model_free(again);
    }
}
END_TEST

START_TEST(seed_and_layer_decide)
{
    static const size_t deep[] = {20, 30, 40, 5, 0}, other[] = {7, 30, 40, 9, 0};
    struct clm_model *const first = model_of("normal:1", 11, deep),
                            *const again = model_of("normal:1", 11, deep),
                            *const seed = model_of("normal:1", 12, deep),
                            *const shape = model_of("normal:1", 11, other);
    const size_t bytes = sizeof(float) * 30 * 40;
    assert_same_parameters(first, again);
    ck_assert_mem_ne(clm_model_weight(first, 1), clm_model_weight(seed, 1), bytes);
    ck_assert_mem_ne(clm_model_weight(first, 1), clm_model_weight(first, 0), sizeof(float) * 20 * 30);
    /* another width of the first layer does not change the second */
    ck_assert_mem_eq(clm_model_weight(first, 1), clm_model_weight(shape, 1), bytes);
    clm_model_free(first);
    clm_model_free(again);
    clm_model_free(seed);
    clm_model_free(shape);
}
END_TEST

/* A seed gives the same net in every version, to a few units in the last place: logarithms may differ. */
START_TEST(seed_means_the_same_weights_as_ever)
{
    static const double expected[2][3] = {{-2.3938067, -0.0963368788, -0.932107389},
                                          {-2.13471127, -0.527514696, 0.989244282}};
    struct clm_model *const model = model_of("normal:1", 11, (const size_t[]){5, 4, 3, 0});
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; i < 3; i++)
            ck_assert_within(clm_model_weight(model, l)[i], expected[l][i], 1e-6);
    clm_model_free(model);
}
END_TEST

START_TEST(deviation_zero_and_largest)
{
    static const size_t widths[] = {50, 100, 0};
    struct clm_model *const zero = model_of("normal:0", 1, widths), *const large =
                                                                        model_of("normal:1e30", 1, widths);
    for (size_t i = 0; i < 5000; i++) {
        ck_assert_float_eq(clm_model_weight(zero, 0)[i], 0);
        ck_assert(isfinite(clm_model_weight(large, 0)[i]));
    }
    clm_model_free(zero);
    clm_model_free(large);
}
END_TEST

START_TEST(normalisation_follows_the_data)
{
    static const size_t sizes[] = {4, 2};
    for (int is_bytes = 0; is_bytes < 2; is_bytes++) {
        const struct clm_model_options options = {.sizes = sizes, .size_count = 2, .is_bytes = is_bytes};
        struct clm_model *model = NULL;
        ck_assert_int_eq(clm_model_create(&options, &model, &error), CLM_OK);
        for (size_t i = 0; i < 4; i++) {
            ck_assert_float_eq(model->mean[i], 0);
            ck_assert_float_eq(model->scale[i], is_bytes ? 1 / 255.0f : 1);
        }
        ck_assert_ptr_null(clm_model_class_name(model, 0));
        clm_model_free(model);
    }
}
END_TEST

/* Making a model of these sizes must fail with this status, and `part` in the sentence. */
static void assert_not_made(const size_t *sizes, size_t count, const char *init, clm_status status,
                            const char *part)
{
    const struct clm_model_options options = {.sizes = sizes, .size_count = count, .init = init};
    struct clm_model *model = (struct clm_model *)&error;
    error = (struct clm_error){0};
    ck_assert_msg(clm_model_create(&options, &model, &error) == status, "%s: %d %s", part, (int)error.status,
                  error.message);
    ck_assert_int_eq(error.status, status);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(model);
}

START_TEST(sizes_that_make_no_sense)
{
    assert_not_made((size_t[]){5}, 0, NULL, CLM_ERROR_ARGUMENT, "0 widths");
    assert_not_made((size_t[]){5}, 1, NULL, CLM_ERROR_ARGUMENT, "1 widths");
    assert_not_made((size_t[]){0, 5}, 2, NULL, CLM_ERROR_ARGUMENT, "width 0");
    assert_not_made((size_t[]){5, 0, 5}, 3, NULL, CLM_ERROR_ARGUMENT, "width 1");
    assert_not_made((size_t[]){SIZE_MAX, 1}, 2, NULL, CLM_ERROR_MEMORY, "narrower");
    assert_not_made((size_t[]){SIZE_MAX / 2, 3}, 2, NULL, CLM_ERROR_MEMORY, "narrower");
    assert_not_made((size_t[]){SIZE_MAX / 8, 2, 1}, 3, NULL, CLM_ERROR_MEMORY, "narrower");
    /* the product is 0 in a size_t; the one below fits, but no host has 2^50 bytes */
    assert_not_made((size_t[]){SIZE_MAX / 2 + 1, 4}, 2, NULL, CLM_ERROR_MEMORY, "narrower");
    assert_not_made((size_t[]){(size_t)1 << 24, (size_t)1 << 24, 2}, 3, NULL, CLM_ERROR_MEMORY, "GiB");
}
END_TEST

START_TEST(inits_that_make_no_sense)
{
    static const size_t sizes[] = {3, 2};
    static const char *const deviations[] = {
        "normal:",     "normal:x", "normal:-1", "normal:nan", "normal:inf",  "normal:1e31",
        "normal:0.1x", "uniform:", "uniform:x", "uniform:-1", "uniform:1e31"};
    for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
        assert_not_made(sizes, 2, deviations[i], CLM_ERROR_ARGUMENT, deviations[i]);
    assert_not_made(sizes, 2, "", CLM_ERROR_IO, "xavier");
    assert_not_made(
        sizes, 2, "xavir", CLM_ERROR_IO,
        "initial parameters xavir: there is no such file, and it is neither he, xavier, lecun, orthogonal, normal:STD nor uniform:A");
    char *const nothing = path_of("nothing.safetensors");
    assert_not_made(sizes, 2, nothing, CLM_ERROR_IO, nothing);
    free(nothing);
}
END_TEST

/* ---- files ---- */

START_TEST(round_trip)
{
    static const size_t widths[] = {7, 5, 3, 0};
    static const char *const names[] = {"T-shirt/top", "\"né\"", ""};
    struct clm_model *const model = model_of("xavier", UINT64_MAX, widths), *read = NULL;
    char *const path = path_of("model.safetensors");
    model->class_names = calloc(3, sizeof(char *));
    for (size_t c = 0; c < 3; c++)
        model->class_names[c] = strdup(names[c]);
    for (size_t i = 0; i < 7; i++) {
        model->mean[i] = (float)i / 3;
        model->scale[i] = 1 / (1 + (float)i);
    }
    model_weight(model, 0)[4] = -0.0f;
    model_weight(model, 1)[2] = FLT_TRUE_MIN;
    model_bias(model, 1)[0] = -FLT_MAX;
    ck_assert_msg(clm_model_save(model, path, &error) == CLM_OK, "%s", error.message);
    ck_assert_msg(clm_model_load(path, &read, &error) == CLM_OK, "%s", error.message);
    assert_same_parameters(model, read);
    ck_assert_mem_eq(model->mean, read->mean, 7 * sizeof(float));
    ck_assert_mem_eq(model->scale, read->scale, 7 * sizeof(float));
    ck_assert(read->seed == UINT64_MAX);
    for (size_t c = 0; c < 3; c++)
        ck_assert_str_eq(clm_model_class_name(read, c), names[c]);
    clm_model_free(model);
    clm_model_free(read);
    free(path);
}
END_TEST

static void assert_tensor(const struct safetensors *file, const char *name, size_t rows, size_t columns)
{
    const struct safetensor *const tensor = safetensors_find(file, name);
    ck_assert_msg(tensor != NULL, "no %s", name);
    ck_assert_uint_eq(tensor->dimension_count, columns ? 2 : 1);
    ck_assert_uint_eq(tensor->shape[0], rows);
    if (columns)
        ck_assert_uint_eq(tensor->shape[1], columns);
}

static const char *metadata_of(const struct safetensors *file, const char *key)
{
    const char *const value = json_string_value(json_object_get(file->metadata, key));
    ck_assert_msg(value != NULL, "no %s in the metadata", key);
    return value;
}

/* Other programs rely on this. */
START_TEST(names_and_metadata)
{
    static const size_t widths[] = {7, 5, 2, 0};
    struct clm_model *const model = model_of(NULL, 42, widths);
    char *const path = path_of("model.safetensors");
    struct safetensors file;
    model->class_names = calloc(2, sizeof(char *));
    model->class_names[0] = strdup("a");
    model->class_names[1] = strdup("caf\xE9"); /* Latin-1 */
    ck_assert_int_eq(clm_model_save(model, path, &error), CLM_OK);
    ck_assert_msg(safetensors_read(path, &file, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(file.count, 6);
    assert_tensor(&file, "layers.0.weight", 5, 7);
    assert_tensor(&file, "layers.0.bias", 5, 0);
    assert_tensor(&file, "layers.1.weight", 2, 5);
    assert_tensor(&file, "layers.1.bias", 2, 0);
    assert_tensor(&file, "input.mean", 7, 0);
    assert_tensor(&file, "input.scale", 7, 0);
    ck_assert_str_eq(metadata_of(&file, "program"), "clmlp");
    ck_assert_str_eq(metadata_of(&file, "version"), clm_version());
    ck_assert_str_eq(metadata_of(&file, "architecture"),
                     "{\"layers\":[{\"inputs\":7,\"outputs\":5,\"activation\":\"relu\"},"
                     "{\"inputs\":5,\"outputs\":2,\"activation\":\"none\"}]}");
    ck_assert_str_eq(metadata_of(&file, "layers"), "7,5,2");
    ck_assert_str_eq(metadata_of(&file, "activation"), "relu");
    ck_assert_str_eq(metadata_of(&file, "seed"), "42");
    ck_assert_str_eq(metadata_of(&file, "class_names"), "[\"a\",\"caf?\"]");
    safetensors_free(&file);
    clm_model_free(model);
    free(path);
}
END_TEST

START_TEST(init_from_a_file)
{
    static const size_t widths[] = {6, 4, 3, 0};
    struct clm_model *const model = model_of(NULL, 9, widths);
    char *const path = path_of("init.safetensors");
    model->mean[0] = 17;
    model->scale[0] = 19;
    model_bias(model, 0)[1] = 0.5f;
    ck_assert_int_eq(clm_model_save(model, path, &error), CLM_OK);
    struct clm_model *const begun = model_of(path, 1, widths);
    assert_same_parameters(model, begun);
    /* normalisation comes from the data, not the file */
    ck_assert_float_eq(begun->mean[0], 0);
    ck_assert_float_eq(begun->scale[0], 1 / 255.0f);
    assert_not_made((size_t[]){6, 4, 4}, 3, path, CLM_ERROR_SHAPE,
                    "layers.1.weight has shape (3,4) where this net needs (4,4)");
    assert_not_made((size_t[]){6, 3}, 2, path, CLM_ERROR_SHAPE, "layers.0.weight");
    assert_not_made((size_t[]){6, 4}, 2, path, CLM_ERROR_SHAPE, "it has a layers.1.");
    assert_not_made((size_t[]){6, 4, 3, 2}, 4, path, CLM_ERROR_FORMAT, "no layers.2.weight");
    clm_model_free(model);
    clm_model_free(begun);
    free(path);
}
END_TEST

/* Layers have numbers of two digits, too. */
START_TEST(init_of_eleven_layers)
{
    static const size_t widths[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 0};
    struct clm_model *const model = model_of(NULL, 9, widths);
    char *const path = path_of("init.safetensors");
    ck_assert_int_eq(clm_model_save(model, path, &error), CLM_OK);
    struct clm_model *const begun = model_of(path, 1, widths);
    assert_same_parameters(model, begun);
    assert_not_made(widths, 11, path, CLM_ERROR_SHAPE, "it has a layers.10.");
    clm_model_free(model);
    clm_model_free(begun);
    free(path);
}
END_TEST

/* ---- files that are no models ---- */

struct file_part {
    const char *name;
    size_t rows, columns; /* columns 0: a vector */
};

#define PARTS_MAX 10

#define LAYER(I, O, act) "{\"inputs\":" #I ",\"outputs\":" #O ",\"activation\":\"" act "\"}"
#define LAYERS(layers)   "{\"layers\":[" layers "]}"

/* A file of these parts, ended by one without a name. Every value is 0.5, except element 1 of `damaged`. */
static char *file_of(const struct file_part *parts, const char *damaged, float damage, const char *key,
                     const char *value)
{
    char *const path = path_of("model.safetensors");
    struct safetensor tensors[PARTS_MAX] = {0};
    size_t count = 0;
    for (; parts[count].name; count++) {
        const size_t rows = parts[count].rows, columns = parts[count].columns;
        struct safetensor *const tensor = &tensors[count];
        tensor->name = strdup(parts[count].name);
        tensor->dimension_count = columns ? 2 : 1;
        tensor->shape[0] = rows;
        tensor->shape[1] = columns;
        tensor->count = rows * (columns ? columns : 1);
        tensor->values = calloc(tensor->count + 1, sizeof(float));
        for (size_t i = 0; i < tensor->count; i++)
            tensor->values[i] = 0.5f;
        if (damaged && !strcmp(damaged, tensor->name))
            tensor->values[1] = damage;
    }
    json_t *const metadata = key ? json_pack("{ss}", key, value) : NULL;
    ck_assert_msg(safetensors_write(path, tensors, count, metadata, &error) == CLM_OK, "%s", error.message);
    json_decref(metadata);
    for (size_t i = 0; i < count; i++) {
        free(tensors[i].name);
        free(tensors[i].values);
    }
    return path;
}

static void assert_refused(char *path, clm_status status, const char *part)
{
    struct clm_model *model = (struct clm_model *)&error;
    error = (struct clm_error){0};
    ck_assert_msg(clm_model_load(path, &model, &error) == status, "%s: %d %s", part, (int)error.status,
                  error.message);
    ck_assert_int_eq(error.status, status);
    ck_assert_msg(strstr(error.message, path) != NULL, "the file is not named: %s", error.message);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(model);
    free(path);
}

#define WHOLE                                                                                                \
    {"layers.0.weight", 4, 3}, {"layers.0.bias", 4, 0}, {"layers.1.weight", 2, 4},                           \
    {                                                                                                        \
        "layers.1.bias", 2, 0                                                                                \
    }

static const struct file_part whole[] = {WHOLE, {0}},
                              normalised[] = {WHOLE, {"input.mean", 3, 0}, {"input.scale", 3, 0}, {0}};

START_TEST(missing_metadata_and_normalisation)
{
    struct clm_model *model = NULL;
    char *const path = file_of(whole, NULL, 0, NULL, NULL);
    ck_assert_msg(clm_model_load(path, &model, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(clm_model_depth(model), 2);
    ck_assert_ptr_null(clm_model_activation(model, 0)); /* the file does not say it: taken as ReLU */
    ck_assert_int_eq(model->architecture.layers[0].activation, ACTIVATION_RELU);
    ck_assert_uint_eq(clm_model_width(model, 0), 3);
    ck_assert_uint_eq(clm_model_width(model, 1), 4);
    ck_assert_uint_eq(clm_model_width(model, 2), 2);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_float_eq(model->mean[i], 0);
        ck_assert_float_eq(model->scale[i], 1);
    }
    ck_assert_ptr_null(clm_model_class_name(model, 1));
    clm_model_free(model);
    free(path);
}
END_TEST

/* Class names are dropped unless they are a list of as many strings as there are classes. */
START_TEST(class_names_that_do_not_fit)
{
    static const char *const lists[] = {"[\"a\"]", "[\"a\",\"b\",\"c\"]", "[\"a\",1]", "{}", "a,b",
                                        "",        "[\"a\",\"b\""};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct clm_model *model = NULL;
        char *const path = file_of(whole, NULL, 0, "class_names", lists[i]);
        ck_assert_msg(clm_model_load(path, &model, &error) == CLM_OK, "%s", error.message);
        ck_assert_ptr_null(clm_model_class_name(model, 0));
        clm_model_free(model);
        free(path);
    }
}
END_TEST

static void assert_parts_refused(const struct file_part *parts, clm_status status, const char *part)
{
    assert_refused(file_of(parts, NULL, 0, NULL, NULL), status, part);
}

START_TEST(parts_that_are_no_net)
{
    assert_parts_refused((struct file_part[]){{0}}, CLM_ERROR_FORMAT, "no layers.0.weight");
    assert_parts_refused((struct file_part[]){{"fc1.weight", 2, 3}, {0}}, CLM_ERROR_SHAPE,
                         "one after the other: fc1.weight (2,3)");
    assert_parts_refused((struct file_part[]){{"layers.0.weight", 2, 3}, {0}}, CLM_ERROR_FORMAT,
                         "no layers.0.bias");
    assert_parts_refused((struct file_part[]){{"layers.0.weight", 6, 0}, {"layers.0.bias", 2, 0}, {0}},
                         CLM_ERROR_FORMAT, "layers.0.weight has 1 dimensions");
    assert_parts_refused((struct file_part[]){{"layers.0.weight", 0, 3}, {"layers.0.bias", 0, 0}, {0}},
                         CLM_ERROR_FORMAT, "0 elements");
    assert_parts_refused((struct file_part[]){{"layers.0.weight", 2, 3}, {"layers.0.bias", 3, 0}, {0}},
                         CLM_ERROR_SHAPE, "layers.0.bias has shape (3) where this net needs (2)");
    assert_parts_refused((struct file_part[]){{"layers.0.weight", 2, 3}, {"layers.0.bias", 1, 2}, {0}},
                         CLM_ERROR_SHAPE, "layers.0.bias has shape (1,2)");
    assert_parts_refused((struct file_part[]){{"layers.0.weight", 4, 3},
                                              {"layers.0.bias", 4, 0},
                                              {"layers.1.weight", 2, 5},
                                              {"layers.1.bias", 2, 0},
                                              {0}},
                         CLM_ERROR_SHAPE, "layer 1 takes 5 inputs, but the layer before it gives 4");
}
END_TEST

/* A net of ours that lacks a layer must not be taken for a smaller net. */
START_TEST(gaps)
{
    assert_refused(
        file_of((struct file_part[]){WHOLE, {"layers.3.weight", 2, 2}, {"layers.3.bias", 2, 0}, {0}}, NULL, 0,
                "architecture", LAYERS(LAYER(3, 4, "relu") "," LAYER(4, 2, "none"))),
        CLM_ERROR_SHAPE, "without a gap");
    assert_parts_refused((struct file_part[]){WHOLE, {"layers.2.bias", 2, 0}, {0}}, CLM_ERROR_SHAPE,
                         "layers.2.bias");
    assert_parts_refused((struct file_part[]){WHOLE, {"layers.99999999999999999999999.weight", 2, 2}, {0}},
                         CLM_ERROR_SHAPE, "layers.99999999999999999999999.weight (2,2)");
    /* a tensor that is no parameter of a net is ignored */
    struct clm_model *model = NULL;
    char *const path =
        file_of((struct file_part[]){WHOLE, {"layers.weight", 2, 0}, {"layers.7.note", 1, 0}, {0}}, NULL, 0,
                NULL, NULL);
    ck_assert_msg(clm_model_load(path, &model, &error) == CLM_OK, "%s", error.message);
    clm_model_free(model);
    free(path);
}
END_TEST

START_TEST(normalisation_that_does_not_fit)
{
    assert_parts_refused((struct file_part[]){WHOLE, {"input.mean", 4, 0}, {0}}, CLM_ERROR_SHAPE,
                         "input.mean has shape (4) where this net needs (3)");
    assert_parts_refused((struct file_part[]){WHOLE, {"input.scale", 1, 3}, {0}}, CLM_ERROR_SHAPE,
                         "input.scale");
}
END_TEST

START_TEST(numbers_that_are_not_finite)
{
    static const float damages[] = {NAN, INFINITY, -INFINITY};
    for (size_t d = 0; d < 3; d++)
        for (size_t p = 0; normalised[p].name; p++) {
            char part[96];
            snprintf(part, sizeof part, "%s has a %g at element 1", normalised[p].name, (double)damages[d]);
            assert_refused(file_of(normalised, normalised[p].name, damages[d], NULL, NULL), CLM_ERROR_FORMAT,
                           part);
        }
    char *const path = file_of(normalised, "layers.1.bias", NAN, NULL, NULL);
    assert_not_made((size_t[]){3, 4, 2}, 3, path, CLM_ERROR_FORMAT, "layers.1.bias");
    free(path);
}
END_TEST

/* ---- names of other programs ---- */

/* Layers 3 to 4, 4 to 4 and 4 to 2; the last element of a part tells from which module it comes. */
START_TEST(names_of_modules)
{
    static const char *const names[][3] = {
        {"0", "2", "4"},
        {"fc1", "fc2", "fc3"},
        {"net.2", "net.4", "net.10"},
        {"module._orig_mod.layers.0", "module._orig_mod.layers.2", "module._orig_mod.layers.4"},
        {"layers.0", "layers.3", "layers.6"},
        {"inputs", "hidden", "head"}};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        for (int is_turned = 0; is_turned < 2; is_turned++) {
            char parts[6][64];
            struct file_part file[7] = {0};
            static const size_t rows[] = {4, 4, 2}, columns[] = {3, 4, 4};
            for (size_t i = 0; i < 3; i++) {
                const size_t l = is_turned ? 2 - i : i;
                snprintf(parts[2 * i], sizeof parts[0], "%s.weight", names[n][l]);
                snprintf(parts[2 * i + 1], sizeof parts[0], "%s.bias", names[n][l]);
                file[2 * i] = (struct file_part){parts[2 * i], rows[l], columns[l]};
                file[2 * i + 1] = (struct file_part){parts[2 * i + 1], rows[l], 0};
            }
            char *const path = file_of(file, NULL, 0, NULL, NULL);
            struct clm_model *model = NULL;
            ck_assert_msg(clm_model_load(path, &model, &error) == CLM_OK, "%s", error.message);
            ck_assert_uint_eq(clm_model_depth(model), 3);
            ck_assert_uint_eq(clm_model_width(model, 0), 3);
            ck_assert_uint_eq(clm_model_width(model, 3), 2);
            clm_model_free(model);
            const struct clm_model_options options = {
                .sizes = (size_t[]){3, 4, 4, 2}, .size_count = 4, .init = path};
            ck_assert_msg(clm_model_create(&options, &model, &error) == CLM_OK, "%s", error.message);
            ck_assert_float_eq(clm_model_weight(model, 2)[7], 0.5f);
            clm_model_free(model);
            assert_not_made((size_t[]){3, 4, 2}, 3, path, CLM_ERROR_SHAPE, "of the net 3-4-2: ");
            free(path);
        }
}
END_TEST

/* Layers of one shape keep the order of their names, in which 10 comes after 9. */
START_TEST(order_of_names)
{
    char *const path = file_of((struct file_part[]){{"net.10.weight", 2, 2},
                                                    {"net.10.bias", 2, 0},
                                                    {"net.9.weight", 2, 2},
                                                    {"net.9.bias", 2, 0},
                                                    {0}},
                               "net.10.weight", 7, NULL, NULL);
    struct clm_model *model = NULL;
    ck_assert_msg(clm_model_load(path, &model, &error) == CLM_OK, "%s", error.message);
    ck_assert_float_eq(clm_model_weight(model, 0)[1], 0.5f);
    ck_assert_float_eq(clm_model_weight(model, 1)[1], 7);
    clm_model_free(model);
    free(path);
}
END_TEST

START_TEST(modules_that_are_no_net)
{
    assert_parts_refused(
        (struct file_part[]){{"0.weight", 4, 3}, {"0.bias", 4, 0}, {"1.weight", 4, 0}, {"1.bias", 4, 0}, {0}},
        CLM_ERROR_SHAPE, "0.bias (4), 0.weight (4,3), 1.bias (4), 1.weight (4)");
    assert_parts_refused(
        (struct file_part[]){{"0.weight", 4, 3}, {"0.bias", 4, 0}, {"2.weight", 2, 5}, {"2.bias", 2, 0}, {0}},
        CLM_ERROR_SHAPE, "2.weight (2,5)");
    assert_parts_refused((struct file_part[]){{"0.weight", 4, 3}, {"0.bias", 3, 0}, {0}}, CLM_ERROR_SHAPE,
                         "0.bias (3)");
    /* two orders are possible */
    assert_parts_refused((struct file_part[]){{"b.weight", 4, 3},
                                              {"b.bias", 4, 0},
                                              {"a.weight", 4, 4},
                                              {"a.bias", 4, 0},
                                              {"c.weight", 4, 4},
                                              {"c.bias", 4, 0},
                                              {0}},
                         CLM_ERROR_SHAPE, "b.weight (4,3)");
}
END_TEST

START_TEST(temperature)
{
    static const char *const wrong[] = {"", "1.5x", "0", "-1", "inf", "nan"};
    struct clm_model *model = NULL;
    char *const path = file_of(whole, NULL, 0, "temperature", "1.25");
    ck_assert_done(clm_model_load(path, &model, &error));
    ck_assert_within(clm_model_temperature(model), 1.25, 0.0);
    model->temperature = 1 / 3.0; /* not a short decimal number */
    ck_assert_done(clm_model_save(model, path, &error));
    clm_model_free(model);
    ck_assert_done(clm_model_load(path, &model, &error));
    ck_assert_within(clm_model_temperature(model), 1 / 3.0, 0.0);
    clm_model_free(model);
    free(path);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_refused(file_of(whole, NULL, 0, "temperature", wrong[i]), CLM_ERROR_FORMAT,
                       "it must be a number above 0");
}
END_TEST

START_TEST(another_activation)
{
    assert_refused(file_of(whole, NULL, 0, "activation", "tanhh"), CLM_ERROR_FORMAT,
                   "its activation is tanhh; this version knows none, relu");
}
END_TEST

/* ---- the architecture of a file ---- */

/* Tensors as in WHOLE, (4,3) and (2,4), beside another architecture. */
static void assert_contradicts(const char *architecture, clm_status status, const char *part)
{
    assert_refused(file_of(whole, NULL, 0, "architecture", architecture), status, part);
}

START_TEST(architecture_that_contradicts_its_tensors)
{
    assert_contradicts(LAYERS(LAYER(3, 4, "relu") "," LAYER(4, 3, "none")), CLM_ERROR_SHAPE,
                       "layers.1.weight has shape (2,4) where this net needs (3,4)");
    assert_contradicts(LAYERS(LAYER(4, 3, "relu") "," LAYER(3, 2, "none")), CLM_ERROR_SHAPE,
                       "layers.0.weight has shape (4,3) where this net needs (3,4)");
    assert_contradicts(LAYERS(LAYER(3, 4, "none")), CLM_ERROR_SHAPE, "it has a layers.1.");
    assert_contradicts(LAYERS(LAYER(3, 4, "relu") "," LAYER(4, 2, "relu") "," LAYER(2, 2, "none")),
                       CLM_ERROR_FORMAT, "no layers.2.weight");
    /* no memory is allocated before the tensors are there */
    assert_contradicts(LAYERS(LAYER(1099511627776, 1048576, "none")), CLM_ERROR_SHAPE,
                       "where this net needs (1048576,1099511627776)");
    assert_contradicts(LAYERS(LAYER(3, 4, "relu") "," LAYER(4, 1099511627776, "none")), CLM_ERROR_SHAPE,
                       "where this net needs (1099511627776,4)");
}
END_TEST

START_TEST(architecture_that_is_none)
{
    assert_contradicts("", CLM_ERROR_FORMAT, "its architecture: it is no JSON");
    assert_contradicts(LAYERS(LAYER(3, 4, "tanhh") "," LAYER(4, 2, "none")), CLM_ERROR_FORMAT,
                       "its architecture: layer 0: its activation is tanhh; this version knows none, relu");
    assert_contradicts(LAYERS(LAYER(3, 4, "relu") "," LAYER(4, 2, "relu")), CLM_ERROR_FORMAT,
                       "its outputs are logits");
    assert_contradicts(LAYERS(LAYER(3, 4, "relu") "," LAYER(5, 2, "none")), CLM_ERROR_SHAPE,
                       "layer 1 takes 5 inputs");
    assert_contradicts(LAYERS(LAYER(3, 9223372036854775807, "none")), CLM_ERROR_MEMORY, "narrower");
}
END_TEST

/* Activations come from the architecture, and are written again. */
START_TEST(activations_of_the_architecture)
{
    for (int a = 0; a < ACTIVATION_COUNT; a++) {
        char text[256];
        struct clm_model *model = NULL, *again = NULL;
        snprintf(text, sizeof text, LAYERS(LAYER(3, 4, "%s") "," LAYER(4, 2, "none")), activations[a].name);
        char *const path = file_of(whole, NULL, 0, "architecture", text);
        ck_assert_done(clm_model_load(path, &model, &error));
        ck_assert_int_eq(model->architecture.layers[0].activation, a);
        ck_assert_str_eq(clm_model_activation(model, 0), activations[a].name);
        ck_assert_int_eq(model->architecture.layers[1].activation, ACTIVATION_NONE);
        ck_assert_done(clm_model_save(model, path, &error));
        ck_assert_done(clm_model_load(path, &again, &error));
        ck_assert(architecture_is_equal(&model->architecture, &again->architecture));
        clm_model_free(model);
        clm_model_free(again);
        free(path);
    }
}
END_TEST

/* ---- a model of version 0.1.0, which wrote no architecture ---- */

#define OLD_MODEL TEST_FILES "/model-0.1.0.safetensors"

START_TEST(old_model_is_read)
{
    static const size_t widths[] = {3, 5, 4, 2};
    struct clm_model *model = NULL;
    ck_assert_done(clm_model_load(OLD_MODEL, &model, &error));
    struct architecture expected;
    ck_assert_done(architecture_create(widths, COUNT_OF(widths), ACTIVATION_RELU, &expected, &error));
    ck_assert(architecture_is_equal(&model->architecture, &expected));
    ck_assert(model->seed == 2);
    ck_assert_str_eq(clm_model_class_name(model, 0), "rose");
    ck_assert_str_eq(clm_model_class_name(model, 1), "tulip");
    architecture_free(&expected);
    clm_model_free(model);
}
END_TEST

/* What that version's `predict` printed, in nine digits of a float. Half a unit in the last place of both,
 * and differences of the mathematical library, are less than 2^-22. */
START_TEST(old_model_predicts_as_ever)
{
    static const char rows[] = "a,b,c,label\n2,0.5,-1,tulip\n-1,1,0.125,rose\n-0.5,-0.5,1,rose\n"
                               "0.25,-1.5,0.75,rose\n";
    static const double expected[4][2] = {{0.0357749574, 0.964225054},
                                          {0.999995291, 4.67898826e-06},
                                          {0.999999762, 2.19089983e-07},
                                          {0.556621373, 0.443378597}};
    char *const path = test_file(directory, "rows.csv", rows, sizeof rows - 1);
    const struct clm_data_options options = {.source = path};
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    struct clm_data *data = NULL;
    struct clm_model *model = NULL;
    float probabilities[4][2];
    ck_assert_done(clm_data_open(&options, &data, &error));
    ck_assert_done(clm_model_load(OLD_MODEL, &model, &error));
    ck_assert_done(clm_predict(backend, model, data, CLM_TRAIN, probabilities[0], NULL, &error));
    for (size_t r = 0; r < 4; r++)
        for (size_t c = 0; c < 2; c++)
            ck_assert_within(probabilities[r][c], expected[r][c], 0x1p-22 * expected[r][c]);
    clm_data_close(data);
    clm_model_free(model);
    clm_backend_close(backend);
    free(path);
}
END_TEST

START_TEST(old_model_is_saved_as_a_new_one)
{
    struct clm_model *model = NULL, *again = NULL;
    struct safetensors file;
    char *const path = path_of("again.safetensors");
    ck_assert_done(clm_model_load(OLD_MODEL, &model, &error));
    ck_assert_done(clm_model_save(model, path, &error));
    ck_assert_done(safetensors_read(path, &file, &error));
    char *const text = architecture_text(&model->architecture);
    ck_assert_str_eq(metadata_of(&file, "architecture"), text);
    ck_assert_done(clm_model_load(path, &again, &error));
    assert_same_parameters(model, again);
    ck_assert_mem_eq(model->mean, again->mean, 3 * sizeof(float));
    ck_assert_mem_eq(model->scale, again->scale, 3 * sizeof(float));
    ck_assert(again->seed == 2);
    ck_assert_str_eq(clm_model_class_name(again, 1), "tulip");
    safetensors_free(&file);
    clm_model_free(model);
    clm_model_free(again);
    free(text);
    free(path);
}
END_TEST

START_TEST(truncated)
{
    struct clm_model *model = NULL;
    char *const path = file_of(normalised, NULL, 0, NULL, NULL), bytes[4096];
    FILE *const file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ck_assert_uint_lt(size, sizeof bytes);
    for (size_t kept = 0; kept < size; kept++) {
        char *const cut = test_file(directory, "cut.safetensors", bytes, kept);
        ck_assert_msg(clm_model_load(cut, &model, &error) == CLM_ERROR_FORMAT, "%zu bytes: %s", kept,
                      error.message);
        ck_assert_ptr_null(model);
        free(cut);
    }
    free(path);
}
END_TEST

START_TEST(too_many_layers)
{
    const size_t count = 4098;
    struct safetensor *const tensors = calloc(2 * count, sizeof *tensors);
    char(*const names)[32] = calloc(2 * count, sizeof *names);
    float one = 1;
    for (size_t l = 0; l < count; l++) {
        snprintf(names[2 * l], sizeof *names, "layers.%zu.weight", l);
        snprintf(names[2 * l + 1], sizeof *names, "layers.%zu.bias", l);
        tensors[2 * l] = (struct safetensor){names[2 * l], 2, {1, 1}, 1, &one};
        tensors[2 * l + 1] = (struct safetensor){names[2 * l + 1], 1, {1}, 1, &one};
    }
    char *const path = path_of("deep.safetensors");
    ck_assert_int_eq(safetensors_write(path, tensors, 2 * count, NULL, &error), CLM_OK);
    assert_refused(path, CLM_ERROR_FORMAT, "more than the 4096 layers");
    free(tensors);
    free(names);
}
END_TEST

/* ---- model and data ---- */

START_TEST(fit)
{
    struct clm_data *const data = fixture_data(20, 10, 6, 3);
    struct clm_model *const fits = model_of(NULL, 1, (size_t[]){6, 4, 3, 0}),
                            *const features = model_of(NULL, 1, (size_t[]){5, 3, 0}),
                            *const classes = model_of(NULL, 1, (size_t[]){6, 4, 0});
    ck_assert_int_eq(clm_check_fit(fits, data, &error), CLM_OK);
    ck_assert_int_eq(clm_check_fit(features, data, &error), CLM_ERROR_SHAPE);
    ck_assert_ptr_nonnull(strstr(error.message, "5 features"));
    ck_assert_ptr_nonnull(strstr(error.message, "6 features"));
    ck_assert_int_eq(clm_check_fit(classes, data, &error), CLM_ERROR_SHAPE);
    ck_assert_ptr_nonnull(strstr(error.message, "4 classes"));
    ck_assert_ptr_nonnull(strstr(error.message, data->source));
    ck_assert_int_eq(model_describe(classes, data, &error), CLM_ERROR_SHAPE);
    clm_model_free(fits);
    clm_model_free(features);
    clm_model_free(classes);
    clm_data_close(data);
}
END_TEST

/* A model of floats and one of bytes, with data whose largest value is given. Raw inputs of the other kind
 * are an error, unless they have the model's scale. */
START_TEST(kinds_of_inputs)
{
    static const struct {
        bool is_for_bytes, has_bytes;
        float largest;
        bool fits;
    } cases[] = {
        {true, true, 255, true},   {true, true, 1, true},     {false, false, 1, true},
        {false, false, 255, true}, {false, true, 255, false}, {false, true, 2, false},
        {false, true, 1, true},    {true, false, 1, false},   {true, false, 255, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint32_t labels[] = {0, 1};
        const unsigned char bytes[] = {0, 0, 0, 0, 1, (unsigned char)cases[i].largest};
        const float floats[] = {0, -3, 0, 0, 1, cases[i].largest};
        const void *const values = cases[i].has_bytes ? (const void *)bytes : floats;
        struct clm_data data = {.features = 3,
                                .classes = 2,
                                .element = cases[i].has_bytes ? ELEMENT_BYTE : ELEMENT_FLOAT,
                                .train = {.count = 1, .values = values, .labels = labels},
                                .source = (char[]){"made up"}};
        data.test = (struct rows){.count = 1, .values = data_row(&data, &data.train, 1), .labels = labels};
        const struct clm_model_options options = {
            .sizes = (size_t[]){3, 2}, .size_count = 2, .is_bytes = cases[i].is_for_bytes};
        const clm_status expected = cases[i].fits ? CLM_OK : CLM_ERROR_SHAPE;
        struct clm_model *model = NULL;
        ck_assert_int_eq(clm_model_create(&options, &model, &error), CLM_OK);
        ck_assert_msg(clm_check_fit(model, &data, &error) == expected, "case %zu", i);
        if (!cases[i].fits) {
            ck_assert_ptr_nonnull(strstr(error.message, "made up holds"));
            ck_assert_ptr_nonnull(
                strstr(error.message, cases[i].has_bytes ? "divide them by 255" : "multiply them by 255"));
            ck_assert_str_eq(error.setting, "standardize");
        }
        /* a standardised input may be of any kind */
        model->mean[1] = 0.5f;
        ck_assert_int_eq(clm_check_fit(model, &data, &error), CLM_OK);
        model->mean[1] = 0;
        model->scale[2] = 0.5f;
        ck_assert_int_eq(clm_check_fit(model, &data, &error), CLM_OK);
        clm_model_free(model);
    }
}
END_TEST

START_TEST(what_is_not_given)
{
    const struct clm_model_options options = {.size_count = 2};
    struct clm_model *model = model_of(NULL, 1, (size_t[]){6, 2, 0}), *other = model;
    ck_assert_int_eq(clm_model_save(model, NULL, &error), CLM_ERROR_ARGUMENT);
    ck_assert_str_eq(error.message, "no path for the model is given, but NULL; give one");
    ck_assert_int_eq(clm_model_load(NULL, &other, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_null(other);
    ck_assert_int_eq(clm_model_create(&options, &other, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "a net of 0 widths"));
    clm_model_free(model);
}
END_TEST

START_TEST(names_are_copied)
{
    static const char *const names[] = {"cat", "dog"};
    struct clm_data *const data = fixture_data(20, 10, 6, 2);
    struct clm_model *const model = model_of(NULL, 1, (size_t[]){6, 2, 0});
    ck_assert_int_eq(model_describe(model, data, &error), CLM_OK);
    ck_assert_ptr_null(clm_model_class_name(model, 0));
    data->class_names = calloc(2, sizeof(char *));
    for (size_t c = 0; c < 2; c++)
        data->class_names[c] = strdup(names[c]);
    for (int i = 0; i < 2; i++) /* the second time over the first */
        ck_assert_int_eq(model_describe(model, data, &error), CLM_OK);
    clm_data_close(data);
    for (size_t c = 0; c < 2; c++)
        ck_assert_str_eq(clm_model_class_name(model, c), names[c]);
    clm_model_free(model);
    clm_model_free(NULL);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("model");
    TCase *const cases = tcase_create("model");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, deviations_of_initial_weights);
    tcase_add_test(cases, uniform_weights);
    tcase_add_test(cases, orthogonal_weights);
    tcase_add_test(cases, seed_and_layer_decide);
    tcase_add_test(cases, seed_means_the_same_weights_as_ever);
    tcase_add_test(cases, deviation_zero_and_largest);
    tcase_add_test(cases, normalisation_follows_the_data);
    tcase_add_test(cases, sizes_that_make_no_sense);
    tcase_add_test(cases, inits_that_make_no_sense);
    tcase_add_test(cases, round_trip);
    tcase_add_test(cases, names_and_metadata);
    tcase_add_test(cases, init_from_a_file);
    tcase_add_test(cases, init_of_eleven_layers);
    tcase_add_test(cases, missing_metadata_and_normalisation);
    tcase_add_test(cases, class_names_that_do_not_fit);
    tcase_add_test(cases, parts_that_are_no_net);
    tcase_add_test(cases, gaps);
    tcase_add_test(cases, names_of_modules);
    tcase_add_test(cases, order_of_names);
    tcase_add_test(cases, modules_that_are_no_net);
    tcase_add_test(cases, normalisation_that_does_not_fit);
    tcase_add_test(cases, numbers_that_are_not_finite);
    tcase_add_test(cases, another_activation);
    tcase_add_test(cases, temperature);
    tcase_add_test(cases, architecture_that_contradicts_its_tensors);
    tcase_add_test(cases, architecture_that_is_none);
    tcase_add_test(cases, activations_of_the_architecture);
    tcase_add_test(cases, old_model_is_read);
    tcase_add_test(cases, old_model_predicts_as_ever);
    tcase_add_test(cases, old_model_is_saved_as_a_new_one);
    tcase_add_test(cases, truncated);
    tcase_add_test(cases, too_many_layers);
    tcase_add_test(cases, fit);
    tcase_add_test(cases, kinds_of_inputs);
    tcase_add_test(cases, what_is_not_given);
    tcase_add_test(cases, names_are_copied);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
