/* NPZ: a zip of NumPy's arrays, stored or deflated, as np.savez and np.savez_compressed write it. Arrays are named x and y,
 * x_train, y_train, x_test and y_test, or another pair of data/npy.h, or by options. */
#ifndef CLM_DATA_FORMATS_NPZ_H
#define CLM_DATA_FORMATS_NPZ_H

#include "data/format.h"

extern const struct format npz_format;

#endif
