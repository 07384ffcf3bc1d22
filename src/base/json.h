/* JSON from outside the program. */
#ifndef CLM_BASE_JSON_H
#define CLM_BASE_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

/* Parses `length` bytes of JSON, whose objects may not have a key twice. Fails with CLM_ERROR_FORMAT if they
 * are no JSON, and says so of `what`, in the file at `path` unless it is NULL. The caller frees *out with
 * json_decref; it is NULL on failure. */
CLM_MUST_CHECK clm_status json_parse(const char *path, const char *what, const char *text, size_t length,
                                     json_t **out, struct clm_error *error);

#endif
