/* clmlp kernel new: writes a kernel to begin with. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_OTHERWISE "product.cl"

static clm_status run_kernel_new(struct invocation *in, struct clm_error *error)
{
    const char *const path = in->operand ? in->operand : FILE_OTHERWISE, *const text = clm_kernel_example();
    if (!access(path, F_OK) && !clm_settings_count(in->settings, "force"))
        return fail(error, CLM_ERROR_IO, "%s is there already; --force replaces it, or name another file",
                    path);
    const clm_status status = clm_write_file(path, text, strlen(text), error);
    if (status == CLM_OK)
        printf("%s: a right and slow kernel for Y = X Wᵀ, with comments. Next: clmlp kernel check %s\n", path,
               path);
    return status;
}

const struct command command_kernel_new = {
    "kernel new",
    NULL,
    run_kernel_new,
    "Writes a file of OpenCL C with a right and slow kernel `product', and comments on what may be changed. FILE.cl is product.cl unless another is named. `clmlp kernel check' takes it.",
    {{NULL}},
    "[FILE.cl]",
    NULL};
