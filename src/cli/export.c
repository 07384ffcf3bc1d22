/* clmlp export: writes a model in a format of other programs. */
#include "cli/prediction.h"

#include <stdio.h>

/* What weights of 8 bits cost on the data that was given. */
static clm_status measure_int8(struct invocation *in, const struct clm_model *model,
                               struct clm_export_loss *loss, struct clm_error *error)
{
    const enum clm_part part = (enum clm_part)clm_settings_count(in->settings, "split");
    struct clm_data *data = NULL;
    clm_status status = open_data_for(model, data_options(in), &data, error);
    if (status == CLM_OK)
        status = clm_export_measure(model, data, part, loss, error);
    clm_data_close(data);
    return status;
}

static void print_int8(const struct clm_export_loss *loss)
{
    if (loss->is_error)
        printf("int8      RMSE %.6g instead of %.6g on %zu rows\n", loss->int8, loss->float32, loss->rows);
    else
        printf("int8      accuracy %.4f instead of %.4f on %zu rows: %+.2f points\n", loss->int8,
               loss->float32, loss->rows, 100 * (loss->int8 - loss->float32));
}

static clm_status run_export(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    const struct clm_export_options options = {.format = clm_settings_text(settings, "to"),
                                               .replaces = clm_settings_count(settings, "force"),
                                               .is_int8 = clm_settings_count(settings, "int8")};
    const bool has_data = clm_settings_is_set(settings, "data");
    char path[PATH_MAX];
    struct clm_model *model = NULL;
    struct clm_export_loss loss = {0};
    size_t rows;
    if (has_data && !options.is_int8)
        wrong_usage("export", "--data: it is for --int8, whose loss of accuracy it measures; leave it out");
    find_model(in->about->name, "MODEL", in->operand, path);
    clm_status status = clm_model_load(path, &model, error);
    if (status == CLM_OK && has_data) /* first, so that data that cannot be read leaves the file as it was */
        status = measure_int8(in, model, &loss, error);
    if (status == CLM_OK)
        status = clm_model_export(model, clm_settings_text(settings, "out"), &options, error);
    if (status == CLM_OK && has_data)
        print_int8(&loss);
    if (status == CLM_OK && clm_model_intervals(model, &rows))
        remark("export", "the intervals of --calibrate are not in %s; `clmlp predict' gives them",
               clm_settings_text(settings, "out"));
    clm_model_free(model);
    return status;
}

const struct command command_export = {
    "export",
    "write a model for other programs",
    run_export,
    "Writes a model in a format of other programs, with all that it needs: the standardisation of its inputs, categories, the temperature, the targets' units. doc/export.md says what each file holds. MODEL is a run directory, or its model.safetensors. A file that is at PATH already is left alone, unless --force is given. With --int8 and --data, it also prints what weights of 8 bits change on these rows.",
    {{"to", "npz"}, {"out", "model.npz"}},
    MODEL_OPERAND};
