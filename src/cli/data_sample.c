/* clmlp data sample: a sheet of pictures with their labels. */
#include "cli/arguments.h"
#include "cli/command.h"

int command_data_sample(int argc, char **argv)
{
    static const struct usage usage = {
        .doc =
            "Draws pictures of a data set, taken at random, with their class and row, in the order of the classes."};
    struct clm_settings *const settings = parse_arguments(&usage, argc, argv, NULL);
    const struct clm_data_options options = data_options(settings);
    const enum clm_part part = (enum clm_part)clm_settings_count(settings, "split");
    const size_t rows = clm_settings_count(settings, "rows");
    const uint64_t seed = clm_settings_count(settings, "seed");
    const char *const out = clm_settings_text(settings, "out");
    struct clm_data *data = NULL;
    struct clm_error error = {0};
    need_setting(settings, argv[1], "data", "fashion-mnist");
    need_setting(settings, argv[1], "out", "sheet.png");
    clm_status status = clm_data_open(&options, &data, &error);
    if (status == CLM_OK && clm_settings_is_set(settings, "augment"))
        status = clm_augmented_sheet(data, part, rows, clm_settings_augmentation(settings, "augment"), seed,
                                     out, &error);
    else if (status == CLM_OK)
        status = clm_data_sheet(data, part, rows, seed, out, &error);
    clm_data_close(data);
    clm_settings_free(settings);
    return status == CLM_OK ? EXIT_DONE : fail_command("data sample", &error);
}
