/* A directory of PNG and JPEG pictures with one directory for each class: ROOT/CLASS/picture, or
 * ROOT/train/CLASS/picture and ROOT/test/CLASS/picture. The names of the class directories, sorted by their
 * bytes, are the classes.
 *
 * All pictures must have one size, unless the options resize them. Rows are planar (channel, row, column)
 * bytes. They have one channel if every picture is grey, else three, unless the options choose. Rows are
 * shuffled, in the same order each time, so that the first and the last rows hold all classes.
 *
 * Names that begin with a dot, Thumbs.db, desktop.ini, __MACOSX, and files beside the class directories are
 * ignored. Any other file that is no picture is refused, as are a directory in a class directory and a link
 * that leads out of ROOT. */
#ifndef CLM_DATA_FORMATS_IMAGE_FOLDER_H
#define CLM_DATA_FORMATS_IMAGE_FOLDER_H

#include "data/format.h"

extern const struct format image_folder_format;

#endif
