/* NPZ: a zip archive of NumPy's arrays, stored or deflated, as np.savez and np.savez_compressed write it.
 * Options name the arrays, or they have usual names such as x and y; see the pairs in npy.h. */
#ifndef CLM_DATA_FORMATS_NPZ_H
#define CLM_DATA_FORMATS_NPZ_H

#include "data/format.h"

extern const struct format npz_format;

#endif
