#include "support/fixtures.h"

#include "base/philox.h"
#include "prove/bounds/bounds.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clm_backend *fixture_backend(enum fixture fixture)
{
    static const char *const providers[FIXTURE_COUNT] = {
        [FIXTURE_OPENCL] = "default",        [FIXTURE_CLBLAST] = "clblast",
        [FIXTURE_TILED] = "tiled",           [FIXTURE_TILED_LARGE] = "tiled-large",
        [FIXTURE_TILED_WIDE] = "tiled-wide", [FIXTURE_TILED_SMALL] = "tiled-small",
        [FIXTURE_TILED_FLAT] = "tiled-flat",
    };
    const enum clm_backend_kind kind = fixture == FIXTURE_REFERENCE ? CLM_BACKEND_REFERENCE
                                       : fixture == FIXTURE_BLAS    ? CLM_BACKEND_BLAS
                                                                    : CLM_BACKEND_OPENCL;
    const struct clm_backend_options options = {
        .kind = kind, .device = getenv("CLMLP_DEVICE"), .gemm = providers[fixture]};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    if (clm_backend_open(&options, &backend, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return backend;
}

struct clm_backend *fixture_bounds(void)
{
    struct clm_backend *bounds = NULL;
    struct clm_error error = {0};
    if (bounds_open(&bounds, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return bounds;
}

/* Rows of one part; all parts have the same `prototypes` (classes, features). */
static void make_rows(struct philox *random, const uint8_t *prototypes, size_t count, size_t features,
                      size_t classes, uint8_t **values, uint32_t **labels)
{
    *values = malloc(count * features + 1);
    *labels = malloc(count * sizeof **labels + 1);
    ck_assert(*values && *labels);
    for (size_t r = 0; r < count; r++) {
        (*labels)[r] = (uint32_t)(r % classes);
        for (size_t i = 0; i < features; i++)
            (*values)[r * features + i] =
                (uint8_t)(prototypes[(r % classes) * features + i] / 2 + philox_below(random, 128));
    }
}

struct clm_data *fixture_data(size_t train_rows, size_t test_rows, size_t features, size_t classes)
{
    struct philox random = philox_start(5, RANDOM_TEST, 0);
    struct clm_data *data = calloc(1, sizeof *data);
    uint8_t *prototypes = malloc(classes * features), *train, *test;
    ck_assert(data && prototypes);
    for (size_t i = 0; i < classes * features; i++)
        prototypes[i] = (uint8_t)philox_below(&random, 256);
    make_rows(&random, prototypes, train_rows, features, classes, &train, &data->read.train.labels);
    make_rows(&random, prototypes, test_rows, features, classes, &test, &data->read.test.labels);
    free(prototypes);
    data->features = features;
    data->classes = classes;
    data->element = ELEMENT_BYTE;
    data->read.train.values = train;
    data->read.test.values = test;
    data->train = (struct rows){train_rows, train, data->read.train.labels};
    data->test = (struct rows){test_rows, test, data->read.test.labels};
    data->source = strdup("a fixture");
    data->format = "idx";
    return data;
}

struct clm_model *fixture_model(const struct clm_data *data, const char *init, uint64_t seed,
                                const size_t *hidden)
{
    size_t sizes[8] = {data->features}, count = 1;
    for (; hidden && *hidden; hidden++)
        sizes[count++] = *hidden;
    sizes[count++] = data->classes;
    const struct clm_model_options options = {.sizes = sizes,
                                              .size_count = count,
                                              .init = init,
                                              .seed = seed,
                                              .is_bytes = data->element == ELEMENT_BYTE};
    struct clm_model *model = NULL;
    struct clm_error error = {0};
    if (clm_model_create(&options, &model, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return model;
}

__attribute__((format(printf, 2, 0))) static void set_words(struct clm_settings *settings, const char *format,
                                                            va_list arguments)
{
    char text[1024], *rest = text;
    struct clm_error error = {0};
    ck_assert_int_lt(vsnprintf(text, sizeof text, format, arguments), sizeof text);
    for (char *name, *value; (name = strsep(&rest, " ")) && *name;) {
        value = strsep(&rest, " ");
        ck_assert_msg(value && clm_settings_set(settings, name, value, &error) == CLM_OK, "%s: %s", name,
                      error.message);
    }
}

void change_settings(struct clm_settings *settings, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_words(settings, format, arguments);
    va_end(arguments);
}

struct clm_settings *train_settings(const char *format, ...)
{
    va_list arguments;
    struct clm_settings *settings;
    ck_assert_int_eq(clm_settings_create("train", &settings, NULL), CLM_OK);
    change_settings(settings, "momentum 0 shuffle off seed 0");
    va_start(arguments, format);
    set_words(settings, format, arguments);
    va_end(arguments);
    return settings;
}
