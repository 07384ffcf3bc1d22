/* Times a training step: gather, forward, backward and update, with a full queue as in training. */
#include "base/clock.h"
#include "base/philox.h"
#include "base/size.h"
#include "base/stop.h"
#include "nn/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SECONDS 2.0
#define WARM_UP_SECONDS 0.3
#define STEPS_UNTIMED   1000 /* if the clock has not moved after so many, it stands still */
#define PROFILED_SLICES 4    /* of steps, in a profile */
#define PROFILED_MOST   1000 /* steps, in a profile */
#define SLICE_SECONDS   0.02 /* steps timed together, so that the wait for the last one hardly counts */
#define SLICES_MOST     1000
#define SLICES_LEAST    3
#define RESIDENT_BYTES  (16u << 20) /* of the data set, unless a batch is larger: more than caches hold */
#define RESIDENT_ROWS   65536       /* at most, unless a batch is larger */
#define LEARNING_RATE   1e-3

struct bench_net {
    struct clm_backend *be;
    struct architecture architecture;
    struct network net;
    struct resident data;
    struct tensor order; /* (1,rows) shuffled, as in training */
    struct metrics sums;
    size_t rows, batch, next; /* rows of the data; next: the first row of the next step */
    bool has_begun;           /* the next step's batch has been gathered */
    struct step step;
    const volatile sig_atomic_t *stop;
};

/* ---- memory ---- */

static size_t rows_of(const struct clm_bench_options *options)
{
    const size_t wanted = size_min(RESIDENT_BYTES / options->sizes[0], RESIDENT_ROWS);
    return round_up(size_max(wanted, options->batch), options->batch);
}

static clm_status create_data(struct bench_net *bench, size_t I, struct clm_error *error)
{
    clm_status status;
    if ((status = tensor_create(bench->be, TENSOR_BYTE, bench->rows, I, &bench->data.values, error)) ||
        (status = tensor_create(bench->be, TENSOR_INDEX, 1, bench->rows, &bench->data.labels, error)) ||
        (status = tensor_create(bench->be, TENSOR_REAL, 1, I, &bench->data.mean, error)) ||
        (status = tensor_create(bench->be, TENSOR_REAL, 1, I, &bench->data.scale, error)) ||
        (status = tensor_create(bench->be, TENSOR_INDEX, 1, bench->rows, &bench->order, error)))
        return status;
    return CLM_OK;
}

static struct network_use bench_use(const struct bench_net *bench)
{
    struct network_use use = NETWORK_TRAIN(bench->step.rule);
    use.keeps_gradients = !step_is_linear(&bench->step);
    return use;
}

static clm_status bench_create_network(struct bench_net *bench, struct clm_error *error)
{
    const clm_status status = metrics_create(bench->be, &bench->sums, error);
    return status ? status
                  : network_create(bench->be, &bench->architecture, bench->batch, bench_use(bench),
                                   &bench->net, error);
}

static void bench_release(struct bench_net *bench)
{
    network_free(&bench->net);
    metrics_free(bench->be, &bench->sums);
    tensor_free(bench->be, &bench->data.values);
    tensor_free(bench->be, &bench->data.labels);
    tensor_free(bench->be, &bench->data.mean);
    tensor_free(bench->be, &bench->data.scale);
    tensor_free(bench->be, &bench->order);
}

/* Backends on the host have no limit of their own: there, more than all memory is refused. */
static clm_status host_check(const struct clm_backend *be, size_t needed, struct clm_error *error)
{
    if (clm_backend_kind(be) == CLM_BACKEND_OPENCL || needed <= host_memory())
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_MEMORY, "batch layers",
        "the benchmark needs %.1f MiB, and the host has %.1f MiB; take smaller batches or layers",
        mebibytes(needed), mebibytes(host_memory()));
}

static clm_status bench_check_memory(const struct clm_bench_options *options, struct bench_net *bench,
                                     struct clm_error *error)
{
    struct clm_backend *const be = bench->be;
    struct bench_net planned = *bench;
    memory_plan_begin(be);
    clm_status status = create_data(&planned, options->sizes[0], error);
    if (status == CLM_OK)
        status = bench_create_network(&planned, error);
    bench_release(&planned);
    const size_t needed = memory_plan_end(be);
    if (status != CLM_OK || (status = memory_check(be, "the benchmark", needed,
                                                   "take smaller batches or layers, or the blas backend",
                                                   "batch layers backend", error)))
        return status;
    return host_check(be, needed, error);
}

/* Checks memory before providers are chosen, and again after, because they differ in what they need. */
static clm_status bench_prepare(const struct clm_bench_options *options, struct bench_net *bench,
                                struct clm_error *error)
{
    clm_status status = bench_check_memory(options, bench, error);
    if (status == CLM_OK)
        status = network_tune(bench->be, &bench->architecture, bench_use(bench),
                              (struct tune_wish){.batch = options->batch, .stop = options->stop}, error);
    return status ? status : bench_check_memory(options, bench, error);
}

/* ---- content ---- */

/* Random bytes and labels; x = byte / 255. */
static clm_status write_data(struct bench_net *bench, size_t I, size_t classes, struct clm_error *error)
{
    uint8_t *const values = malloc(bench->rows * I);
    uint32_t *const labels = malloc(bench->rows * sizeof *labels), *const order =
                                                                       malloc(bench->rows * sizeof *order);
    float *const mean = calloc(I, sizeof *mean), *const scale = malloc(I * sizeof *scale);
    struct philox random = philox_start(1, RANDOM_TEST, 0);
    clm_status status = CLM_OK;
    if (!values || !labels || !order || !mean || !scale) {
        status = clm_fail_host_memory(error, "the benchmark's data", bench->rows * I);
        goto cleanup;
    }
    for (size_t i = 0; i < bench->rows * I; i++)
        values[i] = (uint8_t)philox_next(&random);
    for (size_t r = 0; r < bench->rows; r++)
        labels[r] = philox_below(&random, (uint32_t)classes);
    for (size_t i = 0; i < I; i++)
        scale[i] = 1 / 255.0f;
    philox_permutation(&random, order, bench->rows);
    if ((status = backend_write(bench->be, &bench->data.values, HOST_BYTE, values, error)) ||
        (status = backend_write(bench->be, &bench->data.labels, HOST_INDEX, labels, error)) ||
        (status = backend_write(bench->be, &bench->order, HOST_INDEX, order, error)) ||
        (status = backend_write(bench->be, &bench->data.mean, HOST_FLOAT, mean, error)))
        goto cleanup;
    status = backend_write(bench->be, &bench->data.scale, HOST_FLOAT, scale, error);
cleanup:
    free(values);
    free(labels);
    free(order);
    free(mean);
    free(scale);
    return status;
}

static clm_status bench_write_parameters(struct bench_net *bench, const struct clm_bench_options *options,
                                         struct clm_error *error)
{
    const struct clm_model_options model_options = {.sizes = options->sizes,
                                                    .size_count = options->size_count,
                                                    .activation = options->activation,
                                                    .norm = options->norm,
                                                    .dropout = options->dropout,
                                                    .seed = 1,
                                                    .is_bytes = true};
    struct clm_model *model = NULL;
    clm_status status = clm_model_create(&model_options, &model, error);
    if (status == CLM_OK)
        status = network_write(&bench->net, model, error);
    clm_model_free(model);
    return status ? status : metrics_reset(bench->be, &bench->sums, error);
}

/* ---- timing ---- */

static clm_status bench_run_steps(struct bench_net *bench, size_t count, struct clm_error *error)
{
    clm_status status = CLM_OK;
    struct minibatch next = {.data = &bench->data, .order = &bench->order, .rows = bench->batch};
    if (!bench->has_begun)
        status = network_gather(&bench->net, &next, error);
    bench->has_begun = true;
    for (size_t i = 0; status == CLM_OK && i < count; i++) {
        next.first = bench->next = (bench->next + bench->batch) % bench->rows;
        status = network_step(&bench->net, bench->batch, &bench->step, &bench->sums, &next, error);
        if (status == CLM_OK)
            status = backend_pace(bench->be, error);
    }
    return status ? status : backend_finish(bench->be, error);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double bench_operations_of_step(const struct clm_bench_options *options)
{
    double operations = 0;
    for (size_t l = 0; l + 1 < options->size_count; l++)
        operations += (l ? 6.0 : 4.0) * (double)options->batch * (double)options->sizes[l] *
                      (double)options->sizes[l + 1];
    return operations;
}

/* Warms up, and measures how many steps make a slice. */
static clm_status warm_up(struct bench_net *bench, size_t *steps, struct clm_error *error)
{
    const double begin = clock_seconds();
    double now = begin;
    size_t count = 0;
    while (now - begin < WARM_UP_SECONDS && (now > begin || count < STEPS_UNTIMED) &&
           !stop_is_asked(bench->stop)) {
        const clm_status status = bench_run_steps(bench, 1, error);
        if (status != CLM_OK)
            return status;
        count++;
        now = clock_seconds();
    }
    *steps = size_max(1, (size_t)(SLICE_SECONDS * per_second((double)count, now - begin)));
    return stop_check(bench->stop, error);
}

static clm_status time_slices(struct bench_net *bench, const struct clm_bench_options *options, size_t steps,
                              struct clm_bench_result *result, struct clm_error *error)
{
    const double most = options->seconds > 0 ? options->seconds : DEFAULT_SECONDS, begin = clock_seconds();
    double slices[SLICES_MOST] = {0}, now = begin; /* milliseconds per step */
    size_t count = 0;
    while (count < SLICES_MOST && (now - begin < most || count < SLICES_LEAST)) {
        clm_status status;
        if ((status = bench_run_steps(bench, steps, error)) || (status = stop_check(bench->stop, error)))
            return status;
        const double end = clock_seconds();
        slices[count++] = 1e3 * (end - now) / (double)steps;
        now = end;
    }
    qsort(slices, count, sizeof *slices, compare_doubles);
    result->steps = steps * count;
    result->milliseconds = count % 2 ? slices[count / 2] : (slices[count / 2 - 1] + slices[count / 2]) / 2;
    result->milliseconds_low = slices[count / 10];
    result->milliseconds_high = slices[count - 1 - count / 10];
    result->samples_per_s = per_second((double)options->batch, 1e-3 * result->milliseconds);
    result->gflops = 1e-9 * per_second(bench_operations_of_step(options), 1e-3 * result->milliseconds);
    return CLM_OK;
}

/* ---- profile ---- */

static void describe_kernel(const struct profile_row *row, size_t steps, struct clm_bench_kernel *kernel)
{
    *kernel = (struct clm_bench_kernel){.calls = (double)row->calls / (double)steps,
                                        .milliseconds = 1e3 * row->seconds / (double)steps};
    snprintf(kernel->name, sizeof kernel->name, "%.31s", row->kernel);
    if (row->seconds > 0) {
        kernel->gflops = 1e-9 * row->operations / row->seconds;
        kernel->gbytes_per_s = 1e-9 * row->bytes / row->seconds;
    }
}

static clm_status take_profile(struct bench_net *bench, size_t steps, struct clm_bench_profile *profile,
                               struct clm_error *error)
{
    struct profile_row rows[PROFILE_ROWS_MAX];
    double operations = 0, bytes = 0;
    clm_status status = backend_peaks(bench->be, &operations, &bytes, error);
    if (status == CLM_OK)
        status = backend_profile_start(bench->be, error);
    if (status != CLM_OK)
        return status;
    const double begin = clock_seconds();
    const clm_status ran = bench_run_steps(bench, steps, error);
    profile->milliseconds = 1e3 * (clock_seconds() - begin) / (double)steps;
    struct clm_error ignored;
    status = backend_profile_stop(bench->be, rows, &profile->count, ran == CLM_OK ? error : &ignored);
    for (size_t k = 0; k < profile->count; k++)
        describe_kernel(&rows[k], steps, &profile->kernels[k]);
    profile->peak_gflops = 1e-9 * operations;
    profile->peak_gbytes_per_s = 1e-9 * bytes;
    return ran == CLM_OK ? status : ran;
}

static clm_status bench_check_sizes(const struct clm_bench_options *options, struct clm_error *error)
{
    if (options->size_count < 2 || !options->sizes || !options->batch)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "a benchmark of %zu widths at batch %zu: it needs inputs, classes, and at least a row",
            options->sizes ? options->size_count : 0, options->batch);
    for (size_t i = 0; i < options->size_count; i++)
        if (!options->sizes[i] || options->sizes[i] > INT32_MAX || options->batch > INT32_MAX)
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "a benchmark with a layer of %zu units at batch %zu: each has to be from 1 to %d",
                            options->sizes[i], options->batch, INT32_MAX);
    return CLM_OK;
}

static struct step bench_step(const struct clm_bench_options *options)
{
    const enum rule rule = rule_named(options->optimizer);
    struct step step = step_of(rule, LEARNING_RATE, rules[rule].is_linear ? options->momentum : 0, 0);
    step.weight_decay = rules[rule].weight_decay;
    return step;
}

/* Checks the sizes, and describes the net; nothing is on the device yet. */
static clm_status bench_describe(struct clm_backend *be, const struct clm_bench_options *options,
                                 struct bench_net *out, struct clm_error *error)
{
    enum activation activation;
    enum norm_kind norm;
    clm_status status = bench_check_sizes(options, error);
    *out = (struct bench_net){
        .be = be, .batch = options->batch, .step = bench_step(options), .stop = options->stop};
    if (status == CLM_OK)
        status = activation_choose(options->activation, &activation, error);
    if (status == CLM_OK)
        status = norm_choose(options->norm, &norm, error);
    if (status != CLM_OK)
        return status;
    out->rows = rows_of(options);
    status = architecture_create(options->sizes, options->size_count, activation, &out->architecture, error);
    for (size_t l = 0; status == CLM_OK && l + 1 < out->architecture.depth; l++) {
        out->architecture.layers[l].norm = norm;
        out->architecture.layers[l].drop = options->dropout;
    }
    return status;
}

clm_status clm_bench_check(struct clm_backend *be, const struct clm_bench_options *options,
                           struct clm_error *error)
{
    struct bench_net bench;
    clm_status status = bench_describe(be, options, &bench, error);
    if (status == CLM_OK)
        status = bench_check_memory(options, &bench, error);
    architecture_free(&bench.architecture);
    return status;
}

clm_status clm_bench(struct clm_backend *be, const struct clm_bench_options *options,
                     struct clm_bench_result *result, struct clm_error *error)
{
    struct bench_net bench;
    size_t steps = 1;
    *result = (struct clm_bench_result){0};
    clm_status status = bench_describe(be, options, &bench, error);
    if (status != CLM_OK)
        goto cleanup;
    const double tuned = clm_tune_seconds(be);
    if ((status = bench_prepare(options, &bench, error)))
        goto cleanup;
    result->tuning_seconds = clm_tune_seconds(be) - tuned;
    if ((status = create_data(&bench, options->sizes[0], error)) ||
        (status = write_data(&bench, options->sizes[0], options->sizes[options->size_count - 1], error)))
        goto cleanup;
    const double begin = clock_seconds();
    if ((status = bench_create_network(&bench, error)) ||
        (status = bench_write_parameters(&bench, options, error)) ||
        (status = bench_run_steps(&bench, 1, error)))
        goto cleanup;
    result->first_step_seconds = clock_seconds() - begin;
    if (options->on_ready)
        options->on_ready(options->user);
    if ((status = warm_up(&bench, &steps, error)) == CLM_OK)
        status = time_slices(&bench, options, steps, result, error);
    if (status == CLM_OK && options->wants_profile && result->steps)
        status =
            take_profile(&bench, size_min(PROFILED_MOST, PROFILED_SLICES * steps), &result->profile, error);
cleanup:
    bench_release(&bench);
    architecture_free(&bench.architecture);
    return status == CLM_ERROR_STOPPED ? CLM_OK : status;
}
