/* The header of an ARFF file, the format of Weka: names and types of the columns. */
#ifndef CLM_DATA_TABLE_ARFF_H
#define CLM_DATA_TABLE_ARFF_H

#include "data/table/layout.h"

/* True if a text that begins so is ARFF: its first line that is no comment says @relation. */
bool arff_is_likely(const char *text, size_t length);

/* Reads the header at the beginning of `window`, and moves the window after the line @data. */
CLM_MUST_CHECK clm_status arff_find_layout(struct text_window *window, struct table_layout *layout,
                                           struct clm_error *error);

#endif
