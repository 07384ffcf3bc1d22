/* Draws a sheet of pictures with their labels: random rows of a part, sorted by class. */
#include "data/pictures/sheet.h"

#include "base/philox.h"
#include "base/picture.h"
#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX     1000
#define SIDE         64.0 /* the longer side of a picture [points] */
#define GAP          12.0
#define MARGIN       24.0
#define HEADING      34.0
#define LABEL        20.0 /* height for the class and the row number below a picture */
#define HEADING_SIZE 11.0
#define NAME_SIZE    8.0
#define ROW_SIZE     6.0

static const struct colour grey = {0.55, 0.55, 0.55};

struct sheet {
    const struct clm_data *data;
    const struct rows *rows;
    uint32_t *order; /* `count` rows */
    void *values;    /* (count, features): the pictures to draw */
    size_t count, columns;
    double width, height;   /* of a picture [points] */
    double lowest, highest; /* values drawn as black and white */
};

/* By class, and then by row. */
static int compare_rows(const void *a, const void *b, void *of)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const uint32_t *const labels = ((const struct sheet *)of)->rows->labels;
    if (labels[x] != labels[y])
        return labels[x] < labels[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

static clm_status choose_rows(struct sheet *sheet, uint64_t seed, struct clm_error *error)
{
    const size_t all = sheet->rows->count;
    struct philox random = philox_start(seed, RANDOM_SHEET, 0);
    sheet->order = malloc(all * sizeof *sheet->order);
    if (!sheet->order)
        return clm_fail_host_memory(error, sheet->data->source, all * sizeof *sheet->order);
    philox_permutation(&random, sheet->order, all);
    qsort_r(sheet->order, sheet->count, sizeof *sheet->order, compare_rows, sheet);
    return CLM_OK;
}

/* Picture i of the sheet. */
static void *picture_of(const struct sheet *sheet, size_t i)
{
    return (unsigned char *)sheet->values + i * sheet->data->features * data_element_size(sheet->data);
}

static clm_status copy_rows(struct sheet *sheet, const struct sheet_change *change, struct clm_error *error)
{
    const size_t bytes = sheet->data->features * data_element_size(sheet->data);
    size_t all;
    sheet->values = size_mul(sheet->count, bytes, &all) ? malloc(all) : NULL;
    if (!sheet->values)
        return clm_fail_host_memory(error, sheet->data->source, bytes);
    for (size_t i = 0; i < sheet->count; i++)
        memcpy(picture_of(sheet, i), data_row(sheet->data, sheet->rows, sheet->order[i]), bytes);
    return change ? change->apply(change->user, sheet->values, sheet->count, error) : CLM_OK;
}

/* The smallest float on the sheet is drawn black, and the largest white. */
static void find_range(struct sheet *sheet)
{
    sheet->lowest = 0;
    sheet->highest = 255;
    if (sheet->data->element == ELEMENT_BYTE)
        return;
    sheet->lowest = INFINITY;
    sheet->highest = -INFINITY;
    for (size_t i = 0; i < sheet->count; i++) {
        const float *const row = picture_of(sheet, i);
        for (size_t f = 0; f < sheet->data->features; f++) {
            sheet->lowest = fmin(sheet->lowest, (double)row[f]);
            sheet->highest = fmax(sheet->highest, (double)row[f]);
        }
    }
}

static uint32_t shade(const struct sheet *sheet, const void *row, size_t feature)
{
    if (sheet->data->element == ELEMENT_BYTE)
        return ((const unsigned char *)row)[feature];
    const double range = sheet->highest - sheet->lowest;
    const double value = (double)((const float *)row)[feature] - sheet->lowest;
    return range > 0 ? (uint32_t)(255 * value / range + 0.5) : 0;
}

/* One channel is drawn grey, three as red, green and blue; of any other number only the first is drawn. */
static cairo_surface_t *make_surface(const struct sheet *sheet, const void *row)
{
    const size_t width = sheet->data->width, height = sheet->data->height, plane = width * height;
    const bool is_coloured = sheet->data->channels == 3;
    cairo_surface_t *const surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    unsigned char *const bytes = cairo_image_surface_get_data(surface);
    if (!bytes)
        return surface;
    const size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    cairo_surface_flush(surface);
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width; x++) {
            const size_t i = y * width + x;
            const uint32_t red = shade(sheet, row, i),
                           green = is_coloured ? shade(sheet, row, i + plane) : red,
                           blue = is_coloured ? shade(sheet, row, i + 2 * plane) : red;
            const uint32_t pixel = red << 16 | green << 8 | blue;
            memcpy(bytes + y * stride + 4 * x, &pixel, sizeof pixel);
        }
    }
    cairo_surface_mark_dirty(surface);
    return surface;
}

static cairo_status_t draw_picture(cairo_t *context, const struct sheet *sheet, const void *row, double x,
                                   double y)
{
    cairo_surface_t *const surface = make_surface(sheet, row);
    const cairo_status_t made = cairo_surface_status(surface);
    /* cairo would keep a failed surface as a source until the process ends */
    if (made != CAIRO_STATUS_SUCCESS) {
        cairo_surface_destroy(surface);
        return made;
    }
    const double scale = sheet->width / (double)sheet->data->width;
    cairo_save(context);
    cairo_translate(context, x, y);
    cairo_scale(context, scale, sheet->height / (double)sheet->data->height);
    cairo_set_source_surface(context, surface, 0, 0);
    /* Small pictures show their pixels; large ones are averaged. If the context has an error,
     * cairo_get_source returns a new pattern, which would leak. */
    if (cairo_status(context) == CAIRO_STATUS_SUCCESS)
        cairo_pattern_set_filter(cairo_get_source(context),
                                 scale > 0.5 ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    cairo_paint(context);
    cairo_restore(context);
    cairo_surface_destroy(surface);
    set_colour(context, picture_faint);
    cairo_set_line_width(context, 0.5);
    cairo_rectangle(context, x, y, sheet->width, sheet->height);
    cairo_stroke(context);
    return CAIRO_STATUS_SUCCESS;
}

static cairo_status_t draw_label(cairo_t *context, const struct sheet *sheet, uint32_t row, double x,
                                 double y)
{
    const uint32_t label = sheet->rows->labels[row];
    char text[32];
    snprintf(text, sizeof text, "%u", label);
    const char *const name = label == CLM_NO_LABEL      ? "no label"
                             : sheet->data->class_names ? sheet->data->class_names[label]
                                                        : text;
    set_colour(context, picture_ink);
    const cairo_status_t drawn =
        draw_fitting(context, x, y + NAME_SIZE + 2, 0, NAME_SIZE, NAME_SIZE, SIDE + GAP - 4, name);
    snprintf(text, sizeof text, "row %u", row);
    set_colour(context, grey);
    draw_text(context, x, y + NAME_SIZE + ROW_SIZE + 4, 0, ROW_SIZE, text);
    return drawn;
}

static cairo_status_t draw_heading(cairo_t *context, const struct sheet *sheet, const char *part,
                                   double width)
{
    char text[512];
    snprintf(text, sizeof text, "%zu of %zu %s rows of %.400s", sheet->count, sheet->rows->count, part,
             sheet->data->source);
    set_colour(context, picture_ink);
    return draw_fitting(context, MARGIN, MARGIN + 6, 0, HEADING_SIZE, HEADING_SIZE, width - 2 * MARGIN, text);
}

static clm_status sheet_draw(const struct sheet *sheet, const char *part, const char *path,
                             struct clm_error *error)
{
    const size_t lines = (sheet->count + sheet->columns - 1) / sheet->columns;
    const double across = SIDE + GAP, down = sheet->height + LABEL + GAP;
    const double width = fmax(2 * MARGIN + (double)sheet->columns * across - GAP, 240);
    struct picture picture = picture_begin(width, MARGIN + HEADING + (double)lines * down - GAP + MARGIN / 2);
    cairo_status_t drawn = draw_heading(picture.context, sheet, part, width);
    for (size_t i = 0; i < sheet->count && drawn == CAIRO_STATUS_SUCCESS; i++) {
        const double x = MARGIN + (double)(i % sheet->columns) * across,
                     y = MARGIN + HEADING - 16 + (double)(i / sheet->columns) * down;
        drawn = draw_picture(picture.context, sheet, picture_of(sheet, i), x, y);
        if (drawn == CAIRO_STATUS_SUCCESS)
            drawn = draw_label(picture.context, sheet, sheet->order[i], x, y + sheet->height);
    }
    return picture_end(&picture, drawn, path, path, error);
}

clm_status sheet_write(const struct clm_data *data, enum clm_part part, size_t rows, uint64_t seed,
                       const struct sheet_change *change, const char *path, struct clm_error *error)
{
    struct sheet sheet = {.data = data, .rows = data_part(data, part)};
    const clm_status given = check_given(path, "path for the pictures", error);
    if (given != CLM_OK)
        return given;
    if (!data->height)
        return clm_fail(error, CLM_ERROR_SHAPE,
                        "%s: its rows of %zu %s are no pictures, so there is nothing to draw", data->source,
                        data->features, data->element == ELEMENT_BYTE ? "bytes" : "floats");
    if (!sheet.rows->count)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "split", "%s: has no %s set; name another part",
                                data->source, part_names[part]);
    if (!rows || rows > ROWS_MAX)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "a sheet of %zu rows cannot be drawn, only 1 to %d", rows,
                        ROWS_MAX);
    const double longer = (double)(data->width > data->height ? data->width : data->height);
    sheet.width = SIDE * (double)data->width / longer;
    sheet.height = SIDE * (double)data->height / longer;
    sheet.count = rows < sheet.rows->count ? rows : sheet.rows->count;
    sheet.columns = (size_t)ceil(sqrt((double)sheet.count * 1.6)); /* makes the page wider than high */
    if (sheet.columns > 10 && sheet.count <= 100)
        sheet.columns = 10;
    clm_status status = choose_rows(&sheet, seed, error);
    if (status == CLM_OK)
        status = copy_rows(&sheet, change, error);
    if (status == CLM_OK) {
        find_range(&sheet);
        status = sheet_draw(&sheet, part_names[part], path, error);
    }
    free(sheet.order);
    free(sheet.values);
    return status;
}

clm_status clm_data_sheet(const struct clm_data *data, enum clm_part part, size_t rows, uint64_t seed,
                          const char *path, struct clm_error *error)
{
    return sheet_write(data, part, rows, seed, NULL, path, error);
}
