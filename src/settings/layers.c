#include "settings/layers.h"

#include "base/text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN       60 /* bytes of an item in a message */
#define LIST_SIZE   256
#define NAMES_MOST  (ACTIVATION_COUNT + 8)
#define BLANKS      " \t\n"
#define INPUT_WORD  "input"
#define KNOWN_WORDS "norm=batch, norm=layer, norm=none, drop=0.2 and skip"

/* The item that is read, for messages. */
struct item {
    const char *text;
    size_t number; /* from 1 */
};

__attribute__((format(printf, 3, 4))) static clm_status
fail_item(const struct item *item, struct clm_error *error, const char *format, ...)
{
    char shown[SHOWN], reason[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return clm_fail(error, CLM_ERROR_ARGUMENT, "layers: item %zu, \"%s\": %s", item->number,
                    text_show(shown, sizeof shown, item->text, strlen(item->text)), reason);
}

bool layer_words_are_bare(const struct layer_words *words)
{
    return words->activation == ACTIVATION_COUNT && words->norm == NORM_COUNT && isnan(words->drop) &&
           !words->skip;
}

/* ---- words ---- */

static clm_status read_drop(const struct item *item, const char *text, double *out, struct clm_error *error)
{
    char *end;
    const double value = strtod(text, &end);
    if (!*text || *end || text[strspn(text, "0123456789.eE+-")] || !(value >= 0 && value < 1))
        return fail_item(item, error, "drop=%.20s: it has to be a share from 0 to below 1, as in drop=0.2",
                         text);
    if (!isnan(*out))
        return fail_item(item, error, "drop is there twice");
    *out = value;
    return CLM_OK;
}

static clm_status read_norm(const struct item *item, const char *text, enum norm_kind *out,
                            struct clm_error *error)
{
    if (*out != NORM_COUNT)
        return fail_item(item, error, "norm is there twice");
    for (int norm = 0; norm < NORM_COUNT; norm++)
        if (!strcmp(text, norms[norm].name)) {
            *out = (enum norm_kind)norm;
            return CLM_OK;
        }
    return fail_item(item, error, "norm=%.20s: it has to be batch, layer or none", text);
}

/* No word that is known: names the nearest one, or all. */
static clm_status fail_word(const struct item *item, const char *word, struct clm_error *error)
{
    static const char *const others[] = {"norm=batch", "norm=layer", "norm=none", "drop=0.2", "skip"};
    const char *names[NAMES_MOST + 1] = {NULL};
    char list[LIST_SIZE], shown[SHOWN];
    size_t count = 0, used = 0;
    for (int act = 0; act < ACTIVATION_COUNT; act++) {
        names[count++] = activations[act].name;
        used +=
            (size_t)snprintf(list + used, LIST_SIZE - used, "%s%s", act ? ", " : "", activations[act].name);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        names[count++] = others[i];
    const char *const meant = clm_nearest_name(word, names);
    text_show(shown, sizeof shown, word, strlen(word));
    return meant ? fail_item(item, error, "there is no word %s; did you mean %s?", shown, meant)
                 : fail_item(item, error, "there is no word %s, but %s, " KNOWN_WORDS, shown, list);
}

static clm_status read_activation(const struct item *item, const char *word, enum activation *out,
                                  struct clm_error *error)
{
    for (int act = 0; act < ACTIVATION_COUNT; act++)
        if (!strcmp(word, activations[act].name)) {
            if (*out != ACTIVATION_COUNT)
                return fail_item(item, error, "it has two activations, %s and %s", activations[*out].name,
                                 word);
            *out = (enum activation)act;
            return CLM_OK;
        }
    return fail_word(item, word, error);
}

static clm_status read_layer_word(const struct item *item, const char *word, struct layer_words *layer,
                                  struct clm_error *error)
{
    if (!strncmp(word, "norm=", 5))
        return read_norm(item, word + 5, &layer->norm, error);
    if (!strncmp(word, "drop=", 5))
        return read_drop(item, word + 5, &layer->drop, error);
    if (strcmp(word, "skip"))
        return read_activation(item, word, &layer->activation, error);
    if (layer->skip)
        return fail_item(item, error, "skip is there twice");
    layer->skip = true;
    return CLM_OK;
}

/* ---- items ---- */

static clm_status read_width(const struct item *item, const char *word, size_t *out, struct clm_error *error)
{
    const bool is_number = word && *word && !word[strspn(word, "0123456789")];
    const unsigned long long value = is_number ? strtoull(word, NULL, 10) : 0;
    if (is_number && value >= 1 && value <= INT32_MAX)
        *out = (size_t)value;
    else
        return fail_item(item, error, "a layer begins with its width, from 1 to %d, as in 512 relu",
                         INT32_MAX);
    return CLM_OK;
}

/* `words` are those after "input". */
static clm_status read_input(const struct item *item, char *words, struct layers_words *out,
                             struct clm_error *error)
{
    const char *const word = strtok_r(NULL, BLANKS, &words);
    if (item->number > 1)
        return fail_item(item, error, "only the first item can be of the inputs");
    if (!word || strncmp(word, "drop=", 5))
        return fail_item(item, error, "what inputs may have is drop=SHARE, as in input drop=0.1");
    const clm_status status = read_drop(item, word + 5, &out->input_drop, error);
    return status == CLM_OK && strtok_r(NULL, BLANKS, &words)
               ? fail_item(item, error, "what inputs may have is drop=SHARE alone")
               : status;
}

/* `words` are cut apart. */
static clm_status read_layer_item(const struct item *item, char *words, struct layers_words *out,
                                  struct clm_error *error)
{
    char *rest = NULL;
    const char *word = strtok_r(words, BLANKS, &rest);
    struct layer_words layer = {.activation = ACTIVATION_COUNT, .norm = NORM_COUNT, .drop = NAN};
    if (word && !strcmp(word, INPUT_WORD))
        return read_input(item, rest, out, error);
    if (out->count == LAYERS_TEXT_MOST)
        return fail_item(item, error, "there may be up to %d layers", LAYERS_TEXT_MOST);
    clm_status status = read_width(item, word, &layer.outputs, error);
    while (status == CLM_OK && (word = strtok_r(NULL, BLANKS, &rest)))
        status = read_layer_word(item, word, &layer, error);
    if (status == CLM_OK)
        out->items[out->count++] = layer;
    return status;
}

clm_status layers_words_read(const char *text, struct layers_words *out, struct clm_error *error)
{
    char *const copy = strdup(text), *rest = copy, *words = NULL;
    struct item item = {.number = 0};
    clm_status status = copy ? CLM_OK : clm_fail_host_memory(error, "layers", strlen(text) + 1);
    *out = (struct layers_words){.input_drop = NAN};
    while (status == CLM_OK && (item.text = strsep(&rest, ","))) {
        item.number++;
        words = strdup(item.text);
        status = words ? read_layer_item(&item, words, out, error)
                       : clm_fail_host_memory(error, "layers", strlen(item.text) + 1);
        free(words);
    }
    free(copy);
    return status;
}
