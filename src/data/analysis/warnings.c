#include "data/analysis/statistics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of the largest class over those of the smallest, from which a warning is given. */
#define IMBALANCE 3.0
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
}

static void warn_of_missing(const struct clm_data *data, const struct clm_part_summary *part,
                            const char *name, struct warnings *to)
{
    size_t missing = 0, first = 0;
    for (size_t c = 0; c < data->classes; c++)
        if (!part->class_rows[c] && !missing++)
            first = c;
    if (part->rows && missing == 1)
        warn(to, "", "There is no %s row of %s.", name, class_text(data, first).text);
    else if (part->rows && missing)
        warn(to, "", "There are no %s rows of %zu of %zu classes, the first of them %s.", name, missing,
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

static void warn_of_values(const struct clm_data *data, struct warnings *to)
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
    if (data->element == ELEMENT_FLOAT && largest > LARGE)
        warn(
            to, "standardize",
            "Values go from %.6g to %.6g, and floats are taken as they are: training may diverge; standardise them.",
            train->lowest, train->highest);
    if (test->rows && train->deviation > 0 && !(fabs(test->mean - train->mean) <= train->deviation / 2))
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

clm_status warnings_add(const struct clm_data *data, const struct moments *features,
                        struct clm_data_summary *summary, struct clm_error *error)
{
    struct warnings to = {.summary = summary};
    warn_of_rows(data, &to);
    for (int part = CLM_TRAIN; part <= CLM_TEST; part++)
        warn_of_missing(data, summary->parts + part, part_names[part], &to);
    warn_of_imbalance(data, &to);
    warn_of_values(data, &to);
    to.is_full = !warn_of_uneven(data, features, &to) || to.is_full;
    return to.is_full ? clm_fail_host_memory(error, data->source, sizeof *summary->warnings) : CLM_OK;
}
