/* Errors: a status code and a sentence. */
#ifndef CLM_BASE_ERROR_H
#define CLM_BASE_ERROR_H

#include "clmlp.h"

/* Puts `status` and the formatted sentence into *error, which may be NULL, and returns `status`. A failure is
 * then one statement: status = clm_fail(error, CLM_ERROR_SHAPE, "...", ...). */
#define clm_fail(error, status, ...) clm_fail_setting(error, status, "", __VA_ARGS__)

/* clm_fail, for a matter that settings can mend: their names go into error->setting. */
clm_status clm_fail_setting(struct clm_error *error, clm_status status, const char *setting,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* CLM_ERROR_ARGUMENT if `text`, which a caller of the library has to give, is NULL. */
CLM_MUST_CHECK clm_status check_given(const char *text, const char *what, struct clm_error *error);

/* CLM_ERROR_MEMORY for the host's memory: "WHAT: the host has no memory for N bytes". */
clm_status clm_fail_host_memory(struct clm_error *error, const char *what, size_t bytes);

/* Bytes of memory that the machine has; SIZE_MAX if that is not known. More than that may be allocated. */
size_t host_memory(void);

#endif
