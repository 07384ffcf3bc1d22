#include "nn/schedule.h"

#include <math.h>

#define PI        3.14159265358979323846
#define THRESHOLD 1e-4 /* relative, by which a loss must be better */

/* One-cycle: as in PyTorch (Smith, Topin: Super-convergence, 2018). */
#define RISING       0.3 /* of all steps */
#define FIRST_SHARE  25  /* the largest rate is so many times the first, */
#define LAST_SHARE   1e4 /* and the first so many times the last */
#define LEAST_OF_TEN 10  /* the triangular and the cooled rate */

/* From `first` to `last` along half a cosine, while `done` goes from 0 to 1. */
static double anneal(double first, double last, double done)
{
    return last + (first - last) * (1 + cos(PI * done)) / 2;
}

/* The first rate is that of step 0, the largest that of step RISING steps - 1, the last that of the last. */
static double one_cycle(const struct schedule *s, double step)
{
    const double first = s->rate / FIRST_SHARE, last = (double)s->steps - 1,
                 top = RISING * (double)s->steps - 1;
    if (step < top)
        return anneal(first, s->rate, step / top);
    return last > top ? anneal(s->rate, first / LAST_SHARE, (step - top) / (last - top)) : s->rate;
}

/* A rise and a fall of `period` epochs each, one after the other (Smith: Cyclical learning rates, 2017). */
static double triangular(const struct schedule *s, double epoch)
{
    const double least = s->rate / LEAST_OF_TEN, at = fmod(epoch / s->period, 2);
    return least + (s->rate - least) * (at < 1 ? at : 2 - at);
}

static bool is_cooled(const struct schedule *s, size_t step)
{
    const size_t epochs = s->steps / s->epoch_steps;
    return step / s->epoch_steps >= epochs - epochs / 10;
}

double schedule_rate(const struct schedule *s, size_t step)
{
    const double after = (double)step - s->warmup, epoch = after / (double)s->epoch_steps,
                 done = after / ((double)s->steps - s->warmup);
    if (s->kind == CLM_SCHEDULE_COOLDOWN && is_cooled(s, step))
        return s->rate / LEAST_OF_TEN;
    if (s->kind == CLM_SCHEDULE_ONE_CYCLE)
        return one_cycle(s, (double)step);
    if (after < 0)
        return s->rate * ((double)step + 1) / ceil(s->warmup);
    switch (s->kind) {
    case CLM_SCHEDULE_LINEAR:
        return s->rate * (1 - done);
    case CLM_SCHEDULE_COSINE:
        return anneal(s->rate, 0, done);
    case CLM_SCHEDULE_STEP:
        return s->rate * pow(s->gamma, floor(epoch / s->period));
    case CLM_SCHEDULE_EXPONENTIAL:
        return s->rate * pow(s->gamma, epoch);
    case CLM_SCHEDULE_TRIANGULAR:
        return triangular(s, epoch);
    default:
        return s->rate;
    }
}

void plateau_note(struct plateau *plateau, const struct schedule *schedule, double loss)
{
    if (loss < plateau->best * (1 - THRESHOLD)) {
        plateau->best = loss;
        plateau->waited = 0;
    } else if ((double)++plateau->waited >= schedule->period) {
        plateau->scale *= schedule->gamma;
        plateau->waited = 0;
    }
}
