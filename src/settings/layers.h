/* The short text that describes a net's layers: "512 gelu norm=batch drop=0.2, 512 gelu skip, 10". */
#ifndef CLM_SETTINGS_LAYERS_H
#define CLM_SETTINGS_LAYERS_H

#include "base/error.h"
#include "compute/vocabulary.h"

#define LAYERS_TEXT_MOST 257 /* items: hidden layers, and outputs */

/* What an item says of its layer. Without a word, activation is ACTIVATION_COUNT, norm NORM_COUNT and drop
 * NaN. */
struct layer_words {
    size_t outputs;
    enum activation activation;
    enum norm_kind norm;
    double drop;
    bool skip;
};

struct layers_words {
    double input_drop; /* NaN without the item "input drop=SHARE" */
    size_t count;
    struct layer_words items[LAYERS_TEXT_MOST];
};

/* Whether the item is a width and nothing more. */
bool layer_words_are_bare(const struct layer_words *words);

/* Items have commas between them, words blanks: a width first, then in any order an activation's name,
 * norm=batch, norm=layer or norm=none, drop=SHARE and skip. The first item may be "input drop=SHARE".
 * CLM_ERROR_ARGUMENT names the item that is wrong, and what is known. */
CLM_MUST_CHECK clm_status layers_words_read(const char *text, struct layers_words *out,
                                            struct clm_error *error);

#endif
