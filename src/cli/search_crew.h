/* Trains the nets of a search, several at once: each in a thread of its own, on a backend of its own, which
 * on a CPU has an equal share of the cores: see cli/shares.h. */
#ifndef CLM_CLI_SEARCH_CREW_H
#define CLM_CLI_SEARCH_CREW_H

#include "cli/shares.h"
#include "cli/search.h"

#include <pthread.h>
#include <signal.h>

enum { CREW_MOST = SHARES_MOST };

/* A net in training. */
struct search_job {
    struct search_crew *crew;
    struct clm_backend *backend;
    struct search_step step;
    struct clm_settings *settings; /* of its training */
    pthread_t thread;
    bool is_running, has_ended;
    double begin, seconds;
    clm_status status; /* of the training; `why` says it */
    struct clm_error why;
    struct clm_train_result result;
};

struct search_crew {
    struct search_job jobs[CREW_MOST];
    size_t count;
    const struct clm_data *data;
    const volatile sig_atomic_t *stop;
    pthread_mutex_t mutex; /* of has_ended, and what a training that has ended leaves */
    pthread_cond_t ended;
};

/* Opens a backend for each of `jobs` at once, which share the device and its memory. */
CLM_MUST_CHECK clm_status search_crew_open(struct search_crew *crew, size_t jobs,
                                           const struct clm_backend_options *options,
                                           const struct clm_data *data, struct clm_error *error);
/* Waits for all trainings, and closes the backends. */
void search_crew_close(struct search_crew *crew);

/* One that has nothing to do; NULL if all are training. */
struct search_job *search_crew_idle(struct search_crew *crew);
/* Begins a training, and takes over the settings. */
CLM_MUST_CHECK clm_status search_job_start(struct search_job *job, const struct search_step *step,
                                           struct clm_settings *settings, struct clm_error *error);
/* Waits for a training to end; it is idle from then on. NULL if none is running. */
struct search_job *search_crew_wait(struct search_crew *crew);
/* What is in training now; returns how many. */
size_t search_crew_steps(const struct search_crew *crew, struct search_step out[CREW_MOST]);

#endif
