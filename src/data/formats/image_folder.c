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
#include "data/format.h"

#include "base/philox.h"
#include "base/size.h"
#include "data/pictures/image.h"
#include "data/formats/listing.h"
#include "data/files/stream.h"

#include <stdlib.h>
#include <string.h>

/* Seed of the order of rows; any constant will do. */
#define ORDER_SEED 1
/* files of a directory that are tried when looking for a picture */
#define FIRST_FILES 8

/* The common shape of all pictures in a data set. 0 means that the first picture decides. */
struct folder_shape {
    size_t width, height, channels;
    bool is_resized, has_channels; /* by the options */
    char *first;                   /* path of the first picture */
};

/* Sets *path to ROOT/name if that holds directories, else to NULL. */
static clm_status find_part(const char *root, const char *name, char **path, struct clm_error *error)
{
    bool is_there = false;
    *path = path_join(root, name);
    const clm_status status =
        *path ? listing_has_folder(*path, &is_there, error) : clm_fail_host_memory(error, root, strlen(root));
    if (!is_there) {
        free(*path);
        *path = NULL;
    }
    return status;
}

/* Finds ROOT/train and ROOT/test if the pictures lie in ROOT/train/CLASS or ROOT/test/CLASS, so that "train"
 * and "test" are no classes themselves. */
static clm_status find_split(const char *root, char **train, char **test, struct clm_error *error)
{
    *test = NULL;
    const clm_status status = find_part(root, "train", train, error);
    return status == CLM_OK ? find_part(root, "test", test, error) : status;
}

/* In begins_with_picture and has_picture, a file that cannot be read is no picture. They fail only
 * for lack of memory. */
static clm_status begins_with_picture(const char *path, bool *is_picture, struct clm_error *error)
{
    struct stream *stream = NULL;
    unsigned char bytes[16];
    size_t size = 0;
    clm_status status = stream_open(path, &stream, error);
    if (status == CLM_OK)
        status = stream_read(stream, bytes, sizeof bytes, &size, error);
    *is_picture = status == CLM_OK && image_kind(bytes, size);
    stream_close(stream);
    return status == CLM_ERROR_MEMORY ? status : CLM_OK;
}

/* True if one of the first files is a picture, in a directory in `path` (depth 1) or one level
 * deeper (depth 2). */
static clm_status has_picture(const char *path, int depth, bool *is_there, struct clm_error *error)
{
    struct listing listing;
    *is_there = false;
    clm_status status = listing_read(path, is_shown, &listing, error);
    const size_t count = depth ? listing.count : size_min(listing.count, FIRST_FILES);
    if (status != CLM_OK)
        return status == CLM_ERROR_MEMORY ? status : CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < count && !*is_there; i++)
        status = depth ? has_picture(listing.paths[i], depth - 1, is_there, error)
                       : begins_with_picture(listing.paths[i], is_there, error);
    listing_free(&listing);
    return status;
}

static clm_status image_folder_recognises_directory(const char *path, bool *is_it, struct clm_error *error)
{
    char *train, *test;
    *is_it = false;
    const clm_status status = find_split(path, &train, &test, error);
    const bool is_split = train || test;
    free(train);
    free(test);
    if (status == CLM_ERROR_MEMORY)
        return status;
    /* reading the pictures will report a train or test directory that cannot be read */
    return has_picture(path, is_split || status != CLM_OK ? 2 : 1, is_it, error);
}

static clm_status take_first_shape(const char *path, const struct image *image, struct folder_shape *shape,
                                   struct clm_error *error)
{
    shape->first = strdup(path);
    if (!shape->first)
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    shape->width = image->width;
    shape->height = image->height;
    if (!shape->channels)
        shape->channels = image->channels;
    return CLM_OK;
}

/* Reads a picture and converts it to the size and channels of the data set, which the first picture sets. */
static clm_status read_picture(const char *path, struct folder_shape *shape, struct image *image,
                               struct clm_error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    *image = (struct image){0};
    clm_status status = file_read(path, IMAGE_FILE_MAX, &bytes, &size, error);
    if (status == CLM_OK)
        status = image_decode(path, bytes, size, image, error);
    free(bytes);
    if (status == CLM_OK && shape->has_channels)
        status = image_set_channels(path, image, shape->channels, error);
    if (status == CLM_OK && shape->is_resized)
        status = image_resize(path, image, shape->width, shape->height, error);
    if (status == CLM_OK && !shape->first)
        status = take_first_shape(path, image, shape, error);
    if (status == CLM_OK && (image->width != shape->width || image->height != shape->height))
        status = clm_fail_setting(
            error, CLM_ERROR_FORMAT, "resize",
            "%s: has %zux%zu pixels, but %s has %zux%zu, and all have to have one size; resize them all, to %zux%zu for instance",
            path, image->width, image->height, shape->first, shape->width, shape->height, shape->width,
            shape->height);
    /* a grey picture among coloured ones; add_picture handles a coloured one among grey ones */
    if (status == CLM_OK && image->channels < shape->channels)
        status = image_set_channels(path, image, shape->channels, error);
    return status;
}

static clm_status image_folder_check_memory(const char *path, size_t rows, size_t features,
                                            const struct set *set, struct clm_error *error)
{
    const size_t present = host_memory();
    size_t bytes;
    if (present == SIZE_MAX || (size_mul(rows, features, &bytes) && bytes <= present))
        return allow_memory(set->memory, path, rows * features, error);
    return clm_fail_setting(
        error, CLM_ERROR_MEMORY, "resize",
        "%s: %zu pictures of %zu bytes need %.0f MiB, and this machine has %.0f MiB of memory; make them smaller",
        path, rows, features, (double)rows * (double)features / (1 << 20), mebibytes(present));
}

/* Allocates `rows` rows of the shape, which must be known. */
static clm_status image_folder_allocate(const char *path, size_t rows, const struct folder_shape *shape,
                                        struct set *set, struct clm_error *error)
{
    set->width = shape->width;
    set->height = shape->height;
    set->channels = shape->channels;
    set->element = ELEMENT_BYTE;
    set->features = shape->width * shape->height * shape->channels;
    const clm_status status = image_folder_check_memory(path, rows, set->features, set, error);
    if (status != CLM_OK)
        return status;
    set->values = calloc(rows, set->features);
    return set->values ? CLM_OK : clm_fail_host_memory(error, path, rows * set->features);
}

/* Turns grey rows into rows with three equal channels. */
static clm_status set_make_coloured(const char *path, size_t rows, struct set *set, struct clm_error *error)
{
    const size_t pixels = set->features;
    const clm_status status = image_folder_check_memory(path, rows, 3 * pixels, set, error);
    if (status != CLM_OK)
        return status;
    if (!array_resize(&set->values, rows, 3 * pixels))
        return clm_fail_host_memory(error, path, rows * pixels * 3);
    unsigned char *const values = set->values;
    for (size_t r = rows; r-- > 0;) {
        memmove(values + 3 * r * pixels, values + r * pixels, pixels);
        for (size_t c = 1; c < 3; c++)
            memcpy(values + (3 * r + c) * pixels, values + 3 * r * pixels, pixels);
    }
    set->features = 3 * pixels;
    set->channels = 3;
    return CLM_OK;
}

/* Copies (height, width, channels) to (channels, height, width). */
static void store(const struct image *image, unsigned char *row)
{
    const size_t pixels = image->width * image->height;
    for (size_t c = 0; c < image->channels; c++)
        for (size_t i = 0; i < pixels; i++)
            *row++ = image->pixels[i * image->channels + c];
}

static clm_status add_picture(const char *root, const char *path, size_t rows, size_t row,
                              struct folder_shape *shape, struct set *set, struct clm_error *error)
{
    struct image image;
    clm_status status = read_picture(path, shape, &image, error);
    if (status == CLM_OK && image.channels > shape->channels)
        shape->channels = image.channels;
    if (status == CLM_OK && !set->values)
        status = image_folder_allocate(root, rows, shape, set, error);
    if (status == CLM_OK && set->channels < image.channels)
        status = set_make_coloured(root, rows, set, error);
    if (status == CLM_OK)
        store(&image, (unsigned char *)set->values + row * set->features);
    image_free(&image);
    return status;
}

static clm_status image_folder_read_pictures(const char *path, const struct pictures *pictures,
                                             struct folder_shape *shape, struct set *set,
                                             struct clm_error *error)
{
    const size_t rows = pictures->count;
    clm_status status = set_make_labels(set, rows, path, error);
    struct philox random = philox_start(ORDER_SEED, RANDOM_IMAGE_FOLDER, 0);
    uint32_t *order = malloc(rows * sizeof *order);
    if (status == CLM_OK && !order)
        status = clm_fail_host_memory(error, path, rows * sizeof *order);
    if (status == CLM_OK)
        philox_permutation(&random, order, rows);
    for (size_t i = 0; status == CLM_OK && i < rows; i++) {
        set->labels[order[i]] = pictures->files[i].label;
        status = add_picture(path, pictures->files[i].path, rows, order[i], shape, set, error);
    }
    free(order);
    if (status == CLM_OK)
        set->rows = rows;
    return status;
}

/* The state of reading a root, shared by the training and the test set. */
struct reading {
    const char *root;
    const char *const *class_names;
    size_t classes;
    struct folder_shape shape;
};

/* Reads the pictures in the class directories of `path`, which is the root or below it. */
static clm_status image_folder_read_part(struct reading *reading, const char *path, struct set *set,
                                         struct clm_error *error)
{
    struct pictures pictures = {0};
    clm_status status =
        listing_find_pictures(reading->root, path, reading->class_names, reading->classes, &pictures, error);
    if (status == CLM_OK)
        status = image_folder_read_pictures(path, &pictures, &reading->shape, set, error);
    pictures_free(&pictures);
    return status;
}

/* Takes the classes from the request if it has any, else from the directories in `path`. */
static clm_status image_folder_name_classes(struct reading *reading, const char *path,
                                            const struct request *request, struct contents *out,
                                            struct clm_error *error)
{
    clm_status status = CLM_OK;
    if (!request->class_names) {
        status = listing_class_names(reading->root, path, &out->class_names, &out->classes, error);
    } else {
        out->classes = request->classes;
        out->class_names = class_names_copy(request->class_names, request->classes);
        if (!out->class_names)
            status = clm_fail_host_memory(error, reading->root, request->classes * sizeof *out->class_names);
    }
    reading->class_names = (const char *const *)out->class_names;
    reading->classes = out->classes;
    return status;
}

static clm_status read_image_folder(const char *path, bool is_directory, const struct request *request,
                                    struct contents *out, struct clm_error *error)
{
    const struct clm_data_options *const options = request->options;
    struct reading reading = {.root = path,
                              .shape = {.width = options->resize_width,
                                        .height = options->resize_height,
                                        .channels = options->channels,
                                        .is_resized = options->resize_width != 0,
                                        .has_channels = options->channels != 0}};
    char *train, *test;
    if (!is_directory)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is a file; name the directory that holds a directory of pictures for each class",
                        path);
    clm_status status = find_split(path, &train, &test, error);
    const bool has_train = train || !test;
    const char *const training = train ? train : path;
    if (status == CLM_OK)
        status = image_folder_name_classes(&reading, has_train ? training : test, request, out, error);
    if (status == CLM_OK && has_train && request->wanted & READ_TRAIN)
        status = image_folder_read_part(&reading, training, &out->train, error);
    if (status == CLM_OK && test && request->wanted & READ_TEST)
        status = image_folder_read_part(&reading, test, &out->test, error);
    if (status == CLM_OK && out->train.rows && out->train.channels < reading.shape.channels)
        status = set_make_coloured(path, out->train.rows, &out->train, error);
    free(reading.shape.first);
    free(train);
    free(test);
    return status;
}

const struct format image_folder_format = {
    .name = "images",
    .takes = TAKES_RESIZE | TAKES_CHANNELS,
    .recognises_directory = image_folder_recognises_directory,
    .read = read_image_folder,
};
