#include "cli/arguments.h"

#include "cli/command.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- wrong usage ---- */

const char *command_name(const struct argp_state *state)
{
    return state->argv[0];
}

_Noreturn void wrong_usage(const struct argp_state *state, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "clmlp: %s: ", command_name(state));
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry `clmlp %s --help'.\n", command_name(state));
    exit(EXIT_USAGE);
}

#define OPTIONS_MAX 64 /* of one command */

static void collect_options(const struct argp *argp, const struct argp_option **options, size_t *count)
{
    for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++)
        if (o->name && *count < OPTIONS_MAX)
            options[(*count)++] = o;
    for (const struct argp_child *child = argp->children; child && child->argp; child++)
        collect_options(child->argp, options, count);
}

static _Noreturn void refuse_option(const struct argp_state *state, const char *word)
{
    wrong_usage(state, "%s: there is no such option", word);
}

/* What is wrong with "--word" or "--word=value", which getopt has refused; `next` is the word behind it. */
static _Noreturn void explain_long_option(const struct argp_state *state, const char *written,
                                          const char *next)
{
    const struct argp_option *options[OPTIONS_MAX], *match = NULL;
    const char *names[OPTIONS_MAX + 1] = {0};
    size_t count = 0, matches = 0;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(written + 2, "="), written + 2);
    collect_options(state->root_argp, options, &count);
    for (size_t i = 0; i < count; i++) {
        names[i] = options[i]->name;
        const bool is_match = !strncmp(names[i], word, strlen(word));
        if (is_match && (!match || strcmp(match->name, word) != 0))
            match = options[i];
        matches += is_match;
    }
    const bool is_clear = match && (matches == 1 || !strcmp(match->name, word));
    const char *const meant = nearest_name(word, names);
    if (is_clear && match->arg)
        wrong_usage(state, "--%s: it needs a value, as in --%s %s", match->name, match->name, match->arg);
    if (is_clear && strchr(written, '='))
        wrong_usage(state, "--%s: it takes no value", match->name);
    if (is_clear)
        refuse_option(state, next);
    if (matches > 1)
        wrong_usage(state, "--%s: several options begin so; write it out", word);
    if (meant)
        wrong_usage(state, "--%s: there is no such option; did you mean --%s?", word, meant);
    wrong_usage(state, "--%s: there is no such option", word);
}

/* getopt knows what is wrong with an option, but says it in its own form, and offers no help. */
static _Noreturn void explain_option(const struct argp_state *state)
{
    /* of several letters behind one '-', it has not yet left the word */
    const char *const before = state->argv[state->next - 1];
    const char *const next = state->next < state->argc ? state->argv[state->next] : before;
    if (!strncmp(before, "--", 2))
        explain_long_option(state, before, next);
    refuse_option(state, state->next > 1 && before[0] == '-' ? before : next);
}

/* ---- parsing ---- */

enum { KEY_HELP = 'h', KEY_VERSION = 'V' };

static const struct argp_option common_options[] = {
    {"help", KEY_HELP, NULL, 0, "print this help", -1},
    {"version", KEY_VERSION, NULL, 0, "print the program's version", -1},
    {0},
};

static error_t parse_common(int key, char *text, struct argp_state *state)
{
    char name[64];
    (void)text;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    case KEY_HELP:
        snprintf(name, sizeof name, "clmlp %s", command_name(state));
        argp_help(state->root_argp, stdout,
                  ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG | ARGP_HELP_POST_DOC, name);
        exit(close_output(command_name(state), EXIT_DONE));
    case KEY_VERSION:
        print_version();
        exit(close_output(command_name(state), EXIT_DONE));
    case ARGP_KEY_ERROR:
        explain_option(state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void parse_arguments(const struct argp *argp, int argc, char **argv, void *input)
{
    const struct argp_child children[] = {{argp, 0, NULL, 0}, {0}};
    const struct argp all = {.options = common_options, .parser = parse_common, .children = children};
    /* argv stays in the order it was typed, for run.json */
    const error_t code = argp_parse(&all, argc - 1, argv + 1,
                                    ARGP_NO_HELP | ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_IN_ORDER, NULL, input);
    if (code) {
        complain(argv[1], "the arguments could not be read: %s", strerror(code));
        exit(EXIT_USAGE);
    }
}

/* ---- values ---- */

/* Digits and nothing else, for strtoull takes signs and spaces. */
static bool read_digits(const char *text, unsigned long long *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return !errno && !*end;
}

size_t read_count(const struct argp_state *state, const char *option, const char *text, size_t least)
{
    unsigned long long value;
    if (!read_digits(text, &value) || value < least || value > SIZE_MAX / 2)
        wrong_usage(state, "%s %s: it has to be a whole number of at least %zu", option, text, least);
    return (size_t)value;
}

uint64_t read_seed(const struct argp_state *state, const char *option, const char *text)
{
    unsigned long long value;
    if (!read_digits(text, &value))
        wrong_usage(state, "%s %s: it has to be a whole number from 0 to %llu", option, text,
                    (unsigned long long)UINT64_MAX);
    return value;
}

uint64_t read_bytes(const struct argp_state *state, const char *option, const char *text)
{
    static const char units[] = "KMGT";
    char digits[24] = "";
    unsigned long long value = 0;
    const size_t length = strspn(text, "0123456789");
    const char *const unit = text[length] ? strchr(units, text[length]) : NULL;
    if (length < sizeof digits)
        memcpy(digits, text, length);
    const unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (!read_digits(digits, &value) || !value || (text[length] && (!unit || text[length + 1])) ||
        value > UINT64_MAX >> shift)
        wrong_usage(state,
                    "%s %s: it has to be a number of bytes, as in %s 512M; K, M, G and T are powers of 1024",
                    option, text, option);
    return value << shift;
}

static bool parse_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    /* strtod takes spaces, hexadecimal, inf and nan, too */
    return end != text && !*end && !text[strspn(text, "0123456789+-.eE")] && isfinite(*value);
}

double read_number(const struct argp_state *state, const char *option, const char *text)
{
    double value;
    if (!parse_number(text, &value))
        wrong_usage(state, "%s %s: it has to be a number, as in %s 0.1", option, text, option);
    return value;
}

double read_not_negative(const struct argp_state *state, const char *option, const char *text)
{
    const double value = read_number(state, option, text);
    if (value < 0)
        wrong_usage(state, "%s %s: it has to be at least 0", option, text);
    return value;
}

double read_momentum(const struct argp_state *state, const char *option, const char *text)
{
    const double value = read_number(state, option, text);
    if (value < 0 || value >= 1)
        wrong_usage(state, "%s %s: it has to be at least 0 and below 1", option, text);
    return value;
}

const char *read_name(const struct argp_state *state, const char *option, const char *text)
{
    if (!*text)
        wrong_usage(state, "%s: its value is empty", option);
    return text;
}

const char *read_init(const struct argp_state *state, const char *text)
{
    double deviation;
    if (!strncmp(text, "normal:", 7) && (!parse_number(text + 7, &deviation) || deviation < 0))
        wrong_usage(state, "--init %s: the deviation has to be a number of at least 0, as in normal:0.01",
                    text);
    return read_name(state, "--init", text);
}

struct sizes read_hidden(const struct argp_state *state, const char *text)
{
    const struct sizes hidden =
        strcmp(text, "none") ? read_sizes(state, "--hidden", text) : (struct sizes){.count = 0};
    if (hidden.count > WIDTHS_MAX - 2)
        wrong_usage(state, "--hidden: it may have up to %d widths", WIDTHS_MAX - 2);
    return hidden;
}

struct sizes layer_widths(size_t inputs, const struct sizes *hidden, size_t classes)
{
    struct sizes layers = {.values = {inputs}, .count = hidden->count + 2};
    memcpy(layers.values + 1, hidden->values, hidden->count * sizeof *hidden->values);
    layers.values[layers.count - 1] = classes;
    return layers;
}

struct sizes read_sizes(const struct argp_state *state, const char *option, const char *text)
{
    struct sizes sizes = {.count = 0};
    const char *at = text;
    while (true) {
        const size_t length = strcspn(at, ",");
        char number[32];
        unsigned long long value = 0;
        snprintf(number, sizeof number, "%.*s", (int)(length < 31 ? length : 31), at);
        if (length > 20 || !read_digits(number, &value) || !value || value > INT32_MAX)
            wrong_usage(state, "%s %s: it has to be a list of whole numbers of at least 1, as in %s 256,128",
                        option, text, option);
        if (sizes.count == WIDTHS_MAX)
            wrong_usage(state, "%s %s: it may have up to %d numbers", option, text, WIDTHS_MAX);
        sizes.values[sizes.count++] = (size_t)value;
        if (!at[length])
            return sizes;
        at += length + 1;
    }
}

/* "idx, npy or csv" in `list`, which it returns. */
static const char *list_names(char *list, size_t size, const char *const *names, size_t count)
{
    for (size_t i = 0, used = 0; i < count && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s",
                                 !i              ? ""
                                 : i + 1 < count ? ", "
                                                 : " or ",
                                 names[i]);
    return list;
}

size_t read_choice(const struct argp_state *state, const char *option, const char *text,
                   const char *const *names, size_t count)
{
    char list[256] = "";
    for (size_t i = 0; i < count; i++)
        if (!strcmp(text, names[i]))
            return i;
    wrong_usage(state, "%s %s: it has to be %s", option, text, list_names(list, sizeof list, names, count));
}

enum clm_part read_part(const struct argp_state *state, const char *text)
{
    if (!strcmp(text, "train"))
        return CLM_TRAIN;
    if (!strcmp(text, "val"))
        return CLM_VALIDATION;
    if (strcmp(text, "test"))
        wrong_usage(state, "--split %s: it has to be train, val or test", text);
    return CLM_TEST;
}

enum clm_standardise read_standardise(const struct argp_state *state, const char *text)
{
    static const char *const names[] = {[CLM_STANDARDISE_NONE] = "none",
                                        [CLM_STANDARDISE_GLOBAL] = "global",
                                        [CLM_STANDARDISE_FEATURE] = "feature"};
    return (enum clm_standardise)read_choice(state, "--standardize", text, names,
                                             sizeof names / sizeof *names);
}

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

/* ---- shared options ---- */

static const struct argp_option data_options[] = {
    {NULL, 0, NULL, 0, "Data:", 1},
    {"data", KEY_DATA, "NAME|PATH", 0,
     "fashion-mnist, mnist, cifar10 or cifar100, looked for in $CLMLP_DATA, ~/.local/share/clmlp and "
     "/usr/share/datasets; or a "
     "file, directory, .tar or .tar.gz",
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
     "csv: the column of the labels, by name or by index from 0, -1 being the last (default: label, class, "
     "target or y, else the last); npy, npz: the array of the labels (default: y, y_train and their like); "
     "cifar100: fine (default; 100 classes) or coarse (20)",
     1},
    {"header", KEY_HEADER, "yes|no", 0, "csv: whether it begins with names of columns (default: detected)",
     1},
    {"missing", KEY_MISSING, "mean|zero", 0,
     "csv: fill values that are missing with the mean of their column over the training rows, or with 0 "
     "(default: refuse them)",
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
     "OpenCL device: auto, gpu, cpu, P:D as `clmlp devices' prints it, or a part of its name (default: "
     "$CLMLP_DEVICE, "
     "else auto)",
     2},
    {"gemm", KEY_GEMM, "PROVIDER", 0,
     "who multiplies on an OpenCL device: auto (default; what was measured to be fastest, see `clmlp tune'), "
     "native (our own kernels for the device's kind), "
     "clblast, clblast-tuned, or those for GPUs on any device: tiled, tiled-large, tiled-small",
     2},
    {0},
};

static enum clm_backend_kind read_backend(const struct argp_state *state, const char *text)
{
    static const char *const names[] = {
        [CLM_BACKEND_REFERENCE] = "reference", [CLM_BACKEND_BLAS] = "blas", [CLM_BACKEND_OPENCL] = "opencl"};
    for (size_t kind = 0; kind < sizeof names / sizeof *names; kind++)
        if (!strcmp(text, names[kind]))
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
        return 0;
    case KEY_GEMM:
        check_gemm(state, text);
        choice->options.gemm = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp device_arguments = {.options = device_options, .parser = parse_device};

static const struct argp_option memory_options[] = {
    {"memory", KEY_MEMORY, "SIZE", 0,
     "memory of the host to take for data, as in 512M or 2G: half of it for what is read (idx of bytes and "
     "npy of "
     "uint8 or float32 stay in their files), half for a device that has no memory of its own (default: what "
     "there "
     "is)",
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
