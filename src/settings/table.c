/* The table of settings: one row per option. A new option needs a row here and the code that uses its
 * value. */
#include "settings/settings.h"

#include "compute/vocabulary.h"
#include "settings/recipes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- commands ---- */

enum {
    TRAIN_ALONE = 1 << 0,
    EVAL = 1 << 1,
    PREDICT = 1 << 2,
    GRADCHECK = 1 << 3,
    VERIFY = 1 << 4,
    BENCH = 1 << 5,
    TUNE = 1 << 6,
    DEVICES = 1 << 7,
    DOCTOR = 1 << 8,
    INFO = 1 << 9,
    SAMPLE = 1 << 10,
    CONVERT = 1 << 11,
    MAKE = 1 << 12,
    DATA = 1 << 13, /* the group of the commands above, without options of its own */
    KERNEL_NEW = 1 << 14,
    KERNEL_CHECK = 1 << 15,
    KERNEL = 1 << 16, /* the group of these two */
    SEARCH = 1 << 17,
    EXPORT = 1 << 18,
    IMPORT = 1 << 19,
    TRAIN = TRAIN_ALONE | SEARCH, /* a search takes the options of training for all its trials */
    UNSAVED = 1 << 30,            /* not a command: run.json does not have the option */
};

/* In the order of their bits. */
static const char *const commands[] = {"train",        "eval",         "predict",   "gradcheck", "verify",
                                       "bench",        "tune",         "devices",   "doctor",    "data info",
                                       "data sample",  "data convert", "data make", "data",      "kernel new",
                                       "kernel check", "kernel",       "search",    "export",    "import"};

unsigned setting_command(const char *command)
{
    for (size_t i = 0; command && i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(commands[i], command))
            return 1u << i;
    return 0;
}

/* ---- choices: one without a default counts from 1 ---- */

static const char *const backends[] = {[CLM_BACKEND_REFERENCE] = "reference",
                                       [CLM_BACKEND_BLAS] = "blas",
                                       [CLM_BACKEND_OPENCL] = "opencl",
                                       NULL};
static const char *const parts[] = {
    [CLM_TRAIN] = "train", [CLM_VALIDATION] = "val", [CLM_TEST] = "test", NULL};
static const char *const splits[] = {
    [CLM_SPLIT_LAST] = "last", [CLM_SPLIT_RANDOM] = "random", [CLM_SPLIT_STRATIFIED] = "stratified", NULL};
static const char *const headers[] = {[CLM_HEADER_YES - 1] = "yes", [CLM_HEADER_NO - 1] = "no", NULL};
static const char *const fillings[] = {"mean", "zero", "refuse", NULL};
static const char *const channels[] = {"1", "3", NULL};
static const char *const schedules[] = {[CLM_SCHEDULE_COOLDOWN] = "cooldown",
                                        [CLM_SCHEDULE_CONSTANT] = "constant",
                                        [CLM_SCHEDULE_LINEAR] = "linear",
                                        [CLM_SCHEDULE_COSINE] = "cosine",
                                        [CLM_SCHEDULE_STEP] = "step",
                                        [CLM_SCHEDULE_EXPONENTIAL] = "exponential",
                                        [CLM_SCHEDULE_TRIANGULAR] = "triangular",
                                        [CLM_SCHEDULE_PLATEAU] = "plateau",
                                        [CLM_SCHEDULE_ONE_CYCLE] = "one-cycle",
                                        NULL};
static const char *const scores[] = {[CLM_STOP_BY_LOSS] = "loss", [CLM_STOP_BY_ACCURACY] = "accuracy",
                                     [CLM_STOP_BY_RMSE] = "rmse", [CLM_STOP_BY_MAE] = "mae",
                                     [CLM_STOP_BY_R2] = "r2",     NULL};
static const char *const standards[] = {[CLM_STANDARDISE_NONE] = "none",
                                        [CLM_STANDARDISE_GLOBAL] = "global",
                                        [CLM_STANDARDISE_FEATURE] = "feature",
                                        NULL};
static const char *const normalisations[] = {
    [NORM_NONE] = "none", [NORM_BATCH] = "batch", [NORM_LAYER] = "layer", NULL};
static const char *const tables[] = {"table", "md", "csv", "json", NULL};
static const char *const methods[] = {"random", "hyperband", NULL};
static const char *const metrics[] = {"accuracy", "loss", NULL};
static const char *const residences[] = {
    [CLM_RESIDENT_AUTO] = "auto", [CLM_RESIDENT_YES] = "yes", [CLM_RESIDENT_NO] = "no", NULL};

static size_t provider_names(const char **names, size_t most)
{
    if (!most)
        return 0;
    names[0] = "auto";
    return 1 + clm_gemm_names(NULL, names + 1, most - 1);
}

static size_t optimiser_names(const char **names, size_t most)
{
    size_t count = 0;
    for (int rule = 0; rule < RULE_COUNT && count < most; rule++)
        if (rule != RULE_MOMENTUM) /* the name sgd stands for both */
            names[count++] = rules[rule].name;
    return count;
}

static size_t loss_names(const char **names, size_t most)
{
    size_t count = 0;
    for (int kind = 0; kind < LOSS_COUNT && count < most; kind++)
        names[count++] = loss_table[kind].name;
    return count;
}

static size_t activation_names(const char **names, size_t most)
{
    size_t count = 0;
    for (int act = 0; act < ACTIVATION_COUNT && count < most; act++)
        if (act != ACTIVATION_NONE) /* hidden layers without one would be one layer */
            names[count++] = activations[act].name;
    return count;
}

/* ---- how a row is written ---- */

#define IS(text)          text, NULL  /* the default value */
#define MEANS(words)      NULL, words /* no default value; that means `words` */
#define IS_BUT(text, w)   text, w     /* the default value; `w`: what the command does without the option */
#define UNSET             NULL, NULL
#define FROM(n)           n, HUGE_VAL, false, false
#define ABOVE(n)          n, HUGE_VAL, true, false
#define FROM_TO(n, m)     n, m, false, false
#define FROM_BELOW(n, m)  n, m, false, true
#define ABOVE_BELOW(n, m) n, m, true, true
#define COUNT_FROM(n)     n, SETTING_MANY, false, false
#define ANY_COUNT         0, 0x1p64, false, false
#define ANY               -HUGE_VAL, HUGE_VAL, false, false

/* `...` is the default value and the limits, which are several fields */
#define ROW(type, name, argument, commands, names, list, help, ...)                                          \
    {                                                                                                        \
        {name, argument, help, GROUP, type, __VA_ARGS__, ((commands) & (TRAIN | UNSAVED)) == TRAIN},         \
            commands, names, list                                                                            \
    }
#define COUNT(name, argument, commands, otherwise, limits, help)                                             \
    ROW(CLM_SETTING_COUNT, name, argument, commands, NULL, NULL, help, otherwise, limits)
#define NUMBER(name, argument, commands, otherwise, limits, help)                                            \
    ROW(CLM_SETTING_NUMBER, name, argument, commands, NULL, NULL, help, otherwise, limits)
#define CHOICE(name, argument, commands, otherwise, names, help)                                             \
    ROW(CLM_SETTING_CHOICE, name, argument, commands, names, NULL, help, otherwise, ANY)
#define CHOICES(name, argument, commands, otherwise, names, help)                                            \
    ROW(CLM_SETTING_CHOICES, name, argument, commands, names, NULL, help, otherwise, ANY)
#define CHOICE_OF(name, argument, commands, otherwise, list, help)                                           \
    ROW(CLM_SETTING_CHOICE, name, argument, commands, NULL, list, help, otherwise, ANY)
#define OTHER(type, name, argument, commands, otherwise, help)                                               \
    ROW(CLM_SETTING_##type, name, argument, commands, NULL, NULL, help, otherwise, ANY)
#define FLAG(name, commands, help) OTHER(FLAG, name, NULL, commands, IS("off"), help)

/* Commands that share rows. */
#define ON_DATA        (TRAIN | EVAL | PREDICT | GRADCHECK | INFO | SAMPLE | CONVERT | EXPORT)
#define ON_A_DEVICE    (TRAIN | EVAL | PREDICT | GRADCHECK | VERIFY | BENCH | TUNE)
#define IN_MEMORY      (TRAIN | EVAL | PREDICT)
#define ABOUT_SCHEMES  "he, xavier, lecun, orthogonal, normal:STD, uniform:A"
#define ABOUT_BACKENDS "opencl, blas (OpenBLAS on all cores) or reference (plain loops, double precision)"

/* ---- the rows ---- */

const struct setting_row setting_rows[] = {
#define GROUP "Data"
    OTHER(
        TEXT, "data", "NAME|PATH", ON_DATA, UNSET,
        "fashion-mnist, mnist, cifar10 or cifar100, looked for in $CLMLP_DATA, ~/.local/share/clmlp and /usr/share/datasets; or a file, directory, .tar or .tar.gz"),
    CHOICE_OF("format", "FORMAT", ON_DATA, MEANS("recognised by content"), clm_format_names,
              "format of --data"),
    OTHER(TEXT, "test", "PATH", ON_DATA, MEANS("that of --data, if it has one"),
          "test set; it has priority over a test set in --data"),
    OTHER(
        SHARE, "val", "N|0.1|PATH", ON_DATA, MEANS("that of --data, if it has one"),
        "validation set: N rows, or that fraction, held out of the training set; or the path of one, where a file called 5000 is ./5000"),
    CHOICE(
        "val-by", "HOW", ON_DATA, IS("last"), splits,
        "which rows --val holds out: the last, random ones, or stratified: random ones of each class, in proportion"),
    COUNT("val-seed", "N", ON_DATA, IS("1"), ANY_COUNT,
          "for --val-by random and stratified: the same seed holds out the same rows"),
    COUNT("limit", "N", ON_DATA & ~(EVAL | PREDICT), MEANS("all"), COUNT_FROM(1),
          "keep only the first N training rows, after --val took its share"),
    COUNT("limit", "N", EVAL | PREDICT, MEANS("all"), COUNT_FROM(1),
          "take only the first N rows of the part that --split names"),
    OTHER(TEXT, "inputs", "NAME", ON_DATA, MEANS("x, x_train and their like"),
          "npy, npz: the array that holds the inputs"),
    OTHER(
        TEXT, "label", "NAME|INDEX", ON_DATA, UNSET,
        "csv: the column of the labels, by name or by index from 0, -1 being the last [label, class, target or y, else the last]; npy, npz: the array of the labels [y, y_train and their like]; cifar100: coarse (20 classes) or fine (100) [fine]"),
    OTHER(
        TEXT, "target", "COLUMNS", ON_DATA, MEANS("with a loss of regression, what would be the label"),
        "the numbers to predict, instead of a label: tables: columns, by name or index, separated by commas; npy, npz: the array"),
    CHOICE("header", "yes|no", ON_DATA, MEANS("detected"), headers,
           "csv: whether it begins with names of columns"),
    OTHER(TEXT, "ignore", "COLUMNS", ON_DATA, MEANS("none"),
          "tables: columns to leave out, by name or index, separated by commas"),
    OTHER(TEXT, "only", "COLUMNS", ON_DATA, MEANS("all"), "tables: the only columns to take as inputs"),
    OTHER(
        TEXT, "categorical", "COLUMNS", ON_DATA, MEANS("text, up to 256 categories"),
        "tables: columns whose values are categories, though they are numbers or too many: one input for each value"),
    OTHER(TEXT, "id", "COLUMN", ON_DATA, MEANS("none"),
          "tables: a column that names the rows: no input, but in what predict prints"),
    OTHER(TEXT, "weight", "COLUMN", ON_DATA, MEANS("all count the same"),
          "tables: a column that says how much each row counts in training: no input"),
    OTHER(TEXT, "delimiter", "C", ON_DATA, MEANS("detected"),
          "tables: what separates fields: comma, semicolon, tab, bar or blank, or the character itself"),
    CHOICE(
        "missing", "mean|zero|refuse", ON_DATA, IS("mean"), fillings,
        "tables: what replaces missing values: the mean of their column over the training rows (the most frequent category of text), 0 (no category), or nothing: refuse them"),
    OTHER(TEXT, "missing-words", "WORDS", ON_DATA, MEANS("empty, NA, NaN, null, ? and their like"),
          "tables: more words that stand for a missing value, separated by commas, as in -,unknown,-999"),
    OTHER(EXTENT, "resize", "WxH", ON_DATA, MEANS("they all have one"),
          "stretch the pictures of a directory to this size, 1 to 8192 each"),
    CHOICE("channels", "1|3", ON_DATA, MEANS("grey if all are"), channels,
           "read the pictures of a directory as grey (1) or coloured (3)"),
#undef GROUP

#define GROUP "Device"
    CHOICE("backend", "BACKEND", ON_A_DEVICE & ~BENCH, IS("opencl"), backends, ABOUT_BACKENDS),
    CHOICES("backend", "LIST", BENCH, MEANS("all"), backends,
            ABOUT_BACKENDS "; several with commas between them"),
    OTHER(
        TEXT, "device", "LIST", BENCH, MEANS("all"),
        "OpenCL devices, with commas between them: each as `clmlp devices' prints it (P:D), auto, gpu, cpu, or a part of its name; or all; $CLMLP_DEVICE is another default"),
    OTHER(
        TEXT, "device", "DEVICE", (ON_A_DEVICE & ~BENCH) | KERNEL_CHECK, IS("auto"),
        "OpenCL device: auto, gpu, cpu, P:D as `clmlp devices' prints it, or a part of its name; $CLMLP_DEVICE is another default"),
    CHOICE_OF(
        "gemm", "PROVIDER", ON_A_DEVICE, IS("auto"), provider_names,
        "provider of matrix products on an OpenCL device: auto takes the one measured to be the fastest (see `clmlp tune'), native our own kernels for the device's kind; the tiled ones are for GPUs, and run on any device"),
    OTHER(
        BYTES, "memory", "SIZE", IN_MEMORY, MEANS("what there is"),
        "memory of the host to take for data, as in 512M or 2G: half of it for what is read (idx of bytes and npy of uint8 or float32 stay in their files), half for a device that has no memory of its own"),
    OTHER(BYTES, "device-memory", "SIZE", IN_MEMORY, MEANS("all that it has"),
          "memory of the device to take; data that does not fit is streamed"),
    OTHER(TEXT, "build", "OPTIONS", KERNEL_CHECK, MEANS("none"),
          "options for the compiler of the kernels, as in \"-DTILE=8\""),
    OTHER(TEXT, "device", "DEVICE", DOCTOR, MEANS("all"),
          "try this one alone: gpu, cpu, P:D, or a part of a name"),
    OTHER(
        TEXT, "device", "DEVICE", DEVICES, IS("auto"),
        "whether this one would be taken: auto, gpu, cpu, P:D, or a part of a name; $CLMLP_DEVICE is another default"),
#undef GROUP

#define GROUP "Net"
    OTHER(WIDTHS, "hidden", "WIDTHS", TRAIN, IS("256,128"),
          "widths of the hidden layers; none for a linear classifier"),
    OTHER(
        LAYERS, "layers", "TEXT", TRAIN | GRADCHECK, MEANS("--hidden says all"),
        "hidden layers that differ, each a width and words: an activation, norm=batch or norm=layer, drop=SHARE, skip (adds its inputs to its outputs), as in \"512 gelu norm=batch drop=0.2, 512 gelu skip\"; the classes may stand at the end, and \"input drop=0.1\" first"),
    CHOICE_OF("activation", "NAME", TRAIN | GRADCHECK | IMPORT, IS("relu"), activation_names,
              "what follows each hidden layer"),
    CHOICE(
        "norm", "KIND", TRAIN | GRADCHECK, IS("none"), normalisations,
        "what each hidden layer's sums pass before the activation: batch (each over the rows of the minibatch), layer (each row over its units), or none"),
    NUMBER("dropout", "SHARE", TRAIN | GRADCHECK, IS("0"), FROM_BELOW(0, 1),
           "share of each hidden layer's outputs that a step of training sets to 0"),
    NUMBER("input-dropout", "SHARE", TRAIN | GRADCHECK, IS("0"), FROM_BELOW(0, 1),
           "the same for the inputs of the net"),
    OTHER(
        INIT, "init", "SCHEME|RUN|FILE", TRAIN, IS_BUT("he", "he; tables, tanh and sigmoid: xavier"),
        "initial weights: " ABOUT_SCHEMES
        "; or a run or safetensors file to go on from, whose widths, activation and treatment of inputs are taken, too"),
    OTHER(WIDTHS, "hidden", "WIDTHS", GRADCHECK, IS("13,7"), "widths of the hidden layers"),
    OTHER(INIT, "init", "SCHEME|FILE", GRADCHECK, IS("he"), ABOUT_SCHEMES ", or a safetensors file"),
    NUMBER("l2", "LAMBDA", GRADCHECK, IS("0.01"), FROM(0),
           "the penalty is LAMBDA times the sum of squared weights"),
    COUNT("batch", "N", GRADCHECK, IS("11"), COUNT_FROM(1), "rows of the minibatch"),
    COUNT("seed", "N", GRADCHECK, IS("1"), ANY_COUNT, "of weights, inputs and the choice of parameters"),
    CHOICE("standardize", "HOW", GRADCHECK, IS("none"), standards,
           "the inputs of --data, as in training: none, global or feature"),
    COUNT("samples", "N", GRADCHECK, IS("50"), COUNT_FROM(1), "parameters tried of each weight and bias"),
#undef GROUP

#define GROUP "Training"
    COUNT("epochs", "N", TRAIN, IS_BUT("10", "10; tables: a million rows in all, but 10 to 100"),
          COUNT_FROM(1), "passes over the training set"),
    COUNT("batch", "N", TRAIN, IS_BUT("128", "128; tables of fewer than 10,000 rows: 32"), COUNT_FROM(1),
          "rows of a minibatch; all rows, if they are fewer than the default"),
    NUMBER(
        "lr", "ETA", TRAIN,
        IS_BUT(
            "0.1",
            "sgd and nesterov: 0.1, tables 0.05, tables of fewer than 10,000 rows 0.01; lion: 0.0001; others: 0.001"),
        ABOVE(0), "learning rate"),
    CHOICE(
        "schedule", "NAME", TRAIN, IS_BUT("cooldown", "cooldown; tables: cosine"), schedules,
        "how the learning rate changes: cooldown (a tenth of --lr in the last tenth of the epochs, if there are ten or more), constant, linear or cosine (both fall towards 0), step or exponential (multiply by --gamma), triangular (up and down), plateau (falls if validation gets no better) or one-cycle (up, then down to almost 0)"),
    NUMBER("warmup", "EPOCHS|FRACTION", TRAIN, IS("0"), FROM(0),
           "epochs, or below 1 a fraction of all, in which the learning rate rises to its first value"),
    NUMBER("gamma", "G", TRAIN, MEANS("exponential: 0.9; step and plateau: 0.1"), ABOVE(0),
           "what the schedules step, exponential (each epoch) and plateau multiply the learning rate by"),
    COUNT(
        "step-epochs", "N", TRAIN, MEANS("triangular: 2; step and plateau: 10"), COUNT_FROM(1),
        "epochs of the schedules step, plateau and triangular: between falls, without a better loss, of a rise"),
    CHOICE_OF(
        "loss", "NAME", TRAIN | GRADCHECK, IS_BUT("cross-entropy", "cross-entropy; with --target: squared"),
        loss_names,
        "what training makes small: of classes cross-entropy or focal; of several targets that are 0 or 1 binary; of regression squared, absolute, huber or quantile, on standardised targets"),
    NUMBER("label-smoothing", "S", TRAIN | GRADCHECK, IS("0"), FROM_BELOW(0, 1),
           "of cross-entropy: the share of each label that is spread over all classes, in training"),
    NUMBER("focal-gamma", "G", TRAIN | GRADCHECK, MEANS("2"), FROM(0),
           "of the loss focal: how much less rows count that are predicted well"),
    NUMBER("delta", "D", TRAIN | GRADCHECK, MEANS("1"), ABOVE(0),
           "of the loss huber: the error, in deviations of the target, from which on it counts linearly"),
    OTHER(TEXT, "quantiles", "LIST", TRAIN | GRADCHECK, MEANS("0.5"),
          "of the loss quantile: 1 to 8 rising shares, of which each is an output, as in 0.05,0.5,0.95"),
    CHOICE_OF("optimizer", "NAME", TRAIN, IS("sgd"), optimiser_names, "the rule of a step"),
    NUMBER("momentum", "RHO", TRAIN, IS("0.9"), FROM_BELOW(0, 1),
           "of sgd and nesterov; 0 for plain gradient descent"),
    NUMBER("beta1", "BETA", TRAIN, MEANS("0.9"), FROM_BELOW(0, 1),
           "of adam, adamw, nadam and lion: how much of the mean gradient stays in a step"),
    NUMBER("beta2", "BETA", TRAIN, MEANS("0.999; rmsprop and lion: 0.99"), FROM_BELOW(0, 1),
           "the same for the mean square; of lion for the mean that is kept"),
    NUMBER("epsilon", "EPS", TRAIN, MEANS("1e-8"), FROM_TO(1e-30, 1),
           "of rmsprop, adam, adamw and nadam: what is added to the root of the mean square"),
    NUMBER("l2", "LAMBDA", TRAIN, IS_BUT("0", "0; tables of n rows: 1 / (2 n), at most 0.005"), FROM(0),
           "the penalty is LAMBDA times the sum of squared weights, biases excluded"),
    NUMBER("l1", "LAMBDA", TRAIN, IS("0"), FROM(0),
           "a further penalty: LAMBDA times the sum of absolute weights, biases excluded"),
    NUMBER("weight-decay", "LAMBDA", TRAIN, MEANS("0; adamw: 0.01"), FROM(0),
           "each step takes the learning rate times LAMBDA times the weight away from it, biases excluded"),
    COUNT("accumulate", "N", TRAIN, IS("1"), FROM_TO(1, 1 << 20),
          "minibatches of a step: their gradients are added up, as if a minibatch had N times as many rows"),
    NUMBER(
        "average", "DECAY", TRAIN, MEANS("none"), ABOVE_BELOW(0, 1),
        "keep a moving average of the weights, which is scored and saved; each step keeps DECAY of it, at first less"),
    NUMBER(
        "clip-norm", "LENGTH", TRAIN, MEANS("none"), ABOVE(0),
        "scale the gradients of a step down together if their common length, penalties included, is over LENGTH"),
    COUNT("stop-after", "N", TRAIN, MEANS("all epochs"), COUNT_FROM(1),
          "stop after N epochs in a row without a better validation score, and keep the best net"),
    CHOICE("stop-by", "SCORE", TRAIN, IS("loss"), scores,
           "the score of --stop-after: loss, accuracy, or, of regression, rmse, mae or r2"),
    OTHER(
        DURATION, "max-time", "DURATION", TRAIN, MEANS("no limit"),
        "begin no epoch that would end later than this after the start, going by the longest one so far: 90s, 15m, 1.5h or 2d"),
    CHOICE(
        "standardize", "HOW", TRAIN, MEANS("feature for tables of floats, none for bytes and pictures"),
        standards,
        "bring the inputs to mean 0 and deviation 1, as measured on the training rows and kept in the model: global (one of each for all values), feature (each its own; one that never changes becomes 0), or none (bytes are divided by 255, floats taken as they are)"),
    COUNT("seed", "N", TRAIN, IS("1"), ANY_COUNT,
          "of weights and order; same seed, device and build: same bits"),
    COUNT("ensemble", "N", TRAIN, IS("1"), FROM_TO(1, 64),
          "train N nets with the seeds from --seed on, and predict by their mean"),
    COUNT("jobs", "N", TRAIN_ALONE | UNSAVED,
          MEANS("as many as a CPU has cores, if the nets are small; else 1"), FROM_TO(1, 16),
          "nets of --ensemble to train at once; on a CPU each has its share of the cores"),
    OTHER(
        TEXT, "class-weight", "balanced|NAME=W,...", TRAIN | GRADCHECK, MEANS("all count the same"),
        "how much each class counts in training: balanced (so that all classes together count the same), or weights by name or number, as in 0=1,1=20; the mean over all rows is made 1"),
    FLAG(
        "train-score", TRAIN,
        "measure loss and accuracy of the training rows after each epoch, too, as those of validation rows are measured"),
    FLAG(
        "calibrate", TRAIN,
        "divide the net's logits by the temperature with which the loss of the validation rows is least: its probabilities then tell better how often it is right; classes stay as they are. Of a net that predicts numbers: keep how far off it is in the validation rows, for the intervals of predict"),
    OTHER(FLAG, "shuffle", "on|off", TRAIN, IS("on"), "a new order of rows each epoch"),
    CHOICE(
        "resident", "auto|yes|no", TRAIN, IS("auto"), residences,
        "keep the data on the device as a whole: auto (if it fits), yes, or no: read and uploaded in shards, the next one while this one is computed on"),
    COUNT(
        "shard", "ROWS", TRAIN,
        MEANS("all, if the data is resident; else an eighth of the set, or what there is room for"),
        COUNT_FROM(1),
        "rows that are shuffled together, drawn from the whole set in small blocks; resident or not, the same shard gives the same bits"),
    OTHER(
        AUGMENTATION, "augment", "LIST", TRAIN, MEANS("none"),
        "changes training rows anew each epoch: any of flip (left for right, half of them), shift=PIXELS (in any direction, at most), cutout=PIXELS (blanks a square of that side), mixup=ALPHA (mixes rows and their labels) and noise=SIGMA (normal, added to normalised inputs), as in flip,shift=4; flip, shift and cutout are of pictures"),
#undef GROUP

#define GROUP "Search"
    OTHER(
        TEXT, "over", "NAME=RANGE,...", SEARCH, UNSET,
        "the settings to search over, of the net or its training, and their ranges, as in lr=0.001..1,hidden=128/256+128"),
    COUNT("trials", "N", SEARCH, IS("20"), FROM_TO(1, 100000), "how many choices of settings to try"),
    CHOICE(
        "method", "METHOD", SEARCH, IS("random"), methods,
        "random (each trial for all epochs), or hyperband (many trials for few epochs, the best third of them for three times as many, and so on)"),
    COUNT("jobs", "N", SEARCH, MEANS("as many as a CPU has cores, if the nets are small; else 1"),
          FROM_TO(1, 16), "nets to train at once; on a CPU each has its share of the cores"),
    CHOICE("metric", "METRIC", SEARCH, IS("accuracy"), metrics,
           "what makes a trial better: accuracy or loss of the validation rows after its last epoch"),
    FLAG(
        "range-test", SEARCH,
        "test learning rates instead: one short run in which the rate grows with each step, until the loss explodes"),
    NUMBER("from", "ETA", SEARCH, IS("1e-6"), ABOVE(0), "of --range-test: the rate of the first step"),
    NUMBER("to", "ETA", SEARCH, IS("10"), ABOVE(0), "of --range-test: the rate of the last step"),
    COUNT("steps", "N", SEARCH, MEANS("an epoch, but 100 to 400"), FROM_TO(2, 1000000),
          "of --range-test: how many steps"),
#undef GROUP

#define GROUP "Benchmark"
    OTHER(NETS, "layers", "WIDTHS", BENCH | TUNE, IS("3072,3072,10"),
          "inputs, hidden layers, classes; give it again for another net"),
    OTHER(SIZES, "batch", "LIST", BENCH | TUNE, IS("10,100,1000"),
          "minibatches to measure, one after the other"),
    CHOICE_OF("activation", "NAME", BENCH, IS("relu"), activation_names, "what follows each hidden layer"),
    CHOICE("norm", "KIND", BENCH, IS("none"), normalisations,
           "what each hidden layer's sums pass before the activation: batch, layer or none"),
    NUMBER("dropout", "SHARE", BENCH, IS("0"), FROM_BELOW(0, 1),
           "share of each hidden layer's outputs that a step sets to 0"),
    CHOICE_OF("optimizer", "NAME", BENCH, IS("sgd"), optimiser_names, "the rule of a step"),
    NUMBER("momentum", "RHO", BENCH, IS("0.9"), FROM_BELOW(0, 1),
           "of sgd and nesterov; 0 for plain gradient descent"),
    NUMBER("seconds", "S", BENCH, IS("2"), ABOVE(0), "time to spend on each line after warm-up"),
    FLAG("profile", BENCH,
         "of OpenCL devices: a table of each kernel's time, against peaks measured in the same run"),
    OTHER(
        TEXT, "merge", "FILE...", BENCH, UNSET,
        "measure nothing: show the rows of these files, which --json has written, perhaps on several machines, in one table"),
    OTHER(OUTPUT, "plot", "FILE.png", BENCH, UNSET,
          "draw samples a second over the batches, a panel for each net"),
#undef GROUP

#define GROUP "Checks"
    FLAG(
        "full", VERIFY,
        "add random shapes, contents and nets, large products, and kernels that are not chosen by themselves; run each check three times for the same bits, and look longer for the smallest shape that fails: some minutes"),
    OTHER(
        TEXT, "reproducer", "DIR", VERIFY | KERNEL_CHECK, UNSET,
        "write the first failing check as a program without clmlp, for the driver's makers: a C file with its build line, the OpenCL C that the driver got, and the operands"),
    COUNT("seed", "N", VERIFY, IS("1"), ANY_COUNT, "of the contents, and of what --full draws"),
    COUNT("seed", "N", KERNEL_CHECK, IS("1"), ANY_COUNT, "of the contents"),
    CHOICE_OF("only", "KERNEL", KERNEL_CHECK, MEANS("all that the file has"), clm_kernel_names,
              "this kernel of the file alone"),
    OTHER(TEXT, "shape", "\"B=7 I=33 O=65\"", KERNEL_CHECK, MEANS("all"),
          "this check of --only alone, as it is printed"),
    FLAG(
        "races", KERNEL_CHECK,
        "fail if the simulator Oclgrind is not installed; if it is, small checks run in it anyway, after all others have passed, and it sees each access: data races, memory that is read before it is written, accesses outside"),
    NUMBER("seconds", "S", KERNEL_CHECK, IS("0.5"), FROM(0),
           "time to spend on the speed of each kernel that is compared, at each size; 0: measure none"),
    CHOICE_OF("only", "OPERATION", VERIFY, MEANS("all"), clm_verify_names,
              "this operation alone, by the name printed for it"),
    OTHER(TEXT, "shape", "\"B=7 I=33 O=65\"", VERIFY, MEANS("all"),
          "this check of --only alone, as it is printed"),
    COUNT(
        "patience", "SECONDS", DOCTOR | KERNEL_CHECK, IS("600"), FROM_TO(0, INT32_MAX),
        "how long a step may take, a check or the building of kernels, before its driver counts as hanging; 0: for ever"),
#undef GROUP

#define GROUP "Output"
    OTHER(
        TEXT, "out", "DIR", TRAIN_ALONE | UNSAVED, MEANS("the trained net is not kept"),
        "run directory: model.safetensors, run.json, history.csv, curves.png; one that holds a run is refused"),
    OTHER(
        TEXT, "resume", "DIR", TRAIN_ALONE | UNSAVED, UNSET,
        "go on with the stopped run of this directory, by its checkpoint.safetensors (or name another checkpoint in it): the same bits as without the stop; all other options are the run's"),
    OTHER(
        INTERVAL, "checkpoint-every", "TIME|STEPS|never", TRAIN_ALONE | UNSAVED, IS("10m"),
        "with --out: how often to save what --resume needs, as in 5m, or 1000 for steps; it is saved at Ctrl-C, too, and removed at the end"),
    COUNT(
        "keep-checkpoints", "N", TRAIN_ALONE | UNSAVED, IS_BUT("0", "the last one, until the end"),
        FROM_TO(0, 1000),
        "keep the last N checkpoints, as checkpoint-STEP.safetensors, and checkpoint-best.safetensors, after the epoch with the best validation score; also at the end"),
    OTHER(
        TEXT, "out", "DIR", SEARCH, MEANS("nothing is kept"),
        "directory of the search: trials.csv, best.conf, search.json; the same command goes on with one that was stopped"),
    CHOICE_OF(
        "recipe", "NAME", TRAIN, MEANS("none"), recipe_names,
        "settings that suit this data (see `clmlp help recipes'); options of the command line and of --config come before its"),
    OTHER(
        TEXT, "config", "FILE", TRAIN | UNSAVED, UNSET,
        "a file with options, a line each, as in `epochs = 20', and # before comments; options of the command line come before its"),
    OTHER(
        OUTPUT, "log-json", "FILE", TRAIN_ALONE | UNSAVED, UNSET,
        "add a line of JSON to this file after each epoch, for other programs: the figures that run.json has; - is standard output"),
    FLAG("quiet", TRAIN | UNSAVED, "print the final result only"),
    FLAG("quiet", VERIFY | KERNEL_CHECK, "print failures and the summary only"),
    CHOICE("split", "PART", EVAL | PREDICT, IS("test"), parts, "the rows: train, val or test"),
    NUMBER(
        "interval", "P", PREDICT, MEANS("none"), ABOVE_BELOW(0, 1),
        "of numbers, by a model that was trained with --calibrate: the lowest and the highest value of an interval that has the target with the probability P, as in 0.9"),
    NUMBER(
        "interval", "P", EVAL, MEANS("0.9, if the model was trained with --calibrate"), ABOVE_BELOW(0, 1),
        "of numbers: measure how many targets are within the intervals of predict --interval P, and how wide these are"),
    COUNT("top-k", "K", EVAL, MEANS("5, if there are more than 5 classes"), COUNT_FROM(1),
          "print the share of rows whose label is among the K largest probabilities"),
    OTHER(OUTPUT, "reliability", "FILE.png", EVAL, UNSET,
          "draw the share of rows that are right over how sure the net is of them"),
    CHOICE("split", "PART", SAMPLE, IS("train"), parts, "the rows: train, val or test"),
    CHOICE("split", "PART", CONVERT, IS("train"), parts,
           "of csv and libsvm, which hold one part: train, val or test"),
    CHOICE("format", "FORMAT", BENCH, IS("table"), tables,
           "what standard output gets: table, or, for other programs, md (Markdown), csv or json"),
    OTHER(OUTPUT, "out", "FILE", BENCH, UNSET,
          "write the rows to a file, too: F.md, F.csv or F.json; it is whole after each row"),
    OTHER(OUTPUT, "json", "FILE", EVAL | VERIFY | BENCH | TUNE | DEVICES | DOCTOR | INFO | KERNEL_CHECK,
          UNSET, "write the result as JSON, too; - is standard output"),
    OTHER(OUTPUT, "out", "FILE", PREDICT, IS("-"),
          "the file to write: F.json, F.npy, or else CSV; - is standard output"),
    OTHER(TEXT, "out", "FILE.png", SAMPLE, UNSET, "the PNG to write"),
    COUNT("rows", "N", SAMPLE, IS("60"), COUNT_FROM(1), "how many pictures, up to 1000"),
    COUNT("seed", "N", SAMPLE, IS("1"), ANY_COUNT,
          "another seed draws other rows, and changes them in another way"),
    OTHER(
        AUGMENTATION, "augment", "LIST", SAMPLE, MEANS("none"),
        "draws them as training sees them, changed by any of flip, shift=PIXELS, cutout=PIXELS, mixup=ALPHA and noise=SIGMA; see clmlp train"),
    CHOICE_OF("to", "FORMAT", CONVERT, UNSET, clm_data_write_names,
              "idx, cifar10, npy and images are directories, the others files"),
    OTHER(TEXT, "out", "PATH", CONVERT, UNSET, "the file or directory to write"),
    FLAG("gzip", CONVERT, "compress the files of idx"),
    FLAG(
        "force", CONVERT,
        "replace what is there: a file, or a directory of nothing but files of the format; a directory of pictures is never replaced"),
    OTHER(TEXT, "out", "DIR", MAKE, UNSET, "the directory to write to"),
    COUNT("rows", "N", MAKE, IS("10000"), FROM_TO(1, CLM_DATA_MAKE_ROWS_MAX),
          "rows of each of the six files"),
    CHOICE_OF("to", "FORMAT", EXPORT, UNSET, clm_export_names, "the program that the file is for"),
    OTHER(TEXT, "out", "PATH", EXPORT, UNSET, "the file to write"),
    OTHER(TEXT, "out", "FILE.safetensors", IMPORT, UNSET, "the model to write"),
    FLAG("force", IMPORT, "replace a file that is there, which otherwise is left alone"),
    FLAG("int8", EXPORT, "of the format c: weights of 8 bits, a quarter of the size"),
    CHOICE("split", "PART", EXPORT, IS("test"), parts,
           "of --data, to measure what --int8 costs: train, val or test"),
    FLAG("force", EXPORT, "replace a file that is there, which otherwise is left alone"),
    FLAG("force", MAKE, "replace a set that is there, which otherwise is left alone"),
    FLAG("force", KERNEL_NEW, "replace the file if it is there, which otherwise is left alone"),
    COUNT("seed", "N", MAKE, IS("1"), ANY_COUNT, "another seed makes another set"),
#undef GROUP
};

/* ---- looked up ---- */

const size_t setting_count = sizeof setting_rows / sizeof *setting_rows;

size_t setting_index(unsigned command, const char *name)
{
    for (size_t i = 0; i < setting_count; i++)
        if (setting_rows[i].commands & command && !strcmp(setting_rows[i].about.name, name))
            return i;
    return SIZE_MAX;
}

const struct clm_setting *clm_setting_at(const char *command, size_t index)
{
    const unsigned bit = setting_command(command);
    for (size_t i = 0; i < setting_count; i++)
        if (setting_rows[i].commands & bit && !index--)
            return &setting_rows[i].about;
    return NULL;
}

size_t clm_setting_choices(const struct clm_setting *setting, const char **names, size_t most)
{
    /* its first member */
    const struct setting_row *const row = (const void *)setting;
    size_t count = 0;
    if (row->list)
        return row->list(names, most);
    for (; row->names && row->names[count] && count < most; count++)
        names[count] = row->names[count];
    return count;
}

/* ---- in words ---- */

const char *setting_list(char list[SETTING_LIST], const char *const *names, size_t count)
{
    list[0] = '\0';
    for (size_t i = 0, used = 0; i < count && used < SETTING_LIST; i++)
        used += (size_t)snprintf(list + used, SETTING_LIST - used, "%s%s",
                                 !i              ? ""
                                 : i + 1 < count ? ", "
                                                 : " or ",
                                 names[i]);
    return list;
}

struct setting_range setting_range(const struct clm_setting *about)
{
    struct setting_range range = {""};
    if (about->type != CLM_SETTING_COUNT && about->type != CLM_SETTING_NUMBER)
        return range;
    if (about->most >= SETTING_MANY)
        snprintf(range.words, sizeof range.words, "%s %g", about->is_above ? "above" : "at least",
                 about->least);
    else if (about->is_below)
        snprintf(range.words, sizeof range.words, "%s %g and below %g",
                 about->is_above ? "above" : "at least", about->least, about->most);
    else
        snprintf(range.words, sizeof range.words, "%.10g to %.10g", about->least, about->most);
    return range;
}

/* Appends to `text`, whose length is less than `size`. */
static void append(char *text, size_t size, const char *before, const char *words)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", before, words);
}

void clm_setting_describe(const struct clm_setting *setting, char *text, size_t size)
{
    const struct setting_row *const row = (const void *)setting;
    const char *const otherwise = setting->absent ? setting->absent : setting->otherwise;
    const char *names[SETTING_CHOICES_MOST], *before = " [";
    const struct setting_range range = setting_range(setting);
    const size_t count = row->list ? clm_setting_choices(setting, names, SETTING_CHOICES_MOST) : 0;
    snprintf(text, size, "%s", setting->help);
    if (count == 1)
        snprintf(text, size, "%s, the only one of this version", *names);
    if (count > 1) {
        char list[SETTING_LIST];
        append(text, size, before, setting_list(list, names, count));
        before = "; ";
    }
    if (range.words[0] && setting->most != 0x1p64) { /* "any count" is not worth saying */
        append(text, size, before, range.words);
        before = "; ";
    }
    if (otherwise && setting->argument) {
        append(text, size, before, "default: ");
        append(text, size, "", otherwise);
        before = "; ";
    }
    append(text, size, "", *before == ';' ? "]" : "");
}
