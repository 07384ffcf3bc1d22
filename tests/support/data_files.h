/* Files of data sets in a temporary directory, and opening them. */
#ifndef CLM_TESTS_DATA_FILES_H
#define CLM_TESTS_DATA_FILES_H

#include "data/data.h"

#include <stddef.h>

/* A checked fixture: a new directory; other places of data sets are empty. */
void files_set_up(void);
void files_tear_down(void);
const char *files_directory(void);

/* The path of a file in the directory; valid until the sixteenth later call. */
const char *file_path(const char *name);

void put_file(const char *name, const void *bytes, size_t size);
void put_text(const char *name, const char *text);
void put_gzipped(const char *name, const void *bytes, size_t size);

/* Opens the set, or fails the test with the error. clm_data_close closes it. */
struct clm_data *open_with(const struct clm_data_options *options);
struct clm_data *open_file(const char *name);

/* Opening must fail with this status and one line that contains `part`. */
void refused_with(const struct clm_data_options *options, clm_status status, const char *part);

/* Like refused_with, for a file of the directory; the line must also name it. */
void file_refused(const char *name, clm_status status, const char *part);

#endif
