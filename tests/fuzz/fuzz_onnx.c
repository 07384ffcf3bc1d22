/* Any bytes as a net of another program: what is read is written as ONNX, and is the same net again. */
#include "fuzz/fuzz.h"

#include "nn/model.h"

#include <math.h>
#include <string.h>

static void expect_parameters(const struct clm_model *model)
{
    for (size_t p = 0; p < model->parameter_count; p++)
        for (size_t i = 0; i < parameter_elements(&model->specs[p]); i++)
            fuzz_expect(isfinite(model->values[p][i]));
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    const struct clm_import_options options = {.activation = "relu"};
    const struct clm_export_options onnx = {.format = "onnx", .replaces = true};
    const char *const path = fuzz_file(0, bytes, size);
    struct clm_model *model, *again;
    struct clm_error error = {0};
    bool knows;
    const clm_status status = clm_model_import(path, &options, &model, &knows, &error);
    if (status != CLM_OK) {
        fuzz_expect(!model);
        fuzz_expect_sentence(&error, status, path);
        return 0;
    }
    expect_parameters(model);
    const char *const written = fuzz_file(1, NULL, 0);
    if (clm_model_export(model, written, &onnx, &error) == CLM_OK) {
        fuzz_expect(clm_model_import(written, &options, &again, &knows, &error) == CLM_OK);
        fuzz_expect(clm_model_depth(model) == clm_model_depth(again));
        for (size_t l = 0; l <= clm_model_depth(model); l++)
            fuzz_expect(clm_model_width(model, l) == clm_model_width(again, l));
        clm_model_free(again);
    }
    clm_model_free(model);
    return 0;
}
