#include "data/table_files.h"

#include "base/file.h"
#include "data/files/aside.h"
#include "data/files/compression.h"
#include "data/formats/array_name.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Length of a table's name without its endings; 0 if it is no table's. */
static size_t table_stem(const char *name)
{
    static const char *const endings[] = {".csv", ".tsv",  ".tab", ".txt",    ".data",
                                          ".dat", ".arff", ".svm", ".libsvm", ".svmlight"};
    const size_t length = compressed_stem(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t ending = strlen(endings[i]);
        if (length > ending && !strncasecmp(name + length - ending, endings[i], ending))
            return length - ending;
    }
    return 0;
}

/* Whether the name is a word for a part, such as train. */
static bool names_part(const char *name, enum clm_part *part)
{
    const struct array_name words = array_name_of(name, table_stem(name));
    *part = words.part;
    return words.has_part && words.role == ROLE_NONE && !*words.set;
}

static bool are_tables(const struct listing *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (!table_stem(path_name(files->paths[i])) || is_directory(files->paths[i]))
            return false;
    return files->count != 0;
}

/* Leaves out texts about the data. */
static int is_shown_data(const struct dirent *entry)
{
    return is_shown(entry) && !is_about_data(entry->d_name);
}

static void take_parts(struct listing *files, struct table_files *out, struct names_note *unused)
{
    const bool is_single = files->count == 1;
    for (size_t i = 0; i < files->count; i++) {
        enum clm_part part = CLM_TRAIN;
        const bool is_part = names_part(path_name(files->paths[i]), &part);
        if (is_single)
            part = CLM_TRAIN;
        if ((is_part || is_single) && !out->paths[part]) {
            out->paths[part] = files->paths[i];
            files->paths[i] = NULL;
        } else
            note_name(unused, path_name(files->paths[i]));
    }
}

clm_status table_files_find(const char *directory, const struct clm_data_options *options,
                            struct table_files *out, struct clm_error *error)
{
    struct listing files;
    struct names_note unused = {0};
    *out = (struct table_files){0};
    const clm_status status = listing_read(directory, is_shown_data, &files, error);
    if (status == CLM_OK && are_tables(&files))
        take_parts(&files, out, &unused);
    listing_free(&files);
    if (status == CLM_OK && !out->paths[CLM_TRAIN])
        table_files_free(out);
    else if (status == CLM_OK)
        note_unused(&unused, directory, options);
    return status;
}

void table_files_free(struct table_files *files)
{
    for (int part = 0; part < 3; part++)
        free(files->paths[part]);
    *files = (struct table_files){0};
}
