/* How a run goes on from epoch to epoch: the learning rate of its steps, and when it ends. */
#ifndef CLM_TRAIN_COURSE_H
#define CLM_TRAIN_COURSE_H

#include "base/error.h"
#include "nn/model.h"
#include "nn/schedule.h"

struct course {
    struct schedule schedule;
    size_t stop_after; /* epochs without a better score; 0: it never ends for that */
    enum clm_stop_by stop_by;
    double seconds; /* 0: any */

    struct plateau plateau;
    double began, longest; /* on the clock; seconds of the longest epoch, with its scores */
    double best;           /* the score that is to be beaten, the larger the better */
    size_t best_epoch, waited;
};

/* The course that the settings say, of `epoch_steps` steps in each epoch, from now on. Fails with
 * CLM_ERROR_ARGUMENT if settings contradict each other, or need validation rows and there are none. */
CLM_MUST_CHECK clm_status course_begin(const struct clm_settings *settings, double rate, size_t epoch_steps,
                                       bool has_validation, struct course *out, struct clm_error *error);

/* Fails with CLM_ERROR_ARGUMENT if training ends early by a score that the model's loss does not have. */
CLM_MUST_CHECK clm_status course_check_score(const struct course *course, const struct clm_model *model,
                                             struct clm_error *error);

/* The learning rate of a step, counted from 0 in the whole run. */
double course_rate(const struct course *course, size_t step);

/* The validation score of an epoch by which the run may stop, the larger the better. */
double course_score(const struct course *course, const struct clm_epoch *epoch);

/* Notes the end of an epoch, which began at `started` on the clock. Returns whether its net is the one to
 * keep: the best by the validation score if the course stops early, else the last. */
bool course_note(struct course *course, const struct clm_epoch *epoch, double started);

/* Whether the run ends before its last epoch: no better score, or no time for one more epoch. */
bool course_has_stalled(const struct course *course);
bool course_is_out_of_time(const struct course *course);

#endif
