/* clm_suit_settings: defaults that depend on the data. */
#include "clmlp.h"

#include "base/size.h"
#include "train/rule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SMALL_TABLE 10000   /* rows: a table with fewer learns better from small minibatches */
#define ROWS_IN_ALL 1000000 /* that a table trains on, if that is 10 to 100 epochs */
#define LARGEST_L2  0.005   /* a larger one holds a net at 0 that has only a few rows */

/* Sets a setting that was not set. */
static clm_status suit(struct clm_settings *settings, const char *name, const char *text,
                       struct clm_error *error)
{
    return clm_settings_is_set(settings, name) ? CLM_OK : clm_settings_set(settings, name, text, error);
}

static clm_status suit_count(struct clm_settings *settings, const char *name, size_t count,
                             struct clm_error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", count);
    return suit(settings, name, text, error);
}

/* An l2 of 1 / (2 n) is that of weights with a normal prior of deviation 1: the sum of losses over n rows
 * then has the penalty (sum of squared weights) / 2. */
static clm_status suit_table(struct clm_settings *settings, size_t rows, struct clm_error *error)
{
    const bool is_small = rows < SMALL_TABLE;
    char l2[32];
    clm_status status;
    snprintf(l2, sizeof l2, "%.6g", fmin(0.5 / (double)rows, LARGEST_L2));
    if ((status = suit_count(settings, "epochs", size_max(10, size_min(100, ROWS_IN_ALL / rows)), error)) ||
        (status = suit_count(settings, "batch", size_min(rows, is_small ? 32 : 128), error)) ||
        (status = suit(settings, "lr", is_small ? "0.01" : "0.05", error)) ||
        (status = suit(settings, "schedule", "cosine", error)) ||
        (status = suit(settings, "l2", l2, error)) || (status = suit(settings, "init", "xavier", error)))
        return status;
    return suit(settings, "standardize", "feature", error);
}

/* Whether large inputs have a slope of about 0: then He's weights, which are for ReLU, are too large. */
static bool saturates(const struct clm_settings *settings)
{
    const char *const name = clm_settings_text(settings, "activation");
    return name && (!strcmp(name, "tanh") || !strcmp(name, "sigmoid"));
}

clm_status clm_suit_settings(struct clm_settings *settings, const struct clm_data *data,
                             struct clm_error *error)
{
    const size_t rows = clm_data_rows(data, CLM_TRAIN);
    clm_status status = rule_suit(settings, error);
    if (status != CLM_OK)
        return status;
    if (!clm_data_is_bytes(data) && !clm_data_picture_size(data, NULL, NULL, NULL))
        return suit_table(settings, rows, error);
    if (clm_data_targets(data) && (status = suit(settings, "lr", "0.01", error)))
        return status;
    if ((status =
             suit_count(settings, "batch", size_min(rows, clm_settings_count(settings, "batch")), error)) ||
        (saturates(settings) && (status = suit(settings, "init", "xavier", error))))
        return status;
    return suit(settings, "standardize", "none", error);
}
