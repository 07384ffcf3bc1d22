/* clmlp: multi-layer perceptrons on any OpenCL device.
 *
 * The one public header. Conventions, everywhere below:
 *
 *   shapes      B batch rows, I a layer's inputs, O its outputs; matrices are row-major
 *   errors      a function that can fail returns a clm_status. If it is not CLM_OK, *error holds a whole
 *               sentence: what happened, with values, and what to do next
 *   ownership   a function makes an object through `**out`, and the caller gives it back to the matching
 *               _close or _free, both of which accept NULL; after a failure *out is NULL and nothing is left
 *               behind
 *   pointers    an argument may be NULL only if its declaration says so; `error`, callbacks and their `user`
 *               may always be NULL
 *   strings     that are returned as `const char *` live as long as the object that they describe
 *   threads     an object is used by one thread at a time
 *
 * The library never prints and never exits.
 */
#ifndef CLMLP_H
#define CLMLP_H

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* These declarations are the library's symbols; it keeps all others to itself. */
#pragma GCC visibility push(default)

#define CLM_MUST_CHECK __attribute__((warn_unused_result))

/* ---- errors ------------------------------------------------------------------------------------------- */

#define CLM_STATUSES(X)                                                                                      \
    X(CLM_OK, "done")                                                                                        \
    X(CLM_ERROR_ARGUMENT, "an argument makes no sense")                                                      \
    X(CLM_ERROR_SHAPE, "shapes do not fit each other")                                                       \
    X(CLM_ERROR_MEMORY, "not enough memory")                                                                 \
    X(CLM_ERROR_IO, "a file could not be read or written")                                                   \
    X(CLM_ERROR_FORMAT, "a file is not what it should be")                                                   \
    X(CLM_ERROR_DEVICE, "no usable device, or a device call failed")                                         \
    X(CLM_ERROR_BUILD, "a kernel does not build")                                                            \
    X(CLM_ERROR_WRONG, "a device computes wrong results")                                                    \
    X(CLM_ERROR_STOPPED, "stopped, as asked")

typedef enum {
#define CLM_STATUS_NAME(name, text) name,
    CLM_STATUSES(CLM_STATUS_NAME)
#undef CLM_STATUS_NAME
} clm_status;

struct clm_error {
    clm_status status;
    char message[4096]; /* one sentence; a failed kernel build adds the numbered source and the log */
    /* Names of the settings that can mend the matter, the likeliest first, with spaces between them: "label",
     * "batch hidden backend". Empty if no setting does. */
    char setting[64];
};

const char *clm_status_text(clm_status status); /* "not enough memory" */

/* Writes a sentence that may contain text of a user, a file or a driver: '?' replaces its control characters
 * (not the ends of lines), and a path of hundreds of bytes loses its middle, as does a sentence that is too
 * long, so that the reason at the end stays. Returns `out`. */
const char *clm_write_sentence(char *out, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

const char *clm_version(void);          /* "0.1.0" */
const char *clm_openblas_version(void); /* "0.3.21"; NULL if it is not there or does not tell */
const char *clm_clblast_version(void);  /* "1.5.3", which the library was compiled for; NULL if unknown */

/* The one of `names`, which end with NULL, that `word` is most likely meant for; NULL if none is near. */
const char *clm_nearest_name(const char *word, const char *const *names);

/* Replaces the file at `path` by `size` bytes. They are written to a file beside it, synced, and renamed: a
 * reader sees the old file or the new one, and a full disk leaves the old one. A path that is no regular file
 * (a pipe, anything in /dev/) is written to directly. Fails with CLM_ERROR_IO. */
CLM_MUST_CHECK clm_status clm_write_file(const char *path, const void *bytes, size_t size,
                                         struct clm_error *error);

/* Writes floats (rows, columns), row-major, as a NumPy array, as clm_write_file does. */
CLM_MUST_CHECK clm_status clm_write_npy(const char *path, const float *values, size_t rows, size_t columns,
                                        struct clm_error *error);

/* Fails if clm_write_file would find no place to write to. Long work calls it first. */
CLM_MUST_CHECK clm_status clm_check_file(const char *path, struct clm_error *error);

/* ---- devices and backends ------------------------------------------------------------------------------ */

enum clm_device_type { CLM_DEVICE_GPU, CLM_DEVICE_ACCELERATOR, CLM_DEVICE_CPU, CLM_DEVICE_OTHER };

struct clm_device {
    unsigned platform, index; /* the selector "P:D" names them */
    enum clm_device_type type;
    char platform_name[128], platform_version[128];
    char name[256], vendor[128], version[128], driver[128];
    unsigned compute_units, clock_mhz;
    uint64_t global_memory, max_allocation, local_memory; /* bytes */
    size_t max_work_group;
    bool has_own_memory; /* not the host's: a card, not a part of the processor */
    bool is_taken;       /* the selector takes this device */
    char reason[256];    /* why it is taken, or why not */
};

/* Lists every device of every platform, in the order of the ICD loader, and says which one `selector`
 * takes: "auto" (or NULL), "gpu", "cpu", "P:D", or part of a device's or platform's name. auto takes a
 * GPU, an accelerator or a CPU, in that order, that passes a quick self-test; of several GPUs first those
 * with memory of their own, and of these the one with most units times clock. Fails with CLM_ERROR_DEVICE
 * if there is no platform; a selector that takes no device is not an error here. The caller gives *devices
 * to clm_devices_free. */
CLM_MUST_CHECK clm_status clm_devices_list(const char *selector, struct clm_device **devices, size_t *count,
                                           struct clm_error *error);
void clm_devices_free(struct clm_device *devices);

/* Lists the devices that `selector` means (NULL: all). It opens none, and so does not say which one is
 * taken. */
CLM_MUST_CHECK clm_status clm_devices_find(const char *selector, struct clm_device **devices, size_t *count,
                                           struct clm_error *error);

/* BEGUN names the part that is looked at next. If a driver ends the process, the last one says where. */
enum clm_severity { CLM_FINDING_GOOD, CLM_FINDING_NOTE, CLM_FINDING_BAD, CLM_FINDING_BEGUN };

/* Something on the way from the program to a device. */
struct clm_finding {
    enum clm_severity severity;
    char section[16]; /* "drivers", "render nodes", "platforms" */
    char what[768];   /* a sentence; a name if it is CLM_FINDING_BEGUN */
    char remedy[256]; /* what to do about it; empty if nothing needs to be done */
};

/* Examines the files that name OpenCL drivers, whether each driver loads and offers a platform, the
 * permission to open GPUs, and platforms without a device. It calls `on_finding`, which may not be NULL,
 * for each. Drivers are loaded into the process, as the OpenCL loader does. */
void clm_examine_loader(void (*on_finding)(void *user, const struct clm_finding *finding), void *user);

/* Puts into `text` what to do if an OpenCL driver fails for a reason that it does not tell, or ends the
 * process: "; the disk of FOLDER, where PoCL keeps compiled kernels, is full: …", or which folder to delete
 * because a kernel in it may be damaged. Empty if no driver's cache of kernels is there. It allocates
 * nothing, so that a handler of a signal can call it. */
void clm_kernel_cache_advice(char *text, size_t size);

/* Puts into `text` which kernels are the user's own: "gemm_cpu.cl in DIR (CLMLP_KERNEL_DIR) is not the
 * built-in one". Empty if CLMLP_KERNEL_DIR is not set, or holds the built-in kernels: then they are not to
 * blame. */
void clm_kernel_files_changed(char *text, size_t size);

enum clm_backend_kind { CLM_BACKEND_REFERENCE, CLM_BACKEND_BLAS, CLM_BACKEND_OPENCL };

struct clm_backend_options {
    enum clm_backend_kind kind;
    const char *device; /* opencl: a selector as above */
    /* opencl: "auto" (or NULL), which measures the providers of matrix products and keeps its choice; a
     * name of clm_gemm_names; or "default", which auto takes if nothing has been measured */
    const char *gemm;
    /* Called with whole sentences that a user should read and that are no failures. */
    void (*on_note)(void *user, const char *sentence);
    void *note_user;
    bool skip_self_test; /* verify and doctor look at devices that would not pass it */
    /* Limits on what is allocated, in bytes; 0 sets none beside the device's own. A device that computes
     * in the host's memory takes half of host_memory. */
    uint64_t device_memory, host_memory;
    /* opencl: computes on the part-th (from 0 on) of `parts` equal shares of the device's units, beside
     * backends on the other parts, with the same bits as on all units; and takes that share of its memory. 0
     * or 1 parts: all. The units of devices that are no CPUs are not divided. */
    unsigned part, parts;
};

/* One implementation of the net's operations: reference (plain loops, double), blas (float, CBLAS) or
 * opencl. */
struct clm_backend;

CLM_MUST_CHECK clm_status clm_backend_open(const struct clm_backend_options *options,
                                           struct clm_backend **out, struct clm_error *error);
void clm_backend_close(struct clm_backend *backend);

enum clm_backend_kind clm_backend_kind(const struct clm_backend *backend);
const char *clm_backend_name(const struct clm_backend *backend); /* "reference", "blas", "opencl" */
/* The provider of matrix products: "clblast", "OpenBLAS", … */
const char *clm_backend_provider(const struct clm_backend *backend);
const char *clm_backend_device(const struct clm_backend *backend); /* the device's name */
/* The OpenCL device; NULL for other backends. */
const struct clm_device *clm_backend_about(const struct clm_backend *backend);

/* Puts the names of at most `most` providers of matrix products into `names`, and returns how many: those
 * for the device of `backend`, or for any device if it is NULL. Other backends than opencl have none. */
size_t clm_gemm_names(const struct clm_backend *backend, const char **names, size_t most);

/* Does the provider take seconds to build? Only clm_tune tries it then, and "auto" uses it only after
 * that. */
bool clm_gemm_is_slow_to_build(const char *name);

/* ---- tuning -------------------------------------------------------------------------------------------- */

/* One product of a layer on one provider. */
struct clm_tune_row {
    char product[24], candidate[24];
    size_t batch, inputs, outputs;
    double error_over_bound; /* above 1, or NaN: wrong, or it failed, and never used */
    double milliseconds,
        gflops; /* of a part of the batch, if it is large; 0 if it is wrong, or no time was seen to pass */
};

/* Measures every provider on the products of the net `sizes` (inputs … classes) at `batch`, and keeps the
 * choice in the user's cache directory, where every later run with gemm "auto" finds it. `backend` was
 * opened with gemm "auto"; if not, that is CLM_ERROR_ARGUMENT. */
CLM_MUST_CHECK clm_status clm_tune(struct clm_backend *backend, const size_t *sizes, size_t size_count,
                                   size_t batch, void (*on_row)(void *user, const struct clm_tune_row *row),
                                   void *user, struct clm_error *error);
/* The provider that is kept for a product ("forward", …) of a layer at exactly this batch; NULL if none is.
 * */
const char *clm_tune_choice(struct clm_backend *backend, const char *product, size_t batch, size_t inputs,
                            size_t outputs);
/* The file with the choices; NULL if there is none, or nothing has been tuned yet. */
const char *clm_tune_path(const struct clm_backend *backend);
/* Seconds that the backend has spent measuring. */
double clm_tune_seconds(const struct clm_backend *backend);

/* ---- data ---------------------------------------------------------------------------------------------- */

enum clm_part { CLM_TRAIN, CLM_VALIDATION, CLM_TEST };

/* The label of a row that has none. */
#define CLM_NO_LABEL UINT32_MAX

/* Whether the first row of a CSV holds the names of the columns. */
enum clm_header { CLM_HEADER_DETECTED, CLM_HEADER_YES, CLM_HEADER_NO };

/* What replaces a missing value of a table (an empty field, NA, NaN, null, ?, and what else data programs
 * write): the mean of its column, or the most frequent category; 0, or no category; or nothing, which is an
 * error. The mean is taken over the rows of the training part that have a value, after validation rows are
 * held out and `limit` is applied, and replaces missing values of all parts. A column with missing values in
 * the training set gets one more feature: 1 if the value is missing, else 0. */
enum clm_missing { CLM_MISSING_MEAN, CLM_MISSING_ZERO, CLM_MISSING_REFUSED };

/* What a column of a table is. Dates are counted in days since 1970-01-01. */
enum clm_column_kind { CLM_COLUMN_NUMBER, CLM_COLUMN_BOOLEAN, CLM_COLUMN_DATE, CLM_COLUMN_CATEGORY };

/* What the values of a row mean, and how they become the inputs of a net: names, kinds and categories of a
 * table's columns, what replaces missing values, the size of pictures. Training data decides it, and the
 * model keeps it. */
struct clm_inputs;

/* A column of a table that is an input. */
struct clm_column {
    const char *name; /* empty if the file has no names */
    enum clm_column_kind kind;
    size_t place;                  /* its index in the file, from 0 */
    const char *const *categories; /* (category_count), of CLM_COLUMN_CATEGORY */
    size_t category_count;
    size_t first, features; /* its features: one, or one for each category; and one more if has_indicator */
    bool has_indicator;     /* its last feature is 1 if the value is missing, else 0 */
    double offset;          /* subtracted from numbers and dates before they become float32 */
    double fill;            /* in place of a missing value: value - offset, or the index of a category */
};

/* False if there are no more columns, or the data is no table. */
bool clm_inputs_column(const struct clm_inputs *inputs, size_t index, struct clm_column *out);
/* Writes the name of a feature, "city = Oslo", into `text`, cut to `size` bytes; returns `text`. */
const char *clm_inputs_feature(const struct clm_inputs *inputs, size_t feature, char *text, size_t size);
/* What was subtracted from the values of a feature before they became float32, so that it tells them apart;
 * 0 for most features. */
double clm_inputs_offset(const struct clm_inputs *inputs, size_t feature);

/* Which rows of the training set are held out for validation. Both parts keep the file's order.
 *
 *   last        the rows at the end
 *   random      every choice of so many rows is equally likely
 *   stratified  random within each class. A class gives held_out * rows_of_class / rows rows, rounded up or
 *               down so that the sum is exact: classes that have given none yet are rounded up first, then
 *               those with the largest remainder. A class keeps one row to train on, so a class of one row
 *               gives none; if small classes cannot give their share, others give more. CLM_ERROR_ARGUMENT
 *               if that is not enough.
 */
enum clm_split { CLM_SPLIT_LAST, CLM_SPLIT_RANDOM, CLM_SPLIT_STRATIFIED };

struct clm_data_options {
    const char *source; /* a name (fashion-mnist, mnist, cifar10, cifar100) or a path */
    const char *format; /* a name of clm_format_names; NULL: the content tells */
    const char *test;   /* path of a test set, instead of the source's own; NULL for none */
    /* Path of a validation set, instead of the source's own; NULL for none. */
    const char *validation_set;
    /* Rows of the training set to hold out: a count, or a fraction below 1. They replace the source's own
     * validation set. */
    double validation;
    enum clm_split validation_by;
    uint64_t validation_seed; /* random, stratified: the same seed and labels hold out the same rows */
    size_t limit;             /* keep the first N training rows of those not held out; 0 keeps all */
    bool limits_each;         /* `limit` is for the validation and the test part, too */
    /* Bytes of the host's memory that the data may take; 0 for no limit. Uncompressed files of idx (bytes)
     * and of npy (uint8, or float32, in C order) take none for their values, because they are mapped. */
    uint64_t memory;
    /* Rows may come without labels, as rows to predict do. If false, such data is CLM_ERROR_FORMAT. */
    bool labels_optional;
    /* Called with whole sentences that a user should read and that are no failures: what was assumed, and
     * which files or arrays were left out. `setting` names what the user may change, as clm_error.setting
     * does, or is "". */
    void (*on_note)(void *user, const char *sentence, const char *setting);
    void *note_user;

    /* Each option below is CLM_ERROR_ARGUMENT if the data's format does not take it. */
    const char *inputs; /* npz, npy: the array with the inputs; NULL looks for x, x_train and the like */
    /* csv: the column of the labels, by name or by index (from 0; negative indices count from the end: -1
     * is the last); npz, npy: the array with the labels; cifar100: "fine" (the default) or "coarse". NULL:
     * see doc/data.md */
    const char *label;
    enum clm_header header;
    enum clm_missing missing;
    /* csv: columns, by name or index, separated by commas: those to leave out, the only ones to take, and
     * those whose numbers are categories. A column of text is left out if it has more than 256 categories, or
     * more than 20 that are over half of the rows, unless `categorical` names it. */
    const char *ignore, *only, *categorical;
    const char *id; /* csv: the column with names of rows (clm_data_row_name), which is no input */
    /* csv: the column that says how much each row counts in training, at least 0; it is no input. */
    const char *weight;
    const char *delimiter;     /* csv: ",", ";", "tab", "|" or "blank"; NULL: the first rows tell */
    const char *missing_words; /* csv: more words for missing values, separated by commas: "-,unknown" */
    /* images: 0 keeps the pictures' own size and channels. */
    size_t resize_width, resize_height; /* size to stretch to: mean of the covered pixels, or bilinear */
    size_t channels;                    /* 1 or 3; if 0, 1 if all pictures are grey, else 3 */

    /* What the model that the data is for takes (clm_model_inputs); NULL if the data decides. Columns of a
     * table are matched by name, in any order; a missing one is CLM_ERROR_SHAPE. Pictures get the model's
     * size and channels. */
    const struct clm_inputs *model_inputs;
    /* Features and classes of the model that the data is for; 0 and NULL if the data decides. csv, libsvm,
     * npz, npy and images map their labels to these classes and refuse any other label. Rows of libsvm get
     * so many features. */
    size_t features, classes;
    const char *const *class_names; /* `classes` names, or NULL */

    /* Rows have targets, which are numbers to predict, instead of labels. Data for a model of targets has
     * them in any case. */
    bool has_targets;
    /* csv: the columns of the targets, by name or index, separated by commas; npz, npy: the array with them,
     * (rows) or (rows, targets). NULL: what would hold the labels. */
    const char *target;
};

/* Fills `names` with the names of at most `most` formats that can be read: "idx", "npy", …;
 * returns their number. */
size_t clm_format_names(const char **names, size_t most);

/* A data set in memory: a training part, and validation and test parts if there are any. */
struct clm_data;

CLM_MUST_CHECK clm_status clm_data_open(const struct clm_data_options *options, struct clm_data **out,
                                        struct clm_error *error);
void clm_data_close(struct clm_data *data);

enum clm_value_type { CLM_FLOAT, CLM_DOUBLE, CLM_BYTE }; /* float, double, uint8_t */

/* Rows in memory. */
struct clm_arrays {
    enum clm_value_type type;
    const void *values; /* (rows, features), row-major, all finite */
    size_t rows, features;
    const uint32_t *labels;           /* (rows), each below `classes`; NULL: no row has a label */
    size_t classes;                   /* 0: the largest label of both sets + 1, and no class_names */
    const char *const *class_names;   /* (classes), or NULL */
    const char *const *feature_names; /* (features), or NULL; a model keeps them */
    /* (rows, target_count), numbers to predict instead of labels, NaN if missing; NULL: there are none */
    const double *targets;
    size_t target_count;
    const char *const *target_names; /* (target_count), or NULL; a model keeps them */
};

/* Makes a data set from arrays, which are copied. Doubles that float32 could not tell apart are counted from
 * the first row: see struct clm_column. `test` may be NULL; if not, it has the features and classes of
 * `train`. Of the options, which may be NULL, these count: validation and what belongs to it, classes,
 * labels_optional, without which every row must have a label, and model_inputs, for data that a model
 * predicts: the features then are those of the model, in its order (clm_inputs_feature). */
CLM_MUST_CHECK clm_status clm_data_from_arrays(const struct clm_arrays *train, const struct clm_arrays *test,
                                               const struct clm_data_options *options, struct clm_data **out,
                                               struct clm_error *error);

const char *clm_data_source(const struct clm_data *data); /* path of the file or directory */
const char *clm_data_format(const struct clm_data *data); /* a name of clm_format_names */
size_t clm_data_rows(const struct clm_data *data, enum clm_part part);
size_t clm_data_features(const struct clm_data *data);
const struct clm_inputs *clm_data_inputs(const struct clm_data *data);
/* Which column of a table holds the labels, and why: "column "species", the last"; NULL for other data. */
const char *clm_data_label_column(const struct clm_data *data);
size_t clm_data_classes(const struct clm_data *data);                       /* 0 if there are no labels */
const char *clm_data_class_name(const struct clm_data *data, size_t index); /* NULL if unnamed */
bool clm_data_is_bytes(const struct clm_data *data);
/* below the number of classes, or CLM_NO_LABEL */
uint32_t clm_data_label(const struct clm_data *data, enum clm_part part, size_t row);
/* Has each training row a weight? See clm_data_options.weight. */
bool clm_data_is_weighted(const struct clm_data *data);
/* How many rows of the part have no label, or not all targets; 0 unless the options allow such rows. */
size_t clm_data_unlabelled(const struct clm_data *data, enum clm_part part);
/* Targets of each row: numbers to predict. 0 if rows have labels, or neither. */
size_t clm_data_targets(const struct clm_data *data);
const char *clm_data_target_name(const struct clm_data *data, size_t target);
/* In its own units; NaN if it is missing. */
double clm_data_target(const struct clm_data *data, enum clm_part part, size_t row, size_t target);
/* The row's number in its file, from 0. It is not `row` if rows are held out or the reader shuffled them. */
size_t clm_data_row_number(const struct clm_data *data, enum clm_part part, size_t row);
/* The row's name: a picture's path below the directory that was read; NULL if rows have no names. */
const char *clm_data_row_name(const struct clm_data *data, enum clm_part part, size_t row);

/* The size of pictures, whose features are planar (channel, row, column); false, and zeros, if rows are no
 * pictures. Each of width, height and channels may be NULL. */
bool clm_data_picture_size(const struct clm_data *data, size_t *width, size_t *height, size_t *channels);

struct clm_part_summary {
    size_t rows;
    double lowest, highest, mean,
        deviation;      /* of all values; NaN without rows. The deviation is divided by N */
    size_t *class_rows; /* (classes) */
    /* Rows that are byte for byte the same as an earlier row of the part; how many of them have another label
     * than the first such row; and the first of them, with its earlier row. */
    size_t repeated, contradicting, repeated_row, repeated_of;
    /* How many validation or test rows are also in the training part; the first of them, with its training
     * row. */
    size_t leaked, leaked_row, leaked_of;
};

struct clm_warning {
    char *sentence;
    const char *setting; /* as in struct clm_error */
};

struct clm_data_summary {
    struct clm_part_summary parts[3]; /* by enum clm_part */
    size_t constant_features;         /* features that have one value in all training rows */
    struct clm_warning *warnings;     /* what is likely to be a mistake, or to mislead */
    size_t warning_count;
};

/* Looks at every row. The caller frees *out with clm_data_summary_free. */
CLM_MUST_CHECK clm_status clm_data_summarise(const struct clm_data *data, struct clm_data_summary **out,
                                             struct clm_error *error);
/* The same without what takes long: looks at the labels of each row and, if `wants_values`, at the values
 * of the training rows. Rows that occur twice are not looked for. */
CLM_MUST_CHECK clm_status clm_data_check(const struct clm_data *data, bool wants_values,
                                         struct clm_data_summary **out, struct clm_error *error);
void clm_data_summary_free(struct clm_data_summary *summary);

/* Writes a PNG with `rows` pictures of a part and their labels to `path`; `seed` decides which rows.
 * CLM_ERROR_SHAPE if rows are no pictures. */
CLM_MUST_CHECK clm_status clm_data_sheet(const struct clm_data *data, enum clm_part part, size_t rows,
                                         uint64_t seed, const char *path, struct clm_error *error);

struct clm_data_write_options {
    const char *format; /* a name of clm_data_write_names */
    /* the part to write, if the format holds one; other formats hold the training and the test set */
    enum clm_part part;
    bool is_gzipped; /* idx */
    bool replaces;   /* replaces an existing data set; else that is an error */
};

/* Writes the data set to `path`. A write that fails keeps the data that was at `path`. A directory is
 * replaced only if it holds nothing but files of the format, and a directory of pictures never.
 * CLM_ERROR_SHAPE if the format cannot hold the data. */
CLM_MUST_CHECK clm_status clm_data_write(const struct clm_data *data, const char *path,
                                         const struct clm_data_write_options *options,
                                         struct clm_error *error);
/* Fills `names` with the names of at most `most` formats that can be written; returns how many there are. */
size_t clm_data_write_names(const char **names, size_t most);
bool clm_data_write_is_of_one_part(const char *format);
/* Does a file of the format hold the names of the data's classes? CSV holds them if reading it gives the
 * classes the same numbers. */
bool clm_data_write_keeps_names(const char *format, const struct clm_data *data);

/* Makes a synthetic data set of ten classes in a directory, in CIFAR-10's layout: five batches to train on
 * and one to test on, of `rows` rows each, 1 to CLM_DATA_MAKE_ROWS_MAX. The same rows and seed give the same
 * bytes. CLM_ERROR_IO if any of its files exists, unless `replaces`. */
enum { CLM_DATA_MAKE_ROWS_MAX = 1000000 };
CLM_MUST_CHECK clm_status clm_data_make(const char *directory, size_t rows, uint64_t seed, bool replaces,
                                        struct clm_error *error);

/* ---- model --------------------------------------------------------------------------------------------- */

/* Parameters and input normalisation of a net, in host memory: layers.N.weight (O,I), layers.N.bias (O) for
 * N = 0, 1, …, ReLU between layers, logits at the end; x = (raw - mean) * scale. A layer may have more:
 *
 *   y = drop(act(norm(x Wᵀ + b))) + x
 *
 *   norm  batch: each output over the rows of the batch (Ioffe, Szegedy, 2015), and in predictions by running
 *         statistics; layer: each row over its outputs (Ba, Kiros, Hinton, 2016); then a scale and a shift
 *   drop  sets a share of the outputs to 0 in training, and divides the others by 1 - share
 *   + x   if the layer has skip, and as many outputs as inputs */
struct clm_model;

/* What training makes small, as in src/compute/loss.h. */
enum { CLM_QUANTILES_MOST = 8 };
struct clm_loss {
    const char *name; /* "cross-entropy", "focal", "binary", "squared", "absolute", "huber", "quantile" */
    double smoothing, gamma, delta; /* of cross-entropy, focal and huber */
    size_t quantile_count;          /* of quantile */
    double quantiles[CLM_QUANTILES_MOST];
};

struct clm_model_options {
    const size_t *sizes; /* inputs, hidden …, classes: `size_count` of them, at least two */
    size_t size_count;
    const char *activation; /* after each hidden layer: "relu" (or NULL), "gelu", … */
    /* "he" (or NULL), "xavier", "lecun", "orthogonal", "normal:STD", "uniform:A", or a safetensors file with
     * the parameters */
    const char *init;
    uint64_t seed;
    /* Inputs are bytes (clm_data_is_bytes), which are divided by 255; if false, they are floats, which
     * stay as they are. Data of the other kind is refused: see clm_check_fit. */
    bool is_bytes;
    const char *norm;     /* of each hidden layer: "none" (or NULL), "batch" or "layer" */
    double dropout;       /* share of each hidden layer's outputs that training drops */
    double input_dropout; /* share of the inputs */
    /* "512 gelu norm=batch drop=0.2, 512 gelu skip": the hidden layers, each with its width and words for
     * what the members above do not say, or NULL. Then `sizes` are inputs and classes alone. The classes may
     * stand at the end, as a number alone, and "input drop=0.1" at the beginning. */
    const char *layers;
    /* NULL: cross-entropy. The last of `sizes` is the number of classes, or of targets; for the loss quantile
     * the number of targets times that of quantiles. */
    const struct clm_loss *loss;
    /* Nets of an ensemble, up to 64; 0 is 1. Net n is drawn with the seed + n. If `init` is a file, net n
     * takes the file's net n, from the first again if there are fewer. */
    size_t nets;
};

CLM_MUST_CHECK clm_status clm_model_create(const struct clm_model_options *options, struct clm_model **out,
                                           struct clm_error *error);
CLM_MUST_CHECK clm_status clm_model_load(const char *path, struct clm_model **out, struct clm_error *error);
CLM_MUST_CHECK clm_status clm_model_save(const struct clm_model *model, const char *path,
                                         struct clm_error *error);
void clm_model_free(struct clm_model *model);

/* An ensemble is a model of several nets, which differ in their parameters alone; any model has at least one.
 * Predictions are means over the nets: of the probabilities of classes, or of the predicted numbers. What
 * else a model says is the same for all of its nets. */
size_t clm_model_nets(const struct clm_model *model);
/* Net `index`, from 0, which the model owns; NULL if there is none. Net 0 is the model itself: what it says
 * of parameters is about that net. */
const struct clm_model *clm_model_net(const struct clm_model *model, size_t index);
/* Adds a net, and takes it over unless it fails. CLM_ERROR_SHAPE unless it has the same layers and loss, and
 * is one net. */
CLM_MUST_CHECK clm_status clm_model_add_net(struct clm_model *model, struct clm_model *net,
                                            struct clm_error *error);

/* What the inputs' mean and scale, 1 / deviation, are taken from: nothing (mean and scale stay as they
 * are), all values together, or each feature's own values. */
enum clm_standardise { CLM_STANDARDISE_NONE, CLM_STANDARDISE_GLOBAL, CLM_STANDARDISE_FEATURE };

struct clm_standardised {
    size_t rows;            /* of the training part; no other part is looked at */
    size_t constant;        /* features that got the scale 0 */
    double mean, deviation; /* of all values; 0 with CLM_STANDARDISE_NONE */
};

/* Fits the model's input normalisation to the training part of `data`, in one pass; `fitted` may be NULL.
 *
 * A feature whose deviation is 0, or not above 2^-24 of its mean (rounding noise in float32), gets the
 * scale 0: the model then sees 0 in any data, because it learned nothing about the feature.
 * CLM_ERROR_FORMAT names a value that is not finite, or a feature with a range above 8e37; the model then
 * stays as it was. */
CLM_MUST_CHECK clm_status clm_model_standardise(struct clm_model *model, const struct clm_data *data,
                                                enum clm_standardise how, struct clm_standardised *fitted,
                                                struct clm_error *error);

/* Makes `model` treat its inputs as `from` does: with its mean and scale, and its columns. CLM_ERROR_SHAPE
 * unless both take as many features. */
CLM_MUST_CHECK clm_status clm_model_take_inputs(struct clm_model *model, const struct clm_model *from,
                                                struct clm_error *error);
/* Does the model change its inputs, or know what they are? False for the parameters that other programs
 * write. */
bool clm_model_knows_inputs(const struct clm_model *model);

size_t clm_model_depth(const struct clm_model *model);               /* linear layers */
size_t clm_model_width(const struct clm_model *model, size_t index); /* 0 the inputs … depth the classes */
/* What follows a layer, such as "relu"; the last has "none". NULL if the model's file does not say it: then
 * it is taken to be relu. */
const char *clm_model_activation(const struct clm_model *model, size_t layer);
size_t clm_model_parameters(const struct clm_model *model); /* numbers that training changes */
/* The net as `layers` of clm_model_options, for the caller to free; NULL if there is no memory. */
char *clm_model_layers(const struct clm_model *model);
/* What the rows of data become; NULL if the model's file does not say it. Data for the model is opened with
 * it. */
const struct clm_inputs *clm_model_inputs(const struct clm_model *model);
const char *clm_model_class_name(const struct clm_model *model, size_t index); /* NULL if unnamed */
/* What predictions divide the logits by; 1 unless the setting calibrate has found another one. */
double clm_model_temperature(const struct clm_model *model);
/* What its prediction intervals are made from: "errors" of one net, "spread" of an ensemble's nets, or
 * "quantiles"; and by how many validation rows. NULL, and 0 rows, unless the setting calibrate was on in the
 * training of a net that predicts numbers. */
const char *clm_model_intervals(const struct clm_model *model, size_t *rows);
/* Fails with CLM_ERROR_ARGUMENT if the model has no intervals for a coverage, the share of targets to be
 * within: it was not calibrated, or by fewer than coverage / (1 - coverage) rows. */
CLM_MUST_CHECK clm_status clm_check_interval(const struct clm_model *model, double coverage,
                                             struct clm_error *error);
/* The loss that the outputs are made for. Its smoothing is of training alone. */
struct clm_loss clm_model_loss(const struct clm_model *model);
/* Numbers that it predicts of a row; 0 if it predicts classes. An output is a target, or one of its
 * quantiles: output c is quantile c % Q of target c / Q. */
size_t clm_model_targets(const struct clm_model *model);
const char *clm_model_target_name(const struct clm_model *model, size_t target); /* NULL if unknown */
/* Mean and deviation by which targets are standardised in training; false if the model has none yet. */
bool clm_model_target_scale(const struct clm_model *model, size_t target, double *mean, double *deviation);
/* Whether a loss is of numbers, so that data needs targets; false for one that is none. */
bool clm_loss_has_targets(const char *name);
const float *clm_model_weight(const struct clm_model *model, size_t layer); /* (O,I) */
const float *clm_model_bias(const struct clm_model *model, size_t layer);   /* (O) */
const float *clm_model_mean(const struct clm_model *model);                 /* (I), of the inputs */
const float *clm_model_scale(const struct clm_model *model);                /* (I) */

/* ---- models for other programs ------------------------------------------------------------------------- */

struct clm_export_options {
    const char *format; /* a name of clm_export_names */
    bool replaces;      /* replaces an existing file; else that is an error */
    bool is_int8;       /* weights of 8 bits; for the format c */
};

/* Writes the model to the file at `path`, as doc/export.md says. A write that fails keeps the file that was
 * at `path`. */
CLM_MUST_CHECK clm_status clm_model_export(const struct clm_model *model, const char *path,
                                           const struct clm_export_options *options, struct clm_error *error);
/* Fills `names` with the names of at most `most` formats; returns how many there are. */
size_t clm_export_names(const char **names, size_t most);

/* What weights of 8 bits change, on the rows of a part: the accuracy, or the RMSE if `is_error`. */
struct clm_export_loss {
    size_t rows;
    bool is_error;
    double float32, int8;
};
CLM_MUST_CHECK clm_status clm_export_measure(const struct clm_model *model, const struct clm_data *data,
                                             enum clm_part part, struct clm_export_loss *out,
                                             struct clm_error *error);

struct clm_import_options {
    const char *activation; /* after each hidden layer, if the file does not say it; NULL: relu */
};

/* Reads a net of another program: the state of a PyTorch net as safetensors, or an ONNX graph. Both may be
 * exported ones, whose columns, classes and loss become the model's. *knows_activations: the file says what
 * follows its layers. CLM_ERROR_FORMAT if the file is no multi-layer perceptron that clmlp has. */
CLM_MUST_CHECK clm_status clm_model_import(const char *path, const struct clm_import_options *options,
                                           struct clm_model **out, bool *knows_activations,
                                           struct clm_error *error);

/* ---- settings ------------------------------------------------------------------------------------------ */

/* What the options of a command are set to. Each option is a row of the library's table, known by the
 * command and its name; from the table the program makes its command line, the errors of wrong values,
 * run.json and files of settings. */
struct clm_settings;

enum clm_setting_type {
    CLM_SETTING_COUNT,        /* 10 */
    CLM_SETTING_NUMBER,       /* 0.1 */
    CLM_SETTING_SHARE,        /* 5000, or a fraction: 0.1, or a path */
    CLM_SETTING_BYTES,        /* 512M; K, M, G and T are powers of 1024 */
    CLM_SETTING_FLAG,         /* on or off */
    CLM_SETTING_CHOICE,       /* a name of clm_setting_choices */
    CLM_SETTING_CHOICES,      /* opencl,blas: several of these names */
    CLM_SETTING_TEXT,         /* any but the empty one */
    CLM_SETTING_OUTPUT,       /* a file to be written; - is standard output */
    CLM_SETTING_SIZES,        /* 10,100,1000 */
    CLM_SETTING_NETS,         /* 784,128,10;784,10: lists of sizes */
    CLM_SETTING_WIDTHS,       /* 256,128; or none */
    CLM_SETTING_EXTENT,       /* 32x24: width and height */
    CLM_SETTING_INIT,         /* he, normal:STD and the like, or a file */
    CLM_SETTING_AUGMENTATION, /* flip,shift=4,cutout=8,mixup=0.2,noise=0.05, any of them */
    CLM_SETTING_DURATION,     /* 90, 90s, 15m, 1.5h or 2d */
    CLM_SETTING_INTERVAL,     /* 5m, of time; 500, of steps; or never */
    CLM_SETTING_LAYERS,       /* 512 gelu norm=batch drop=0.2, 512 gelu skip, 10 */
};

/* A row of the table. Later versions add fields at the end: a caller looks at rows, and makes none. */
struct clm_setting {
    const char *name;         /* "val-by": --val-by of the command line */
    const char *argument;     /* of help: "N"; NULL: a flag, which is on if it is named, as --quiet is */
    const char *help, *group; /* a sentence, and a heading: "Training" */
    enum clm_setting_type type;
    const char *otherwise;   /* its value unless it is set; may be NULL */
    const char *absent;      /* what the command does unless it is set: "all"; NULL: `otherwise` says it */
    double least, most;      /* of COUNT and NUMBER */
    bool is_above, is_below; /* least, and most, is not allowed itself */
    bool is_saved;           /* run.json has it */
};

/* The rows of a command ("train", "data info"), in the order of its help; NULL after the last. */
const struct clm_setting *clm_setting_at(const char *command, size_t index);
/* The names of at most `most` choices; returns how many those are. */
size_t clm_setting_choices(const struct clm_setting *setting, const char **names, size_t most);
/* Help with choices, limits and default value: "learning rate [above 0; default: 0.1]", cut to `size`
 * bytes. */
void clm_setting_describe(const struct clm_setting *setting, char *text, size_t size);

/* Settings of a command, each with its default value. */
CLM_MUST_CHECK clm_status clm_settings_create(const char *command, struct clm_settings **out,
                                              struct clm_error *error);
void clm_settings_free(struct clm_settings *settings);

/* The loss that the settings of train say, with its numbers. CLM_ERROR_ARGUMENT if a number is for another
 * loss, or quantiles are no numbers between 0 and 1. */
CLM_MUST_CHECK clm_status clm_settings_loss(const struct clm_settings *settings, struct clm_loss *out,
                                            struct clm_error *error);

/* CLM_ERROR_ARGUMENT if there is no such setting, or the value is not of its type or not within its
 * limits: the sentence begins with its name, and the setting stays as it was. */
CLM_MUST_CHECK clm_status clm_settings_set(struct clm_settings *settings, const char *name, const char *text,
                                           struct clm_error *error);

/* Takes settings from a file: a line each, NAME = VALUE, where a value with # or with blanks at its ends
 * is put between ""; # begins a comment, at the beginning of a line or after a blank. What was set before
 * stays as it is. CLM_ERROR_ARGUMENT names the line of a setting that is unknown, wrong, or in the file
 * twice. */
CLM_MUST_CHECK clm_status clm_settings_read(struct clm_settings *settings, const char *path,
                                            struct clm_error *error);

/* A recipe: settings of train that suit a known data set, or a kind of data. */
struct clm_recipe {
    const char *name; /* "mnist" */
    const char *text; /* as for clm_settings_read */
    char about[160];  /* what it is for */
};

/* The nth recipe, from 0 on; false after the last. */
bool clm_recipe_at(size_t n, struct clm_recipe *out);

/* Like clm_settings_read, with the text of the recipe that the setting recipe names; reads nothing if it is
 * not set. */
CLM_MUST_CHECK clm_status clm_settings_read_recipe(struct clm_settings *settings, struct clm_error *error);

/* Gives settings of train that were not set the values that suit the optimiser and the data. The numbers of
 * the optimiser are PyTorch's; rules other than sgd and nesterov have a rate of their own for all data.
 * Tables of floats (n training rows): 1,000,000 / n epochs, but 10 to 100; minibatches of 32 and rate 0.01 if
 * n is below 10,000, else 128 and 0.05; schedule cosine; l2 1 / (2 n), at most 0.005; init xavier;
 * standardize feature. Bytes and pictures keep the defaults, but init is xavier if the activation is tanh or
 * sigmoid, and rate 0.01 if they have targets. A minibatch has n rows at most. */
CLM_MUST_CHECK clm_status clm_suit_settings(struct clm_settings *settings, const struct clm_data *data,
                                            struct clm_error *error);

/* For train: takes all settings from the checkpoint of the run that the setting resume names, a directory or
 * a checkpoint file in it, so that clm_train goes on with that run; the setting out becomes its directory.
 * Does nothing if resume is not set. CLM_ERROR_ARGUMENT names a setting that was set before to something
 * else. Only these may be others: data, test and val (the rows must be the same), device, memory,
 * device-memory, resident, max-time, checkpoint-every, keep-checkpoints, recipe, config and quiet. */
CLM_MUST_CHECK clm_status clm_settings_resume(struct clm_settings *settings, struct clm_error *error);

/* Was it set, by clm_settings_set, a file or a recipe? */
bool clm_settings_is_set(const struct clm_settings *settings, const char *name);
/* Was it set by a recipe, which has no priority? */
bool clm_settings_is_of_recipe(const struct clm_settings *settings, const char *name);
/* The value as text, whatever its type; NULL if there is none. It stays until the setting is set again. */
const char *clm_settings_text(const struct clm_settings *settings, const char *name);
/* COUNT and BYTES; FLAG: 0 or 1; CHOICE: its place among the choices, from 0, or from 1 if there is no
 * default; CHOICES: bit n stands for choice n. These and those below are 0 if there is no value. */
uint64_t clm_settings_count(const struct clm_settings *settings, const char *name);
/* NUMBER, SHARE; NaN if that is a path; seconds of a DURATION; of an INTERVAL its seconds, or 0, and its
 * steps are its count, or 0 */
double clm_settings_number(const struct clm_settings *settings, const char *name);
/* SIZES, WIDTHS, EXTENT; of NETS the first */
const size_t *clm_settings_sizes(const struct clm_settings *settings, const char *name, size_t *count);
/* List number `index` of NETS, from 0; NULL, and *count 0, if there are not so many. */
const size_t *clm_settings_net(const struct clm_settings *settings, const char *name, size_t index,
                               size_t *count);
const struct clm_augmentation *clm_settings_augmentation(const struct clm_settings *settings,
                                                         const char *name);

/* ---- training ------------------------------------------------------------------------------------------ */

struct clm_epoch {
    size_t epoch;         /* from 1 */
    double learning_rate; /* of its last step */
    /* means over the epoch's minibatches, while training; the loss is weighted, the accuracy is not */
    double train_loss, train_accuracy;
    bool has_validation;
    double validation_loss, validation_accuracy; /* after the epoch */
    double seconds, samples_per_s;               /* the training part of the epoch */
    /* of the training part after the epoch, without weights; only if the setting train-score is on */
    bool has_train_score;
    double train_score_loss, train_score_accuracy;
    /* Of targets, in their own units: see struct clm_target_measures. NaN without targets. While training, no
     * accuracy is measured then. */
    double validation_rmse, validation_mae, validation_r2;
    double train_score_rmse, train_score_mae, train_score_r2;
    size_t net; /* of the ensemble, from 1 */
};

struct clm_progress {
    size_t epoch, epochs;  /* the one running, from 1 */
    size_t rows, rows_all; /* done and all of this epoch */
    double loss;           /* mean so far in this epoch */
    double accuracy;       /* the same; NaN without classes */
    double samples_per_s;
    size_t net, nets; /* the net of an ensemble, from 1, and how many there are */
};

struct clm_memory_part {
    char name[32]; /* "dataset", "parameters", … */
    uint64_t bytes;
};

#define CLM_MEMORY_PARTS_MAX 16

/* What training allocates on the device: made and checked before anything is allocated. */
struct clm_memory_plan {
    size_t part_count;
    struct clm_memory_part parts[CLM_MEMORY_PARTS_MAX];
    /* Rows of a shard, two of which are on the device if data is streamed; 0 if all of the data is there. */
    size_t shard;
    uint64_t total;     /* bytes at the peak */
    uint64_t available; /* the device's memory; 0 if only the host limits it */
};

/* The learning rate of step s = 0 … S - 1, where an epoch has E steps; N and gamma are the settings
 * step-epochs and gamma. With a warm-up of W steps the rate rises from rate / W to rate, and all but the
 * first and the last of these schedules then run over the remaining S - W steps, as if they were all. */
enum clm_schedule {
    CLM_SCHEDULE_COOLDOWN,    /* rate, and a tenth of it in the last tenth of the epochs, rounded down */
    CLM_SCHEDULE_CONSTANT,    /* rate */
    CLM_SCHEDULE_LINEAR,      /* rate (1 - s / S) */
    CLM_SCHEDULE_COSINE,      /* rate (1 + cos(π s / S)) / 2 */
    CLM_SCHEDULE_STEP,        /* rate gamma^⌊s / (N E)⌋ */
    CLM_SCHEDULE_EXPONENTIAL, /* rate gamma^(s / E) */
    CLM_SCHEDULE_TRIANGULAR,  /* from rate / 10 to rate in N epochs, back in N epochs, and again */
    CLM_SCHEDULE_PLATEAU,     /* rate, times gamma after each N epochs without a better validation loss */
    CLM_SCHEDULE_ONE_CYCLE,   /* half a cosine from rate / 25 to rate in 0.3 S steps, one to rate / 250000 */
};

/* The validation score of the setting stop-after. */
enum clm_stop_by {
    CLM_STOP_BY_LOSS,
    CLM_STOP_BY_ACCURACY,
    CLM_STOP_BY_RMSE,
    CLM_STOP_BY_MAE,
    CLM_STOP_BY_R2
};

/* Is the whole data on the device? */
enum clm_resident {
    CLM_RESIDENT_AUTO, /* if it fits */
    CLM_RESIDENT_YES,  /* if it does not fit, that is CLM_ERROR_MEMORY */
    CLM_RESIDENT_NO,   /* in shards: the device computes on one while the next is read and uploaded */
};

/* Changes of the rows of training batches, other ones in each epoch. The device makes them in the pass that
 * gathers the rows. All zero changes nothing. Evaluation sees rows without changes. In this order:
 *
 *   flip    the picture is mirrored, left for right, with probability 1/2
 *   shift   the picture moves by whole pixels, down and right by -shift … shift each, uniformly; raw 0,
 *           black, moves in, as zero padding and a random crop have it
 *           (here values are normalised: x = (raw - mean) * scale)
 *   noise   a normal number times `noise` is added to each x, in the unit of normalised inputs
 *   cutout  x = 0 in a square of cutout x cutout pixels, in all channels; its centre is uniform in the
 *           picture, and its part outside of the picture is left out (DeVries, Taylor: Improved
 *           regularization of convolutional neural networks with cutout; 2017)
 *   mixup   x = λ x + (1 - λ) x', with x' another row of the batch, changed as above by its own numbers; λ is
 *           drawn from Beta(mixup, mixup) for each batch (Zhang, Cisse, Dauphin, Lopez-Paz: mixup: beyond
 *           empirical risk minimization; 2018). The loss is λ times that of the row's label + (1 - λ) times
 *           that of the other's; a row counts as correct by its own label. The other row is the same distance
 *           further along the batch for each row, around its end; the distance is drawn for each batch. So
 *           each row is another's once.
 *
 * The numbers that are drawn depend on seed, epoch and the row's place in the epoch, not on backend,
 * device or batch size. For mixup they depend on the place of the batch's first row and the number of its
 * rows. */
struct clm_augmentation {
    bool flip;            /* flip, shift and cutout are for pictures: see clm_data_picture_size */
    size_t shift, cutout; /* pixels: shift below the shorter side, cutout up to the longer one */
    double mixup, noise;  /* at least 0 */
};

/* Like clm_data_sheet, with the pictures as training would see them if they were the first batch of an
 * epoch. Floats are changed as they are, bytes after division by 255. CLM_ERROR_ARGUMENT if the
 * augmentation does not fit. */
CLM_MUST_CHECK clm_status clm_augmented_sheet(const struct clm_data *data, enum clm_part part, size_t rows,
                                              const struct clm_augmentation *augmentation, uint64_t seed,
                                              const char *path, struct clm_error *error);

/* A range test instead of training: the learning rate grows by the same factor in each step, from `from` in
 * the first one to `to` in step `steps`. The model stays as it was, and no run is written. */
struct clm_range {
    double from, to; /* above 0 */
    size_t steps;    /* at most; the setting epochs must be enough for them */
    /* Gets the rate and the mean loss of a step's minibatch before it changed the parameters. The test ends
     * after the last step, or if this returns false. */
    bool (*on_step)(void *user, double learning_rate, double loss);
    void *user;
};

/* Smooths losses (count), which are finite, into `smoothed` (count): means over neighbours up to a
 * twenty-fifth of all. Returns the step about which the smoothed loss falls most below all before; SIZE_MAX
 * if it falls nowhere. If the rates grow by equal factors, its rate suits training. */
size_t clm_range_suggest(const double *losses, size_t count, double *smoothed);

struct clm_range_curve {
    const double *rates, *losses, *smoothed; /* (count), finite; rates above 0 */
    size_t count, suggested;                 /* a step, or SIZE_MAX */
};

/* Writes a PNG of losses over learning rates, whose axis is logarithmic, to `path`. `title` may be NULL. */
CLM_MUST_CHECK clm_status clm_range_plot(const char *path, const char *title,
                                         const struct clm_range_curve *curve, struct clm_error *error);

/* What training tells its caller, and hears from it; each may be NULL. */
struct clm_train_hooks {
    void (*on_plan)(void *user, const struct clm_memory_plan *plan);
    void (*on_progress)(void *user, const struct clm_progress *progress); /* NULL saves the measuring */
    void (*on_epoch)(void *user, const struct clm_epoch *epoch);
    void *user;
    /* If not 0, training of a single net with a run directory ends after the running step: a checkpoint is
     * written, and the run as it is, if an epoch has ended. Without a directory, and for an ensemble, it ends
     * after the running epoch. Before the end of the first epoch it ends after the running minibatch, or the
     * running trial of a provider: the result has 0 epochs, the model stays as it was, and no run is
     * written. */
    const volatile sig_atomic_t *stop;
    int argc; /* the command line, for run.json */
    char *const *argv;
    /* At the end, a sign that the net has learned nothing: it predicts one class for all rows of a part, or
     * its loss is above that of guessing. It looks at the validation and the test part, or, without them, at
     * the training part. */
    void (*on_warning)(void *user, const struct clm_warning *warning);
    const struct clm_range *range;
    bool without_test; /* the test part is neither uploaded nor scored; memory is planned for it even so */
    /* For an ensemble: backends besides that of clm_train, with which other nets are trained at the same
     * time, each by a thread of its own. They may be parts of one device. The bits are the same as with one
     * backend. No two callbacks run at the same time. */
    struct clm_backend *const *more_backends;
    size_t more_count;
    void *reserved[3]; /* NULL: for later versions */
};

struct clm_score {
    size_t rows;
    /* Mean loss, that of training without smoothing and weights: cross-entropy [nats], or, for regression, of
     * standardised targets. Share of correct predictions, or of correct targets with the loss binary. NaN if
     * a row has no label. */
    double loss, accuracy;
    double rmse, mae, r2, exact; /* of targets: see struct clm_target_measures; else NaN */
};

/* What the setting calibrate has found: for classes the temperature that makes the loss of the validation
 * rows the least (accuracy is the same with any temperature); for numbers what intervals are made from. */
struct clm_calibration {
    size_t rows; /* of the validation part; 0: it was not asked for */
    /* Whether there is a best temperature; else it is 1. There is none if the net is right in all rows, or if
     * the same probability for each class were better. */
    bool is_fitted;
    double temperature;
    double loss_before, loss_after;   /* mean cross-entropy [nats] */
    double error_before, error_after; /* expected calibration error, as in clm_measures */
    const char *intervals; /* as clm_model_intervals; NULL for classes. Then there is no temperature */
};

struct clm_train_result {
    size_t epochs;         /* finished */
    struct clm_epoch kept; /* whose net is kept: the last epoch, or the best with the setting stop-after */
    bool is_stopped_early, is_out_of_time; /* by stop-after, or by max-time */
    /* Stopped as asked, between two steps, or after an epoch; a checkpoint was written, from which the run
     * can go on; and rows of the next epoch that are done. If they are not 0, and no better net was kept,
     * `kept` has the last epoch with the scores of the net as it was stopped. */
    bool is_stopped, can_resume;
    size_t rows_done;
    bool has_test;
    struct clm_score test;
    uint64_t memory_planned, memory_peak; /* device bytes: as planned, and as allocated at the peak */
    struct clm_calibration calibration;
    /* Nets that the model has now: of an ensemble whose training was stopped, those that were trained to
     * their end; or, if there are none, those with an epoch. For an ensemble, `epochs` and `kept` are those
     * of its first net, but with the ensemble's scores of validation rows in `kept`; and these are the means
     * of the single nets' scores. Their rows are 0 if there are none. */
    size_t nets;
    struct clm_score nets_validation, nets_test;
};

/* How well a target is predicted, in its own units; or the mean of that over targets. What a loss does not
 * define is NaN. */
struct clm_target_measures {
    double rmse, mae; /* root of the mean squared error, mean absolute error */
    /* 1 - squared errors / squared distances from the rows' mean: 1 is perfect, 0 no better than that mean.
     * NaN if all rows have the same target; a mean leaves such targets out. */
    double r2;
    double coverage; /* share of the rows between the lowest and the highest quantile, if there are several */
    double accuracy, exact; /* of the loss binary: right targets, and rows with all targets right */
};

/* Measures predictions (rows, outputs), as clm_predict makes them, by the targets of a part: their mean, and,
 * unless it is NULL, each target's (targets). The quantile nearest to 1/2 predicts its target. */
CLM_MUST_CHECK clm_status clm_measure_targets(const struct clm_model *model, const float *predictions,
                                              const struct clm_data *data, enum clm_part part,
                                              struct clm_target_measures *mean,
                                              struct clm_target_measures *of_target, struct clm_error *error);

/* How much each class counts in training, as the setting class-weight says it in `text`:
 *
 *   NULL        each class has the weight 1
 *   "balanced"  n / (C n_c), with n the training rows, n_c those of the class, and C the number of classes
 *               that have rows; a class without rows gets 0
 *   "a=2,b=1"   classes by name, or by number from 0; those that are not named have the weight 1. A name has
 *               priority over a number
 *
 * weights is (classes), out. CLM_ERROR_ARGUMENT names what is no class, with the nearest name, or no finite
 * weight of at least 0; or says that all are 0. */
CLM_MUST_CHECK clm_status clm_class_weights(const struct clm_data *data, const char *text, double *weights,
                                            struct clm_error *error);

/* Trains `model` in place on the training part of `data` by minibatch gradient descent: v = momentum v + g, w
 * = w - lr v, with g the gradient of mean cross-entropy + l2 |W|² + l1 Σ|W|; or by another rule, if the
 * setting optimizer names one. A smaller last minibatch is trained on as well. The same model, data,
 * settings, backend and device give the same bits.
 *
 * settings of the command "train". Those of data, device and net were for the functions that made data,
 * backend and model; training reads the others, and writes all of them into the run directory `out`, if it is
 * set. With `resume`, see clm_settings_resume, the run goes on from its checkpoint, and ends with the same
 * bits as without a stop
 *
 * With class weights, or if the data has a weight for each row, the loss of a row is multiplied by w, the
 * weight of its class times its own, divided by the mean of these products over the training part: so the
 * mean of all w is 1. The gradient of a minibatch of B rows is that of Σ w loss / B. With mixup, each of the
 * two labels has the weight of its row. Losses of validation and test rows are not weighted.
 *
 * If the loss of validation or test rows is no finite number, the run is written, and then that is
 * CLM_ERROR_FORMAT, which names the row.
 *
 * The nets of an ensemble are trained one after another, net n with the seed + n: each gets the bits that it
 * would get alone. The run's scores and temperature are those of their mean. The setting max-time is shared
 * out among them.
 *
 * hooks may be NULL. result may be NULL. */
CLM_MUST_CHECK clm_status clm_train(struct clm_backend *backend, struct clm_model *model,
                                    const struct clm_data *data, const struct clm_settings *settings,
                                    const struct clm_train_hooks *hooks, struct clm_train_result *result,
                                    struct clm_error *error);

/* Fails with CLM_ERROR_SHAPE unless model and data agree in features, classes and the kind of their
 * inputs. A model that takes floats as they are refuses bytes above 1. A model that divides bytes by 255
 * refuses floats if none of them is above 1: these are scaled already. A model whose inputs are
 * standardised takes both. clm_train and clm_predict check this too. */
CLM_MUST_CHECK clm_status clm_check_fit(const struct clm_model *model, const struct clm_data *data,
                                        struct clm_error *error);

/* Compares the values of a part of data with those that the model was trained on. *sentence says if they seem
 * to be on another scale, and the caller frees it; else it is NULL. These are the signs:
 *   - The largest magnitude is 50 times larger than in the training data.
 *   - Where all features have one scale, it is 50 times smaller; from 20 rows on, 8 times larger or smaller.
 *   - From 20 rows on: the deviations of more than half of the features are 8 times larger or smaller.
 *   - From 20 rows on: the deviation of a feature is 50 times larger or smaller, or its mean has moved by 10
 *     deviations. For fewer rows: its mean has moved by 100.
 * Magnitudes are not compared with a model that does not know the range of its training data. */
CLM_MUST_CHECK clm_status clm_check_scale(const struct clm_model *model, const struct clm_data *data,
                                          enum clm_part part, char **sentence, struct clm_error *error);

/* Computes the class probabilities (rows, classes) of every row of a part, or the outputs (rows, outputs) of
 * a model of targets, in own units, the quantiles of a target never crossing; with the loss binary they are
 * probabilities. And the loss and accuracy against the part's labels or targets, if all rows have them.
 * `probabilities` and `score` may be NULL. If a score is asked for, a loss of labelled rows that is no finite
 * number is CLM_ERROR_FORMAT, which names the row. */
CLM_MUST_CHECK clm_status clm_predict(struct clm_backend *backend, const struct clm_model *model,
                                      const struct clm_data *data, enum clm_part part, float *probabilities,
                                      struct clm_score *score, struct clm_error *error);

/* clm_predict of a model that was calibrated for intervals, and an interval for each target, in own units:
 * bounds (rows, targets, 2) are its lowest and highest value. If the rows come from the same source as the
 * validation rows, and the net has not been chosen by these, a row's target is within with a probability of
 * at least `coverage`. Fails as clm_check_interval and clm_predict do, and with CLM_ERROR_FORMAT if a bound
 * is no finite number. */
CLM_MUST_CHECK clm_status clm_predict_intervals(struct clm_backend *backend, const struct clm_model *model,
                                                const struct clm_data *data, enum clm_part part,
                                                double coverage, float *predictions, double *bounds,
                                                struct clm_score *score, struct clm_error *error);

/* Of the intervals of a target. */
struct clm_interval_measures {
    double coverage; /* share of the rows whose target is within */
    double width;    /* mean of highest - lowest value, in own units */
};
/* Measures bounds (rows, targets, 2) by the targets of a part; of_target is (targets). */
CLM_MUST_CHECK clm_status clm_measure_intervals(const struct clm_model *model, const double *bounds,
                                                const struct clm_data *data, enum clm_part part,
                                                struct clm_interval_measures *of_target,
                                                struct clm_error *error);

/* The loss of guessing by the frequencies of the classes in the training part: their entropy [nats], at most
 * log(classes). A net with a larger loss is worse than that. */
CLM_MUST_CHECK clm_status clm_guess_loss(const struct clm_data *data, double *loss, struct clm_error *error);

struct clm_class_measures {
    size_t rows, predicted, correct; /* of the class; predicted to be of it; both */
    double precision;                /* correct / predicted; 0 if it is never predicted */
    double recall;                   /* correct / rows; NaN without rows */
    double f1;                       /* 2 correct / (rows + predicted); NaN if both are 0 */
    /* The area under the ROC curve of its probability, for the rows of the class against all others: in what
     * share of such pairs the row of the class has the larger probability; equal ones count half. NaN if
     * there are no rows of the class, or no others. */
    double roc_auc;
};

#define CLM_CALIBRATION_BINS 15

/* Rows whose confidence, the largest of their probabilities, is about the same. */
struct clm_calibration_bin {
    size_t rows, correct;
    double confidence; /* their mean; NaN without rows */
};

/* What probabilities are worth, measured by the labels. Each row counts the same. The means over classes are
 * those of scikit-learn; classes without rows are left out of them. */
struct clm_measures {
    size_t rows, classes, classes_with_rows;
    double accuracy;          /* of the predictions: each the first of the largest probabilities */
    double balanced_accuracy; /* mean recall of the classes that have rows */
    double macro_f1;          /* mean F1 of the classes that have rows or predictions */
    /* Of the second of two classes, or the mean over more; NaN if all rows are of one class. */
    double roc_auc;
    double log_loss; /* mean of -log p(label) [nats], where a p below 2^-52 counts as 2^-52 */
    /* How many labels are among the five largest, of equal ones the lower classes; NaN if there are at most
     * five classes. */
    double top5_accuracy;
    size_t *confusion; /* (classes, classes): rows of class t predicted to be c, at [t * classes + c] */
    struct clm_class_measures *of_class; /* (classes) */
    double mean_confidence;              /* the mean over rows of the largest probability */
    /* Bin b has the rows with a confidence above b / CLM_CALIBRATION_BINS and at most (b + 1) /
     * CLM_CALIBRATION_BINS. */
    struct clm_calibration_bin bins[CLM_CALIBRATION_BINS];
    /* The mean over rows of |share of correct rows - mean confidence| of their bin: 0 if a net is right in
     * half of the rows of which it is sure by a half, and so on (Guo, Pleiss, Sun, Weinberger: On calibration
     * of modern neural networks; 2017). */
    double calibration_error;
    double brier_score; /* the mean over rows of Σ (p - 1)^2 of the label and p^2 of the other classes */
};

/* Measures probabilities (rows, classes) by labels (rows). The caller frees *out with clm_measures_free.
 * CLM_ERROR_ARGUMENT names the row if a probability is no number, or a label no class. */
CLM_MUST_CHECK clm_status clm_measure(const float *probabilities, const uint32_t *labels, size_t rows,
                                      size_t classes, struct clm_measures **out, struct clm_error *error);
void clm_measures_free(struct clm_measures *measures);

/* The share of rows whose label is among the `top` largest probabilities, of equal ones the lower classes.
 * The arguments are those that clm_measure takes, and `top` from 1 to `classes`. */
double clm_top_accuracy(const float *probabilities, const uint32_t *labels, size_t rows, size_t classes,
                        size_t top);

/* Writes a PNG to `path`: the share of correct rows of each bin over its confidence, and how many rows each
 * bin has. `title` may be NULL. */
CLM_MUST_CHECK clm_status clm_reliability_plot(const char *path, const char *title,
                                               const struct clm_measures *measures, struct clm_error *error);

/* Computes the class probabilities (rows, classes) of x (rows, features): values as the training data had
 * them, bytes as numbers from 0 to 255. Doubles go through clm_data_from_arrays and clm_predict. */
CLM_MUST_CHECK clm_status clm_predict_rows(struct clm_backend *backend, const struct clm_model *model,
                                           const float *x, size_t rows, float *probabilities,
                                           struct clm_error *error);

/* ---- checks -------------------------------------------------------------------------------------------- */

struct clm_check {
    char operation[64];      /* "linear_forward", … */
    char shape[160];         /* "B=7 I=33 O=65 relu" */
    double error_over_bound; /* the worst element's |got - reference| / bound; NaN or Inf if it is that */
    bool passed;             /* error_over_bound <= 1, and nothing was written outside */
    char detail[512];        /* of a failure: an element, its value, and the right one; else empty */
    bool is_error;           /* the operation ended with an error, which `detail` begins with */
    char first[512];         /* of a failure: like `detail`, of the first wrong element; may be empty */
    size_t wrong, elements;  /* how many elements are wrong, of how many that were compared */
    char smallest[160];      /* of a failure: the smallest shape found that fails, too */
    bool has_products;       /* a provider of products has a part in it */
    size_t number, of;       /* the number of this check, from 1, and how many there are */
    /* If a reproducer of this failure was wanted: whether it was written, and its directory or the reason why
     * not. */
    bool has_reproducer;
    char reproducer[512];
};

enum clm_verify_extent {
    CLM_VERIFY_STANDARD, /* every operation on awkward shapes and contents, whole training steps: seconds */
    CLM_VERIFY_QUICK,    /* a few shapes of each operation, and large products */
    /* STANDARD and a sweep of random shapes, contents and nets; each three times, with the same bits */
    CLM_VERIFY_FULL,
};

/* All operations, those in which a provider of products has a part, or those that all providers share. */
enum clm_verify_part { CLM_VERIFY_ALL, CLM_VERIFY_PRODUCTS, CLM_VERIFY_SHARED };

struct clm_verify_options {
    enum clm_verify_extent extent;
    enum clm_verify_part part;
    uint64_t seed;     /* of contents and of the sweep */
    const char *only;  /* an operation, by its name in struct clm_check; NULL: all */
    const char *shape; /* with `only`: the shape of the one check to make; NULL: all */
    /* Seconds to look for smaller shapes that fail as well, for each operation; 0: not at all. */
    double shrink_seconds;
    /* Checks that would take more seconds are left out, and those that would take a twentieth of it after
     * that time is up; the fastest check so far tells how long one takes. It is for simulators, on which a
     * large product takes hours. 0 leaves out none. *left_out counts them; it may be NULL. */
    double seconds_most;
    size_t *left_out;
    /* When a check begins, only its names, number and `of` are known. If a driver ends the process, the
     * last one says where. */
    void (*on_begin)(void *user, const struct clm_check *check);
    void (*on_check)(void *user, const struct clm_check *check);
    void *user;
    const volatile sig_atomic_t *stop; /* if it is not 0, no further check begins; may be NULL */
    /* A directory, which must be empty or missing, for the first failing check that can be written as a
     * program of its own: one C file that needs OpenCL and nothing else, the OpenCL C that the driver got,
     * and the operands. It appears as a whole or not at all. NULL: none is wanted. */
    const char *reproducer;
};

/* Puts at most `most` names that `only` may have into `names`; returns how many. */
size_t clm_verify_names(const char **names, size_t most);

/* Compares operations of `backend`, and whole training steps, with the reference under derived bounds;
 * every element of every output is compared. *passed says whether all passed; `passed` may be NULL. A
 * failed check is not an error, nor is an operation that ends with one: the other checks are made all the
 * same, unless the device no longer answers. An unknown operation or shape is CLM_ERROR_ARGUMENT. A
 * reproducer's directory that holds something, or cannot be made, is CLM_ERROR_IO, before any check is
 * made. */
CLM_MUST_CHECK clm_status clm_verify(struct clm_backend *backend, const struct clm_verify_options *options,
                                     bool *passed, struct clm_error *error);

/* ---- a user's own kernels -------------------------------------------------------------------------------
 * */

/* An entry: a kernel of this name is called with these arguments, and must compute this. */
struct clm_kernel_entry {
    const char *name;      /* "product" */
    const char *arguments; /* as OpenCL C declares them */
    const char *computes;
    const char *tiles[2]; /* macros that give the results of a work-group in dimensions 0 and 1; or NULL */
};

/* The nth entry, from 0 on; false after the last. */
bool clm_kernel_entry_at(size_t n, struct clm_kernel_entry *out);

/* Puts at most `most` names of entries into `names`; returns how many. */
size_t clm_kernel_names(const char **names, size_t most);

/* OpenCL C of a right and slow `product`, with comments. */
const char *clm_kernel_example(void);

/* How fast one of those that compute the same is at one shape. */
struct clm_kernel_speed {
    char entry[32], shape[160];
    char system[32];          /* "yours", "native", "clblast", … */
    bool is_users;            /* it is the user's own kernel */
    double seconds;           /* of one launch, or of all launches that a provider needs */
    double operations, bytes; /* in a second; 0: the entry has no products, or the clock stood still */
    double share;             /* of the device's peak: of arithmetic or of memory, whichever is larger */
    double of_fastest;        /* speed over that of the fastest of the others; 0 if there is none */
};

struct clm_kernel_options {
    const char *path;       /* a file of OpenCL C */
    const char *build;      /* options for its compiler, as in "-DTILE=8"; may be NULL */
    const char *only;       /* an entry, by name; NULL: all that the file has */
    const char *shape;      /* with `only`: the shape of the one check to make; NULL: all */
    uint64_t seed;          /* of contents */
    double shrink_seconds;  /* to look for smaller shapes that fail as well, for each entry */
    const char *reproducer; /* as in clm_verify_options; may be NULL */
    double speed_seconds;   /* to time each shape, for each of those compared; 0: times nothing */
    /* The device is a simulator that sees each access: few small checks, whose operands have no memory
     * around them. Before each launch, on_operand tells where each operand lies. After a check, on_result
     * may refuse what the simulator has reported: clear `passed` and fill `detail`. */
    bool is_simulated;
    void (*on_operand)(void *user, const char *operand, uint64_t address, size_t bytes);
    void (*on_result)(void *user, struct clm_check *check);
    /* An entry was found: how many work-items its groups have, and how many results a group computes. */
    void (*on_entry)(void *user, const struct clm_kernel_entry *entry, const size_t group[2],
                     const size_t tile[2]);
    void (*on_begin)(void *user, const struct clm_check *check); /* as in clm_verify_options */
    void (*on_check)(void *user, const struct clm_check *check);
    void (*on_peaks)(void *user, double operations, double bytes); /* of the device, in a second */
    void (*on_speed)(void *user, const struct clm_kernel_speed *speed);
    void (*on_note)(void *user, const char *sentence);
    void *user;
    const volatile sig_atomic_t *stop; /* if it is not 0, no further check begins; may be NULL */
};

/* Checks a user's kernels on the device of `backend`, which must be opencl: under the shapes, contents and
 * bounds of clm_verify; with watched memory around each operand, twice for the same bits, and in the opposite
 * order of work-items. After three failures of an entry, its other checks are not made. Times kernels that
 * passed, beside those of the library. *passed says whether all checks passed. A file that does not build is
 * CLM_ERROR_BUILD; no entry, an entry with other arguments or an unknown shape is CLM_ERROR_ARGUMENT. */
CLM_MUST_CHECK clm_status clm_kernel_check(struct clm_backend *backend,
                                           const struct clm_kernel_options *options, bool *passed,
                                           struct clm_error *error);

struct clm_gradcheck_options {
    const size_t *sizes; /* as for a model */
    size_t size_count;
    size_t batch;   /* rows of the minibatch */
    size_t samples; /* parameters tried per tensor, those with the largest gradients among them */
    double l2;
    const char *activation, *init; /* as for a model */
    uint64_t seed;
    const struct clm_loss *loss;      /* as for a model */
    const struct clm_data *data;      /* NULL: random inputs and labels, or targets */
    enum clm_standardise standardise; /* with data */
    /* Weights of classes, as in clm_class_weights; with data, balanced means its training part, else the
     * batch. Weights of rows that the data has are used, too. */
    const char *class_weight;
    /* As for a model. The net is that of the first step of training: what it drops depends on the seed. */
    const char *norm, *layers;
    double dropout, input_dropout;
};

struct clm_gradcheck_row {
    char parameter[32];                 /* "layers.0.weight" */
    size_t tried, skipped;              /* skipped: the difference crosses an activation's kink */
    size_t worst_row, worst_column;     /* where |numerical - analytic| is largest over its bound */
    double numerical, analytic, device; /* there, the first two in double on the reference */
    double error_over_bound;            /* the numerical gradient against the reference's analytic one */
    double device_error_over_bound;     /* the device's gradient against the reference's, every element */
    bool passed;
};

/* Compares the gradients of a net with numerical ones, tensor by tensor, and `backend` with the reference.
 * *passed says whether all rows passed; `passed` may be NULL. */
CLM_MUST_CHECK clm_status clm_gradcheck(struct clm_backend *backend,
                                        const struct clm_gradcheck_options *options,
                                        void (*on_row)(void *user, const struct clm_gradcheck_row *row),
                                        void *user, bool *passed, struct clm_error *error);

/* ---- benchmark ----------------------------------------------------------------------------------------- */

struct clm_bench_options {
    const size_t *sizes;
    size_t size_count;
    size_t batch;
    const char *activation; /* as for a model */
    const char *optimizer;  /* as in training, with the numbers that it has there; NULL: sgd */
    double momentum;        /* of sgd and nesterov */
    double seconds;         /* spent on timing, after warm-up; 0 for the default */
    bool wants_profile;     /* opencl: kernels and peaks */
    /* Called when all kernels are built and the first step is done, before steps are timed; may be NULL. */
    void (*on_ready)(void *user);
    void *user;
    /* If it is not 0, work ends after the running step, or the running trial of a provider; `steps` of the
     * result is then 0. May be NULL. */
    const volatile sig_atomic_t *stop;
    const char *norm; /* of the hidden layers, as for a model */
    double dropout;
};

/* What a kernel does in a step. */
struct clm_bench_kernel {
    char name[32];
    double calls, milliseconds;  /* a step */
    double gflops, gbytes_per_s; /* of the least that its operation computes and moves; 0 if unknown */
};

#define CLM_BENCH_KERNELS_MAX 24

struct clm_bench_profile {
    struct clm_bench_kernel kernels[CLM_BENCH_KERNELS_MAX]; /* the longest first */
    size_t count;
    double milliseconds; /* a profiled step, by the host's clock */
    /* Measured in the same run: multiplying and adding in registers; copying. */
    double peak_gflops, peak_gbytes_per_s;
};

struct clm_bench_result {
    size_t steps;                               /* timed */
    double milliseconds;                        /* a step: median */
    double milliseconds_low, milliseconds_high; /* 10th and 90th percentile */
    double samples_per_s, gflops;
    double first_step_seconds;        /* from the open backend to the first step's end, without tuning */
    struct clm_bench_profile profile; /* empty unless it was asked for */
    double tuning_seconds;            /* spent measuring providers of products, if the choice was not known */
};

/* Fails if clm_bench would fail before its first step: because the sizes are wrong, or because the device has
 * no memory for them. It takes no time. */
CLM_MUST_CHECK clm_status clm_bench_check(struct clm_backend *backend,
                                          const struct clm_bench_options *options, struct clm_error *error);

/* Times a training step: gather from a resident data set of bytes, forward, backward and update. */
CLM_MUST_CHECK clm_status clm_bench(struct clm_backend *backend, const struct clm_bench_options *options,
                                    struct clm_bench_result *result, struct clm_error *error);

/* A curve of a picture: throughput at each of `count` batch sizes. */
struct clm_bench_series {
    char name[256];  /* in the legend. Curves with the same name look the same in all panels */
    char panel[256]; /* heading of the panel that the curve is in */
    const size_t *batches;
    const double *samples_per_s;
    size_t count;
};

#define CLM_BENCH_PANELS_MAX 24
#define CLM_BENCH_NAMES_MAX  48

/* Writes a PNG of throughput over batch size to `path`: a panel for each heading, in the order in which they
 * come, and one legend below them. `title` may be NULL. CLM_ERROR_ARGUMENT if there are more panels or names
 * than above. */
CLM_MUST_CHECK clm_status clm_bench_plot(const char *path, const char *title,
                                         const struct clm_bench_series *series, size_t count,
                                         struct clm_error *error);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
