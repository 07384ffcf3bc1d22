#include "train/pool.h"

#include "base/size.h"
#include "nn/nets.h"
#include "nn/targets.h"
#include "nn/temperature.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum loss_kind kind_of(const struct pool *pool)
{
    return pool->model->architecture.loss.kind;
}

clm_status pool_create(const struct clm_model *model, size_t rows, struct pool *out, struct clm_error *error)
{
    size_t count = 0;
    *out = (struct pool){.model = model,
                         .rows = rows,
                         .width = architecture_width(&model->architecture, clm_model_depth(model))};
    const bool fits = size_mul(rows, out->width, &count);
    if (fits)
        out->sums = calloc(count, sizeof *out->sums);
    if (fits && kind_of(out) == LOSS_BINARY)
        out->others = calloc(count, sizeof *out->others);
    if (fits && loss_table[kind_of(out)].is_regression)
        out->squares = calloc(count, sizeof *out->squares);
    if (out->sums && (out->others || kind_of(out) != LOSS_BINARY) &&
        (out->squares || !loss_table[kind_of(out)].is_regression))
        return CLM_OK;
    pool_free(out);
    return clm_fail_host_memory(error, "the outputs of an ensemble", count * sizeof *out->sums);
}

void pool_free(struct pool *pool)
{
    free(pool->sums);
    free(pool->others);
    free(pool->squares);
    *pool = (struct pool){0};
}

/* log(exp(a) + exp(b)), without overflow. */
static double log_of_sum(double a, double b)
{
    return fmax(a, b) + log1p(exp(-fabs(a - b)));
}

/* Adds a row's probabilities, as logarithms: z - log(sum of exp(z)). A logit that is no number makes all of
 * them none. */
static void add_probabilities(struct pool *pool, const float *z, double *sums)
{
    double largest = (double)z[0], sum = 0;
    for (size_t c = 1; c < pool->width; c++)
        largest = fmax(largest, (double)z[c]);
    for (size_t c = 0; c < pool->width; c++)
        sum += exp((double)z[c] - largest);
    for (size_t c = 0; c < pool->width; c++) {
        const double p = (double)z[c] - largest - log(sum);
        sums[c] = pool->nets ? log_of_sum(sums[c], p) : p;
    }
}

/* 1 / (1 + exp(-z)); above 0 for any z that a float holds and that tells anything. */
static double sigmoid_within(double z)
{
    enum { SURE = 700 }; /* exp(-700) is still a number */
    const double e = exp(-fmin(fabs(z), SURE));
    return isnan(z) ? z : z < 0 ? e / (1 + e) : 1 / (1 + e);
}

/* Adds a number to the sum, and to the squares around the mean (Welford 1962). */
static void add_number(struct pool *pool, size_t i, double value)
{
    const double before = pool->sums[i] / fmax((double)pool->nets, 1);
    pool->sums[i] += value;
    if (pool->nets)
        pool->squares[i] += (value - before) * (value - pool->sums[i] / (double)(pool->nets + 1));
}

void pool_add(struct pool *pool, float *outputs)
{
    const struct loss *const loss = &pool->model->architecture.loss;
    const size_t count = pool->rows * pool->width;
    if (!loss_table[loss->kind].has_values)
        for (size_t r = 0; r < pool->rows; r++)
            add_probabilities(pool, outputs + r * pool->width, pool->sums + r * pool->width);
    else if (loss->kind == LOSS_BINARY)
        for (size_t i = 0; i < count; i++) {
            pool->sums[i] += sigmoid_within((double)outputs[i]);
            pool->others[i] += sigmoid_within(-(double)outputs[i]);
        }
    else {
        outputs_sort(pool->model, outputs, pool->rows);
        for (size_t i = 0; i < count; i++)
            add_number(pool, i, (double)outputs[i]);
    }
    pool->nets++;
}

void pool_mean(const struct pool *pool, double temperature, float *out)
{
    const enum loss_kind kind = kind_of(pool);
    const double nets = (double)pool->nets;
    for (size_t i = 0; i < pool->rows * pool->width; i++)
        out[i] = (float)(!loss_table[kind].has_values ? (pool->sums[i] - log(nets)) / temperature
                         : kind == LOSS_BINARY        ? log(pool->sums[i] / pool->others[i])
                                                      : pool->sums[i] / nets);
}

void pool_spread(const struct pool *pool, double *out)
{
    for (size_t i = 0; i < pool->rows * pool->width; i++)
        out[i] = sqrt(fmax(pool->squares[i], 0) / (double)pool->nets);
}

/* ---- evaluation ---- */

/* Adds a net's share to the mean of scores. */
static void add_score(struct clm_score *mean, const struct clm_score *one, size_t nets)
{
    const double share = 1 / (double)nets;
    mean->rows = one->rows;
    mean->loss += share * one->loss;
    mean->accuracy += share * one->accuracy;
    mean->rmse += share * one->rmse;
    mean->mae += share * one->mae;
    mean->r2 += share * one->r2;
    mean->exact += share * one->exact;
}

/* Fills the pool with all nets, whose outputs go through `one` (rows, width). */
static clm_status fill_pool(struct network *net, struct feed *feed, const struct rows *rows,
                            struct metrics *sums, struct pool *pool, float *one, struct clm_score *mean,
                            struct clm_error *error)
{
    const struct outputs outputs = {.computed = one};
    const size_t nets = clm_model_nets(pool->model);
    clm_status status = CLM_OK;
    for (size_t n = 0; status == CLM_OK && n < nets; n++) {
        struct clm_score score;
        if ((status = network_write(net, clm_model_net(pool->model, n), error)) ||
            (status = evaluate_outputs(net, feed, rows, sums, &outputs, &score, error)))
            return status;
        add_score(mean, &score, nets);
        pool_add(pool, one);
    }
    return status;
}

/* An ensemble of one net is that net: its bits are those of the net itself. */
static clm_status evaluate_one(struct network *net, const struct clm_model *model, struct feed *feed,
                               const struct rows *rows, struct metrics *sums, const struct outputs *outputs,
                               struct clm_score *mean, struct clm_score *score, struct clm_error *error)
{
    clm_status status = network_write_tempered(net, model, error);
    if (status == CLM_OK)
        status = evaluate_outputs(net, feed, rows, sums, outputs, score, error);
    *mean = *score;
    return status;
}

clm_status evaluate_nets(struct network *net, const struct clm_model *model, struct feed *feed,
                         const struct rows *rows, struct metrics *sums, const struct outputs *outputs,
                         struct clm_score *mean, struct clm_score *score, struct clm_error *error)
{
    struct clm_score unused;
    struct pool pool;
    if (!mean)
        mean = &unused;
    *mean = *score = (struct clm_score){0};
    if (clm_model_nets(model) == 1)
        return evaluate_one(net, model, feed, rows, sums, outputs, mean, score, error);
    clm_status status = pool_create(model, rows->count, &pool, error);
    if (status != CLM_OK)
        return status;
    float *const mixed = calloc(rows->count, pool.width * sizeof *mixed);
    status = mixed ? fill_pool(net, feed, rows, sums, &pool, mixed, mean, error)
                   : clm_fail_host_memory(error, "the outputs of an ensemble",
                                          rows->count * pool.width * sizeof *mixed);
    if (status == CLM_OK) {
        struct outputs given = *outputs;
        pool_mean(&pool, model->temperature, mixed);
        given.given = mixed;
        if (outputs->spread)
            pool_spread(&pool, outputs->spread);
        status = evaluate_outputs(net, feed, rows, sums, &given, score, error);
    }
    pool_free(&pool);
    free(mixed);
    return status;
}
