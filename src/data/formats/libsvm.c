#include "data/formats/libsvm.h"

#include "base/size.h"
#include "base/text.h"
#include "data/table/label_table.h"
#include "data/table/number.h"
#include "data/table/text_window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_SIZE 64 /* of a token, in a message */

/* The sparse rows that were read. */
struct sparse {
    size_t count, capacity; /* values in the file */
    uint32_t *indices;      /* of each value's feature, as the file counts them */
    float *values;
    size_t rows, row_capacity;
    size_t *ends;     /* (rows) index after each row's last value */
    uint32_t *labels; /* (rows) ids of the label table */
    double *targets;  /* (rows), if the numbers before the features are to be predicted; else NULL */
    size_t largest;   /* index in the file */
    bool has_zero;    /* indices count from 0 */
};

struct libsvm {
    struct text_window window;
    struct label_table table;
    struct sparse sparse;
    size_t features;       /* that rows may have; 0 if the file decides */
    bool counts_from_zero; /* indices of what decided `features` do */
    bool has_query, has_targets;
    const double *offsets; /* (features) that are subtracted from values; NULL: none */
};

static void sparse_free(struct sparse *sparse)
{
    free(sparse->indices);
    free(sparse->values);
    free(sparse->ends);
    free(sparse->labels);
    free(sparse->targets);
}

/* Doubles the room of two arrays if they are full. *fours has elements of 4 bytes, *others of `size`. */
static bool libsvm_make_room(size_t count, size_t *capacity, void *fours, void *others, size_t size)
{
    const size_t wanted = *capacity ? 2 * *capacity : 1024;
    if (count < *capacity)
        return true;
    if (!array_resize(fours, wanted, 4) || !array_resize(others, wanted, size))
        return false;
    *capacity = wanted;
    return true;
}

static inline bool libsvm_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* True if a line's tokens end here: at the line's end or at a comment. */
static inline bool is_line_end(char c)
{
    return c == '\n' || c == '\0' || c == '#';
}

static size_t token_length(const char *at)
{
    size_t length = 0;
    while (!libsvm_is_blank(at[length]) && !is_line_end(at[length]))
        length++;
    return length;
}

static clm_status fail_token(const struct libsvm *libsvm, const char *at, const char *what,
                             struct clm_error *error)
{
    char shown[SHOWN_SIZE];
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: line %zu: \"%s\" %s", text_window_path(&libsvm->window),
                    libsvm->window.line, text_show(shown, sizeof shown, at, token_length(at)), what);
}

static clm_status libsvm_read_label(struct libsvm *libsvm, const char **at, struct clm_error *error)
{
    struct sparse *sparse = &libsvm->sparse;
    const char *next = *at;
    float unused;
    if (!number_read(&next, &unused) || next != *at + token_length(*at))
        return fail_token(
            libsvm, *at,
            "is no label; a line begins with one whole number as its label, and several labels are not read",
            error);
    if (!libsvm_make_room(sparse->rows, &sparse->row_capacity, &sparse->labels, &sparse->ends,
                          sizeof *sparse->ends) ||
        sparse->rows >= UINT32_MAX)
        return clm_fail_host_memory(error, text_window_path(&libsvm->window), sparse->rows * 16);
    if (libsvm->has_targets) {
        if (!array_resize(&sparse->targets, sparse->row_capacity, sizeof *sparse->targets))
            return clm_fail_host_memory(error, text_window_path(&libsvm->window), sparse->rows * 16);
        sparse->targets[sparse->rows] = number_as_double(*at);
        sparse->labels[sparse->rows] = CLM_NO_LABEL;
        *at = next;
        return CLM_OK;
    }
    const clm_status status = label_table_add(&libsvm->table, *at, (size_t)(next - *at), libsvm->window.line,
                                              sparse->labels + sparse->rows, error);
    *at = next;
    return status;
}

/* Reads the index of "index:value" at *at and moves *at after the colon. `last` is the index
 * before it in the row, SIZE_MAX if there is none. */
static clm_status read_index(const struct libsvm *libsvm, const char **at, size_t last, size_t *index,
                             struct clm_error *error)
{
    const char *next = *at;
    *index = 0;
    for (; *next >= '0' && *next <= '9'; next++)
        if (*index <= LIBSVM_FEATURES_MAX)
            *index = *index * 10 + (size_t)(*next - '0');
    if (next == *at || *next != ':')
        return fail_token(libsvm, *at, "is not INDEX:VALUE, such as 3:0.5", error);
    if (!*index && libsvm->features && !libsvm->counts_from_zero)
        return fail_token(libsvm, *at,
                          "has index 0, but the training data counts from 1; add 1 to all indices", error);
    if (*index > LIBSVM_FEATURES_MAX)
        return fail_token(libsvm, *at, "has an index above 16777216, the most features that a row can have",
                          error);
    if (last != SIZE_MAX && *index == last)
        return fail_token(libsvm, *at, "has the same index as the value before it", error);
    if (last != SIZE_MAX && *index < last)
        return fail_token(libsvm, *at, "has a smaller index than the value before it; sort each row", error);
    if (libsvm->features && *index > libsvm->features - libsvm->counts_from_zero)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: line %zu: index %zu is above the %zu features of the training set; remove such values, or train with them",
            text_window_path(&libsvm->window), libsvm->window.line, *index, libsvm->features);
    *at = next + 1;
    return CLM_OK;
}

static clm_status libsvm_read_value(struct libsvm *libsvm, const char **at, size_t last, size_t *index,
                                    struct clm_error *error)
{
    struct sparse *sparse = &libsvm->sparse;
    const char *const token = *at;
    float value;
    const clm_status status = read_index(libsvm, at, last, index, error);
    if (status != CLM_OK)
        return status;
    const char *const number = *at;
    if (!number_read(at, &value) || (!libsvm_is_blank(**at) && !is_line_end(**at)))
        return fail_token(libsvm, token, "has a value that is no number", error);
    if (!isfinite(value))
        return fail_token(libsvm, token, "has a value that float32 cannot hold", error);
    if (!libsvm_make_room(sparse->count, &sparse->capacity, &sparse->indices, &sparse->values,
                          sizeof *sparse->values))
        return clm_fail_host_memory(error, text_window_path(&libsvm->window), sparse->count * 8);
    const double offset = libsvm->offsets ? libsvm->offsets[*index - !libsvm->counts_from_zero] : 0;
    if (offset != 0)
        value = (float)(number_as_double(number) - offset);
    sparse->indices[sparse->count] = (uint32_t)*index;
    sparse->values[sparse->count++] = value;
    return CLM_OK;
}

/* Reads the line at `at`, which ends with a line end or NUL. */
static clm_status libsvm_read_line(struct libsvm *libsvm, const char *at, struct clm_error *error)
{
    struct sparse *sparse = &libsvm->sparse;
    size_t last = SIZE_MAX;
    while (libsvm_is_blank(*at))
        at++;
    if (is_line_end(*at))
        return CLM_OK;
    clm_status status = libsvm_read_label(libsvm, &at, error);
    while (status == CLM_OK) {
        while (libsvm_is_blank(*at))
            at++;
        if (is_line_end(*at))
            break;
        if (!strncmp(at, "qid:", 4)) { /* the query of a ranking, which is no input */
            libsvm->has_query = true;
            at += token_length(at);
            continue;
        }
        sparse->has_zero = sparse->has_zero || (*at == '0' && at[strspn(at, "0")] == ':');
        status = libsvm_read_value(libsvm, &at, last, &last, error);
    }
    if (status != CLM_OK)
        return status;
    sparse->largest = last == SIZE_MAX ? sparse->largest : size_max(sparse->largest, last);
    sparse->ends[sparse->rows++] = sparse->count;
    return CLM_OK;
}

static clm_status read_lines(struct libsvm *libsvm, struct clm_error *error)
{
    struct text_window *window = &libsvm->window;
    clm_status status;
    while (window->begin < window->end || !window->is_last) {
        const char *begin = window->bytes + window->begin;
        const char *end = memchr(begin, '\n', window->end - window->begin);
        if (!end && !window->is_last) {
            if ((status = text_window_more(window, error)))
                return status;
            continue;
        }
        const size_t length = end ? (size_t)(end + 1 - begin) : window->end - window->begin;
        if (memchr(begin, '\0', length))
            return clm_fail(error, CLM_ERROR_FORMAT, "%s: line %zu holds a byte 0, so the file is no text",
                            text_window_path(window), window->line);
        if ((status = libsvm_read_line(libsvm, begin, error)))
            return status;
        window->begin += length;
        window->line++;
    }
    return CLM_OK;
}

/* ---- offsets ---- */

/* The place of a feature among the sorted indices of the first row; `count` if it is not there. */
static size_t place_in_first_row(const struct sparse *sparse, size_t count, uint32_t index)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sparse->indices[middle] < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sparse->indices[low] == index ? low : count;
}

/* Finds the offset of each feature whose values float32 could not tell apart; what a row leaves out is 0, so
 * only features of the first row can have one. *offsets is NULL if no feature needs one. The caller frees
 * it. */
static clm_status find_sparse_offsets(const struct sparse *sparse, size_t features, size_t first,
                                      const char *path, double **offsets, struct clm_error *error)
{
    const size_t candidates = sparse->rows ? sparse->ends[0] : 0;
    struct value_range *const ranges = malloc((candidates + 1) * sizeof *ranges);
    size_t *const counts = calloc(candidates + 1, sizeof *counts); /* the last is for all other features */
    bool has_room = ranges && counts;
    for (size_t c = 0; has_room && c <= candidates; c++)
        ranges[c] = value_range_start();
    for (size_t i = 0; has_room && i < sparse->count; i++) {
        const size_t place = place_in_first_row(sparse, candidates, sparse->indices[i]);
        value_range_add(&ranges[place], (double)sparse->values[i]);
        counts[place]++;
    }
    for (size_t c = 0; has_room && c < candidates; c++) {
        const double offset = counts[c] == sparse->rows ? value_range_offset(&ranges[c]) : 0;
        if (offset == 0)
            continue;
        *offsets = *offsets ? *offsets : calloc(features, sizeof **offsets);
        has_room = *offsets != NULL;
        if (has_room)
            (*offsets)[sparse->indices[c] - first] = offset;
    }
    free(ranges);
    free(counts);
    return has_room ? CLM_OK : clm_fail_host_memory(error, path, features * sizeof **offsets);
}

/* `first` is the index of the first feature. */
static clm_status make_dense(const char *path, const struct sparse *sparse, size_t first,
                             const double *offsets, struct set *set, struct clm_error *error)
{
    size_t elements = 0, bytes = 0;
    if (!size_mul(set->rows, set->features, &elements) || !size_mul(elements, sizeof(float), &bytes) ||
        bytes >= host_memory())
        return clm_fail(
            error, CLM_ERROR_MEMORY,
            "%s: %zu rows of %zu features, as dense float32, need more than this machine's memory; use fewer features or rows",
            path, set->rows, set->features);
    const clm_status status = allow_memory(set->memory, path, bytes, error);
    if (status != CLM_OK)
        return status;
    float *values = calloc(elements, sizeof *values);
    if (!values)
        return clm_fail_host_memory(error, path, bytes);
    set->values = values;
    for (size_t i = 0; offsets && i < elements; i++) /* what a row leaves out */
        values[i] = (float)-offsets[i % set->features];
    for (size_t r = 0, i = 0; r < set->rows; r++)
        for (; i < sparse->ends[r]; i++)
            values[r * set->features + sparse->indices[i] - first] = sparse->values[i];
    return CLM_OK;
}

static size_t feature_count(const struct libsvm *libsvm)
{
    const struct sparse *const sparse = &libsvm->sparse;
    return libsvm->features ? libsvm->features : sparse->largest + (sparse->count && sparse->has_zero);
}

static clm_status libsvm_finish(struct libsvm *libsvm, const char *path, const struct request *request,
                                struct contents *out, struct clm_error *error)
{
    struct sparse *sparse = &libsvm->sparse;
    struct set *set = &out->train;
    if (!libsvm->features)
        libsvm->counts_from_zero = sparse->has_zero;
    const bool from_zero = libsvm->counts_from_zero;
    set->features = feature_count(libsvm);
    if (!sparse->rows || !set->features)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty set: there is no %s", path,
                        sparse->rows ? "value in it" : "row");
    set->element = ELEMENT_FLOAT;
    set->rows = sparse->rows;
    set->labels = sparse->labels;
    sparse->labels = NULL;
    set->targets = sparse->targets;
    set->target_count = libsvm->has_targets;
    sparse->targets = NULL;
    if (libsvm->has_query)
        data_note(request->options, "", "%s: left out the queries (qid:), which are for ranking", path);
    if (!(out->inputs = inputs_create()))
        return clm_fail_host_memory(error, path, sizeof *out->inputs);
    out->inputs->element = ELEMENT_FLOAT;
    out->inputs->features = set->features;
    out->inputs->counts_from_zero = from_zero;
    if (libsvm->offsets) {
        const size_t size = set->features * sizeof *libsvm->offsets;
        if (!(out->inputs->offsets = malloc(size)))
            return clm_fail_host_memory(error, path, size);
        memcpy(out->inputs->offsets, libsvm->offsets, size);
    }
    const clm_status status = make_dense(path, sparse, !from_zero, libsvm->offsets, set, error);
    return status == CLM_OK && !libsvm->has_targets
               ? label_table_finish(&libsvm->table, request, set->labels, set->rows, out, error)
               : status;
}

/* Reads the rows of the file from its beginning. */
static clm_status read_sparse_rows(struct libsvm *libsvm, const char *path, struct clm_error *error)
{
    sparse_free(&libsvm->sparse);
    libsvm->sparse = (struct sparse){0};
    label_table_free(&libsvm->table);
    libsvm->table = (struct label_table){.path = path, .unit = "line"};
    text_window_close(&libsvm->window);
    const clm_status status = text_window_open(path, &libsvm->window, error);
    return status == CLM_OK ? read_lines(libsvm, error) : status;
}

/* Reads the rows; again, if values that float32 cannot tell apart are to be counted from an offset. */
static clm_status read_with_offsets(struct libsvm *libsvm, const char *path, double **offsets,
                                    struct clm_error *error)
{
    clm_status status = read_sparse_rows(libsvm, path, error);
    const size_t features = status == CLM_OK ? feature_count(libsvm) : 0;
    if (status != CLM_OK || libsvm->features || !features)
        return status;
    const bool from_zero = libsvm->sparse.has_zero;
    status = find_sparse_offsets(&libsvm->sparse, features, !from_zero, path, offsets, error);
    if (status != CLM_OK || !*offsets)
        return status;
    libsvm->offsets = *offsets;
    libsvm->features = features;
    libsvm->counts_from_zero = from_zero;
    return read_sparse_rows(libsvm, path, error);
}

static clm_status read_libsvm(const char *path, bool is_directory, const struct request *request,
                              struct contents *out, struct clm_error *error)
{
    struct libsvm libsvm = {.features = request->features,
                            .has_targets = request_has_targets(request),
                            .counts_from_zero = request->inputs && request->inputs->counts_from_zero,
                            .table = {.path = path, .unit = "line"}};
    double *offsets = NULL;
    (void)is_directory;
    if (!(request->wanted & READ_TRAIN))
        return CLM_OK;
    if (request->inputs && request->inputs->features == request->features)
        libsvm.offsets = request->inputs->offsets;
    out->train.labels_path = strdup(path);
    clm_status status = out->train.labels_path ? read_with_offsets(&libsvm, path, &offsets, error)
                                               : clm_fail_host_memory(error, path, strlen(path) + 1);
    if (status == CLM_OK)
        status = libsvm_finish(&libsvm, path, request, out, error);
    free(offsets);
    sparse_free(&libsvm.sparse);
    label_table_free(&libsvm.table);
    text_window_close(&libsvm.window);
    return status;
}

/* True if the line at `at` begins with a label and "index:". A label alone could be any table's. */
static bool is_row(const char *at)
{
    float unused;
    if (!number_read(&at, &unused))
        return false;
    if (!libsvm_is_blank(*at))
        return false;
    while (libsvm_is_blank(*at))
        at++;
    if (!strncmp(at, "qid:", 4))
        return true;
    const char *digit = at;
    while (*digit >= '0' && *digit <= '9')
        digit++;
    return digit > at && *digit == ':';
}

static bool libsvm_recognises_file(const struct file_head *head)
{
    char text[FILE_HEAD_MAX * 3 / 2 + 1];
    if (!text_is_likely(text, text_head(head->bytes, head->count, text)))
        return false;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        while (libsvm_is_blank(*line) || *line == '\n')
            line++;
        if (is_row(line))
            return true;
        if (*line && *line != '#' && line[strspn(line, "+-0123456789.eE")] != '\n')
            return false;
    }
    return false;
}

const struct format libsvm_format = {
    .name = "libsvm",
    .recognises_file = libsvm_recognises_file,
    .read = read_libsvm,
};
