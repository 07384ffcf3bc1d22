/* clmlp data sample: a sheet of pictures with their labels. */
#include "cli/arguments.h"

static clm_status sample_data(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    const struct clm_data_options options = data_options(in);
    const enum clm_part part = (enum clm_part)clm_settings_count(settings, "split");
    const size_t rows = clm_settings_count(settings, "rows");
    const uint64_t seed = clm_settings_count(settings, "seed");
    const char *const out = clm_settings_text(settings, "out");
    struct clm_data *data = NULL;
    clm_status status = clm_data_open(&options, &data, error);
    if (status == CLM_OK && clm_settings_is_set(settings, "augment"))
        status = clm_augmented_sheet(data, part, rows, clm_settings_augmentation(settings, "augment"), seed,
                                     out, error);
    else if (status == CLM_OK)
        status = clm_data_sheet(data, part, rows, seed, out, error);
    clm_data_close(data);
    return status;
}

const struct command command_data_sample = {
    "data sample",
    NULL,
    sample_data,
    "Draws pictures of a data set, taken at random, with their class and row, in the order of the classes.",
    {{"data", "fashion-mnist"}, {"out", "sheet.png"}}};
