#include "train/augment.h"

#include "base/size.h"
#include "data/pictures/sheet.h"
#include "train/feed.h"

#include <math.h>
#include <stdlib.h>

#define EPOCH 1 /* whose changes a sheet shows */

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
    if (changes->mixup > 0 && data->target_count)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "augment",
            "mixup mixes rows and their classes, but these rows have targets; leave it out");
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

/* ---- a sheet of pictures as training sees them; the reference gathers them, as all backends do ---- */

/* The pictures of a sheet as a data set of their own. */
struct augmented_pictures {
    const struct clm_data *data;
    struct augmentation augmentation;
    struct clm_backend *be;
    struct feed feed;
    struct tensor X, labels, partners;
};

static clm_status augmented_sheet_create(struct augmented_pictures *p, size_t count, struct clm_error *error)
{
    const struct clm_backend_options options = {.kind = CLM_BACKEND_REFERENCE};
    const struct residency all = {.shard = count, .block = count};
    clm_status status;
    if ((status = clm_backend_open(&options, &p->be, error)) ||
        (status = feed_create(p->be, p->data, count, &all, false, &p->feed, error)) ||
        (status = tensor_create(p->be, TENSOR_REAL, count, p->data->features, &p->X, error)) ||
        (status = tensor_create(p->be, TENSOR_INDEX, 1, count, &p->labels, error)))
        return status;
    return tensor_create(p->be, TENSOR_INDEX, 1, count, &p->partners, error);
}

static void augmented_sheet_release(struct augmented_pictures *p)
{
    if (!p->be)
        return;
    feed_free(&p->feed);
    tensor_free(p->be, &p->X);
    tensor_free(p->be, &p->labels);
    tensor_free(p->be, &p->partners);
    clm_backend_close(p->be);
    p->be = NULL;
}

/* x = value * scale, changed. Bytes are divided by 255, which is the unit of noise. Labels do not matter. */
static clm_status augmented_sheet_gather_changed(struct augmented_pictures *p, const void *values,
                                                 float scale, struct clm_error *error)
{
    const size_t count = p->X.rows, I = p->X.columns;
    float *const mean = calloc(I, sizeof *mean), *const scales = malloc(I * sizeof *scales);
    uint32_t *const labels = calloc(count, sizeof *labels);
    const struct rows rows = {count, values, labels, false};
    const struct clm_model model = {.mean = mean, .scale = scales};
    clm_status status = CLM_OK;
    if (!mean || !scales || !labels) {
        status = clm_fail_host_memory(error, "a sheet of pictures", I * sizeof *mean);
        goto cleanup;
    }
    for (size_t i = 0; i < I; i++)
        scales[i] = scale;
    p->augmentation.epoch = EPOCH;
    p->augmentation.partners = &p->partners;
    struct minibatch batch;
    if ((status = feed_normalise(&p->feed, &model, error)) ||
        (status = feed_begin(&p->feed, &rows, 0, 0, error)) ||
        (status = feed_batch(&p->feed, 0, count, &batch, error)))
        goto cleanup;
    status = gather(p->be, batch.data, NULL, 0, &p->augmentation, &p->X, &p->labels, error);
cleanup:
    free(mean);
    free(scales);
    free(labels);
    return status;
}

/* Back to the data's elements: bytes are rounded and limited to black and white. */
static clm_status take_back(const struct augmented_pictures *p, float scale, void *values,
                            struct clm_error *error)
{
    const size_t count = p->X.rows * p->X.columns;
    if (p->data->element != ELEMENT_BYTE)
        return backend_read(p->be, &p->X, HOST_FLOAT, values, error);
    double *const x = malloc(count * sizeof *x);
    if (!x)
        return clm_fail_host_memory(error, "a sheet of pictures", count * sizeof *x);
    const clm_status status = backend_read(p->be, &p->X, HOST_DOUBLE, x, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        ((uint8_t *)values)[i] = (uint8_t)fmin(fmax(floor(x[i] / (double)scale + 0.5), 0), 255);
    free(x);
    return status;
}

static clm_status change_pictures(void *user, void *values, size_t count, struct clm_error *error)
{
    struct augmented_pictures *const p = user;
    const float scale = p->data->element == ELEMENT_BYTE ? 1 / 255.0f : 1;
    clm_status status = augmented_sheet_create(p, count, error);
    if (status == CLM_OK)
        status = augmented_sheet_gather_changed(p, values, scale, error);
    if (status == CLM_OK)
        status = take_back(p, scale, values, error);
    augmented_sheet_release(p);
    return status;
}

clm_status clm_augmented_sheet(const struct clm_data *data, enum clm_part part, size_t rows,
                               const struct clm_augmentation *augmentation, uint64_t seed, const char *path,
                               struct clm_error *error)
{
    struct augmented_pictures pictures = {.data = data,
                                          .augmentation = augmentation_of(augmentation, data, seed)};
    const struct sheet_change change = {change_pictures, &pictures};
    const clm_status status = augmentation_check(augmentation, data, error);
    return status ? status : sheet_write(data, part, rows, seed, &change, path, error);
}
