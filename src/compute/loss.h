/* What training makes small: a loss, and what the rows of a batch are compared with.
 *
 * z is an output, p = softmax(z) of its row, C the outputs of a row, and w its weight, 1 without weights. A
 * loss with labels compares a row with the class of its label; in a mixture, with two classes.
 *
 *   cross-entropy  w (-(1 - s) log p_label - s / C Σ_c log p_c), s the smoothing
 *   focal          w (1 - p_label)^gamma (-log p_label)
 *
 * A loss with values compares each output with its value t, and is the mean over the outputs of the row. Its
 * slope is the derivative by z.
 *
 *   binary         w (-t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z)))
 *   squared        w (z - t)²
 *   absolute       w |z - t|; the slope is 0 if z = t
 *   huber          w (z - t)² / 2 if |z - t| <= delta, else w delta (|z - t| - delta / 2)
 *   quantile       w max(q (t - z), (q - 1) (t - z)); the slope is w (1/2 - q) if z = t
 *
 * These are PyTorch's cross_entropy with label_smoothing, binary_cross_entropy_with_logits, mse_loss, l1_loss
 * and huber_loss, and maximum for quantile, which gives both sides half of the slope. focal is that of Lin et
 * al. 2017 without alpha. The mean is over the rows, whatever their weights sum to. */
#ifndef CLM_COMPUTE_LOSS_H
#define CLM_COMPUTE_LOSS_H

#include "compute/augmentation.h"
#include "compute/tensor.h"
#include "compute/vocabulary.h"

enum { QUANTILES_MOST = 8 };

struct loss {
    enum loss_kind kind;
    double smoothing; /* s of cross-entropy, 0 to 1 */
    double gamma;     /* of focal, at least 0 */
    double delta;     /* of huber, above 0 */
    /* Of quantile: Q numbers q between 0 and 1 for each target. Output c is for target c / Q, with q number
     * c mod Q. */
    size_t quantile_count;
    double quantiles[QUANTILES_MOST];
};

/* The loss with its usual numbers: no smoothing, gamma 2, delta 1, and the median as the only quantile. */
static inline struct loss usual_loss(enum loss_kind kind)
{
    return (struct loss){.kind = kind, .gamma = 2, .delta = 1, .quantile_count = 1, .quantiles = {0.5}};
}

/* Whether it is cross-entropy as softmax_xent has it. */
static inline bool loss_is_plain(const struct loss *loss)
{
    return loss->kind == LOSS_CROSS_ENTROPY && loss->smoothing == 0;
}

/* Outputs for each target. */
static inline size_t loss_quantiles(const struct loss *loss)
{
    return loss->kind == LOSS_QUANTILE ? loss->quantile_count : 1;
}

/* What the rows of a batch are compared with. */
struct targets {
    const struct tensor *labels;   /* (1,B) TENSOR_INDEX; NULL for a loss with values */
    const struct mixture *mixture; /* NULL: rows are neither weighted nor mixed */
    const struct tensor *values;   /* (B,T) TENSOR_REAL; NULL for a loss with labels */
};

#endif
