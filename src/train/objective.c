/* clm_settings_loss: what training makes small, as the settings say it. */
#include "base/error.h"
#include "compute/loss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fails if `name` is set, and its number is for another loss. */
static clm_status refuse_number(const struct clm_settings *settings, const char *name, enum loss_kind kind,
                                enum loss_kind its, struct clm_error *error)
{
    char both[48];
    if (kind == its || !clm_settings_is_set(settings, name))
        return CLM_OK;
    snprintf(both, sizeof both, "%s loss", name);
    return clm_fail_setting(error, CLM_ERROR_ARGUMENT, both,
                            "%s %s changes nothing with the loss %s; leave it out, or take the loss %s", name,
                            clm_settings_text(settings, name), loss_table[kind].name, loss_table[its].name);
}

/* Reads "0.05,0.5,0.95": rising numbers between 0 and 1. */
static clm_status read_quantiles(const char *text, struct clm_loss *out, struct clm_error *error)
{
    const char *at = text;
    bool is_right = true;
    for (out->quantile_count = 0; is_right && out->quantile_count < CLM_QUANTILES_MOST;) {
        char *end;
        const double q = strtod(at, &end);
        is_right = end > at && q > 0 && q < 1 &&
                   (!out->quantile_count || q > out->quantiles[out->quantile_count - 1]) &&
                   (!*end || *end == ',');
        out->quantiles[out->quantile_count++] = q;
        at = end + (*end == ',');
        if (!*end)
            break;
    }
    if (is_right && !*at)
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_ARGUMENT, "quantiles",
        "quantiles %.60s: they are 1 to %d rising numbers between 0 and 1 with commas between them, as in 0.05,0.5,0.95",
        text, CLM_QUANTILES_MOST);
}

clm_status clm_settings_loss(const struct clm_settings *settings, struct clm_loss *out,
                             struct clm_error *error)
{
    const char *const name = clm_settings_text(settings, "loss"), *const quantiles = clm_settings_text(
                                                                      settings, "quantiles");
    const enum loss_kind kind = name ? loss_named(name) : LOSS_CROSS_ENTROPY;
    const struct loss usual = usual_loss(kind);
    clm_status status;
    *out = (struct clm_loss){.name = loss_table[kind].name,
                             .smoothing = clm_settings_number(settings, "label-smoothing"),
                             .gamma = usual.gamma,
                             .delta = usual.delta,
                             .quantile_count = 1,
                             .quantiles = {0.5}};
    if (clm_settings_is_set(settings, "focal-gamma"))
        out->gamma = clm_settings_number(settings, "focal-gamma");
    if (clm_settings_is_set(settings, "delta"))
        out->delta = clm_settings_number(settings, "delta");
    if ((status = refuse_number(settings, "label-smoothing", kind, LOSS_CROSS_ENTROPY, error)) ||
        (status = refuse_number(settings, "focal-gamma", kind, LOSS_FOCAL, error)) ||
        (status = refuse_number(settings, "delta", kind, LOSS_HUBER, error)) ||
        (status = refuse_number(settings, "quantiles", kind, LOSS_QUANTILE, error)))
        return status;
    if (out->smoothing > 0 && clm_settings_text(settings, "class-weight"))
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "class-weight label-smoothing",
            "class-weight and label-smoothing cannot go together: what smoothing gives to each class would have that class's weight, but a row has one weight; leave one of them out, or set label-smoothing to 0");
    return quantiles ? read_quantiles(quantiles, out, error) : CLM_OK;
}
