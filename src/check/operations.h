/* Each operation of a backend as a problem: its operands, the device's call, and the bounds. */
#ifndef CLM_CHECK_OPERATIONS_H
#define CLM_CHECK_OPERATIONS_H

#include "check/problem.h"

#define SHAPE_TEXT_MAX sizeof(((struct clm_check *)0)->shape)

/* One way to call an operation; what does not concern it is left zero. */
struct variant {
    size_t B, I, O; /* softmax: (B,O) logits; update: (O,I) weights; gather: B of N rows of I */
    size_t N, first;
    enum activation act;
    bool has_mask, is_bytes, is_ordered;
    double momentum, l2;
    struct augmentation augmentation; /* of gather_augmented; seed and place are the run's */
    enum fill fill;                   /* of the inputs, where they are not of a kind of their own */
    const char *odd_in;               /* one of the operation's inputs, which gets one `odd`; or NULL */
    double odd;                       /* NaN, or an infinity */
    uint64_t seed;                    /* of the content */
    bool is_bare;                     /* no rows behind the operands, for whoever sees each access himself */
};

/* How a shape is written. */
enum dimensions {
    DIMENSIONS_BATCH,
    DIMENSIONS_PICTURES,
    DIMENSIONS_LAYER,
    DIMENSIONS_ROWS,
    DIMENSIONS_WEIGHTS
};

struct operation {
    const char *name;
    void (*run)(struct problem *problem, const struct variant *variant);
    enum dimensions dimensions;
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

/* NULL where there is none of that name. */
const struct operation *operation_named(const char *name);

/* A NaN or an infinity among bytes, which hold neither. */
bool odd_is_in_bytes(const struct variant *variant);

/* "B=7 I=33 O=65 relu momentum=0.9 wide, NaN in X", which variant_parse reads; but for the seed. */
void variant_describe(const struct operation *operation, const struct variant *variant,
                      char text[SHAPE_TEXT_MAX]);
/* CLM_ERROR_ARGUMENT for what is no such text, or more than 2^28 elements in a matrix. */
CLM_MUST_CHECK clm_status variant_parse(const struct operation *operation, const char *text,
                                        struct variant *out, struct clm_error *error);

/* Runs one variant of an operation on `device` against `reference`; then again, up to `repeats` runs, which have to give
 * the same bits. */
CLM_MUST_CHECK clm_status operation_check(struct clm_backend *device, struct clm_backend *reference,
                                          const struct operation *operation, const struct variant *variant,
                                          size_t repeats, struct clm_check *check, struct clm_error *error);

#endif
