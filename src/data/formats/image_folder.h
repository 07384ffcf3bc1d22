/* A folder of PNG and JPEG pictures with a folder a class: ROOT/CLASS/picture, or ROOT/train/CLASS/picture and
 * ROOT/test/CLASS/picture. The names of the class folders, sorted by their bytes, are the classes.
 *
 * All pictures have one size, or are resized to one (resize_width, resize_height of the options); rows are planar
 * (channel, row, column) bytes of one channel where every picture is grey, else of three (or `channels` of the options).
 * Rows come in an order drawn at random, the same each time, so that the last or the first of them are of all classes.
 *
 * Left out are names that begin with a dot, Thumbs.db, desktop.ini and __MACOSX, and beside class folders any file.
 * Anything else that is no picture, a folder within a class's, and a link that leads out of ROOT are refused. */
#ifndef CLM_DATA_FORMATS_IMAGE_FOLDER_H
#define CLM_DATA_FORMATS_IMAGE_FOLDER_H

#include "data/format.h"

extern const struct format image_folder_format;

#endif
