/* Opens and closes a user's file of kernels, and answers questions about it. */
#include "compute/opencl/user/user.h"

#include "base/file.h"
#include "compute/opencl/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_MOST ((size_t)1 << 20)

static void free_program(struct user_program *program)
{
    for (int entry = 0; entry < ENTRY_COUNT; entry++)
        if (program->kernels[entry].handle)
            clReleaseKernel(program->kernels[entry].handle);
    if (program->program)
        clReleaseProgram(program->program);
}

static void user_close(struct clm_backend *be)
{
    struct user_backend *const u = user_of(be);
    if (u->poison)
        clReleaseKernel(u->poison);
    if (u->address)
        clReleaseKernel(u->address);
    if (u->scratch)
        clReleaseMemObject(u->scratch);
    free_program(&u->programs[USER_ORDER_PLAIN]);
    free_program(&u->programs[USER_ORDER_TURNED]);
    if (u->helpers)
        clReleaseProgram(u->helpers);
    free(u->path);
    free(u->build);
    free(u->source);
    opencl_close(be);
}
/* Reads the file; a NUL byte would hide what follows it. */
static clm_status read_user_source(struct user_backend *u, struct clm_error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    clm_status status = file_read(u->path, SOURCE_MOST, &bytes, &size, error);
    if (status != CLM_OK)
        return status;
    if (memchr(bytes, 0, size))
        status = clm_fail(error, CLM_ERROR_ARGUMENT,
                          "%.200s holds NUL bytes: it is no OpenCL C; name a file of kernels", u->path);
    else if (!(u->source = strndup((const char *)bytes, size)))
        status = clm_fail_host_memory(error, u->path, size);
    free(bytes);
    return status;
}

/* Fails if the file has no entry. */
static clm_status check_entries(const struct user_backend *u, struct clm_error *error)
{
    char names[512] = "";
    for (int entry = 0; entry < ENTRY_COUNT; entry++) {
        if (u->programs[USER_ORDER_PLAIN].kernels[entry].handle)
            return CLM_OK;
        append_words(names, sizeof names, "%s%s", entry ? ", " : "", user_entries[entry].name);
    }
    return clm_fail(
        error, CLM_ERROR_ARGUMENT,
        "%.200s has no kernel that can be checked%s%.64s%s; name one as the operation that it computes: %s",
        u->path, u->unknown_count ? ", but one that is called `" : "", u->unknown_count ? u->unknown[0] : "",
        u->unknown_count ? "`" : "", names);
}

clm_status user_kernels_open(struct clm_backend *be, const char *path, const char *build, bool is_bare,
                             struct clm_backend **out, struct clm_error *error)
{
    struct opencl_backend *const first = self(be);
    struct user_backend *const u = calloc(1, sizeof *u);
    *out = NULL;
    if (!u)
        return clm_fail_host_memory(error, "the user's kernels", sizeof *u);
    u->opencl = (struct opencl_backend){.base = first->base,
                                        .device = first->device,
                                        .kernels = first->kernels,
                                        .dispatch = {.only = NO_PROVIDER, .is_borrowed = true},
                                        .is_second = true};
    uploads_start(&u->opencl.uploads);
    u->opencl.base.memory = (struct memory_use){.now = be->memory.now, .peak = be->memory.now};
    u->opencl.base.notebook = NULL;
    u->opencl.base.free_notebook = NULL;
    u->opencl.device.profile = NULL;
    u->is_bare = is_bare;
    snprintf(u->opencl.base.provider, sizeof u->opencl.base.provider, "yours");
    set_user_operations(&u->operations);
    u->operations.close = user_close;
    u->opencl.base.operations = &u->operations;
    u->path = strdup(path);
    u->build = strdup(build ? build : "");
    clm_status status = u->path && u->build ? CLM_OK : clm_fail_host_memory(error, path, strlen(path) + 1);
    if (status == CLM_OK)
        status = read_user_source(u, error);
    if (status == CLM_OK)
        status = open_program(u, USER_ORDER_PLAIN, error);
    if (status == CLM_OK)
        status = check_entries(u, error);
    if (status != CLM_OK) {
        user_close(&u->opencl.base);
        return status;
    }
    open_helpers(u);
    *out = &u->opencl.base;
    return CLM_OK;
}

/* ---- what is asked of it ---- */

bool user_kernels_have(const struct clm_backend *user, enum user_entry entry)
{
    return user_in(user)->programs[USER_ORDER_PLAIN].kernels[entry].handle != NULL;
}

const char *user_kernels_unknown(const struct clm_backend *user, size_t n)
{
    return n < user_in(user)->unknown_count ? user_in(user)->unknown[n] : NULL;
}

const char *user_kernels_log(const struct clm_backend *user)
{
    return user_in(user)->log;
}

void user_kernels_sizes(const struct clm_backend *user, enum user_entry entry, size_t group[2],
                        size_t tile[2])
{
    const struct user_kernel *const kernel = &user_in(user)->programs[USER_ORDER_PLAIN].kernels[entry];
    memcpy(group, kernel->group, sizeof kernel->group);
    memcpy(tile, kernel->tile, sizeof kernel->tile);
}

/* Sub-groups are made of items as the device numbers them, so turned numbers would not fit. */
static bool can_be_turned(const struct user_backend *u)
{
    return !u->is_bare && !strstr(u->source, "sub_group");
}

clm_status user_kernels_choose(struct clm_backend *user, enum user_entry entry, enum user_order order,
                               bool is_watched, struct clm_error *error)
{
    struct user_backend *const u = user_of(user);
    if (order == USER_ORDER_TURNED && !can_be_turned(u))
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "%.200s uses sub-groups, whose items keep their numbers; they are not turned",
                        u->path);
    const clm_status status = open_program(u, order, error);
    if (status != CLM_OK)
        return status;
    u->chosen = entry;
    u->order = order;
    u->is_watched = is_watched && !u->is_bare;
    return CLM_OK;
}

void user_kernels_tell_addresses(struct clm_backend *user,
                                 void (*tell)(void *user, const char *operand, uint64_t address,
                                              size_t bytes),
                                 void *to)
{
    user_of(user)->tell = tell;
    user_of(user)->tell_to = to;
}
