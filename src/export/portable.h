/* What a model computes, as other programs need it: everything that training alone needs is gone, batch
 * normalisations and the temperature are part of weights and biases. All formats are written from it.
 *
 *   features   of a table: numbers - offset, or else their fill; marks of categories and missing values
 *   x = (features - mean) * scale
 *   layers     y = act(norm(W y + b)) + y, the last term with skip alone
 *   end        softmax, sigmoid, or mean + y * deviation and sorted quantiles
 *
 * A model is one net here: ensembles are refused. */
#ifndef CLM_EXPORT_PORTABLE_H
#define CLM_EXPORT_PORTABLE_H

#include "nn/model.h"

enum portable_end { PORTABLE_SOFTMAX, PORTABLE_SIGMOID, PORTABLE_UNITS };

struct portable_layer {
    size_t inputs, outputs;
    float *W, *b;               /* (O,I), (O), owned */
    const float *scale, *shift; /* (O) of a layer normalisation; NULL: there is none */
    enum activation activation;
    bool skip;
};

struct portable {
    const struct clm_model *model; /* its mean, scale and inputs are used as they are */
    size_t features, outputs, depth;
    struct portable_layer *layers; /* (depth) */
    enum portable_end end;
    float *target_mean, *target_deviation;  /* (outputs), of PORTABLE_UNITS */
    size_t quantiles;                       /* outputs of a target that are sorted; else 1 */
    size_t places[QUANTILES_MOST];          /* output q gets the sorted value number places[q] */
    size_t columns, categories, indicators; /* of a table, with how many of these; else 0 */
    bool has_offsets;                       /* so that its inputs are doubles */
    bool is_scaled;                         /* mean and scale are not 0 and 1 for all features */
};

/* `model` must outlive *out, which must be freed in any case. */
CLM_MUST_CHECK clm_status portable_create(const struct clm_model *model, struct portable *out,
                                          struct clm_error *error);
void portable_free(struct portable *net);

/* The name of output c: the class, or the target and its quantile. The caller frees it; NULL if there is no
 * memory. */
char *portable_output_name(const struct portable *net, size_t c);

/* The text of a JSON object of all that is no array: columns, layers, the end and the names of the outputs.
 * The caller frees it; NULL if there is no memory. */
char *portable_text(const struct portable *net);

#endif
