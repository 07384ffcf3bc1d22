/* clmlp: the command line. Each command has a file of its own. */
#include "cli/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"devices", command_devices, "list OpenCL devices, and which one would be taken and why"},
    {"doctor", command_doctor, "what is missing or wrong about OpenCL here, device by device, and a remedy"},
    {"train", command_train, "train a net, print a table of epochs, write a run directory"},
    {"eval", command_eval, "loss, accuracy, confusion matrix, precision and recall of a model"},
    {"predict", command_predict, "class and probabilities of each row"},
    {"verify", command_verify, "every operation and whole training steps of a device against the reference"},
    {"gradcheck", command_gradcheck, "analytic against numerical gradients, layer by layer"},
    {"tune", command_tune, "measure who multiplies fastest on a device, and keep the choice"},
    {"bench", command_bench, "how long a training step takes on each backend and device"},
    {"data", command_data, "look into data sets, draw, convert and make them"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(void)
{
    printf(
        "Usage: clmlp COMMAND [OPTION...]\n"
        "       clmlp --help | --version\n"
        "\nTrains multi-layer perceptrons on any OpenCL device, and checks what the device computes.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-10s  %s\n", commands[i].name, commands[i].summary);
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
    const char *names[COMMAND_COUNT + 1] = {0};
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *const meant = clm_nearest_name(word, names);
    fprintf(stderr, "clmlp: %s: there is no such %s", word, *word == '-' ? "option" : "command");
    if (meant)
        fprintf(stderr, "; did you mean %s?", meant);
    fputs("\nTry `clmlp --help'.\n", stderr);
    exit(EXIT_USAGE);
}

/* Data stays in its file, which nobody must shorten: what is no longer there cannot be read. */
static void lose_data(int signal)
{
    (void)signal;
    static const char sentence[] =
        "\nclmlp: a data file became shorter, or its disk failed, while it was read; run it again\n";
    const ssize_t unused = write(STDERR_FILENO, sentence, sizeof sentence - 1);
    (void)unused;
    _exit(EXIT_FAILED);
}

static void catch_lost_data(void)
{
    struct sigaction action = {.sa_handler = lose_data};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    /* a file over a limit of the shell's is a write that fails, and told as such */
    action.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &action, NULL);
}

/* A file that is opened would take the number of a standard stream that is closed, and what is printed. Where nobody can
 * write or read, that is an error as before. */
static void fill_standard_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 &&
            open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream)
            return;
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    /* a line at a time, so that a table can be followed through a pipe */
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* how argp lays out --help: no room for short options, which there are none of */
    setenv("ARGP_HELP_FMT",
           "short-opt-col=2,long-opt-col=2,doc-opt-col=2,opt-doc-col=26,header-col=0,rmargin=96", 0);
    if (argc < 2) {
        fputs("clmlp: a command is needed, as in clmlp train --data fashion-mnist\nTry `clmlp --help'.\n",
              stderr);
        return EXIT_USAGE;
    }
    catch_lost_data();
    const char *const word = argv[1];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(word, commands[i].name))
            return close_output(word, commands[i].run(argc, argv));
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
        print_help();
    else if (!strcmp(word, "--version") || !strcmp(word, "-V"))
        print_version();
    else
        main_refuse(word);
    return close_output(NULL, EXIT_DONE);
}
