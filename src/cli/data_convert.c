/* clmlp data convert: writes a data set in another format. */
#include "cli/arguments.h"

#include <string.h>

static void cli_convert_check(const struct clm_settings *settings, const char *format)
{
    if (clm_settings_is_set(settings, "split") && !clm_data_write_is_of_one_part(format))
        wrong_usage("data convert", "--split: %s holds training and test set; leave it out", format);
    if (clm_settings_count(settings, "gzip") && strcmp(format, "idx"))
        wrong_usage("data convert", "--gzip: it is for idx alone");
}

/* Says which parts of the data the file does not keep. */
static void tell_of_losses(const struct clm_settings *settings, const char *format,
                           const struct clm_data *data)
{
    if (clm_data_class_name(data, 0) && !clm_data_write_keeps_names(format, data))
        remark("data convert", "%s %s; they are numbers now", format,
               strcmp(format, "csv") ? "has no place for the names of the classes"
                                     : "would give these classes other numbers by their names");
    const char *const label = clm_data_label_column(data);
    if (label && strstr(label, ", the last"))
        remark("data convert", "labels are taken from %s; see --label", label);
    if (clm_settings_text(settings, "id"))
        remark("data convert", "%s has no place for the names of rows; they are left out", format);
    if (clm_data_is_weighted(data))
        remark("data convert", "%s has no place for the weights of rows; they are left out", format);
    const bool has_validation = clm_data_rows(data, CLM_VALIDATION), has_test = clm_data_rows(data, CLM_TEST);
    if (clm_data_write_is_of_one_part(format) && !clm_settings_is_set(settings, "split") &&
        (has_validation || has_test))
        remark("data convert", "%s holds the training set; write the %s set with --split %s",
               clm_settings_text(settings, "out"),
               has_validation && has_test ? "validation and the test"
               : has_test                 ? "test"
                                          : "validation",
               has_validation && has_test ? "val and --split test"
               : has_test                 ? "test"
                                          : "val");
}

static clm_status convert_data(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    const struct clm_data_options options = data_options(in);
    const struct clm_data_write_options write = {.format = clm_settings_text(settings, "to"),
                                                 .part = (enum clm_part)clm_settings_count(settings, "split"),
                                                 .is_gzipped = clm_settings_count(settings, "gzip"),
                                                 .replaces = clm_settings_count(settings, "force")};
    struct clm_data *data = NULL;
    cli_convert_check(settings, write.format);
    clm_status status = clm_data_open(&options, &data, error);
    if (status == CLM_OK)
        status = clm_data_write(data, clm_settings_text(settings, "out"), &write, error);
    if (status == CLM_OK)
        tell_of_losses(settings, write.format, data);
    clm_data_close(data);
    return status;
}

const struct command command_data_convert = {
    "data convert",
    NULL,
    convert_data,
    "Writes a data set in another format. What is at PATH already is left alone, unless --force is given; a conversion that fails leaves nothing behind.",
    {{"data", "fashion-mnist"}, {"to", "npz"}, {"out", "fashion.npz"}}};
