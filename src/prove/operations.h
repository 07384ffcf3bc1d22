/* Each operation of a backend as a row: its operands, and one call for all backends, those that are judged
 * and the bounds that judge them. */
#ifndef CLM_PROVE_OPERATIONS_H
#define CLM_PROVE_OPERATIONS_H

#include "prove/judge.h"

#define SHAPE_TEXT_MAX sizeof(((struct clm_check *)0)->shape)
#define OPERANDS_MAX   27
#define WAYS_TO_ASK    32

/* The content of an operand. */
enum fill {
    FILL_NORMAL,
    FILL_UNIFORM,     /* from -1 to 1, drawn quickly */
    FILL_WIDE,        /* normal, times powers of two from 2^-12 to 2^12 */
    FILL_DENORMAL,    /* smaller than the smallest normal float */
    FILL_ZERO,        /* all of them */
    FILL_ACTIVATION,  /* as after a ReLU: half of them zeros */
    FILL_TINY,        /* around the smallest normal float, one in eight is smaller; for batches */
    FILL_HUGE,        /* normal times 2^100: factors for tiny numbers */
    FILL_FAINT,       /* normal times 2^-25, as products with tiny numbers are */
    FILL_EXTREME,     /* of -1e4, 0, 1e4 and normal ones */
    FILL_TIES,        /* of -1, 0, 1 */
    FILL_SCALE,       /* positive, around 1/255 */
    FILL_BYTE,        /* 0 to 255 */
    FILL_WEIGHT,      /* of rows: one in four is 0, the others are from 2^-6 to 2^6 */
    FILL_CLASS,       /* below the number of classes */
    FILL_PERMUTATION, /* each number below the count once */
    FILL_SMALL,       /* uniform, and so small that a sum of I of them is about 1 */
    FILL_OWN,         /* for a row of operands: what the variant says */
};

enum place { PLACE_ANY, PLACE_TOP_LEFT, PLACE_TOP_RIGHT, PLACE_BOTTOM_LEFT, PLACE_BOTTOM_RIGHT, PLACE_COUNT };

/* One way to call an operation; members that it does not use are zero. */
struct variant {
    size_t B, I,
        O; /* softmax, losses: (B,O) logits, or targets; update: (O,I) weights; gather: B of N rows of I */
    size_t N, first;
    size_t next;                /* rows of the next batch; 0: B - 1, but at least 1 */
    enum activation act, below; /* below: a backward pass goes through its gate */
    enum rule rule;
    enum loss_kind loss; /* of loss_gradient; cross-entropy is smoothed */
    size_t quantiles;    /* outputs for each target of the quantile loss; 0: one, of another quantile */
    enum norm_kind norm;
    bool is_bytes, is_ordered;
    double momentum, l2, l1, weight_decay;
    double clip; /* of clip_factor: its most; of update: not 0 if the gradients are scaled */
    struct augmentation augmentation; /* of gather_augmented; the call sets seed and place */
    enum fill fill;                   /* of all inputs that have no kind of their own */
    const char *odd_in;               /* one of the operation's inputs, which gets one `odd`; or NULL */
    double odd;                       /* NaN, or an infinity */
    enum place odd_place;             /* its place there */
    uint64_t seed;                    /* of the content */
    bool is_bare;                     /* no rows after the operands, if the caller sees each access itself */
};

enum role {
    ROLE_INPUT,   /* must not change */
    ROLE_UNREAD,  /* an input on which no output depends */
    ROLE_OUTPUT,  /* starts as NaN */
    ROLE_UPDATED, /* starts as an input, ends as an output */
    ROLE_SCRATCH, /* a gradient for a backend that does not fuse the rule's step; any content is right */
};

/* Which variants have an operand. */
enum presence {
    ALWAYS,
    IF_ORDERED,
    IF_MIXED,
    IF_GATED,
    IF_SAVED,
    IF_STATE,
    IF_SECOND_STATE,
    IF_SCALED,
    IF_LABELS, /* of a loss */
    IF_VALUES,
    IF_NORMED,
    IF_BATCH_NORMED
};

struct operand_row {
    const char *name; /* NULL ends an operation's rows */
    enum role role;
    /* rows and columns: letters of a variant's sizes, 1, b for the next batch, L for the lines of a norm, C
     * for O times the quantiles; "OI*": laid out as a layer's weights */
    const char *shape;
    enum fill fill;   /* bytes, classes and permutations have their own types, all others are real numbers */
    enum fill beside; /* the same, if the variant's own fill is tiny numbers */
    enum presence presence;
};

/* How a shape is written. */
enum dimensions {
    DIMENSIONS_BATCH,
    DIMENSIONS_PICTURES,
    DIMENSIONS_LAYER,
    DIMENSIONS_STEP, /* a layer, and the next batch */
    DIMENSIONS_ROWS,
    DIMENSIONS_LOSS, /* rows, with a loss */
    DIMENSIONS_WEIGHTS,
    DIMENSIONS_OUTPUTS /* of a layer */
};

static inline bool has_products(enum dimensions dimensions)
{
    return dimensions == DIMENSIONS_LAYER || dimensions == DIMENSIONS_STEP;
}

struct operation {
    const char *name;
    enum dimensions dimensions;
    bool has_sums; /* of loss and correct rows */
    const struct operand_row *rows;
    /* Calls the operation on a backend's operands, in the order of the rows. Operands that the variant lacks
     * are empty. */
    clm_status (*call)(struct clm_backend *be, const struct variant *variant, struct tensor *operands,
                       struct metrics *sums, struct clm_error *error);
    /* How a large problem is judged, see prove/view.c; by letters of the operands' shapes. */
    const char *sampled; /* two letters: their rows and columns are independent; NULL: judged as a whole */
    char folded;         /* the results are linear in this one */
    char sliced;         /* the results' columns are independent, and need no sums */
    bool has_penalty;    /* 2 l2 W is a part of the result */
};

enum operation_name {
    OPERATION_GATHER,
    OPERATION_GATHER_AUGMENTED,
    OPERATION_GATHER_WEIGHTS,
    OPERATION_FORWARD,
    OPERATION_SOFTMAX_XENT,
    OPERATION_LOSS_GRADIENT,
    OPERATION_SOFTMAX,
    OPERATION_BACKWARD_INPUT,
    OPERATION_BACKWARD_PARAMS,
    OPERATION_GRADIENTS,
    OPERATION_BACKWARD_UPDATE,
    OPERATION_UPDATES,
    OPERATION_UPDATE_FORWARD,
    OPERATION_SOFTMAX_BACKWARD,
    OPERATION_UPDATE,
    OPERATION_CLIP_FACTOR,
    OPERATION_BLENDS,
    OPERATION_FINISH,
    OPERATION_GATE_BACKWARD,
    OPERATION_NORM_BACKWARD,
    OPERATION_COUNT
};

extern const struct operation operations_checked[OPERATION_COUNT];

/* Calls of operations that entries.c checks with a user's kernels, too; and the step that a variant means. */
__typeof__(*((struct operation *)0)->call) operation_backward_input, operation_backward_params,
    operation_update;
struct step variant_step(const struct variant *v);

/* NULL if there is none of that name. */
const struct operation *operation_named(const char *name);

bool operand_is_present(const struct operand_row *row, const struct variant *variant);

/* The nth input, from 0 on, that may hold a NaN; NULL after the last. */
const char *operation_input(const struct operation *operation, size_t n);

/* The options of an operation, besides its shape; the last has most of them. What does not matter for the
 * operation is not varied. Returns their number. */
size_t operation_options(enum operation_name name, struct variant out[WAYS_TO_ASK]);

/* Whether the variant's activation is the first whose gate has its source. */
bool variant_has_first_activation(const struct variant *variant);

/* Whether, besides, its rule is the first with as many states. The sizes of a layer matter in the same way
 * for all others of the kind. */
bool variant_is_first_of_kind(const struct variant *variant);

/* Whether the variant's NaN or infinity would be in bytes, which cannot hold it. */
bool odd_is_in_bytes(const struct variant *variant);

/* Whether the mathematics defines what the variant's NaN or infinity gives. It does not if an infinity meets
 * itself in W - 2 rate l2 W, where the result depends on whether W is factored out, nor in 2 l2 W if l2 = 0;
 * nor for an input that the variant does not have, or has as bytes. */
bool odd_is_defined(const struct operation *operation, const struct variant *variant);

/* "B=7 I=33 O=65 relu momentum=0.9 wide, NaN in X", which variant_parse reads; without the seed. */
void variant_describe(const struct operation *operation, const struct variant *variant,
                      char text[SHAPE_TEXT_MAX]);
/* CLM_ERROR_ARGUMENT for any other text, or more than 2^28 elements in a matrix. */
CLM_MUST_CHECK clm_status variant_parse(const struct operation *operation, const char *text,
                                        struct variant *out, struct clm_error *error);

/* Runs one variant twice and compares all outputs. If they differ, *differs, and `text` names the first
 * element that does. */
CLM_MUST_CHECK clm_status operation_compare_runs(struct clm_backend *device,
                                                 const struct operation *operation,
                                                 const struct variant *variant, bool *differs, char *text,
                                                 size_t size, struct clm_error *error);

/* Runs one variant of an operation on `device` and adds the verdict to *out, which judgement_begin began. If
 * `bounds` is NULL, only the hash matters. */
CLM_MUST_CHECK clm_status operation_judge(struct clm_backend *device, struct clm_backend *bounds,
                                          const struct operation *operation, const struct variant *variant,
                                          struct judgement *out, struct clm_error *error);

/* Runs one variant of an operation on `device` against `bounds`; then again, up to `repeats` runs, which must
 * give the same bits. */
CLM_MUST_CHECK clm_status operation_check(struct clm_backend *device, struct clm_backend *bounds,
                                          const struct operation *operation, const struct variant *variant,
                                          size_t repeats, struct clm_check *check, struct clm_error *error);

#endif
