#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void complain(const char *command, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "clmlp: %s: ", command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int fail_command(const char *command, const struct clm_error *error)
{
    complain(command, "%s", error->message);
    return EXIT_FAILED;
}

bool write_json(const char *command, const char *path, json_t *object)
{
    char *const text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    struct clm_error error = {0};
    bool is_written = false;
    json_decref(object);
    if (!text)
        complain(command, "no memory for the JSON of %s", path);
    else if (!strcmp(path, "-"))
        is_written = puts(text) >= 0;
    else if (clm_write_file(path, text, strlen(text), &error) == CLM_OK)
        is_written = true;
    else
        complain(command, "%s", error.message);
    free(text);
    return is_written;
}

bool is_terminal(int descriptor)
{
    const char *const terminal = getenv("TERM");
    return isatty(descriptor) && terminal && strcmp(terminal, "dumb");
}

bool is_coloured(int descriptor)
{
    const char *const no_colour = getenv("NO_COLOR");
    return is_terminal(descriptor) && !(no_colour && *no_colour);
}
