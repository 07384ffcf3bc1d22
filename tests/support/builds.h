/* Our own products as other devices would build them: on the device there is, which seems to allow less. */
#ifndef CLM_TESTS_BUILDS_H
#define CLM_TESTS_BUILDS_H

#include "compute/backend.h"

/* What a device allows: items of a group, bytes of local memory, and units, by which sums are cut. */
struct allowance {
    size_t items, local, units;
};

#define BUILD_LOCAL 32768 /* bytes: what every device of the full profile has */
#define BUILD_UNITS 32    /* as a GPU's */

/* `name` on the device that CLMLP_DEVICE or auto names, of whatever kind it is. Not for two threads, and one at a time: the next
 * one's allowance is that of the last, too. */
clm_status build_open(const char *name, const struct allowance *allowance, struct clm_backend **out,
                      struct clm_error *error);

/* The four ways the tiled products are built, by rows and columns of a tile; the last as on a device without groups. */
struct tiled_build {
    const char *name;
    size_t items, tile;
};

enum { TILED_BUILDS = 4 };

extern const struct tiled_build tiled_builds[TILED_BUILDS];

/* Fails the test where it cannot be opened. */
struct clm_backend *tiled_build_open(const struct tiled_build *build);

#endif
