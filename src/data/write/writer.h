/* The formats that are written. */
#ifndef CLM_DATA_WRITE_WRITER_H
#define CLM_DATA_WRITE_WRITER_H

#include "data/data.h"

struct writer {
    const char *name;
    /* A directory, which --force replaces where it holds nothing but files of these names (NULL ends them; NULL for
     * none); else a file. */
    bool is_directory;
    const char *const *files;
    bool is_of_one_part; /* the file has place for one part */
    bool keeps_names;    /* of the classes */

    /* CLM_ERROR_SHAPE where the data does not fit into the format; NULL where everything does. */
    clm_status (*check)(const struct clm_data *data, struct clm_error *error);
    /* Writes to `path`: a new file that must appear whole, or into a directory that is there and that nobody sees
     * yet. */
    clm_status (*write)(const struct clm_data *data, const char *path,
                        const struct clm_data_write_options *options, struct clm_error *error);
};

extern const struct writer idx_writer, cifar_writer, csv_writer, libsvm_writer, npy_writer, npz_writer,
    image_folder_writer;

#endif
