/* How the values of options are read; a wrong one is wrong usage. */
#include "cli/arguments.h"

#include "cli/command.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strtoull takes signs and spaces. */
bool read_digits(const char *text, unsigned long long *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return !errno && !*end;
}

size_t read_count(const struct argp_state *state, const char *option, const char *text, size_t least)
{
    unsigned long long value;
    if (!read_digits(text, &value) || value < least || value > SIZE_MAX / 2)
        wrong_usage(state, "%s %s: it has to be a whole number of at least %zu", option, text, least);
    return (size_t)value;
}

uint64_t read_seed(const struct argp_state *state, const char *option, const char *text)
{
    unsigned long long value;
    if (!read_digits(text, &value))
        wrong_usage(state, "%s %s: it has to be a whole number from 0 to %llu", option, text,
                    (unsigned long long)UINT64_MAX);
    return value;
}

uint64_t read_bytes(const struct argp_state *state, const char *option, const char *text)
{
    static const char units[] = "KMGT";
    char digits[24] = "";
    unsigned long long value = 0;
    const size_t length = strspn(text, "0123456789");
    const char *const unit = text[length] ? strchr(units, text[length]) : NULL;
    if (length < sizeof digits)
        memcpy(digits, text, length);
    const unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (!read_digits(digits, &value) || !value || (text[length] && (!unit || text[length + 1])) ||
        value > UINT64_MAX >> shift)
        wrong_usage(state,
                    "%s %s: it has to be a number of bytes, as in %s 512M; K, M, G and T are powers of 1024",
                    option, text, option);
    return value << shift;
}

static bool parse_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    /* strtod takes spaces, hexadecimal, inf and nan, too */
    return end != text && !*end && !text[strspn(text, "0123456789+-.eE")] && isfinite(*value);
}

double read_number(const struct argp_state *state, const char *option, const char *text)
{
    double value;
    if (!parse_number(text, &value))
        wrong_usage(state, "%s %s: it has to be a number, as in %s 0.1", option, text, option);
    return value;
}

double read_not_negative(const struct argp_state *state, const char *option, const char *text)
{
    const double value = read_number(state, option, text);
    if (value < 0)
        wrong_usage(state, "%s %s: it has to be at least 0", option, text);
    return value;
}

double read_momentum(const struct argp_state *state, const char *option, const char *text)
{
    const double value = read_number(state, option, text);
    if (value < 0 || value >= 1)
        wrong_usage(state, "%s %s: it has to be at least 0 and below 1", option, text);
    return value;
}

const char *read_name(const struct argp_state *state, const char *option, const char *text)
{
    if (!*text)
        wrong_usage(state, "%s: its value is empty", option);
    return text;
}

static struct {
    const char *option, *path;
} outputs[OUTPUTS_MAX];
static size_t output_count;

const char *read_output(const struct argp_state *state, const char *option, const char *text)
{
    read_name(state, option, text);
    if (output_count == OUTPUTS_MAX)
        wrong_usage(state, "%s %s: files to write are named more than %d times", option, text, OUTPUTS_MAX);
    outputs[output_count].option = option;
    outputs[output_count++].path = text;
    return text;
}

void check_outputs(const char *command)
{
    struct clm_error error;
    const char *json = NULL; /* the last one counts */
    for (size_t i = 0; i < output_count; i++) {
        json = !strcmp(outputs[i].option, "--json") ? outputs[i].path : json;
        if (!strcmp(outputs[i].path, "-") || clm_check_file(outputs[i].path, &error) == CLM_OK)
            continue;
        complain(command, "%s %s", outputs[i].option, error.message);
        exit(EXIT_FAILED);
    }
    if (json && !strcmp(json, "-") && !claim_output()) {
        complain(command, "--json -: standard output cannot be kept for it: %s", strerror(errno));
        exit(close_output(command, EXIT_FAILED));
    }
}

const char *read_init(const struct argp_state *state, const char *text)
{
    double deviation;
    if (!strncmp(text, "normal:", 7) && (!parse_number(text + 7, &deviation) || deviation < 0))
        wrong_usage(state, "--init %s: the deviation has to be a number of at least 0, as in normal:0.01",
                    text);
    return read_name(state, "--init", text);
}

struct sizes read_hidden(const struct argp_state *state, const char *text)
{
    const struct sizes hidden =
        strcmp(text, "none") ? read_sizes(state, "--hidden", text) : (struct sizes){.count = 0};
    if (hidden.count > WIDTHS_MAX - 2)
        wrong_usage(state, "--hidden: it may have up to %d widths", WIDTHS_MAX - 2);
    return hidden;
}

struct sizes layer_widths(size_t inputs, const struct sizes *hidden, size_t classes)
{
    struct sizes layers = {.values = {inputs}, .count = hidden->count + 2};
    memcpy(layers.values + 1, hidden->values, hidden->count * sizeof *hidden->values);
    layers.values[layers.count - 1] = classes;
    return layers;
}

struct sizes read_sizes(const struct argp_state *state, const char *option, const char *text)
{
    struct sizes sizes = {.count = 0};
    const char *at = text;
    while (true) {
        const size_t length = strcspn(at, ",");
        char number[32];
        unsigned long long value = 0;
        snprintf(number, sizeof number, "%.*s", (int)(length < 31 ? length : 31), at);
        if (length > 20 || !read_digits(number, &value) || !value || value > INT32_MAX)
            wrong_usage(state, "%s %s: it has to be a list of whole numbers of at least 1, as in %s 256,128",
                        option, text, option);
        if (sizes.count == WIDTHS_MAX)
            wrong_usage(state, "%s %s: it may have up to %d numbers", option, text, WIDTHS_MAX);
        sizes.values[sizes.count++] = (size_t)value;
        if (!at[length])
            return sizes;
        at += length + 1;
    }
}

const char *list_names(char *list, size_t size, const char *const *names, size_t count)
{
    for (size_t i = 0, used = 0; i < count && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s",
                                 !i              ? ""
                                 : i + 1 < count ? ", "
                                                 : " or ",
                                 names[i]);
    return list;
}

size_t read_choice(const struct argp_state *state, const char *option, const char *text,
                   const char *const *names, size_t count)
{
    char list[256] = "";
    for (size_t i = 0; i < count; i++)
        if (!strcmp(text, names[i]))
            return i;
    wrong_usage(state, "%s %s: it has to be %s", option, text, list_names(list, sizeof list, names, count));
}

enum clm_part read_part(const struct argp_state *state, const char *text)
{
    if (!strcmp(text, "train"))
        return CLM_TRAIN;
    if (!strcmp(text, "val"))
        return CLM_VALIDATION;
    if (strcmp(text, "test"))
        wrong_usage(state, "--split %s: it has to be train, val or test", text);
    return CLM_TEST;
}

enum clm_standardise read_standardise(const struct argp_state *state, const char *text)
{
    static const char *const names[] = {[CLM_STANDARDISE_NONE] = "none",
                                        [CLM_STANDARDISE_GLOBAL] = "global",
                                        [CLM_STANDARDISE_FEATURE] = "feature"};
    return (enum clm_standardise)read_choice(state, "--standardize", text, names,
                                             sizeof names / sizeof *names);
}
