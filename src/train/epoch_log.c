#include "train/epoch_log.h"

#include "base/file.h"
#include "train/ensemble.h"
#include "train/run_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

clm_status epoch_log_begin(const char *path, int *out, struct clm_error *error)
{
    *out = -1;
    if (!path)
        return CLM_OK;
    *out = open(strcmp(path, "-") ? path : "/dev/stdout", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return *out >= 0 ? CLM_OK
                     : clm_fail_setting(error, CLM_ERROR_IO, "log-json", "%s: it cannot be written: %s", path,
                                        strerror(errno));
}

void epoch_log_end(int *log)
{
    if (*log >= 0)
        close(*log);
    *log = -1;
}

static void tell_lost_line(const struct training *t, const char *why)
{
    char sentence[512];
    snprintf(sentence, sizeof sentence, "%.300s: the line of an epoch was not written: %s",
             clm_settings_text(t->ensemble->settings, "log-json"), why);
    if (t->be->on_note)
        t->be->on_note(t->be->note_user, sentence);
}

void epoch_log_add(struct training *t)
{
    const struct run_record record = {.data = t->data,
                                      .model = t->ensemble->model,
                                      .epochs = t->epochs,
                                      .epoch_count = t->epoch_count,
                                      .epochs_wanted = t->options->epochs};
    if (t->ensemble->log < 0)
        return;
    char *const line = run_directory_epoch_line(&record, t->epoch_count - 1);
    if (!line)
        tell_lost_line(t, "the host has no memory");
    else if (!file_write_all(t->ensemble->log, (const unsigned char *)line, strlen(line)))
        tell_lost_line(t, strerror(errno));
    free(line);
}
