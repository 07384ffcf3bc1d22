/* The names of CIFAR's files and classes, and how the latter are read. */
#include "data/formats/cifar_files.h"

#include "base/text.h"
#include "data/pickle/pickle.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX       ((size_t)65536) /* bytes of a text file; the published ones have at most 1000 */
#define NAME_MAX_LENGTH 100

const char *const cifar10_class_names[CIFAR_CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                        "dog",      "frog",       "horse", "ship", "truck"};

const char *const cifar100_class_names[CIFAR100_CLASSES] = {
    "apple",      "aquarium_fish", "baby",         "bear",       "beaver",      "bed",         "bee",
    "beetle",     "bicycle",       "bottle",       "bowl",       "boy",         "bridge",      "bus",
    "butterfly",  "camel",         "can",          "castle",     "caterpillar", "cattle",      "chair",
    "chimpanzee", "clock",         "cloud",        "cockroach",  "couch",       "crab",        "crocodile",
    "cup",        "dinosaur",      "dolphin",      "elephant",   "flatfish",    "forest",      "fox",
    "girl",       "hamster",       "house",        "kangaroo",   "keyboard",    "lamp",        "lawn_mower",
    "leopard",    "lion",          "lizard",       "lobster",    "man",         "maple_tree",  "motorcycle",
    "mountain",   "mouse",         "mushroom",     "oak_tree",   "orange",      "orchid",      "otter",
    "palm_tree",  "pear",          "pickup_truck", "pine_tree",  "plain",       "plate",       "poppy",
    "porcupine",  "possum",        "rabbit",       "raccoon",    "ray",         "road",        "rocket",
    "rose",       "sea",           "seal",         "shark",      "shrew",       "skunk",       "skyscraper",
    "snail",      "snake",         "spider",       "squirrel",   "streetcar",   "sunflower",   "sweet_pepper",
    "table",      "tank",          "telephone",    "television", "tiger",       "tractor",     "train",
    "trout",      "tulip",         "turtle",       "wardrobe",   "whale",       "willow_tree", "wolf",
    "woman",      "worm"};

static const char *const coarse_class_names[CIFAR100_COARSE_CLASSES] = {"aquatic_mammals",
                                                                        "fish",
                                                                        "flowers",
                                                                        "food_containers",
                                                                        "fruit_and_vegetables",
                                                                        "household_electrical_devices",
                                                                        "household_furniture",
                                                                        "insects",
                                                                        "large_carnivores",
                                                                        "large_man-made_outdoor_things",
                                                                        "large_natural_outdoor_scenes",
                                                                        "large_omnivores_and_herbivores",
                                                                        "medium_mammals",
                                                                        "non-insect_invertebrates",
                                                                        "people",
                                                                        "reptiles",
                                                                        "small_mammals",
                                                                        "trees",
                                                                        "vehicles_1",
                                                                        "vehicles_2"};

static const struct cifar_labels labels_of_10 = {CIFAR_CLASSES, cifar10_class_names, 0, "labels",
                                                 "label_names"},
                                 fine_labels = {CIFAR100_CLASSES, cifar100_class_names, 1, "fine_labels",
                                                "fine_label_names"},
                                 coarse_labels = {CIFAR100_COARSE_CLASSES, coarse_class_names, 0,
                                                  "coarse_labels", "coarse_label_names"};

const struct cifar cifar10 = {
    .name = "CIFAR-10",
    .format = "cifar10",
    .label_count = 1,
    .labels = {&labels_of_10},
    .files = {[CIFAR_BINARY] = {"cifar-10-batches-bin",
                                {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                 "data_batch_4.bin", "data_batch_5.bin"},
                                "test_batch.bin",
                                {"batches.meta.txt"}},
              [CIFAR_PYTHON] = {"cifar-10-batches-py",
                                {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                                 "data_batch_5"},
                                "test_batch",
                                {"batches.meta"}}},
};

const struct cifar cifar100 = {
    .name = "CIFAR-100",
    .format = "cifar100",
    .label_count = 2,
    .labels = {&fine_labels, &coarse_labels},
    .files = {[CIFAR_BINARY] = {"cifar-100-binary",
                                {"train.bin"},
                                "test.bin",
                                {"fine_label_names.txt", "coarse_label_names.txt"}},
              [CIFAR_PYTHON] = {"cifar-100-python", {"train"}, "test", {"meta", "meta"}}},
};

static clm_status cifar_names_check(const char *path, const char *kind, const char *name, size_t length,
                                    size_t index, struct clm_error *error)
{
    if (length && length <= NAME_MAX_LENGTH && !has_control(name, length))
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: %s %zu cannot name a class: it has %zu bytes, and holds control characters or is longer than %d",
        path, kind, index, length, NAME_MAX_LENGTH);
}

static clm_status check_count(const char *path, size_t count, const struct cifar *cifar,
                              const struct cifar_labels *labels, struct clm_error *error)
{
    if (count == labels->classes)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: names %zu classes, but %s has %zu", path, count,
                    cifar->name, labels->classes);
}

/* Splits `text` in place into its lines; empty lines are left out. */
static clm_status split_names(const char *path, char *text, const struct cifar *cifar,
                              const struct cifar_labels *labels, char ***names, struct clm_error *error)
{
    const char *found[CIFAR100_CLASSES] = {NULL};
    size_t count = 0;
    char *place = NULL;
    for (char *line = strtok_r(text, "\r\n", &place); line; line = strtok_r(NULL, "\r\n", &place)) {
        const clm_status status = cifar_names_check(path, "line", line, strlen(line), count + 1, error);
        if (status != CLM_OK)
            return status;
        if (count < labels->classes)
            found[count] = line;
        count++;
    }
    const clm_status status = check_count(path, count, cifar, labels, error);
    if (status != CLM_OK)
        return status;
    *names = class_names_copy(found, count);
    return *names ? CLM_OK : clm_fail_host_memory(error, path, count * sizeof **names);
}

static clm_status read_text(struct stream *stream, const struct cifar *cifar,
                            const struct cifar_labels *labels, char ***names, struct clm_error *error)
{
    const char *path = stream_path(stream);
    size_t size = 0;
    char *text = malloc(NAMES_MAX + 1);
    if (!text)
        return clm_fail_host_memory(error, path, NAMES_MAX + 1);
    clm_status status = stream_read(stream, text, NAMES_MAX + 1, &size, error);
    if (status == CLM_OK && size > NAMES_MAX)
        status = clm_fail(error, CLM_ERROR_FORMAT,
                          "%s: has more than the %zu bytes that a file of names may have (%zu bytes on disk)",
                          path, NAMES_MAX, stream_file_size(stream));
    if (status == CLM_OK) {
        text[size] = '\0';
        status = split_names(path, text, cifar, labels, names, error);
    }
    free(text);
    return status;
}

static clm_status copy_names(const char *path, const struct pickle_value *list, const struct cifar *cifar,
                             const struct cifar_labels *labels, char ***names, struct clm_error *error)
{
    const char *found[CIFAR100_CLASSES] = {NULL};
    clm_status status = check_count(path, list->count, cifar, labels, error);
    for (size_t i = 0; status == CLM_OK && i < list->count; i++) {
        const struct pickle_value *const name = list->items[i];
        if (name->kind != PICKLE_TEXT && name->kind != PICKLE_BYTES)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: name %zu of its %s is %s, but only strings are read", path, i,
                            labels->names_key, pickle_kind_name(name->kind));
        found[i] = (const char *)name->bytes;
        status = cifar_names_check(path, "name", found[i], name->size, i, error);
    }
    if (status != CLM_OK)
        return status;
    *names = class_names_copy(found, list->count);
    return *names ? CLM_OK : clm_fail_host_memory(error, path, list->count * sizeof **names);
}

static clm_status read_pickle(struct stream *stream, const struct cifar *cifar,
                              const struct cifar_labels *labels, char ***names, struct clm_error *error)
{
    struct pickle *pickle = NULL;
    clm_status status = pickle_read(stream, &pickle, error);
    if (status != CLM_OK)
        return status;
    const struct pickle_value *const list = pickle_find(pickle_top(pickle), labels->names_key);
    if (!list || list->kind != PICKLE_LIST)
        status = clm_fail(error, CLM_ERROR_FORMAT,
                          "%s: has no list under the key %s, which the file of %s's names has",
                          stream_path(stream), labels->names_key, cifar->name);
    else
        status = copy_names(stream_path(stream), list, cifar, labels, names, error);
    pickle_close(pickle);
    return status;
}

clm_status cifar_read_names(struct stream *stream, enum cifar_layout layout, const struct cifar *cifar,
                            const struct cifar_labels *labels, char ***names, struct clm_error *error)
{
    return (layout == CIFAR_PYTHON ? read_pickle : read_text)(stream, cifar, labels, names, error);
}
