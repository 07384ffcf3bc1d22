/* Our own products as other devices would build them, on the existing device, which seems to allow less. */
#ifndef CLM_TESTS_BUILDS_H
#define CLM_TESTS_BUILDS_H

#include "compute/backend.h"

/* What a device allows: items of a group, bytes of local memory, and units, which decide how sums are cut. */
struct allowance {
    size_t items, local, units;
    const char *gpu_of; /* the vendor of a GPU; NULL: the device is of its own kind */
};

#define BUILD_LOCAL 32768 /* bytes: the least of the full profile */
#define BUILD_UNITS 32    /* as a GPU's */

/* Opens `name` on the device that CLMLP_DEVICE or auto names, whatever its kind. Not for two threads, and
 * only one at a time: the next one's allowance replaces the last one's. */
clm_status build_open(const char *name, const struct allowance *allowance, struct clm_backend **out,
                      struct clm_error *error);

/* The builds of the tiled products; the last has groups of one item. */
struct tiled_build {
    const char *name;
    size_t items, rows, columns; /* of a group; of a tile */
};

enum { TILED_BUILDS = 6, TILED_FLAT = 4 };

extern const struct tiled_build tiled_builds[TILED_BUILDS];

/* Fails the test if it cannot be opened. */
struct clm_backend *tiled_build_open(const struct tiled_build *build);

#endif
