/* CSV and its relatives: a row a line, with fields that a delimiter separates, with or without a header. What
 * a column becomes is decided in data/table/. */
#include "data/format.h"

#include "data/table/reader.h"

static clm_status read_csv(const char *path, bool is_directory, const struct request *request,
                           struct contents *out, struct clm_error *error)
{
    (void)is_directory;
    return request->wanted & READ_TRAIN ? table_read(path, request, out, error) : CLM_OK;
}

static bool csv_recognises_file(const struct file_head *head)
{
    char text[FILE_HEAD_MAX * 3 / 2 + 1];
    const size_t length = text_head(head->bytes, head->count, text);
    return text_is_likely(text, length) && layout_is_likely(text, length, head->count < FILE_HEAD_MAX);
}

const struct format csv_format = {
    .name = "csv",
    .takes = TAKES_LABEL | TAKES_HEADER | TAKES_MISSING | TAKES_COLUMNS,
    .recognises_file = csv_recognises_file,
    .read = read_csv,
};
