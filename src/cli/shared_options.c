/* The options of data, device and memory, which several commands take. */
#include "cli/arguments.h"

#include "cli/command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --resize: 32x24 */
static void read_resize(const struct argp_state *state, const char *text, struct clm_data_options *options)
{
    char number[2][8] = {"", ""};
    unsigned long long sides[2] = {0, 0};
    const size_t length = strcspn(text, "x");
    if (length < sizeof *number && text[length] && strlen(text + length + 1) < sizeof *number) {
        memcpy(number[0], text, length);
        memcpy(number[1], text + length + 1, strlen(text + length + 1));
    }
    if (!read_digits(number[0], sides) || !read_digits(number[1], sides + 1) || !sides[0] || !sides[1] ||
        sides[0] > 8192 || sides[1] > 8192)
        wrong_usage(state, "--resize %s: it has to be a width and a height, 1 to 8192, as in --resize 32x32",
                    text);
    options->resize_width = (size_t)sides[0];
    options->resize_height = (size_t)sides[1];
}

static size_t read_channels(const struct argp_state *state, const char *text)
{
    if (strcmp(text, "1") && strcmp(text, "3"))
        wrong_usage(state, "--channels %s: it has to be 1 (grey) or 3 (red, green, blue)", text);
    return (size_t)(*text - '0');
}

static double read_validation(const struct argp_state *state, const char *text)
{
    const double value = read_number(state, "--val", text);
    if (value < 0 || (value >= 1 && value != floor(value)))
        wrong_usage(state,
                    "--val %s: it has to be a number of rows, as in 5000, or a fraction below 1, as in 0.1",
                    text);
    return value;
}

static enum clm_split read_split(const struct argp_state *state, const char *text)
{
    static const char *const names[] = {
        [CLM_SPLIT_LAST] = "last", [CLM_SPLIT_RANDOM] = "random", [CLM_SPLIT_STRATIFIED] = "stratified"};
    return (enum clm_split)read_choice(state, "--val-by", text, names, sizeof names / sizeof *names);
}

static const struct argp_option data_options[] = {
    {NULL, 0, NULL, 0, "Data:", 1},
    {"data", KEY_DATA, "NAME|PATH", 0,
     "fashion-mnist, mnist, cifar10 or cifar100, looked for in $CLMLP_DATA, ~/.local/share/clmlp and /usr/share/datasets; or a file, directory, .tar or .tar.gz",
     1},
    {"format", KEY_FORMAT, "FORMAT", 0, "recognised by content where it is not named", 1},
    {"test", KEY_TEST, "PATH", 0, "test set where the data brings none", 1},
    {"val", KEY_VALIDATION, "N|0.1", 0,
     "hold out N rows, or that fraction, of the training set for validation (default: none)", 1},
    {"val-by", KEY_VALIDATION_BY, "HOW", 0,
     "which ones: the last (default), random ones, or stratified: random ones of each class, in proportion",
     1},
    {"val-seed", KEY_VALIDATION_SEED, "N", 0,
     "of random and stratified: the same seed holds out the same rows (default: 1)", 1},
    {"limit", KEY_LIMIT, "N", 0, "keep the first N training rows of what is left (default: all)", 1},
    {"inputs", KEY_INPUTS, "NAME", 0,
     "npy, npz: the array that holds the inputs (default: x, x_train and their like)", 1},
    {"label", KEY_LABEL, "NAME|INDEX", 0,
     "csv: the column of the labels, by name or by index from 0, -1 being the last (default: label, class, target or y, else the last); npy, npz: the array of the labels (default: y, y_train and their like); cifar100: fine (default; 100 classes) or coarse (20)",
     1},
    {"header", KEY_HEADER, "yes|no", 0, "csv: whether it begins with names of columns (default: detected)",
     1},
    {"missing", KEY_MISSING, "mean|zero", 0,
     "csv: fill values that are missing with the mean of their column over the training rows, or with 0 (default: refuse them)",
     1},
    {"resize", KEY_RESIZE, "WxH", 0,
     "stretch the pictures of a folder to this size (default: they all have one)", 1},
    {"channels", KEY_CHANNELS, "1|3", 0,
     "read the pictures of a folder as grey or coloured (default: grey where all are)", 1},
    {0},
};

static const char *read_format(const struct argp_state *state, const char *text)
{
    const char *names[FORMATS_MAX];
    const size_t count = clm_format_names(names, FORMATS_MAX);
    return names[read_choice(state, "--format", text, names, count)];
}

/* The help of --format names the formats that there are. */
static char *help_data(int key, const char *text, void *input)
{
    const char *names[FORMATS_MAX];
    const size_t count = clm_format_names(names, FORMATS_MAX);
    char list[256] = "", *help = NULL;
    (void)input;
    if (key != KEY_FORMAT)
        return text ? strdup(text) : NULL;
    list_names(list, sizeof list, names, count);
    return asprintf(&help, "%s (default: recognised by content)", list) < 0 ? NULL : help;
}

static enum clm_header read_header(const struct argp_state *state, const char *text)
{
    if (!strcmp(text, "yes"))
        return CLM_HEADER_YES;
    if (strcmp(text, "no"))
        wrong_usage(state, "--header %s: it has to be yes or no", text);
    return CLM_HEADER_NO;
}

static enum clm_missing read_missing(const struct argp_state *state, const char *text)
{
    if (!strcmp(text, "mean"))
        return CLM_MISSING_MEAN;
    if (strcmp(text, "zero"))
        wrong_usage(state, "--missing %s: it has to be mean or zero", text);
    return CLM_MISSING_ZERO;
}

static error_t parse_data(int key, char *text, struct argp_state *state)
{
    struct clm_data_options *const options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        options->validation_seed = 1;
        return 0;
    case KEY_DATA:
        options->source = read_name(state, "--data", text);
        return 0;
    case KEY_FORMAT:
        options->format = read_format(state, text);
        return 0;
    case KEY_TEST:
        options->test = read_name(state, "--test", text);
        return 0;
    case KEY_VALIDATION:
        options->validation = read_validation(state, text);
        return 0;
    case ARGP_KEY_END:
        if (options->validation_by == CLM_SPLIT_LAST && options->validation_seed != 1)
            wrong_usage(state, "--val-seed is for --val-by random or stratified; add one of them");
        return 0;
    case KEY_VALIDATION_BY:
        options->validation_by = read_split(state, text);
        return 0;
    case KEY_VALIDATION_SEED:
        options->validation_seed = read_seed(state, "--val-seed", text);
        return 0;
    case KEY_LIMIT:
        options->limit = read_count(state, "--limit", text, 1);
        return 0;
    case KEY_INPUTS:
        options->inputs = read_name(state, "--inputs", text);
        return 0;
    case KEY_LABEL:
        options->label = read_name(state, "--label", text);
        return 0;
    case KEY_HEADER:
        options->header = read_header(state, text);
        return 0;
    case KEY_MISSING:
        options->missing = read_missing(state, text);
        return 0;
    case KEY_RESIZE:
        read_resize(state, text, options);
        return 0;
    case KEY_CHANNELS:
        options->channels = read_channels(state, text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp data_arguments = {.options = data_options, .parser = parse_data, .help_filter = help_data};

static const struct argp_option device_options[] = {
    {NULL, 0, NULL, 0, "Device:", 2},
    {"backend", KEY_BACKEND, "BACKEND", 0,
     "opencl (default), blas (OpenBLAS on all cores) or reference (plain loops, double precision)", 2},
    {"device", KEY_DEVICE, "DEVICE", 0,
     "OpenCL device: auto, gpu, cpu, P:D as `clmlp devices' prints it, or a part of its name (default: $CLMLP_DEVICE, else auto)",
     2},
    {"gemm", KEY_GEMM, "PROVIDER", 0,
     "who multiplies on an OpenCL device: auto (default; what was measured to be fastest, see `clmlp tune'), native (our own kernels for the device's kind), clblast, clblast-tuned, or those for GPUs on any device: tiled, tiled-large, tiled-small",
     2},
    {0},
};

const char *const backend_names[] = {
    [CLM_BACKEND_REFERENCE] = "reference", [CLM_BACKEND_BLAS] = "blas", [CLM_BACKEND_OPENCL] = "opencl"};

static enum clm_backend_kind read_backend(const struct argp_state *state, const char *text)
{
    for (size_t kind = 0; kind < sizeof backend_names / sizeof *backend_names; kind++)
        if (!strcmp(text, backend_names[kind]))
            return (enum clm_backend_kind)kind;
    wrong_usage(state, "--backend %s: it has to be opencl, blas or reference", text);
}

static void hear_note(void *user, const char *sentence)
{
    remark(user, "%s", sentence);
}

static void check_gemm(const struct argp_state *state, const char *text)
{
    const char *names[GEMM_NAMES_MAX];
    const size_t count = clm_gemm_names(NULL, names, GEMM_NAMES_MAX);
    bool is_known = !strcmp(text, "auto");
    for (size_t i = 0; i < count; i++)
        is_known = is_known || !strcmp(text, names[i]);
    if (!is_known)
        wrong_usage(
            state,
            "--gemm %s: it has to be auto, native, clblast, clblast-tuned, tiled, tiled-large or tiled-small",
            text);
}

static error_t parse_device(int key, char *text, struct argp_state *state)
{
    struct device_choice *const choice = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        choice->options.on_note = hear_note;
        snprintf(choice->command, sizeof choice->command, "%s", command_name(state));
        choice->options.note_user = choice->command;
        return 0;
    case KEY_BACKEND:
        choice->options.kind = read_backend(state, text);
        choice->has_backend = true;
        return 0;
    case KEY_DEVICE:
        choice->options.device = read_name(state, "--device", text);
        choice->has_device = true;
        return 0;
    case KEY_GEMM:
        check_gemm(state, text);
        choice->options.gemm = text;
        return 0;
    case ARGP_KEY_END:
        if (choice->options.kind != CLM_BACKEND_OPENCL && (choice->has_device || choice->options.gemm))
            remark(choice->command, "%s is for OpenCL devices, and is not looked at with --backend %s",
                   choice->options.gemm ? "--gemm" : "--device", backend_names[choice->options.kind]);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp device_arguments = {.options = device_options, .parser = parse_device};

static const struct argp_option memory_options[] = {
    {"memory", KEY_MEMORY, "SIZE", 0,
     "memory of the host to take for data, as in 512M or 2G: half of it for what is read (idx of bytes and npy of uint8 or float32 stay in their files), half for a device that has no memory of its own (default: what there is)",
     2},
    {"device-memory", KEY_DEVICE_MEMORY, "SIZE", 0,
     "memory of the device to take (default: all that it has); data that does not fit is streamed", 2},
    {0},
};

static error_t parse_memory(int key, char *text, struct argp_state *state)
{
    struct memory_limits *const limits = state->input;
    switch (key) {
    case KEY_MEMORY:
        limits->host = read_bytes(state, "--memory", text);
        return 0;
    case KEY_DEVICE_MEMORY:
        limits->device = read_bytes(state, "--device-memory", text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp memory_arguments = {.options = memory_options, .parser = parse_memory};

void limit_memory(const struct memory_limits *limits, struct clm_data_options *data,
                  struct clm_backend_options *backend)
{
    /* of one byte, too, a half is a limit */
    data->memory = limits->host - limits->host / 2;
    backend->host_memory = limits->host;
    backend->device_memory = limits->device;
}

struct device_choice default_device(void)
{
    const char *const device = getenv("CLMLP_DEVICE");
    return (struct device_choice){
        .options = {.kind = CLM_BACKEND_OPENCL, .device = device && *device ? device : NULL}};
}
