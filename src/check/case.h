/* One check of verify: an operation on one shape, or a net's training steps. */
#ifndef CLM_CHECK_CASE_H
#define CLM_CHECK_CASE_H

#include "check/steps.h"

struct check_case {
    const struct operation *operation; /* NULL: training steps */
    struct variant variant;
    struct step_case steps;
};

const char *case_name(const struct check_case *which);

/* Its shape, as verify prints and reads it. */
void case_describe(const struct check_case *which, char shape[SHAPE_TEXT_MAX]);

/* Whether a GEMM provider takes part. */
bool case_has_products(const struct check_case *which);

/* Roughly how many multiplications it takes; its elements if it has no products. */
double case_work(const struct check_case *which);

/* Parses what a failed check prints: operation and shape. CLM_ERROR_ARGUMENT for anything else. */
CLM_MUST_CHECK clm_status case_parse(const char *name, const char *shape, uint64_t seed,
                                     struct check_case *out, struct clm_error *error);

CLM_MUST_CHECK clm_status case_run(struct clm_backend *device, struct clm_backend *bounds,
                                   const struct check_case *which, size_t repeats, struct clm_check *check,
                                   struct clm_error *error);

/* Runs the case once, and adds the verdict to *out, which judgement_begin began. */
CLM_MUST_CHECK clm_status case_judge(struct clm_backend *device, struct clm_backend *bounds,
                                     const struct check_case *which, struct judgement *out,
                                     struct clm_error *error);

/* Whether the device still writes and reads one number. After an error some devices never do. */
bool case_device_answers(struct clm_backend *device);

/* Looks for the smallest case that fails like `which`, for up to `seconds`: makes its sizes smaller and
 * leaves options out. `failed` is the check of `which`; failed->smallest gets the shape. False if the device
 * no longer answers after the last case tried. */
bool case_shrink(struct clm_backend *device, struct clm_backend *bounds, const struct check_case *which,
                 size_t repeats, double seconds, struct clm_check *failed);

/* A list that grows; freed by case_list_free. */
struct case_list {
    struct check_case *cases;
    size_t count, room;
};

CLM_MUST_CHECK clm_status case_list_add(struct case_list *list, const struct check_case *which,
                                        struct clm_error *error);
void case_list_free(struct case_list *list);

#endif
