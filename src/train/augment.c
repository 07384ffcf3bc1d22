#include "train/augment.h"

#include "base/size.h"

#include <math.h>

clm_status augmentation_check(const struct clm_augmentation *changes, const struct clm_data *data,
                              struct clm_error *error)
{
    const size_t shorter = size_min(data->width, data->height), longer = size_max(data->width, data->height);
    if (augmentation_needs_pictures(changes) && !data->height)
        return clm_fail(
            error, CLM_ERROR_SHAPE,
            "%s: its rows of %zu %s are no pictures, which flip, shift and cutout are of; mixup and noise can augment them",
            data->source, data->features, data->element == ELEMENT_BYTE ? "bytes" : "floats");
    if (changes->shift && changes->shift >= shorter)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "a shift of %zu pixels leaves nothing of pictures of %zu x %zu: it has to be below %zu",
            changes->shift, data->width, data->height, shorter);
    if (changes->cutout > longer)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "a cutout of %zu x %zu pixels is over pictures of %zu x %zu: it has to be at most %zu",
            changes->cutout, changes->cutout, data->width, data->height, longer);
    if (!(changes->mixup >= 0 && isfinite(changes->mixup)))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "a mixup of %g: it has to be at least 0, as in mixup=0.2",
                        changes->mixup);
    if (!(changes->noise >= 0 && isfinite(changes->noise)))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "a noise of %g: it has to be at least 0, as in noise=0.05",
                        changes->noise);
    return CLM_OK;
}

struct augmentation augmentation_of(const struct clm_augmentation *changes, const struct clm_data *data,
                                    uint64_t seed)
{
    const bool is_picture = data->height > 0;
    return (struct augmentation){.changes = *changes,
                                 .width = is_picture ? data->width : data->features,
                                 .height = is_picture ? data->height : 1,
                                 .channels = is_picture ? data->channels : 1,
                                 .seed = seed};
}
