#include "cli/arguments.h"

#include "cli/signals.h"

#include "cli/command.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OPTIONS_MAX 128 /* per command */
#define GROUPS_MAX  8
#define HELP_MAX    768

enum { KEY_HELP = 'h', KEY_VERSION = 'V', KEY_FIRST = 0x100 }; /* rows of the table are above any character */

/* ---- wrong usage ---- */

_Noreturn void wrong_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    char sentence[2048];
    signals_blame_nothing();
    va_start(arguments, format);
    complain(command, "%s", clm_write_sentence(sentence, sizeof sentence, format, arguments));
    va_end(arguments);
    fprintf(stderr, "Try `clmlp %s --help'.\n", command);
    exit(EXIT_USAGE);
}

static _Noreturn void refuse_option(const char *command, const char *word)
{
    wrong_usage(command, "%s: there is no such option", word);
}

/* Says what is wrong with "--word" or "--word=value", which getopt has refused; `next` is the word after
 * it. */
static _Noreturn void explain_long_option(const char *command, const char *written, const char *next)
{
    const char *names[OPTIONS_MAX + 3] = {"help", "version"}, *match = NULL, *argument = NULL;
    const struct clm_setting *setting;
    char word[64];
    size_t count = 2, matches = 0;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(written + 2, "="), written + 2);
    for (; count < OPTIONS_MAX && (setting = clm_setting_at(command, count - 2)); count++)
        names[count] = setting->name;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], word, strlen(word)))
            continue;
        matches++;
        if (match && !strcmp(match, word))
            continue;
        match = names[i];
        argument = i < 2 ? NULL : clm_setting_at(command, i - 2)->argument;
    }
    const bool is_clear = match && (matches == 1 || !strcmp(match, word));
    const char *const meant = clm_nearest_name(word, names);
    if (is_clear && argument)
        wrong_usage(command, "--%s: it needs a value, as in --%s %s", match, match, argument);
    if (is_clear && strchr(written, '='))
        wrong_usage(command, "--%s: it takes no value", match);
    if (is_clear)
        refuse_option(command, next);
    if (matches > 1)
        wrong_usage(command, "--%s: several options begin so; write it out", word);
    if (meant)
        wrong_usage(command, "--%s: there is no such option; did you mean --%s?", word, meant);
    wrong_usage(command, "--%s: there is no such option", word);
}

/* Replaces getopt's own message, which has another form and does not mention --help. */
static _Noreturn void explain_option(const struct argp_state *state, const char *command)
{
    /* if a word has several letters after one '-', getopt is still at it */
    const char *const before = state->argv[state->next - 1];
    const char *const next = state->next < state->argc ? state->argv[state->next] : before;
    if (!strncmp(before, "--", 2))
        explain_long_option(command, before, next);
    refuse_option(command, state->next > 1 && before[0] == '-' ? before : next);
}

/* ---- parsing ---- */

/* A further list of NETS follows those that are there. */
static clm_status add_list(const struct invocation *in, const char *name, const char *text,
                           struct clm_error *error)
{
    char *lists;
    if (asprintf(&lists, "%s;%s", clm_settings_text(in->settings, name), text) < 0)
        return fail(error, CLM_ERROR_MEMORY, "the host has no memory for --%s", name);
    const clm_status status = clm_settings_set(in->settings, name, lists, error);
    free(lists);
    return status;
}

static void set_option(const struct invocation *in, const struct clm_setting *setting, const char *text)
{
    struct clm_error error;
    const bool is_set = clm_settings_is_set(in->settings, setting->name);
    if (is_set && setting->type != CLM_SETTING_NETS)
        wrong_usage(in->about->name, "--%s: it is given twice", setting->name);
    const clm_status status = is_set
                                  ? add_list(in, setting->name, text, &error)
                                  : clm_settings_set(in->settings, setting->name, text ? text : "on", &error);
    if (status == CLM_ERROR_ARGUMENT)
        wrong_usage(in->about->name, "--%s", error.message);
    if (status != CLM_OK)
        exit(fail_command(in->about->name, &error));
}

/* The file is a further one of the option that takes several. */
static void take_file(struct invocation *in, char *text)
{
    const char *const option = in->about->files;
    if (!clm_settings_is_set(in->settings, option))
        wrong_usage(in->about->name,
                    "it takes options only, not %s; results are shown together as in --%s %s", text, option,
                    text);
    if (!*text)
        wrong_usage(in->about->name, "--%s: the name of a file is empty", option);
    in->files[in->file_count++] = text;
}

static void take_operand(struct invocation *in, const char *text)
{
    if (!in->about->operand) {
        const bool is_data = has_option(in->about->name, "data") && !access(text, F_OK);
        wrong_usage(in->about->name, "it takes options only, not %s%s%s", text,
                    is_data ? "; a data set is named as in --data " : "", is_data ? text : "");
    }
    if (in->operand)
        wrong_usage(in->about->name, "it takes one %s, not %s and %s", in->about->operand, in->operand, text);
    if (!*text)
        wrong_usage(in->about->name, "%s: its value is empty", in->about->operand);
    in->operand = text;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct invocation *const in = state->input;
    char name[64];
    switch (key) {
    case KEY_HELP:
        snprintf(name, sizeof name, "clmlp %s", in->about->name);
        argp_help(state->root_argp, stdout,
                  ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG | ARGP_HELP_POST_DOC, name);
        exit(close_output(in->about->name, EXIT_DONE));
    case KEY_VERSION:
        print_version();
        exit(close_output(in->about->name, EXIT_DONE));
    case ARGP_KEY_ERROR:
        explain_option(state, in->about->name);
    case ARGP_KEY_ARG:
        if (in->about->files && (clm_settings_is_set(in->settings, in->about->files) || !access(text, F_OK)))
            take_file(in, text);
        else
            take_operand(in, text);
        return 0;
    case ARGP_KEY_END:
        if (in->about->need && !in->operand)
            wrong_usage(in->about->name, "%s", in->about->need);
        return 0;
    default:
        if (key < KEY_FIRST || key >= KEY_FIRST + OPTIONS_MAX)
            return ARGP_ERR_UNKNOWN;
        set_option(in, clm_setting_at(in->about->name, (size_t)(key - KEY_FIRST)), text);
        return 0;
    }
}

/* argp's options, with a heading before each group of the table; the memory is never freed. */
static const struct argp_option *list_options(const char *command)
{
    static struct argp_option options[OPTIONS_MAX + GROUPS_MAX + 3];
    static char helps[OPTIONS_MAX][HELP_MAX], headings[GROUPS_MAX][32];
    const struct clm_setting *setting;
    const char *group = "";
    int groups = 0;
    size_t count = 0;
    for (size_t i = 0; i < OPTIONS_MAX && (setting = clm_setting_at(command, i)); i++) {
        if (strcmp(setting->group, group) && groups < GROUPS_MAX) {
            group = setting->group;
            snprintf(headings[groups], sizeof headings[groups], "%s:", group);
            options[count++] = (struct argp_option){.doc = headings[groups], .group = groups + 1};
            groups++;
        }
        clm_setting_describe(setting, helps[i], HELP_MAX);
        options[count++] = (struct argp_option){.name = setting->name,
                                                .key = KEY_FIRST + (int)i,
                                                .arg = setting->argument,
                                                .doc = helps[i],
                                                .group = groups};
    }
    options[count++] = (struct argp_option){"help", KEY_HELP, NULL, 0, "print this help", -1};
    options[count] = (struct argp_option){"version", KEY_VERSION, NULL, 0, "print the program's version", -1};
    return options;
}

/* Refuses an option that is useless without another one. */
static void check_together(const struct invocation *in)
{
    if (clm_settings_is_set(in->settings, "val-seed") &&
        clm_settings_count(in->settings, "val-by") == CLM_SPLIT_LAST)
        wrong_usage(in->about->name, "--val-seed is for --val-by random or stratified; add one of them");
    if (clm_settings_is_set(in->settings, "layers") && clm_settings_is_set(in->settings, "hidden"))
        wrong_usage(in->about->name,
                    "--layers and --hidden both say the hidden layers; leave one of them out");
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return !stat(a, &of_a) && !stat(b, &of_b) && S_ISREG(of_a.st_mode) && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/* An output replaces the file that is there, but never one that the command reads. */
static void check_is_no_input(const struct invocation *in, const char *name, const char *path)
{
    static const char *const inputs[] = {"data", "test", "config", "merge"};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        const char *const input = clm_settings_text(in->settings, inputs[i]);
        if (input && is_same_file(path, input))
            wrong_usage(in->about->name,
                        "--%s %s: it is the file of --%s, which would be lost; name another one", name, path,
                        inputs[i]);
    }
    for (size_t i = 0; i < in->file_count; i++)
        if (is_same_file(path, in->files[i]))
            wrong_usage(in->about->name,
                        "--%s %s: it is a file of --%s, which would be lost; name another one", name, path,
                        in->about->files);
    if (in->operand && is_same_file(path, in->operand))
        wrong_usage(in->about->name, "--%s %s: it is the %s itself, which would be lost; name another file",
                    name, path, in->about->operand);
}

/* Two outputs in one file would leave the last one. */
static void check_is_no_other_output(const struct invocation *in, size_t index, const char *path)
{
    const char *const name = clm_setting_at(in->about->name, index)->name;
    for (size_t i = 0; i < index; i++) {
        const struct clm_setting *const other = clm_setting_at(in->about->name, i);
        const char *const its =
            other->type == CLM_SETTING_OUTPUT ? clm_settings_text(in->settings, other->name) : NULL;
        if (its && (!strcmp(its, path) || is_same_file(its, path)))
            wrong_usage(in->about->name, "--%s %s: --%s writes to this file, too; name another one", name,
                        path, other->name);
    }
}

/* If a file cannot be written, says so before the work, not after. */
static void check_outputs(const struct invocation *in)
{
    const struct clm_setting *setting;
    struct clm_error error;
    for (size_t i = 0; (setting = clm_setting_at(in->about->name, i)); i++) {
        const char *const path = clm_settings_text(in->settings, setting->name);
        if (setting->type != CLM_SETTING_OUTPUT || !path || !strcmp(path, "-"))
            continue;
        check_is_no_input(in, setting->name, path);
        check_is_no_other_output(in, i, path);
        if (clm_check_file(path, &error) == CLM_OK)
            continue;
        complain(in->about->name, "--%s %s", setting->name, error.message);
        exit(EXIT_FAILED);
    }
    if (is_json_alone(in->settings) && !claim_output()) {
        complain(in->about->name, "--json -: standard output cannot be kept for it: %s", strerror(errno));
        exit(close_output(in->about->name, EXIT_FAILED));
    }
}

static void read_config(const struct invocation *in)
{
    const char *const path = clm_settings_text(in->settings, "config");
    struct clm_error error;
    const clm_status status = path ? clm_settings_read(in->settings, path, &error) : CLM_OK;
    if (status == CLM_ERROR_ARGUMENT)
        wrong_usage(in->about->name, "--config %s", error.message);
    if (status == CLM_OK)
        return;
    complain(in->about->name, "--config %s", error.message);
    exit(EXIT_FAILED);
}

/* A run that goes on has settings of its own. */
static void read_resumed(const struct invocation *in)
{
    struct clm_error error;
    const clm_status status = clm_settings_resume(in->settings, &error);
    if (status == CLM_OK)
        return;
    name_options(in->about->name, &error);
    if (status == CLM_ERROR_ARGUMENT)
        wrong_usage(in->about->name, "%s", error.message);
    complain(in->about->name, "%s", error.message);
    exit(EXIT_FAILED);
}

static void read_recipe(const struct invocation *in)
{
    struct clm_error error;
    if (clm_settings_read_recipe(in->settings, &error) == CLM_OK)
        return;
    complain(in->about->name, "--recipe %s", error.message);
    exit(EXIT_FAILED);
}

static void check_needs(const struct invocation *in)
{
    for (size_t i = 0; i < NEEDS_MOST && in->about->needs[i].setting; i++) {
        const char *const name = in->about->needs[i].setting;
        if (!clm_settings_text(in->settings, name))
            wrong_usage(in->about->name, "--%s is needed, as in --%s %s", name, name,
                        in->about->needs[i].example);
    }
}

struct invocation parse_arguments(const struct command *command, int argc, char **argv)
{
    const struct argp argp = {.options = list_options(command->name),
                              .parser = parse,
                              .args_doc = command->operand,
                              .doc = command->doc};
    struct invocation in = {.about = command, .argc = argc, .argv = argv};
    struct clm_error error;
    if (command->files && !(in.files = calloc((size_t)argc, sizeof *in.files)))
        exit(fail_command(command->name, &(const struct clm_error){.message = "the host has no memory"}));
    if (clm_settings_create(command->name, &in.settings, &error) != CLM_OK)
        exit(fail_command(command->name, &error));
    /* argv stays in the order it was typed, for run.json */
    const error_t code = argp_parse(&argp, argc - 1, argv + 1,
                                    ARGP_NO_HELP | ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_IN_ORDER, NULL, &in);
    if (code) {
        complain(command->name, "the arguments could not be read: %s", strerror(code));
        exit(EXIT_USAGE);
    }
    read_config(&in);
    read_resumed(&in);
    read_recipe(&in);
    check_together(&in);
    check_outputs(&in);
    check_needs(&in);
    return in;
}

/* ---- what the settings ask for ---- */

struct sizes setting_sizes(const struct clm_settings *settings, const char *name)
{
    struct sizes sizes = {.count = 0};
    const size_t *const values = clm_settings_sizes(settings, name, &sizes.count);
    if (sizes.count)
        memcpy(sizes.values, values, sizes.count * sizeof *values);
    return sizes;
}

bool layers_of(const struct invocation *in, size_t index, struct sizes *out)
{
    const size_t *const widths = clm_settings_net(in->settings, "layers", index, &out->count);
    if (!widths)
        return false;
    if (out->count < 2)
        wrong_usage(in->about->name, "--layers %zu: it needs inputs and classes at least, as in 784,10",
                    *widths);
    memcpy(out->values, widths, out->count * sizeof *widths);
    return true;
}

struct sizes layer_widths(size_t inputs, const struct clm_settings *settings, size_t classes)
{
    const bool has_text = clm_settings_text(settings, "layers");
    struct sizes hidden = {.count = 0};
    if (!has_text)
        hidden = setting_sizes(settings, "hidden");
    struct sizes layers = {.values = {inputs}, .count = hidden.count + 2};
    memcpy(layers.values + 1, hidden.values, hidden.count * sizeof *hidden.values);
    layers.values[layers.count - 1] = classes;
    return layers;
}

static void hear_note(void *user, const char *sentence)
{
    const struct invocation *const in = user;
    remark(in->about->name, "%s", sentence);
}

static void hear_data_note(void *user, const char *sentence, const char *setting)
{
    const struct invocation *const in = user;
    struct clm_error note = {.status = CLM_OK};
    snprintf(note.message, sizeof note.message, "%s", sentence);
    snprintf(note.setting, sizeof note.setting, "%s", setting);
    name_options(in->about->name, &note);
    remark(in->about->name, "%s", note.message);
}

/* Targets that are named are numbers to predict, unless another loss is asked for. */
static void choose_loss(struct clm_settings *settings)
{
    if (clm_settings_is_set(settings, "target") && clm_settings_text(settings, "loss") &&
        !clm_settings_is_set(settings, "loss"))
        (void)!clm_settings_set(settings, "loss", "squared", NULL);
}

struct clm_data_options data_options(struct invocation *in)
{
    choose_loss(in->settings);
    const struct clm_settings *const settings = in->settings;
    const uint64_t memory = clm_settings_count(settings, "memory");
    const double validation = clm_settings_number(settings, "val"); /* NaN: the path of a set */
    size_t sides;
    const size_t *const resize = clm_settings_sizes(settings, "resize", &sides);
    const char *const channels = clm_settings_text(settings, "channels"), *const loss = clm_settings_text(
                                                                              settings, "loss");
    return (struct clm_data_options){
        .source = clm_settings_text(settings, "data"),
        .format = clm_settings_text(settings, "format"),
        .test = clm_settings_text(settings, "test"),
        .validation_set = isnan(validation) ? clm_settings_text(settings, "val") : NULL,
        .validation = isnan(validation) ? 0 : validation,
        .validation_by = (enum clm_split)clm_settings_count(settings, "val-by"),
        .validation_seed = clm_settings_count(settings, "val-seed"),
        .limit = clm_settings_count(settings, "limit"),
        .memory = memory - memory / 2, /* a limit of one byte stays a limit */
        .on_note = hear_data_note,
        .note_user = in,
        .inputs = clm_settings_text(settings, "inputs"),
        .label = clm_settings_text(settings, "label"),
        .header = (enum clm_header)clm_settings_count(settings, "header"),
        .missing = (enum clm_missing)clm_settings_count(settings, "missing"),
        .ignore = clm_settings_text(settings, "ignore"),
        .only = clm_settings_text(settings, "only"),
        .categorical = clm_settings_text(settings, "categorical"),
        .id = clm_settings_text(settings, "id"),
        .weight = clm_settings_text(settings, "weight"),
        .delimiter = clm_settings_text(settings, "delimiter"),
        .missing_words = clm_settings_text(settings, "missing-words"),
        .resize_width = resize ? resize[0] : 0,
        .resize_height = resize ? resize[1] : 0,
        .channels = channels ? (size_t)(*channels - '0') : 0,
        .has_targets = clm_settings_is_set(settings, "target") || (loss && clm_loss_has_targets(loss)),
        .target = clm_settings_text(settings, "target"),
    };
}

const char *default_device(void)
{
    const char *const device = getenv("CLMLP_DEVICE");
    return device && *device ? device : NULL;
}

/* Of the backends of bench's list, opencl, if it is there. */
static enum clm_backend_kind backend_kind(const struct invocation *in)
{
    const uint64_t value = clm_settings_count(in->settings, "backend");
    if (in->about != &command_bench)
        return (enum clm_backend_kind)value;
    return !value || value >> CLM_BACKEND_OPENCL & 1 ? CLM_BACKEND_OPENCL : CLM_BACKEND_BLAS;
}

struct clm_backend_options backend_options(struct invocation *in)
{
    struct clm_settings *const settings = in->settings;
    const bool has_gemm = clm_settings_is_set(settings, "gemm"),
               has_device = clm_settings_is_set(settings, "device");
    const char *const device = default_device();
    struct clm_error error;
    if (device && !has_device && clm_settings_set(settings, "device", device, &error) != CLM_OK)
        exit(fail_command(in->about->name, &error));
    const struct clm_backend_options options = {
        .kind = backend_kind(in),
        .device = device || has_device ? clm_settings_text(settings, "device") : NULL,
        .gemm = has_gemm ? clm_settings_text(settings, "gemm") : NULL,
        .on_note = hear_note,
        .note_user = in,
        .device_memory = clm_settings_count(settings, "device-memory"),
        .host_memory = clm_settings_count(settings, "memory")};
    if (options.kind != CLM_BACKEND_OPENCL && (has_device || has_gemm))
        remark(in->about->name, "--%s is for OpenCL devices, and is not looked at with --backend %s",
               has_gemm ? "gemm" : "device", clm_settings_text(settings, "backend"));
    return options;
}

bool is_json_alone(const struct clm_settings *settings)
{
    const char *const json = clm_settings_text(settings, "json");
    return json && !strcmp(json, "-");
}
