/* Nets as a short text, as in "512 gelu norm=batch drop=0.2, 512 gelu skip, 10". */
#ifndef CLM_NN_LAYERS_TEXT_H
#define CLM_NN_LAYERS_TEXT_H

#include "nn/architecture.h"

/* The net of the text, which takes `inputs` and ends with `classes` outputs. If the last item is a number
 * alone and that of the classes, it is the last layer; else all items are hidden layers. What an item does
 * not say is that of `hidden`, and the inputs' share `input_drop`. Fails as layers_words_read and
 * architecture_check do. */
CLM_MUST_CHECK clm_status layers_text_read(const char *text, size_t inputs, size_t classes,
                                           const struct layer_spec *hidden, double input_drop,
                                           struct architecture *out, struct clm_error *error);

/* The text of a net, with all that its layers have and the classes at the end. For the caller to free; NULL
 * if there is no memory. */
char *layers_text_of(const struct architecture *net);

#endif
