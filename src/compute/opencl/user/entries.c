/* What a user's kernels must be declared as. */
#include "compute/opencl/user/user.h"

#include "compute/opencl/status.h"

#include <stdio.h>
#include <string.h>

#define FLOATS "__global const float *"
#define LAYER_TILES(NAME)                                                                                    \
    {                                                                                                        \
        NAME "_TILE_COLUMNS", NAME "_TILE_ROWS"                                                              \
    }

const struct user_entry_about user_entries[ENTRY_COUNT] = {
    [ENTRY_PRODUCT] = {"product", "int B, int I, int O, " FLOATS "X, " FLOATS "W, __global float *Y",
                       "Y (B,O) = X (B,I) times the transpose of W (O,I)", LAYER_TILES("PRODUCT")},
    [ENTRY_FORWARD] = {"linear_forward",
                       "int B, int I, int O, int relu, " FLOATS "X, " FLOATS "W, " FLOATS
                       "b, __global float *Y",
                       "Y (B,O) = X W^T + b; if relu is 1, max(0, .) of that, and NaN stays NaN",
                       LAYER_TILES("LINEAR_FORWARD")},
    [ENTRY_BACKWARD_INPUT] = {"linear_backward_input",
                              "int B, int I, int O, " FLOATS "dZ, " FLOATS "W, " FLOATS
                              "Y, __global float *dX",
                              "dX (B,I) = dZ (B,O) W (O,I) where Y (B,I) > 0, else 0; NaN where Y is NaN",
                              LAYER_TILES("LINEAR_BACKWARD_INPUT")},
    [ENTRY_BACKWARD_PARAMS] =
        {"linear_backward_params",
         "int B, int I, int O, " FLOATS "dZ, " FLOATS "X, __global float *dW, __global float *db",
         "dW (O,I) = the transpose of dZ (B,O) times X (B,I), db (O) = column sums of dZ",
         LAYER_TILES("LINEAR_BACKWARD_PARAMS")},
    [ENTRY_BACKWARD_UPDATE] =
        {"linear_backward_update",
         "int B, int I, int O, float rate, float momentum, float penalty, " FLOATS "dZ, " FLOATS
         "X, __global float *W, __global float *b, __global float *v, __global float *b_velocity",
         "v = momentum v + dZ^T X + penalty W, W = W - rate v; b likewise, without the penalty",
         LAYER_TILES("LINEAR_BACKWARD_UPDATE")},
    [ENTRY_UPDATE] = {"update",
                      "int n, float rate, float momentum, " FLOATS "g, __global float *W, __global float *v",
                      "v = momentum v + g, W = W - rate v, for n elements",
                      {"UPDATE_TILE_ELEMENTS", NULL}},
    [ENTRY_SOFTMAX_XENT] =
        {"softmax_xent",
         "int B, int C, " FLOATS "Z, __global const uint *labels, __global float *dZ, __global float *losses",
         "dZ (B,C) = (softmax(Z) - onehot(labels)) / B, losses (B) = -log softmax(Z)[label] of each row",
         {"SOFTMAX_XENT_TILE_ROWS", NULL}},
    [ENTRY_SOFTMAX] = {"softmax",
                       "int B, int C, " FLOATS "Z, __global float *P",
                       "P (B,C) = softmax of each row of Z",
                       {"SOFTMAX_TILE_ROWS", NULL}},
    [ENTRY_GATHER] =
        {"gather",
         "int B, int I, uint first, __global const uchar *values, __global const uint *labels, __global const uint *order, " FLOATS
         "mean, " FLOATS "scale, __global float *X, __global uint *X_labels",
         "X (B,I)[r] = (values[n] - mean) * scale, X_labels[r] = labels[n], with n = order[first + r]",
         LAYER_TILES("GATHER")},
    [ENTRY_GATHER_FLOATS] = {"gather_floats",
                             "int B, int I, uint first, " FLOATS
                             "values, __global const uint *labels, __global const uint *order, " FLOATS
                             "mean, " FLOATS "scale, __global float *X, __global uint *X_labels",
                             "as gather, from floats", LAYER_TILES("GATHER_FLOATS")},
    [ENTRY_GATHER_WEIGHTS] = {"gather_weights",
                              "int B, uint first, int turn, " FLOATS
                              "weights, __global const uint *order, __global float *batch_weights",
                              "batch_weights (B)[r] = weights[order[first + (r + turn) mod B]]",
                              {"GATHER_WEIGHTS_TILE_ELEMENTS", NULL}},
};

enum user_entry user_entry_named(const char *name)
{
    int entry = 0;
    while (entry < ENTRY_COUNT && strcmp(user_entries[entry].name, name) != 0)
        entry++;
    return (enum user_entry)entry;
}

const char *clm_kernel_example(void)
{
    return kernel_examples[0].text;
}

clm_status blame_kernel(const struct user_backend *u, enum user_entry entry, struct clm_error *error)
{
    char sentence[sizeof error->message];
    if (!error)
        return CLM_ERROR_DEVICE;
    memcpy(sentence, error->message, sizeof sentence);
    return clm_fail(error, error->status, "your kernel `%s` in %.200s: %.3000s", user_entries[entry].name,
                    u->path, sentence);
}
/* ---- what an entry's declaration says ---- */

bool declared_argument(enum user_entry entry, size_t n, struct declared *out)
{
    const char *at = user_entries[entry].arguments;
    for (; n; n--) {
        at = strstr(at, ", ");
        if (!at)
            return false;
        at += 2;
    }
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(at, ","), at);
    char *const name = strrchr(text, ' ') + 1;
    out->is_pointer = *name == '*';
    snprintf(out->name, sizeof out->name, "%s", name + out->is_pointer);
    name[-1] = '\0';
    const char *const type = strrchr(text, ' ');
    snprintf(out->type, sizeof out->type, "%s", type ? type + 1 : text);
    return true;
}

static size_t declared_count(enum user_entry entry)
{
    struct declared argument;
    size_t count = 0;
    while (declared_argument(entry, count, &argument))
        count++;
    return count;
}

/* Whether a kernel's argument, by what its compiler tells of it, is as declared. A pointer may be one to
 * vectors, and a number signed or not. If the compiler tells nothing, it passes. */
static bool is_as_declared(cl_kernel kernel, cl_uint n, const struct declared *argument)
{
    char type[NAME_MOST] = "";
    cl_kernel_arg_address_qualifier place = 0;
    if (clGetKernelArgInfo(kernel, n, CL_KERNEL_ARG_TYPE_NAME, sizeof type, type, NULL) != CL_SUCCESS ||
        clGetKernelArgInfo(kernel, n, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof place, &place, NULL) !=
            CL_SUCCESS)
        return true;
    const size_t length = strlen(argument->type);
    const bool is_pointer = strchr(type, '*') != NULL;
    const bool is_placed =
        !is_pointer || place == CL_KERNEL_ARG_ADDRESS_GLOBAL || place == CL_KERNEL_ARG_ADDRESS_CONSTANT;
    const bool is_number = !strcmp(argument->type, "float") == !strcmp(type, "float");
    return is_pointer == argument->is_pointer && is_placed &&
           (is_pointer ? !strncmp(type, argument->type, length) || !strncmp(type, "u", 1) : is_number);
}

clm_status check_arguments(const struct user_backend *u, enum user_entry entry, cl_kernel kernel,
                           struct clm_error *error)
{
    const struct user_entry_about *const about = &user_entries[entry];
    const size_t wanted = declared_count(entry);
    struct declared argument;
    cl_uint count = 0;
    const cl_int code = clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof count, &count, NULL);
    if (code != CL_SUCCESS)
        return opencl_fail(error, about->name, "clGetKernelInfo", code);
    if (count != wanted)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "your kernel `%s` in %.200s takes %u arguments, not %zu; declare it as\n__kernel void %s(%s)",
            about->name, u->path, count, wanted, about->name, about->arguments);
    for (cl_uint n = 0; declared_argument(entry, n, &argument); n++)
        if (!is_as_declared(kernel, n, &argument))
            return clm_fail(
                error, CLM_ERROR_ARGUMENT,
                "your kernel `%s` in %.200s takes something else as its argument number %u, which must be %s %s%s; declare it as\n__kernel void %s(%s)",
                about->name, u->path, n + 1, argument.type, argument.is_pointer ? "*" : "", argument.name,
                about->name, about->arguments);
    return CLM_OK;
}
