#include "cli/arguments.h"

#include "cli/command.h"

#include <errno.h>
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
    check_outputs(argv[1]);
}
