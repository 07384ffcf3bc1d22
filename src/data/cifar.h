/* CIFAR-10's binary version: records of a label and 3072 bytes, planar (channel, row, column) of 3 x 32 x 32.
 * Source: https://www.cs.toronto.edu/~kriz/cifar.html ("binary version").
 *
 * A directory, or cifar-10-batches-bin in it, holds data_batch_1.bin … data_batch_5.bin (those that are there
 * are taken, in order), test_batch.bin and batches.meta.txt, the names of the classes. A single file of
 * records is a training set. */
#ifndef CLM_DATA_CIFAR_H
#define CLM_DATA_CIFAR_H

#include "data/format.h"

enum {
    CIFAR_CLASSES = 10,
    CIFAR_CHANNELS = 3,
    CIFAR_SIDE = 32,
    CIFAR_PIXELS = CIFAR_CHANNELS * CIFAR_SIDE * CIFAR_SIDE,
    CIFAR_RECORD = 1 + CIFAR_PIXELS,
    CIFAR_BATCHES = 5,
};

extern const struct format cifar_format;
extern const char *const cifar_class_names[CIFAR_CLASSES];

#endif
