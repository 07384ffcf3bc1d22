#include "cli/search_crew.h"

#include "cli/machine.h"
#include "cli/signals.h"
#include "cli/train.h"

#include <math.h>
#include <string.h>

static void hear_job_epoch(void *user, const struct clm_epoch *epoch)
{
    (void)user, (void)epoch;
    signals_take(); /* the first epoch builds kernels */
}

static clm_status train_job(struct search_job *job)
{
    struct clm_settings *const settings = job->settings;
    const struct clm_data *const data = job->crew->data;
    const struct clm_train_hooks hooks = {
        .on_epoch = hear_job_epoch, .stop = job->crew->stop, .without_test = true};
    struct clm_model *model = NULL;
    clm_status status;
    if ((status = clm_suit_settings(settings, data, &job->why)) ||
        (status = create_model(settings, data, &model, &job->why)))
        return status;
    const enum clm_standardise how = (enum clm_standardise)(clm_settings_count(settings, "standardize") - 1);
    if ((status = clm_model_standardise(model, data, how, NULL, &job->why)) == CLM_OK)
        status = clm_train(job->backend, model, data, settings, &hooks, &job->result, &job->why);
    clm_model_free(model);
    return status;
}

static void *run_job(void *argument)
{
    struct search_job *const job = argument;
    const clm_status status = train_job(job);
    pthread_mutex_lock(&job->crew->mutex);
    job->status = status;
    job->seconds = fmax(0, seconds_now() - job->begin);
    job->has_ended = true;
    pthread_cond_signal(&job->crew->ended);
    pthread_mutex_unlock(&job->crew->mutex);
    return NULL;
}

clm_status search_crew_open(struct search_crew *crew, size_t jobs, const struct clm_backend_options *options,
                            const struct clm_data *data, struct clm_error *error)
{
    struct clm_backend *parts[SHARES_MOST];
    memset(crew, 0, sizeof *crew);
    crew->data = data;
    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->ended, NULL);
    const clm_status status = shares_open(options, jobs, parts, error);
    for (crew->count = 0; crew->count < jobs; crew->count++) {
        struct search_job *const job = &crew->jobs[crew->count];
        job->crew = crew;
        job->backend = parts[crew->count];
    }
    return status;
}

struct search_job *search_crew_idle(struct search_crew *crew)
{
    for (struct search_job *job = crew->jobs; job < crew->jobs + crew->count; job++)
        if (!job->is_running)
            return job;
    return NULL;
}

clm_status search_job_start(struct search_job *job, const struct search_step *step,
                            struct clm_settings *settings, struct clm_error *error)
{
    clm_settings_free(job->settings);
    job->step = *step;
    job->settings = settings;
    job->has_ended = false;
    job->why = (struct clm_error){0};
    job->result = (struct clm_train_result){0};
    job->begin = seconds_now();
    const int code = pthread_create(&job->thread, NULL, run_job, job);
    job->is_running = code == 0;
    return code ? fail(error, CLM_ERROR_MEMORY,
                       "a thread for a training cannot be started: %s; take --jobs 1", strerror(code))
                : CLM_OK;
}

struct search_job *search_crew_wait(struct search_crew *crew)
{
    struct search_job *ended = NULL;
    bool is_any_running = true;
    pthread_mutex_lock(&crew->mutex);
    while (!ended && is_any_running) {
        is_any_running = false;
        for (struct search_job *job = crew->jobs; !ended && job < crew->jobs + crew->count; job++) {
            ended = job->is_running && job->has_ended ? job : NULL;
            is_any_running = is_any_running || job->is_running;
        }
        if (!ended && is_any_running)
            pthread_cond_wait(&crew->ended, &crew->mutex);
    }
    pthread_mutex_unlock(&crew->mutex);
    if (ended) {
        pthread_join(ended->thread, NULL);
        ended->is_running = false;
    }
    return ended;
}

size_t search_crew_steps(const struct search_crew *crew, struct search_step out[CREW_MOST])
{
    size_t count = 0;
    for (const struct search_job *job = crew->jobs; job < crew->jobs + crew->count; job++)
        if (job->is_running)
            out[count++] = job->step;
    return count;
}

void search_crew_close(struct search_crew *crew)
{
    while (search_crew_wait(crew))
        continue;
    for (struct search_job *job = crew->jobs; job < crew->jobs + crew->count; job++) {
        clm_backend_close(job->backend);
        clm_settings_free(job->settings);
    }
    if (crew->data) {
        pthread_cond_destroy(&crew->ended);
        pthread_mutex_destroy(&crew->mutex);
    }
    memset(crew, 0, sizeof *crew);
}
