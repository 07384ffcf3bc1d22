/* IDX, the format of MNIST and Fashion-MNIST: 00 00 TYPE DIMENSIONS, then the dimensions as big-endian 32-bit
 * numbers, then the elements, row-major. Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file format").
 *
 * Pictures have 2 (rows, features), 3 (rows, height, width) or 4 (rows, channels, height, width) dimensions
 * and are bytes (08) or floats (0D). Labels have one dimension and are bytes. A directory holds
 * train-images-idx3-ubyte and train-labels-idx1-ubyte, and the same two with t10k for the test set. Names may
 * have . for the - before idx, and each file may be gzipped. The labels of a single file of pictures are
 * beside it, in a file of the same name with labels for images. */
#ifndef CLM_DATA_FORMATS_IDX_H
#define CLM_DATA_FORMATS_IDX_H

#include "data/format.h"

extern const struct format idx_format;

#endif
