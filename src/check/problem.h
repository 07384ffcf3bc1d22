/* One operation's operands on a device, what they have to be afterwards, and the verdict.
 *
 * Operands are made with random content, the same on both sides; outputs start as NaN. Each lies in a taller tensor,
 * whose rows behind it nobody may write: behind what is written there are numbers, behind what is only read NaNs, so that
 * reading there shows, too.
 *
 * A problem remembers its first failure, and after it does nothing more. */
#ifndef CLM_CHECK_PROBLEM_H
#define CLM_CHECK_PROBLEM_H

#include "base/philox.h"
#include "check/bounded.h"

#define OPERANDS_MAX     12
#define CHECK_DETAIL_MAX sizeof(((struct clm_check *)0)->detail)

enum role {
    ROLE_INPUT,   /* has to stay as it is */
    ROLE_OUTPUT,  /* starts as NaN */
    ROLE_UPDATED, /* starts as an input, ends as an output */
};

enum fill {
    FILL_NORMAL,
    FILL_UNIFORM,     /* from -1 to 1, drawn quickly */
    FILL_WIDE,        /* normal times powers of two from 2^-12 to 2^12 */
    FILL_DENORMAL,    /* smaller than the smallest normal float */
    FILL_ZERO,        /* all of them */
    FILL_ACTIVATION,  /* behind a ReLU: half of them zeros */
    FILL_TINY,        /* around the smallest normal float: one in eight smaller; of batches */
    FILL_HUGE,        /* normal times 2^100: what tiny ones are multiplied by */
    FILL_FAINT,       /* normal times 2^-25, as such products are */
    FILL_EXTREME,     /* of -1e4, 0, 1e4 and normal ones */
    FILL_TIES,        /* of -1, 0, 1 */
    FILL_SCALE,       /* positive, around 1/255 */
    FILL_BYTE,        /* 0 to 255 */
    FILL_CLASS,       /* below `classes` */
    FILL_PERMUTATION, /* each number below the count once */
};

/* What a device may make of the inputs that are smaller than the smallest normal float. */
enum flushing {
    FLUSHING_NONE, /* takes them as they are */
    FLUSHING_ALL,  /* takes all of them for zero */
    FLUSHING_ANY,  /* some of them: x is x/2 to within |x|/2, so that what is allowed ends at both */
    FLUSHING_COUNT
};

enum place { PLACE_ANY, PLACE_TOP_LEFT, PLACE_TOP_RIGHT, PLACE_BOTTOM_LEFT, PLACE_BOTTOM_RIGHT, PLACE_COUNT };

struct operand {
    const char *name;
    enum role role;
    struct bounded expected; /* content at first, then what the operation makes of it */
    double *before;          /* of `whole`, as written */
    struct tensor whole, tensor;
};

struct problem {
    struct clm_backend *device, *reference; /* no reference: nothing is judged */
    struct philox random;
    const char *odd_in; /* an operand that gets one `odd`, or NULL */
    double odd;         /* NaN, or an infinity */
    enum place odd_place;
    enum flushing flushing;
    bool has_denormals; /* among its inputs */
    size_t classes;
    size_t guard_rows; /* behind each operand */
    struct operand operands[OPERANDS_MAX];
    size_t count;
    struct metrics sums; /* created where problem_sums was called */
    struct bounded_sums expected_sums;
    clm_status status;
    struct clm_error *error;
};

/* Never NULL; the problem's. */
struct operand *problem_add(struct problem *problem, const char *name, enum role role, enum tensor_type type,
                            size_t rows, size_t columns, enum fill fill);

/* The same for a layer's weights (O,I), their velocity or gradient: the rows behind them are outputs that the layer does
 * not have. */
struct operand *problem_add_weights(struct problem *problem, const char *name, enum role role, size_t O,
                                    size_t I, size_t batch, enum fill fill);

/* Metrics on the device, at zero. */
struct metrics *problem_sums(struct problem *problem);

/* What has come of a problem. */
struct judgement {
    double worst;                  /* largest error over its bound; Inf where what had to stay has changed */
    uint64_t bits;                 /* a hash of all that was put out: the same for the same bits */
    char detail[CHECK_DETAIL_MAX]; /* of the worst element, where it is wrong; else empty */
};

/* Whether the reference is to be asked for what the device has computed. */
bool problem_is_judged(const struct problem *problem);

/* Reads everything back, judges it, and frees all; the status of it all. */
CLM_MUST_CHECK clm_status problem_end(struct problem *problem, struct judgement *out);

/* A run's bits are not those of the first. */
void judge_bits(struct judgement *first, size_t run);

/* Continues a hash with some bytes; begins at BITS_START. */
#define BITS_START UINT64_C(0xcbf29ce484222325)
uint64_t bits_add(uint64_t bits, const void *bytes, size_t size);

#endif
