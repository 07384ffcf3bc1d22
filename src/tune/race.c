#include "tune/race.h"

#include "base/clock.h"
#include "base/stop.h"

#include <math.h>

#define TURNS        5
#define TURN_SECONDS 0.005 /* so long that starting and waiting do not count */
#define RUNS_MOST    1000  /* of a turn */
#define LONG_SECONDS 0.1   /* a turn that is longer is repeated once */
#define MUCH_SLOWER  1.3   /* times the fastest: not timed again */

static bool is_in(const struct racer *racer)
{
    return racer->trial && racer->status == CLM_OK;
}

/* Seconds for some runs and one wait; not positive if the clock is wrong. */
static double seconds_for(struct racer *racer, size_t runs)
{
    const double begin = clock_seconds();
    racer->status = layer_trial_run(racer->trial, runs, &racer->why);
    return clock_seconds() - begin;
}

/* The number of runs that fills a turn, by the time of one run. */
static size_t runs_of_turn(double seconds)
{
    const double runs = ceil(TURN_SECONDS / seconds);
    return runs >= 1 && runs <= RUNS_MOST ? (size_t)runs : runs > RUNS_MOST ? RUNS_MOST : 1;
}

/* What a racer has shown so far. */
struct pace {
    size_t runs;         /* of a turn */
    size_t total_runs;   /* of all turns, and */
    double least, spent; /* seconds of a run, and of all turns */
};

static void take_turn(struct racer *racer, struct pace *pace)
{
    const double seconds = seconds_for(racer, pace->runs);
    if (seconds > 0)
        pace->least = fmin(pace->least, seconds / (double)pace->runs);
    pace->spent += seconds;
    pace->total_runs += pace->runs;
}

/* If no turn took time, it is the mean of all, or 0. */
static double milliseconds_of(const struct pace *pace)
{
    const double seconds = pace->least < INFINITY ? pace->least : pace->spent / (double)pace->total_runs;
    return seconds > 0 ? 1e3 * seconds : 0;
}

/* The first run may have to load what others find; the second one tells how many runs fill a turn. */
static void warm_up_racer(struct racer *racer, struct pace *pace)
{
    if (racer->trial)
        (void)seconds_for(racer, 1);
    if (is_in(racer))
        pace->runs = runs_of_turn(seconds_for(racer, 1));
}

static double least_of(const struct racer *racers, const struct pace *paces, size_t count)
{
    double least = INFINITY;
    for (size_t i = 0; i < count; i++)
        least = is_in(&racers[i]) ? fmin(least, paces[i].least) : least;
    return least;
}

void race(struct racer *racers, size_t count, const volatile sig_atomic_t *stop)
{
    struct pace paces[PROVIDERS_MOST];
    for (size_t i = 0; i < count; i++) {
        paces[i] = (struct pace){.least = INFINITY};
        racers[i].status = CLM_OK;
        racers[i].milliseconds = 0;
    }
    for (size_t i = 0; i < count && !stop_is_asked(stop); i++)
        warm_up_racer(&racers[i], &paces[i]);
    for (size_t turn = 0; turn < TURNS; turn++) {
        const double fastest = least_of(racers, paces, count);
        for (size_t i = 0; i < count && !stop_is_asked(stop); i++) {
            const struct pace *const pace = &paces[i];
            const bool is_much_slower = turn && pace->least > MUCH_SLOWER * fastest;
            if (is_in(&racers[i]) && !is_much_slower &&
                !(turn > 1 && pace->spent > LONG_SECONDS * (double)turn))
                take_turn(&racers[i], &paces[i]);
        }
    }
    for (size_t i = 0; i < count; i++)
        if (is_in(&racers[i]))
            racers[i].milliseconds = milliseconds_of(&paces[i]);
}
