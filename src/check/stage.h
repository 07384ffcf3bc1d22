/* One call of the reference: bounded matrices become its tensors, and its tensors plain doubles.
 *
 *   struct stage stage = {.reference = reference, .error = error};
 *   struct tensor *x = stage_put(&stage, X, SIDE_VALUE), *y = stage_room(&stage, rows, columns);
 *   if (stage.status == CLM_OK)
 *       stage.status = operation(reference, x, y, error);
 *   stage_take(&stage, y, out);
 *   return stage_end(&stage);
 *
 * A stage remembers its first failure, and after it does nothing more. */
#ifndef CLM_CHECK_STAGE_H
#define CLM_CHECK_STAGE_H

#include "check/bounded.h"

#define STAGE_TENSORS_MAX 12

/* What of a bounded matrix is put on the stage: value, |value|, |value| + error. */
enum side { SIDE_VALUE, SIDE_INNER, SIDE_OUTER, SIDE_COUNT };

struct stage {
    struct clm_backend *reference;
    struct clm_error *error;
    clm_status status;
    struct tensor tensors[STAGE_TENSORS_MAX];
    size_t count;
};

/* Never NULL; the stage's. */
struct tensor *stage_put(struct stage *stage, const struct bounded *matrix, enum side side);
struct tensor *stage_room(struct stage *stage, size_t rows, size_t columns);

/* Reads a tensor of the stage. */
void stage_take(struct stage *stage, const struct tensor *tensor, double *out);

/* Frees the tensors; the status of it all. */
CLM_MUST_CHECK clm_status stage_end(struct stage *stage);

#endif
