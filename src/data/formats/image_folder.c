/* A directory of PNG and JPEG pictures with one directory for each class: ROOT/CLASS/picture, or
 * ROOT/train/CLASS/picture, and the same in ROOT/val and ROOT/test. The names of the class directories,
 * sorted by their bytes, are the classes. Pictures that lie in ROOT or ROOT/test itself have no labels, and
 * neither has a single picture.
 *
 * All pictures must have one size, unless the options resize them. Rows are planar (channel, row, column)
 * bytes. They have one channel if every picture is grey, else three, unless the options choose. Rows are
 * shuffled, in the same order each time, so that the first and the last rows hold all classes. Their numbers
 * are those of the files in the order of their paths, and their names are these paths below ROOT.
 *
 * Names that begin with a dot, Thumbs.db, desktop.ini, and __MACOSX are ignored. Links are followed. Files
 * beside the class directories are not used, and a note says so. Any other file that is no picture is
 * refused, as is a directory in a class directory. */
#include "data/format.h"

#include "base/philox.h"
#include "base/size.h"
#include "data/pictures/image.h"
#include "data/formats/array_name.h"
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

/* The directories of a set of pictures. */
struct folder_parts {
    char *paths[3];    /* by enum clm_part; NULL if there is none */
    bool is_sorted[3]; /* holds directories of classes */
};

static void folder_parts_free(struct folder_parts *parts)
{
    for (int part = 0; part < 3; part++)
        free(parts->paths[part]);
}

static bool is_split(const struct folder_parts *parts)
{
    return parts->paths[CLM_TRAIN] || parts->paths[CLM_VALIDATION] || parts->paths[CLM_TEST];
}

/* A part without directories of classes counts only beside a training set that has them: otherwise "test"
 * may be the name of a class. */
static void drop_unsorted(struct folder_parts *parts)
{
    const bool has_train = parts->paths[CLM_TRAIN] && parts->is_sorted[CLM_TRAIN];
    for (int part = 0; part < 3; part++)
        if (!parts->is_sorted[part] && (!has_train || part == CLM_TRAIN)) {
            free(parts->paths[part]);
            parts->paths[part] = NULL;
        }
}

/* Finds ROOT/train and the like, in upper or lower case. *note gets the names of the directories that are
 * none, if it is not NULL. */
static clm_status find_parts(const char *root, struct folder_parts *parts, struct names_note *note,
                             struct clm_error *error)
{
    struct listing listing;
    *parts = (struct folder_parts){0};
    clm_status status = listing_read(root, is_shown, &listing, error);
    for (size_t i = 0; status == CLM_OK && i < listing.count; i++) {
        const char *const name = path_name(listing.paths[i]);
        const struct array_name words = array_name_of(name, strlen(name));
        const bool is_part = words.has_part && words.role == ROLE_NONE && !*words.set;
        bool is_sorted = false;
        if (is_part)
            status = listing_has_folder(listing.paths[i], &is_sorted, error);
        if (is_part && status == CLM_OK && !parts->paths[words.part] && is_directory(listing.paths[i])) {
            parts->is_sorted[words.part] = is_sorted;
            parts->paths[words.part] = listing.paths[i];
            listing.paths[i] = NULL;
        } else if (note && !is_about_data(name)) {
            note_name(note, name);
        }
    }
    listing_free(&listing);
    drop_unsorted(parts);
    return status;
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

/* True if the first files that are in the directory itself are all pictures. */
static clm_status holds_pictures(const char *path, bool *is_it, struct clm_error *error)
{
    struct listing listing;
    size_t tried = 0;
    *is_it = false;
    clm_status status = listing_read(path, is_shown, &listing, error);
    if (status != CLM_OK)
        return status == CLM_ERROR_MEMORY ? status : CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < listing.count && tried < FIRST_FILES && (!tried || *is_it);
         i++)
        if (!is_about_data(path_name(listing.paths[i])) && !is_directory(listing.paths[i])) {
            status = begins_with_picture(listing.paths[i], is_it, error);
            tried++;
        }
    listing_free(&listing);
    return status;
}

/* Whether there are directories, of which classes are made. A folder of pictures alone holds none. */
static clm_status holds_folder_of_pictures(const char *path, bool *is_it, struct clm_error *error)
{
    bool is_unsorted = false;
    clm_status status = has_picture(path, 1, is_it, error);
    if (status == CLM_OK && !*is_it)
        status = holds_pictures(path, &is_unsorted, error);
    *is_it = *is_it || !is_unsorted; /* the missing directories are then reported */
    return status;
}

static clm_status image_folder_recognises_directory(const char *path, bool *is_it, struct clm_error *error)
{
    struct folder_parts parts;
    *is_it = false;
    clm_status status = find_parts(path, &parts, NULL, error);
    const bool is_deep = is_split(&parts) || status != CLM_OK;
    folder_parts_free(&parts);
    if (status == CLM_ERROR_MEMORY)
        return status;
    /* reading the pictures will report a train or test directory that cannot be read */
    status = has_picture(path, is_deep ? 2 : 1, is_it, error);
    return status == CLM_OK && !*is_it ? holds_pictures(path, is_it, error) : status;
}

static bool image_recognises_file(const struct file_head *head)
{
    return image_is_known(head->bytes, head->count);
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
    clm_status status = stream_read_all(path, IMAGE_FILE_MAX, &bytes, &size, error);
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

/* Gives rows room for their numbers and names. */
static clm_status make_names(const char *path, size_t rows, struct set *set, struct clm_error *error)
{
    set->rows = rows;
    set->row_numbers = calloc(rows, sizeof *set->row_numbers);
    set->row_names = calloc(rows, sizeof *set->row_names);
    return set->row_numbers && set->row_names
               ? CLM_OK
               : clm_fail_host_memory(error, path, rows * sizeof *set->row_names);
}

/* What follows ROOT/ in the path of a picture. */
static const char *path_below(const char *root, const char *path)
{
    const size_t length = strlen(root);
    return !strncmp(path, root, length) && path[length] == '/' ? path + length + 1 : path;
}

static clm_status image_folder_read_pictures(const char *root, const char *path,
                                             const struct pictures *pictures, struct folder_shape *shape,
                                             struct set *set, struct clm_error *error)
{
    const size_t rows = pictures->count;
    clm_status status = set_make_labels(set, rows, path, error);
    struct philox random = philox_start(ORDER_SEED, RANDOM_IMAGE_FOLDER, 0);
    uint32_t *order = malloc(rows * sizeof *order);
    if (status == CLM_OK)
        status = make_names(path, rows, set, error);
    if (status == CLM_OK && !order)
        status = clm_fail_host_memory(error, path, rows * sizeof *order);
    if (status == CLM_OK)
        philox_permutation(&random, order, rows);
    for (size_t i = 0; status == CLM_OK && i < rows; i++) {
        const char *const name = path_below(root, pictures->files[i].path);
        const size_t row = order[i];
        set->labels[row] = pictures->files[i].label;
        set->row_numbers[row] = (uint32_t)i;
        set->row_names[row] = strdup(name);
        status = set->row_names[row]
                     ? add_picture(path, pictures->files[i].path, rows, row, shape, set, error)
                     : clm_fail_host_memory(error, path, strlen(name));
    }
    free(order);
    return status;
}

/* The state of reading a root, shared by its parts. */
struct reading {
    const char *root;
    const struct clm_data_options *options;
    const char *const *class_names;
    size_t classes;
    struct folder_shape shape;
};

/* Reads the pictures of `path`, which is the root or below it: those in its class directories, or else those
 * in it. */
static clm_status image_folder_read_part(struct reading *reading, const char *path, bool is_sorted,
                                         struct set *set, struct clm_error *error)
{
    struct pictures pictures = {0};
    clm_status status = is_sorted ? listing_find_pictures(path, reading->class_names, reading->classes,
                                                          reading->options, &pictures, error)
                                  : listing_find_unsorted(path, reading->options, &pictures, error);
    if (status == CLM_OK)
        status = image_folder_read_pictures(reading->root, path, &pictures, &reading->shape, set, error);
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
        status = listing_class_names(path, &out->class_names, &out->classes, error);
    } else {
        out->class_names = class_names_copy(request->class_names, request->classes);
        out->classes = out->class_names ? request->classes : 0;
        if (!out->class_names)
            status = clm_fail_host_memory(error, reading->root, request->classes * sizeof *out->class_names);
    }
    reading->class_names = (const char *const *)out->class_names;
    reading->classes = out->classes;
    return status;
}

/* Pictures get the size and the channels of the options, or else those of the model that they are for. */
static struct reading reading_of(const char *path, const struct request *request)
{
    const struct clm_data_options *const options = request->options;
    const struct clm_inputs *const inputs = request->inputs;
    const bool is_known = inputs && inputs->height && (inputs->channels == 1 || inputs->channels == 3),
               is_resized = options->resize_width || is_known, has_channels = options->channels || is_known;
    return (struct reading){.root = path,
                            .options = options,
                            .shape = {.width = options->resize_width ? options->resize_width
                                               : is_known            ? inputs->width
                                                                     : 0,
                                      .height = options->resize_width ? options->resize_height
                                                : is_known            ? inputs->height
                                                                      : 0,
                                      .channels = options->channels ? options->channels
                                                  : is_known        ? inputs->channels
                                                                    : 0,
                                      .is_resized = is_resized,
                                      .has_channels = has_channels}};
}

static clm_status read_single_picture(const char *path, const struct request *request, struct contents *out,
                                      struct clm_error *error)
{
    struct reading reading = reading_of(path, request);
    struct picture_file file = {(char *)(uintptr_t)path, CLM_NO_LABEL};
    const struct pictures one = {.files = &file, .count = 1};
    if (!request->options->labels_optional)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: is a single picture, which has no label, so it can only be predicted; name the directory that holds a directory of pictures for each class",
            path);
    const clm_status status =
        request->wanted & READ_TRAIN
            ? image_folder_read_pictures(path, path, &one, &reading.shape, &out->train, error)
            : CLM_OK;
    free(reading.shape.first);
    return status;
}

/* Whether the part is to be read. A part without classes is left out, unless rows may be without labels. */
static bool takes_part(const struct folder_parts *parts, enum clm_part part, const struct request *request)
{
    if (!parts->paths[part] || !(request->wanted & read_of(part)))
        return false;
    if (parts->is_sorted[part] || request->options->labels_optional)
        return true;
    data_note(
        request->options, "",
        "%s: its pictures are not used, because they are not in directories of classes; predict can read them",
        parts->paths[part]);
    return false;
}

static clm_status read_unsorted_folder(const char *path, const struct request *request, struct contents *out,
                                       struct clm_error *error)
{
    struct reading reading = reading_of(path, request);
    if (!request->options->labels_optional)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: holds pictures, but no directory for each class, so they have no labels and can only be predicted; put the pictures of each class into a directory with its name",
            path);
    const clm_status status = request->wanted & READ_TRAIN
                                  ? image_folder_read_part(&reading, path, false, &out->train, error)
                                  : CLM_OK;
    free(reading.shape.first);
    return status;
}

static clm_status read_sorted_folder(const char *path, struct folder_parts *parts,
                                     const struct request *request, struct contents *out,
                                     struct clm_error *error)
{
    struct reading reading = reading_of(path, request);
    const char *const first = parts->paths[CLM_TRAIN]  ? parts->paths[CLM_TRAIN]
                              : parts->paths[CLM_TEST] ? parts->paths[CLM_TEST]
                                                       : parts->paths[CLM_VALIDATION];
    clm_status status = image_folder_name_classes(&reading, first, request, out, error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        if (takes_part(parts, (enum clm_part)part, request))
            status = image_folder_read_part(&reading, parts->paths[part], parts->is_sorted[part],
                                            contents_part(out, (enum clm_part)part), error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++) {
        struct set *const set = contents_part(out, (enum clm_part)part);
        if (set->rows && set->channels < reading.shape.channels)
            status = set_make_coloured(path, set->rows, set, error);
    }
    free(reading.shape.first);
    return status;
}

static clm_status read_image_folder(const char *path, bool is_directory, const struct request *request,
                                    struct contents *out, struct clm_error *error)
{
    struct folder_parts parts;
    struct names_note note = {0};
    bool has_folder = false;
    if (!is_directory)
        return read_single_picture(path, request, out, error);
    clm_status status = find_parts(path, &parts, &note, error);
    const bool is_divided = is_split(&parts);
    if (status == CLM_OK && !is_divided) {
        parts.paths[CLM_TRAIN] = strdup(path);
        parts.is_sorted[CLM_TRAIN] = true;
        status = parts.paths[CLM_TRAIN] ? holds_folder_of_pictures(path, &has_folder, error)
                                        : clm_fail_host_memory(error, path, strlen(path));
    }
    if (status == CLM_OK && !is_divided && !has_folder)
        status = read_unsorted_folder(path, request, out, error);
    else if (status == CLM_OK)
        status = read_sorted_folder(path, &parts, request, out, error);
    if (status == CLM_OK && is_divided && request->wanted & READ_TRAIN)
        note_unused(&note, path, request->options);
    folder_parts_free(&parts);
    return status;
}

const struct format image_folder_format = {
    .name = "images",
    .takes = TAKES_RESIZE | TAKES_CHANNELS,
    .recognises_file = image_recognises_file,
    .recognises_directory = image_folder_recognises_directory,
    .read = read_image_folder,
};
