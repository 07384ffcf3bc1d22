#include "data/formats/array_files.h"

#include "base/text.h"
#include "data/files/aside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Removes the files that are no arrays from the list. */
static void keep_arrays(struct listing *files, array_stem *stem)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++)
        if (stem(path_name(files->paths[i])))
            files->paths[kept++] = files->paths[i];
        else
            free(files->paths[i]);
    files->count = kept;
}

static clm_status list_arrays(const char *directory, array_stem *stem, struct array_files *out,
                              struct clm_error *error)
{
    *out = (struct array_files){0};
    const clm_status status = listing_read(directory, is_shown, &out->files, error);
    if (status != CLM_OK)
        return status;
    keep_arrays(&out->files, stem);
    out->names = calloc(out->files.count + 1, sizeof *out->names);
    if (!out->names)
        return clm_fail_host_memory(error, directory, out->files.count * sizeof *out->names);
    for (size_t i = 0; i < out->files.count; i++) {
        const char *const name = path_name(out->files.paths[i]);
        out->names[i] = array_name_of(name, stem(name));
    }
    return CLM_OK;
}

clm_status array_files_find(const char *directory, array_stem *stem, const char *set, struct array_files *out,
                            struct clm_error *error)
{
    const clm_status status = list_arrays(directory, stem, out, error);
    return status == CLM_OK
               ? array_names_choose(directory, out->names, out->files.count, set, &out->choice, error)
               : status;
}

void array_files_free(struct array_files *files)
{
    listing_free(&files->files);
    free(files->names);
    *files = (struct array_files){0};
}

clm_status array_files_recognise(const char *directory, array_stem *stem, bool *has_inputs,
                                 struct clm_error *error)
{
    struct array_files files;
    const clm_status status = list_arrays(directory, stem, &files, error);
    *has_inputs = false;
    for (size_t i = 0; status == CLM_OK && i < files.files.count; i++)
        *has_inputs |= files.names[i].role == ROLE_INPUTS;
    array_files_free(&files);
    return status;
}

const char *array_files_path(const struct array_files *files, size_t index)
{
    return index == NOT_CHOSEN ? NULL : files->files.paths[index];
}

/* The labels of a part that has no inputs, in the set that was chosen; NULL if there are none. */
static const char *lone_labels(const struct array_files *files, enum clm_part part)
{
    const struct array_choice *const choice = &files->choice;
    const char *set = "";
    for (int p = 0; p < 3; p++)
        if (choice->inputs[p] != NOT_CHOSEN)
            set = files->names[choice->inputs[p]].set;
    for (size_t i = 0; i < files->files.count; i++)
        if (files->names[i].role == ROLE_LABELS && files->names[i].part == part &&
            !strcmp(files->names[i].set, set))
            return files->files.paths[i];
    return NULL;
}

clm_status array_files_read(const struct array_files *files, enum clm_part part, array_opener *open,
                            void *user, const char *example, const struct request *request,
                            struct contents *out, struct clm_error *error)
{
    const char *const inputs = array_files_path(files, files->choice.inputs[part]),
                      *const labels = array_files_path(files, files->choice.labels[part]),
                      *const lone = inputs ? NULL : lone_labels(files, part);
    if (lone)
        return clm_fail(error, CLM_ERROR_IO,
                        "%s: holds labels, but the file of the inputs that belong to it is missing; add it",
                        lone);
    if (inputs && !labels && !request->options->labels_optional)
        return clm_fail(error, CLM_ERROR_IO,
                        "%s: has no labels beside it: their file would be called %s or the like; add it",
                        inputs, example);
    return inputs ? array_read_pair(open, user, inputs, labels, request, part, out, error) : CLM_OK;
}

static bool is_used(const struct array_files *files, const char *path, const char *const also[2])
{
    for (int i = 0; i < 2; i++)
        if (also && also[i] && !strcmp(path_name(also[i]), path_name(path)))
            return true;
    for (size_t i = 0; i < files->files.count; i++)
        if (!strcmp(files->files.paths[i], path))
            return is_chosen(&files->choice, i);
    return is_about_data(path_name(path));
}

clm_status array_files_note_unused(const char *directory, const struct array_files *files,
                                   const char *const also[2], const struct request *request,
                                   struct clm_error *error)
{
    struct listing all;
    struct names_note note = {0};
    const clm_status status = listing_read(directory, is_shown, &all, error);
    for (size_t i = 0; status == CLM_OK && i < all.count; i++)
        if (!is_used(files, all.paths[i], also))
            note_name(&note, path_name(all.paths[i]));
    if (status == CLM_OK)
        note_unused(&note, directory, request->options);
    listing_free(&all);
    return status;
}
