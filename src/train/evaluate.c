#include "train/evaluate.h"

#include "base/size.h"
#include "train/pool.h"
#include "train/values.h"
#include "train/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVALUATION_BATCH 1000

/* ---- counted in host memory ---- */

clm_status tally_create(size_t classes, size_t batch, struct tally *out, struct clm_error *error)
{
    size_t logits;
    *out = (struct tally){.classes = classes,
                          .rows = calloc(classes, sizeof *out->rows),
                          .predicted = calloc(classes, sizeof *out->predicted),
                          .losses = calloc(classes, sizeof *out->losses)};
    if (size_mul(batch, classes, &logits))
        out->logits = calloc(logits, sizeof *out->logits);
    if (out->rows && out->predicted && out->losses && out->logits)
        return CLM_OK;
    tally_free(out);
    return clm_fail_host_memory(error, "the predictions of a batch", batch * classes * sizeof *out->logits);
}

void tally_free(struct tally *tally)
{
    free(tally->rows);
    free(tally->predicted);
    free(tally->losses);
    free(tally->logits);
    *tally = (struct tally){0};
}

/* Counts a row; a NaN among its logits makes its loss NaN. The prediction is the first of the largest. */
static void tally_row(struct tally *tally, const float *z, uint32_t label)
{
    size_t best = 0;
    double sum = 1; /* exp(0), of the best */
    for (size_t c = 1; c < tally->classes; c++)
        if (z[c] > z[best])
            best = c;
    for (size_t c = 0; c < tally->classes; c++)
        sum += c == best ? 0 : exp((double)z[c] - (double)z[best]);
    const double loss = log(sum) + ((double)z[best] - (double)z[label]);
    tally->rows[label]++;
    tally->predicted[best]++;
    tally->losses[label] += loss;
    if (!tally->count || (!isnan(tally->worst_loss) && !(loss <= tally->worst_loss))) {
        tally->worst = tally->count;
        tally->worst_loss = loss;
    }
    tally->count++;
}

/* ---- a part ---- */

/* What a batch is evaluated for; each may be NULL. */
struct evaluating {
    struct metrics *sums; /* NULL: rows have no labels or targets */
    const struct clm_model *model;
    float *outputs;       /* (batch, outputs) on the host, of a loss with values */
    float *probabilities; /* of the batch's rows, or their predictions in own units */
    struct tally *tally;
    const uint32_t *labels; /* of the batch's rows, in host memory */
    struct value_tally *values;
    const double *targets; /* of the batch's rows */
    const float *given;    /* outputs of the batch's rows, which the net does not compute */
    float *computed;       /* gets them */
};

/* Brings outputs to the targets' own units, and counts them. */
static clm_status read_values(struct network *net, const struct tensor *Z, const struct evaluating *what,
                              struct clm_error *error)
{
    const clm_status status = backend_read(net->be, Z, HOST_FLOAT, what->outputs, error);
    if (status != CLM_OK)
        return status;
    outputs_to_units(what->model, what->outputs, Z->rows);
    if (what->targets)
        value_tally_add(what->values, what->outputs, what->targets, Z->rows);
    if (what->probabilities)
        memcpy(what->probabilities, what->outputs, Z->rows * Z->columns * sizeof *what->outputs);
    return CLM_OK;
}

/* Counts logits; if wanted, probabilities replace them. */
static clm_status read_logits(struct network *net, struct tensor *Z, const struct evaluating *what,
                              struct clm_error *error)
{
    struct tally *const tally = what->tally;
    clm_status status;
    if (tally && (status = backend_read(net->be, Z, HOST_FLOAT, tally->logits, error)))
        return status;
    if (tally && tally->all_logits)
        memcpy(tally->all_logits + tally->count * Z->columns, tally->logits,
               Z->rows * Z->columns * sizeof *tally->logits);
    for (size_t r = 0; tally && r < Z->rows; r++)
        tally_row(tally, tally->logits + r * Z->columns, what->labels[r]);
    if (!what->probabilities)
        return CLM_OK;
    status = softmax(net->be, Z, Z, error);
    return status ? status : backend_read(net->be, Z, HOST_FLOAT, what->probabilities, error);
}

static clm_status evaluate_batch(struct network *net, const struct minibatch *batch,
                                 const struct evaluating *what, struct clm_error *error)
{
    struct tensor Z = network_logits(net, batch->rows);
    struct target_views views;
    const struct loss loss = network_score_loss(net);
    clm_status status;
    if ((status = network_gather(net, batch, error)))
        return status;
    status = what->given ? backend_write(net->be, &Z, HOST_FLOAT, what->given, error)
                         : network_forward(net, batch->rows, error);
    if (status == CLM_OK && what->computed)
        status = backend_read(net->be, &Z, HOST_FLOAT, what->computed, error);
    if (status != CLM_OK)
        return status;
    const struct targets targets = network_targets(net, batch->rows, &views, NULL);
    if (what->sums && (status = loss_gradient(net->be, &loss, &Z, &targets, NULL, what->sums, error)))
        return status;
    status = what->outputs ? read_values(net, &Z, what, error) : read_logits(net, &Z, what, error);
    return status ? status : backend_pace(net->be, error);
}

/* What the loss and the counts say of N rows. */
static struct clm_score score_from_sums(size_t N, double loss, size_t correct,
                                        const struct value_tally *values)
{
    struct clm_score score = {.rows = N,
                              .loss = loss / (double)N,
                              .accuracy = (double)correct / (double)N,
                              .rmse = NAN,
                              .mae = NAN,
                              .r2 = NAN,
                              .exact = NAN};
    if (!values)
        return score;
    const struct clm_target_measures mean = value_tally_mean(values);
    score.accuracy = mean.accuracy;
    score.rmse = mean.rmse;
    score.mae = mean.mae;
    score.r2 = mean.r2;
    score.exact = mean.exact;
    return score;
}

static clm_status evaluate_rows(struct network *net, struct feed *feed, const struct rows *rows,
                                const struct outputs *all, struct evaluating *what, struct clm_error *error)
{
    const size_t N = rows->count, O = network_logits(net, 1).columns, T = feed->data->target_count;
    struct minibatch batch;
    clm_status status = feed_begin(feed, rows, 0, 0, error);
    for (size_t first = 0; status == CLM_OK && first < N; first += batch.rows) {
        what->probabilities = all->probabilities ? all->probabilities + first * O : NULL;
        what->given = all->given ? all->given + first * O : NULL;
        what->computed = all->computed ? all->computed + first * O : NULL;
        what->labels = rows->labels + first;
        what->targets = what->sums && what->outputs ? rows->targets + first * T : NULL;
        if ((status = feed_batch(feed, first, net->batch, &batch, error)) == CLM_OK)
            status = evaluate_batch(net, &batch, what, error);
    }
    return status;
}

clm_status evaluate_outputs(struct network *net, struct feed *feed, const struct rows *rows,
                            struct metrics *sums, const struct outputs *outputs, struct clm_score *score,
                            struct clm_error *error)
{
    const bool has_values = loss_table[net->architecture.loss.kind].has_values,
               is_scored = !rows_unlabelled(feed->data, rows) && has_values == (feed->data->target_count > 0);
    struct value_tally values = {0};
    struct evaluating what = {
        .sums = is_scored ? sums : NULL, .model = feed->model, .tally = outputs->tally, .values = &values};
    double loss = 0;
    size_t correct = 0;
    clm_status status = metrics_reset(net->be, sums, error);
    if (status == CLM_OK && has_values) {
        const struct tensor Z = network_logits(net, net->batch);
        what.outputs = calloc(tensor_elements(&Z), sizeof *what.outputs);
        status = what.outputs ? value_tally_create(feed->model, &values, error)
                              : clm_fail_host_memory(error, "the outputs of a batch", tensor_elements(&Z));
    }
    if (status == CLM_OK)
        status = evaluate_rows(net, feed, rows, outputs, &what, error);
    if (status == CLM_OK)
        status = metrics_read(net->be, sums, &loss, &correct, error);
    if (status == CLM_OK)
        *score = is_scored ? score_from_sums(rows->count, loss, correct, has_values ? &values : NULL)
                           : (struct clm_score){rows->count, NAN, NAN, NAN, NAN, NAN, NAN};
    value_tally_free(&values);
    free(what.outputs);
    return status;
}

clm_status evaluate(struct network *net, struct feed *feed, const struct rows *rows, struct metrics *sums,
                    float *probabilities, struct tally *tally, struct clm_score *score,
                    struct clm_error *error)
{
    const struct outputs outputs = {.probabilities = probabilities, .tally = tally};
    return evaluate_outputs(net, feed, rows, sums, &outputs, score, error);
}

/* ---- clm_predict ---- */

struct evaluation {
    struct clm_backend *be;
    struct network net;
    struct feed feed;
    struct metrics sums;
};

static clm_status evaluate_create_network(struct evaluation *prediction, const struct clm_model *model,
                                          size_t batch, struct clm_error *error)
{
    const clm_status status = metrics_create(prediction->be, &prediction->sums, error);
    return status ? status
                  : network_create(prediction->be, &model->architecture, batch, NETWORK_PREDICT,
                                   &prediction->net, error);
}

static void evaluation_free(struct evaluation *prediction)
{
    feed_free(&prediction->feed);
    network_free(&prediction->net);
    metrics_free(prediction->be, &prediction->sums);
}

/* Chooses how many rows are resident beside the net, before anything is allocated. */
static clm_status prediction_plan(struct clm_backend *be, const struct clm_model *model,
                                  const struct clm_data *data, size_t rows, size_t batch,
                                  struct residency *residency, struct clm_error *error)
{
    struct evaluation planned = {.be = be};
    const struct residency_wish wish = {.batch = batch, .rows_together = rows, .rows_most = rows};
    memory_plan_begin(be);
    clm_status status = evaluate_create_network(&planned, model, batch, error);
    evaluation_free(&planned);
    const size_t needed = memory_plan_end(be);
    if (status == CLM_OK)
        status = memory_check(be, "prediction", needed, "take the blas backend", "backend", error);
    return status ? status : residency_choose(be, data, &wish, be->memory_limit - needed, residency, error);
}

/* Chooses the largest batch that fits. A net that does not fit is refused before anything is tried. */
static clm_status prediction_begin(struct clm_backend *be, const struct clm_model *model,
                                   const struct clm_data *data, size_t rows, size_t *batch,
                                   struct residency *residency, struct clm_error *error)
{
    clm_status status;
    *batch = size_min(rows, EVALUATION_BATCH);
    for (;; *batch /= 2) {
        const struct tune_wish wish = {.batch = *batch, .sets = &rows, .set_count = 1};
        if ((status = prediction_plan(be, model, data, rows, *batch, residency, error)) == CLM_OK &&
            (status = network_tune(be, &model->architecture, NETWORK_PREDICT, wish, error)) == CLM_OK)
            status = prediction_plan(be, model, data, rows, *batch, residency, error);
        if (status != CLM_ERROR_MEMORY || *batch <= 1)
            return status;
    }
}

/* Fails with the row that makes the loss no number: computes all rows once more, for that. */
static clm_status explain_loss(struct evaluation *prediction, const struct clm_model *model,
                               const struct clm_data *data, enum clm_part part, struct clm_error *error)
{
    struct tally tally;
    struct clm_score score;
    if (data->target_count)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "the loss of the %s rows is no finite number: the net's parameters, the inputs or the targets are too large for float32; correct such rows",
            part_names[part]);
    clm_status status = tally_create(data->classes, prediction->net.batch, &tally, error);
    if (status != CLM_OK)
        return status;
    const struct outputs outputs = {.tally = &tally};
    status = evaluate_nets(&prediction->net, model, &prediction->feed, data_part(data, part),
                           &prediction->sums, &outputs, NULL, &score, error);
    if (status == CLM_OK)
        status = fail_loss(model, data, part, &tally, error);
    tally_free(&tally);
    return status;
}

/* Predicts rows of data that fits the model. */
static clm_status predict_rows(struct evaluation *prediction, const struct clm_model *model,
                               const struct clm_data *data, const struct rows *rows, float *probabilities,
                               double *spread, struct clm_score *score, struct clm_error *error)
{
    struct clm_backend *const be = prediction->be;
    struct residency residency;
    size_t batch = 0;
    clm_status status;
    if ((status = prediction_begin(be, model, data, rows->count, &batch, &residency, error)) ||
        (status = evaluate_create_network(prediction, model, batch, error)) ||
        (status = feed_create(be, data, rows->count, &residency, false, &prediction->feed, error)) ||
        (status = feed_normalise(&prediction->feed, model, error)))
        return status;
    const struct outputs outputs = {.probabilities = probabilities, .spread = spread};
    return evaluate_nets(&prediction->net, model, &prediction->feed, rows, &prediction->sums, &outputs, NULL,
                         score, error);
}

clm_status predict_part(struct clm_backend *be, const struct clm_model *model, const struct clm_data *data,
                        enum clm_part part, float *probabilities, double *spread, struct clm_score *score,
                        struct clm_error *error)
{
    const struct rows *const rows = data_part(data, part);
    struct evaluation prediction = {.be = be};
    struct clm_score unused;
    clm_status status = clm_check_fit(model, data, error);
    if (status != CLM_OK)
        return status;
    if (!rows->count)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s has no %s part", data->source,
                        part == CLM_TRAIN        ? "training"
                        : part == CLM_VALIDATION ? "validation"
                                                 : "test");
    status =
        predict_rows(&prediction, model, data, rows, probabilities, spread, score ? score : &unused, error);
    if (status == CLM_OK && score && !isfinite(score->loss) && !clm_data_unlabelled(data, part))
        status = explain_loss(&prediction, model, data, part, error);
    evaluation_free(&prediction);
    return status;
}

clm_status clm_predict(struct clm_backend *be, const struct clm_model *model, const struct clm_data *data,
                       enum clm_part part, float *probabilities, struct clm_score *score,
                       struct clm_error *error)
{
    return predict_part(be, model, data, part, probabilities, NULL, score, error);
}

clm_status clm_predict_rows(struct clm_backend *be, const struct clm_model *model, const float *x,
                            size_t rows, float *probabilities, struct clm_error *error)
{
    const struct clm_arrays arrays = {
        .type = CLM_FLOAT, .values = x, .rows = rows, .features = clm_model_width(model, 0)};
    const struct clm_data_options options = {
        .labels_optional = true,
        .classes = clm_model_targets(model) ? 0 : clm_model_width(model, clm_model_depth(model)),
        .model_inputs = clm_model_inputs(model)};
    struct evaluation prediction = {.be = be};
    struct clm_data *data = NULL;
    struct clm_score unused;
    clm_status status = clm_data_from_arrays(&arrays, NULL, &options, &data, error);
    if (status == CLM_OK)
        status = predict_rows(&prediction, model, data, &data->train, probabilities, NULL, &unused, error);
    evaluation_free(&prediction);
    clm_data_close(data);
    return status;
}
