/* clm_settings_resume: the settings of a run that goes on. */
#include "base/file.h"
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>

/* Whether two paths are the same but for slashes at their ends. */
static bool is_same_path(const char *a, const char *b)
{
    size_t length_a = strlen(a), length_b = strlen(b);
    while (length_a > 1 && a[length_a - 1] == '/')
        length_a--;
    while (length_b > 1 && b[length_b - 1] == '/')
        length_b--;
    return length_a == length_b && !memcmp(a, b, length_a);
}

/* The run goes on in its own directory. */
static clm_status take_directory(struct clm_settings *settings, const char *directory,
                                 struct clm_error *error)
{
    const char *const out = clm_settings_text(settings, "out");
    if (out && !is_same_path(out, directory))
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "out",
                                "out %s: the run goes on in its own directory, %s; leave out away", out,
                                directory);
    return clm_settings_set(settings, "out", directory, error);
}

/* Sets what the run had set, unless it is set. */
static clm_status take_settings_of_run(struct clm_settings *settings, const json_t *values,
                                       const json_t *names, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < json_array_size(names); i++) {
        const char *const name = json_string_value(json_array_get(names, i)),
                          *const text = name ? json_string_value(json_object_get(values, name)) : NULL;
        if (text && strcmp(name, "config") && !clm_settings_is_set(settings, name))
            status = clm_settings_set(settings, name, text, error);
    }
    return status;
}

clm_status clm_settings_resume(struct clm_settings *settings, struct clm_error *error)
{
    const char *const resume = clm_settings_text(settings, "resume");
    struct safetensors file;
    json_t *values = NULL, *names = NULL;
    char *path, *directory;
    if (!resume)
        return CLM_OK;
    clm_status status = checkpoint_open(resume, &file, &path, &directory, error);
    if (status == CLM_OK)
        status = checkpoint_compare(&file, path, settings, true, error);
    if (status == CLM_OK)
        status = take_directory(settings, directory, error);
    if (status == CLM_OK)
        status = checkpoint_settings(&file, path, &values, &names, error);
    if (status == CLM_OK)
        status = take_settings_of_run(settings, values, names, error);
    json_decref(values);
    json_decref(names);
    safetensors_free(&file);
    free(path);
    free(directory);
    return status;
}
