/* IDX, the format of MNIST and Fashion-MNIST: 00 00 TYPE DIMENSIONS, the dimensions as big-endian 32-bit
 * numbers, and the elements, row-major. Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file format").
 *
 * Images have 2 (rows, features), 3 (rows, height, width) or 4 (rows, channels, height, width) dimensions and
 * are bytes (08) or floats (0D); labels have one and are bytes. A directory holds {train,t10k}-{images-
 * idx3,labels-idx1}-ubyte, with - or . before idx, each gzipped or not. The labels of a single file of images
 * lie beside it, under its name with labels for images. */
#ifndef CLM_DATA_FORMATS_IDX_H
#define CLM_DATA_FORMATS_IDX_H

#include "data/format.h"

extern const struct format idx_format;

#endif
