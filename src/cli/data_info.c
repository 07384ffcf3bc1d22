/* clmlp data info: what a data set holds, and warnings about it. */
#include "cli/arguments.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#define WARNING_SIZE 1024

static const char *const part_names[] = {
    [CLM_TRAIN] = "training", [CLM_VALIDATION] = "validation", [CLM_TEST] = "test"};

/* ---- for people ---- */

static void cli_info_print_rows(const struct clm_data *data, const struct clm_data_summary *summary)
{
    size_t width, height, channels;
    printf("data      %s (%s)\nrows      ", printable(clm_data_source(data)).text, clm_data_format(data));
    for (int i = CLM_TRAIN; i <= CLM_TEST; i++)
        if (summary->parts[i].rows)
            printf("%s%zu %s", i == CLM_TRAIN ? "" : ", ", summary->parts[i].rows, part_names[i]);
    printf("\nfeatures  %zu %s", clm_data_features(data), clm_data_is_bytes(data) ? "bytes" : "floats");
    if (clm_data_picture_size(data, &width, &height, &channels))
        printf(", pictures of %zux%zu, %zu channel%s", width, height, channels, channels == 1 ? "" : "s");
    if (clm_data_label_column(data))
        printf("\n%s   %s", clm_data_targets(data) ? "targets" : "labels ",
               printable(clm_data_label_column(data)).text);
    else if (!clm_data_classes(data) && !clm_data_targets(data))
        printf("\nlabels    none");
    printf("\n\n%-11s %10s %10s %10s %10s %10s %10s\n", "values", "lowest", "highest", "mean", "deviation",
           "repeated", "leaked");
    for (int i = CLM_TRAIN; i <= CLM_TEST; i++) {
        const struct clm_part_summary *const part = summary->parts + i;
        if (!part->rows)
            continue;
        printf("%-11s %10.5g %10.5g %10.5g %10.5g %10zu ", part_names[i], part->lowest, part->highest,
               part->mean, part->deviation, part->repeated);
        if (i == CLM_TRAIN)
            printf("%10s\n", "-");
        else
            printf("%10zu\n", part->leaked);
    }
}

#define COLUMNS_SHOWN 40

/* The categories of a column, or how its values became features. */
static void print_meaning(const struct clm_column *column)
{
    for (size_t c = 0; c < column->category_count && c < 6; c++)
        printf("%s%.24s", c ? ", " : "", printable(column->categories[c]).text);
    if (column->category_count > 6)
        printf(", ... (%zu)", column->category_count);
    if (column->offset != 0)
        printf("value - %.10g", column->offset);
    if (column->has_indicator && (column->category_count || column->offset != 0))
        printf("; ");
    if (!column->has_indicator)
        return;
    printf("missing: 1 in a feature of its own, and ");
    if (column->category_count)
        printf("%.24s", printable(column->categories[(size_t)column->fill]).text);
    else
        printf("%.6g", column->fill + column->offset);
}

static void print_columns(const struct clm_data *data)
{
    static const char *const kinds[] = {[CLM_COLUMN_NUMBER] = "number",
                                        [CLM_COLUMN_BOOLEAN] = "true/false",
                                        [CLM_COLUMN_DATE] = "date",
                                        [CLM_COLUMN_CATEGORY] = "category"};
    const struct clm_inputs *const inputs = clm_data_inputs(data);
    struct clm_column column;
    size_t count = 0;
    for (; clm_inputs_column(inputs, count, &column); count++) {
        if (!count)
            printf("\n%6s  %-20s %-10s %8s\n", "column", "name", "is a", "features");
        if (count >= COLUMNS_SHOWN)
            continue;
        printf("%6zu  %-20.20s %-10s %8zu  ", column.place, printable(column.name).text, kinds[column.kind],
               column.features);
        print_meaning(&column);
        putchar('\n');
    }
    if (count > COLUMNS_SHOWN)
        printf("%6s  and %zu more\n", "...", count - COLUMNS_SHOWN);
}

/* Features of arrays that are counted from an offset. */
static void print_offsets(const struct clm_data *data)
{
    enum { SHOWN = 5 };
    const struct clm_inputs *const inputs = clm_data_inputs(data);
    struct clm_column column;
    size_t count = 0;
    if (clm_inputs_column(inputs, 0, &column))
        return; /* the table of columns has them */
    for (size_t f = 0; f < clm_data_features(data); f++) {
        const double offset = clm_inputs_offset(inputs, f);
        if (offset != 0 && count++ < SHOWN)
            printf("%s feature %zu from %.15g", count == 1 ? "\ncounted  " : ",", f, offset);
    }
    if (count)
        printf("%s, because float32 could not tell the values apart\n", count > SHOWN ? ", ..." : "");
}

/* The range of a target in the training part. */
struct target_range {
    double lowest, highest, mean, deviation; /* the deviation is divided by N */
    size_t missing;
};

static struct target_range range_of_target(const struct clm_data *data, size_t target)
{
    struct target_range range = {.lowest = INFINITY, .highest = -INFINITY};
    double spread = 0;
    size_t count = 0;
    for (size_t r = 0; r < clm_data_rows(data, CLM_TRAIN); r++) {
        const double value = clm_data_target(data, CLM_TRAIN, r, target), off = value - range.mean;
        if (isnan(value)) {
            range.missing++;
            continue;
        }
        range.lowest = fmin(range.lowest, value);
        range.highest = fmax(range.highest, value);
        range.mean += off / (double)++count;
        spread += off * (value - range.mean);
    }
    range.deviation = count ? sqrt(spread / (double)count) : NAN;
    return range;
}

static void print_targets(const struct clm_data *data)
{
    for (size_t t = 0; t < clm_data_targets(data); t++) {
        const struct target_range range = range_of_target(data, t);
        if (!t)
            printf("\n%-20s %10s %10s %10s %10s %10s\n", "target", "lowest", "highest", "mean", "deviation",
                   "missing");
        printf("%-20.20s %10.5g %10.5g %10.5g %10.5g %10zu\n", printable(clm_data_target_name(data, t)).text,
               range.lowest, range.highest, range.mean, range.deviation, range.missing);
    }
}

static void cli_info_print_classes(const struct clm_data *data, const struct clm_data_summary *summary)
{
    if (!clm_data_classes(data))
        return;
    const struct clm_part_summary *const train = summary->parts + CLM_TRAIN;
    printf("\n%5s  %-20s", "class", clm_data_class_name(data, 0) ? "name" : "");
    for (int i = CLM_TRAIN; i <= CLM_TEST; i++)
        if (summary->parts[i].rows)
            printf(" %10s", part_names[i]);
    printf("      share\n");
    for (size_t c = 0; c < clm_data_classes(data); c++) {
        const char *const name = clm_data_class_name(data, c);
        printf("%5zu  %-20s", c, name ? printable(name).text : "");
        for (int i = CLM_TRAIN; i <= CLM_TEST; i++)
            if (summary->parts[i].rows)
                printf(" %10zu", summary->parts[i].class_rows[c]);
        printf("   %6.2f %%\n", 100 * (double)train->class_rows[c] / (double)train->rows);
    }
}

/* Prints without control characters, which a name in the sentence may have. */
static void print_sentence(const char *sentence)
{
    fputs("- ", stdout);
    for (; *sentence; sentence++)
        putchar(iscntrl((unsigned char)*sentence) ? '?' : *sentence);
    putchar('\n');
}

/* The library's sentence, and the option of train that helps. */
static const char *warning_text(char *text, size_t size, const struct clm_warning *warning)
{
    snprintf(text, size, "%s%s%s%s", warning->sentence, *warning->setting ? " See train --" : "",
             warning->setting, *warning->setting ? "." : "");
    return text;
}

static void print_warnings(const struct clm_data_summary *summary)
{
    char text[WARNING_SIZE];
    printf("\n%s\n", summary->warning_count ? "To beware of" : "Nothing to beware of was found.");
    for (size_t i = 0; i < summary->warning_count; i++)
        print_sentence(warning_text(text, sizeof text, &summary->warnings[i]));
}

/* ---- JSON ---- */

static json_t *describe_part(const struct clm_part_summary *part, size_t classes)
{
    return json_pack("{sI so so so so so sI sI sI}", "rows", (json_int_t)part->rows, "lowest",
                     json_number(part->lowest), "highest", json_number(part->highest), "mean",
                     json_number(part->mean), "deviation", json_number(part->deviation), "class_rows",
                     json_sizes(part->class_rows, classes), "repeated", (json_int_t)part->repeated,
                     "contradicting", (json_int_t)part->contradicting, "leaked", (json_int_t)part->leaked);
}

static json_t *describe_picture(const struct clm_data *data)
{
    size_t width, height, channels;
    if (!clm_data_picture_size(data, &width, &height, &channels))
        return json_null();
    return json_pack("{sI sI sI}", "width", (json_int_t)width, "height", (json_int_t)height, "channels",
                     (json_int_t)channels);
}

static json_t *describe_targets(const struct clm_data *data)
{
    json_t *const list = json_array();
    for (size_t t = 0; t < clm_data_targets(data); t++) {
        const struct target_range range = range_of_target(data, t);
        json_list_add(list,
                      json_pack("{so so so so so sI}", "name", json_text(clm_data_target_name(data, t)),
                                "lowest", json_number(range.lowest), "highest", json_number(range.highest),
                                "mean", json_number(range.mean), "deviation", json_number(range.deviation),
                                "missing", (json_int_t)range.missing));
    }
    return list;
}

static json_t *cli_info_describe(const struct clm_data *data, const struct clm_data_summary *summary)
{
    static const char *const keys[] = {
        [CLM_TRAIN] = "train", [CLM_VALIDATION] = "validation", [CLM_TEST] = "test"};
    const size_t classes = clm_data_classes(data);
    json_t *const names = json_array(), *const warnings = json_array();
    char text[WARNING_SIZE];
    for (size_t c = 0; c < classes; c++) {
        const char *const name = clm_data_class_name(data, c);
        json_list_add(names, name ? json_text(name) : json_null());
    }
    for (size_t i = 0; i < summary->warning_count; i++)
        json_list_add(warnings, json_text(warning_text(text, sizeof text, &summary->warnings[i])));
    json_t *const object =
        json_pack("{so ss sI ss so sI so sI so}", "data", json_text(clm_data_source(data)), "format",
                  clm_data_format(data), "features", (json_int_t)clm_data_features(data), "element",
                  clm_data_is_bytes(data) ? "uint8" : "float32", "picture", describe_picture(data), "classes",
                  (json_int_t)classes, "class_names", names, "constant_features",
                  (json_int_t)summary->constant_features, "warnings", warnings);
    if (object && clm_data_targets(data))
        json_object_put(object, "targets", describe_targets(data));
    for (int i = CLM_TRAIN; object && i <= CLM_TEST; i++)
        if (summary->parts[i].rows)
            json_object_put(object, keys[i], describe_part(summary->parts + i, classes));
    return object;
}

static int cli_info_report(const struct clm_settings *settings, const struct clm_data *data,
                           const struct clm_data_summary *summary)
{
    const char *const json = clm_settings_text(settings, "json");
    if (!is_json_alone(settings)) {
        cli_info_print_rows(data, summary);
        print_columns(data);
        print_offsets(data);
        cli_info_print_classes(data, summary);
        print_targets(data);
        print_warnings(summary);
    }
    return !json || write_json("data info", json, cli_info_describe(data, summary)) ? EXIT_DONE : EXIT_FAILED;
}

static clm_status look_into_data(struct invocation *in, struct clm_error *error)
{
    struct clm_data_options options = data_options(in);
    struct clm_data *data = NULL;
    struct clm_data_summary *summary = NULL;
    options.labels_optional = true;
    clm_status status = clm_data_open(&options, &data, error);
    if (status == CLM_OK)
        status = clm_data_summarise(data, &summary, error);
    if (status == CLM_OK)
        in->code = cli_info_report(in->settings, data, summary);
    clm_data_summary_free(summary);
    clm_data_close(data);
    return status;
}

const struct command command_data_info = {
    "data info",
    NULL,
    look_into_data,
    "Prints what a data set holds, class by class, and warns of what is likely to be a mistake or to mislead: rows that occur twice, test rows that are training rows, too, classes without rows, uneven classes, features that never change or differ in scale.",
    {{"data", "fashion-mnist"}}};
