/* clmlp data make: makes a synthetic data set, for lack of a real one. */
#include "cli/command.h"

static clm_status make_data(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    return clm_data_make(clm_settings_text(settings, "out"), clm_settings_count(settings, "rows"),
                         clm_settings_count(settings, "seed"), clm_settings_count(settings, "force"), error);
}

const struct command command_data_make = {
    "data make",
    NULL,
    make_data,
    "Makes a synthetic data set of ten classes in CIFAR-10's binary layout: data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt. The same rows and seed make the same bytes.",
    {{"out", "synthetic"}}};
