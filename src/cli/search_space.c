/* The space of a search: reads it, and draws trials from it. */
#include "cli/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOGARITHMIC_FROM 10.0 /* if the ends differ by this factor, each decade is as likely as any other */
#define NUMBER_FORMAT    "%.4g"

/* ---- reading ---- */

static clm_status fail_part(struct clm_error *error, const char *part, const char *why)
{
    return fail(error, CLM_ERROR_ARGUMENT, "over: %s: %s; name settings with ranges, as in %s", part, why,
                "lr=0.001..1,hidden=128/256+128");
}

static clm_status fail_space(struct clm_error *error)
{
    return fail(error, CLM_ERROR_MEMORY, "the host has no memory for the space of the search");
}

/* Whether a search may choose the setting: it is one of the net or of its training. */
static bool is_searchable(const struct clm_setting *setting)
{
    return setting->is_saved && (!strcmp(setting->group, "Net") || !strcmp(setting->group, "Training"));
}

static const struct clm_setting *setting_named(const char *name)
{
    const struct clm_setting *setting;
    for (size_t i = 0; (setting = clm_setting_at("train", i)); i++)
        if (!strcmp(setting->name, name) && is_searchable(setting))
            return setting;
    return NULL;
}

static clm_status fail_searched_name(struct clm_error *error, const char *name)
{
    enum { NAMES_MOST = 128 };
    const char *names[NAMES_MOST + 1] = {NULL};
    const struct clm_setting *setting;
    for (size_t i = 0, count = 0; (setting = clm_setting_at("train", i)) && count < NAMES_MOST; i++)
        if (is_searchable(setting))
            names[count++] = setting->name;
    const char *const meant = clm_nearest_name(name, names);
    return meant
               ? fail(error, CLM_ERROR_ARGUMENT,
                      "over: %s: there is no such setting of the net or its training; did you mean %s?", name,
                      meant)
               : fail(
                     error, CLM_ERROR_ARGUMENT,
                     "over: %s: there is no such setting of the net or its training; clmlp search --help lists them",
                     name);
}

static bool is_numeric(const struct clm_setting *setting)
{
    return setting->type == CLM_SETTING_NUMBER || setting->type == CLM_SETTING_COUNT ||
           setting->type == CLM_SETTING_WIDTHS;
}

static bool is_whole(const struct clm_setting *setting)
{
    return setting->type != CLM_SETTING_NUMBER;
}

static bool is_list(const struct clm_setting *setting)
{
    return setting->type == CLM_SETTING_WIDTHS || setting->type == CLM_SETTING_SIZES ||
           setting->type == CLM_SETTING_AUGMENTATION || setting->type == CLM_SETTING_TEXT ||
           setting->type == CLM_SETTING_LAYERS;
}

/* Refuses a text that the setting does not take. */
static clm_status check_value(const struct clm_setting *setting, const char *text, struct clm_error *error)
{
    struct clm_settings *scratch = NULL;
    struct clm_error why;
    clm_status status = clm_settings_create("train", &scratch, error);
    if (status != CLM_OK)
        return status;
    status = clm_settings_set(scratch, setting->name, text, &why);
    if (status != CLM_OK)
        status = fail(error, status, "over: %s", why.message);
    clm_settings_free(scratch);
    return status;
}

static void write_number(const struct clm_setting *setting, double value, char out[32])
{
    snprintf(out, 32, is_whole(setting) ? "%.0f" : NUMBER_FORMAT, value);
}

/* A whole text as a finite number. */
static bool read_range_end(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && !*end && isfinite(*out);
}

/* "0.001..1" */
static clm_status read_numbers(struct search_dimension *dimension, const char *range, const char *dots,
                               struct clm_error *error)
{
    char text[32];
    clm_status status;
    if (!is_numeric(dimension->setting))
        return fail_part(error, range, "only numbers have a first and a last one; put / between values");
    snprintf(text, sizeof text, "%.*s", (int)(dots - range), range);
    if (!read_range_end(text, &dimension->from) || !read_range_end(dots + 2, &dimension->to) ||
        !(dimension->from < dimension->to))
        return fail_part(error, range, "a range goes from a number to a larger one");
    if (is_whole(dimension->setting) &&
        (dimension->from != floor(dimension->from) || dimension->to != floor(dimension->to)))
        return fail_part(error, range, "the setting takes whole numbers only");
    dimension->is_logarithmic = dimension->from > 0 && dimension->to / dimension->from >= LOGARITHMIC_FROM;
    write_number(dimension->setting, dimension->from, text);
    if ((status = check_value(dimension->setting, text, error)))
        return status;
    write_number(dimension->setting, dimension->to, text);
    return check_value(dimension->setting, text, error);
}

static clm_status add_choice(struct search_dimension *dimension, const char *text, size_t length,
                             struct clm_error *error)
{
    char **const more = realloc(dimension->choices, (dimension->choice_count + 1) * sizeof *more);
    if (!more)
        return fail_space(error);
    dimension->choices = more;
    char *const choice = strndup(text, length);
    if (!choice)
        return fail_space(error);
    more[dimension->choice_count++] = choice;
    for (char *c = choice; is_list(dimension->setting) && *c; c++)
        if (*c == '+')
            *c = ',';
    for (size_t i = 0; i + 1 < dimension->choice_count; i++)
        if (!strcmp(more[i], choice))
            return fail_part(error, choice, "it is there twice");
    return check_value(dimension->setting, choice, error);
}

/* "128/256+128" */
static clm_status read_value_list(struct search_dimension *dimension, const char *range,
                                  struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (const char *at = range; status == CLM_OK; at++) {
        const size_t length = strcspn(at, "/");
        status = add_choice(dimension, at, length, error);
        at += length;
        if (!*at)
            break;
    }
    return status;
}

/* "lr=0.001..1" */
static clm_status read_dimension(struct search_space *space, char *part, struct clm_error *error)
{
    char *const equals = strchr(part, '=');
    if (!equals || equals == part || !equals[1])
        return fail_part(error, part, "it has no range");
    if (space->count == SEARCH_DIMENSIONS_MOST)
        return fail(error, CLM_ERROR_ARGUMENT, "over: it names more than %d settings; take fewer",
                    SEARCH_DIMENSIONS_MOST);
    *equals = '\0';
    struct search_dimension *const dimension = &space->dimensions[space->count];
    *dimension = (struct search_dimension){.setting = setting_named(part)};
    if (!dimension->setting)
        return fail_searched_name(error, part);
    for (size_t d = 0; d < space->count; d++)
        if (space->dimensions[d].setting == dimension->setting)
            return fail_part(error, part, "it is there twice");
    space->count++;
    const char *const range = equals + 1, *const dots = strstr(range, "..");
    return dots ? read_numbers(dimension, range, dots, error) : read_value_list(dimension, range, error);
}

clm_status search_space_read(const char *text, struct search_space *out, struct clm_error *error)
{
    char *const copy = strdup(text), *rest = copy;
    clm_status status = copy ? CLM_OK : fail_space(error);
    *out = (struct search_space){.count = 0};
    for (char *part; status == CLM_OK && (part = strsep(&rest, ","));)
        status = read_dimension(out, part, error);
    free(copy);
    return status;
}

void search_space_free(struct search_space *space)
{
    for (size_t d = 0; d < space->count; d++) {
        for (size_t c = 0; c < space->dimensions[d].choice_count; c++)
            free(space->dimensions[d].choices[c]);
        free(space->dimensions[d].choices);
    }
    *space = (struct search_space){.count = 0};
}

/* ---- drawing ---- */

/* How many values a dimension has; 0 for real numbers. */
static double values_of(const struct search_dimension *dimension)
{
    if (dimension->choice_count)
        return (double)dimension->choice_count;
    return is_whole(dimension->setting) ? dimension->to - dimension->from + 1 : 0;
}

size_t search_space_size(const struct search_space *space)
{
    double size = 1;
    for (size_t d = 0; d < space->count; d++)
        size *= values_of(&space->dimensions[d]);
    return size <= SEARCH_TRIALS_MOST ? (size_t)size : 0;
}

/* Mixes 64 bits (the finaliser of splitmix64: Steele, Lea, Flood; 2014). */
static uint64_t mix_bits(uint64_t bits)
{
    bits += 0x9e3779b97f4a7c15;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
    return bits ^ bits >> 31;
}

/* From 0 to below 1. */
static double uniform(uint64_t seed, size_t trial, size_t attempt, size_t dimension)
{
    const uint64_t bits = mix_bits(mix_bits(mix_bits(mix_bits(seed) ^ trial) ^ attempt) ^ dimension);
    return (double)(bits >> 11) * 0x1p-53;
}

/* Between the ends, at the share `u` of the way. */
static double number_at(const struct search_dimension *dimension, double u)
{
    const double from = dimension->from, to = dimension->to;
    if (!is_whole(dimension->setting))
        return dimension->is_logarithmic ? from * pow(to / from, u) : from + (to - from) * u;
    /* each whole number has the values from half below it to half above it */
    const double low = from - 0.5, high = to + 0.5;
    const double value = dimension->is_logarithmic ? low * pow(high / low, u) : low + (high - low) * u;
    return fmin(fmax(round(value), from), to);
}

static char *draw_value_text(const struct search_dimension *dimension, double u)
{
    char text[32];
    if (dimension->choice_count)
        return strdup(dimension->choices[(size_t)(u * (double)dimension->choice_count)]);
    write_number(dimension->setting, number_at(dimension, u), text);
    return strdup(text);
}

clm_status search_space_draw(const struct search_space *space, uint64_t seed, size_t trial, size_t attempt,
                             struct search_values *out, struct clm_error *error)
{
    *out = (struct search_values){{NULL}};
    for (size_t d = 0; d < space->count; d++) {
        out->of[d] = draw_value_text(&space->dimensions[d], uniform(seed, trial, attempt, d));
        if (!out->of[d]) {
            search_values_free(out);
            return fail_space(error);
        }
    }
    return CLM_OK;
}

void search_values_free(struct search_values *values)
{
    for (size_t d = 0; d < SEARCH_DIMENSIONS_MOST; d++)
        free(values->of[d]);
    *values = (struct search_values){{NULL}};
}
