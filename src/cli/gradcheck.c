/* clmlp gradcheck: checks whether the gradients are right. */
#include "cli/arguments.h"

#include <stdio.h>

#define INPUTS  20 /* of a net without data */
#define CLASSES 5

static void print_row(void *user, const struct clm_gradcheck_row *row)
{
    (void)user;
    char index[48];
    snprintf(index, sizeof index, "[%zu,%zu]", row->worst_row, row->worst_column);
    printf("%-20s  %5zu  %5zu  %-12s  %13.6e  %13.6e  %13.6e  %9.4f  %9.4f  %s\n", row->parameter, row->tried,
           row->skipped, index, row->numerical, row->analytic, row->device, row->error_over_bound,
           row->device_error_over_bound, row->passed ? "ok" : "FAILED");
}

static clm_status cli_gradcheck_check(struct invocation *in, const struct clm_backend_options *wanted,
                                      const struct clm_data *data, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    struct clm_loss loss;
    const clm_status chosen = clm_settings_loss(settings, &loss, error);
    if (chosen != CLM_OK)
        return chosen;
    const size_t targets = data && clm_data_targets(data) ? clm_data_targets(data) : CLASSES,
                 outputs = clm_loss_has_targets(loss.name) ? targets * loss.quantile_count
                           : data                          ? clm_data_classes(data)
                                                           : CLASSES;
    const struct sizes layers = layer_widths(data ? clm_data_features(data) : INPUTS, settings, outputs);
    const struct clm_gradcheck_options options = {
        .sizes = layers.values,
        .size_count = layers.count,
        .batch = clm_settings_count(settings, "batch"),
        .samples = clm_settings_count(settings, "samples"),
        .l2 = clm_settings_number(settings, "l2"),
        .activation = clm_settings_text(settings, "activation"),
        .norm = clm_settings_text(settings, "norm"),
        .layers = clm_settings_text(settings, "layers"),
        .dropout = clm_settings_number(settings, "dropout"),
        .input_dropout = clm_settings_number(settings, "input-dropout"),
        .init = clm_settings_text(settings, "init"),
        .seed = clm_settings_count(settings, "seed"),
        .loss = &loss,
        .data = data,
        .standardise = (enum clm_standardise)clm_settings_count(settings, "standardize"),
        .class_weight = clm_settings_text(settings, "class-weight")};
    struct clm_backend *backend = NULL;
    bool passed = false;
    clm_status status = open_backend(wanted, &backend, error);
    if (status != CLM_OK)
        return status;
    printf(
        "Gradients of the reference against central differences, and of %s on %s against the reference.\n"
        "Each with the element whose difference is worst.\n\n"
        "parameter             tried  kinks  worst             numerical       analytic         device  num/bound  dev/bound\n",
        clm_backend_name(backend), printable(clm_backend_device(backend)).text);
    status = clm_gradcheck(backend, &options, print_row, NULL, &passed, error);
    clm_backend_close(backend);
    if (status == CLM_OK)
        printf("\n%s\n", passed ? "All gradients agree within their bounds." : "Some gradients are wrong.");
    in->code = passed ? EXIT_DONE : EXIT_FAILED;
    return status;
}

static clm_status run_gradcheck(struct invocation *in, struct clm_error *error)
{
    const struct clm_data_options data_asked = data_options(in);
    const struct clm_backend_options wanted = backend_options(in);
    struct clm_data *data = NULL;
    if (clm_settings_count(in->settings, "standardize") != CLM_STANDARDISE_NONE && !data_asked.source)
        wrong_usage("gradcheck", "--standardize is for the inputs of a data set; name one with --data");
    clm_status status = data_asked.source ? clm_data_open(&data_asked, &data, error) : CLM_OK;
    if (status == CLM_OK)
        status = cli_gradcheck_check(in, &wanted, data, error);
    clm_data_close(data);
    return status;
}

const struct command command_gradcheck = {
    "gradcheck", "analytic against numerical gradients, layer by layer", run_gradcheck,
    "Compares the reference's analytic gradients with central differences in double precision, and the device's gradients with the reference's. Without --data, inputs are 20 random features of 5 classes. Parameters whose difference crosses the kink of relu or leaky-relu are left out and counted."};
