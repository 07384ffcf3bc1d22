#include "data/table/label_table.h"

#include "base/size.h"
#include "base/text.h"
#include "data/table/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_LENGTH_MAX 256
#define GUESSED_CLASSES  20 /* that any number of rows may have */
#define SHOWN_SIZE       64 /* of a label, in a message */

enum label_kind { KIND_INTEGER, KIND_NUMBER, KIND_TEXT };

struct label {
    size_t place;
    enum label_kind kind;
    int64_t integer;
};

void label_table_free(struct label_table *table)
{
    vocabulary_free(&table->words);
    free(table->labels);
}

static const char *label_text(const struct label_table *table, const struct label *label)
{
    return table->words.words[label - table->labels].text;
}

static size_t label_length(const struct label_table *table, const struct label *label)
{
    return table->words.words[label - table->labels].length;
}

static bool label_table_is_name(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        char character[5] = {0};
        memcpy(character, bytes + i, size_min(4, length - i));
        const size_t step = utf8_length(character);
        if (!step || (unsigned char)*character < ' ' || *character == 0x7f)
            return false;
        i += step;
    }
    return length > 0 && length <= LABEL_LENGTH_MAX;
}

static struct label label_table_judge(const char *text, size_t length, size_t place)
{
    struct label label = {.place = place, .kind = KIND_TEXT};
    const char *at = text;
    float unused;
    if (number_read_whole(text, length, &label.integer))
        label.kind = KIND_INTEGER;
    else if (number_read(&at, &unused) && !*at)
        label.kind = KIND_NUMBER;
    return label;
}

clm_status label_table_add(struct label_table *table, const char *bytes, size_t length, size_t place,
                           uint32_t *id, struct clm_error *error)
{
    char shown[SHOWN_SIZE];
    *id = vocabulary_find(&table->words, bytes, length);
    if (*id != WORD_NONE)
        return CLM_OK;
    const size_t count = table->words.count;
    if (!label_table_is_name(bytes, length))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: %s %zu: \"%s\" is no label: it has %zu bytes, but labels are 1 to %d bytes of UTF-8 without control characters",
            table->path, table->unit, place, text_show(shown, sizeof shown, bytes, length), length,
            LABEL_LENGTH_MAX);
    if (count == LABEL_CLASSES_MAX)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "label loss",
            "%s: %s %zu: \"%s\" is one more than %d different labels, which are too many for classes; name what holds the labels, or, if they are numbers to predict, train with the loss squared",
            table->path, table->unit, place, text_show(shown, sizeof shown, bytes, length),
            LABEL_CLASSES_MAX);
    if ((count == table->capacity &&
         !array_resize(&table->labels, table->capacity = size_max(64, 2 * count), sizeof *table->labels)) ||
        !vocabulary_add(&table->words, bytes, length))
        return clm_fail_host_memory(error, table->path, (count + 1) * sizeof *table->labels);
    table->labels[count] = label_table_judge(table->words.words[count].text, length, place);
    *id = (uint32_t)count;
    return CLM_OK;
}

clm_status label_table_add_integer(struct label_table *table, int64_t value, size_t place, uint32_t *id,
                                   struct clm_error *error)
{
    uint32_t *const small = value >= 0 && value < LABEL_SMALL_INTEGERS ? table->small_ids + value : NULL;
    char text[24];
    if (small && *small) {
        *id = *small - 1;
        return CLM_OK;
    }
    const int length = snprintf(text, sizeof text, "%" PRId64, value);
    const clm_status status = label_table_add(table, text, (size_t)length, place, id, error);
    if (status == CLM_OK && small)
        *small = *id + 1;
    return status;
}

/* The kind that covers all labels of the table. */
static enum label_kind label_table_kind_of(const struct label_table *table)
{
    enum label_kind kind = KIND_INTEGER;
    for (size_t i = 0; i < table->words.count; i++)
        if (table->labels[i].kind > kind)
            kind = table->labels[i].kind;
    return kind;
}

clm_status label_table_check_guess(const struct label_table *table, const char *column, size_t rows,
                                   struct clm_error *error)
{
    const size_t count = table->words.count;
    if (count < 2)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "label",
            "%s: %s, the last, holds nothing but \"%s\", which are no labels; name the column of the labels",
            table->path, column, count ? table->words.words->text : "");
    for (size_t i = 0; label_table_kind_of(table) != KIND_TEXT && i < count; i++) {
        const struct label *label = table->labels + i;
        if (label->kind != KIND_INTEGER || label->integer < -999 || label->integer > 999)
            return clm_fail_setting(
                error, CLM_ERROR_FORMAT, "label loss",
                "%s: %s %zu: %s, the last, holds %.60s, but labels that are not named are text or integers of at most three digits; name the column of the labels, or, if they are numbers to predict, train with the loss squared",
                table->path, table->unit, label->place, column, label_text(table, label));
    }
    if (count > GUESSED_CLASSES && 2 * count > rows)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "label loss",
            "%s: %s, the last, holds %zu different values in %zu rows, which are too many to be labels; name the column of the labels, or, if they are numbers to predict, train with the loss squared",
            table->path, column, count, rows);
    return CLM_OK;
}

/* A label, or the name of a class. */
struct class_entry {
    const char *text;
    int64_t integer;
    uint32_t index;
};

static int compare_integers(const void *a, const void *b)
{
    const int64_t x = ((const struct class_entry *)a)->integer, y = ((const struct class_entry *)b)->integer;
    return (x > y) - (x < y);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(((const struct class_entry *)a)->text, ((const struct class_entry *)b)->text);
}

typedef int (*comparison)(const void *a, const void *b);

/* Makes new classes in sorted order, fills classes[id], and sets the names of the classes. */
static clm_status make_classes(const struct label_table *table, enum label_kind kind, uint32_t *classes,
                               struct contents *out, struct clm_error *error)
{
    const comparison compare = kind == KIND_INTEGER ? compare_integers : compare_texts;
    struct class_entry *entries = malloc(table->words.count * sizeof *entries + 1);
    const char **names = malloc(table->words.count * sizeof *names + 1);
    char(*integers)[24] = malloc(table->words.count * sizeof *integers + 1);
    size_t count = 0;
    bool is_plain = kind == KIND_INTEGER;
    clm_status status = CLM_OK;
    if (!entries || !names || !integers) {
        status = clm_fail_host_memory(error, table->path, table->words.count * sizeof *entries);
        goto cleanup;
    }
    for (size_t i = 0; i < table->words.count; i++)
        entries[i] = (struct class_entry){table->words.words[i].text, table->labels[i].integer, (uint32_t)i};
    qsort(entries, table->words.count, sizeof *entries, compare);
    for (size_t i = 0; i < table->words.count; i++) {
        if (!i || compare(entries + i - 1, entries + i)) {
            is_plain = is_plain && entries[i].integer == (int64_t)count;
            snprintf(integers[count], sizeof *integers, "%" PRId64, entries[i].integer);
            names[count] = kind == KIND_INTEGER ? integers[count] : entries[i].text;
            count++;
        }
        classes[entries[i].index] = (uint32_t)count - 1;
    }
    if (is_plain)
        goto cleanup;
    out->class_names = class_names_copy(names, count);
    out->classes = out->class_names ? count : 0;
    if (!out->class_names)
        status = clm_fail_host_memory(error, table->path, count * sizeof *names);
cleanup:
    free(entries);
    free(names);
    free(integers);
    return status;
}

/* Writes "cat, dog, horse" or "0 to 9", at most 12 names. */
static void list_classes(const struct request *request, char *text, size_t size)
{
    size_t used = 0;
    if (!request->class_names) {
        snprintf(text, size, "0 to %zu", request->classes - 1);
        return;
    }
    for (size_t i = 0; i < request->classes && used < size; i++) {
        char shown[SHOWN_SIZE];
        const char *name = i < 12 ? request->class_names[i] : "...";
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                                 text_show(shown, sizeof shown, name, strlen(name)));
        if (i == 12)
            break;
    }
}

static clm_status fail_unknown(const struct label_table *table, const struct label *label,
                               const struct request *request, struct clm_error *error)
{
    char shown[SHOWN_SIZE], classes[1024];
    list_classes(request, classes, sizeof classes);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: %s %zu: the label %s is not one of the %zu classes of the training set (%s); correct or remove such rows, or train with them",
        table->path, table->unit, label->place,
        text_show(shown, sizeof shown, label_text(table, label), label_length(table, label)),
        request->classes, classes);
}

static const struct class_entry *find_name(const char *name, const struct class_entry *names, size_t count)
{
    const struct class_entry wanted = {.text = name};
    return names ? bsearch(&wanted, names, count, sizeof *names, compare_texts) : NULL;
}

/* Finds the class with the label's name; the integer 1 may be written 1.0. If no class is named by a number,
 * an integer is the index of its class. */
static bool label_table_find_class(const struct label_table *table, const struct label *label,
                                   const struct class_entry *names, size_t count, bool are_numbers,
                                   uint32_t *class)
{
    char text[24];
    const struct class_entry *found = find_name(label_text(table, label), names, count);
    if (!found && label->kind == KIND_INTEGER) {
        snprintf(text, sizeof text, "%" PRId64, label->integer);
        found = find_name(text, names, count);
    }
    if (found) {
        *class = found->index;
        return true;
    }
    *class = (uint32_t)label->integer;
    return label->kind == KIND_INTEGER && !are_numbers && label->integer >= 0 &&
           (uint64_t)label->integer < count;
}

/* Maps the labels to the classes of the request. */
static clm_status find_classes(const struct label_table *table, const struct request *request,
                               uint32_t *classes, struct contents *out, struct clm_error *error)
{
    struct class_entry *names = NULL;
    bool are_numbers = false;
    int64_t unused;
    clm_status status = CLM_OK;
    out->classes = request->classes;
    if (request->class_names) {
        names = malloc(request->classes * sizeof *names);
        out->class_names = class_names_copy(request->class_names, request->classes);
        if (!names || !out->class_names) {
            free(names);
            return clm_fail_host_memory(error, table->path, request->classes * sizeof *names);
        }
        for (size_t i = 0; i < request->classes; i++) {
            const char *name = request->class_names[i];
            names[i] = (struct class_entry){.text = name, .index = (uint32_t)i};
            are_numbers = are_numbers || number_read_whole(name, strlen(name), &unused);
        }
        qsort(names, request->classes, sizeof *names, compare_texts);
    }
    size_t indices = 0; /* labels that are taken as such */
    for (size_t i = 0; status == CLM_OK && i < table->words.count; i++) {
        if (!label_table_find_class(table, table->labels + i, names, request->classes, are_numbers,
                                    classes + i))
            status = fail_unknown(table, table->labels + i, request, error);
        else
            indices += names && !find_name(label_text(table, table->labels + i), names, request->classes) &&
                       !are_numbers;
    }
    free(names);
    if (status == CLM_OK && indices && table->may_be_text) {
        char list[1024];
        list_classes(request, list, sizeof list);
        data_note(request->options, "",
                  "%s: its labels are numbers, and taken as indices, from 0, of the classes %s", table->path,
                  list);
    }
    return status;
}

static clm_status fail_fraction(const struct label_table *table, struct clm_error *error)
{
    const struct label *label = table->labels;
    while (label->kind != KIND_NUMBER)
        label++;
    return clm_fail_setting(
        error, CLM_ERROR_FORMAT, "label loss",
        "%s: %s %zu: the label %.60s is a number with a fraction or of too many digits, which names no class; name what holds the labels, or, if they are numbers to predict, train with the loss squared",
        table->path, table->unit, label->place, label_text(table, label));
}

clm_status label_table_check_numbers(const struct label_table *table, struct clm_error *error)
{
    return label_table_kind_of(table) == KIND_NUMBER ? fail_fraction(table, error) : CLM_OK;
}

/* Numbers with a fraction are labels only if they are the names of the request's classes, as in a set whose
 * other labels are words. */
static bool are_class_names(const struct label_table *table, const struct request *request)
{
    bool are = request->classes && request->class_names;
    for (size_t i = 0; are && i < table->words.count; i++) {
        are = false;
        for (size_t c = 0; !are && c < request->classes; c++)
            are = !strcmp(label_text(table, table->labels + i), request->class_names[c]);
    }
    return are;
}

clm_status label_table_finish(const struct label_table *table, const struct request *request,
                              uint32_t *labels, size_t rows, struct contents *out, struct clm_error *error)
{
    const enum label_kind kind = label_table_kind_of(table);
    if (kind == KIND_NUMBER && !are_class_names(table, request))
        return fail_fraction(table, error);
    uint32_t *classes = malloc(table->words.count * sizeof *classes + 1);
    if (!classes)
        return clm_fail_host_memory(error, table->path, table->words.count * sizeof *classes);
    const clm_status status = request->classes ? find_classes(table, request, classes, out, error)
                                               : make_classes(table, kind, classes, out, error);
    if (status == CLM_OK)
        for (size_t i = 0; i < rows; i++)
            if (labels[i] != CLM_NO_LABEL)
                labels[i] = classes[labels[i]];
    free(classes);
    return status;
}
