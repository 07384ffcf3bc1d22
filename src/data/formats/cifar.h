/* CIFAR-10 and CIFAR-100: 32 x 32 pictures in three colours, in both published layouts, binary and python.
 * Source: https://www.cs.toronto.edu/~kriz/cifar.html ("binary version", "python version").
 *
 * A set is a directory, the directory in it that the published archive unpacks to, or that archive itself
 * (.tar or .tar.gz), which is read without unpacking. A single file of pictures is a training set. */
#ifndef CLM_DATA_FORMATS_CIFAR_H
#define CLM_DATA_FORMATS_CIFAR_H

#include "data/format.h"

enum {
    CIFAR_CLASSES = 10,
    CIFAR100_CLASSES = 100,
    CIFAR100_COARSE_CLASSES = 20,
    CIFAR_CHANNELS = 3,
    CIFAR_SIDE = 32,
    CIFAR_PIXELS = CIFAR_CHANNELS * CIFAR_SIDE * CIFAR_SIDE,
    CIFAR_RECORD = 1 + CIFAR_PIXELS,    /* in CIFAR-10's binary layout */
    CIFAR100_RECORD = 2 + CIFAR_PIXELS, /* in CIFAR-100's: the coarse label, then the fine one */
    CIFAR_BATCHES = 5,
};

extern const char *const cifar10_class_names[CIFAR_CLASSES];
extern const char *const cifar100_class_names[CIFAR100_CLASSES];

#endif
