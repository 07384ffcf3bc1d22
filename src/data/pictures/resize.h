/* Resizes pictures; proportions are not kept.
 *
 * Each axis is resized on its own. The result is rounded once, at the end, to the nearest byte (halves go
 * up):
 *   down, same size  a target pixel is the mean of the source over the interval that it covers; a source
 *                    pixel that is only partly in the interval counts for that part
 *   up               bilinear: pixel i is interpolated at (i + 1/2) source / target - 1/2; positions outside
 *                    of the picture take its edge
 * Bytes are averaged as they are, without gamma. */
#ifndef CLM_DATA_PICTURES_RESIZE_H
#define CLM_DATA_PICTURES_RESIZE_H

#include "data/pictures/image.h"

CLM_MUST_CHECK clm_status image_resize(const char *path, struct image *image, size_t width, size_t height,
                                       struct clm_error *error);

#endif
