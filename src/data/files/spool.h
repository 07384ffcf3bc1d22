/* Standard input and pipes as files. They can be read only once, so their bytes are copied into a temporary
 * file that has no name. Readers can then open it several times, and map it. */
#ifndef CLM_DATA_FILES_SPOOL_H
#define CLM_DATA_FILES_SPOOL_H

#include "base/error.h"

#define STANDARD_INPUT "standard input" /* the name of the copy of "-" */

/* If `path` is "-" (standard input), a named pipe, or one of a shell's <(...), copies its bytes into a file
 * in $TMPDIR, else /tmp. Until spool_close, this thread opens the copy under *name: STANDARD_INPUT or `path`.
 * Any other path becomes *name unchanged. A path that was copied before is not read again. Fails with
 * CLM_ERROR_IO. */
CLM_MUST_CHECK clm_status spool(const char *path, const char **name, struct clm_error *error);

/* Forgets the copies of this thread. Those that are open or mapped stay so. */
void spool_close(void);

/* Whether `name` is that of a copy. */
bool is_spooled(const char *name);

/* Opens a copy, or a regular file; *size is the number of its bytes. Fails with CLM_ERROR_IO. */
CLM_MUST_CHECK clm_status spool_open(const char *name, int *file, size_t *size, struct clm_error *error);

#endif
