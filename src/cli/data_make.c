/* clmlp data make: a synthetic data set, if no real one can be had. */
#include "cli/arguments.h"
#include "cli/command.h"

int command_data_make(int argc, char **argv)
{
    static const struct usage usage = {
        .doc =
            "Makes a synthetic data set of ten classes in CIFAR-10's binary layout: data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt. The same rows and seed make the same bytes."};
    struct clm_settings *const settings = parse_arguments(&usage, argc, argv, NULL);
    struct clm_error error = {0};
    need_setting(settings, argv[1], "out", "synthetic");
    const clm_status status =
        clm_data_make(clm_settings_text(settings, "out"), clm_settings_count(settings, "rows"),
                      clm_settings_count(settings, "seed"), clm_settings_count(settings, "force"), &error);
    clm_settings_free(settings);
    return status == CLM_OK ? EXIT_DONE : fail_command("data make", &error);
}
