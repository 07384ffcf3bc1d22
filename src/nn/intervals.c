#include "nn/intervals.h"

#include "base/json.h"
#include "base/size.h"
#include "nn/model.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = SCORES_MOST / 2 }; /* of more rows than SCORES_MOST: so many of the largest are all kept */

static const char *const kind_names[] = {
    [INTERVAL_ERRORS] = "errors", [INTERVAL_SPREAD] = "spread", [INTERVAL_QUANTILES] = "quantiles"};

const char *intervals_kind_name(enum interval_kind kind)
{
    return kind_names[kind];
}

enum interval_kind intervals_kind(const struct clm_model *model)
{
    const struct loss *const loss = &model->architecture.loss;
    if (!loss_table[loss->kind].is_regression)
        return INTERVAL_NONE;
    if (loss->kind == LOSS_QUANTILE)
        return INTERVAL_QUANTILES;
    return model->other_count ? INTERVAL_SPREAD : INTERVAL_ERRORS;
}

/* ---- ranks ---- */

size_t intervals_kept(size_t rows)
{
    return size_min(rows, SCORES_MOST);
}

size_t intervals_rank_kept(size_t rows, size_t index)
{
    const size_t others = SCORES_MOST - LARGEST;
    if (rows <= SCORES_MOST)
        return index + 1;
    return index < others ? divide_up((index + 1) * (rows - LARGEST), others)
                          : rows - SCORES_MOST + index + 1;
}

/* Coverage and product are rounded once each: two relative errors of DBL_EPSILON / 2. */
size_t intervals_rank(size_t rows, double coverage)
{
    const double product = ((double)rows + 1) * coverage, whole = round(product);
    return (size_t)(fabs(product - whole) <= 2 * DBL_EPSILON * product ? whole : ceil(product));
}

/* ceil((n + 1) p) <= n from n = p / (1 - p) on. */
size_t intervals_rows_needed(double coverage)
{
    size_t rows = (size_t)fmax(floor(coverage / (1 - coverage)) - 1, 1);
    while (intervals_rank(rows, coverage) > rows)
        rows++;
    return rows;
}

clm_status intervals_check(const struct clm_model *model, double coverage, struct clm_error *error)
{
    const struct intervals *const intervals = &model->intervals;
    if (!(coverage > 0 && coverage < 1))
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "interval",
                                "an interval has a share of the targets above 0 and below 1, not %g",
                                coverage);
    if (intervals_kind(model) == INTERVAL_NONE)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "interval",
            "intervals are of predicted numbers, and this model predicts classes by the loss %s",
            loss_table[model->architecture.loss.kind].name);
    if (intervals->kind == INTERVAL_NONE)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "interval",
            "the model was not calibrated, so nothing is known about its errors; train it with the setting calibrate and with validation rows, which tell them");
    if (intervals_rank(intervals->rows, coverage) <= intervals->rows)
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_ARGUMENT, "interval",
        "an interval with %g of the targets needs at least %zu validation rows, and the model was calibrated by %zu; ask for less, or hold more rows out when it is trained",
        coverage, intervals_rows_needed(coverage), intervals->rows);
}

double intervals_score(const struct intervals *intervals, size_t target, double coverage)
{
    const size_t rank = intervals_rank(intervals->rows, coverage);
    size_t index = 0;
    while (index + 1 < intervals->kept && intervals_rank_kept(intervals->rows, index) < rank)
        index++;
    return intervals->scores[target * intervals->kept + index];
}

/* ---- scores ---- */

/* What a score is multiplied by: a length in own units. */
static double unit_of(const struct clm_model *model, enum interval_kind kind, size_t target, double spread)
{
    const double deviation = model->target_deviation[target];
    return kind == INTERVAL_SPREAD ? deviation * (spread + SPREAD_LEAST) : deviation;
}

/* Lowest and highest of a target's outputs. */
static void find_ends(const struct clm_model *model, const float *outputs, double ends[2])
{
    ends[0] = ends[1] = (double)outputs[0];
    for (size_t q = 1; q < loss_quantiles(&model->architecture.loss); q++) {
        ends[0] = fmin(ends[0], (double)outputs[q]);
        ends[1] = fmax(ends[1], (double)outputs[q]);
    }
}

double intervals_score_of(const struct clm_model *model, enum interval_kind kind, size_t target,
                          const float *outputs, double spread, double value)
{
    double ends[2];
    find_ends(model, outputs, ends);
    return fmax(ends[0] - value, value - ends[1]) / unit_of(model, kind, target, spread);
}

void intervals_bounds(const struct clm_model *model, size_t target, double score, const float *outputs,
                      double spread, double bounds[2])
{
    const double more = score * unit_of(model, model->intervals.kind, target, spread);
    double ends[2];
    find_ends(model, outputs, ends);
    bounds[0] = ends[0] - more;
    bounds[1] = ends[1] + more;
    if (bounds[0] > bounds[1])
        bounds[0] = bounds[1] = ends[0] + (ends[1] - ends[0]) / 2;
}

static int by_score(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void intervals_free(struct intervals *intervals)
{
    free(intervals->scores);
    *intervals = (struct intervals){.kind = INTERVAL_NONE};
}

/* Without scores yet. */
static clm_status intervals_create(struct clm_model *model, size_t rows, struct clm_error *error)
{
    const size_t targets = clm_model_targets(model), kept = intervals_kept(rows);
    struct intervals made = {.kind = intervals_kind(model), .rows = rows, .targets = targets, .kept = kept};
    made.scores = calloc(targets, kept * sizeof *made.scores);
    if (!made.scores)
        return clm_fail_host_memory(error, "the scores of validation rows",
                                    targets * kept * sizeof *made.scores);
    intervals_free(&model->intervals);
    model->intervals = made;
    return CLM_OK;
}

clm_status intervals_keep(struct clm_model *model, double *scores, size_t rows, struct clm_error *error)
{
    const size_t targets = clm_model_targets(model);
    for (size_t i = 0; i < targets * rows; i++)
        if (!isfinite(scores[i]))
            return clm_fail_setting(
                error, CLM_ERROR_FORMAT, "calibrate",
                "validation row %zu: the prediction is no finite number; the net's parameters, the inputs or the targets are too large for float32",
                i % rows);
    const clm_status status = intervals_create(model, rows, error);
    for (size_t t = 0; status == CLM_OK && t < targets; t++) {
        qsort(scores + t * rows, rows, sizeof *scores, by_score);
        for (size_t k = 0; k < model->intervals.kept; k++)
            model->intervals.scores[t * model->intervals.kept + k] =
                scores[t * rows + intervals_rank_kept(rows, k) - 1];
    }
    return status;
}

/* ---- file ---- */

/* A list of the scores of each target. */
static json_t *describe_scores(const struct intervals *intervals)
{
    json_t *const lists = json_array();
    bool is_whole = lists != NULL;
    for (size_t t = 0; is_whole && t < intervals->targets; t++) {
        json_t *const list = json_array();
        is_whole = json_array_append_new(lists, list) == 0;
        for (size_t k = 0; is_whole && k < intervals->kept; k++)
            is_whole =
                json_array_append_new(list, json_real(intervals->scores[t * intervals->kept + k])) == 0;
    }
    if (is_whole)
        return lists;
    json_decref(lists);
    return NULL;
}

char *intervals_text(const struct intervals *intervals)
{
    json_t *const scores = describe_scores(intervals);
    json_t *const object = scores ? json_pack("{ss sI so}", "by", kind_names[intervals->kind], "rows",
                                              (json_int_t)intervals->rows, "scores", scores)
                                  : NULL;
    char *const text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

/* Whether a list has as many numbers as are kept, none smaller than the one before. */
static bool read_scores(const json_t *list, size_t kept, double *scores)
{
    bool is_right = json_array_size(list) == kept;
    for (size_t k = 0; is_right && k < kept; k++) {
        const json_t *const score = json_array_get(list, k);
        scores[k] = json_number_value(score);
        is_right = json_is_number(score) && isfinite(scores[k]) && (!k || scores[k] >= scores[k - 1]);
    }
    return is_right;
}

static bool is_of_kind(const json_t *object, enum interval_kind kind)
{
    const char *const by = json_string_value(json_object_get(object, "by"));
    return by && kind != INTERVAL_NONE && !strcmp(by, kind_names[kind]);
}

clm_status intervals_parse(const char *text, struct clm_model *model, struct clm_error *error)
{
    const json_int_t rows_most = (json_int_t)1 << 48;
    const size_t targets = clm_model_targets(model);
    json_t *object;
    clm_status status = json_parse(NULL, "what it says of its intervals", text, strlen(text), &object, error);
    if (status != CLM_OK)
        return status;
    const json_t *const lists = json_object_get(object, "scores");
    const json_int_t rows = json_integer_value(json_object_get(object, "rows"));
    bool is_right = is_of_kind(object, intervals_kind(model)) && model->target_deviation && rows > 0 &&
                    rows <= rows_most && json_array_size(lists) == targets;
    if (is_right)
        status = intervals_create(model, (size_t)rows, error);
    for (size_t t = 0; status == CLM_OK && is_right && t < targets; t++)
        is_right = read_scores(json_array_get(lists, t), model->intervals.kept,
                               model->intervals.scores + t * model->intervals.kept);
    json_decref(object);
    if (status == CLM_OK && !is_right)
        status = clm_fail(
            error, CLM_ERROR_FORMAT,
            "its intervals are not those of %zu targets with rising scores of validation rows; train and calibrate the model again",
            targets);
    return status;
}
