#include "train/course.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>

/* The defaults of gamma and step-epochs; 0 if a schedule has no such number. */
static const struct {
    double gamma;
    size_t period;
} usual[] = {[CLM_SCHEDULE_STEP] = {0.1, 10},
             [CLM_SCHEDULE_EXPONENTIAL] = {0.9, 0},
             [CLM_SCHEDULE_TRIANGULAR] = {0, 2},
             [CLM_SCHEDULE_PLATEAU] = {0.1, 10},
             [CLM_SCHEDULE_ONE_CYCLE] = {0, 0}};

static clm_status refuse_unused(const struct clm_settings *settings, const char *name, bool is_used,
                                const char *with, struct clm_error *error)
{
    char both[32];
    if (is_used || !clm_settings_is_set(settings, name))
        return CLM_OK;
    snprintf(both, sizeof both, "%s schedule", name);
    return clm_fail_setting(error, CLM_ERROR_ARGUMENT, both,
                            "%s %s changes nothing with the schedule %s; leave it out, or take %s", name,
                            clm_settings_text(settings, name), clm_settings_text(settings, "schedule"), with);
}

static clm_status need_validation(const char *what, const char *setting, struct clm_error *error)
{
    return clm_fail_setting(
        error, CLM_ERROR_ARGUMENT, setting,
        "%s goes by the validation score, and there are no validation rows; hold some out", what);
}

static clm_status check(const struct clm_settings *settings, const struct course *c, size_t epoch_steps,
                        bool has_validation, struct clm_error *error)
{
    const enum clm_schedule kind = c->schedule.kind;
    clm_status status;
    if ((status = refuse_unused(settings, "gamma", usual[kind].gamma > 0, "step, exponential or plateau",
                                error)) ||
        (status = refuse_unused(settings, "step-epochs", usual[kind].period, "step, triangular or plateau",
                                error)) ||
        (status = refuse_unused(settings, "warmup", c->schedule.warmup == 0 || kind != CLM_SCHEDULE_ONE_CYCLE,
                                "another schedule", error)))
        return status;
    if (kind == CLM_SCHEDULE_PLATEAU && !has_validation)
        return need_validation("the schedule plateau", "val schedule", error);
    if (c->stop_after && !has_validation)
        return need_validation("stop-after", "val stop-after", error);
    if (c->schedule.warmup >= (double)c->schedule.steps)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "warmup epochs",
            "a warm-up of %g epochs leaves nothing of %zu; take a shorter one, or more epochs",
            c->schedule.warmup / (double)epoch_steps, c->schedule.steps / epoch_steps);
    return CLM_OK;
}

clm_status course_begin(const struct clm_settings *settings, double rate, size_t epoch_steps,
                        bool has_validation, struct course *out, struct clm_error *error)
{
    const enum clm_schedule kind = (enum clm_schedule)clm_settings_count(settings, "schedule");
    const size_t steps = clm_settings_count(settings, "epochs") * epoch_steps;
    const double warmup = clm_settings_number(settings, "warmup");
    const bool has_gamma = clm_settings_is_set(settings, "gamma"),
               has_period = clm_settings_is_set(settings, "step-epochs");
    *out = (struct course){
        .schedule = {.kind = kind,
                     .rate = rate,
                     .steps = steps,
                     .epoch_steps = epoch_steps,
                     .warmup = warmup * (double)(warmup < 1 ? steps : epoch_steps),
                     .period = (double)(has_period ? clm_settings_count(settings, "step-epochs")
                                                   : usual[kind].period),
                     .gamma = has_gamma ? clm_settings_number(settings, "gamma") : usual[kind].gamma},
        .stop_after = clm_settings_count(settings, "stop-after"),
        .stop_by = (enum clm_stop_by)clm_settings_count(settings, "stop-by"),
        .seconds = clm_settings_number(settings, "max-time"),
        .plateau = PLATEAU_BEGIN,
        .began = clock_seconds(),
        .best = -HUGE_VAL};
    return check(settings, out, epoch_steps, has_validation, error);
}

clm_status course_check_score(const struct course *course, const struct clm_model *model,
                              struct clm_error *error)
{
    const struct loss_about *const loss = &loss_table[model->architecture.loss.kind];
    const bool is_of_numbers = course->stop_by >= CLM_STOP_BY_RMSE;
    if (!course->stop_after || course->stop_by == CLM_STOP_BY_LOSS || is_of_numbers == loss->is_regression)
        return CLM_OK;
    return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "stop-by loss",
                            "the loss %s has no such score to stop by; take loss, %s", loss->name,
                            loss->is_regression ? "rmse, mae or r2" : "or accuracy");
}

double course_rate(const struct course *course, size_t step)
{
    return course->plateau.scale * schedule_rate(&course->schedule, step);
}

/* The validation score that the course goes by, the larger the better. */
static double score_of(enum clm_stop_by by, const struct clm_epoch *epoch)
{
    switch (by) {
    case CLM_STOP_BY_ACCURACY:
        return epoch->validation_accuracy;
    case CLM_STOP_BY_RMSE:
        return -epoch->validation_rmse;
    case CLM_STOP_BY_MAE:
        return -epoch->validation_mae;
    case CLM_STOP_BY_R2:
        return epoch->validation_r2;
    default:
        return -epoch->validation_loss;
    }
}

double course_score(const struct course *course, const struct clm_epoch *epoch)
{
    return score_of(course->stop_by, epoch);
}

bool course_note(struct course *course, const struct clm_epoch *epoch, double started)
{
    const double score = score_of(course->stop_by, epoch);
    const bool is_best = !course->stop_after || !course->best_epoch || score > course->best;
    course->longest = fmax(course->longest, clock_seconds() - started);
    if (course->schedule.kind == CLM_SCHEDULE_PLATEAU)
        plateau_note(&course->plateau, &course->schedule, epoch->validation_loss);
    course->waited = is_best ? 0 : course->waited + 1;
    if (is_best) {
        course->best = isnan(score) ? -HUGE_VAL : score;
        course->best_epoch = epoch->epoch;
    }
    return is_best;
}

bool course_has_stalled(const struct course *course)
{
    return course->stop_after && course->waited >= course->stop_after;
}

bool course_is_out_of_time(const struct course *course)
{
    return course->seconds > 0 && course->longest > 0 &&
           clock_seconds() - course->began + course->longest > course->seconds;
}
