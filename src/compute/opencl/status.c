#include "compute/opencl/status.h"

#include <string.h>

/* OpenCL 1.2 (CL/cl.h), the ICD loader's -1001, and CLBlast 1.5 (clblast_c.h). */
#define STATUS_CODES(X)                                                                                      \
    X(-1, "CL_DEVICE_NOT_FOUND")                                                                             \
    X(-2, "CL_DEVICE_NOT_AVAILABLE")                                                                         \
    X(-3, "CL_COMPILER_NOT_AVAILABLE")                                                                       \
    X(-4, "CL_MEM_OBJECT_ALLOCATION_FAILURE")                                                                \
    X(-5, "CL_OUT_OF_RESOURCES")                                                                             \
    X(-6, "CL_OUT_OF_HOST_MEMORY")                                                                           \
    X(-7, "CL_PROFILING_INFO_NOT_AVAILABLE")                                                                 \
    X(-8, "CL_MEM_COPY_OVERLAP")                                                                             \
    X(-11, "CL_BUILD_PROGRAM_FAILURE")                                                                       \
    X(-12, "CL_MAP_FAILURE")                                                                                 \
    X(-13, "CL_MISALIGNED_SUB_BUFFER_OFFSET")                                                                \
    X(-14, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST")                                                   \
    X(-15, "CL_COMPILE_PROGRAM_FAILURE")                                                                     \
    X(-16, "CL_LINKER_NOT_AVAILABLE")                                                                        \
    X(-17, "CL_LINK_PROGRAM_FAILURE")                                                                        \
    X(-30, "CL_INVALID_VALUE")                                                                               \
    X(-31, "CL_INVALID_DEVICE_TYPE")                                                                         \
    X(-32, "CL_INVALID_PLATFORM")                                                                            \
    X(-33, "CL_INVALID_DEVICE")                                                                              \
    X(-34, "CL_INVALID_CONTEXT")                                                                             \
    X(-35, "CL_INVALID_QUEUE_PROPERTIES")                                                                    \
    X(-36, "CL_INVALID_COMMAND_QUEUE")                                                                       \
    X(-38, "CL_INVALID_MEM_OBJECT")                                                                          \
    X(-42, "CL_INVALID_BINARY")                                                                              \
    X(-43, "CL_INVALID_BUILD_OPTIONS")                                                                       \
    X(-44, "CL_INVALID_PROGRAM")                                                                             \
    X(-45, "CL_INVALID_PROGRAM_EXECUTABLE")                                                                  \
    X(-46, "CL_INVALID_KERNEL_NAME")                                                                         \
    X(-47, "CL_INVALID_KERNEL_DEFINITION")                                                                   \
    X(-48, "CL_INVALID_KERNEL")                                                                              \
    X(-49, "CL_INVALID_ARG_INDEX")                                                                           \
    X(-50, "CL_INVALID_ARG_VALUE")                                                                           \
    X(-51, "CL_INVALID_ARG_SIZE")                                                                            \
    X(-52, "CL_INVALID_KERNEL_ARGS")                                                                         \
    X(-53, "CL_INVALID_WORK_DIMENSION")                                                                      \
    X(-54, "CL_INVALID_WORK_GROUP_SIZE")                                                                     \
    X(-55, "CL_INVALID_WORK_ITEM_SIZE")                                                                      \
    X(-56, "CL_INVALID_GLOBAL_OFFSET")                                                                       \
    X(-57, "CL_INVALID_EVENT_WAIT_LIST")                                                                     \
    X(-58, "CL_INVALID_EVENT")                                                                               \
    X(-59, "CL_INVALID_OPERATION")                                                                           \
    X(-61, "CL_INVALID_BUFFER_SIZE")                                                                         \
    X(-63, "CL_INVALID_GLOBAL_WORK_SIZE")                                                                    \
    X(-1001, "CL_PLATFORM_NOT_FOUND_KHR")                                                                    \
    X(-1024, "CLBlastNotImplemented")                                                                        \
    X(-1022, "CLBlastInvalidMatrixA")                                                                        \
    X(-1021, "CLBlastInvalidMatrixB")                                                                        \
    X(-1020, "CLBlastInvalidMatrixC")                                                                        \
    X(-1019, "CLBlastInvalidVectorX")                                                                        \
    X(-1018, "CLBlastInvalidVectorY")                                                                        \
    X(-1017, "CLBlastInvalidDimension")                                                                      \
    X(-1016, "CLBlastInvalidLeadDimA")                                                                       \
    X(-1015, "CLBlastInvalidLeadDimB")                                                                       \
    X(-1014, "CLBlastInvalidLeadDimC")                                                                       \
    X(-1013, "CLBlastInvalidIncrementX")                                                                     \
    X(-1012, "CLBlastInvalidIncrementY")                                                                     \
    X(-1011, "CLBlastInsufficientMemoryA")                                                                   \
    X(-1010, "CLBlastInsufficientMemoryB")                                                                   \
    X(-1009, "CLBlastInsufficientMemoryC")                                                                   \
    X(-1008, "CLBlastInsufficientMemoryX")                                                                   \
    X(-1007, "CLBlastInsufficientMemoryY")                                                                   \
    X(-2050, "CLBlastInsufficientMemoryTemp")                                                                \
    X(-2049, "CLBlastInvalidBatchCount")                                                                     \
    X(-2048, "CLBlastInvalidOverrideKernel")                                                                 \
    X(-2047, "CLBlastMissingOverrideParameter")                                                              \
    X(-2046, "CLBlastInvalidLocalMemUsage")                                                                  \
    X(-2045, "CLBlastNoHalfPrecision")                                                                       \
    X(-2044, "CLBlastNoDoublePrecision")                                                                     \
    X(-2043, "CLBlastInvalidVectorScalar")                                                                   \
    X(-2042, "CLBlastInsufficientMemoryScalar")                                                              \
    X(-2041, "CLBlastDatabaseError")                                                                         \
    X(-2040, "CLBlastUnknownError")                                                                          \
    X(-2039, "CLBlastUnexpectedError")

const char *opencl_status_name(int code)
{
    switch (code) {
#define STATUS_CASE(number, name)                                                                            \
    case number:                                                                                             \
        return name;
        STATUS_CODES(STATUS_CASE)
#undef STATUS_CASE
    default:
        return NULL;
    }
}

/* Contexts, queues and kernels need as much for a small net; calls that make or use matrices need less. */
static bool depends_on_the_net(const char *call)
{
    return !strcmp(call, "clCreateBuffer") || (strncmp(call, "clCreate", strlen("clCreate")) != 0 &&
                                               strncmp(call, "clGet", strlen("clGet")) != 0);
}

clm_status opencl_fail(struct clm_error *error, const char *purpose, const char *call, int code)
{
    const bool is_memory = code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
                           code == CL_OUT_OF_HOST_MEMORY;
    const char *const advice = !is_memory ? ""
                               : depends_on_the_net(call)
                                   ? "; take smaller batches or layers"
                                   : "; end what else uses the device, or choose another";
    const char *const setting = !is_memory ? "" : depends_on_the_net(call) ? "batch hidden layers" : "device";
    const char *name = opencl_status_name(code);
    return clm_fail_setting(error, is_memory ? CLM_ERROR_MEMORY : CLM_ERROR_DEVICE, setting,
                            "%s: %s failed: %s (%d)%s", purpose, call, name ? name : "a code without a name",
                            code, advice);
}
