/* Writes a variant as words and reads it back, so that what a failed check prints repeats it. */
#include "prove/operations.h"

#include "base/size.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS_MOST ((double)(1 << 28)) /* per matrix */

/* NULL for the usual fill, and for fills that a variant cannot have. */
static const char *const fill_names[FILL_OWN] = {
    [FILL_UNIFORM] = "uniform", [FILL_WIDE] = "wide",  [FILL_DENORMAL] = "denormals",
    [FILL_TINY] = "tiny",       [FILL_ZERO] = "zeros", [FILL_EXTREME] = "extreme",
    [FILL_TIES] = "ties"};

/* Adds to the text; "..." ends it if there is no room. */
__attribute__((format(printf, 2, 3))) static void add_words(char text[SHAPE_TEXT_MAX], const char *format,
                                                            ...)
{
    const size_t used = strlen(text), room = SHAPE_TEXT_MAX - used;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text + used, room, format, arguments) >= (int)room)
        memcpy(text + SHAPE_TEXT_MAX - 4, "...", 4);
    va_end(arguments);
}

static void describe_dimensions(enum dimensions dimensions, const struct variant *v,
                                char text[SHAPE_TEXT_MAX])
{
    const struct augmentation *const a = &v->augmentation;
    switch (dimensions) {
    case DIMENSIONS_BATCH:
        add_words(text, "N=%zu B=%zu I=%zu first=%zu", v->N, v->B, v->I, v->first);
        break;
    case DIMENSIONS_PICTURES:
        add_words(text, "N=%zu B=%zu %zux%zux%zu first=%zu", v->N, v->B, a->channels, a->height, a->width,
                  v->first);
        break;
    case DIMENSIONS_LAYER:
    case DIMENSIONS_STEP:
        add_words(text, "B=%zu I=%zu O=%zu", v->B, v->I, v->O);
        break;
    case DIMENSIONS_ROWS:
    case DIMENSIONS_LOSS:
        add_words(text, "B=%zu C=%zu", v->B, v->O);
        break;
    case DIMENSIONS_WEIGHTS:
        add_words(text, "O=%zu I=%zu", v->O, v->I);
        break;
    case DIMENSIONS_OUTPUTS:
        add_words(text, "B=%zu O=%zu", v->B, v->O);
        break;
    }
}

static const char *const places[PLACE_COUNT] = {"", " at top-left", " at top-right", " at bottom-left",
                                                " at bottom-right"};

static const char *odd_name(double odd)
{
    return isnan(odd) ? "NaN" : odd > 0 ? "Inf" : "-Inf";
}

/* The rule that a momentum means, unless another is named. */
static enum rule rule_of(double momentum)
{
    return momentum != 0 ? RULE_MOMENTUM : RULE_SGD;
}

void variant_describe(const struct operation *operation, const struct variant *variant,
                      char text[SHAPE_TEXT_MAX])
{
    const struct variant *const v = variant;
    const struct clm_augmentation *const changes = &v->augmentation.changes;
    const bool is_mask = v->below == ACTIVATION_RELU;
    *text = '\0';
    describe_dimensions(operation->dimensions, v, text);
    add_words(text, "%s%s%s", v->is_bytes ? " bytes" : "", v->is_ordered ? " ordered" : "",
              changes->flip ? " flip" : "");
    if (changes->shift)
        add_words(text, " shift=%zu", changes->shift);
    if (changes->cutout)
        add_words(text, " cutout=%zu", changes->cutout);
    if (changes->noise > 0)
        add_words(text, " noise=%g", changes->noise);
    if (changes->mixup > 0)
        add_words(text, " mixup=%g", changes->mixup);
    if (v->norm != NORM_NONE)
        add_words(text, " norm=%s", norms[v->norm].name);
    if (v->act != ACTIVATION_NONE)
        add_words(text, " %s", activations[v->act].name);
    if (v->below != ACTIVATION_NONE)
        add_words(text, " %s%s", is_mask ? "mask" : "gate=", is_mask ? "" : activations[v->below].name);
    if (v->loss != LOSS_CROSS_ENTROPY)
        add_words(text, " %s", loss_table[v->loss].name);
    if (v->quantiles)
        add_words(text, " quantiles=%zu", v->quantiles);
    if (v->rule != rule_of(v->momentum))
        add_words(text, " %s", rules[v->rule].name);
    if (v->momentum != 0)
        add_words(text, " momentum=%g", v->momentum);
    if (v->l2 != 0)
        add_words(text, " l2=%g", v->l2);
    if (v->l1 != 0)
        add_words(text, " l1=%g", v->l1);
    if (v->weight_decay != 0)
        add_words(text, " decay=%g", v->weight_decay);
    if (v->clip != 0)
        add_words(text, " clip=%g", v->clip);
    if (fill_names[v->fill])
        add_words(text, " %s", fill_names[v->fill]);
    if (v->odd_in)
        add_words(text, ", %s in %s%s", odd_name(v->odd), v->odd_in, places[v->odd_place]);
}

/* ---- from words ---- */

static bool parse_size(const char *word, const char *name, size_t *out)
{
    const size_t length = strlen(name);
    char *end;
    if (strncmp(word, name, length) != 0 || word[length] != '=' || word[length + 1] < '0' ||
        word[length + 1] > '9')
        return false;
    const unsigned long long value = strtoull(word + length + 1, &end, 10);
    *out = value <= INT32_MAX ? (size_t)value : SIZE_MAX;
    return !*end;
}

static bool parse_real(const char *word, const char *name, double most, double *out)
{
    const size_t length = strlen(name);
    char *end;
    if (strncmp(word, name, length) != 0 || word[length] != '=')
        return false;
    *out = strtod(word + length + 1, &end);
    return end != word + length + 1 && !*end && *out >= 0 && *out <= most;
}

/* "3x32x32": channels, height and width. */
static bool parse_picture(const char *word, struct variant *v)
{
    struct augmentation *const a = &v->augmentation;
    char after;
    if (sscanf(word, "%5zux%5zux%5zu%c", &a->channels, &a->height, &a->width, &after) != 3)
        return false;
    v->I = a->channels * a->height * a->width;
    return true;
}

/* The name of an activation, of the one below, of a norm, of an optimiser's rule, or of a loss. */
static bool parse_name(const char *word, struct variant *v)
{
    for (int a = ACTIVATION_NONE + 1; a < ACTIVATION_COUNT; a++) {
        const bool is_gate = !strncmp(word, "gate=", 5);
        if (strcmp(is_gate ? word + 5 : word, activations[a].name) != 0)
            continue;
        *(is_gate ? &v->below : &v->act) = (enum activation)a;
        return true;
    }
    for (int n = NORM_NONE + 1; n < NORM_COUNT; n++)
        if (!strncmp(word, "norm=", 5) && !strcmp(word + 5, norms[n].name)) {
            v->norm = (enum norm_kind)n;
            return true;
        }
    for (int r = 0; r < RULE_COUNT; r++)
        if (!strcmp(word, rules[r].name)) {
            v->rule = (enum rule)r;
            return true;
        }
    v->loss = loss_named(word);
    return v->loss != LOSS_COUNT;
}

static bool parse_word(const char *word, struct variant *v)
{
    struct clm_augmentation *const changes = &v->augmentation.changes;
    for (int fill = 0; fill < FILL_OWN; fill++)
        if (fill_names[fill] && !strcmp(word, fill_names[fill])) {
            v->fill = (enum fill)fill;
            return true;
        }
    if (!strcmp(word, "mask"))
        v->below = ACTIVATION_RELU;
    else if (!strcmp(word, "bytes"))
        v->is_bytes = true;
    else if (!strcmp(word, "ordered"))
        v->is_ordered = true;
    else if (!strcmp(word, "flip"))
        changes->flip = true;
    else
        return parse_picture(word, v) || parse_size(word, "shift", &changes->shift) ||
               parse_size(word, "cutout", &changes->cutout) ||
               parse_real(word, "noise", 2, &changes->noise) ||
               parse_real(word, "mixup", 2, &changes->mixup) || parse_size(word, "B", &v->B) ||
               parse_size(word, "I", &v->I) || parse_size(word, "O", &v->O) || parse_size(word, "C", &v->O) ||
               parse_size(word, "N", &v->N) || parse_size(word, "quantiles", &v->quantiles) ||
               parse_size(word, "first", &v->first) || parse_real(word, "momentum", 1, &v->momentum) ||
               parse_real(word, "l2", 1, &v->l2) || parse_real(word, "l1", 1, &v->l1) ||
               parse_real(word, "decay", 1, &v->weight_decay) || parse_real(word, "clip", 1e6, &v->clip);
    return true;
}

/* Reads " at top-left" from the end of `text` and cuts it off. */
static enum place parse_place(char *text)
{
    char *const at = strstr(text, " at ");
    for (int place = 1; at && place < PLACE_COUNT; place++)
        if (!strcmp(at, places[place])) {
            *at = '\0';
            return (enum place)place;
        }
    return PLACE_ANY;
}

/* Reads ", NaN in next X" from the end of `text` and cuts it off. */
static bool parse_odd(const struct operation *operation, char *text, struct variant *v)
{
    char *const at = strstr(text, " in ");
    if (!at)
        return true;
    v->odd_place = parse_place(at);
    const char *input;
    for (size_t n = 0; (input = operation_input(operation, n)); n++)
        if (!strcmp(at + 4, input))
            v->odd_in = input;
    *at = '\0';
    char *const space = strrchr(text, ' ');
    const char *const name = space ? space + 1 : text;
    v->odd = !strcmp(name, "NaN")    ? NAN
             : !strcmp(name, "Inf")  ? INFINITY
             : !strcmp(name, "-Inf") ? -INFINITY
                                     : 0;
    if (space)
        *space = '\0';
    return v->odd_in && v->odd != 0;
}

static bool fits(size_t rows, size_t columns)
{
    return rows && columns && (double)rows * (double)columns <= ELEMENTS_MOST;
}

/* False if it has words that say nothing of an operation with these dimensions. */
static bool has_fitting_words(enum dimensions dimensions, const struct variant *v)
{
    const struct augmentation *const a = &v->augmentation;
    const struct clm_augmentation *const c = &a->changes;
    const bool is_changed = a->width || c->flip || c->shift || c->cutout || c->noise > 0 || c->mixup > 0,
               is_data = v->N || v->first || v->is_bytes || v->is_ordered,
               is_gated = v->act != ACTIVATION_NONE || v->below != ACTIVATION_NONE,
               is_decayed = v->l1 != 0 || v->weight_decay != 0 || v->clip != 0,
               is_stepped = v->rule != RULE_SGD || v->l2 != 0 || is_decayed;
    if (dimensions != DIMENSIONS_LOSS && (v->loss != LOSS_CROSS_ENTROPY || v->quantiles))
        return false;
    if (v->norm != NORM_NONE && dimensions != DIMENSIONS_OUTPUTS)
        return false;
    switch (dimensions) {
    case DIMENSIONS_PICTURES:
        return !v->O && !is_gated && !is_stepped;
    case DIMENSIONS_BATCH:
        return !v->O && !is_gated && !is_stepped && !is_changed;
    case DIMENSIONS_LAYER:
        return !is_data && !is_changed && !is_decayed;
    case DIMENSIONS_STEP:
        return !v->N && !v->first && !is_changed && !is_gated && !is_decayed;
    case DIMENSIONS_LOSS:
        if (v->quantiles && (v->loss != LOSS_QUANTILE || v->quantiles > QUANTILES_MOST))
            return false;
        /* fall through */
    case DIMENSIONS_ROWS:
        return !is_data && !is_changed && !v->I && !is_gated && !is_stepped;
    case DIMENSIONS_WEIGHTS:
        return !is_data && !is_changed && !v->B && !is_gated;
    case DIMENSIONS_OUTPUTS:
        return !is_data && !is_changed && !v->I && !is_stepped;
    }
    return false;
}

static bool is_sensible(enum dimensions dimensions, const struct variant *v)
{
    const struct augmentation *const a = &v->augmentation;
    switch (dimensions) {
    case DIMENSIONS_PICTURES:
        if (!a->width || !a->height || v->I != a->channels * a->height * a->width ||
            a->changes.shift >= size_min(a->width, a->height) ||
            a->changes.cutout > size_max(a->width, a->height))
            return false; /* fall through */
    case DIMENSIONS_BATCH:
        return fits(v->N, v->I) && fits(v->B, v->I) && v->B <= v->N && v->first <= v->N - v->B;
    case DIMENSIONS_LAYER:
    case DIMENSIONS_STEP:
        return fits(v->B, v->I) && fits(v->B, v->O) && fits(v->O, v->I);
    case DIMENSIONS_ROWS:
    case DIMENSIONS_LOSS:
        return fits(v->B, v->O * size_max(v->quantiles, 1));
    case DIMENSIONS_OUTPUTS:
        return fits(v->B, v->O);
    case DIMENSIONS_WEIGHTS:
        return fits(v->O, v->I);
    }
    return false;
}

clm_status variant_parse(const struct operation *operation, const char *text, struct variant *out,
                         struct clm_error *error)
{
    static const char *const examples[] = {[DIMENSIONS_BATCH] = "N=40 B=31 I=33 first=0 bytes",
                                           [DIMENSIONS_PICTURES] =
                                               "N=40 B=33 3x9x5 first=0 bytes flip noise=0.5",
                                           [DIMENSIONS_LAYER] = "B=7 I=33 O=65 relu",
                                           [DIMENSIONS_STEP] = "B=7 I=33 O=65 bytes",
                                           [DIMENSIONS_ROWS] = "B=31 C=10",
                                           [DIMENSIONS_LOSS] = "B=31 C=10 focal",
                                           [DIMENSIONS_WEIGHTS] = "O=65 I=33 momentum=0.9",
                                           [DIMENSIONS_OUTPUTS] = "B=7 O=65 norm=batch relu"};
    char copy[SHAPE_TEXT_MAX], *rest = NULL;
    *out = (struct variant){0};
    bool is_right = strlen(text) < sizeof copy;
    snprintf(copy, sizeof copy, "%s", text);
    is_right = is_right && parse_odd(operation, copy, out);
    out->rule = RULE_COUNT; /* until one is named */
    for (char *word = strtok_r(copy, " ,", &rest); is_right && word; word = strtok_r(NULL, " ,", &rest))
        is_right = parse_word(word, out) || parse_name(word, out);
    if (out->rule == RULE_COUNT)
        out->rule = rule_of(out->momentum);
    if (is_right && odd_is_in_bytes(out))
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "%s: bytes hold neither NaN nor infinities: it has to be without \"bytes\", or without that value",
            text);
    if (is_right && has_fitting_words(operation->dimensions, out) && is_sensible(operation->dimensions, out))
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_ARGUMENT, "shape",
        "%s is no shape of %s: it has to be as a check has it, \"%s\", of matrices of up to 2^28 elements",
        text, operation->name, examples[operation->dimensions]);
}
