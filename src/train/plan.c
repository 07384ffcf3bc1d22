#include "train/plan.h"

#include "base/size.h"

#include <stdio.h>

/* ---- the plan: the calls that allocate, only counted ---- */

static void add_part(struct clm_memory_plan *plan, const char *name, size_t bytes)
{
    if (!bytes)
        return;
    struct clm_memory_part *const part = &plan->parts[plan->part_count++];
    snprintf(part->name, sizeof part->name, "%s", name);
    part->bytes = bytes;
}

/* Adds the network's own parts, and the workspace of its products. */
static void describe_network(const struct training *t, size_t before, struct clm_memory_plan *plan)
{
    const struct network_memory memory = network_memory(&t->net);
    const size_t sums = t->sums.state.bytes;
    add_part(plan, "parameters", memory.parameters);
    add_part(plan, "gradients", memory.gradients);
    add_part(plan, rules[t->options->step.rule].is_linear ? "momentum" : "optimiser's states", memory.states);
    add_part(plan, "activations of a batch", memory.activations);
    add_part(plan, "loss and accuracy", sums);
    add_part(plan, "workspace of the products",
             t->be->memory.planned.now - before - memory.parameters - memory.gradients - memory.states -
                 memory.activations - sums);
}

/* Chooses the residency for the memory that the net leaves. */
static clm_status choose_residency(struct training *t, const struct clm_model *model, struct clm_error *error)
{
    struct clm_backend *const be = t->be;
    const struct clm_data *const data = t->data;
    const struct residency_wish wish = {
        .resident = t->options->resident,
        .shard = t->options->shard,
        .batch = t->split.part,
        .is_weighted = training_is_weighted(t),
        .rows_together = size_max(data->train.count + data->validation.count, data->test.count),
        .rows_most = training_largest_set(data)};
    clm_status status = training_create_network(t, model, error);
    const size_t needed = be->memory.planned.peak;
    network_free(&t->net);
    metrics_free(be, &t->sums);
    if (status == CLM_OK)
        status = memory_check(be, "training, without its data,", needed,
                              "take smaller batches or layers, or the blas backend", "batch hidden backend",
                              error);
    return status ? status
                  : residency_choose(be, data, &wish, be->memory_limit - needed, &t->residency, error);
}

static void describe_data(const struct training *t, size_t train_bytes, size_t test_bytes,
                          struct clm_memory_plan *plan)
{
    char name[sizeof plan->parts->name];
    snprintf(name, sizeof name, "two shards of %zu rows", t->residency.shard);
    add_part(plan,
             t->residency.is_streamed   ? name
             : test_bytes > train_bytes ? "test data, at the end"
                                        : "data set",
             size_max(train_bytes, test_bytes));
}

/* Plans the data in its residency, and the net beside it. */
static clm_status plan_memory(struct training *t, const struct clm_model *model, struct clm_memory_plan *plan,
                              struct clm_error *error)
{
    struct clm_memory_plan rest = {0};
    size_t test_bytes = 0;
    t->be->memory.planned.peak = t->be->memory.planned.now;
    clm_status status = training_create_data(t, error);
    const size_t train_bytes = feed_bytes(&t->train) + feed_bytes(&t->validation);
    if (status == CLM_OK) /* counts the larger workspace: this one or an earlier one */
        status = training_create_network(t, model, error);
    if (status != CLM_OK)
        return status;
    describe_network(t, train_bytes, &rest);
    if (!t->residency.is_streamed) {
        training_free_data(t);
        if ((status = training_create_test_data(t, error)))
            return status;
        test_bytes = feed_bytes(&t->test);
    }
    describe_data(t, train_bytes, test_bytes, plan);
    for (size_t i = 0; i < rest.part_count; i++)
        plan->parts[plan->part_count++] = rest.parts[i];
    plan->total = t->be->memory.planned.peak;
    return CLM_OK;
}

static clm_status plan_split(struct clm_backend *be, const struct clm_model *model,
                             const struct clm_data *data, const struct train_options *options,
                             struct split split, struct residency *residency, struct clm_memory_plan *plan,
                             struct clm_error *error)
{
    struct training t = {.be = be, .data = data, .options = options, .split = split};
    *plan = (struct clm_memory_plan){.available = be->memory_limit == SIZE_MAX ? 0 : be->memory_limit};
    memory_plan_begin(be);
    clm_status status = choose_residency(&t, model, error);
    if (status == CLM_OK)
        status = plan_memory(&t, model, plan, error);
    training_free(&t);
    memory_plan_end(be);
    *residency = t.residency;
    plan->shard = t.residency.is_streamed ? t.residency.shard : 0;
    return status ? status
                  : memory_check(be, "training with resident data", plan->total,
                                 "let it be streamed, or take fewer rows", "resident limit", error);
}

/* Whether a minibatch gives the same gradient in parts: not if its statistics are a part of the net. */
static bool may_be_split(const struct architecture *net)
{
    for (size_t l = 0; l < net->depth; l++)
        if (net->layers[l].norm == NORM_BATCH)
            return false;
    return true;
}

clm_status training_plan(struct training *t, const struct clm_model *model, struct clm_memory_plan *plan,
                         struct clm_error *error)
{
    const struct train_options *const options = t->options;
    struct clm_error unused;
    t->split = (struct split){.step_rows = options->batch * options->accumulate, .part = options->batch};
    const clm_status whole = plan_split(t->be, model, t->data, options, t->split, &t->residency, plan, error);
    clm_status status = whole;
    while (status == CLM_ERROR_MEMORY && t->split.part > 1 && may_be_split(&model->architecture)) {
        t->split.part = divide_up(t->split.part, 2);
        status = plan_split(t->be, model, t->data, options, t->split, &t->residency, plan, &unused);
    }
    return status ? whole : CLM_OK;
}

void training_tell_split(const struct training *t)
{
    const size_t batch = t->options->batch, part = t->split.part;
    char sentence[512];
    if (part >= batch || !t->be->on_note)
        return;
    snprintf(
        sentence, sizeof sentence,
        "steps of %zu rows do not fit into the memory of %s: each takes %zu parts of up to %zu rows, whose gradients it adds up",
        t->split.step_rows, t->be->device, divide_up(t->split.step_rows, part), part);
    t->be->on_note(t->be->note_user, sentence);
}

clm_status training_tune(struct clm_backend *be, const struct clm_model *model, const struct clm_data *data,
                         const struct train_options *options, struct split split, struct clm_error *error)
{
    const size_t sets[] = {data->train.count, data->validation.count, data->test.count};
    const struct tune_wish wish = {.batch = split.part,
                                   .sets = sets,
                                   .set_count = sizeof sets / sizeof *sets,
                                   .is_augmented = !augmentation_is_none(&options->augmentation),
                                   .stop = options->hooks.stop};
    return network_tune(be, &model->architecture, training_use(options, split), wish, error);
}
