/* Finds rows that occur more than once, byte for byte. */
#ifndef CLM_DATA_ANALYSIS_REPEATS_H
#define CLM_DATA_ANALYSIS_REPEATS_H

#include "data/data.h"

/* An index of a part's distinct rows by their bytes. */
struct row_index;

#define ROW_NONE SIZE_MAX

CLM_MUST_CHECK clm_status row_index_make(const struct clm_data *data, const struct rows *rows,
                                         struct row_index **out, struct clm_error *error);
void row_index_free(struct row_index *index);

/* The number of the first row with the bytes of row `row`, which the index has. */
size_t row_index_first(const struct row_index *index, size_t row);

/* The number of the first row with these bytes, or ROW_NONE. */
size_t row_index_find(const struct row_index *index, const void *row);

#endif
