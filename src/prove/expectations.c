#include "prove/expectations.h"

#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct expectation *expectation_of(struct expectations *kept, const struct tensor *tensor)
{
    for (size_t i = 0; i < kept->count; i++)
        if (kept->list[i].tensor.memory == tensor->memory)
            return &kept->list[i];
    return NULL;
}

clm_status expect_unchanged(struct expectations *kept, const char *name, const struct tensor *tensor,
                            size_t unchanged, struct clm_error *error)
{
    if (!kept || expectation_of(kept, tensor))
        return CLM_OK;
    if (!array_resize(&kept->list, kept->count + 1, sizeof *kept->list))
        return clm_fail_host_memory(error, "a check", (kept->count + 1) * sizeof *kept->list);
    struct expectation *const added = &kept->list[kept->count++];
    *added = (struct expectation){.tensor = *tensor, .unchanged = unchanged};
    snprintf(added->name, sizeof added->name, "%s", name);
    return CLM_OK;
}

clm_status expect_values(struct expectations *kept, const char *name, const struct tensor *tensor,
                         const double *values, const double *errors, size_t count, struct clm_error *error)
{
    const clm_status status = expect_unchanged(kept, name, tensor, count, error);
    if (!kept || status != CLM_OK)
        return status;
    struct expectation *const e = expectation_of(kept, tensor);
    const size_t bytes = count * sizeof *values;
    double *const copy = malloc(2 * bytes);
    if (!copy)
        return clm_fail_host_memory(error, "a check", 2 * bytes);
    memcpy(copy, values, bytes);
    memcpy(copy + count, errors, bytes);
    free(e->values);
    e->values = copy;
    e->errors = copy + count;
    e->judged = count;
    return CLM_OK;
}

void expectations_free(struct expectations *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        free(kept->list[i].values);
    free(kept->list);
    *kept = (struct expectations){0};
}
