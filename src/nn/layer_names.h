/* Linear layers of files that other programs wrote. */
#ifndef CLM_NN_LAYER_NAMES_H
#define CLM_NN_LAYER_NAMES_H

#include "nn/architecture.h"
#include "nn/safetensors.h"

/* Gives the weights and biases of a file the names layers.N.weight and layers.N.bias. PyTorch names them
 * after the modules of the net: 0.weight, 0.bias, 2.weight, … of nn.Sequential, fc1.weight, net.0.weight,
 * module.net.0.weight. Their order is that of the names, in which numbers count as numbers; or else the one
 * order in which each layer takes what the layer before it gives. `net` is the net that they are for; NULL if
 * the file decides. A file with names of ours, or with an architecture, stays as it is. If the tensors make
 * no such net, the sentence lists them. */
CLM_MUST_CHECK clm_status layers_name(struct safetensors *file, const char *path,
                                      const struct architecture *net, struct clm_error *error);

/* Compares two names of tensors, in which numbers count as numbers. */
int layer_names_compare(const char *a, const char *b);

#endif
