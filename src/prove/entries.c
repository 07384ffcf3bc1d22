#include "prove/entries.h"

#include "prove/bounds/bounds.h"
#include "prove/operands.h"

#include <stdlib.h>
#include <string.h>

#define MOMENTUM 0.9

/* Layers of products alone have a bias of zeros, which no kernel sees. */
#define NO_BIAS                                                                                              \
    {                                                                                                        \
        "b", ROLE_UNREAD, "1O", FILL_ZERO, FILL_ZERO, ALWAYS                                                 \
    }

/* ---- products ---- */

static const struct operand_row product_rows[] = {
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_OWN, ALWAYS},
    {"W", ROLE_INPUT, "OI*", FILL_OWN, FILL_HUGE, ALWAYS},
    NO_BIAS,
    {"Y", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static const struct operand_row forward_rows[] = {
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_OWN, ALWAYS},
    {"W", ROLE_INPUT, "OI*", FILL_OWN, FILL_HUGE, ALWAYS},
    {"b", ROLE_INPUT, "1O", FILL_OWN, FILL_FAINT, ALWAYS},
    {"Y", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status run_entry_product(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                    struct metrics *sums, struct clm_error *error)
{
    const struct linear layer = {.W.value = t[1], .b.value = t[2]};
    (void)sums;
    return linear_forward(be, &t[0], &layer, EPILOGUE(v->act), &t[3], error);
}

static void make_product(struct variant *v)
{
    v->act = ACTIVATION_NONE;
}

static void make_forward(struct variant *v)
{
    v->act = v->act == ACTIVATION_NONE ? ACTIVATION_NONE : ACTIVATION_RELU;
}

static const struct operand_row input_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"W", ROLE_INPUT, "OI*", FILL_OWN, FILL_HUGE, ALWAYS},
    NO_BIAS,
    {"Y", ROLE_INPUT, "BI", FILL_ACTIVATION, FILL_ACTIVATION, IF_GATED},
    {"dX", ROLE_OUTPUT, "BI", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static void make_masked(struct variant *v)
{
    v->below = ACTIVATION_RELU;
}

static const struct operand_row params_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_HUGE, ALWAYS},
    {"W", ROLE_UNREAD, "OI*", FILL_ZERO, FILL_ZERO, ALWAYS},
    NO_BIAS,
    {"dW", ROLE_OUTPUT, "OI*", FILL_OWN, FILL_OWN, ALWAYS},
    {"db", ROLE_OUTPUT, "1O", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static void leave_out_penalty(struct variant *v)
{
    v->l2 = v->l1 = v->weight_decay = 0;
}

/* ---- steps ---- */

static void make_momentum(struct variant *v)
{
    v->rule = RULE_MOMENTUM;
    v->momentum = v->momentum != 0 ? v->momentum : MOMENTUM;
    v->l1 = v->weight_decay = 0; /* a user's kernel has no such arguments */
}

static const struct operand_row backward_update_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_HUGE, ALWAYS},
    {"W", ROLE_UPDATED, "OI*", FILL_OWN, FILL_FAINT, ALWAYS},
    {"b", ROLE_UPDATED, "1O", FILL_OWN, FILL_FAINT, ALWAYS},
    {"v", ROLE_UPDATED, "OI*", FILL_OWN, FILL_FAINT, ALWAYS},
    {"b_velocity", ROLE_UPDATED, "1O", FILL_OWN, FILL_FAINT, ALWAYS},
    {0},
};

static clm_status run_entry_backward_update(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                            struct metrics *sums, struct clm_error *error)
{
    struct linear layer = {{.value = t[2], .state = {t[4]}}, {.value = t[3], .state = {t[5]}}};
    const struct step step = variant_step(v);
    (void)sums;
    return linear_backward_update(be, &t[0], &t[1], &layer, &step, error);
}

static const struct operand_row update_rows[] = {
    {"W", ROLE_UPDATED, "OI", FILL_OWN, FILL_OWN, ALWAYS},
    {"g", ROLE_INPUT, "OI", FILL_OWN, FILL_OWN, ALWAYS},
    {"v", ROLE_UPDATED, "OI", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

/* ---- rows of logits ---- */

static const struct operand_row xent_rows[] = {
    {"Z", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"labels", ROLE_INPUT, "1B", FILL_CLASS, FILL_CLASS, ALWAYS},
    {"dZ", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"losses", ROLE_OUTPUT, "1B", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

/* One row of a batch on the bounds backend, as a batch of its own, for its loss. */
struct single_row {
    struct tensor Z, label;
    struct metrics sum;
};

/* The loss of one row of logits, and its error. */
static clm_status bound_loss(struct clm_backend *bounds, struct single_row *row, const double *z,
                             const double *z_error, double label, double *loss, double *loss_error,
                             struct clm_error *error)
{
    const double exact = 0;
    struct bounded_sums sums;
    clm_status status;
    if ((status = metrics_reset(bounds, &row->sum, error)) ||
        (status = bounds_write(bounds, &row->Z, z, z_error, error)) ||
        (status = bounds_write(bounds, &row->label, &label, &exact, error)) ||
        (status = softmax_xent(bounds, &row->Z, &row->label, NULL, NULL, &row->sum, error)) ||
        (status = bounds_sums(bounds, &row->sum, &sums, error)))
        return status;
    *loss = sums.loss;
    *loss_error = sums.loss_error;
    return CLM_OK;
}

/* The bounds backend adds losses up, so each row is computed alone. */
static clm_status bound_losses(struct clm_backend *bounds, const struct tensor *Z,
                               const struct tensor *labels, struct tensor *losses, struct clm_error *error)
{
    const size_t B = Z->rows, C = Z->columns;
    struct single_row row = {{0}, {0}, {{0}}};
    clm_status status = CLM_OK;
    double *const numbers = calloc(2 * B * C + 4 * B, sizeof *numbers);
    if (!numbers)
        return clm_fail_host_memory(error, "a check", (2 * B * C + 4 * B) * sizeof *numbers);
    double *const z_errors = numbers + B * C, *const classes = z_errors + B * C, *const unused = classes + B,
                  *const values = unused + B, *const errors = values + B;
    if ((status = bounds_read(bounds, Z, numbers, z_errors, error)) ||
        (status = bounds_read(bounds, labels, classes, unused, error)) ||
        (status = tensor_create(bounds, TENSOR_REAL, 1, C, &row.Z, error)) ||
        (status = tensor_create(bounds, TENSOR_INDEX, 1, 1, &row.label, error)) ||
        (status = metrics_create(bounds, &row.sum, error)))
        goto cleanup;
    for (size_t r = 0; status == CLM_OK && r < B; r++)
        status = bound_loss(bounds, &row, numbers + r * C, z_errors + r * C, classes[r], &values[r],
                            &errors[r], error);
    if (status == CLM_OK)
        status = bounds_write(bounds, losses, values, errors, error);
cleanup:
    tensor_free(bounds, &row.Z);
    tensor_free(bounds, &row.label);
    metrics_free(bounds, &row.sum);
    free(numbers);
    return status;
}

/* A user's kernel writes the losses of rows where other backends keep their sums. */
static clm_status run_entry_xent(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                 struct metrics *sums, struct clm_error *error)
{
    struct metrics losses = {.state = t[3]};
    (void)v, (void)sums;
    if (be->kind == CLM_BACKEND_OPENCL)
        return softmax_xent(be, &t[0], &t[1], NULL, &t[2], &losses, error);
    clm_status status = bound_losses(be, &t[0], &t[1], &t[3], error);
    if (status == CLM_OK)
        status = metrics_create(be, &losses, error);
    if (status != CLM_OK)
        return status;
    if ((status = metrics_reset(be, &losses, error)) == CLM_OK)
        status = softmax_xent(be, &t[0], &t[1], NULL, &t[2], &losses, error);
    metrics_free(be, &losses);
    return status;
}

static const struct operand_row softmax_rows[] = {
    {"Z", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"P", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status run_entry_softmax(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                    struct metrics *sums, struct clm_error *error)
{
    (void)v, (void)sums;
    return softmax(be, &t[0], &t[1], error);
}

static void keep_variant(struct variant *v)
{
    (void)v;
}

/* ---- batches ---- */

static const struct operand_row gather_rows[] = {
    {"values", ROLE_INPUT, "NI", FILL_BYTE, FILL_OWN, ALWAYS}, /* bytes, or the variant's own */
    {"labels", ROLE_INPUT, "1N", FILL_CLASS, FILL_CLASS, ALWAYS},
    {"order", ROLE_INPUT, "1N", FILL_PERMUTATION, FILL_PERMUTATION, ALWAYS},
    {"mean", ROLE_INPUT, "1I", FILL_NORMAL, FILL_NORMAL, ALWAYS},
    {"scale", ROLE_INPUT, "1I", FILL_SCALE, FILL_SCALE, ALWAYS},
    {"X", ROLE_OUTPUT, "BI", FILL_OWN, FILL_OWN, ALWAYS},
    {"X_labels", ROLE_OUTPUT, "1B", FILL_CLASS, FILL_CLASS, ALWAYS},
    {0},
};

static clm_status run_entry_gather(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                   struct metrics *sums, struct clm_error *error)
{
    const struct resident data = {t[0], t[1], t[3], t[4], {0}};
    (void)sums;
    return gather(be, &data, &t[2], v->first, NULL, &t[5], &t[6], error);
}

static void make_of_bytes(struct variant *v)
{
    v->is_ordered = v->is_bytes = true;
}

static void make_of_floats(struct variant *v)
{
    v->is_ordered = true;
    v->is_bytes = false;
}

static const struct operand_row weights_rows[] = {
    {"weights", ROLE_INPUT, "1N", FILL_OWN, FILL_OWN, ALWAYS},
    {"order", ROLE_INPUT, "1N", FILL_PERMUTATION, FILL_PERMUTATION, ALWAYS},
    {"batch_weights", ROLE_OUTPUT, "1B", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status run_entry_weights(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                    struct metrics *sums, struct clm_error *error)
{
    (void)sums;
    return gather_weights(be, &t[0], &t[1], v->first, (v->first + 1) % v->B, &t[2], error);
}

static void make_ordered(struct variant *v)
{
    v->is_ordered = true;
}

/* ---- the table ---- */

#define LAYER(name, rows, call, ...)                                                                         \
    {                                                                                                        \
        name, DIMENSIONS_LAYER, false, rows, call, __VA_ARGS__                                               \
    }
#define SMALL_LAYER "B=128 I=784 O=512"
#define LARGE_LAYER "B=512 I=1024 O=1024"

const struct entry_operation entry_operations[ENTRY_COUNT] = {
    [ENTRY_PRODUCT] = {LAYER("product", product_rows, run_entry_product, "BO", 'O'),
                       OPERATION_FORWARD,
                       make_product,
                       {SMALL_LAYER " uniform", LARGE_LAYER " uniform"}},
    [ENTRY_FORWARD] = {LAYER("linear_forward", forward_rows, run_entry_product, "BO", 'O'),
                       OPERATION_FORWARD,
                       make_forward,
                       {SMALL_LAYER " relu uniform", LARGE_LAYER " relu uniform"}},
    [ENTRY_BACKWARD_INPUT] = {LAYER("linear_backward_input", input_rows, operation_backward_input, "BI", 'I'),
                              OPERATION_BACKWARD_INPUT,
                              make_masked,
                              {SMALL_LAYER " mask uniform", LARGE_LAYER " mask uniform"}},
    [ENTRY_BACKWARD_PARAMS] = {LAYER("linear_backward_params", params_rows, operation_backward_params, "OI",
                                     'I'),
                               OPERATION_BACKWARD_PARAMS,
                               leave_out_penalty,
                               {SMALL_LAYER " uniform", LARGE_LAYER " uniform"}},
    [ENTRY_BACKWARD_UPDATE] = {LAYER("linear_backward_update", backward_update_rows,
                                     run_entry_backward_update, "OI", 'I', .has_penalty = true),
                               OPERATION_BACKWARD_UPDATE,
                               make_momentum,
                               {SMALL_LAYER " momentum=0.9 uniform", LARGE_LAYER " momentum=0.9 uniform"}},
    [ENTRY_UPDATE] = {{"update", DIMENSIONS_WEIGHTS, false, update_rows, operation_update},
                      OPERATION_UPDATE,
                      make_momentum,
                      {"O=512 I=784 momentum=0.9", "O=3072 I=3072 momentum=0.9"}},
    [ENTRY_SOFTMAX_XENT] = {{"softmax_xent", DIMENSIONS_ROWS, false, xent_rows, run_entry_xent},
                            OPERATION_SOFTMAX_XENT,
                            keep_variant,
                            {"B=512 C=10", "B=2048 C=1000"}},
    [ENTRY_SOFTMAX] = {{"softmax", DIMENSIONS_ROWS, false, softmax_rows, run_entry_softmax},
                       OPERATION_SOFTMAX,
                       keep_variant,
                       {"B=512 C=10", "B=2048 C=1000"}},
    [ENTRY_GATHER] = {{"gather", DIMENSIONS_BATCH, false, gather_rows, run_entry_gather, .sliced = 'I'},
                      OPERATION_GATHER,
                      make_of_bytes,
                      {"N=10000 B=128 I=784 first=0 bytes ordered",
                       "N=4000 B=1000 I=3072 first=0 bytes ordered"}},
    [ENTRY_GATHER_FLOATS] = {{"gather_floats", DIMENSIONS_BATCH, false, gather_rows, run_entry_gather,
                              .sliced = 'I'},
                             OPERATION_GATHER,
                             make_of_floats,
                             {"N=10000 B=128 I=784 first=0 ordered", "N=4000 B=1000 I=3072 first=0 ordered"}},
    [ENTRY_GATHER_WEIGHTS] = {{"gather_weights", DIMENSIONS_BATCH, false, weights_rows, run_entry_weights},
                              OPERATION_GATHER_WEIGHTS,
                              make_ordered,
                              {"N=60000 B=1000 I=1 first=0 ordered", NULL}},
};

bool entry_adapt(enum user_entry entry, struct variant *variant)
{
    const struct entry_operation *const of = &entry_operations[entry];
    const char *input;
    of->adapt(variant);
    for (size_t n = 0; variant->odd_in && (input = operation_input(&of->operation, n)); n++)
        if (!strcmp(input, variant->odd_in))
            return odd_is_defined(&of->operation, variant);
    return !variant->odd_in;
}

double entry_operation_count(enum user_entry entry, const struct variant *v)
{
    const bool is_product = entry_operations[entry].operation.dimensions == DIMENSIONS_LAYER;
    return is_product ? 2 * (double)v->B * (double)v->I * (double)v->O : 0;
}

/* A batch touches only its own rows of a data set. */
static double rows_moved(char letter, const struct variant *v)
{
    const size_t sizes[] = {['B'] = v->B, ['N'] = v->B, ['I'] = v->I, ['O'] = v->O, ['1'] = 1};
    return (double)sizes[(unsigned char)letter];
}

double entry_bytes(enum user_entry entry, const struct variant *v)
{
    double bytes = 0;
    for (const struct operand_row *row = entry_operations[entry].operation.rows; row->name; row++) {
        const double size = row->fill == FILL_BYTE && v->is_bytes ? 1 : sizeof(float);
        if (row->role != ROLE_UNREAD && operand_is_present(row, v))
            bytes += (row->role == ROLE_UPDATED ? 2 : 1) * size * rows_moved(row->shape[0], v) *
                     rows_moved(row->shape[1], v);
    }
    return bytes;
}
