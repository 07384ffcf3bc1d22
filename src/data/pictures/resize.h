/* Pictures of another size: stretched to it, whatever their proportions.
 *
 * Along each axis for itself, and rounded once, at the end, to the nearest byte (halves go up):
 *   down (or as it is)  an output pixel is the mean of the source over the interval that it covers, pixels that lie in it
 *                       in part counting for that part
 *   up                  bilinear: pixel i looks at (i + 1/2) source / target - 1/2, between the two pixels there; outside
 *                       of the picture, its edge goes on
 * Bytes are averaged as they are, without regard to gamma. */
#ifndef CLM_DATA_PICTURES_RESIZE_H
#define CLM_DATA_PICTURES_RESIZE_H

#include "data/pictures/image.h"

CLM_MUST_CHECK clm_status image_resize(const char *path, struct image *image, size_t width, size_t height,
                                       struct clm_error *error);

#endif
