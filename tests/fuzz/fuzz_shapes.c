/* The values of verify's --only, --shape and --device: a first line, and the text. */
#include "fuzz/fuzz.h"

#include "check/case.h"
#include "compute/opencl/device.h"

#include <stdlib.h>
#include <string.h>

/* A case's description must give the same case again. */
static void parse(const char *name, const char *shape)
{
    struct check_case one, again;
    char first[SHAPE_TEXT_MAX], second[SHAPE_TEXT_MAX];
    struct clm_error error = {0};
    const clm_status status = case_parse(name, shape, 1, &one, &error);
    if (status != CLM_OK) {
        fuzz_expect(status == CLM_ERROR_ARGUMENT && error.status == status && *error.message);
        return;
    }
    fuzz_expect(case_work(&one) >= 0 && case_name(&one));
    case_describe(&one, first);
    if (case_parse(name, first, 1, &again, &error) != CLM_OK)
        fuzz_fail(error.message, name, 0);
    case_describe(&again, second);
    fuzz_expect(!strcmp(first, second));
}

static void prefer(const char *selector)
{
    const struct clm_device device = {
        .platform = 1, .index = 2, .type = CLM_DEVICE_CPU, .name = "Some CPU", .platform_name = "PoCL"};
    const int preference = opencl_preference(&device, selector);
    fuzz_expect(preference >= 0 && preference <= 4);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    char *const name = strndup(size ? (const char *)bytes : "", size), *const line = strchr(name, '\n');
    if (line)
        *line = '\0';
    parse(name, line ? line + 1 : "");
    prefer(line ? line + 1 : name);
    free(name);
    return 0;
}
