/* The reliability diagram: in what share of rows a net is right, over how sure it is. */
#include "base/picture.h"

#include <math.h>
#include <stdio.h>

/* All lengths in points. */
#define WIDTH       470.0
#define HEIGHT      626.0
#define LEFT        66.0 /* the plotted areas */
#define RIGHT       446.0
#define TOP         82.0 /* of the diagram */
#define FOOT        462.0
#define ROWS_TOP    482.0 /* of the rows of each bin */
#define ROWS_FOOT   572.0
#define TICKS       5
#define LABEL_SIZE  11.0
#define TITLE_SIZE  14.0
#define TITLE_LEAST 10.0
#define DOT         3.2

#define bar_colour picture_palette[5]
#define dot_colour picture_palette[0]
#define row_colour picture_palette[6]

/* Both axes go from 0 to 1. */
static double reliability_x(double share)
{
    return LEFT + (RIGHT - LEFT) * share;
}

static double reliability_y(double share)
{
    return FOOT + (TOP - FOOT) * share;
}

static void draw_bin_bar(cairo_t *context, size_t bin, double foot, double height)
{
    const double left = reliability_x((double)bin / CLM_CALIBRATION_BINS),
                 right = reliability_x((double)(bin + 1) / CLM_CALIBRATION_BINS);
    cairo_rectangle(context, left + 1, foot - height, right - left - 2, height);
    cairo_fill(context);
}

static void draw_axes(cairo_t *context)
{
    char label[16];
    cairo_set_line_width(context, 0.8);
    for (int i = 0; i <= TICKS; i++) {
        const double share = (double)i / TICKS;
        snprintf(label, sizeof label, "%.0f %%", 100 * share);
        set_colour(context, picture_faint);
        draw_line(context, LEFT, reliability_y(share), RIGHT, reliability_y(share));
        set_colour(context, picture_ink);
        draw_text(context, LEFT - 7, reliability_y(share) + 4, 1, LABEL_SIZE, label);
        draw_line(context, reliability_x(share), ROWS_FOOT, reliability_x(share), ROWS_FOOT + 4);
        draw_text(context, reliability_x(share), ROWS_FOOT + 17, 0.5, LABEL_SIZE, label);
    }
    draw_text(context, (LEFT + RIGHT) / 2, ROWS_FOOT + 36, 0.5, LABEL_SIZE + 1,
              "confidence: the largest probability of a row");
    draw_text(context, LEFT, TOP - 10, 0, LABEL_SIZE + 1, "share of rows that are right");
    draw_text(context, LEFT + 4, ROWS_TOP + 10, 0, LABEL_SIZE, "rows");
    draw_line(context, LEFT, FOOT, RIGHT, FOOT);
    draw_line(context, LEFT, ROWS_FOOT, RIGHT, ROWS_FOOT);
}

/* A bar for each bin from its share of correct rows down, and a dot at its mean confidence; the dots of a
 * calibrated net are on the dashed line. */
static void draw_shares(cairo_t *context, const struct clm_measures *measures)
{
    const double dashes[] = {5, 4};
    set_colour(context, bar_colour);
    for (size_t b = 0; b < CLM_CALIBRATION_BINS; b++) {
        const struct clm_calibration_bin *const bin = &measures->bins[b];
        if (bin->rows)
            draw_bin_bar(context, b, FOOT, (FOOT - TOP) * (double)bin->correct / (double)bin->rows);
    }
    set_colour(context, picture_ink);
    cairo_set_dash(context, dashes, 2, 0);
    draw_line(context, LEFT, FOOT, RIGHT, TOP);
    cairo_set_dash(context, NULL, 0, 0);
    set_colour(context, dot_colour);
    for (size_t b = 0; b < CLM_CALIBRATION_BINS; b++) {
        const struct clm_calibration_bin *const bin = &measures->bins[b];
        if (!bin->rows)
            continue;
        cairo_arc(context, reliability_x(fmin(bin->confidence, 1)),
                  reliability_y((double)bin->correct / (double)bin->rows), DOT, 0, 2 * 3.14159265358979);
        cairo_fill(context);
    }
}

/* How many rows each bin has; the bin with most fills the height. */
static void draw_bin_rows(cairo_t *context, const struct clm_measures *measures)
{
    double most = 1;
    for (size_t b = 0; b < CLM_CALIBRATION_BINS; b++)
        most = fmax(most, (double)measures->bins[b].rows);
    set_colour(context, row_colour);
    for (size_t b = 0; b < CLM_CALIBRATION_BINS; b++)
        draw_bin_bar(context, b, ROWS_FOOT, (ROWS_FOOT - ROWS_TOP) * (double)measures->bins[b].rows / most);
}

clm_status clm_reliability_plot(const char *path, const char *title, const struct clm_measures *measures,
                                struct clm_error *error)
{
    struct picture picture = picture_begin(WIDTH, HEIGHT);
    cairo_t *const context = picture.context;
    char figures[128];
    snprintf(figures, sizeof figures, "%.2f %% right, mean confidence %.2f %%, calibration error %.2f %%",
             100 * measures->accuracy, 100 * measures->mean_confidence, 100 * measures->calibration_error);
    set_colour(context, picture_ink);
    const cairo_status_t drawn = draw_fitting(context, WIDTH / 2, 22, 0.5, TITLE_SIZE, TITLE_LEAST,
                                              WIDTH - 40, title ? title : "Reliability");
    draw_text(context, WIDTH / 2, 40, 0.5, LABEL_SIZE, figures);
    draw_axes(context);
    draw_shares(context, measures);
    draw_bin_rows(context, measures);
    return picture_end(&picture, drawn, "the reliability diagram", path, error);
}
