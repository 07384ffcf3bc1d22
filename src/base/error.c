#include "base/error.h"

#include "base/size.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

const char *clm_version(void)
{
    return CLM_VERSION;
}

const char *clm_status_text(clm_status status)
{
    static const char *const texts[] = {
#define CLM_STATUS_TEXT(name, text) [name] = text,
        CLM_STATUSES(CLM_STATUS_TEXT)
#undef CLM_STATUS_TEXT
    };
    const size_t count = sizeof texts / sizeof *texts;
    return (size_t)status < count ? texts[status] : "unknown status";
}

clm_status clm_fail_setting(struct clm_error *error, clm_status status, const char *setting,
                            const char *format, ...)
{
    va_list arguments;
    if (!error)
        return status;
    error->status = status;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    snprintf(error->setting, sizeof error->setting, "%s", setting);
    return status;
}

clm_status check_given(const char *text, const char *what, struct clm_error *error)
{
    return text ? CLM_OK : clm_fail(error, CLM_ERROR_ARGUMENT, "no %s is given, but NULL; give one", what);
}

clm_status clm_fail_host_memory(struct clm_error *error, const char *what, size_t bytes)
{
    return clm_fail(error, CLM_ERROR_MEMORY, "%s: the host has no memory for %zu bytes", what, bytes);
}

size_t host_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t bytes;
    return pages > 0 && page > 0 && size_mul((size_t)pages, (size_t)page, &bytes) ? bytes : SIZE_MAX;
}
