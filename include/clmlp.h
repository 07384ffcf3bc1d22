/* clmlp: multi-layer perceptrons on any OpenCL device.
 *
 * The one public header. Conventions, everywhere below:
 *
 *   shapes      B batch rows, I a layer's inputs, O its outputs; matrices are row-major
 *   errors      a function that can fail returns a clm_status and, where it is not CLM_OK, has put a whole
 *               sentence with values and the next step into *error (which may be NULL)
 *   ownership   what a function hands out through `**out` the caller gives back to the matching _close or
 *               _free, both of which accept NULL; on failure *out is NULL and nothing is left behind
 *   strings     handed out as `const char *` live as long as the object they were asked of
 *   threads     an object is used by one thread at a time
 *
 * The library never prints and never exits.
 */
#ifndef CLMLP_H
#define CLMLP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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
    X(CLM_ERROR_WRONG, "a device computes wrong results")

typedef enum {
#define CLM_STATUS_NAME(name, text) name,
    CLM_STATUSES(CLM_STATUS_NAME)
#undef CLM_STATUS_NAME
} clm_status;

struct clm_error {
    clm_status status;
    char message[4096]; /* one sentence; a failed kernel build adds the numbered source and the log */
};

const char *clm_status_text(clm_status status);

const char *clm_version(void);

/* Replaces the file at `path` by `size` bytes: written beside it, synced and renamed, so that a reader sees the
 * old file or the new one, and a full disk leaves the old. What is no regular file (a pipe, anything in /dev/) is
 * written to as it is. */
CLM_MUST_CHECK clm_status clm_write_file(const char *path, const void *bytes, size_t size,
                                         struct clm_error *error);

/* Fails where clm_write_file would find no place to write to: to be asked before long work rather than behind it. */
CLM_MUST_CHECK clm_status clm_check_file(const char *path, struct clm_error *error);

/* ---- devices and backends ------------------------------------------------------------------------------ */

enum clm_device_type { CLM_DEVICE_GPU, CLM_DEVICE_ACCELERATOR, CLM_DEVICE_CPU, CLM_DEVICE_OTHER };

struct clm_device {
    unsigned platform, index; /* what --device P:D names */
    enum clm_device_type type;
    char platform_name[128], platform_version[128];
    char name[256], vendor[128], version[128], driver[128];
    unsigned compute_units, clock_mhz;
    uint64_t global_memory, max_allocation, local_memory; /* bytes */
    size_t max_work_group;
    bool is_taken;    /* the selector takes this one */
    char reason[256]; /* why it is taken, or why not */
};

/* Every device of every platform, in the order of the ICD loader, and which one `selector` takes:
 * "auto" (or NULL), "gpu", "cpu", "P:D", or part of a device's or platform's name. auto takes the first GPU,
 * accelerator or CPU, in that order, that passes a quick self-test.
 * No platform at all is CLM_ERROR_DEVICE; a selector that takes none is not an error here. */
CLM_MUST_CHECK clm_status clm_devices_list(const char *selector, struct clm_device **devices, size_t *count,
                                           struct clm_error *error);
void clm_devices_free(struct clm_device *devices);

/* Those devices that `selector` means (NULL: all), without looking which one would be taken: none is opened. */
CLM_MUST_CHECK clm_status clm_devices_find(const char *selector, struct clm_device **devices, size_t *count,
                                           struct clm_error *error);

/* Begun is what is looked at next, and found nothing yet: where a driver dies at it, and the process with it, that was the last. */
enum clm_severity { CLM_FINDING_GOOD, CLM_FINDING_NOTE, CLM_FINDING_BAD, CLM_FINDING_BEGUN };

/* Something on the way from the program to a device. */
struct clm_finding {
    enum clm_severity severity;
    char section[16]; /* "drivers", "render nodes", "platforms" */
    char what[768];   /* a sentence; of what is begun a name */
    char remedy[256]; /* what to do about it; empty where nothing needs to be done */
};

/* Files that name OpenCL drivers, whether each driver loads and offers a platform, the permission to open GPUs, and platforms
 * without a device: `on_finding` hears of each. Drivers are loaded into the process, as the OpenCL loader does. */
void clm_examine_loader(void (*on_finding)(void *user, const struct clm_finding *finding), void *user);

enum clm_backend_kind { CLM_BACKEND_REFERENCE, CLM_BACKEND_BLAS, CLM_BACKEND_OPENCL };

struct clm_backend_options {
    enum clm_backend_kind kind;
    const char *device; /* opencl: a selector as above */
    /* opencl: "auto" (or NULL; measures, and keeps what it chose), a name of clm_gemm_names, or "default", which is
     * what auto takes where nothing has been measured */
    const char *gemm;
    /* Called with whole sentences that a user should know and that are no failures; may be NULL. */
    void (*on_note)(void *user, const char *sentence);
    void *note_user;
    bool skip_self_test; /* verify and doctor look at devices that would not pass it */
    /* Limits on what is allocated, in bytes; 0 for none but the device's own. Of the host's memory, a device that has no
     * other takes half. */
    uint64_t device_memory, host_memory;
};

/* One implementation of the net's operations: reference (plain loops, double), blas (float, CBLAS) or opencl. */
struct clm_backend;

CLM_MUST_CHECK clm_status clm_backend_open(const struct clm_backend_options *options,
                                           struct clm_backend **out, struct clm_error *error);
void clm_backend_close(struct clm_backend *backend);

enum clm_backend_kind clm_backend_kind(const struct clm_backend *backend);
const char *clm_backend_name(const struct clm_backend *backend); /* "reference", "blas", "opencl" */
const char *
clm_backend_provider(const struct clm_backend *backend); /* who multiplies: "clblast", "OpenBLAS", … */
const char *clm_backend_device(const struct clm_backend *backend); /* the device's name */
/* The OpenCL device; NULL of other backends. */
const struct clm_device *clm_backend_about(const struct clm_backend *backend);

/* Who can multiply on the device of `backend` (NULL: on any): the names of at most `most` providers; returns how many. None
 * on other backends than opencl. */
size_t clm_gemm_names(const struct clm_backend *backend, const char **names, size_t most);

/* Whether a provider takes seconds to build, so that only clm_tune tries it, and only what it finds makes "auto" use it. */
bool clm_gemm_is_slow_to_build(const char *name);

/* ---- tuning -------------------------------------------------------------------------------------------- */

/* One product of a layer on one provider. */
struct clm_tune_row {
    char product[24], candidate[24];
    size_t batch, inputs, outputs;
    double error_over_bound;     /* above 1, or NaN: wrong, or it failed, and never used */
    double milliseconds, gflops; /* of a part of the batch, where it is large; 0 for what is wrong */
};

/* Measures every provider on the products of the net `sizes` (inputs … classes) at `batch`, and keeps the choice in the
 * user's cache directory, where every later run with gemm "auto" finds it. `backend` is such a one. */
CLM_MUST_CHECK clm_status clm_tune(struct clm_backend *backend, const size_t *sizes, size_t size_count,
                                   size_t batch, void (*on_row)(void *user, const struct clm_tune_row *row),
                                   void *user, struct clm_error *error);
/* The file with the choices; NULL where there is none. */
const char *clm_tune_path(const struct clm_backend *backend);
/* Seconds that the backend has spent measuring. */
double clm_tune_seconds(const struct clm_backend *backend);

/* ---- data ---------------------------------------------------------------------------------------------- */

enum clm_part { CLM_TRAIN, CLM_VALIDATION, CLM_TEST };

/* Does a CSV begin with the names of its columns? */
enum clm_header { CLM_HEADER_DETECTED, CLM_HEADER_YES, CLM_HEADER_NO };

/* What becomes of a value that a CSV leaves open (empty, NA, N/A, NaN, null, ?): an error, the mean of its column
 * over those rows of the training part that have one, or 0. The mean is taken after the validation rows are held out
 * and `limit` is applied; the same mean replaces values of the training, validation and test part. */
enum clm_missing { CLM_MISSING_REFUSED, CLM_MISSING_MEAN, CLM_MISSING_ZERO };

/* Which rows of the training set are held out for validation. Both parts keep the file's order.
 *
 *   last        those at its end
 *   random      each set of so many rows is as likely
 *   stratified  the same within each class, which gives held_out * rows_of_class / rows rows, up or down to a whole number so
 *               that the sum is exact: classes that gave none so far come first, then those with the largest remainder. A
 *               class keeps a row to train on, so that one of a single row gives none; where classes of so few rows cannot
 *               give their share, others give more. CLM_ERROR_ARGUMENT where that is not enough.
 */
enum clm_split { CLM_SPLIT_LAST, CLM_SPLIT_RANDOM, CLM_SPLIT_STRATIFIED };

struct clm_data_options {
    const char *source; /* a name (fashion-mnist, mnist, cifar10, cifar100) or a path */
    const char *format; /* NULL recognises the content; a name of clm_format_names */
    const char *test;   /* path of a test set where the data brings none; NULL for none */
    double validation;  /* rows of the training set that are held out: a count, or a fraction below 1 */
    enum clm_split validation_by;
    uint64_t validation_seed; /* random, stratified: the same seed and labels hold out the same rows */
    size_t limit;             /* keep the first N training rows of what is left; 0 keeps all */
    /* Bytes of the host's memory that the data may take, 0 for any. Values of idx of bytes, and of npy of uint8 or
     * float32 in C order, that are not compressed take none: they stay in the file. */
    uint64_t memory;

    /* An option below is CLM_ERROR_ARGUMENT with data of a format that has no use for it. */
    const char *inputs; /* npz, npy: the array with the inputs; NULL looks for x, x_train and their like */
    /* csv: the column of the labels, by name or by index (from 0; negative ones count from the end: -1 is the last);
     * npz, npy: the array with the labels; cifar100: "fine", the default, or "coarse". NULL: see doc/data.md */
    const char *label;
    enum clm_header header;
    enum clm_missing missing;
    /* images: 0 takes them as they are. */
    size_t resize_width, resize_height; /* stretches each: the mean of what a pixel covers, or bilinear */
    size_t channels;                    /* 1 or 3; else 1 where all are grey */

    /* Of the model that the data is for; 0 and NULL where the data decides. csv, libsvm, npz, npy and images turn labels
     * into these classes, a label beyond them being an error, and rows of libsvm get this many features. */
    size_t features, classes;
    const char *const *class_names; /* `classes` of them, or NULL */
};

/* The names of at most `most` formats that are read: "idx", "npy", …; returns how many. */
size_t clm_format_names(const char **names, size_t most);

/* A labelled data set in memory: a training part, and where there are any, validation and test parts. */
struct clm_data;

CLM_MUST_CHECK clm_status clm_data_open(const struct clm_data_options *options, struct clm_data **out,
                                        struct clm_error *error);
void clm_data_close(struct clm_data *data);

const char *clm_data_source(const struct clm_data *data); /* the path it was read from */
const char *clm_data_format(const struct clm_data *data); /* a name of clm_format_names */
size_t clm_data_rows(const struct clm_data *data, enum clm_part part);
size_t clm_data_features(const struct clm_data *data);
size_t clm_data_classes(const struct clm_data *data);
const char *clm_data_class_name(const struct clm_data *data, size_t index); /* NULL where unnamed */
bool clm_data_is_bytes(const struct clm_data *data);
uint32_t clm_data_label(const struct clm_data *data, enum clm_part part, size_t row); /* < classes */

/* Of pictures, whose features are planar (channel, row, column); false, and zeros, where rows are none. */
bool clm_data_picture_size(const struct clm_data *data, size_t *width, size_t *height, size_t *channels);

struct clm_part_summary {
    size_t rows;
    double lowest, highest, mean,
        deviation;      /* of all values; NaN without rows. The deviation is divided by N */
    size_t *class_rows; /* (classes) */
    /* Rows that are byte for byte the same as an earlier one of the part, those of them with another label than the
     * first of that kind, and the first of them with its earlier one. */
    size_t repeated, contradicting, repeated_row, repeated_of;
    /* The same for validation and test rows that are training rows, too. */
    size_t leaked, leaked_row, leaked_of;
};

struct clm_data_summary {
    struct clm_part_summary parts[3]; /* by enum clm_part */
    size_t constant_features;         /* that have one value in all training rows */
    char **warnings;                  /* sentences: what is likely to be a mistake, or to mislead */
    size_t warning_count;
};

/* Looks at every row. The caller gives *out to clm_data_summary_free. */
CLM_MUST_CHECK clm_status clm_data_summarise(const struct clm_data *data, struct clm_data_summary **out,
                                             struct clm_error *error);
void clm_data_summary_free(struct clm_data_summary *summary);

/* Writes a PNG with `rows` pictures of a part and their labels to `path`; which, `seed` decides. CLM_ERROR_SHAPE where
 * rows are no pictures. */
CLM_MUST_CHECK clm_status clm_data_sheet(const struct clm_data *data, enum clm_part part, size_t rows,
                                         uint64_t seed, const char *path, struct clm_error *error);

struct clm_data_write_options {
    const char *format; /* a name of clm_data_write_names */
    enum clm_part part; /* of formats that hold one; the others hold training and test set */
    bool is_gzipped;    /* idx */
    bool replaces;      /* what is there already; else that is an error */
};

/* Writes the data set to `path` so that a failure leaves what was there. A directory is replaced only where it holds
 * nothing but files of the format, and a folder of pictures never. CLM_ERROR_SHAPE where the data does not fit into the
 * format. */
CLM_MUST_CHECK clm_status clm_data_write(const struct clm_data *data, const char *path,
                                         const struct clm_data_write_options *options,
                                         struct clm_error *error);
/* The names of at most `most` formats; returns how many there are. */
size_t clm_data_write_names(const char **names, size_t most);
bool clm_data_write_is_of_one_part(const char *format);
bool clm_data_write_keeps_names(const char *format); /* of the classes */

/* Makes a synthetic set of ten classes in CIFAR-10's layout in a directory: five batches to train and one to test on,
 * of `rows` rows each, 1 to CLM_DATA_MAKE_ROWS_MAX. The same rows and seed make the same bytes. CLM_ERROR_IO where any of its files is there already,
 * unless it `replaces` them. */
enum { CLM_DATA_MAKE_ROWS_MAX = 1000000 };
CLM_MUST_CHECK clm_status clm_data_make(const char *directory, size_t rows, uint64_t seed, bool replaces,
                                        struct clm_error *error);

/* ---- model --------------------------------------------------------------------------------------------- */

/* Parameters and input normalisation of a net, in host memory: layers.N.weight (O,I), layers.N.bias (O) for
 * N = 0, 1, …, ReLU between layers, logits at the end; x = (raw - mean) * scale. */
struct clm_model;

struct clm_model_options {
    const size_t *sizes; /* inputs, hidden …, classes: `size_count` of them, at least two */
    size_t size_count;
    const char *init; /* "he" (or NULL), "xavier", "normal:STD", or a safetensors file with the parameters */
    uint64_t seed;
    bool is_bytes; /* inputs are bytes, divided by 255 */
};

CLM_MUST_CHECK clm_status clm_model_create(const struct clm_model_options *options, struct clm_model **out,
                                           struct clm_error *error);
CLM_MUST_CHECK clm_status clm_model_load(const char *path, struct clm_model **out, struct clm_error *error);
CLM_MUST_CHECK clm_status clm_model_save(const struct clm_model *model, const char *path,
                                         struct clm_error *error);
void clm_model_free(struct clm_model *model);

/* What the inputs' mean and scale, 1 / deviation, are taken from: nothing (they stay as they are), all values together, or
 * each feature's own values. */
enum clm_standardise { CLM_STANDARDISE_NONE, CLM_STANDARDISE_GLOBAL, CLM_STANDARDISE_FEATURE };

struct clm_standardised {
    size_t rows;            /* of the training part, which is all that is looked at */
    size_t constant;        /* features of scale 0 */
    double mean, deviation; /* of all values; 0 with CLM_STANDARDISE_NONE */
};

/* Fits the model's input normalisation to the training part of `data`, in one pass; `fitted` may be NULL.
 *
 * A feature whose deviation is 0, or not above 2^-24 of its mean, which is rounding noise in float32, gets the scale 0:
 * it is 0 in whatever data the model is given, for nothing was learned about it. CLM_ERROR_FORMAT names a value that is not
 * finite, or a feature of a range above 8e37, and the model is left as it was. */
CLM_MUST_CHECK clm_status clm_model_standardise(struct clm_model *model, const struct clm_data *data,
                                                enum clm_standardise how, struct clm_standardised *fitted,
                                                struct clm_error *error);

size_t clm_model_depth(const struct clm_model *model);               /* linear layers */
size_t clm_model_width(const struct clm_model *model, size_t index); /* 0 the inputs … depth the classes */
const char *clm_model_class_name(const struct clm_model *model, size_t index); /* NULL where unnamed */
const float *clm_model_weight(const struct clm_model *model, size_t layer);    /* (O,I) */
const float *clm_model_bias(const struct clm_model *model, size_t layer);      /* (O) */
const float *clm_model_mean(const struct clm_model *model);                    /* (I), of the inputs */
const float *clm_model_scale(const struct clm_model *model);                   /* (I) */

/* ---- training ------------------------------------------------------------------------------------------ */

struct clm_epoch {
    size_t epoch; /* from 1 */
    double learning_rate;
    double train_loss, train_accuracy; /* means over the epoch's minibatches, while training */
    bool has_validation;
    double validation_loss, validation_accuracy; /* after the epoch */
    double seconds, samples_per_s;               /* the training part of the epoch */
};

struct clm_progress {
    size_t epoch, epochs;  /* the one running, from 1 */
    size_t rows, rows_all; /* done and all of this epoch */
    double loss;           /* mean so far in this epoch */
    double samples_per_s;
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
    size_t
        shard; /* rows of the data on the device, twice, where it is streamed; 0 where all of it is there */
    uint64_t total;     /* bytes at the peak */
    uint64_t available; /* the device's memory; 0 where nothing limits it but the host */
};

/* The learning rate of epoch e = 1 … E. */
enum clm_schedule {
    CLM_SCHEDULE_COOLDOWN, /* rate, and a tenth of it in the last ⌊E / 10⌋ epochs */
    CLM_SCHEDULE_CONSTANT, /* rate */
    CLM_SCHEDULE_LINEAR,   /* rate (1 - (e - 1) / E) */
    CLM_SCHEDULE_COSINE,   /* rate (1 + cos(π (e - 1) / E)) / 2 */
};

const char *clm_schedule_name(enum clm_schedule schedule); /* "cooldown"; NULL where there is no such */

/* Whether the data is on the device as a whole. */
enum clm_resident {
    CLM_RESIDENT_AUTO, /* where it fits */
    CLM_RESIDENT_YES,  /* or CLM_ERROR_MEMORY */
    CLM_RESIDENT_NO,   /* in shards, the next of which is read and uploaded while this one is computed on */
};

/* How the rows of training batches are changed, anew in each epoch, on the device and in the pass that gathers them; all
 * zero: not at all. Evaluation sees rows as they are. In this order:
 *
 *   flip    with probability 1/2 the picture is mirrored, left for right
 *   shift   the picture moves by whole pixels, down and right by -shift … shift each, uniformly; what comes in is raw 0,
 *           black, as zero padding and a random crop make it
 *           then values are normalised: x = (raw - mean) * scale
 *   noise   a normal number times `noise` is added to each x: its unit is that of normalised inputs
 *   cutout  x = 0 in a square of cutout x cutout pixels, in all channels, whose centre is uniform in the picture; what of
 *           it lies outside is left out (DeVries, Taylor: Improved regularization of convolutional neural networks
 *           with cutout; 2017)
 *   mixup   x = λ x + (1 - λ) x', with x' another row of the batch, changed as above by its own draws; λ is drawn from
 *           Beta(mixup, mixup) for each batch (Zhang, Cisse, Dauphin, Lopez-Paz: mixup: beyond empirical risk
 *           minimization; 2018). The loss is λ times that of the row's label + (1 - λ) times that of the other's; a
 *           row counts as correct by its own label. The other row is as far along the batch for each row, around its
 *           end, at a distance drawn for each batch: each row is another's once.
 *
 * The numbers drawn depend on seed, epoch and the row's place in the epoch, not on backend, device or batch size; those of
 * mixup, on the place of the batch's first row and the number of its rows. */
struct clm_augmentation {
    bool flip;            /* of pictures, as are shift and cutout: see clm_data_picture_size */
    size_t shift, cutout; /* pixels: shift below the shorter side, cutout up to the longer one */
    double mixup, noise;  /* at least 0 */
};

/* clm_data_sheet of pictures as training sees them in an epoch whose first batch they were. Floats are changed as they
 * are, bytes divided by 255. CLM_ERROR_ARGUMENT where the augmentation does not fit them. */
CLM_MUST_CHECK clm_status clm_augmented_sheet(const struct clm_data *data, enum clm_part part, size_t rows,
                                              const struct clm_augmentation *augmentation, uint64_t seed,
                                              const char *path, struct clm_error *error);

struct clm_train_options {
    size_t epochs, batch;
    enum clm_resident resident;
    /* Rows that are shuffled together, in blocks of a megabyte or less that an epoch draws from the whole set; 0: all rows
     * where they are resident, else what there is room for. Rounded down to whole blocks. Data that is streamed and data
     * that is resident give the same bits for the same shard. */
    size_t shard;
    enum clm_schedule schedule;         /* of learning_rate */
    double learning_rate, momentum, l2; /* l2: the penalty is l2 times the sum of squared weights */
    uint64_t seed;
    bool shuffle;
    struct clm_augmentation augmentation;
    const char *out; /* run directory to write, NULL for none; one that holds a run is refused */
    int argc;        /* the command line, for run.json */
    char *const *argv;
    const volatile sig_atomic_t *stop; /* NULL, or: not 0 ends training after the running epoch */
    void (*on_plan)(void *user, const struct clm_memory_plan *plan);
    void (*on_progress)(void *user,
                        const struct clm_progress *progress); /* NULL: nothing is measured for it */
    void (*on_epoch)(void *user, const struct clm_epoch *epoch);
    void *user;
};

struct clm_score {
    size_t rows;
    double loss, accuracy; /* mean cross-entropy [nats], share of correct predictions */
};

struct clm_train_result {
    size_t epochs; /* finished */
    bool has_test;
    struct clm_score test;
    uint64_t memory_planned, memory_peak; /* device bytes: as planned, and as allocated at the peak */
};

/* Trains `model` in place on the training part of `data` by minibatch gradient descent; v = momentum v + g,
 * w = w - learning_rate v, with g the gradient of mean cross-entropy + l2 |W|². The last, smaller minibatch is
 * trained on. Same model, data, options, backend and device give the same bits. */
CLM_MUST_CHECK clm_status clm_train(struct clm_backend *backend, struct clm_model *model,
                                    const struct clm_data *data, const struct clm_train_options *options,
                                    struct clm_train_result *result, struct clm_error *error);

/* Fails with CLM_ERROR_SHAPE unless model and data agree in features and classes. */
CLM_MUST_CHECK clm_status clm_check_fit(const struct clm_model *model, const struct clm_data *data,
                                        struct clm_error *error);

/* Class probabilities (rows, classes) of every row of a part, and where `score` is not NULL the loss and accuracy
 * against its labels. `probabilities` may be NULL. */
CLM_MUST_CHECK clm_status clm_predict(struct clm_backend *backend, const struct clm_model *model,
                                      const struct clm_data *data, enum clm_part part, float *probabilities,
                                      struct clm_score *score, struct clm_error *error);

/* ---- checks -------------------------------------------------------------------------------------------- */

struct clm_check {
    char operation[64]; /* "linear_forward", … */
    char shape[128];    /* "B=7 I=33 O=65 relu" */
    double
        error_over_bound; /* the worst element's |got - reference| / bound; NaN or Inf where it got those */
    bool passed;          /* error_over_bound <= 1, and nothing written outside */
    char detail[256];     /* of what failed: which element is what, and what is right; else empty */
    bool is_error;        /* it ended with an error instead of a result, which `detail` begins with */
    char smallest[128];   /* of what failed: the smallest shape found that fails, too */
    bool has_products;    /* a provider of products has a part in it */
    size_t number, of;    /* this check's, from 1, and how many there are */
};

enum clm_verify_extent {
    CLM_VERIFY_STANDARD, /* every operation on awkward shapes and contents, whole training steps: some seconds */
    CLM_VERIFY_QUICK,    /* a few shapes of each operation, and large products */
    CLM_VERIFY_FULL, /* STANDARD and a sweep of random shapes, contents and nets; each three times, with the same bits */
};

/* Operations by who computes them: a provider of products has a part in some, and one kernel for all does the others. */
enum clm_verify_part { CLM_VERIFY_ALL, CLM_VERIFY_PRODUCTS, CLM_VERIFY_SHARED };

struct clm_verify_options {
    enum clm_verify_extent extent;
    enum clm_verify_part part;
    uint64_t seed;     /* of contents and of the sweep */
    const char *only;  /* an operation, by a check's name of it; NULL: all */
    const char *shape; /* of `only`: a check's shape, for that check alone; NULL: all */
    /* How long to look for smaller shapes that fail as well, of each operation; 0: not at all. */
    double shrink_seconds;
    /* Leave out what would take longer, or a twentieth of it once that time is up, judged by the fastest check so far: for
     * simulators, on which a large product takes hours. 0: nothing. *left_out (may be NULL) is how many that were. */
    double seconds_most;
    size_t *left_out;
    /* Both may be NULL. Of a check that begins only its names, number and `of` are known; where a driver dies, and the process
     * with it, that was the last. */
    void (*on_begin)(void *user, const struct clm_check *check);
    void (*on_check)(void *user, const struct clm_check *check);
    void *user;
    const volatile sig_atomic_t *stop; /* no check is begun once this is not 0; may be NULL */
};

/* The names that `only` may have: at most `most`; returns how many. */
size_t clm_verify_names(const char **names, size_t most);

/* Operations of `backend`, and whole training steps, against the reference under derived bounds; every element of every
 * output is compared. *passed is whether all passed. A failed check is not an error, not even where an operation fails with one:
 * the others are checked still, unless the device answers no more. An operation or shape that is none is
 * CLM_ERROR_ARGUMENT. */
CLM_MUST_CHECK clm_status clm_verify(struct clm_backend *backend, const struct clm_verify_options *options,
                                     bool *passed, struct clm_error *error);

struct clm_gradcheck_options {
    const size_t *sizes; /* as for a model */
    size_t size_count;
    size_t batch,
        samples; /* rows of the minibatch; parameters tried per tensor, the largest gradients among them */
    double l2;
    const char *init;
    uint64_t seed;
    const struct clm_data *data;      /* NULL: random inputs and labels */
    enum clm_standardise standardise; /* with data */
};

struct clm_gradcheck_row {
    char parameter[32];                 /* "layers.0.weight" */
    size_t tried, skipped;              /* skipped: a step of the difference crosses a ReLU's kink */
    size_t worst_row, worst_column;     /* where |numerical - analytic| is largest over its bound */
    double numerical, analytic, device; /* there, the first two in double on the reference */
    double error_over_bound;            /* numerical against the reference's analytic */
    double device_error_over_bound;     /* the device's analytic against the reference's, every element */
    bool passed;
};

CLM_MUST_CHECK clm_status clm_gradcheck(struct clm_backend *backend,
                                        const struct clm_gradcheck_options *options,
                                        void (*on_row)(void *user, const struct clm_gradcheck_row *row),
                                        void *user, bool *passed, struct clm_error *error);

/* ---- benchmark ----------------------------------------------------------------------------------------- */

struct clm_bench_options {
    const size_t *sizes;
    size_t size_count;
    size_t batch;
    double momentum;
    double seconds;     /* to spend on timing, after warm-up; 0 for the default */
    bool wants_profile; /* of an opencl backend: kernels and peaks */
};

/* What a kernel does in a step. */
struct clm_bench_kernel {
    char name[32];
    double calls, milliseconds;  /* a step */
    double gflops, gbytes_per_s; /* of what its operation needs and moves at least; 0 where it states none */
};

#define CLM_BENCH_KERNELS_MAX 24

struct clm_bench_profile {
    struct clm_bench_kernel kernels[CLM_BENCH_KERNELS_MAX]; /* the longest first */
    size_t count;
    double milliseconds; /* a step of those profiled, by the host's clock */
    double peak_gflops,
        peak_gbytes_per_s; /* measured in the same run: multiplying and adding in registers; copying */
};

struct clm_bench_result {
    size_t steps;                               /* timed */
    double milliseconds;                        /* a step: median */
    double milliseconds_low, milliseconds_high; /* 10th and 90th percentile */
    double samples_per_s, gflops;
    double
        first_step_seconds; /* from an opened backend to the end of the first step, without tuning: compiling */
    struct clm_bench_profile profile; /* empty unless asked for */
    double tuning_seconds;            /* measuring who multiplies, where that was not known */
};

/* Times a training step: gather from a resident data set of bytes, forward, backward and update. */
CLM_MUST_CHECK clm_status clm_bench(struct clm_backend *backend, const struct clm_bench_options *options,
                                    struct clm_bench_result *result, struct clm_error *error);

/* A curve of a picture: what a system does at each batch, both of `count`. */
struct clm_bench_series {
    char name[96];
    const size_t *batches;
    const double *samples_per_s;
    size_t count;
};

/* Writes a PNG of throughput over batch size to `path`. */
CLM_MUST_CHECK clm_status clm_bench_plot(const char *path, const char *title,
                                         const struct clm_bench_series *series, size_t count,
                                         struct clm_error *error);

#ifdef __cplusplus
}
#endif
#endif
