/* The folders in which OpenCL drivers keep the kernels that they have compiled. */
#include "compute/backend.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Where a driver keeps its kernels: in the folder that `variable` names, else below $XDG_CACHE_HOME or
 * ~/.cache. Sources: the drivers' own documents. */
static const struct kernel_cache {
    const char *driver, *variable;
    const char *below_cache; /* NULL: `below_home` is in the home folder */
    const char *below_home;
} caches[] = {
    {"PoCL", "POCL_CACHE_DIR", "pocl/kcache", ".cache/pocl/kcache"},
    {"Mesa", "MESA_SHADER_CACHE_DIR", "mesa_shader_cache", ".cache/mesa_shader_cache"},
    {"Intel's driver", "NEO_CACHE_DIR", "neo_compiler_cache", ".cache/neo_compiler_cache"},
    {"NVIDIA's driver", "CUDA_CACHE_PATH", NULL, ".nv/ComputeCache"},
    {"AMD's compiler", "AMD_COMGR_CACHE_DIR", "comgr", ".cache/comgr"},
};

enum { CACHE_COUNT = sizeof caches / sizeof *caches };

/* The value of an environment variable, or NULL if it is empty, too. */
static const char *variable(const char *name)
{
    const char *const value = getenv(name);
    return value && *value ? value : NULL;
}

/* False if the folder is unknown, or its path is too long. */
static bool cache_folder(const struct kernel_cache *cache, char folder[PATH_MAX])
{
    const char *const named = variable(cache->variable), *const home = variable("HOME"),
                      *const below = cache->below_cache ? variable("XDG_CACHE_HOME") : NULL;
    int length = -1;
    if (named)
        length = snprintf(folder, PATH_MAX, "%s", named);
    else if (below)
        length = snprintf(folder, PATH_MAX, "%s/%s", below, cache->below_cache);
    else if (home)
        length = snprintf(folder, PATH_MAX, "%s/%s", home, cache->below_home);
    return length > 0 && length < PATH_MAX;
}

/* Is it a folder that can be written, or can it be made in one? */
static bool is_writable(const char *folder)
{
    char path[PATH_MAX];
    struct stat about;
    snprintf(path, sizeof path, "%s", folder);
    for (char *slash; stat(path, &about); *(slash == path ? slash + 1 : slash) = '\0') {
        slash = strrchr(path, '/');
        if (!slash || !slash[1]) /* a name in the working directory, or the root itself */
            return !access(".", W_OK);
    }
    return S_ISDIR(about.st_mode) && !access(path, W_OK | X_OK);
}

/* PoCL alone needs its cache; the others do without one. */
static bool needs_cache(const struct kernel_cache *cache)
{
    return cache == caches;
}

static bool is_full(const char *folder)
{
    struct statvfs about;
    const uint64_t least = 1 << 20; /* a kernel of ours takes some hundred kilobytes while it is built */
    return !statvfs(folder, &about) && about.f_blocks && (uint64_t)about.f_bavail * about.f_frsize < least;
}

const char *kernel_cache_trouble(char *text, size_t size)
{
    char folder[PATH_MAX];
    struct stat about;
    text[0] = '\0';
    for (size_t i = 0; i < CACHE_COUNT; i++) {
        const struct kernel_cache *const cache = &caches[i];
        if (!cache_folder(cache, folder) || (stat(folder, &about) && !needs_cache(cache)))
            continue;
        if (!is_writable(folder)) {
            snprintf(text, size,
                     "; %s cannot write %.1000s, its cache of compiled kernels: name another folder in %s",
                     cache->driver, folder, cache->variable);
            break;
        }
        if (is_full(folder)) {
            snprintf(
                text, size,
                "; the disk of %.1000s, where %s keeps compiled kernels, is full: free some space, or name another folder in %s",
                folder, cache->driver, cache->variable);
            break;
        }
    }
    return text;
}

void clm_kernel_cache_advice(char *text, size_t size)
{
    char folder[PATH_MAX];
    struct stat about;
    size_t used = 0;
    if (!size || *kernel_cache_trouble(text, size))
        return;
    for (size_t i = 0; i < CACHE_COUNT; i++)
        if (cache_folder(&caches[i], folder) && !stat(folder, &about) && used < size)
            used += (size_t)snprintf(
                text + used, size - used, "%s%.1000s",
                used ? " or " : "; its cache of compiled kernels may be damaged: delete ", folder);
    if (used && used < size)
        snprintf(text + used, size - used, ", and run it again");
}
