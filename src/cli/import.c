/* clmlp import: makes a model of another program's net. */
#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static clm_status run_import(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    const char *const out = clm_settings_text(settings, "out");
    const struct clm_import_options options = {.activation = clm_settings_text(settings, "activation")};
    struct clm_model *model = NULL;
    bool knows_activations = true;
    if (!clm_settings_count(settings, "force") && access(out, F_OK) == 0)
        return fail(error, CLM_ERROR_IO,
                    "%s: is there already; name another place, or replace it with --force", out);
    clm_status status = clm_model_import(in->operand, &options, &model, &knows_activations, error);
    if (status == CLM_OK)
        status = clm_model_save(model, out, error);
    if (status == CLM_OK && !knows_activations)
        remark("import",
               "the file does not say what follows its hidden layers: %s is taken; see --activation",
               options.activation ? options.activation : "relu");
    char *const layers = status == CLM_OK ? clm_model_layers(model) : NULL;
    if (layers)
        printf("net       %zu inputs, %s\n", clm_model_width(model, 0), layers);
    free(layers);
    clm_model_free(model);
    return status;
}

const struct command command_import = {
    "import",
    "make a model of a PyTorch or ONNX net",
    run_import,
    "Reads a multi-layer perceptron that another program wrote, and writes it as a model for eval, predict and train --init. FILE is the state of a PyTorch net as safetensors, or an ONNX graph; doc/export.md says what they may hold. A file that clmlp export wrote keeps its columns, classes and loss.",
    {{"out", "model.safetensors"}},
    "FILE",
    "a file is needed, as in model.onnx"};
