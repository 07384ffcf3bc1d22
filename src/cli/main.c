/* clmlp: the command line. Each command has a file of its own. */
#include "cli/arguments.h"
#include "cli/signals.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static clm_status refuse_data(struct invocation *in, struct clm_error *error);
static clm_status refuse_kernel(struct invocation *in, struct clm_error *error);

/* Stands for all commands that begin with "data ". */
static const struct command command_data = {
    "data",
    "look into data sets, draw, convert and make them",
    refuse_data,
    "Looks into data sets, draws, converts and makes them:\n\n"
    "  clmlp data info --data D                        what it holds, and what to beware of\n"
    "  clmlp data sample --data D --out F.png          a sheet of its pictures\n"
    "  clmlp data convert --data D --to FORMAT --out P into another format\n"
    "  clmlp data make --out DIR                       a synthetic set\n\n"
    "`clmlp data COMMAND --help' explains a command's options.",
    {{NULL}},
    "COMMAND [OPTION...]",
    "it needs a command of its own: info, sample, convert or make"};

/* Stands for all commands that begin with "kernel ". */
static const struct command command_kernel = {
    "kernel",
    "check a kernel of your own, and see how fast it is",
    refuse_kernel,
    "Checks kernels of your own in OpenCL C, and times them:\n\n"
    "  clmlp kernel new [FILE.cl]    a right and slow kernel to begin with\n"
    "  clmlp kernel check FILE.cl    is it right, on all shapes and contents, and how fast?\n\n"
    "`clmlp kernel COMMAND --help' explains a command's options.",
    {{NULL}},
    "COMMAND [OPTION...]",
    "it needs a command of its own: new or check"};

static const struct command *const commands[] = {
    &command_devices,    &command_doctor,       &command_train,        &command_eval,      &command_predict,
    &command_verify,     &command_gradcheck,    &command_tune,         &command_bench,     &command_data,
    &command_data_info,  &command_data_sample,  &command_data_convert, &command_data_make, &command_kernel,
    &command_kernel_new, &command_kernel_check, &command_search,       &command_export,    &command_import,
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* Finds "info" in the group "data ", or "train" in the group ""; NULL if there is none. */
static const struct command *find_command(const char *group, const char *word)
{
    const size_t length = strlen(group);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strncmp(commands[i]->name, group, length) && !strcmp(commands[i]->name + length, word))
            return commands[i];
    return NULL;
}

/* The command most like the word: in the group, or among the program's own if the group is "". */
static const char *nearest_command(const char *group, const char *word)
{
    const char *names[COMMAND_COUNT + 1] = {0};
    const size_t length = strlen(group);
    for (size_t i = 0, count = 0; i < COMMAND_COUNT; i++)
        if (!strncmp(commands[i]->name, group, length) && !strchr(commands[i]->name + length, ' '))
            names[count++] = commands[i]->name + length;
    return clm_nearest_name(word, names);
}

/* Refuses a word after the group's name that is none of `words`. */
static _Noreturn void refuse_in_group(const char *group, const char *prefix, const char *words,
                                      const char *word)
{
    const char *const meant = nearest_command(prefix, word);
    if (meant)
        wrong_usage(group, "%s: there is no such command; did you mean %s %s?", word, group, meant);
    wrong_usage(group, "%s: there is no such command; there are %s", word, words);
}

static clm_status refuse_data(struct invocation *in, struct clm_error *error)
{
    (void)error;
    refuse_in_group("data", "data ", "info, sample, convert and make", in->operand);
}

static clm_status refuse_kernel(struct invocation *in, struct clm_error *error)
{
    (void)error;
    refuse_in_group("kernel", "kernel ", "new and check", in->operand);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct invocation in = parse_arguments(command, argc, argv);
    struct clm_error error = {0};
    const clm_status status = command->run(&in, &error);
    signals_blame_nothing();
    clm_settings_free(in.settings);
    free(in.files);
    return status == CLM_OK ? (int)in.code : fail_command(command->name, &error);
}

static void print_help(void)
{
    printf(
        "Usage: clmlp COMMAND [OPTION...]\n"
        "       clmlp --help | --version\n"
        "\nTrains multi-layer perceptrons on any OpenCL device, and checks what the device computes.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i]->summary)
            printf("  %-10s  %s\n", commands[i]->name, commands[i]->summary);
    printf(
        "\nBegin with\n"
        "  clmlp train --data fashion-mnist --out run\n"
        "  clmlp eval run/model.safetensors --data fashion-mnist\n"
        "\nEnvironment:\n"
        "  CLMLP_DEVICE      the default of --device\n"
        "  CLMLP_DATA        a folder of data sets, looked at first\n"
        "  CLMLP_KERNEL_DIR  a folder of kernels to use instead of the built-in ones\n"
        "  NO_COLOR          no colours\n"
        "\n`clmlp COMMAND --help' explains a command's options with their defaults. Exit code: 0 done, 1 failed or\n"
        "a check did not pass, 2 wrong usage.\n");
}

static _Noreturn void main_refuse(const char *word)
{
    const char *const meant = nearest_command("", word);
    fprintf(stderr, "clmlp: %s: there is no such %s", printable(word).text,
            *word == '-' ? "option" : "command");
    if (meant)
        fprintf(stderr, "; did you mean %s?", meant);
    fputs("\nTry `clmlp --help'.\n", stderr);
    exit(EXIT_USAGE);
}

/* If a standard stream is closed, the next opened file would take its number, and get what is printed. Fills
 * the number with a stream that cannot be used, so that printing still fails. */
static void fill_standard_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 &&
            open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream)
            return;
}

/* "clmlp help recipes" */
static int print_recipes(void)
{
    struct clm_recipe recipe;
    printf("Recipes: settings of train for --recipe NAME. Other options come before those of the recipe.\n");
    for (size_t n = 0; clm_recipe_at(n, &recipe); n++)
        printf("\n%s\n%s", recipe.name, recipe.text);
    return close_output(NULL, EXIT_DONE);
}

/* "clmlp help data info" is "clmlp data info --help". */
static int show_help_of(int argc, char **argv)
{
    static char help[] = "--help";
    const bool has_group = argc > 3 && (!strcmp(argv[2], "data") || !strcmp(argv[2], "kernel"));
    char group[16] = "";
    if (has_group)
        snprintf(group, sizeof group, "%s ", argv[2]);
    char *words[] = {argv[0], has_group ? argv[3] : argv[2], help, NULL};
    const struct command *const command = find_command(group, words[1]);
    if (!command)
        main_refuse(words[1]);
    return close_output(words[1], run_command(command, 3, words));
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    /* by lines, so that a table can be followed through a pipe */
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* argp's layout of --help: no room for short options, since there are none */
    setenv("ARGP_HELP_FMT",
           "short-opt-col=2,long-opt-col=2,doc-opt-col=2,opt-doc-col=26,header-col=0,rmargin=96", 0);
    if (argc < 2) {
        fputs("clmlp: a command is needed, as in clmlp train --data fashion-mnist\nTry `clmlp --help'.\n",
              stderr);
        return EXIT_USAGE;
    }
    const char *const word = argv[1];
    const struct command *command = find_command("", word);
    if ((command == &command_data || command == &command_kernel) && argc > 2 && *argv[2] != '-') {
        const struct command *const of_group =
            find_command(command == &command_data ? "data " : "kernel ", argv[2]);
        if (!of_group)
            return (int)command->run(&(struct invocation){.operand = argv[2]}, NULL);
        command = of_group;
        argc--, argv++;
    }
    signals_begin(word);
    if (!strcmp(word, "help") && argc == 3 && !strcmp(argv[2], "recipes"))
        return print_recipes();
    if (!strcmp(word, "help") && argc > 2)
        return show_help_of(argc, argv);
    if (command)
        return close_output(word, run_command(command, argc, argv));
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
        print_help();
    else if (!strcmp(word, "--version") || !strcmp(word, "-V"))
        print_version();
    else
        main_refuse(word);
    return close_output(NULL, EXIT_DONE);
}
