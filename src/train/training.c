#include "train/training.h"

#include "base/size.h"
#include "nn/nets.h"
#include "train/ensemble.h"
#include "train/pool.h"

bool training_is_weighted(const struct training *t)
{
    return t->options->class_weight || t->data->train.weights;
}

/* A residency for rows that are not trained on. */
static struct residency unweighted(struct residency residency)
{
    residency.is_weighted = false;
    return residency;
}

/* ---- memory ---- */

size_t training_largest_set(const struct clm_data *data)
{
    return size_max(data->train.count, size_max(data->validation.count, data->test.count));
}

clm_status training_create_data(struct training *t, struct clm_error *error)
{
    const struct clm_data *const data = t->data;
    const size_t rows = t->residency.is_streamed ? training_largest_set(data) : data->train.count;
    const clm_status status =
        feed_create(t->be, data, rows, &t->residency, t->options->shuffle, &t->train, error);
    if (status != CLM_OK || t->residency.is_streamed || !data->validation.count)
        return status;
    const struct residency residency = unweighted(t->residency);
    return feed_create(t->be, data, data->validation.count, &residency, false, &t->validation, error);
}

void training_free_data(struct training *t)
{
    feed_free(&t->train);
    feed_free(&t->validation);
}

struct network_use training_use(const struct train_options *options, struct split split)
{
    struct network_use use = NETWORK_TRAIN(options->step.rule);
    use.keeps_gradients = !step_is_linear(&options->step);
    use.extras = options->extras;
    use.extras.has_parts = split.part < split.step_rows;
    return use;
}

clm_status training_create_network(struct training *t, const struct clm_model *model, struct clm_error *error)
{
    clm_status status = metrics_create(t->be, &t->sums, error);
    if (status == CLM_OK)
        status = network_create(t->be, &model->architecture, t->split.part,
                                training_use(t->options, t->split), &t->net, error);
    t->net.seed = t->seed;
    if (status == CLM_OK && t->options->augmentation.mixup > 0)
        status = network_prepare_mixup(&t->net, error);
    if (status == CLM_OK && training_is_weighted(t))
        status = network_prepare_weights(&t->net, error);
    return status;
}

clm_status training_create_test_data(struct training *t, struct clm_error *error)
{
    const size_t rows = t->data->test.count;
    const struct residency residency = unweighted(t->residency);
    return rows ? feed_create(t->be, t->data, rows, &residency, false, &t->test, error) : CLM_OK;
}

void training_free(struct training *t)
{
    network_free(&t->net);
    metrics_free(t->be, &t->sums);
    training_free_data(t);
    feed_free(&t->test);
    row_weights_free(&t->weights);
}

/* ---- scores ---- */

/* Where the rows of a part come from, while the training data is there. */
static struct feed *feed_of(struct training *t, enum clm_part part)
{
    return part == CLM_TRAIN || t->residency.is_streamed ? &t->train
           : part == CLM_VALIDATION                      ? &t->validation
                                                         : &t->test;
}

/* The training part is t->rows, so that resident rows need not be uploaded again. */
static const struct rows *part_rows(const struct training *t, enum clm_part part)
{
    return part == CLM_TRAIN ? &t->rows : data_part(t->data, part);
}

clm_status training_score_part(struct training *t, enum clm_part part, struct tally *tally,
                               struct clm_score *score, struct clm_error *error)
{
    return evaluate(&t->net, feed_of(t, part), part_rows(t, part), &t->sums, NULL, tally, score, error);
}

clm_status training_score_nets(struct training *t, enum clm_part part, struct tally *tally,
                               struct clm_score *mean, struct clm_score *score, struct clm_error *error)
{
    const struct clm_model *const model = t->ensemble->model;
    const struct outputs outputs = {.tally = tally};
    if (clm_model_nets(model) == 1)
        return training_score_part(t, part, tally, score, error);
    return evaluate_nets(&t->net, model, feed_of(t, part), part_rows(t, part), &t->sums, &outputs, mean,
                         score, error);
}

clm_status training_predict_nets(struct training *t, enum clm_part part, const struct outputs *outputs,
                                 struct clm_score *score, struct clm_error *error)
{
    const struct clm_model *const model = t->ensemble->model;
    return evaluate_nets(&t->net, model, feed_of(t, part), part_rows(t, part), &t->sums, outputs, NULL, score,
                         error);
}
