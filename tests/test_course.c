/* How a run goes on: optimisers on a small set, learning rates step by step, early stopping, and time. */
#include "nn/schedule.h"
#include "support/fixtures.h"
#include "support/support.h"
#include "train/course.h"
#include "train/rule.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct clm_error error;

/* Settings of train with their own defaults, changed by names and values with a blank between. */
static struct clm_settings *settings_of(const char *changes)
{
    struct clm_settings *settings = NULL;
    ck_assert_done(clm_settings_create("train", &settings, &error));
    change_settings(settings, "%s", changes);
    return settings;
}

/* ---- optimisers ---- */

static const char *const optimisers[] = {"sgd", "nesterov", "rmsprop", "adam", "adamw", "nadam", "lion"};
static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_TILED};
#define RUNS (COUNT_OF(optimisers) * COUNT_OF(kinds))

struct losses {
    double first, last;
};

static void keep_loss(void *user, const struct clm_epoch *epoch)
{
    struct losses *const losses = user;
    if (epoch->epoch == 1)
        losses->first = epoch->train_loss;
    losses->last = epoch->train_loss;
}

static struct losses train_small(enum fixture kind, struct clm_settings *settings,
                                 struct clm_train_result *result)
{
    static const size_t hidden[] = {64, 0};
    struct losses losses = {0, 0};
    const struct clm_train_hooks hooks = {.on_epoch = keep_loss, .user = &losses};
    struct clm_data *const data = fixture_data(200, 0, 31, 10);
    struct clm_model *const model = fixture_model(data, NULL, 1, hidden);
    struct clm_backend *const backend = fixture_backend(kind);
    if (clm_train(backend, model, data, settings, &hooks, result, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
    return losses;
}

/* The loss begins near ln 10. */
START_TEST(each_optimiser_learns_a_small_set)
{
    static const double lrs[COUNT_OF(optimisers)] = {0.05, 0.05, 0.003, 0.005, 0.005, 0.005, 0.001};
    const size_t optimiser = (size_t)_i % COUNT_OF(optimisers);
    const enum fixture kind = kinds[(size_t)_i / COUNT_OF(optimisers)];
    char text[160];
    snprintf(text, sizeof text, "optimizer %s lr %g schedule cosine epochs 60 batch 10 l1 1e-5",
             optimisers[optimiser], lrs[optimiser]);
    struct clm_settings *const settings = settings_of(text);
    const struct losses losses = train_small(kind, settings, NULL);
    ck_assert_msg(losses.first > 1 && losses.last < 0.1, "%s: from %g to %g", optimisers[optimiser],
                  losses.first, losses.last);
    clm_settings_free(settings);
}
END_TEST

START_TEST(each_optimiser_has_its_numbers)
{
    static const struct {
        const char *changes;
        struct step step;
    } cases[] = {
        {"optimizer sgd", {.rule = RULE_MOMENTUM, .learning_rate = 0.1, .momentum = 0.9}},
        {"optimizer sgd momentum 0 l1 0.5", {.rule = RULE_SGD, .learning_rate = 0.1, .l1 = 0.5}},
        {"optimizer nesterov lr 0.2", {.rule = RULE_NESTEROV, .learning_rate = 0.2, .momentum = 0.9}},
        {"optimizer rmsprop", {.rule = RULE_RMSPROP, .learning_rate = 1e-3, .beta2 = 0.99, .epsilon = 1e-8}},
        {"optimizer adam momentum 0 l2 0.25",
         {.rule = RULE_ADAM,
          .learning_rate = 1e-3,
          .l2 = 0.25,
          .beta1 = 0.9,
          .beta2 = 0.999,
          .epsilon = 1e-8}},
        {"optimizer adamw epsilon 1e-6",
         {.rule = RULE_ADAMW,
          .learning_rate = 1e-3,
          .weight_decay = 0.01,
          .beta1 = 0.9,
          .beta2 = 0.999,
          .epsilon = 1e-6}},
        {"optimizer adamw weight-decay 0",
         {.rule = RULE_ADAMW, .learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}},
        {"optimizer nadam beta1 0.5",
         {.rule = RULE_NADAM, .learning_rate = 1e-3, .beta1 = 0.5, .beta2 = 0.999, .epsilon = 1e-8}},
        {"optimizer lion beta2 0.95",
         {.rule = RULE_LION, .learning_rate = 1e-4, .beta1 = 0.9, .beta2 = 0.95}}};
    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        const struct step *const expected = &cases[i / 2].step;
        struct clm_settings *const settings = settings_of(cases[i / 2].changes);
        if (i % 2) { /* which changes nothing but what run.json says */
            ck_assert_done(rule_suit(settings, &error));
            ck_assert(clm_settings_number(settings, "lr") == expected->learning_rate);
            ck_assert(clm_settings_number(settings, "beta1") == expected->beta1);
            ck_assert(clm_settings_number(settings, "beta2") == expected->beta2);
            ck_assert(clm_settings_number(settings, "epsilon") == expected->epsilon);
            ck_assert(clm_settings_number(settings, "weight-decay") == expected->weight_decay);
        }
        const struct step step = rule_step(settings);
        ck_assert_int_eq(step.rule, expected->rule);
        ck_assert(step.learning_rate == expected->learning_rate && step.momentum == expected->momentum);
        ck_assert(step.l1 == expected->l1 && step.l2 == expected->l2);
        ck_assert(step.weight_decay == expected->weight_decay && step.epsilon == expected->epsilon);
        ck_assert(step.beta1 == expected->beta1 && step.beta2 == expected->beta2);
        ck_assert_done(rule_check(settings, &error));
        clm_settings_free(settings);
    }
}
END_TEST

START_TEST(numbers_of_other_rules_are_refused)
{
    static const struct {
        const char *changes, *sentence;
    } cases[] = {{"optimizer adam momentum 0.5", "momentum 0.5 is no number of adam"},
                 {"beta1 0.5", "beta1 0.5 is no number of sgd"},
                 {"optimizer rmsprop beta1 0.5", "beta1 0.5 is no number of rmsprop"},
                 {"optimizer nesterov beta2 0.5", "beta2 0.5 is no number of nesterov"},
                 {"optimizer lion epsilon 0.5", "epsilon 0.5 is no number of lion"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct clm_settings *const settings = settings_of(cases[i].changes);
        ck_assert_int_eq(rule_check(settings, &error), CLM_ERROR_ARGUMENT);
        ck_assert_msg(!strncmp(error.message, cases[i].sentence, strlen(cases[i].sentence)), "%s",
                      error.message);
        clm_settings_free(settings);
    }
}
END_TEST

/* ---- learning rates ---- */

#define EPOCH_STEPS 4

/* Five epochs of four steps; the rates of steps 0, 1, 4, 5, 10 and 19, by hand. */
static const size_t shown[] = {0, 1, 4, 5, 10, 19};
static const struct rates {
    const char *changes;
    double rates[COUNT_OF(shown)];
} rates[] = {
    {"schedule constant", {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}},
    {"schedule constant warmup 1", {0.025, 0.05, 0.1, 0.1, 0.1, 0.1}},
    {"schedule constant warmup 0.5", {0.01, 0.02, 0.05, 0.06, 0.1, 0.1}},
    {"schedule linear", {0.1, 0.095, 0.08, 0.075, 0.05, 0.005}},
    {"schedule linear warmup 1", {0.025, 0.05, 0.1, 0.09375, 0.0625, 0.00625}},
    {"schedule cosine", {0.1, 0.0993844170, 0.0904508497, 0.0853553391, 0.05, 0.0006155830}},
    {"schedule cosine warmup 1", {0.025, 0.05, 0.1, 0.0990392640, 0.0691341716, 0.0009607360}},
    {"schedule step step-epochs 2", {0.1, 0.1, 0.1, 0.1, 0.01, 0.001}},
    {"schedule step step-epochs 1 gamma 0.5", {0.1, 0.1, 0.05, 0.05, 0.025, 0.00625}},
    {"schedule exponential gamma 0.0625", {0.1, 0.05, 0.00625, 0.003125, 9.765625e-05, 1.9073486328125e-07}},
    {"schedule exponential warmup 1 gamma 0.0625", {0.025, 0.05, 0.1, 0.05, 0.0015625, 3.0517578125e-06}},
    {"schedule triangular step-epochs 1", {0.01, 0.0325, 0.1, 0.0775, 0.055, 0.0775}},
    {"schedule triangular", {0.01, 0.02125, 0.055, 0.06625, 0.0775, 0.04375}},
    {"schedule one-cycle", {0.004, 0.0131671843, 0.0908328157, 0.1, 0.0716943002, 4e-7}},
    {"schedule cooldown epochs 10", {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}},
};

START_TEST(rates_are_by_hand)
{
    struct clm_settings *const settings = settings_of("epochs 5 lr 0.1");
    struct course course;
    change_settings(settings, "%s", rates[_i].changes);
    ck_assert_done(course_begin(settings, 0.1, EPOCH_STEPS, false, &course, &error));
    for (size_t i = 0; i < COUNT_OF(shown); i++)
        ck_assert_msg(fabs(course_rate(&course, shown[i]) - rates[_i].rates[i]) <= 1e-9,
                      "%s: step %zu has %.10g", rates[_i].changes, shown[i], course_rate(&course, shown[i]));
    clm_settings_free(settings);
}
END_TEST

/* A run's epochs tell the rate of their last steps; a single step is enough for a cycle. */
START_TEST(rates_of_short_runs_are_finite)
{
    for (size_t steps = 1; steps < 8; steps++)
        for (int kind = 0; kind <= CLM_SCHEDULE_ONE_CYCLE; kind++)
            for (size_t step = 0; step < steps; step++) {
                const struct schedule s = {(enum clm_schedule)kind, 0.5, steps, 1, 0, 1, 0.5};
                const double rate = schedule_rate(&s, step);
                ck_assert_msg(rate > 0 && rate <= 0.5, "schedule %d, step %zu of %zu: %g", kind, step, steps,
                              rate);
            }
}
END_TEST

static struct course course_of(const char *changes, bool has_validation)
{
    struct clm_settings *const settings = settings_of(changes);
    struct course course;
    ck_assert_done(course_begin(settings, 0.1, EPOCH_STEPS, has_validation, &course, &error));
    clm_settings_free(settings);
    return course;
}

static bool note(struct course *course, size_t number, double loss, double accuracy)
{
    const struct clm_epoch epoch = {
        .epoch = number, .validation_loss = loss, .validation_accuracy = accuracy};
    return course_note(course, &epoch, course->began);
}

/* The rate falls after two epochs without a loss that is better by a ten-thousandth. */
START_TEST(the_rate_falls_on_a_plateau)
{
    static const double losses[] = {2, 1, 0.99995, 1.5, 0.9, 0.95, NAN, 0.91, 0.92},
                        after[] = {0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.0125};
    struct course course = course_of("schedule plateau step-epochs 2 gamma 0.5 epochs 9", true);
    for (size_t e = 0; e < COUNT_OF(losses); e++) {
        note(&course, e + 1, losses[e], 0);
        ck_assert_within(course_rate(&course, EPOCH_STEPS * (e + 1)), after[e], 1e-15);
    }
}
END_TEST

START_TEST(settings_that_contradict_are_refused)
{
    static const struct {
        const char *changes, *sentence;
    } cases[] = {{"gamma 0.5", "gamma 0.5 changes nothing with the schedule cooldown"},
                 {"schedule cosine step-epochs 3", "step-epochs 3 changes nothing with the schedule cosine"},
                 {"schedule exponential step-epochs 3", "step-epochs 3 changes nothing"},
                 {"schedule one-cycle warmup 1", "warmup 1 changes nothing with the schedule one-cycle"},
                 {"schedule plateau", "the schedule plateau goes by the validation score"},
                 {"stop-after 3", "stop-after goes by the validation score"},
                 {"epochs 3 warmup 3", "a warm-up of 3 epochs leaves nothing of 3"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct clm_settings *const settings = settings_of(cases[i].changes);
        struct course course;
        ck_assert_int_eq(course_begin(settings, 0.1, EPOCH_STEPS, false, &course, &error),
                         CLM_ERROR_ARGUMENT);
        ck_assert_msg(!strncmp(error.message, cases[i].sentence, strlen(cases[i].sentence)), "%s",
                      error.message);
        clm_settings_free(settings);
    }
}
END_TEST

/* ---- the end ---- */

START_TEST(a_run_stops_when_nothing_gets_better)
{
    static const struct {
        double loss, accuracy;
        bool is_best[2], has_stalled[2]; /* by loss, by accuracy */
    } epochs[] = {{NAN, 0.5, {true, true}, {false, false}},  {2, 0.5, {true, false}, {false, false}},
                  {1, 0.5, {true, false}, {false, true}},    {1, 0.75, {false, true}, {false, false}},
                  {1.5, 0.7, {false, false}, {true, false}}, {0.5, 0.7, {true, false}, {false, true}}};
    for (size_t by = 0; by < 2; by++) {
        struct course course = course_of(by ? "stop-after 2 stop-by accuracy" : "stop-after 2", true);
        for (size_t e = 0; e < COUNT_OF(epochs); e++) {
            ck_assert_int_eq(note(&course, e + 1, epochs[e].loss, epochs[e].accuracy), epochs[e].is_best[by]);
            ck_assert_int_eq(course_has_stalled(&course), epochs[e].has_stalled[by]);
        }
        ck_assert_uint_eq(course.best_epoch, by ? 4 : 6);
    }
}
END_TEST

START_TEST(without_early_stopping_the_last_net_is_kept)
{
    struct course course = course_of("epochs 5", true);
    for (size_t e = 1; e < 5; e++) {
        ck_assert(note(&course, e, (double)e, 0));
        ck_assert(!course_has_stalled(&course) && !course_is_out_of_time(&course));
    }
    ck_assert_uint_eq(course.best_epoch, 4);
}
END_TEST

/* An epoch of 100 s within 1000 s, as if the run had begun earlier. */
START_TEST(no_epoch_begins_that_ends_too_late)
{
    static const double spent[] = {100, 890, 910};
    for (size_t i = 0; i < COUNT_OF(spent); i++) {
        struct course course = course_of("max-time 1000s", false);
        ck_assert(!course_is_out_of_time(&course)); /* the first is always trained */
        course.longest = 100;
        course.began -= spent[i];
        ck_assert_int_eq(course_is_out_of_time(&course), spent[i] > 900);
    }
}
END_TEST

START_TEST(durations_have_units)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = {{"90", 90}, {"90s", 90}, {"1.5m", 90}, {"2h", 7200}, {"0.5d", 43200}};
    static const char *const bad[] = {"", "0", "-1s", "1x", "m", "1 h", "1hh", "1.2.3s", "nan", "inf", "1e3"};
    struct clm_settings *const settings = settings_of("epochs 1");
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        ck_assert_done(clm_settings_set(settings, "max-time", good[i].text, &error));
        ck_assert_within(clm_settings_number(settings, "max-time"), good[i].seconds, 1e-9);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_int_eq(clm_settings_set(settings, "max-time", bad[i], &error), CLM_ERROR_ARGUMENT);
    clm_settings_free(settings);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("course");
    TCase *const cases = tcase_create("course");
    test_add_sampled(cases, each_optimiser_learns_a_small_set, 0, (int)RUNS, 2);
    tcase_add_test(cases, each_optimiser_has_its_numbers);
    tcase_add_test(cases, numbers_of_other_rules_are_refused);
    tcase_add_loop_test(cases, rates_are_by_hand, 0, (int)COUNT_OF(rates));
    tcase_add_test(cases, rates_of_short_runs_are_finite);
    tcase_add_test(cases, the_rate_falls_on_a_plateau);
    tcase_add_test(cases, settings_that_contradict_are_refused);
    tcase_add_test(cases, a_run_stops_when_nothing_gets_better);
    tcase_add_test(cases, without_early_stopping_the_last_net_is_kept);
    tcase_add_test(cases, no_epoch_begins_that_ends_too_late);
    tcase_add_test(cases, durations_have_units);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
