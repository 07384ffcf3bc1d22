/* Each operation of a backend as a problem: its operands, the device's call, and the bounds. */
#ifndef CLM_CHECK_OPERATIONS_H
#define CLM_CHECK_OPERATIONS_H

#include "check/problem.h"

#define SHAPE_TEXT_MAX 96

/* One way to call an operation; what does not concern it is left zero. */
struct variant {
    size_t B, I, O; /* softmax: (B,O) logits; update: (O,I) weights; gather: B of N rows of I */
    size_t N, first;
    enum activation act;
    bool has_mask, is_bytes, is_ordered;
    bool is_sampled; /* products only: a part of the result's elements is compared */
    double momentum, l2;
    struct augmentation augmentation; /* of gather_augmented; its place and seed, too */
    enum fill fill;                   /* of the inputs, where they are not of a kind of their own */
    const char *nan_in;
};

struct operation {
    const char *name;
    void (*run)(struct problem *problem, const struct variant *variant);
    void (*describe)(const struct variant *variant, char text[SHAPE_TEXT_MAX]);
    const char *inputs[6]; /* where a NaN can come from; NULL ends them */
};

enum operation_name {
    OPERATION_GATHER,
    OPERATION_GATHER_AUGMENTED,
    OPERATION_FORWARD,
    OPERATION_SOFTMAX_XENT,
    OPERATION_SOFTMAX,
    OPERATION_BACKWARD_INPUT,
    OPERATION_BACKWARD_PARAMS,
    OPERATION_BACKWARD_UPDATE,
    OPERATION_UPDATE_FORWARD,
    OPERATION_SOFTMAX_BACKWARD,
    OPERATION_UPDATE,
    OPERATION_COUNT
};

extern const struct operation operations_checked[OPERATION_COUNT];

/* Runs one variant of an operation on `device` against `reference`. */
CLM_MUST_CHECK clm_status operation_check(struct clm_backend *device, struct clm_backend *reference,
                                          const struct operation *operation, const struct variant *variant,
                                          struct clm_check *check, struct clm_error *error);

#endif
