/* --augment: how training rows are changed, as a list. */
#include "cli/arguments.h"

#include "cli/command.h"

#include <string.h>

enum { FLIP, SHIFT, CUTOUT, MIXUP, NOISE };

static const char *const words[] = {
    [FLIP] = "flip", [SHIFT] = "shift", [CUTOUT] = "cutout", [MIXUP] = "mixup", [NOISE] = "noise", NULL};
static const char *const examples[] = {
    [SHIFT] = "shift=4", [CUTOUT] = "cutout=8", [MIXUP] = "mixup=0.2", [NOISE] = "noise=0.05"};

static int find_word(const struct argp_state *state, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(word, words[i]))
            return i;
    const char *const meant = nearest_name(word, words);
    if (meant)
        wrong_usage(state, "--augment: there is no %s; did you mean %s?", word, meant);
    wrong_usage(state, "--augment: there is no %s, but flip, shift=, cutout=, mixup= and noise=",
                *word ? word : "word between commas");
}

static double read_positive(const struct argp_state *state, const char *option, const char *text)
{
    const double value = read_not_negative(state, option, text);
    if (value == 0)
        wrong_usage(state, "%s %s: it has to be above 0; leave it out for none", option, text);
    return value;
}

/* One of the list, as in "shift=4", which it cuts at the '='. */
static void read_item(const struct argp_state *state, char *item, unsigned *seen,
                      struct clm_augmentation *out)
{
    char *value = strchr(item, '=');
    if (value)
        *value++ = 0;
    const int word = find_word(state, item);
    char option[32] = "--augment ";
    strcat(option, words[word]);
    if (*seen & 1u << word)
        wrong_usage(state, "%s: it is there twice", option);
    *seen |= 1u << word;
    if (word == FLIP && value)
        wrong_usage(state, "%s: it takes no value", option);
    if (word != FLIP && !(value && *value))
        wrong_usage(state, "%s: it needs a value, as in %s", option, examples[word]);
    switch (word) {
    case FLIP:
        out->flip = true;
        break;
    case SHIFT:
        out->shift = read_count(state, option, value, 1);
        break;
    case CUTOUT:
        out->cutout = read_count(state, option, value, 1);
        break;
    case MIXUP:
        out->mixup = read_positive(state, option, value);
        break;
    default:
        out->noise = read_positive(state, option, value);
    }
}

struct clm_augmentation read_augmentation(const struct argp_state *state, const char *text)
{
    struct clm_augmentation out = {0};
    unsigned seen = 0;
    char list[256], *next = list;
    if (strlen(text) >= sizeof list)
        wrong_usage(state, "--augment %.40s...: it is longer than any list of changes", text);
    memcpy(list, text, strlen(text) + 1);
    for (char *item; (item = strsep(&next, ","));)
        read_item(state, item, &seen, &out);
    return out;
}
