#include "tune/tune.h"

#include "base/clock.h"
#include "base/size.h"
#include "base/stop.h"
#include "prove/layer.h"
#include "tune/choices.h"
#include "tune/race.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLEARLY  0.95 /* of the first provider's time, so that noise does not change a choice */
#define HOPELESS 4    /* times the fastest: a slow provider is not timed at the layer's size */
#define SLOW     50.0 /* milliseconds of a product that count as slow */
#define NEAR     2    /* batches within this factor share a choice */
/* Operations of a product that is judged: milliseconds if it is fast, and less than a second if it is slow */
#define OPERATIONS_MOST 4e8
#define ROWS_LEAST      16

/* ---- what is known of a backend ---- */

struct shape {
    size_t B, I, O; /* I is 0 for the loss, O is 0 for rows */
};

struct tuning {
    struct clm_backend *be;
    const char *names[PROVIDERS_MOST];
    struct choices choices;
    struct shape *shared; /* sizes at which rows and loss have proved right */
    size_t shared_count;
    bool are_changes_proved;
    size_t dropped;                    /* providers dropped so far */
    double seconds;                    /* spent measuring */
    const volatile sig_atomic_t *stop; /* of the present call; NULL if it has none */
};

static void note(const struct clm_backend *be, const char *sentence)
{
    if (be->on_note)
        be->on_note(be->note_user, sentence);
}

static void free_tuning(void *memory)
{
    struct tuning *const t = memory;
    choices_free(&t->choices);
    free(t->shared);
    free(t);
}

/* The backend's tuning, which the backend keeps. If one provider computes all products, there is no file. */
static clm_status tuning_of(struct clm_backend *be, struct tuning **out, struct clm_error *error)
{
    struct clm_error warning = {0};
    clm_status status = CLM_OK;
    *out = be->notebook;
    if (*out)
        return CLM_OK;
    struct tuning *const t = calloc(1, sizeof *t);
    if (!t)
        return clm_fail_host_memory(error, "tuning", sizeof *t);
    const size_t count = providers_count(be);
    t->be = be;
    for (size_t p = 0; p < count; p++)
        t->names[p] = provider_name(be, p);
    if (provider_of_all(be) == NO_PROVIDER)
        status = choices_load(clm_backend_about(be), t->names, count, &t->choices, &warning, error);
    if (status != CLM_OK) {
        free_tuning(t);
        return status;
    }
    if (warning.status != CLM_OK)
        note(be, warning.message);
    be->notebook = *out = t;
    be->free_notebook = free_tuning;
    return CLM_OK;
}

/* If saving fails, says so once; choices then hold only for this process. */
static void save(struct tuning *t)
{
    struct clm_error why = {0};
    if (choices_save(&t->choices, clm_backend_about(t->be), &why) == CLM_OK)
        return;
    note(t->be, why.message);
    free(t->choices.path);
    t->choices.path = NULL;
}

/* ---- choosing ---- */

/* The choices of a layer's products at one batch. */
struct layer_choice {
    struct choice of[PRODUCT_COUNT];
};

static struct product_key tune_key_of(const struct shape *shape, int product)
{
    return (struct product_key){(enum product)product, shape->B, shape->I, shape->O};
}

/* A layer without choices or measurements. */
static struct layer_choice layer_of_shape(const struct shape *shape)
{
    struct layer_choice layer;
    for (int p = 0; p < PRODUCT_COUNT; p++)
        layer.of[p] = (struct choice){.key = tune_key_of(shape, p), .provider = NO_PROVIDER};
    return layer;
}

/* Finds the choices kept for a layer at this batch, or at the nearest one within `factor`. Returns false,
 * with *out incomplete, if a product has none. */
static bool find_layer(const struct tuning *t, const struct shape *shape, size_t factor,
                       struct layer_choice *out)
{
    for (int p = 0; p < PRODUCT_COUNT; p++) {
        const struct product_key key = tune_key_of(shape, p);
        const struct choice *const found = choices_nearest(&t->choices, &key);
        if (!found || found->key.B > factor * shape->B || shape->B > factor * found->key.B)
            return false;
        out->of[p] = *found;
    }
    return true;
}

static clm_status keep(struct tuning *t, const struct layer_choice *layer, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (int p = 0; status == CLM_OK && p < PRODUCT_COUNT; p++)
        status = choices_put(&t->choices, &layer->of[p], error);
    return status;
}

/* Whether a provider is right, as far as known, and built. */
static bool is_ready(const struct tuning *t, const struct choice *choice, size_t provider)
{
    return choice->measured[provider].is_right && provider_open(t->be, provider, NULL) == CLM_OK;
}

/* A time of 0 means that the clock saw no time pass; such a time decides nothing. */
static bool is_faster(double a, double b)
{
    return a > 0 && b > 0 && a < CLEARLY * b;
}

/* The first of the right providers with such panels, unless another of them is clearly faster; NO_PROVIDER if
 * there is none. */
static size_t fastest_of(const struct tuning *t, const struct choice *choice, size_t panel)
{
    size_t best = NO_PROVIDER;
    for (size_t p = 0; p < providers_count(t->be); p++)
        if (is_ready(t, choice, p) &&
            provider_panel(t->be, p, choice->key.B, choice->key.I, choice->key.O) == panel &&
            (best == NO_PROVIDER ||
             is_faster(choice->measured[p].milliseconds, choice->measured[best].milliseconds)))
            best = p;
    return best;
}

/* The fastest provider of each product with such panels, and the time of all three; 0 if the clock saw
 * no time pass. Returns false if a product has no provider. */
static bool fastest_in(const struct tuning *t, const struct layer_choice *layer, size_t panel,
                       size_t fastest[PRODUCT_COUNT], double *milliseconds)
{
    bool is_known = true;
    *milliseconds = 0;
    for (int p = 0; p < PRODUCT_COUNT; p++) {
        fastest[p] = fastest_of(t, &layer->of[p], panel);
        if (fastest[p] == NO_PROVIDER)
            return false;
        is_known = is_known && layer->of[p].measured[fastest[p]].milliseconds > 0;
        *milliseconds += layer->of[p].measured[fastest[p]].milliseconds;
    }
    *milliseconds = is_known ? *milliseconds : 0;
    return true;
}

/* A layer's weights have one layout. Chooses the layout (*panel, if given) whose fastest providers take least
 * time together, and these providers; NO_PROVIDER if no layout has one for each product. */
static void tune_choose(const struct tuning *t, struct layer_choice *layer, const size_t *panel)
{
    const struct product_key *const key = &layer->of[0].key;
    double least = NAN;
    bool is_first = true;
    for (int p = 0; p < PRODUCT_COUNT; p++)
        layer->of[p].provider = NO_PROVIDER;
    for (size_t c = 0; c < providers_count(t->be); c++) {
        size_t fastest[PRODUCT_COUNT];
        double milliseconds;
        if (!is_ready(t, &layer->of[0], c))
            continue;
        const size_t own = provider_panel(t->be, c, key->B, key->I, key->O);
        if ((panel && own != *panel) || !fastest_in(t, layer, own, fastest, &milliseconds) ||
            !(is_first || is_faster(milliseconds, least)))
            continue;
        is_first = false;
        least = milliseconds;
        for (int p = 0; p < PRODUCT_COUNT; p++)
            layer->of[p].provider = fastest[p];
    }
}

/* Gives the provider's products to others, choosing anew for the whole layer. */
static void forget(struct tuning *t, size_t provider)
{
    struct choices *const choices = &t->choices;
    for (size_t i = 0; i < choices->count; i++)
        choices->entries[i].measured[provider] = (struct measurement){0};
    for (size_t i = 0; i < choices->count; i++) {
        const struct product_key *const key = &choices->entries[i].key;
        struct layer_choice layer;
        if (choices->entries[i].provider != provider ||
            !find_layer(t, &(const struct shape){key->B, key->I, key->O}, 1, &layer))
            continue;
        tune_choose(t, &layer, NULL);
        (void)keep(t, &layer, NULL); /* replaces entries, adds none */
    }
    for (size_t i = choices->count; i-- > 0;)
        if (choices->entries[i].provider == NO_PROVIDER || choices->entries[i].provider == provider)
            choices->entries[i] = choices->entries[--choices->count];
}

static void tune_drop(struct tuning *t, size_t provider, const char *why)
{
    provider_drop(t->be, provider, why);
    t->dropped++;
    forget(t, provider);
}

/* ---- measuring ---- */

struct tune_listener {
    void (*hear)(void *user, const struct clm_tune_row *row);
    void *user;
};

/* What judging a provider on a product showed. */
struct judged {
    double error_over_bound;
    double estimate; /* milliseconds at the layer's size; 0: the clock saw no time pass */
};

/* A provider on a backend of its own. */
struct contender {
    struct clm_backend *backend;
    struct layer_trial *trial;
    size_t bytes; /* that it holds while others enter: the tuned backend counts them */
};

/* Rows with which a product is judged: part of the batch if the whole would take long. */
static size_t rows_judged(const struct product_key *key)
{
    const double rows = OPERATIONS_MOST / (2.0 * (double)key->I * (double)key->O);
    return size_min(key->B, rows > ROWS_LEAST ? (size_t)rows : ROWS_LEAST);
}

/* Opens a trial of a provider on `rows` rows of the layer, for all uses if there is room. */
static clm_status open_trial(struct tuning *t, size_t provider, const struct product_key *key, size_t rows,
                             struct contender *out, struct clm_error *why)
{
    *out = (struct contender){0};
    clm_status status = provider_backend(t->be, provider, &out->backend, why);
    if (status != CLM_OK)
        return status;
    status = layer_trial_open(out->backend, rows, key->I, key->O, LAYER_MOMENTUM, &out->trial, why);
    return status == CLM_ERROR_MEMORY
               ? layer_trial_open(out->backend, rows, key->I, key->O, LAYER_STEP, &out->trial, why)
               : status;
}

static void close_trial(struct tuning *t, struct contender *contender)
{
    layer_trial_close(contender->trial);
    clm_backend_close(contender->backend);
    t->be->memory.now -= contender->bytes;
    *contender = (struct contender){0};
}

/* Judges a product, then runs it once to estimate its time at the layer's size. */
static clm_status judge_product(struct layer_trial *trial, size_t provider, size_t rows,
                                struct choice *choice, struct judged *verdict, struct clm_error *why)
{
    const enum product product = choice->key.product;
    clm_status status = layer_trial_judge(trial, product, &verdict->error_over_bound, why);
    if (status == CLM_OK && !(verdict->error_over_bound <= 1))
        status = layer_trial_fail(trial, product_name(product), verdict->error_over_bound, why);
    const double begin = clock_seconds();
    if (status == CLM_OK)
        status = layer_trial_run(trial, 1, why);
    const double seconds = clock_seconds() - begin;
    verdict->estimate = seconds > 0 ? 1e3 * seconds * (double)choice->key.B / (double)rows : 0;
    if (status == CLM_OK)
        choice->measured[provider] =
            (struct measurement){.is_right = true, .milliseconds = verdict->estimate};
    return status;
}

static void report(const struct tuning *t, size_t provider, const struct choice *choice,
                   const struct judged *verdict, const struct tune_listener *listener)
{
    const struct product_key *const key = &choice->key;
    const double milliseconds = choice->measured[provider].milliseconds;
    const double operations = 2.0 * (double)key->B * (double)key->I * (double)key->O;
    struct clm_tune_row row = {.batch = key->B,
                               .inputs = key->I,
                               .outputs = key->O,
                               .error_over_bound = verdict->error_over_bound,
                               .milliseconds = milliseconds,
                               .gflops = 1e-9 * per_second(operations, 1e-3 * milliseconds)};
    snprintf(row.product, sizeof row.product, "%s", choices_product_name(key->product));
    snprintf(row.candidate, sizeof row.candidate, "%s", t->names[provider]);
    if (listener->hear)
        listener->hear(listener->user, &row);
}

/* Judges a provider on a layer's products; drops it if it is wrong or fails. If there is no room, says so in
 * *no_room and leaves it out. */
static clm_status judge_provider(struct tuning *t, size_t provider, struct layer_choice *layer,
                                 struct judged verdicts[PRODUCT_COUNT], const struct tune_listener *listener,
                                 struct clm_error *no_room, struct clm_error *error)
{
    const struct product_key *const key = &layer->of[0].key;
    const size_t rows = rows_judged(key);
    struct contender contender;
    struct clm_error why = {0};
    clm_status status = open_trial(t, provider, key, rows, &contender, &why), judged = CLM_OK;
    for (int p = 0; status == CLM_OK && judged == CLM_OK && p < PRODUCT_COUNT; p++) {
        verdicts[p].error_over_bound = NAN;
        judged = judge_product(contender.trial, provider, rows, &layer->of[p], &verdicts[p], &why);
        if (judged != CLM_OK)
            report(t, provider, &layer->of[p], &verdicts[p], listener);
    }
    const bool is_built = contender.backend != NULL;
    close_trial(t, &contender);
    if (judged != CLM_OK || (status != CLM_OK && !is_built))
        tune_drop(t, provider, why.message);
    else if (status == CLM_ERROR_MEMORY)
        *no_room = why;
    else if (status != CLM_OK)
        return clm_fail_setting(error, status, why.setting, "%s", why.message);
    return CLM_OK;
}

/* Whether a provider is so slow, by the estimates, that timing it at the layer's size is a waste of time. */
static bool is_hopeless(const struct tuning *t, const struct choice *choice, size_t provider)
{
    double fastest = INFINITY;
    for (size_t p = 0; p < providers_count(t->be); p++)
        if (choice->measured[p].is_right && choice->measured[p].milliseconds > 0)
            fastest = fmin(fastest, choice->measured[p].milliseconds);
    const double own = choice->measured[provider].milliseconds;
    return own > SLOW && own > HOPELESS * fastest;
}

/* Makes a trial at the layer's full size. Its memory is counted, so that later trials get what is left. */
static clm_status enter(struct tuning *t, size_t provider, const struct product_key *key,
                        struct contender *out, struct clm_error *why)
{
    clm_status status = open_trial(t, provider, key, key->B, out, why);
    if (status == CLM_OK)
        status = layer_trial_begin(out->trial, key->product, why);
    if (status != CLM_OK) {
        close_trial(t, out);
        return status;
    }
    out->bytes = out->backend->memory.now - t->be->memory.now;
    t->be->memory.now += out->bytes;
    return CLM_OK;
}

/* Times some providers of a product in turn, and keeps the times; drops a provider that fails. */
static void race_contenders(struct tuning *t, struct choice *choice, struct contender *contenders)
{
    struct racer racers[PROVIDERS_MOST] = {{0}};
    for (size_t p = 0; p < providers_count(t->be); p++)
        racers[p].trial = contenders[p].trial;
    race(racers, providers_count(t->be), t->stop);
    for (size_t p = 0; p < providers_count(t->be); p++) {
        const bool has_run = contenders[p].trial != NULL;
        close_trial(t, &contenders[p]);
        if (!has_run)
            continue;
        choice->measured[p].milliseconds = racers[p].milliseconds;
        if (racers[p].status == CLM_OK)
            continue;
        choice->measured[p] = (struct measurement){0};
        tune_drop(t, p, racers[p].why.message);
    }
}

/* Times the providers of a group that are right, in turn; one by one if the device has no room for all at
 * once. If there is no room even for one, its estimate stays. */
static void race_product(struct tuning *t, const bool *is_in_group, struct choice *choice)
{
    struct contender contenders[PROVIDERS_MOST] = {{0}};
    bool enters[PROVIDERS_MOST] = {false};
    clm_status status = CLM_OK;
    struct clm_error why = {0};
    for (size_t p = 0; p < providers_count(t->be); p++) {
        enters[p] = is_in_group[p] && choice->measured[p].is_right && provider_is_usable(t->be, p) &&
                    !is_hopeless(t, choice, p);
        if (enters[p] && status == CLM_OK)
            status = enter(t, p, &choice->key, &contenders[p], &why);
    }
    if (status == CLM_OK) {
        race_contenders(t, choice, contenders);
        return;
    }
    for (size_t p = 0; p < providers_count(t->be); p++)
        close_trial(t, &contenders[p]);
    for (size_t p = 0; p < providers_count(t->be); p++)
        if (enters[p] && enter(t, p, &choice->key, &contenders[p], &why) == CLM_OK)
            race_contenders(t, choice, contenders);
}

/* Measures a group of providers on a layer's products. */
static clm_status measure_layer(struct tuning *t, bool is_slow_group, struct layer_choice *layer,
                                const struct tune_listener *listener, struct clm_error *no_room,
                                struct clm_error *error)
{
    struct judged verdicts[PROVIDERS_MOST][PRODUCT_COUNT] = {{{0}}};
    bool is_in_group[PROVIDERS_MOST] = {false};
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < providers_count(t->be); p++) {
        is_in_group[p] = provider_is_slow_to_build(t->be, p) == is_slow_group && provider_is_usable(t->be, p);
        if (is_in_group[p] && (status = stop_check(t->stop, error)) == CLM_OK)
            status = judge_provider(t, p, layer, verdicts[p], listener, no_room, error);
    }
    for (int product = 0; status == CLM_OK && product < PRODUCT_COUNT; product++) {
        race_product(t, is_in_group, &layer->of[product]);
        status = stop_check(t->stop, error); /* a race that was stopped tells nothing */
    }
    for (size_t p = 0; status == CLM_OK && p < providers_count(t->be); p++)
        for (int product = 0; is_in_group[p] && product < PRODUCT_COUNT; product++)
            if (layer->of[product].measured[p].is_right)
                report(t, p, &layer->of[product], &verdicts[p][product], listener);
    return status;
}

/* ---- trying at the exact size ---- */

/* Whether a provider is right on a layer, for all uses if there is room, else for the wanted one. */
static clm_status prove_provider(struct tuning *t, size_t provider, const struct product_key *key,
                                 enum layer_use use, enum layer_use *proved, struct clm_error *why)
{
    struct clm_backend *one = NULL;
    clm_status status = provider_backend(t->be, provider, &one, why);
    *proved = LAYER_MOMENTUM;
    if (status == CLM_OK)
        status = prove_layer(one, key->B, key->I, key->O, *proved, why);
    if (status == CLM_ERROR_MEMORY && use < *proved) {
        *proved = use;
        status = prove_layer(one, key->B, key->I, key->O, *proved, why);
    }
    clm_backend_close(one);
    return status;
}

/* One of a layer's providers that has not been proved for the use; NO_PROVIDER if all have. */
static size_t first_unproved(const struct layer_choice *layer, enum layer_use use)
{
    for (int p = 0; p < PRODUCT_COUNT; p++) {
        const struct choice *const choice = &layer->of[p];
        if (choice->measured[choice->provider].proved < use)
            return choice->provider;
    }
    return NO_PROVIDER;
}

static clm_status fail_without(const struct tuning *t, const struct clm_error *no_room,
                               struct clm_error *error)
{
    return no_room->status == CLM_OK
               ? providers_fail(t->be, error)
               : clm_fail_setting(error, no_room->status, no_room->setting, "%s", no_room->message);
}

/* Keeps a layer's choice, or makes one now, after it has proved right at the layer's exact size: some kernels
 * are wrong only from a certain size on, and the measured size may be smaller. */
static clm_status settle(struct tuning *t, enum layer_use use, const size_t *panel,
                         struct layer_choice *layer, const struct clm_error *found_no_room,
                         struct clm_error *error)
{
    struct clm_error no_room = *found_no_room;
    size_t unproved;
    if (layer->of[0].provider == NO_PROVIDER)
        tune_choose(t, layer, panel);
    while (layer->of[0].provider != NO_PROVIDER && (unproved = first_unproved(layer, use)) != NO_PROVIDER) {
        enum layer_use proved;
        const clm_status stopped = stop_check(t->stop, error);
        if (stopped != CLM_OK)
            return stopped;
        struct clm_error why = {0};
        const clm_status status = prove_provider(t, unproved, &layer->of[0].key, use, &proved, &why);
        for (int p = 0; p < PRODUCT_COUNT; p++)
            if (status == CLM_OK)
                layer->of[p].measured[unproved].proved = proved;
            else
                layer->of[p].measured[unproved] = (struct measurement){0};
        if (status == CLM_OK)
            continue;
        if (status == CLM_ERROR_MEMORY)
            no_room = why;
        else
            tune_drop(t, unproved, why.message);
        tune_choose(t, layer, panel);
    }
    return layer->of[0].provider == NO_PROVIDER ? fail_without(t, &no_room, error) : CLM_OK;
}

/* Measures all providers on the products of some layers, and keeps the results. Those that are slow to build
 * come last, because CLBlast's parameters, once changed, stay for the process. */
static clm_status measure_layers(struct tuning *t, struct layer_choice *layers, size_t count, bool has_slow,
                                 const struct tune_listener *listener, struct clm_error *error)
{
    struct clm_error no_room = {0};
    const double begin = clock_seconds();
    clm_status status = CLM_OK;
    for (int group = 0; group < (has_slow ? 2 : 1); group++)
        for (size_t l = 0; status == CLM_OK && l < count; l++)
            status = measure_layer(t, group == 1, &layers[l], listener, &no_room, error);
    for (size_t l = 0; status == CLM_OK && l < count; l++)
        if ((status = settle(t, LAYER_STEP, NULL, &layers[l], &no_room, error)) == CLM_OK)
            status = keep(t, &layers[l], error);
    if (status == CLM_OK)
        save(t);
    const double seconds = clock_seconds() - begin;
    t->seconds += seconds > 0 ? seconds : 0;
    return status;
}

/* ---- a net ---- */

/* Uses a choice at another batch size, where it must be proved again. */
static void move_to(const struct shape *shape, struct layer_choice *layer)
{
    for (int p = 0; p < PRODUCT_COUNT; p++) {
        struct choice *const choice = &layer->of[p];
        for (size_t c = 0; choice->key.B != shape->B && c < PROVIDERS_MOST; c++)
            choice->measured[c].proved = LAYER_UNPROVED;
        choice->key.B = shape->B;
    }
}

/* Fills the table. Drops a provider that the file chose but that does not open any more. */
static clm_status tune_assign(struct tuning *t, const struct layer_choice *layer, struct clm_error *error)
{
    for (int p = 0; p < PRODUCT_COUNT; p++) {
        struct clm_error why = {0};
        const struct choice *const choice = &layer->of[p];
        const clm_status status = provider_open(t->be, choice->provider, &why);
        if (status != CLM_OK) {
            tune_drop(t, choice->provider, why.message);
            return CLM_OK;
        }
        const clm_status assigned = provider_assign(t->be, &choice->key, choice->provider, error);
        if (assigned != CLM_OK)
            return assigned;
    }
    return CLM_OK;
}

/* Settles a layer's choice at its size, keeps it and assigns it. */
static clm_status take(struct tuning *t, const struct shape *shape, enum layer_use use, const size_t *panel,
                       struct layer_choice *layer, struct clm_error *error)
{
    const struct clm_error no_room = {0};
    move_to(shape, layer);
    const bool is_new = layer->of[0].provider == NO_PROVIDER || first_unproved(layer, use) != NO_PROVIDER;
    clm_status status = is_new ? settle(t, use, panel, layer, &no_room, error) : CLM_OK;
    if (status == CLM_OK && is_new && (status = keep(t, layer, error)) == CLM_OK)
        save(t);
    return status ? status : tune_assign(t, layer, error);
}

/* Takes a layer at the size of whole batches; measures it if there is no choice for a near size. */
static clm_status take_layer(struct tuning *t, const struct shape *shape, enum layer_use use,
                             struct layer_choice *layer, struct clm_error *error)
{
    clm_status status = CLM_OK;
    if (!find_layer(t, shape, NEAR, layer)) {
        *layer = layer_of_shape(shape);
        status = measure_layers(t, layer, 1, false, &(const struct tune_listener){0}, error);
    }
    return status ? status : take(t, shape, use, NULL, layer, error);
}

/* Takes the same layer at the size of a last batch, with providers that want the weights' present layout. */
static clm_status take_rest(struct tuning *t, const struct shape *shape, enum layer_use use,
                            const struct layer_choice *whole, struct clm_error *error)
{
    const size_t B = whole->of[0].key.B, I = shape->I, O = shape->O;
    const size_t panel = provider_panel(t->be, whole->of[PRODUCT_UPDATE].provider, B, I, O);
    struct layer_choice rest;
    bool lies_well = find_layer(t, shape, 1, &rest);
    for (int p = 0; p < PRODUCT_COUNT && lies_well; p++)
        lies_well = provider_open(t->be, rest.of[p].provider, NULL) == CLM_OK &&
                    provider_panel(t->be, rest.of[p].provider, shape->B, I, O) == panel;
    if (!lies_well)
        rest = *whole;
    return take(t, shape, use, &panel, &rest, error);
}

/* "auto: native", or all used providers. */
static void name_providers(struct tuning *t, const bool *is_used)
{
    char *const name = t->be->provider;
    const size_t size = sizeof t->be->provider;
    size_t length = (size_t)snprintf(name, size, "auto");
    for (size_t p = 0, used = 0; p < providers_count(t->be); p++)
        if (is_used[p] && length < size)
            length +=
                (size_t)snprintf(name + length, size - length, "%s%s", used++ ? "+" : ": ", t->names[p]);
}

/* Rows of a whole batch (i = 0), or of the last batch of set i - 1; 0 if that is a whole one. */
static size_t batch_rows(const struct tune_wish *wish, size_t i)
{
    return i ? wish->sets[i - 1] % wish->batch : wish->batch;
}

static clm_status take_all_sizes(struct tuning *t, const struct tune_wish *wish, size_t l, bool *is_used,
                                 struct clm_error *error)
{
    struct shape shape = {wish->batch, wish->widths[l], wish->widths[l + 1]};
    struct layer_choice layer;
    clm_status status = take_layer(t, &shape, wish->use, &layer, error);
    for (int p = 0; status == CLM_OK && p < PRODUCT_COUNT; p++)
        is_used[layer.of[p].provider] = true;
    for (size_t i = 1; status == CLM_OK && i <= wish->set_count; i++)
        if ((shape.B = batch_rows(wish, i)))
            status = take_rest(t, &shape, wish->use, &layer, error);
    return status;
}

/* Repeats until a round drops no provider: a dropped one may have had earlier layers. */
static clm_status choose_providers(struct tuning *t, const struct tune_wish *wish, struct clm_error *error)
{
    clm_status status = CLM_OK;
    size_t dropped;
    bool is_used[PROVIDERS_MOST];
    do {
        dropped = t->dropped;
        memset(is_used, 0, sizeof is_used);
        for (size_t l = 0; status == CLM_OK && l + 1 < wish->width_count; l++)
            status = take_all_sizes(t, wish, l, is_used, error);
    } while (status == CLM_OK && t->dropped != dropped);
    if (status == CLM_OK)
        name_providers(t, is_used);
    return status;
}

/* ---- a provider chosen by name ---- */

static clm_status prove_named(struct tuning *t, const struct shape *shape, enum layer_use use,
                              struct clm_error *error)
{
    const size_t provider = provider_of_all(t->be);
    struct choice choice = {.key = tune_key_of(shape, 0), .provider = provider};
    const struct choice *const known = choices_find(&t->choices, &choice.key);
    struct clm_error why = {0};
    clm_status status;
    if (known && known->measured[provider].proved >= use)
        return CLM_OK;
    if ((status = stop_check(t->stop, error)))
        return status;
    status = prove_provider(t, provider, &choice.key, use, &choice.measured[provider].proved, &why);
    if (status == CLM_ERROR_WRONG)
        return clm_fail_setting(error, status, "gemm", "%s is not used on %s: %s; auto leaves it out",
                                t->names[provider], t->be->device, why.message);
    return status ? clm_fail_setting(error, status, why.setting, "%s", why.message)
                  : choices_put(&t->choices, &choice, error);
}

static clm_status prove_named_on(struct tuning *t, const struct tune_wish *wish, size_t B,
                                 struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t l = 0; status == CLM_OK && B && l + 1 < wish->width_count; l++) {
        const struct shape shape = {B, wish->widths[l], wish->widths[l + 1]};
        status = prove_named(t, &shape, wish->use, error);
    }
    return status;
}

/* ---- what providers share ---- */

/* Tries rows of I elements or, if O is not 0, the loss of O classes. */
static clm_status prove_shape(struct tuning *t, struct shape shape, struct clm_error *error)
{
    for (size_t i = 0; i < t->shared_count; i++)
        if (!memcmp(&t->shared[i], &shape, sizeof shape))
            return CLM_OK;
    const clm_status status =
        shape.O ? prove_loss(t->be, shape.B, shape.O, error) : prove_gather(t->be, shape.B, shape.I, error);
    if (status != CLM_OK)
        return status;
    if (!array_resize(&t->shared, t->shared_count + 1, sizeof shape))
        return clm_fail_host_memory(error, "tuning", (t->shared_count + 1) * sizeof shape);
    t->shared[t->shared_count++] = shape;
    return CLM_OK;
}

static clm_status prove_shared(struct tuning *t, const struct tune_wish *wish, size_t B,
                               struct clm_error *error)
{
    if (!B)
        return CLM_OK;
    const clm_status status = prove_shape(t, (struct shape){B, wish->widths[0], 0}, error);
    return status ? status : prove_shape(t, (struct shape){B, 0, wish->widths[wish->width_count - 1]}, error);
}

/* Chooses providers, or proves the one that was named; then proves what all share. */
static clm_status tune_all(struct tuning *t, const struct tune_wish *wish, struct clm_error *error)
{
    struct clm_backend *const be = t->be;
    clm_status status;
    const bool is_named = provider_of_all(be) != NO_PROVIDER;
    status = is_named ? CLM_OK : choose_providers(t, wish, error);
    for (size_t i = 0; status == CLM_OK && is_named && i <= wish->set_count; i++)
        status = prove_named_on(t, wish, batch_rows(wish, i), error);
    for (size_t i = 0; status == CLM_OK && i <= wish->set_count; i++)
        status = prove_shared(t, wish, batch_rows(wish, i), error);
    if (status == CLM_OK && wish->is_augmented && !t->are_changes_proved &&
        (status = prove_changes(be, error)) == CLM_OK)
        t->are_changes_proved = true;
    return status;
}

clm_status tune_network(struct clm_backend *be, const struct tune_wish *wish, struct clm_error *error)
{
    struct tuning *t;
    clm_status status;
    if (!providers_count(be))
        return CLM_OK;
    if ((status = tuning_of(be, &t, error)))
        return status;
    t->stop = wish->stop;
    status = tune_all(t, wish, error);
    t->stop = NULL;
    return status;
}

/* ---- clm_tune ---- */

static clm_status check_sizes(const size_t *sizes, size_t size_count, size_t batch, struct clm_error *error)
{
    if (size_count < 2 || !sizes || !batch)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "a net of %zu widths at batch %zu: it needs inputs, classes, and at least a row",
                        sizes ? size_count : 0, batch);
    for (size_t i = 0; i < size_count; i++)
        if (!sizes[i] || sizes[i] > INT32_MAX || batch > INT32_MAX)
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "a layer of %zu units at batch %zu: each has to be from 1 to %d", sizes[i], batch,
                            INT32_MAX);
    return CLM_OK;
}

clm_status clm_tune(struct clm_backend *backend, const size_t *sizes, size_t size_count, size_t batch,
                    void (*on_row)(void *user, const struct clm_tune_row *row), void *user,
                    struct clm_error *error)
{
    const struct tune_listener listener = {on_row, user};
    struct tuning *t;
    clm_status status;
    if (!providers_count(backend) || provider_of_all(backend) != NO_PROVIDER)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "only an opencl backend whose gemm is auto has a choice");
    if ((status = check_sizes(sizes, size_count, batch, error)) || (status = tuning_of(backend, &t, error)))
        return status;
    struct layer_choice *const layers = calloc(size_count, sizeof *layers);
    if (!layers)
        return clm_fail_host_memory(error, "tuning", size_count * sizeof *layers);
    for (size_t l = 0; l + 1 < size_count; l++)
        layers[l] = layer_of_shape(&(const struct shape){batch, sizes[l], sizes[l + 1]});
    status = measure_layers(t, layers, size_count - 1, true, &listener, error);
    free(layers);
    return status;
}

const char *clm_tune_path(const struct clm_backend *backend)
{
    const struct tuning *const t = backend->notebook;
    return t ? t->choices.path : NULL;
}

double clm_tune_seconds(const struct clm_backend *backend)
{
    const struct tuning *const t = backend->notebook;
    return t ? t->seconds : 0;
}
