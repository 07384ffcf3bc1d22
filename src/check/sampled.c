/* An element of a product needs a row of one matrix and a column of the other. So each product here is one of smaller
 * matrices: the rows and columns that the sampled elements need. */
#include "check/sampled.h"

#include "base/philox.h"
#include "base/size.h"

#include <math.h>

#define SAMPLES 16 /* rows, and columns, of a result */
#define SEED    11

/* Indices below `of`: one in each of so many equal stretches, and both ends. */
struct sample {
    size_t count, at[SAMPLES];
};

static struct sample sample_of(size_t of, uint32_t stream)
{
    struct philox random = philox_start(SEED, RANDOM_TEST, stream);
    struct sample sample = {.count = size_min(of, SAMPLES)};
    for (size_t i = 0; i < sample.count; i++) {
        const size_t begin = i * of / sample.count, end = (i + 1) * of / sample.count;
        sample.at[i] = begin + philox_below(&random, (uint32_t)(end - begin));
    }
    sample.at[0] = 0;
    sample.at[sample.count - 1] = of - 1;
    return sample;
}

static struct sample rows_of(const struct bounded *result)
{
    return sample_of(result->rows, 0);
}

static struct sample columns_of(const struct bounded *result)
{
    return sample_of(result->columns, 1);
}

/* Where an element of the smaller matrix is in the whole one; NULL takes all rows, or all columns. */
static size_t place_of(const struct bounded *whole, const struct sample *rows, const struct sample *columns,
                       size_t r, size_t c)
{
    return (rows ? rows->at[r] : r) * whole->columns + (columns ? columns->at[c] : c);
}

/* ---- smaller matrices, and what they say of the whole ones ---- */

#define PARTS_MAX 6

/* They remember their first failure, and after it do nothing more. */
struct parts {
    struct bounded of[PARTS_MAX];
    size_t count;
    clm_status status;
    struct clm_error *error;
};

/* Never NULL; the parts'. */
static struct bounded *take(struct parts *parts, const struct bounded *whole, const struct sample *rows,
                            const struct sample *columns)
{
    struct bounded *const part = &parts->of[parts->count++];
    if (parts->status == CLM_OK)
        parts->status = bounded_create(whole->type, rows ? rows->count : whole->rows,
                                       columns ? columns->count : whole->columns, part, parts->error);
    for (size_t r = 0; parts->status == CLM_OK && r < part->rows; r++)
        for (size_t c = 0; c < part->columns; c++)
            part->value[r * part->columns + c] = whole->value[place_of(whole, rows, columns, r, c)];
    return part;
}

/* The sampled elements' values and errors; all others may be anything finite. */
static void put(const struct parts *parts, const struct bounded *part, const struct sample *rows,
                const struct sample *columns, struct bounded *whole)
{
    if (parts->status != CLM_OK)
        return;
    for (size_t i = 0; i < bounded_count(whole); i++) {
        whole->value[i] = 0;
        whole->error[i] = INFINITY;
    }
    for (size_t r = 0; r < part->rows; r++)
        for (size_t c = 0; c < part->columns; c++) {
            const size_t at = place_of(whole, rows, columns, r, c);
            whole->value[at] = part->value[r * part->columns + c];
            whole->error[at] = part->error[r * part->columns + c];
        }
}

static clm_status end(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        bounded_free(&parts->of[i]);
    return parts->status;
}

/* ---- the products ---- */

clm_status sampled_forward(struct clm_backend *reference, const struct bounded *X,
                           const struct bounded_layer *layer, enum activation act, struct bounded *Y,
                           struct clm_error *error)
{
    const struct sample rows = rows_of(Y), columns = columns_of(Y);
    struct parts parts = {.error = error};
    const struct bounded *const x = take(&parts, X, &rows, NULL);
    const struct bounded_layer small = {.W = take(&parts, layer->W, &columns, NULL),
                                        .b = take(&parts, layer->b, NULL, &columns)};
    struct bounded *const y = take(&parts, Y, &rows, &columns);
    if (parts.status == CLM_OK)
        parts.status = bounded_forward(reference, x, &small, act, y, error);
    put(&parts, y, &rows, &columns, Y);
    return end(&parts);
}

clm_status sampled_backward_input(struct clm_backend *reference, const struct bounded *dZ,
                                  const struct bounded_layer *layer, const struct bounded *Y,
                                  struct bounded *dX, struct clm_error *error)
{
    const struct sample rows = rows_of(dX), columns = columns_of(dX);
    struct parts parts = {.error = error};
    const struct bounded *const dz = take(&parts, dZ, &rows, NULL);
    const struct bounded_layer small = {.W = take(&parts, layer->W, NULL, &columns),
                                        .b = take(&parts, layer->b, NULL, NULL)};
    const struct bounded *const y = Y ? take(&parts, Y, &rows, &columns) : NULL;
    struct bounded *const dx = take(&parts, dX, &rows, &columns);
    if (parts.status == CLM_OK)
        parts.status = bounded_backward_input(reference, dz, &small, y, dx, error);
    put(&parts, dx, &rows, &columns, dX);
    return end(&parts);
}

clm_status sampled_backward_params(struct clm_backend *reference, const struct bounded *dZ,
                                   const struct bounded *X, const struct bounded_layer *layer, double l2,
                                   struct bounded *dW, struct bounded *db, struct clm_error *error)
{
    const struct sample rows = rows_of(dW), columns = columns_of(dW);
    struct parts parts = {.error = error};
    const struct bounded *const dz = take(&parts, dZ, NULL, &rows), *const x =
                                                                        take(&parts, X, NULL, &columns);
    const struct bounded_layer small = {.W = take(&parts, layer->W, &rows, &columns),
                                        .b = take(&parts, layer->b, NULL, &rows)};
    struct bounded *const dw = take(&parts, dW, &rows, &columns), *const sums = take(&parts, db, NULL, &rows);
    if (parts.status == CLM_OK)
        parts.status = bounded_backward_params(reference, dz, x, &small, l2, dw, sums, error);
    put(&parts, dw, &rows, &columns, dW);
    put(&parts, sums, NULL, &rows, db);
    return end(&parts);
}

clm_status sampled_backward_update(struct clm_backend *reference, const struct bounded *dZ,
                                   const struct bounded *X, const struct bounded_layer *layer,
                                   const struct step *step, struct clm_error *error)
{
    const struct sample rows = rows_of(layer->W), columns = columns_of(layer->W);
    const bool has_velocity = step->momentum != 0;
    struct parts parts = {.error = error};
    const struct bounded *const dz = take(&parts, dZ, NULL, &rows), *const x =
                                                                        take(&parts, X, NULL, &columns);
    struct bounded_layer small = {.W = take(&parts, layer->W, &rows, &columns),
                                  .b = take(&parts, layer->b, NULL, &rows)};
    if (has_velocity) {
        small.W_velocity = take(&parts, layer->W_velocity, &rows, &columns);
        small.b_velocity = take(&parts, layer->b_velocity, NULL, &rows);
    }
    if (parts.status == CLM_OK)
        parts.status = bounded_backward_update(reference, dz, x, &small, step, error);
    put(&parts, small.W, &rows, &columns, layer->W);
    put(&parts, small.b, NULL, &rows, layer->b);
    if (has_velocity) {
        put(&parts, small.W_velocity, &rows, &columns, layer->W_velocity);
        put(&parts, small.b_velocity, NULL, &rows, layer->b_velocity);
    }
    return end(&parts);
}
