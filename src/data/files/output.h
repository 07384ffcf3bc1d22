/* Writes a file piece by piece, gzipped or not. It appears under its name only when it is complete. */
#ifndef CLM_DATA_FILES_OUTPUT_H
#define CLM_DATA_FILES_OUTPUT_H

#include "base/error.h"

struct output;

CLM_MUST_CHECK clm_status output_open(const char *path, bool is_gzipped, struct output **out,
                                      struct clm_error *error);
/* Opens DIRECTORY/NAME. */
CLM_MUST_CHECK clm_status output_open_in(const char *directory, const char *name, bool is_gzipped,
                                         struct output **out, struct clm_error *error);
CLM_MUST_CHECK clm_status output_write(struct output *output, const void *bytes, size_t size,
                                       struct clm_error *error);
CLM_MUST_CHECK clm_status output_print(struct output *output, struct clm_error *error, const char *format,
                                       ...) __attribute__((format(printf, 3, 4)));

/* Gives the file its name. */
CLM_MUST_CHECK clm_status output_commit(struct output *output, struct clm_error *error);

/* Commits the file if `status`, that of all before, is CLM_OK, and closes it. Returns what came of it. */
CLM_MUST_CHECK clm_status output_end(struct output *output, clm_status status, struct clm_error *error);

/* Removes the file unless it was committed; NULL is allowed. */
void output_close(struct output *output);

#endif
