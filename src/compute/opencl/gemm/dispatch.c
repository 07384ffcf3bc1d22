/* The provider `auto`: hands each product to the candidate that was the fastest of those that computed it right. */
#include "compute/opencl/gemm/providers.h"

#include "base/clock.h"
#include "base/size.h"
#include "compute/opencl/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLEARLY  0.95 /* of the first candidate's time: so that noise does not turn a choice */
#define HOPELESS 4    /* times the fastest: not repeated */
#define NEAR     2    /* batches within this factor share a choice */

/* ---- state ---- */

enum condition { UNOPENED, OPENED, DROPPED };

struct automatic {
    struct gemm_provider candidates[CANDIDATES_MOST];
    enum condition conditions[CANDIDATES_MOST];
    const char *names[CANDIDATES_MOST];
    struct choices choices;
    bool is_used[CANDIDATES_MOST]; /* by a layer that was prepared */
    double seconds;
};

static struct automatic *automatic_of(const struct gemm_provider *gemm)
{
    return gemm->state;
}

static void note(const struct gemm_provider *gemm, const char *sentence)
{
    if (gemm->backend->on_note)
        gemm->backend->on_note(gemm->backend->note_user, sentence);
}

static void close_auto(struct gemm_provider *gemm)
{
    struct automatic *const a = automatic_of(gemm);
    if (!a)
        return;
    for (size_t c = 0; c < gemm_candidate_count; c++)
        if (a->conditions[c] == OPENED && a->candidates[c].operations->close)
            a->candidates[c].operations->close(&a->candidates[c]);
    choices_free(&a->choices);
    free(a);
    gemm->state = NULL;
}

static clm_status open_auto(struct gemm_provider *gemm, struct clm_error *error)
{
    struct automatic *const a = calloc(1, sizeof *a);
    struct clm_error warning;
    if (!a)
        return clm_fail_host_memory(error, "the choice of products", sizeof *a);
    gemm->state = a;
    for (size_t c = 0; c < gemm_candidate_count; c++) {
        a->names[c] = gemm_candidates[c].operations->name;
        a->candidates[c] = *gemm;
        a->candidates[c].operations = gemm_candidates[c].operations;
        a->candidates[c].state = NULL;
        if (!gemm_candidates[c].suits(&gemm->device->about))
            a->conditions[c] = DROPPED;
    }
    const clm_status status =
        choices_load(&gemm->device->about, a->names, gemm_candidate_count, &a->choices, &warning, error);
    if (status == CLM_OK && warning.status != CLM_OK)
        note(gemm, warning.message);
    if (status != CLM_OK)
        close_auto(gemm);
    return status;
}

/* Rows of the panels that candidate c wants weights in. */
static size_t panel_of(const struct automatic *a, size_t c, size_t B, size_t I, size_t O)
{
    const struct gemm_provider *const candidate = &a->candidates[c];
    return candidate->operations->panel ? candidate->operations->panel(candidate, B, I, O) : 0;
}

/* Of the candidates that were measured, with weights in such panels: the first, unless another is clearly faster. SIZE_MAX
 * where there is none. */
static size_t fastest_of(const struct automatic *a, const struct choice *choice, size_t panel)
{
    size_t best = SIZE_MAX;
    for (size_t c = 0; c < gemm_candidate_count; c++) {
        if (a->conditions[c] != OPENED || !(choice->milliseconds[c] > 0) ||
            panel_of(a, c, choice->B, choice->I, choice->O) != panel)
            continue;
        if (best == SIZE_MAX || choice->milliseconds[c] < CLEARLY * choice->milliseconds[best])
            best = c;
    }
    return best;
}

/* A layer's weights lie in one way: the candidates of its products are the fastest of those that agree on the way in which
 * all of them together are the fastest. Not chosen is where no way has a candidate for each. */
static void choose(const struct automatic *a, struct choice *const choices[PRODUCT_COUNT])
{
    double least = INFINITY;
    for (size_t c = 0; c < gemm_candidate_count; c++) {
        if (a->conditions[c] != OPENED)
            continue;
        const size_t panel = panel_of(a, c, choices[0]->B, choices[0]->I, choices[0]->O);
        size_t fastest[PRODUCT_COUNT];
        double total = 0;
        for (int p = 0; p < PRODUCT_COUNT; p++) {
            fastest[p] = fastest_of(a, choices[p], panel);
            total += fastest[p] == SIZE_MAX ? INFINITY : choices[p]->milliseconds[fastest[p]];
        }
        if (total < (isinf(least) ? least : CLEARLY * least)) {
            least = total;
            for (int p = 0; p < PRODUCT_COUNT; p++) {
                choices[p]->candidate = a->names[fastest[p]];
                choices[p]->is_proved = false;
            }
        }
    }
}

/* What candidate c was chosen for when it was thought right goes to another, together with the rest of the layer. */
static void forget(struct automatic *a, size_t c)
{
    for (size_t i = 0; i < a->choices.count; i++)
        a->choices.entries[i].milliseconds[c] = 0;
    for (size_t i = 0; i < a->choices.count; i++) {
        const struct choice *const one = &a->choices.entries[i];
        struct choice *layer[PRODUCT_COUNT];
        bool is_whole = one->candidate == a->names[c];
        for (int p = 0; p < PRODUCT_COUNT; p++) {
            layer[p] = choices_entry(&a->choices, (enum product)p, one->B, one->I, one->O);
            is_whole = is_whole && layer[p];
        }
        if (is_whole)
            choose(a, layer);
    }
    for (size_t i = a->choices.count; i-- > 0;)
        if (a->choices.entries[i].candidate == a->names[c])
            a->choices.entries[i] = a->choices.entries[--a->choices.count];
}

/* Not to be used on this device again, and why. */
static void drop(struct gemm_provider *gemm, size_t c, const char *why)
{
    struct automatic *const a = automatic_of(gemm);
    char sentence[sizeof(struct clm_error)];
    snprintf(sentence, sizeof sentence, "%s is not used on %s: %s", a->names[c], gemm->device->about.name,
             why);
    note(gemm, sentence);
    if (a->conditions[c] == OPENED && a->candidates[c].operations->close)
        a->candidates[c].operations->close(&a->candidates[c]);
    a->conditions[c] = DROPPED;
    a->is_used[c] = false;
    forget(a, c);
}

static bool is_usable(struct gemm_provider *gemm, size_t c)
{
    struct automatic *const a = automatic_of(gemm);
    struct clm_error why = {0};
    if (a->conditions[c] != UNOPENED)
        return a->conditions[c] == OPENED;
    const struct gemm_operations *const operations = a->candidates[c].operations;
    if (operations->open && operations->open(&a->candidates[c], &why) != CLM_OK) {
        drop(gemm, c, why.message);
        return false;
    }
    a->conditions[c] = OPENED;
    return true;
}

/* Where that cannot be done it is said once, and choices hold for this process. */
static void save(struct gemm_provider *gemm)
{
    struct choices *const choices = &automatic_of(gemm)->choices;
    struct clm_error why = {0};
    if (choices_save(choices, &gemm->device->about, &why) == CLM_OK)
        return;
    note(gemm, why.message);
    free(choices->path);
    choices->path = NULL;
}

/* ---- measuring ---- */

struct layer_shape {
    size_t B, I, O;
};

static void tell(gemm_tuned hear, void *user, const struct choice *choice, const char *candidate,
                 double error_over_bound, double milliseconds, double gflops)
{
    static const char *const names[PRODUCT_COUNT] = {"forward", "backward_input", "update"};
    struct clm_tune_row row = {.batch = choice->B,
                               .inputs = choice->I,
                               .outputs = choice->O,
                               .error_over_bound = error_over_bound,
                               .milliseconds = milliseconds,
                               .gflops = gflops};
    snprintf(row.product, sizeof row.product, "%s", names[choice->product]);
    snprintf(row.candidate, sizeof row.candidate, "%s", candidate);
    if (hear)
        hear(user, &row);
}

/* Checks and times candidate c; a wrong one is dropped. */
static clm_status measure_candidate(struct gemm_provider *gemm, struct trial *trial, size_t c,
                                    struct choice *choice, gemm_tuned hear, void *user)
{
    struct automatic *const a = automatic_of(gemm);
    struct gemm_provider *const candidate = &a->candidates[c];
    struct clm_error why = {0};
    double worst = NAN, fastest = INFINITY, milliseconds = 0;
    for (size_t other = 0; other < gemm_candidate_count; other++)
        if (choice->milliseconds[other] > 0)
            fastest = fmin(fastest, choice->milliseconds[other]);
    candidate->workspace = gemm->workspace;
    clm_status status = trial_check(trial, candidate, choice->product, &worst, &why);
    if (status == CLM_OK && !(worst <= 1))
        status =
            clm_fail(&why, CLM_ERROR_WRONG,
                     "it computes wrongly; an error of its %s of B=%zu I=%zu O=%zu is %g times its bound",
                     product_name(choice->product), choice->B, choice->I, choice->O, worst);
    if (status == CLM_OK)
        status = trial_time(trial, candidate, choice->product, HOPELESS * fastest, &milliseconds, &why);
    if (status == CLM_OK)
        choice->milliseconds[c] = milliseconds;
    tell(hear, user, choice, a->names[c], worst, milliseconds,
         status == CLM_OK ? 1e-6 * trial_operations(trial) / milliseconds : 0);
    if (status != CLM_OK)
        drop(gemm, c, why.message);
    return CLM_OK;
}

/* The workspace of candidate c for the layer, in place of the provider's, until the trial is over. */
static clm_status give_workspace(struct gemm_provider *gemm, size_t c, const struct layer_shape *shape,
                                 struct clm_error *error)
{
    struct gemm_provider *const candidate = &automatic_of(gemm)->candidates[c];
    size_t bytes = 0;
    const clm_status status =
        candidate->operations->workspace(candidate, shape->B, shape->I, shape->O, &bytes, error);
    if (status != CLM_OK || bytes == 0)
        return status;
    return tensor_create(gemm->backend, TENSOR_BYTE, 1, bytes, &gemm->workspace, error);
}

static clm_status measure_layer(struct gemm_provider *gemm, const struct layer_shape *shape, size_t c,
                                struct choice choices[PRODUCT_COUNT], gemm_tuned hear, void *user,
                                struct clm_error *error)
{
    struct trial *trial = NULL;
    const struct tensor workspace = gemm->workspace;
    gemm->workspace = (struct tensor){0};
    clm_status status =
        trial_open(&automatic_of(gemm)->candidates[c], trial_rows(shape->B, shape->I, shape->O), shape->I,
                   shape->O, &trial, error);
    if (status == CLM_OK)
        status = give_workspace(gemm, c, shape, error);
    for (int p = 0; p < PRODUCT_COUNT && status == CLM_OK && automatic_of(gemm)->conditions[c] == OPENED; p++)
        status = measure_candidate(gemm, trial, c, &choices[p], hear, user);
    tensor_free(gemm->backend, &gemm->workspace);
    gemm->workspace = workspace;
    trial_close(trial);
    return status;
}

/* Whether candidate c is chosen for one of a layer's products. */
static bool is_chosen(const struct automatic *a, size_t c, struct choice *const layer[PRODUCT_COUNT])
{
    for (int p = 0; p < PRODUCT_COUNT; p++)
        if (layer[p]->candidate == a->names[c])
            return true;
    return false;
}

/* Chooses for a layer among those that were measured, and keeps the choice once those chosen have proved right at the layer's
 * very size: some kernels are wrong from a certain size on, and what was measured may be a smaller one. */
static clm_status settle(struct gemm_provider *gemm, struct choice *const layer[PRODUCT_COUNT],
                         struct clm_error *error)
{
    struct automatic *const a = automatic_of(gemm);
    clm_status status = CLM_OK;
    choose(a, layer);
    for (size_t c = 0; c < gemm_candidate_count; c++) {
        struct clm_error why = {0};
        const bool is_tried = is_chosen(a, c, layer) && is_usable(gemm, c);
        const clm_status tried =
            is_tried ? trial_of_layer(&a->candidates[c], layer[0]->B, layer[0]->I, layer[0]->O, &why)
                     : CLM_OK;
        if (tried == CLM_ERROR_MEMORY)
            return clm_fail_setting(error, tried, why.setting, "%s", why.message);
        if (tried == CLM_OK)
            continue;
        drop(gemm, c, why.message);
        for (int p = 0; p < PRODUCT_COUNT; p++)
            layer[p]->candidate = NULL;
        choose(a, layer);
        c = SIZE_MAX; /* from the first again */
    }
    for (int p = 0; status == CLM_OK && p < PRODUCT_COUNT; p++) {
        layer[p]->is_proved = true;
        status =
            layer[p]->candidate
                ? choices_put(&a->choices, layer[p], error)
                : clm_fail_setting(
                      error, CLM_ERROR_WRONG, "device",
                      "%s multiplies wrongly with every provider; it is not used. Update its driver, or choose another device",
                      gemm->device->about.name);
    }
    return status;
}

/* All candidates on the products of some layers, and what comes of it kept. A candidate does all layers before the next
 * begins, for CLBlast's parameters, once changed, stay so for the process. */
static clm_status measure_layers(struct gemm_provider *gemm, const struct layer_shape *shapes, size_t count,
                                 bool has_slow, gemm_tuned hear, void *user, struct clm_error *error)
{
    struct automatic *const a = automatic_of(gemm);
    struct choice *const measured = calloc(count * PRODUCT_COUNT, sizeof *measured);
    const struct memory_use memory = gemm->backend->memory; /* of the plan, in which trials have no part */
    const double begin = clock_seconds();
    clm_status status = measured ? CLM_OK : clm_fail_host_memory(error, "tuning", count * sizeof *measured);
    gemm->backend->memory = (struct memory_use){0};
    for (size_t s = 0; status == CLM_OK && s < count; s++)
        for (int p = 0; p < PRODUCT_COUNT; p++)
            measured[s * PRODUCT_COUNT + (size_t)p] = (struct choice){
                .product = (enum product)p, .B = shapes[s].B, .I = shapes[s].I, .O = shapes[s].O};
    for (size_t c = 0; status == CLM_OK && c < gemm_candidate_count; c++)
        if (has_slow || !gemm_candidates[c].is_slow_to_build)
            for (size_t s = 0; status == CLM_OK && s < count && is_usable(gemm, c); s++)
                status = measure_layer(gemm, &shapes[s], c, &measured[s * PRODUCT_COUNT], hear, user, error);
    for (size_t s = 0; status == CLM_OK && s < count; s++) {
        struct choice *const layer = &measured[s * PRODUCT_COUNT];
        status = settle(gemm, (struct choice *const[PRODUCT_COUNT]){&layer[0], &layer[1], &layer[2]}, error);
    }
    if (status == CLM_OK)
        save(gemm);
    free(measured);
    gemm->backend->memory = memory;
    a->seconds += clock_seconds() - begin;
    return status;
}

clm_status gemm_auto_tune(struct gemm_provider *gemm, const size_t *widths, size_t width_count, size_t batch,
                          gemm_tuned hear, void *user, struct clm_error *error)
{
    struct layer_shape *const shapes = calloc(width_count, sizeof *shapes);
    if (!shapes)
        return clm_fail_host_memory(error, "tuning", width_count * sizeof *shapes);
    for (size_t l = 0; l + 1 < width_count; l++)
        shapes[l] = (struct layer_shape){batch, widths[l], widths[l + 1]};
    const clm_status status = measure_layers(gemm, shapes, width_count - 1, true, hear, user, error);
    free(shapes);
    return status;
}

const char *gemm_auto_path(const struct gemm_provider *gemm)
{
    return automatic_of(gemm)->choices.path;
}

double gemm_auto_seconds(const struct gemm_provider *gemm)
{
    return automatic_of(gemm)->seconds;
}

/* ---- the provider ---- */

static const struct choice *choice_of(const struct automatic *a, enum product product, size_t B, size_t I,
                                      size_t O)
{
    const struct choice *const exact = choices_find(&a->choices, product, B, I, O);
    return exact ? exact : choices_nearest(&a->choices, product, B, I, O);
}

/* The candidate of that name; the first usable one where there is no choice or it cannot be used. */
static size_t candidate_of(struct gemm_provider *gemm, const struct choice *choice)
{
    struct automatic *const a = automatic_of(gemm);
    for (size_t c = 0; choice && c < gemm_candidate_count; c++)
        if (a->names[c] == choice->candidate && is_usable(gemm, c))
            return c;
    for (size_t c = 0; c < gemm_candidate_count; c++)
        if (is_usable(gemm, c))
            return c;
    return gemm_candidate_count - 1;
}

/* How the weights of a layer are to lie: as those want it who were chosen for it. */
static size_t panel(const struct gemm_provider *gemm, size_t B, size_t I, size_t O)
{
    struct gemm_provider own = *gemm;
    const struct automatic *const a = automatic_of(gemm);
    return panel_of(a, candidate_of(&own, choice_of(a, PRODUCT_UPDATE, B, I, O)), B, I, O);
}

/* The candidate of a product with the layer's weights as they lie; the first usable one where the layer has not been
 * prepared. */
static struct gemm_provider *take(struct gemm_provider *gemm, enum product product, const struct tensor *W,
                                  size_t B)
{
    struct automatic *const a = automatic_of(gemm);
    const size_t I = W->columns, O = W->rows;
    const struct choice *const choice = choice_of(a, product, B, I, O);
    size_t taken = candidate_of(gemm, choice);
    if (panel_of(a, taken, B, I, O) != W->panel)
        taken = choice ? fastest_of(a, choice, W->panel) : SIZE_MAX;
    for (size_t c = 0; taken == SIZE_MAX && c < gemm_candidate_count; c++)
        if (is_usable(gemm, c) && panel_of(a, c, B, I, O) == W->panel)
            taken = c;
    if (taken == SIZE_MAX)
        taken = gemm_candidate_count - 1;
    a->candidates[taken].workspace = gemm->workspace;
    return &a->candidates[taken];
}

/* Whether there is a choice for the shape, or one near enough. */
static bool is_known(const struct choices *choices, enum product product, const struct layer_shape *shape)
{
    const struct choice *const nearest = choices_nearest(choices, product, shape->B, shape->I, shape->O);
    return nearest && nearest->B <= NEAR * shape->B && shape->B <= NEAR * nearest->B;
}

/* "auto: native", or all that are used. */
static void name_provider(struct gemm_provider *gemm)
{
    const struct automatic *const a = automatic_of(gemm);
    char *const name = gemm->backend->provider;
    const size_t size = sizeof gemm->backend->provider;
    size_t length = (size_t)snprintf(name, size, "auto");
    for (size_t c = 0, used = 0; c < gemm_candidate_count; c++)
        if (a->is_used[c] && length < size)
            length +=
                (size_t)snprintf(name + length, size - length, "%s%s", used++ ? "+" : ": ", a->names[c]);
}

void gemm_auto_forget_use(struct gemm_provider *gemm)
{
    memset(automatic_of(gemm)->is_used, 0, sizeof automatic_of(gemm)->is_used);
    name_provider(gemm);
}

static bool is_settled(const struct automatic *a, const struct layer_shape *shape)
{
    for (int p = 0; p < PRODUCT_COUNT; p++) {
        const struct choice *const found =
            choices_find(&a->choices, (enum product)p, shape->B, shape->I, shape->O);
        if (!found || !found->is_proved)
            return false;
    }
    return true;
}

/* A layer whose choice is that of another batch: the same, once it has proved right. */
static clm_status adopt(struct gemm_provider *gemm, const struct layer_shape *shape, struct clm_error *error)
{
    struct automatic *const a = automatic_of(gemm);
    const struct memory_use memory = gemm->backend->memory;
    struct choice layer[PRODUCT_COUNT];
    if (is_settled(a, shape))
        return CLM_OK;
    for (int p = 0; p < PRODUCT_COUNT; p++) {
        layer[p] = *choices_nearest(&a->choices, (enum product)p, shape->B, shape->I, shape->O);
        layer[p].B = shape->B;
    }
    gemm->backend->memory = (struct memory_use){0};
    const clm_status status =
        settle(gemm, (struct choice *const[PRODUCT_COUNT]){&layer[0], &layer[1], &layer[2]}, error);
    gemm->backend->memory = memory;
    if (status == CLM_OK)
        save(gemm);
    return status;
}

clm_status gemm_auto_prove(struct gemm_provider *gemm, size_t B, size_t I, size_t O, struct clm_error *error)
{
    const struct layer_shape shape = {B, I, O};
    return adopt(gemm, &shape, error);
}

/* Of a layer that is about to be used: measures it, where that has not been done. */
static clm_status workspace(struct gemm_provider *gemm, size_t B, size_t I, size_t O, size_t *bytes,
                            struct clm_error *error)
{
    struct automatic *const a = automatic_of(gemm);
    const struct layer_shape shape = {B, I, O};
    clm_status status = CLM_OK;
    *bytes = 0;
    for (int p = 0; p < PRODUCT_COUNT && status == CLM_OK; p++)
        if (!is_known(&a->choices, (enum product)p, &shape))
            status = measure_layers(gemm, &shape, 1, false, NULL, NULL, error);
    if (status == CLM_OK)
        status = adopt(gemm, &shape, error);
    for (int p = 0; p < PRODUCT_COUNT && status == CLM_OK; p++) {
        const struct tensor W = {.rows = O, .columns = I, .panel = panel(gemm, B, I, O)};
        struct gemm_provider *const candidate = take(gemm, (enum product)p, &W, B);
        size_t needed = 0;
        status = candidate->operations->workspace(candidate, B, I, O, &needed, error);
        *bytes = size_max(*bytes, needed);
        a->is_used[candidate - a->candidates] = true;
    }
    name_provider(gemm);
    return status;
}

static clm_status forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                          const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    struct gemm_provider *const taken = take(gemm, PRODUCT_FORWARD, &layer->W.value, X->rows);
    return taken->operations->forward(taken, X, layer, epilogue, Y, error);
}

static clm_status backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                 const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                 struct clm_error *error)
{
    struct gemm_provider *const taken = take(gemm, PRODUCT_BACKWARD_INPUT, &layer->W.value, dZ->rows);
    return taken->operations->backward_input(taken, dZ, layer, gate, dX, error);
}

static clm_status gradient(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                           struct linear *layer, double l2, struct clm_error *error)
{
    struct gemm_provider *const taken = take(gemm, PRODUCT_UPDATE, &layer->W.value, dZ->rows);
    return taken->operations->gradient(taken, dZ, X, layer, l2, error);
}

static clm_status descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                          struct linear *layer, const struct step *step, struct clm_error *error)
{
    struct gemm_provider *const taken = take(gemm, PRODUCT_UPDATE, &layer->W.value, dZ->rows);
    return taken->operations->descend(taken, dZ, X, layer, step, error);
}

/* Where both products are one candidate's. */
static bool fuses(struct gemm_provider *gemm, const struct linear *layer, size_t B, size_t next_B)
{
    struct gemm_provider *const taken = take(gemm, PRODUCT_UPDATE, &layer->W.value, B);
    return taken->operations->fuses && taken == take(gemm, PRODUCT_FORWARD, &layer->W.value, next_B) &&
           taken->operations->fuses(taken, layer, B, next_B);
}

static clm_status descend_forward(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, const struct step *step, const struct tensor *next_X,
                                  const struct epilogue *epilogue, struct tensor *next_Y,
                                  struct clm_error *error)
{
    struct gemm_provider *const taken = take(gemm, PRODUCT_UPDATE, &layer->W.value, dZ->rows);
    return taken->operations->descend_forward(taken, dZ, X, layer, step, next_X, epilogue, next_Y, error);
}

/* Where both of its products are one candidate's. */
static bool has_head(struct gemm_provider *gemm, const struct linear *layer, size_t B)
{
    struct gemm_provider *const taken = take(gemm, PRODUCT_FORWARD, &layer->W.value, B);
    return taken->operations->has_head && taken == take(gemm, PRODUCT_BACKWARD_INPUT, &layer->W.value, B) &&
           taken->operations->has_head(taken, layer, B);
}

static clm_status head(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                       const struct tensor *labels, const struct gate *gate, struct tensor *dZ,
                       struct tensor *dX, struct metrics *sums, struct clm_error *error)
{
    struct gemm_provider *const taken = take(gemm, PRODUCT_FORWARD, &layer->W.value, X->rows);
    return taken->operations->head(taken, X, layer, labels, gate, dZ, dX, sums, error);
}

/* Only what every candidate takes, for who steps which layer may change with its size. */
static bool takes_step(enum rule rule)
{
    for (size_t c = 0; c < gemm_candidate_count; c++) {
        const struct gemm_operations *const operations = gemm_candidates[c].operations;
        if (operations->takes_step && !operations->takes_step(rule))
            return false;
    }
    return true;
}

const struct gemm_operations gemm_auto = {
    .name = "auto",
    .open = open_auto,
    .close = close_auto,
    .panel = panel,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .gradient = gradient,
    .takes_step = takes_step,
    .descend = descend,
    .fuses = fuses,
    .descend_forward = descend_forward,
    .has_head = has_head,
    .head = head,
};
