/* Reads a table: decides what its columns are, or follows what a model or a training set decided, and encodes
 * its rows as features. */
#ifndef CLM_DATA_TABLE_READER_H
#define CLM_DATA_TABLE_READER_H

#include "data/format.h"
#include "data/table/layout.h"

/* Reads the table at `path` into out->train, and says in out->inputs what its columns became. If the request
 * has inputs, the columns become these. */
CLM_MUST_CHECK clm_status table_read(const char *path, const struct request *request, struct contents *out,
                                     struct clm_error *error);

#endif
