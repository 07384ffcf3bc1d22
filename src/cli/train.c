/* clmlp train: reads the data, makes the net, trains, prints the table of epochs, writes the run directory. */
#include "cli/arguments.h"
#include "cli/command.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    struct clm_data_options data;
    struct device_choice device;
    struct memory_limits memory;
    struct sizes hidden;
    const char *init;
    enum clm_standardise standardise;
    struct clm_train_options train;
    bool is_quiet, has_batch;
    const struct clm_backend *backend;
    struct clm_epoch last; /* finished */
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Net:", 3},
    {"hidden", KEY_HIDDEN, "WIDTHS", 0,
     "widths of the hidden layers, ReLU behind each (default: 256,128); none for a linear classifier", 3},
    {"init", KEY_INIT, "SCHEME|FILE", 0,
     "initial weights: he (default), xavier, normal:STD, or a safetensors file of a net with the same layers",
     3},
    {NULL, 0, NULL, 0, "Training:", 4},
    {"epochs", KEY_EPOCHS, "N", 0, "passes over the training set (default: 10)", 4},
    {"batch", KEY_BATCH, "N", 0, "rows of a minibatch (default: 128, or all where they are fewer)", 4},
    {"lr", KEY_LEARNING_RATE, "ETA", 0, "learning rate (default: 0.1)", 4},
    {"schedule", KEY_SCHEDULE, "NAME", 0,
     "how it changes over the epochs: cooldown (default; the last tenth of the epochs, none of fewer than ten, at a tenth of it), constant, linear or cosine, both towards 0",
     4},
    {"momentum", KEY_MOMENTUM, "RHO", 0, "0 for none (default: 0.9)", 4},
    {"l2", KEY_L2, "LAMBDA", 0,
     "the penalty is LAMBDA times the sum of squared weights, biases excluded (default: 0)", 4},
    {"optimizer", KEY_OPTIMIZER, "NAME", 0, "sgd, the only one of this version", 4},
    {"standardize", KEY_STANDARDIZE, "HOW", 0,
     "bring the inputs to mean 0 and deviation 1, as measured on the training rows and kept in the model: global (one of each for all values), feature (each its own; one that never changes becomes 0), or none (default; bytes are divided by 255, floats taken as they are)",
     4},
    {"seed", KEY_SEED, "N", 0, "of weights and order; same seed, device and build: same bits (default: 1)",
     4},
    {"shuffle", KEY_SHUFFLE, "on|off", 0, "a new order of rows each epoch (default: on)", 4},
    {"resident", KEY_RESIDENT, "auto|yes|no", 0,
     "keep the data on the device as a whole: auto (default; where it fits), yes, or no: read and uploaded in shards, the next one while this one is computed on",
     4},
    {"shard", KEY_SHARD, "ROWS", 0,
     "rows that are shuffled together, drawn from the whole set in small blocks (default: all where they are resident, else what there is room for); resident or not, the same shard gives the same bits",
     4},
    {"augment", KEY_AUGMENT, "LIST", 0,
     "changes training rows anew each epoch: any of flip (left for right, half of them), shift=PIXELS (in any direction, at most), cutout=PIXELS (blanks a square of that side), mixup=ALPHA (mixes rows and their labels) and noise=SIGMA (normal, added to normalised inputs), as in flip,shift=4; flip, shift and cutout are of pictures",
     4},
    {NULL, 0, NULL, 0, "Output:", 5},
    {"out", KEY_OUT, "DIR", 0,
     "run directory: model.safetensors, run.json, history.csv, curves.png; one that holds a run is refused",
     5},
    {"quiet", KEY_QUIET, NULL, 0, "print the final result only", 5},
    {0},
};

static enum clm_schedule read_schedule(const struct argp_state *state, const char *text)
{
    const char *names[8];
    size_t count = 0;
    for (; clm_schedule_name((enum clm_schedule)count); count++)
        names[count] = clm_schedule_name((enum clm_schedule)count);
    return (enum clm_schedule)read_choice(state, "--schedule", text, names, count);
}

static enum clm_resident read_resident(const struct argp_state *state, const char *text)
{
    if (!strcmp(text, "auto"))
        return CLM_RESIDENT_AUTO;
    if (strcmp(text, "yes") && strcmp(text, "no"))
        wrong_usage(state, "--resident %s: it has to be auto, yes or no", text);
    return strcmp(text, "yes") ? CLM_RESIDENT_NO : CLM_RESIDENT_YES;
}

static bool read_switch(const struct argp_state *state, const char *text)
{
    if (strcmp(text, "on") && strcmp(text, "off"))
        wrong_usage(state, "--shuffle %s: it has to be on or off", text);
    return !strcmp(text, "on");
}

static void expect_only(const struct argp_state *state, const char *option, const char *text,
                        const char *only)
{
    if (strcmp(text, only))
        wrong_usage(state, "%s %s: this version has %s only", option, text, only);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *const arguments = state->input;
    struct clm_train_options *const train = &arguments->train;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->data;
        state->child_inputs[1] = &arguments->device;
        state->child_inputs[2] = &arguments->memory;
        return 0;
    case KEY_HIDDEN:
        arguments->hidden = read_hidden(state, text);
        return 0;
    case KEY_INIT:
        arguments->init = read_init(state, text);
        return 0;
    case KEY_EPOCHS:
        train->epochs = read_count(state, "--epochs", text, 1);
        return 0;
    case KEY_BATCH:
        arguments->has_batch = true;
        train->batch = read_count(state, "--batch", text, 1);
        return 0;
    case KEY_LEARNING_RATE:
        train->learning_rate = read_not_negative(state, "--lr", text);
        if (train->learning_rate == 0)
            wrong_usage(state, "--lr %s: it has to be above 0", text);
        return 0;
    case KEY_MOMENTUM:
        train->momentum = read_momentum(state, "--momentum", text);
        return 0;
    case KEY_L2:
        train->l2 = read_not_negative(state, "--l2", text);
        return 0;
    case KEY_OPTIMIZER:
        expect_only(state, "--optimizer", text, "sgd");
        return 0;
    case KEY_STANDARDIZE:
        arguments->standardise = read_standardise(state, text);
        return 0;
    case KEY_SEED:
        train->seed = read_seed(state, "--seed", text);
        return 0;
    case KEY_SCHEDULE:
        train->schedule = read_schedule(state, text);
        return 0;
    case KEY_SHUFFLE:
        train->shuffle = read_switch(state, text);
        return 0;
    case KEY_RESIDENT:
        train->resident = read_resident(state, text);
        return 0;
    case KEY_SHARD:
        train->shard = read_count(state, "--shard", text, 1);
        return 0;
    case KEY_AUGMENT:
        train->augmentation = read_augmentation(state, text);
        return 0;
    case KEY_OUT:
        train->out = read_name(state, "--out", text);
        return 0;
    case KEY_QUIET:
        arguments->is_quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    case ARGP_KEY_END:
        if (!arguments->data.source)
            wrong_usage(state, "--data is needed: what to train on, as in --data fashion-mnist");
        limit_memory(&arguments->memory, &arguments->data, &arguments->device.options);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what is printed ---- */

/* How the validation rows were taken; nothing where they are the last. */
static void print_split(const struct clm_data_options *asked)
{
    if (asked->validation_by != CLM_SPLIT_LAST)
        printf(" (%s, seed %ju)", asked->validation_by == CLM_SPLIT_RANDOM ? "random" : "stratified",
               (uintmax_t)asked->validation_seed);
}

static void print_header(const struct clm_data_options *asked, const struct clm_data *data,
                         const struct clm_model *model, const struct clm_backend *backend)
{
    size_t parameters = 0;
    printf("data      %s (%s): %zu training", clm_data_source(data), clm_data_format(data),
           clm_data_rows(data, CLM_TRAIN));
    if (clm_data_rows(data, CLM_VALIDATION)) {
        printf(", %zu validation", clm_data_rows(data, CLM_VALIDATION));
        print_split(asked);
    }
    if (clm_data_rows(data, CLM_TEST))
        printf(", %zu test", clm_data_rows(data, CLM_TEST));
    printf(" rows of %zu %s, %zu classes\nnet       ", clm_data_features(data),
           clm_data_is_bytes(data) ? "bytes" : "floats", clm_data_classes(data));
    for (size_t l = 0; l <= clm_model_depth(model); l++)
        printf("%s%zu", l ? "-" : "", clm_model_width(model, l));
    for (size_t l = 0; l < clm_model_depth(model); l++)
        parameters += (clm_model_width(model, l) + 1) * clm_model_width(model, l + 1);
    printf(", %zu parameters\nbackend   %s on %s\n", parameters, clm_backend_name(backend),
           printable(clm_backend_device(backend)).text);
}

/* What the inputs are brought to; nothing where they are as ever. */
static void print_inputs(enum clm_standardise how, const struct clm_standardised *fitted, size_t features)
{
    if (how == CLM_STANDARDISE_GLOBAL)
        printf("inputs    standardised by mean %.6g and deviation %.6g of all values in %zu training rows%s",
               fitted->mean, fitted->deviation, fitted->rows,
               fitted->constant ? "; they never change, and so are 0" : "");
    if (how == CLM_STANDARDISE_FEATURE)
        printf("inputs    standardised, each of %zu features by its mean and deviation in %zu training rows",
               features, fitted->rows);
    if (how == CLM_STANDARDISE_FEATURE && fitted->constant)
        printf("; %zu never change%s, and so %s 0", fitted->constant, fitted->constant == 1 ? "s" : "",
               fitted->constant == 1 ? "is" : "are");
    if (how != CLM_STANDARDISE_NONE)
        putchar('\n');
}

static void print_settings(const struct clm_train_options *train, size_t rows)
{
    const size_t steps = rows / train->batch + (rows % train->batch != 0);
    printf(
        "training  %zu epoch%s of %zu step%s, minibatches of %zu, learning rate %g, momentum %g, l2 %g, seed %ju%s\n",
        train->epochs, train->epochs == 1 ? "" : "s", steps, steps == 1 ? "" : "s", train->batch,
        train->learning_rate, train->momentum, train->l2, (uintmax_t)train->seed,
        train->shuffle ? "" : ", not shuffled");
}

/* "augment   flip, shift 4, noise 0.05" */
static void print_augmentation(const struct clm_augmentation *changes)
{
    char text[160] = "";
    int used = changes->flip ? snprintf(text, sizeof text, ", flip") : 0;
    if (changes->shift)
        used += snprintf(text + used, sizeof text - used, ", shift %zu", changes->shift);
    if (changes->cutout)
        used += snprintf(text + used, sizeof text - used, ", cutout %zu", changes->cutout);
    if (changes->mixup > 0)
        used += snprintf(text + used, sizeof text - used, ", mixup %g", changes->mixup);
    if (changes->noise > 0)
        used += snprintf(text + used, sizeof text - used, ", noise %g", changes->noise);
    if (used)
        printf("augment   %s\n", text + 2);
}

/* "45.3 MiB", in text that the caller lends. */
static const char *size_text(char text[32], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        size /= 1024;
    snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return text;
}

static void print_plan(void *user, const struct clm_memory_plan *plan)
{
    const struct arguments *const arguments = user;
    char text[32];
    if (arguments->is_quiet)
        return;
    printf("products  by %s\n\nmemory planned on the device\n", clm_backend_provider(arguments->backend));
    for (size_t i = 0; i < plan->part_count; i++)
        printf("  %-28s %11s\n", plan->parts[i].name, size_text(text, plan->parts[i].bytes));
    printf("  %-28s %11s", "at the peak", size_text(text, plan->total));
    if (plan->available)
        printf(" of %s", size_text(text, plan->available));
    printf("\n\n");
}

static void clear_progress(void)
{
    if (is_terminal(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static void print_progress(void *user, const struct clm_progress *progress)
{
    (void)user;
    const size_t left =
        progress->rows_all - progress->rows + (progress->epochs - progress->epoch) * progress->rows_all;
    const double seconds = (double)left / progress->samples_per_s;
    fprintf(stderr, "\r\033[Kepoch %zu of %zu, %3.0f %%, loss %.4f, %.0f samples/s, %.0f:%02.0f to go",
            progress->epoch, progress->epochs, 100.0 * (double)progress->rows / (double)progress->rows_all,
            progress->loss, progress->samples_per_s, floor(seconds / 60), floor(fmod(seconds, 60)));
    fflush(stderr);
}

static void print_epoch(void *user, const struct clm_epoch *epoch)
{
    struct arguments *const arguments = user;
    arguments->last = *epoch;
    clear_progress();
    if (arguments->is_quiet)
        return;
    if (epoch->epoch == 1)
        printf("epoch        lr  train loss  train acc%s  seconds  samples/s\n",
               epoch->has_validation ? "  val loss  val acc" : "");
    printf("%5zu  %8.4g  %10.5f  %7.2f %%", epoch->epoch, epoch->learning_rate, epoch->train_loss,
           100 * epoch->train_accuracy);
    if (epoch->has_validation)
        printf("  %8.5f  %5.2f %%", epoch->validation_loss, 100 * epoch->validation_accuracy);
    printf("  %7.2f  %9.0f\n", epoch->seconds, epoch->samples_per_s);
}

/* On the test set; where there is none, on what comes nearest to it. */
static void print_score(const struct arguments *arguments, const struct clm_train_result *result,
                        const struct clm_data *data)
{
    const struct clm_epoch *const last = &arguments->last;
    if (result->has_test)
        printf("test      loss %.5f, accuracy %.2f %% of %zu rows\n", result->test.loss,
               100 * result->test.accuracy, result->test.rows);
    else if (last->has_validation)
        printf("val       loss %.5f, accuracy %.2f %% of %zu rows\n", last->validation_loss,
               100 * last->validation_accuracy, clm_data_rows(data, CLM_VALIDATION));
    else
        printf("train     loss %.5f, accuracy %.2f %% of %zu rows, while training\n", last->train_loss,
               100 * last->train_accuracy, clm_data_rows(data, CLM_TRAIN));
}

static void print_result(const struct arguments *arguments, const struct clm_train_result *result,
                         const struct clm_data *data)
{
    if (result->epochs < arguments->train.epochs)
        remark("train", "stopped after epoch %zu of %zu, as asked", result->epochs, arguments->train.epochs);
    if (!arguments->is_quiet)
        printf("\nmemory    %ju bytes at the peak, %ju planned\n", (uintmax_t)result->memory_peak,
               (uintmax_t)result->memory_planned);
    print_score(arguments, result, data);
    if (arguments->train.out && !arguments->is_quiet)
        printf("run       %s: model.safetensors, run.json, history.csv, curves.png\n", arguments->train.out);
}

/* ---- running ---- */

static clm_status train(struct arguments *arguments, struct clm_error *error)
{
    struct clm_data *data = NULL;
    struct clm_model *model = NULL;
    struct clm_backend *backend = NULL;
    struct clm_train_result result;
    struct clm_standardised fitted;
    clm_status status = clm_data_open(&arguments->data, &data, error);
    if (status != CLM_OK)
        return status;
    if (!arguments->has_batch && clm_data_rows(data, CLM_TRAIN) < arguments->train.batch)
        arguments->train.batch = clm_data_rows(data, CLM_TRAIN);
    const struct sizes layers =
        layer_widths(clm_data_features(data), &arguments->hidden, clm_data_classes(data));
    const struct clm_model_options model_options = {.sizes = layers.values,
                                                    .size_count = layers.count,
                                                    .init = arguments->init,
                                                    .seed = arguments->train.seed,
                                                    .is_bytes = clm_data_is_bytes(data)};
    if ((status = clm_model_create(&model_options, &model, error)) ||
        (status = clm_model_standardise(model, data, arguments->standardise, &fitted, error)) ||
        (status = open_backend(&arguments->device.options, &backend, error)))
        goto cleanup;
    if (!arguments->is_quiet) {
        print_header(&arguments->data, data, model, backend);
        print_inputs(arguments->standardise, &fitted, clm_data_features(data));
        print_settings(&arguments->train, clm_data_rows(data, CLM_TRAIN));
        print_augmentation(&arguments->train.augmentation);
    }
    arguments->backend = backend;
    arguments->train.stop =
        catch_interrupts("clmlp: train: note: stopping after this epoch; interrupt again to stop at once\n");
    status = clm_train(backend, model, data, &arguments->train, &result, error);
    clear_progress();
    if (status == CLM_OK)
        print_result(arguments, &result, data);
cleanup:
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
    return status;
}

int command_train(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&data_arguments, 0, NULL, 0}, {&device_arguments, 0, NULL, 0}, {&memory_arguments, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Trains a net of linear layers with ReLU between them, softmax and cross-entropy at the end, by minibatch gradient descent: v = RHO v + gradient, w = w - ETA v.\vCtrl-C ends training after the running epoch, and the run is tested and written; a second one ends it at once.\n\nExamples:\n"
            "  clmlp train --data fashion-mnist --hidden 256,128 --out run\n"
            "  clmlp train --data cifar10 --val 0.1 --l2 1e-4 --augment flip,shift=4 --device gpu --out run"};
    struct arguments arguments = {.device = default_device(),
                                  .hidden = {.values = {256, 128}, .count = 2},
                                  .train = {.epochs = 10,
                                            .batch = 128,
                                            .learning_rate = 0.1,
                                            .momentum = 0.9,
                                            .seed = 1,
                                            .shuffle = true,
                                            .argc = argc,
                                            .argv = argv,
                                            .on_plan = print_plan,
                                            .on_epoch = print_epoch}};
    struct clm_error error = {0};
    parse_arguments(&argp, argc, argv, &arguments);
    arguments.train.user = &arguments;
    if (is_terminal(STDERR_FILENO) && !arguments.is_quiet)
        arguments.train.on_progress = print_progress;
    if (!arguments.train.out && !arguments.is_quiet)
        remark("train", "without --out DIR the trained net is not kept");
    const clm_status status = train(&arguments, &error);
    return status == CLM_OK ? EXIT_DONE : fail_command("train", &error);
}
