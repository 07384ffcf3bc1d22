#include "train/verdict.h"

#include "base/size.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 64 /* bytes of a name in a sentence */

/* ---- guessing ---- */

/* How many rows each class has; NULL if memory runs out. */
static size_t *rows_by_class(const struct rows *rows, size_t classes)
{
    size_t *const counts = calloc(classes, sizeof *counts);
    for (size_t r = 0; counts && r < rows->count; r++)
        if (rows->labels[r] != CLM_NO_LABEL)
            counts[rows->labels[r]]++;
    return counts;
}

static double weight_of(const double *of_class, size_t c)
{
    return of_class ? of_class[c] : 1;
}

clm_status guess_make(const struct clm_data *data, const double *of_class, struct guess *out,
                      struct clm_error *error)
{
    const size_t C = data->classes;
    size_t *const counts = rows_by_class(&data->train, C);
    double all = 0;
    *out = (struct guess){.of_class = of_class};
    if (!counts)
        return clm_fail_host_memory(error, "the classes' rows", C * sizeof *counts);
    for (size_t c = 0; c < C; c++) {
        all += weight_of(of_class, c) * (double)counts[c];
        if (counts[c] > counts[out->majority])
            out->majority = c;
    }
    for (size_t c = 0; c < C; c++) {
        const double frequency = all > 0 ? weight_of(of_class, c) * (double)counts[c] / all : 1 / (double)C;
        out->loss -= frequency > 0 ? frequency * log(frequency) : 0;
    }
    out->share = (double)counts[out->majority] / (double)data->train.count;
    free(counts);
    return CLM_OK;
}

clm_status clm_guess_loss(const struct clm_data *data, double *loss, struct clm_error *error)
{
    struct guess guess;
    const clm_status status = guess_make(data, NULL, &guess, error);
    *loss = guess.loss;
    return status;
}

clm_status verdict_is_needed(const struct guess *guess, const struct clm_data *data, enum clm_part part,
                             const struct clm_score *score, bool *is_needed, struct clm_error *error)
{
    const struct rows *const rows = data_part(data, part);
    const double correct = round(score->accuracy * (double)rows->count);
    *is_needed = guess->of_class || !(score->loss <= guess->loss);
    if (*is_needed)
        return CLM_OK;
    size_t *const counts = rows_by_class(rows, data->classes);
    if (!counts)
        return clm_fail_host_memory(error, "the classes' rows", data->classes * sizeof *counts);
    for (size_t c = 0; c < data->classes; c++)
        *is_needed = *is_needed || (double)counts[c] == correct;
    free(counts);
    return CLM_OK;
}

/* ---- what the predictions show ---- */

/* The mean loss, each row times the weight of its class. */
static double weighted_loss(const struct guess *guess, const struct tally *tally)
{
    double loss = 0, all = 0;
    for (size_t c = 0; c < tally->classes; c++) {
        loss += weight_of(guess->of_class, c) * tally->losses[c];
        all += weight_of(guess->of_class, c) * (double)tally->rows[c];
    }
    return all > 0 ? loss / all : 0;
}

/* The class that is predicted for all rows, though they are of several; `classes` if there is none. */
static size_t only_prediction(const struct tally *tally)
{
    size_t found = tally->classes;
    for (size_t c = 0; c < tally->classes; c++) {
        if (tally->predicted[c] == tally->count && tally->rows[c] < tally->count)
            found = c;
    }
    return found;
}

/* ---- the likely cause ---- */

#define ROWS_LOOKED_AT 1000
#define INPUT_LARGE    20   /* standardised inputs are hardly ever so large */
#define SHARE_UNEVEN   0.75 /* of the training rows in one class */
#define PENALTY_LARGE  0.05
#define STEPS_FEW      5    /* times rate / (1 - momentum), which is how far the parameters can have come */
#define RATE_LARGE     0.03 /* rate / (1 - momentum) */

static double input_at(const struct clm_model *model, const struct clm_data *data, const struct rows *rows,
                       size_t row, size_t i)
{
    const void *const values = data_row(data, rows, row);
    const double raw =
        data->element == ELEMENT_BYTE ? ((const uint8_t *)values)[i] : (double)((const float *)values)[i];
    return (raw - (double)model->mean[i]) * (double)model->scale[i];
}

/* The feature of a row with the input that is no number, or else the largest. */
static size_t oddest_input(const struct clm_model *model, const struct clm_data *data,
                           const struct rows *rows, size_t row, double *input)
{
    size_t oddest = 0;
    *input = input_at(model, data, rows, row, 0);
    for (size_t i = 1; i < data->features && !isnan(*input); i++) {
        const double value = input_at(model, data, rows, row, i);
        if (isnan(value) || fabs(value) > fabs(*input)) {
            *input = value;
            oddest = i;
        }
    }
    return oddest;
}

static double largest_of_inputs(const struct clm_model *model, const struct clm_data *data)
{
    double largest = 0;
    for (size_t r = 0; r < size_min(data->train.count, ROWS_LOOKED_AT); r++) {
        double input;
        (void)oddest_input(model, data, &data->train, r, &input);
        largest = fmax(largest, fabs(input));
    }
    return largest;
}

/* What to change, and the names of its settings. */
struct advice {
    char words[192];
    const char *setting;
};

static struct advice advice_for(const struct guess *guess, const struct clm_data *data,
                                const struct clm_model *model, const struct run_about *run, double loss,
                                size_t only)
{
    const double input = largest_of_inputs(model, data), pace = run->learning_rate / (1 - run->momentum);
    const bool is_majority = only == guess->majority && guess->share >= SHARE_UNEVEN;
    struct advice advice = {.setting = "epochs hidden lr"};
    if (input > INPUT_LARGE) {
        snprintf(advice.words, sizeof advice.words,
                 "inputs reach %.3g: standardise them, to mean 0 and deviation 1", input);
        advice.setting = "standardize";
    } else if (run->l2 >= PENALTY_LARGE) {
        snprintf(advice.words, sizeof advice.words, "the penalty of %g holds the weights near 0: lower it",
                 run->l2);
        advice.setting = "l2";
    } else if (is_majority && loss <= guess->loss && !run->has_weights) {
        snprintf(advice.words, sizeof advice.words,
                 "%.3g %% of the training rows are of that class: balance the classes, or train for longer",
                 100 * guess->share);
        advice.setting = "class-weight epochs";
    } else if (pace * (double)run->steps < STEPS_FEW) {
        snprintf(advice.words, sizeof advice.words,
                 "%zu step%s at the learning rate %g %s too few: train for longer, or raise the rate",
                 run->steps, run->steps == 1 ? "" : "s", run->learning_rate, run->steps == 1 ? "is" : "are");
        advice.setting = "epochs lr";
    } else if (pace >= RATE_LARGE && run->momentum != 0) {
        snprintf(advice.words, sizeof advice.words, "lower the learning rate (%g) or the momentum (%g)",
                 run->learning_rate, run->momentum);
        advice.setting = "lr momentum";
    } else if (pace >= RATE_LARGE) {
        snprintf(advice.words, sizeof advice.words, "lower the learning rate (%g)", run->learning_rate);
        advice.setting = "lr";
    } else
        snprintf(advice.words, sizeof advice.words,
                 "train for longer, with wider layers, or with another learning rate (now %g)",
                 run->learning_rate);
    return advice;
}

/* "class 3 (frog)" */
static const char *name_class(char text[SHOWN + 40], const struct clm_model *model, size_t c)
{
    const char *const name = clm_model_class_name(model, c);
    char shown[SHOWN];
    if (name)
        snprintf(text, SHOWN + 40, "class %zu (%s)", c, text_show(shown, sizeof shown, name, strlen(name)));
    else
        snprintf(text, SHOWN + 40, "class %zu", c);
    return text;
}

clm_status verdict_on(const struct guess *guess, const struct clm_data *data, const struct clm_model *model,
                      enum clm_part part, const struct tally *tally, const struct run_about *run,
                      struct clm_warning *out, struct clm_error *error)
{
    const double loss = weighted_loss(guess, tally);
    const size_t only = only_prediction(tally);
    const bool is_one = only < tally->classes, is_worse = !(loss <= guess->loss) && guess->loss > 0;
    const char *const weighted = guess->of_class ? "weighted " : "";
    char name[SHOWN + 40], of_loss[160] = "", of_class[SHOWN + 120] = "";
    *out = (struct clm_warning){NULL, ""};
    if (!is_one && !is_worse)
        return CLM_OK;
    const struct advice advice = advice_for(guess, data, model, run, loss, only);
    if (is_one)
        snprintf(of_class, sizeof of_class, "the net predicts %s for all %zu %s rows",
                 name_class(name, model, only), tally->count, part_names[part]);
    if (is_worse)
        snprintf(
            of_loss, sizeof of_loss,
            "the %sloss of the %s rows, %.6g, is above %.6g, that of guessing by the classes' frequencies",
            weighted, part_names[part], loss, guess->loss);
    out->setting = advice.setting;
    if (asprintf(&out->sentence, "%s%s%s; %s", of_class, is_one && is_worse ? ", and " : "", of_loss,
                 advice.words) >= 0)
        return CLM_OK;
    out->sentence = NULL;
    return clm_fail_host_memory(error, "a warning", sizeof of_class + sizeof of_loss);
}

/* ---- a loss that is no number ---- */

#define INPUT_HUGE 1e6

clm_status fail_loss(const struct clm_model *model, const struct clm_data *data, enum clm_part part,
                     const struct tally *tally, struct clm_error *error)
{
    double input;
    const size_t row = tally->worst, feature = oddest_input(model, data, data_part(data, part), row, &input);
    char cause[160];
    const char *setting = "lr momentum standardize";
    if (!isfinite(input))
        snprintf(cause, sizeof cause,
                 "its feature %zu (counted from 0) is %g; correct the row, or leave it out", feature, input);
    else if (fabs(input) > INPUT_HUGE) {
        snprintf(
            cause, sizeof cause,
            "its feature %zu (counted from 0) is %.4g as the net sees it; correct the row, or leave it out",
            feature, input);
        setting = "standardize";
    } else
        snprintf(
            cause, sizeof cause,
            "its inputs are at most %.3g, so the net's parameters are too large; train with a lower learning rate",
            fabs(input));
    return clm_fail_setting(
        error, CLM_ERROR_FORMAT, setting,
        "the loss of the %s rows is no finite number: that of row %zu (counted from 0) is %g; %s",
        part_names[part], row, tally->worst_loss, cause);
}
