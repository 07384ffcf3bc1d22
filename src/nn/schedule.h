/* The learning rate of each step. */
#ifndef CLM_NN_SCHEDULE_H
#define CLM_NN_SCHEDULE_H

#include "clmlp.h"

/* A schedule over `steps` steps, all of the run, of which `epoch_steps` make an epoch. */
struct schedule {
    enum clm_schedule kind;
    double rate; /* the largest */
    size_t steps, epoch_steps;
    double warmup; /* steps in which the rate rises to its first value; 0 with a one-cycle */
    double period; /* epochs: see enum clm_schedule */
    double gamma;  /* what the rate is multiplied by */
};

/* The rate of a step, counted from 0. CLM_SCHEDULE_PLATEAU has the largest rate throughout; see plateau. */
double schedule_rate(const struct schedule *schedule, size_t step);

/* What CLM_SCHEDULE_PLATEAU knows of the epochs so far; begins as PLATEAU_BEGIN. */
struct plateau {
    double best, scale; /* the least validation loss; what the rate is multiplied by */
    size_t waited;      /* epochs without a better one */
};

#define PLATEAU_BEGIN ((struct plateau){.best = HUGE_VAL, .scale = 1})

/* Notes the validation loss of an epoch. After `period` epochs in a row without a loss that is better by a
 * ten-thousandth, the scale falls by `gamma`, and counting begins again. */
void plateau_note(struct plateau *plateau, const struct schedule *schedule, double loss);

#endif
