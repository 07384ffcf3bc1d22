#include "base/picture.h"

#include "base/size.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCALE 2.0 /* pixels per point */

const struct colour picture_palette[] = {
    {0.00, 0.45, 0.70}, {0.84, 0.37, 0.00}, {0.00, 0.62, 0.45}, {0.80, 0.47, 0.65},
    {0.90, 0.62, 0.00}, {0.34, 0.71, 0.91}, {0.30, 0.30, 0.30},
};
const size_t picture_palette_size = sizeof picture_palette / sizeof *picture_palette;
const struct colour picture_ink = {0.15, 0.15, 0.15}, picture_faint = {0.88, 0.88, 0.88};

void set_colour(cairo_t *context, struct colour colour)
{
    cairo_set_source_rgb(context, colour.red, colour.green, colour.blue);
}

double text_width(cairo_t *context, double size, const char *text)
{
    cairo_text_extents_t extents;
    cairo_set_font_size(context, size);
    cairo_text_extents(context, text, &extents);
    return extents.x_advance;
}

double draw_text(cairo_t *context, double x, double y, double across, double size, const char *text)
{
    const double width = text_width(context, size, text);
    cairo_move_to(context, x - across * width, y);
    cairo_show_text(context, text);
    return width;
}

cairo_status_t draw_fitting(cairo_t *context, double x, double y, double across, double size, double least,
                            double room, const char *text)
{
    static const char ellipsis[] = "…";
    char *const whole = utf8_copy(text), *const shown =
                                             whole ? malloc(strlen(whole) + sizeof ellipsis) : NULL;
    if (!shown) {
        free(whole);
        return CAIRO_STATUS_NO_MEMORY;
    }
    strcpy(shown, whole);
    const double fitting = size * fmin(1, room / fmax(1, text_width(context, size, shown)));
    size_t length = strlen(shown);
    while (length && fitting < least && text_width(context, least, shown) > room) {
        do
            length--;
        while (length && !utf8_length(whole + length));
        strcpy(shown + length, ellipsis);
    }
    draw_text(context, x, y, across, fmax(fitting, least), shown);
    free(shown);
    free(whole);
    return CAIRO_STATUS_SUCCESS;
}

void draw_line(cairo_t *context, double x0, double y0, double x1, double y1)
{
    cairo_move_to(context, x0, y0);
    cairo_line_to(context, x1, y1);
    cairo_stroke(context);
}

struct picture picture_begin(double width, double height)
{
    struct picture picture = {.surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(width * SCALE),
                                                                    (int)(height * SCALE))};
    picture.context = cairo_create(picture.surface);
    cairo_scale(picture.context, SCALE, SCALE);
    cairo_set_source_rgb(picture.context, 1, 1, 1);
    cairo_paint(picture.context);
    cairo_select_font_face(picture.context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    return picture;
}

struct png_bytes {
    unsigned char *data;
    size_t size, room;
};

static cairo_status_t picture_append(void *closure, const unsigned char *data, unsigned length)
{
    struct png_bytes *const bytes = closure;
    if (length > bytes->room - bytes->size) {
        const size_t room = 2 * (bytes->size + length);
        if (!array_resize(&bytes->data, room, 1))
            return CAIRO_STATUS_NO_MEMORY;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->size, data, length);
    bytes->size += length;
    return CAIRO_STATUS_SUCCESS;
}

clm_status picture_end(struct picture *picture, cairo_status_t drawn, const char *what, const char *path,
                       struct clm_error *error)
{
    struct png_bytes png = {0};
    if (drawn == CAIRO_STATUS_SUCCESS)
        drawn = cairo_status(picture->context);
    if (drawn == CAIRO_STATUS_SUCCESS)
        drawn = cairo_surface_write_to_png_stream(picture->surface, picture_append, &png);
    cairo_destroy(picture->context);
    cairo_surface_destroy(picture->surface);
    const clm_status status = drawn == CAIRO_STATUS_SUCCESS
                                  ? clm_write_file(path, png.data, png.size, error)
                                  : clm_fail(error, CLM_ERROR_MEMORY, "%s could not be drawn: %s", what,
                                             cairo_status_to_string(drawn));
    free(png.data);
    return status;
}
