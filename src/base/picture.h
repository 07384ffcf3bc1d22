/* Charts and sheets of pictures: a page measured in points, drawn with cairo and written as PNG. */
#ifndef CLM_BASE_PICTURE_H
#define CLM_BASE_PICTURE_H

#include "base/error.h"

#include <cairo.h>

struct colour {
    double red, green, blue;
};

/* The palette of Okabe and Ito, whose colours colour-blind readers can tell apart. */
extern const struct colour picture_palette[];
extern const size_t picture_palette_size;
extern const struct colour picture_ink, picture_faint;

struct picture {
    cairo_surface_t *surface;
    cairo_t *context; /* keeps its first error, which picture_end reports */
};

/* A white page of width x height points. Coordinates are points from its upper left corner. */
struct picture picture_begin(double width, double height);

/* Writes the page to `path` as PNG, and drops it, also on failure. `drawn` is the status of drawing, apart
 * from the context's own errors. `what` names the page in the message if it could not be drawn. */
CLM_MUST_CHECK clm_status picture_end(struct picture *picture, cairo_status_t drawn, const char *what,
                                      const char *path, struct clm_error *error);

void set_colour(cairo_t *context, struct colour colour);
double text_width(cairo_t *context, double size, const char *text);
/* Draws text on the baseline at y; x is at the fraction `across` of its width (0 left, 1 right).
 * Returns the width. */
double draw_text(cairo_t *context, double x, double y, double across, double size, const char *text);
/* Draws text from outside, with '?' for what is not UTF-8, in one line of at most `room` points. If the text
 * is wider, its letters get smaller than `size` points, down to `least`; if it is still wider, it is cut and
 * ends with an ellipsis. Fails if there is no memory. */
CLM_MUST_CHECK cairo_status_t draw_fitting(cairo_t *context, double x, double y, double across, double size,
                                           double least, double room, const char *text);
void draw_line(cairo_t *context, double x0, double y0, double x1, double y1);

#endif
