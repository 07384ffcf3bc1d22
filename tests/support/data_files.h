/* Files of data sets in a temporary directory, and what becomes of them when they are opened. */
#ifndef CLM_TESTS_DATA_FILES_H
#define CLM_TESTS_DATA_FILES_H

#include "data/data.h"

#include <stddef.h>

/* A checked fixture: a new directory, and nothing else where data sets are looked for. */
void files_set_up(void);
void files_tear_down(void);
const char *files_directory(void);

/* The path of a file in the directory; lives until the sixteenth call behind it. */
const char *file_path(const char *name);

void put_file(const char *name, const void *bytes, size_t size);
void put_text(const char *name, const char *text);
void put_gzipped(const char *name, const void *bytes, size_t size);

/* Opens it, or fails the test with the error. Closed by clm_data_close. */
struct clm_data *open_with(const struct clm_data_options *options);
struct clm_data *open_file(const char *name);

/* Opening has to fail with this status and one line that holds `part`. */
void refused_with(const struct clm_data_options *options, clm_status status, const char *part);

/* The same of a file of the directory, which the line has to name. */
void file_refused(const char *name, clm_status status, const char *part);

#endif
