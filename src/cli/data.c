/* clmlp data: commands of its own, a file each. */
#include "cli/arguments.h"
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

struct data_command {
    const char *name;
    char *whole_name; /* what the command calls itself, in errors and help */
    int (*run)(int argc, char **argv);
};

static char info_name[] = "data info", sample_name[] = "data sample", convert_name[] = "data convert",
            make_name[] = "data make";

static const struct data_command commands[] = {
    {"info", info_name, command_data_info},
    {"sample", sample_name, command_data_sample},
    {"convert", convert_name, command_data_convert},
    {"make", make_name, command_data_make},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static _Noreturn void cli_data_refuse(const char *word)
{
    const char *names[COMMAND_COUNT + 1] = {0};
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *const meant = clm_nearest_name(word, names);
    if (meant)
        wrong_usage("data", "%s: there is no such command; did you mean data %s?", word, meant);
    wrong_usage("data", "%s: there is no such command; there are info, sample, convert and make", word);
}

int command_data(int argc, char **argv)
{
    static const struct usage usage = {
        .operand = "COMMAND [OPTION...]",
        .need = "it needs a command of its own: info, sample, convert or make",
        .doc = "Looks into data sets, draws, converts and makes them:\n\n"
               "  clmlp data info --data D                        what it holds, and what to beware of\n"
               "  clmlp data sample --data D --out F.png          a sheet of its pictures\n"
               "  clmlp data convert --data D --to FORMAT --out P into another format\n"
               "  clmlp data make --out DIR                       a synthetic set\n\n"
               "`clmlp data COMMAND --help' explains a command's options."};
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (argc > 2 && !strcmp(argv[2], commands[i].name)) {
            argv[2] = commands[i].whole_name;
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 2 && *argv[2] != '-')
        cli_data_refuse(argv[2]);
    parse_arguments(&usage, argc, argv, NULL);
    return EXIT_USAGE;
}
