/* A directory of tables: train.csv, and maybe val.csv and test.csv, or a single table. */
#ifndef CLM_DATA_TABLE_FILES_H
#define CLM_DATA_TABLE_FILES_H

#include "data/format.h"

struct table_files {
    char *paths[3]; /* by enum clm_part; NULL if there is none */
};

/* Finds the tables. Without a table to train on, or if other files than tables are there, *out is empty. The
 * names decide: .csv, .tsv, .txt, .data, .svm and the like, maybe with an ending of compressed files. A note
 * of the options names tables that are of no part. */
CLM_MUST_CHECK clm_status table_files_find(const char *directory, const struct clm_data_options *options,
                                           struct table_files *out, struct clm_error *error);
void table_files_free(struct table_files *files);

#endif
