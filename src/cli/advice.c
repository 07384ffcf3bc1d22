/* Advice for the user about an error: the library names settings, the program their options. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#define OPTIONS_MOST 8 /* per error */

bool has_option(const char *command, const char *name)
{
    const struct clm_setting *setting;
    for (size_t i = 0; (setting = clm_setting_at(command, i)); i++)
        if (!strcmp(setting->name, name))
            return true;
    return false;
}

/* Writes those of `settings` that are options of the command: "--batch, --hidden and --backend". */
static void write_options(const char *command, const char *settings, char *text, size_t size)
{
    char names[OPTIONS_MOST][32];
    size_t count = 0, used = 0;
    int length = 0;
    for (; count < OPTIONS_MOST && sscanf(settings, "%31s%n", names[count], &length) == 1; settings += length)
        count += has_option(command, names[count]);
    for (size_t i = 0; i < count; i++) {
        const char *const before = !i ? "" : i + 1 < count ? ", " : " and ";
        const char *const other = strcmp(names[i], "device") ? "" : " (or CLMLP_DEVICE)";
        used += (size_t)snprintf(text + used, size - used, "%s--%s%s", before, names[i], other);
    }
}

/* The command that tells more, or "". */
static const char *more_about(const struct clm_error *error)
{
    if (!*error->setting)
        return "";
    if (error->status == CLM_ERROR_MEMORY && !strcmp(error->setting, "memory"))
        return "; `clmlp data convert --to npy' writes such files";
    if (error->status == CLM_ERROR_DEVICE && !strcmp(error->setting, "device"))
        return "; `clmlp devices' lists what there is";
    return error->status == CLM_ERROR_DEVICE || error->status == CLM_ERROR_WRONG
               ? "; `clmlp doctor' tells more"
               : "";
}

void name_options(const char *command, struct clm_error *error)
{
    const char *const more = more_about(error);
    char options[OPTIONS_MOST * 64] = "";
    const size_t used = strlen(error->message);
    write_options(command, error->setting, options, sizeof options);
    snprintf(error->message + used, sizeof error->message - used, "%s%s%s", *options ? "; see " : "", options,
             more);
    *error->setting = '\0';
}

int fail_command(const char *command, const struct clm_error *error)
{
    struct clm_error advised = *error;
    name_options(command, &advised);
    complain(command, "%s", advised.message);
    return EXIT_FAILED;
}
