#include "train/divergence.h"

#include <math.h>
#include <stdio.h>

/* The largest |x| of the training rows, as the net sees them; *row and *feature say where it is. NaN counts
 * as infinite. */
static double largest_input(const struct clm_data *data, const struct clm_model *model, size_t *row,
                            size_t *feature)
{
    double largest = 0;
    for (size_t r = *row = *feature = 0; r < data->train.count; r++) {
        const void *const values = data_row(data, &data->train, r);
        for (size_t i = 0; i < data->features; i++) {
            const double raw = data->element == ELEMENT_BYTE ? ((const unsigned char *)values)[i]
                                                             : (double)((const float *)values)[i];
            const float x = (float)(raw - (double)model->mean[i]) * model->scale[i];
            const double size = isnan(x) ? HUGE_VAL : fabs((double)x);
            if (size <= largest)
                continue;
            largest = size;
            *row = r, *feature = i;
        }
    }
    data_forget(data, &data->train, 0, data->train.count);
    return largest;
}

double divergence_largest_parameter(const struct clm_model *model)
{
    double largest = 0;
    for (size_t p = 0; p < model->parameter_count; p++)
        for (size_t i = 0; i < parameter_elements(&model->specs[p]); i++)
            largest = fmax(largest, fabs((double)model->values[p][i]));
    return largest;
}

/* Standardised inputs and usual initial weights stay far below it. */
#define LARGE 1000.0

static void write_rate_advice(char *text, size_t size, const struct step *step)
{
    if (step->momentum != 0)
        snprintf(text, size, "lower the learning rate (%g) or the momentum (%g)", step->learning_rate,
                 step->momentum);
    else
        snprintf(text, size, "lower the learning rate (%g)", step->learning_rate);
}

/* `what` has happened: "the loss is no longer a number". Names the cause: large inputs or large initial
 * weights if there are such, which no learning rate mends if it happened `at_once`; else the learning rate.
 * */
static clm_status fail_diverged(const struct training *t, const struct clm_model *model, bool at_once,
                                const char *what, struct clm_error *error)
{
    size_t row, feature;
    char rate[128] = "", setting[48];
    const struct step *const step = &t->options->step;
    const double input = largest_input(t->data, model, &row, &feature), weight = t->largest_weight;
    const bool are_inputs_large = input >= weight;
    if (!at_once)
        write_rate_advice(rate, sizeof rate, step);
    const char *const settings_of_rate = step->momentum != 0 ? "lr momentum" : "lr";
    if (!at_once && fmax(input, weight) <= LARGE)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, settings_of_rate, "%s; %s", what, rate);
    snprintf(setting, sizeof setting, "%s %s", are_inputs_large ? "standardize" : "init",
             !at_once           ? settings_of_rate
             : are_inputs_large ? "init"
                                : "standardize");
    return clm_fail_setting(
        error, CLM_ERROR_ARGUMENT, setting,
        "%s. The largest input of the net is %g (training row %zu, feature %zu, both counted from 0), the largest initial weight %g: %s%s%s",
        what, input, row, feature, weight,
        are_inputs_large ? "standardise the inputs, or scale them down" : "take smaller initial weights",
        *rate ? ", or " : "", rate);
}

clm_status divergence_check_loss(struct training *t, const struct clm_model *model,
                                 const struct clm_epoch *epoch, struct clm_error *error)
{
    struct clm_score before = {.loss = 0};
    clm_status status = CLM_OK;
    char what[128];
    if (isfinite(epoch->train_loss))
        return CLM_OK;
    if (epoch->epoch == 1 && (status = network_write(&t->net, model, error)) == CLM_OK)
        status = evaluate(&t->net, &t->train, &t->rows, &t->sums, NULL, NULL, &before, error);
    if (status != CLM_OK)
        return status;
    if (!isfinite(before.loss))
        return fail_diverged(
            t, model, true,
            "the loss is no number before the first step: the net's outputs are too large for float32",
            error);
    snprintf(what, sizeof what, "training diverged in epoch %zu: the loss is no longer a number",
             epoch->epoch);
    return fail_diverged(t, model, false, what, error);
}

clm_status divergence_check_parameters(const struct training *t, const struct clm_model *model,
                                       struct clm_error *error)
{
    char what[128];
    for (size_t p = 0; p < model_net_tensors(model); p++) {
        const size_t count = parameter_elements(&model->specs[p]);
        bool is_finite = true;
        for (size_t i = 0; i < count; i++)
            is_finite = is_finite && isfinite(model->values[p][i]);
        if (is_finite)
            continue;
        snprintf(what, sizeof what,
                 "training diverged in its last step: layer %zu has parameters that are no longer finite",
                 model->specs[p].layer);
        return fail_diverged(t, model, false, what, error);
    }
    return CLM_OK;
}
