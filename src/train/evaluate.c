#include "train/evaluate.h"

#include "base/size.h"
#include "train/resident.h"

#define EVALUATION_BATCH 1000

/* Loss of one batch, and its probabilities where they are wanted, in the place of its logits. */
static clm_status evaluate_batch(struct network *net, const struct resident *data, size_t first, size_t rows,
                                 struct metrics *sums, float *probabilities, struct clm_error *error)
{
    clm_status status;
    const struct minibatch batch = {.data = data, .first = first, .rows = rows};
    struct tensor Z = tensor_first_rows(&net->outputs[net->depth - 1], rows), labels = net->labels;
    labels.columns = rows;
    if ((status = network_gather(net, &batch, error)) || (status = network_forward(net, rows, error)) ||
        (status = softmax_xent(net->be, &Z, &labels, NULL, NULL, sums, error)))
        return status;
    if (probabilities && ((status = softmax(net->be, &Z, &Z, error)) ||
                          (status = backend_read(net->be, &Z, HOST_FLOAT, probabilities, error))))
        return status;
    return backend_pace(net->be, error);
}

clm_status evaluate(struct network *net, const struct resident *data, struct metrics *sums,
                    float *probabilities, struct clm_score *score, struct clm_error *error)
{
    const size_t N = data->values.rows, C = net->widths[net->depth];
    clm_status status = metrics_reset(net->be, sums, error);
    for (size_t first = 0; status == CLM_OK && first < N; first += net->batch)
        status = evaluate_batch(net, data, first, size_min(net->batch, N - first), sums,
                                probabilities ? probabilities + first * C : NULL, error);
    double loss = 0;
    size_t correct = 0;
    if (status == CLM_OK)
        status = metrics_read(net->be, sums, &loss, &correct, error);
    if (status == CLM_OK)
        *score = (struct clm_score){N, loss / (double)N, (double)correct / (double)N};
    return status;
}

/* ---- clm_predict ---- */

struct prediction {
    struct clm_backend *be;
    struct network net;
    struct resident data;
    struct metrics sums;
};

static clm_status prediction_create(struct clm_backend *be, const struct clm_model *model,
                                    const struct clm_data *data, size_t rows, struct prediction *out,
                                    struct clm_error *error)
{
    clm_status status;
    *out = (struct prediction){.be = be};
    if ((status = resident_create(be, data, rows, &out->data, error)) ||
        (status = metrics_create(be, &out->sums, error)))
        return status;
    return network_create(be, model->widths, model->depth, size_min(rows, EVALUATION_BATCH), NETWORK_PREDICT,
                          &out->net, error);
}

static void prediction_free(struct prediction *prediction)
{
    network_free(&prediction->net);
    metrics_free(prediction->be, &prediction->sums);
    resident_free(prediction->be, &prediction->data);
}

/* Whether all of it fits, before any of it is allocated. */
static clm_status prediction_plan(struct clm_backend *be, const struct clm_model *model,
                                  const struct clm_data *data, size_t rows, struct clm_error *error)
{
    struct prediction planned;
    be->memory.is_planning = true;
    be->memory.peak = be->memory.now;
    const clm_status status = prediction_create(be, model, data, rows, &planned, error);
    prediction_free(&planned);
    be->memory.is_planning = false;
    return status ? status : memory_check(be, "prediction", be->memory.peak, error);
}

clm_status clm_predict(struct clm_backend *be, const struct clm_model *model, const struct clm_data *data,
                       enum clm_part part, float *probabilities, struct clm_score *score,
                       struct clm_error *error)
{
    const struct rows *const rows = data_part(data, part);
    struct prediction prediction = {.be = be};
    struct clm_score unused;
    clm_status status = clm_check_fit(model, data, error);
    if (status != CLM_OK)
        return status;
    if (!rows->count)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s has no %s part", data->source,
                        part == CLM_TRAIN        ? "training"
                        : part == CLM_VALIDATION ? "validation"
                                                 : "test");
    if ((status = prediction_plan(be, model, data, rows->count, error)))
        return status;
    if ((status = prediction_create(be, model, data, rows->count, &prediction, error)) ||
        (status = resident_write(be, &prediction.data, rows, model, error)) ||
        (status = network_write(&prediction.net, model, error)))
        goto cleanup;
    status = evaluate(&prediction.net, &prediction.data, &prediction.sums, probabilities,
                      score ? score : &unused, error);
cleanup:
    prediction_free(&prediction);
    return status;
}
