#include "compute/opencl/gemm/provider.h"

#include <string.h>

static bool is_cpu(const struct clm_device *device)
{
    return device->type == CLM_DEVICE_CPU;
}

static bool is_no_cpu(const struct clm_device *device)
{
    return !is_cpu(device);
}

/* With smaller groups, a provider of larger tiles computes as the next one does. */
static bool has_groups_of_256(const struct clm_device *device)
{
    return !is_cpu(device) && device->max_work_group >= 256;
}

static bool has_groups_of_128(const struct clm_device *device)
{
    return !is_cpu(device) && device->max_work_group >= 128;
}

static bool is_any(const struct clm_device *device)
{
    (void)device;
    return true;
}

static const struct gemm_candidate candidates[] = {
    {&gemm_native, is_cpu, false, false},
    {&gemm_clblast, is_any, false, false},
    {&gemm_tiled, has_groups_of_256, false, true},
    {&gemm_tiled_large, has_groups_of_256, false, true},
    {&gemm_tiled_wide, has_groups_of_128, false, true},
    {&gemm_tiled_small, has_groups_of_128, false, true},
    {&gemm_tiled_flat, is_no_cpu, false, true},
    {&gemm_clblast_tuned, is_cpu, true, false}, /* after clblast: its parameters stay for the process */
};
_Static_assert(sizeof candidates / sizeof *candidates <= PROVIDERS_MOST,
               "a dispatch has no room for so many");
const struct gemm_candidate *gemm_candidates = candidates;
size_t gemm_candidate_count = sizeof candidates / sizeof *candidates;

const struct gemm_candidate *gemm_candidate_named(const char *name)
{
    for (size_t c = 0; c < gemm_candidate_count; c++)
        if (!strcmp(gemm_candidates[c].operations->name, name))
            return &gemm_candidates[c];
    return NULL;
}

const struct gemm_candidate *gemm_candidate_first(const struct clm_device *device)
{
    size_t c = 0;
    while (c + 1 < gemm_candidate_count && !gemm_candidates[c].suits(device))
        c++;
    return &gemm_candidates[c];
}

const struct gemm_candidate *gemm_candidate_for(const char *name, const struct clm_device *device)
{
    const struct gemm_candidate *candidate = gemm_candidate_named(name);
    if (!strcmp(name, "native") && candidate && !candidate->suits(device))
        candidate = gemm_candidate_named("tiled");
    return candidate && (candidate->suits(device) || candidate->runs_anywhere) ? candidate : NULL;
}
