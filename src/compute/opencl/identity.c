#include "base/hash.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/program.h"
#include "compute/providers.h"

#include <clblast_c.h>
#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t hash_kernels(void)
{
    uint64_t kernels = HASH_START;
    for (const struct kernel_source *source = kernel_sources; source->name; source++)
        kernels = hash_add(kernels, source->text, source->size);
    return kernels;
}

/* CLBlast does not tell its version; its file's size and time replace it. */
static uint64_t hash_clblast(void)
{
    Dl_info library;
    struct stat about;
    if (!dladdr((const void *)(uintptr_t)CLBlastSgemm, &library) || !library.dli_fname ||
        stat(library.dli_fname, &about))
        return HASH_START;
    const int64_t identity[] = {(int64_t)about.st_size, (int64_t)about.st_mtim.tv_sec};
    return hash_add(hash_add(HASH_START, library.dli_fname, strlen(library.dli_fname)), identity,
                    sizeof identity);
}

/* Variables that only name a cache's folder are left out: they change no kernel. */
bool is_setting_of_a_driver(const char *variable)
{
    static const char *const prefixes[] = {"POCL_", "RUSTICL_", "LP_", "GALLIUM_", "MESA_", "NIR_",
                                           "CUDA_", "IGC_",     "NEO", "AMD_",     "GPU_",  "HSA_"};
    if (strstr(variable, "_CACHE"))
        return false;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(variable, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

/* Does not depend on the order of the environment. */
static uint64_t hash_settings(void)
{
    uint64_t settings = 0;
    for (char **variable = environ; variable && *variable; variable++)
        if (is_setting_of_a_driver(*variable))
            settings ^= hash_add(HASH_START, *variable, strlen(*variable));
    return settings;
}

struct products_identity products_identity(void)
{
    return (struct products_identity){hash_kernels(), hash_clblast(), hash_settings()};
}
