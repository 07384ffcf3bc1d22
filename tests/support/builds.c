#include "support/builds.h"

#include "compute/opencl/gemm/provider.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

const struct tiled_build tiled_builds[TILED_BUILDS] = {{"tiled-large", 256, 128, 128},
                                                       {"tiled-wide", 128, 64, 128},
                                                       {"tiled", 256, 64, 64},
                                                       {"tiled-small", 128, 32, 64},
                                                       [TILED_FLAT] = {"tiled-flat", 64, 16, 64},
                                                       {"tiled", 1, 4, 4}};

static const struct gemm_operations *limited_operations;
static struct allowance limits;

static clm_status open_limited(struct gemm_provider *gemm, struct clm_error *error)
{
    static struct opencl_device device;
    device = *gemm->device;
    device.about.max_work_group = limits.items;
    device.about.local_memory = limits.local;
    device.about.compute_units = (unsigned)limits.units;
    if (limits.gpu_of) {
        device.about.type = CLM_DEVICE_GPU;
        snprintf(device.about.vendor, sizeof device.about.vendor, "%s", limits.gpu_of);
        gemm->kernels->device = &device;
    }
    gemm->device = &device;
    return limited_operations->open(gemm, error);
}

static bool suits(const struct clm_device *device)
{
    (void)device;
    return true;
}

clm_status build_open(const char *name, const struct allowance *allowance, struct clm_backend **out,
                      struct clm_error *error)
{
    static struct gemm_operations operations;
    static const struct gemm_candidate table[1] = {{&operations, suits, false, true}};
    const struct gemm_candidate *const shipped = gemm_candidates;
    const size_t shipped_count = gemm_candidate_count;
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .device = getenv("CLMLP_DEVICE"), .gemm = name, .skip_self_test = true};
    limited_operations = gemm_candidate_named(name)->operations;
    operations = *limited_operations;
    operations.open = open_limited;
    limits = *allowance;
    gemm_candidates = table;
    gemm_candidate_count = 1;
    const clm_status status = clm_backend_open(&options, out, error);
    gemm_candidates = shipped;
    gemm_candidate_count = shipped_count;
    return status;
}

struct clm_backend *tiled_build_open(const struct tiled_build *build)
{
    const struct allowance allowance = {build->items, BUILD_LOCAL, BUILD_UNITS, NULL};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    if (build_open(build->name, &allowance, &backend, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return backend;
}
