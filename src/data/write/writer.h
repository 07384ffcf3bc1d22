/* The formats that can be written. */
#ifndef CLM_DATA_WRITE_WRITER_H
#define CLM_DATA_WRITE_WRITER_H

#include "data/data.h"

struct writer {
    const char *name;
    /* The format is a directory; else it is a file. A directory may be replaced only if it holds nothing but
     * files named in `files`, a list that NULL ends (or NULL: it is never replaced). */
    bool is_directory;
    const char *const *files;
    bool is_of_one_part;   /* a file holds only one part */
    bool holds_validation; /* the format has a place for a validation part */

    /* Are the names of the classes written? NULL: never. The data has names. */
    bool (*keeps_names)(const struct clm_data *data);

    /* Fails with CLM_ERROR_SHAPE if the format cannot hold the data; NULL if it can hold any data. */
    clm_status (*check)(const struct clm_data *data, struct clm_error *error);
    /* Writes to `path`: either a new file, which must appear whole, or into an empty staging directory. */
    clm_status (*write)(const struct clm_data *data, const char *path,
                        const struct clm_data_write_options *options, struct clm_error *error);
};

/* For keeps_names: the format always does. */
bool writer_keeps_names(const struct clm_data *data);

extern const struct writer idx_writer, cifar_writer, csv_writer, libsvm_writer, npy_writer, npz_writer,
    image_folder_writer;

#endif
