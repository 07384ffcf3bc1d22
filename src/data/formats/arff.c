/* ARFF, the format of Weka: a header with the columns' names and types, then rows as in a CSV, or sparse ones
 * in braces. */
#include "data/format.h"

#include "data/table/arff.h"
#include "data/table/reader.h"

static clm_status read_arff(const char *path, bool is_directory, const struct request *request,
                            struct contents *out, struct clm_error *error)
{
    (void)is_directory;
    return request->wanted & READ_TRAIN ? table_read(path, request, out, error) : CLM_OK;
}

static bool arff_recognises_file(const struct file_head *head)
{
    char text[FILE_HEAD_MAX * 3 / 2 + 1];
    return arff_is_likely(text, text_head(head->bytes, head->count, text));
}

const struct format arff_format = {
    .name = "arff",
    .takes = TAKES_LABEL | TAKES_MISSING | TAKES_COLUMNS,
    .recognises_file = arff_recognises_file,
    .read = read_arff,
};
