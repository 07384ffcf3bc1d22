/* clmlp: the command line. Each command has a file of its own. */
#include "cli/command.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"devices", command_devices, "list OpenCL devices, and which one would be taken and why"},
    {"train", command_train, "train a net, print a table of epochs, write a run directory"},
    {"eval", command_eval, "loss, accuracy, confusion matrix, precision and recall of a model"},
    {"predict", command_predict, "class and probabilities of each row"},
    {"bench", command_bench, "how long a training step takes on each backend and device"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_version(FILE *stream, struct argp_state *state)
{
    (void)state;
    fprintf(stream, "clmlp %s\n", clm_version());
}

static void print_help(void)
{
    printf("Usage: clmlp COMMAND [OPTION...]\n"
           "\nTrains multi-layer perceptrons on any OpenCL device, and checks what the device "
           "computes.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-10s  %s\n", commands[i].name, commands[i].summary);
    printf("\nBegin with\n"
           "  clmlp train --data fashion-mnist --out run\n"
           "  clmlp eval run/model.safetensors --data fashion-mnist\n"
           "\n`clmlp COMMAND --help' explains a command's options with their defaults. Exit code: 0 done, 1 "
           "failed or\n"
           "a check did not pass, 2 wrong usage.\n");
}

/* The commands in one line, for a sentence. */
static void name_commands(char text[256])
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        at += (size_t)snprintf(text + at, 256 - at, "%s%s", i ? ", " : "", commands[i].name);
}

static int run(const struct command *command, int argc, char **argv)
{
    char name[64];
    snprintf(name, sizeof name, "clmlp: %s", command->name);
    argv[0] = name;
    argp_program_version_hook = print_version;
    const int code = command->run(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        complain(command->name, "standard output could not be written: %s", strerror(errno));
        return EXIT_FAILED;
    }
    return code;
}

int main(int argc, char **argv)
{
    char names[256];
    const char *const word = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(word, commands[i].name))
            return run(&commands[i], argc - 1, argv + 1);
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "-?") || !strcmp(word, "help")) {
        print_help();
        return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
    }
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        print_version(stdout, NULL);
        return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
    }
    name_commands(names);
    if (argc < 2)
        fprintf(stderr, "clmlp: a command is needed: one of %s\nTry `clmlp --help'.\n", names);
    else
        fprintf(stderr, "clmlp: %s: there is no such command; there are %s\nTry `clmlp --help'.\n", word,
                names);
    return EXIT_USAGE;
}
