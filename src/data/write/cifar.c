/* Writes CIFAR-10's binary layout, with the training rows in up to five files. */
#include "data/formats/cifar.h"

#include "data/files/output.h"
#include "data/write/writer.h"

/* The training batches, the test batch and the names of the classes. */
static const char *const files[] = {
    "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
    "data_batch_5.bin", "test_batch.bin",   "batches.meta.txt", NULL};

static clm_status write_cifar_check(const struct clm_data *data, struct clm_error *error)
{
    if (data->element != ELEMENT_BYTE || data->height != CIFAR_SIDE || data->width != CIFAR_SIDE ||
        data->channels != CIFAR_CHANNELS)
        return clm_fail(
            error, CLM_ERROR_SHAPE,
            "%s: its rows are %zu %s%s, but those of CIFAR-10 are pictures of 3x32x32 bytes; write npz instead",
            data->source, data->features, data->element == ELEMENT_BYTE ? "bytes" : "floats",
            data->height ? " of pictures of another size" : "");
    if (data->classes != CIFAR_CLASSES)
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: has %zu classes, but CIFAR-10 has %d; write npz instead",
                        data->source, data->classes, CIFAR_CLASSES);
    return CLM_OK;
}

/* Writes the rows from `first` to `end` - 1. */
static clm_status write_cifar_batch(const struct clm_data *data, const struct rows *rows, size_t first,
                                    size_t end, const char *directory, const char *name,
                                    struct clm_error *error)
{
    struct output *output = NULL;
    clm_status status = output_open_in(directory, name, false, &output, error);
    for (size_t i = first; status == CLM_OK && i < end; i++) {
        const unsigned char label = (unsigned char)rows->labels[i];
        status = output_write(output, &label, 1, error);
        if (status == CLM_OK)
            status = output_write(output, data_row(data, rows, i), CIFAR_PIXELS, error);
    }
    return output_end(output, status, error);
}

static clm_status write_cifar_names(const struct clm_data *data, const char *directory,
                                    struct clm_error *error)
{
    struct output *output = NULL;
    clm_status status = output_open_in(directory, files[CIFAR_BATCHES + 1], false, &output, error);
    for (size_t i = 0; status == CLM_OK && i < data->classes; i++)
        status = data->class_names ? output_print(output, error, "%s\n", data->class_names[i])
                                   : output_print(output, error, "%zu\n", i);
    return output_end(output, status, error);
}

static clm_status write_cifar(const struct clm_data *data, const char *path,
                              const struct clm_data_write_options *options, struct clm_error *error)
{
    clm_status status = write_cifar_names(data, path, error);
    const size_t count = data->train.count;
    (void)options;
    for (size_t i = 0; status == CLM_OK && i < CIFAR_BATCHES; i++) {
        const size_t first = i * (count / CIFAR_BATCHES) + (i * (count % CIFAR_BATCHES)) / CIFAR_BATCHES,
                     end = (i + 1) * (count / CIFAR_BATCHES) +
                           ((i + 1) * (count % CIFAR_BATCHES)) / CIFAR_BATCHES;
        if (end > first)
            status = write_cifar_batch(data, &data->train, first, end, path, files[i], error);
    }
    if (status == CLM_OK && data->test.count)
        status = write_cifar_batch(data, &data->test, 0, data->test.count, path, files[CIFAR_BATCHES], error);
    return status;
}

const struct writer cifar_writer = {.name = "cifar10",
                                    .is_directory = true,
                                    .files = files,
                                    .keeps_names = writer_keeps_names,
                                    .check = write_cifar_check,
                                    .write = write_cifar};
