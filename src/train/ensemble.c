#include "train/ensemble.h"

#include "base/stop.h"
#include "nn/nets.h"

#include <stdlib.h>
#include <string.h>

clm_status ensemble_begin(struct ensemble *all, struct clm_error *error)
{
    const struct train_options *const options = all->options;
    all->epochs = calloc(options->epochs, all->count * sizeof *all->epochs);
    all->nets = calloc(all->count, sizeof *all->nets);
    all->kept_epochs = calloc(all->count, sizeof *all->kept_epochs);
    return all->epochs && all->nets && all->kept_epochs
               ? CLM_OK
               : clm_fail_setting(error, CLM_ERROR_MEMORY, "epochs",
                                  "the host has no memory for the history of %zu epochs; take fewer",
                                  options->epochs);
}

void ensemble_end(struct ensemble *all)
{
    pthread_mutex_destroy(&all->mutex);
    free(all->epochs);
    free(all->nets);
    free(all->kept_epochs);
}

void ensemble_lock(struct ensemble *all)
{
    pthread_mutex_lock(&all->mutex);
}

void ensemble_unlock(struct ensemble *all)
{
    pthread_mutex_unlock(&all->mutex);
}

bool ensemble_is_stopped(const struct ensemble *all)
{
    return stop_is_asked(all->options->hooks.stop) || all->has_failed;
}

/* Takes the next net that is to be trained; false if there is none. */
static bool take_next_net(struct ensemble *all, size_t *number)
{
    pthread_mutex_lock(&all->mutex);
    const bool is_there = all->next < all->count && !all->has_failed;
    *number = all->next;
    all->next += is_there;
    pthread_mutex_unlock(&all->mutex);
    return is_there;
}

/* Notes the first failure, for all. */
static void note_failure(struct ensemble *all, size_t number, clm_status status,
                         const struct clm_error *error)
{
    pthread_mutex_lock(&all->mutex);
    if (all->status == CLM_OK) {
        all->status = status;
        if (all->count > 1)
            (void)clm_fail_setting(&all->error, status, error->setting, "net %zu of %zu: %s", number + 1,
                                   all->count, error->message);
        else
            all->error = *error;
    }
    all->has_failed = true;
    pthread_mutex_unlock(&all->mutex);
}

/* Trains net number `number`, then others, until there are no more, or training is stopped. */
static void train_nets_from(struct training *t, size_t number)
{
    struct ensemble *const all = t->ensemble;
    struct clm_error error = {.status = CLM_OK};
    clm_status status = CLM_OK;
    do
        status = train_net(t, number, &error);
    while (status == CLM_OK && !stop_is_asked(t->options->hooks.stop) && take_next_net(all, &number));
    if (status != CLM_OK)
        note_failure(all, number, status, &error);
}

/* A backend besides the caller's, with the thread that uses it. */
struct helper {
    struct training training;
    pthread_t thread;
    bool is_running;
};

static void *run_helper(void *argument)
{
    struct training *const t = &((struct helper *)argument)->training;
    struct clm_memory_plan plan;
    struct clm_error error = {.status = CLM_OK};
    const clm_status status = train_prepare(t, &plan, &error);
    size_t number = 0;
    if (status != CLM_OK && status != CLM_ERROR_STOPPED)
        note_failure(t->ensemble, 0, status, &error);
    else if (status == CLM_OK && take_next_net(t->ensemble, &number))
        train_nets_from(t, number);
    training_free(t);
    return NULL;
}

/* Trains all nets, with the hooks' other backends, too. A thread that cannot be started leaves its nets to
 * the others. */
clm_status ensemble_run(struct training *t, struct clm_error *error)
{
    struct ensemble *const all = t->ensemble;
    const size_t helper_count = all->at_once - 1;
    struct helper *const helpers = calloc(helper_count + 1, sizeof *helpers);
    if (!helpers)
        return clm_fail_host_memory(error, "the nets of an ensemble", all->at_once * sizeof *helpers);
    all->next = 1; /* the first is of this thread, whose net and data the scores of the mean then use */
    for (size_t h = 0; h < helper_count; h++) {
        helpers[h].training = (struct training){.be = t->options->hooks.more_backends[h],
                                                .data = t->data,
                                                .options = t->options,
                                                .ensemble = all,
                                                .rows = t->data->train};
        helpers[h].is_running = !pthread_create(&helpers[h].thread, NULL, run_helper, &helpers[h]);
    }
    train_nets_from(t, 0);
    for (size_t h = 0; h < helper_count; h++)
        if (helpers[h].is_running)
            pthread_join(helpers[h].thread, NULL);
    free(helpers);
    return all->status ? clm_fail_setting(error, all->status, all->error.setting, "%s", all->error.message)
                       : CLM_OK;
}

clm_status ensemble_finish(struct training *t, size_t *epochs, struct clm_error *error)
{
    struct ensemble *const all = t->ensemble;
    const size_t each = t->options->epochs;
    bool is_any_whole = false;
    size_t kept = 0;
    bool *const is_kept = calloc(all->count, sizeof *is_kept);
    *epochs = 0;
    if (!is_kept)
        return clm_fail_host_memory(error, "the nets of an ensemble", all->count * sizeof *is_kept);
    for (size_t n = 0; n < all->count; n++)
        is_any_whole = is_any_whole || all->nets[n].is_whole;
    for (size_t n = 0; n < all->count; n++) {
        is_kept[n] = is_any_whole ? all->nets[n].is_whole : all->nets[n].epoch_count > 0;
        if (!is_kept[n])
            continue;
        memmove(all->epochs + *epochs, all->epochs + n * each,
                all->nets[n].epoch_count * sizeof *all->epochs);
        for (size_t e = 0; e < all->nets[n].epoch_count; e++)
            all->epochs[*epochs + e].net = kept + 1;
        *epochs += all->nets[n].epoch_count;
        all->kept_epochs[kept] = all->nets[n].best_epoch;
        all->nets[kept++] = all->nets[n];
    }
    if (kept)
        nets_keep(all->model, is_kept);
    all->count = kept;
    free(is_kept);
    return CLM_OK;
}
