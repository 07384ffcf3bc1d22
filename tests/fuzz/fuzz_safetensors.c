/* Any bytes as a safetensors file: as a model, which is written and read again, and as initial parameters. */
#include "fuzz/fuzz.h"

#include "nn/safetensors.h"
#include "nn/model.h"

#include <math.h>
#include <string.h>

static void expect_equal(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fuzz_expect(isfinite(a[i]));
    fuzz_expect(!memcmp(a, b, count * sizeof *a));
}

static void expect_same(const struct clm_model *a, const struct clm_model *b)
{
    fuzz_expect(clm_model_depth(a) && clm_model_depth(a) == clm_model_depth(b) && a->seed == b->seed);
    fuzz_expect(architecture_is_equal(&a->architecture, &b->architecture));
    for (size_t l = 0; l < clm_model_depth(a); l++) {
        fuzz_expect(clm_model_width(a, l) && clm_model_width(a, l + 1));
        expect_equal(model_weight(a, l), model_weight(b, l),
                     clm_model_width(a, l) * clm_model_width(a, l + 1));
        expect_equal(model_bias(a, l), model_bias(b, l), clm_model_width(a, l + 1));
    }
    expect_equal(a->mean, b->mean, clm_model_width(a, 0));
    expect_equal(a->scale, b->scale, clm_model_width(a, 0));
    fuzz_expect(!a->class_names == !b->class_names);
    for (size_t c = 0; a->class_names && c < clm_model_width(a, clm_model_depth(a)); c++)
        fuzz_expect(!strcmp(a->class_names[c], b->class_names[c]));
}

static void load(const char *path)
{
    struct clm_model *model, *again;
    struct clm_error error = {0};
    const clm_status status = clm_model_load(path, &model, &error);
    if (status != CLM_OK) {
        fuzz_expect(!model);
        fuzz_expect_sentence(&error, status, path);
        return;
    }
    const char *const written = fuzz_file(1, NULL, 0);
    fuzz_expect(clm_model_save(model, written, &error) == CLM_OK);
    fuzz_expect(clm_model_load(written, &again, &error) == CLM_OK);
    expect_same(model, again);
    clm_model_free(model);
    clm_model_free(again);
}

static void create(const char *path)
{
    static const size_t sizes[] = {3, 2, 2};
    const struct clm_model_options options = {.sizes = sizes, .size_count = 3, .init = path};
    struct clm_model *model;
    struct clm_error error = {0};
    const clm_status status = clm_model_create(&options, &model, &error);
    if (status == CLM_OK)
        expect_same(model, model);
    else
        fuzz_expect_sentence(&error, status, path);
    clm_model_free(model);
}

/* Also files of other programs, whose tensors are no layers. */
static void read_any(const char *path)
{
    struct safetensors file, again;
    struct clm_error error = {0};
    const clm_status status = safetensors_read(path, &file, &error);
    if (status != CLM_OK) {
        fuzz_expect(!file.block && !file.tensors);
        fuzz_expect_sentence(&error, status, path);
        return;
    }
    const char *const written = fuzz_file(1, NULL, 0);
    fuzz_expect(safetensors_write(written, file.tensors, file.count, file.metadata, &error) == CLM_OK);
    fuzz_expect(safetensors_read(written, &again, &error) == CLM_OK);
    fuzz_expect(file.count == again.count && json_equal(file.metadata, again.metadata));
    for (size_t i = 0; i < file.count; i++) {
        const struct safetensor *const a = file.tensors + i, *const b = safetensors_find(&again, a->name);
        fuzz_expect(b && a->count == b->count && a->dimension_count == b->dimension_count);
        fuzz_expect(!memcmp(a->shape, b->shape, a->dimension_count * sizeof *a->shape));
        fuzz_expect(!a->count || !memcmp(a->values, b->values, a->count * sizeof *a->values));
    }
    safetensors_free(&file);
    safetensors_free(&again);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    const char *const path = fuzz_file(0, bytes, size);
    load(path);
    create(path);
    read_any(path);
    return 0;
}
