#include "base/json.h"

#include "base/text.h"

#include <string.h>

clm_status json_parse(const char *path, const char *what, const char *text, size_t length, json_t **out,
                      struct clm_error *error)
{
    json_error_t problem = {0};
    char shown[JSON_ERROR_TEXT_LENGTH];
    *out = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (*out)
        return CLM_OK;
    if (!*problem.text)
        return clm_fail_host_memory(error, path ? path : what, length);
    return clm_fail(error, CLM_ERROR_FORMAT, "%s%s%s is no JSON: %s (byte %d of it)", path ? path : "",
                    path ? ": " : "", what,
                    text_show(shown, sizeof shown, problem.text, strlen(problem.text)), problem.position);
}
