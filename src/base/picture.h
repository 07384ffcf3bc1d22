/* Pictures with text and lines: a page in points, drawn with cairo, written as PNG. */
#ifndef CLM_BASE_PICTURE_H
#define CLM_BASE_PICTURE_H

#include "base/error.h"

#include <cairo.h>

struct colour {
    double red, green, blue;
};

/* Okabe and Ito's palette: told apart by the colour-blind, too. */
extern const struct colour picture_palette[];
extern const size_t picture_palette_size;
extern const struct colour picture_ink, picture_faint;

struct picture {
    cairo_surface_t *surface;
    cairo_t *context; /* its errors stick; picture_end tells of them */
};

/* A white page of width x height points, in which lengths are points from the upper left corner. */
struct picture picture_begin(double width, double height);

/* Its PNG, which the caller frees; the picture is gone in any case. `drawn` is how drawing went but for the context's own
 * errors; `what` it is goes into a failure's sentence. */
CLM_MUST_CHECK clm_status picture_end(struct picture *picture, cairo_status_t drawn, const char *what,
                                      unsigned char **bytes, size_t *size, struct clm_error *error);
void picture_drop(struct picture *picture);

void set_colour(cairo_t *context, struct colour colour);
double text_width(cairo_t *context, double size, const char *text);
/* Text with the point (x, y) at the share `across` of its width, on its baseline; returns the width. */
double draw_text(cairo_t *context, double x, double y, double across, double size, const char *text);
void draw_line(cairo_t *context, double x0, double y0, double x1, double y1);

#endif
