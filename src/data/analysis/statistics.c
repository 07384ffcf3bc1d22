/* The summary of a data set (clm_data_summarise in clmlp.h) and its warnings. */
#include "data/analysis/moments.h"
#include "data/analysis/repeats.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- warnings ---- */

/* Rows of the largest class over those of the smallest, from which a warning is given. */
#define MANY_CLASSES 20 /* from which on they may be numbers that were meant to be predicted */
#define IMBALANCE    3.0
/* Absolute value of floats from which the first steps of training are likely to overshoot. */
#define LARGE 20.0
/* Range of one feature over that of another, from which a net hardly learns from the other. */
#define UNEVEN 100.0

/* The summary that gets the warnings; is_full says that there was no memory for one of them. */
struct warnings {
    struct clm_data_summary *summary;
    bool is_full;
};

/* `setting` is what can mend the matter, or "". */
__attribute__((format(printf, 3, 4))) static void warn(struct warnings *to, const char *setting,
                                                       const char *format, ...)
{
    struct clm_data_summary *const summary = to->summary;
    struct clm_warning *const longer =
        realloc(summary->warnings, (summary->warning_count + 1) * sizeof *summary->warnings);
    char *sentence = NULL;
    va_list arguments;
    if (longer)
        summary->warnings = longer;
    va_start(arguments, format);
    if (!longer || vasprintf(&sentence, format, arguments) < 0)
        to->is_full = true;
    else
        longer[summary->warning_count++] = (struct clm_warning){sentence, setting};
    va_end(arguments);
}

struct class_text {
    char text[160];
};

/* "class 3 (Dress)", or "class 3" */
static struct class_text class_text(const struct clm_data *data, size_t class)
{
    struct class_text name;
    const char *const given = data->class_names ? data->class_names[class] : NULL;
    if (given)
        snprintf(name.text, sizeof name.text, "class %zu (%.120s)", class, given);
    else
        snprintf(name.text, sizeof name.text, "class %zu", class);
    return name;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void warn_of_rows(const struct clm_data *data, struct warnings *to)
{
    for (int i = CLM_TRAIN; i <= CLM_TEST; i++) {
        const struct clm_part_summary *const part = to->summary->parts + i;
        const char *const name = part_names[i];
        if (part->leaked)
            warn(
                to, "",
                "%zu of %zu %s rows (%.2f %%) %s also a training row (first: row %zu, which is training row %zu); accuracy on them says nothing about new data.",
                part->leaked, part->rows, name, 100 * (double)part->leaked / (double)part->rows,
                part->leaked == 1 ? "is" : "are each", part->leaked_row, part->leaked_of);
        if (part->repeated)
            warn(
                to, "",
                "%zu of %zu %s rows (%.2f %%) repeat%s an earlier row (first: row %zu, which repeats row %zu).",
                part->repeated, part->rows, name, 100 * (double)part->repeated / (double)part->rows,
                part->repeated == 1 ? "s" : "", part->repeated_row, part->repeated_of);
        if (part->contradicting)
            warn(
                to, "",
                "%zu of these repeated %s rows %s another label than the earlier row: no net can be right about both.",
                part->contradicting, name, part->contradicting == 1 ? "has" : "have");
    }
    if (!data->test.count)
        warn(to, "test", "There is no test set; name one.");
    const size_t unlabelled = data->classes ? clm_data_unlabelled(data, CLM_TRAIN) : 0;
    if (unlabelled)
        warn(
            to, "label",
            "%zu of %zu training rows %s no label, and a net is not trained on such rows: give them labels, remove them, or name another column.",
            unlabelled, data->train.count, unlabelled == 1 ? "has" : "have");
}

static void warn_of_missing(const struct clm_data *data, const struct clm_part_summary *part,
                            const char *name, struct warnings *to)
{
    size_t missing = 0, first = 0;
    for (size_t c = 0; c < data->classes; c++)
        if (!part->class_rows[c] && !missing++)
            first = c;
    /* rows that are held out are the last ones, unless somebody says otherwise */
    const char *const setting = name == part_names[CLM_VALIDATION] ? "val-by" : "";
    if (part->rows && missing == 1)
        warn(to, setting, "There is no %s row of %s.", name, class_text(data, first).text);
    else if (part->rows && missing)
        warn(to, setting, "There are no %s rows of %zu of %zu classes, the first of them %s.", name, missing,
             data->classes, class_text(data, first).text);
}

static void warn_of_imbalance(const struct clm_data *data, struct warnings *to)
{
    const struct clm_part_summary *const part = to->summary->parts + CLM_TRAIN;
    size_t most = 0, least = SIZE_MAX, present = 0;
    for (size_t c = 0; c < data->classes; c++) {
        present += part->class_rows[c] != 0;
        if (part->class_rows[c] > part->class_rows[most])
            most = c;
        if (part->class_rows[c] && (least == SIZE_MAX || part->class_rows[c] < part->class_rows[least]))
            least = c;
    }
    if (least == SIZE_MAX)
        return;
    if (present > MANY_CLASSES && 2 * present > part->rows)
        warn(
            to, "loss",
            "There are %zu classes for %zu training rows, which is hardly one row for each: do these labels stand for classes? To predict numbers, train with the loss squared.",
            present, part->rows);
    const double ratio = (double)part->class_rows[most] / (double)part->class_rows[least];
    const double share = 100 * (double)part->class_rows[most] / (double)part->rows;
    if (data->classes == 1)
        warn(to, "", "There is only one class, so a net has nothing to tell apart.");
    else if (present == 1)
        warn(to, "", "All training rows are of %s, so a net has nothing to tell apart.",
             class_text(data, most).text);
    else if (ratio >= IMBALANCE)
        warn(
            to, "",
            "The classes differ in size: %s has %zu training row%s, %s has %zu (%.1f times as many); a net that always answers with the larger class is right for %.1f %% of the rows.",
            class_text(data, least).text, part->class_rows[least], plural(part->class_rows[least]),
            class_text(data, most).text, part->class_rows[most], ratio, share);
}

/* are_raw: floats are not standardised. */
static void warn_of_values(const struct clm_data *data, bool are_raw, struct warnings *to)
{
    const struct clm_data_summary *const summary = to->summary;
    const struct clm_part_summary *const train = summary->parts + CLM_TRAIN, *const test =
                                                                                 summary->parts + CLM_TEST;
    const size_t constant = summary->constant_features;
    const double largest = fmax(fabs(train->lowest), fabs(train->highest));
    if (constant == data->features && train->rows > 1)
        warn(to, "", "All training rows are the same, so there is nothing to learn.");
    else if (constant && train->rows > 1)
        warn(to, "",
             "%zu of %zu features %s the same value in all training rows, so a net learns nothing from %s.",
             constant, data->features, constant == 1 ? "has" : "have", constant == 1 ? "it" : "them");
    if (data->element == ELEMENT_BYTE && train->highest > 0 && train->highest < 16)
        warn(
            to, "",
            "No byte is above %.0f, and bytes are divided by 255, so all inputs are near 0; write the data as floats.",
            train->highest);
    if (are_raw && data->element == ELEMENT_FLOAT && largest > LARGE)
        warn(
            to, "standardize",
            "Values go from %.6g to %.6g, and floats are taken as they are: training may diverge; standardise them.",
            train->lowest, train->highest);
    if (test->rows && isfinite(test->mean) && train->deviation > 0 &&
        !(fabs(test->mean - train->mean) <= train->deviation / 2))
        warn(
            to, "",
            "The mean of the test set, %.6g, is far from that of the training set, %.6g with a deviation of %.6g: the two may be scaled differently.",
            test->mean, train->mean, train->deviation);
}

static double range(const struct moments *feature)
{
    return feature->highest - feature->lowest;
}

static int by_range(const void *a, const void *b)
{
    const double x = range(a), y = range(b);
    return (x > y) - (x < y);
}

/* Compares the feature of largest range with the one at the tenth part of all that change. The narrowest
 * are passed over, because large sets often have a few, such as pixels at the edges of pictures. False if
 * there is no memory. */
static bool warn_of_uneven(const struct clm_data *data, const struct moments *features, struct warnings *to)
{
    const size_t constant = to->summary->constant_features, changing = data->features - constant;
    if (data->element == ELEMENT_BYTE || changing < 2)
        return true;
    struct moments *const sorted = malloc(data->features * sizeof *sorted);
    if (!sorted)
        return false;
    memcpy(sorted, features, data->features * sizeof *sorted);
    qsort(sorted, data->features, sizeof *sorted, by_range);
    const struct moments *const narrow = sorted + constant + changing / 10, *const wide =
                                                                                sorted + data->features - 1;
    if (range(wide) >= UNEVEN * range(narrow))
        warn(
            to, "standardize",
            "Features differ in scale: one goes from %.6g to %.6g, another from %.6g to %.6g, which is hardly learned from beside it; standardise each feature.",
            wide->lowest, wide->highest, narrow->lowest, narrow->highest);
    free(sorted);
    return true;
}

/* Warnings that the labels alone give. */
static void warn_of_classes(const struct clm_data *data, struct warnings *to)
{
    for (int part = CLM_TRAIN; data->classes && part <= CLM_TEST; part++)
        warn_of_missing(data, to->summary->parts + part, part_names[part], to);
    warn_of_imbalance(data, to);
}

/* Adds warnings to `summary`, whose figures are complete. `features` are the moments of the training rows.
 * Floats of tables are standardised unless somebody asks for something else, those of pictures are not: see
 * clm_suit_settings. */
static clm_status add_warnings(const struct clm_data *data, const struct moments *features,
                               struct clm_data_summary *summary, struct clm_error *error)
{
    struct warnings to = {.summary = summary};
    warn_of_rows(data, &to);
    warn_of_classes(data, &to);
    warn_of_values(data, data->height, &to);
    to.is_full = (data->height && !warn_of_uneven(data, features, &to)) || to.is_full;
    return to.is_full ? clm_fail_host_memory(error, data->source, sizeof *summary->warnings) : CLM_OK;
}

/* ---- figures ---- */

void clm_data_summary_free(struct clm_data_summary *summary)
{
    if (!summary)
        return;
    for (int part = 0; part < 3; part++)
        free(summary->parts[part].class_rows);
    for (size_t i = 0; i < summary->warning_count; i++)
        free(summary->warnings[i].sentence);
    free(summary->warnings);
    free(summary);
}

static void statistics_take_over(const struct moments *features, size_t count, struct clm_part_summary *part)
{
    const struct moments all = moments_of_all(features, count);
    part->lowest = all.lowest;
    part->highest = all.highest;
    part->mean = all.mean;
    part->deviation = moments_deviation(&all);
}

static size_t count_constant(const struct moments *features, size_t count)
{
    size_t constant = 0;
    for (size_t i = 0; i < count; i++)
        constant += features[i].lowest == features[i].highest;
    return constant;
}

/* Counts the rows that repeat an earlier one of their own part (is_own), or one of the training set. */
static void count_known(const struct clm_data *data, const struct rows *rows, const struct row_index *index,
                        bool is_own, struct clm_part_summary *part)
{
    size_t *const count = is_own ? &part->repeated : &part->leaked;
    for (size_t r = 0; r < rows->count; r++) {
        const size_t there =
            is_own ? row_index_first(index, r) : row_index_find(index, data_row(data, rows, r));
        if (there == (is_own ? r : ROW_NONE))
            continue;
        if (!(*count)++) {
            *(is_own ? &part->repeated_row : &part->leaked_row) = r;
            *(is_own ? &part->repeated_of : &part->leaked_of) = there;
        }
        part->contradicting += is_own && rows->labels[r] != rows->labels[there];
    }
}

/* Index and moments of a part that has rows. */
struct measured {
    struct row_index *index;
    struct moments *features; /* (features) */
};

static clm_status statistics_measure(const struct clm_data *data, const struct rows *rows,
                                     struct measured *out, struct clm_error *error)
{
    const clm_status status = row_index_make(data, rows, &out->index, error);
    return status ? status : moments_measure(data, rows, &out->features, error);
}

static void measured_free(struct measured *measured)
{
    row_index_free(measured->index);
    free(measured->features);
}

/* Begins the summary of a part: its rows, by class. */
static clm_status count_classes(const struct clm_data *data, enum clm_part number,
                                struct clm_part_summary *part, struct clm_error *error)
{
    const struct rows *const rows = data_part(data, number);
    part->rows = rows->count;
    part->lowest = part->highest = part->mean = part->deviation = NAN;
    part->class_rows = calloc(data->classes + 1, sizeof *part->class_rows);
    if (!part->class_rows)
        return clm_fail_host_memory(error, data->source, data->classes * sizeof *part->class_rows);
    for (size_t r = 0; r < rows->count; r++)
        if (rows->labels[r] != CLM_NO_LABEL)
            part->class_rows[rows->labels[r]]++;
    return CLM_OK;
}

static clm_status summarise_part(const struct clm_data *data, enum clm_part number,
                                 const struct measured *training, struct clm_part_summary *part,
                                 struct clm_error *error)
{
    const struct rows *rows = data_part(data, number);
    struct measured own = {0};
    clm_status status = CLM_OK;
    status = count_classes(data, number, part, error);
    if (status != CLM_OK || !rows->count)
        return status;
    if (number != CLM_TRAIN) {
        count_known(data, rows, training->index, false, part);
        status = statistics_measure(data, rows, &own, error);
    }
    if (status == CLM_OK) {
        const struct measured *const measured = number == CLM_TRAIN ? training : &own;
        statistics_take_over(measured->features, data->features, part);
        count_known(data, rows, measured->index, true, part);
    }
    measured_free(&own);
    return status;
}

clm_status clm_data_summarise(const struct clm_data *data, struct clm_data_summary **out,
                              struct clm_error *error)
{
    struct clm_data_summary *summary = calloc(1, sizeof *summary);
    struct measured training = {0};
    *out = NULL;
    if (!summary)
        return clm_fail_host_memory(error, data->source, sizeof *summary);
    clm_status status = statistics_measure(data, &data->train, &training, error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        status = summarise_part(data, (enum clm_part)part, &training, summary->parts + part, error);
    if (status == CLM_OK) {
        summary->constant_features = count_constant(training.features, data->features);
        status = add_warnings(data, training.features, summary, error);
    }
    measured_free(&training);
    if (status != CLM_OK)
        clm_data_summary_free(summary);
    else
        *out = summary;
    return status;
}

clm_status clm_data_check(const struct clm_data *data, bool wants_values, struct clm_data_summary **out,
                          struct clm_error *error)
{
    struct clm_data_summary *const summary = calloc(1, sizeof *summary);
    struct warnings to = {.summary = summary};
    struct moments *features = NULL;
    clm_status status = CLM_OK;
    *out = NULL;
    if (!summary)
        return clm_fail_host_memory(error, data->source, sizeof *summary);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        status = count_classes(data, (enum clm_part)part, summary->parts + part, error);
    if (status == CLM_OK)
        warn_of_classes(data, &to);
    if (status == CLM_OK && wants_values)
        status = moments_measure(data, &data->train, &features, error);
    if (status == CLM_OK && wants_values) {
        summary->constant_features = count_constant(features, data->features);
        statistics_take_over(features, data->features, summary->parts + CLM_TRAIN);
        warn_of_values(data, true, &to);
        to.is_full = !warn_of_uneven(data, features, &to) || to.is_full;
    }
    free(features);
    if (status == CLM_OK && to.is_full)
        status = clm_fail_host_memory(error, data->source, sizeof *summary->warnings);
    if (status != CLM_OK)
        clm_data_summary_free(summary);
    else
        *out = summary;
    return status;
}
