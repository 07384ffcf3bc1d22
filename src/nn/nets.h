/* The nets of an ensemble, in one model and in its file. Net 0 is the model itself; its tensors have the
 * names of any model's. Those of net N > 0 are named nets.N.layers.0.weight and so on, and the metadata
 * "nets" says how many there are. Inputs, targets and names are the same for all. */
#ifndef CLM_NN_NETS_H
#define CLM_NN_NETS_H

#include "nn/model.h"
#include "nn/safetensors.h"

enum { NETS_MOST = 64 };

/* A net of an ensemble, which is trained in place. */
struct clm_model *model_net(struct clm_model *model, size_t index);

/* Keeps the nets with is_kept[n] (nets), at least one, in their order, and frees the others. */
void nets_keep(struct clm_model *model, const bool *is_kept);

/* How many nets a file holds; 1 if it does not say it. CLM_ERROR_FORMAT if that is no number from 1 to
 * NETS_MOST. */
CLM_MUST_CHECK clm_status nets_count(const struct safetensors *file, const char *path, size_t *out,
                                     struct clm_error *error);
/* The tensors of one net alone, with the names that they have in a model of one net. Their values are those
 * of `file`, which must outlive *out; safetensors_free frees *out, also after a failure. */
CLM_MUST_CHECK clm_status nets_view(const struct safetensors *file, const char *path, size_t count,
                                    size_t index, struct safetensors *out, struct clm_error *error);
/* Reads the nets from 1 on into a model that has the first. */
CLM_MUST_CHECK clm_status nets_read(const struct safetensors *file, const char *path, size_t count,
                                    struct clm_model *model, struct clm_error *error);

/* How many tensors the nets from 1 on have in the model's file; and those tensors, whose names the caller
 * frees, also after a failure. */
size_t nets_tensor_count(const struct clm_model *model);
CLM_MUST_CHECK clm_status nets_tensors(const struct clm_model *model, struct safetensor *out,
                                       struct clm_error *error);

#endif
