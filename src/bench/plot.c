/* The picture of a benchmark: throughput over batch size, a panel for each net, a curve for each system, and
 * one legend below. Both axes are logarithmic. */
#include "clmlp.h"

#include "base/picture.h"
#include "base/size.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points. */
#define WIDTH_ALONE  760.0 /* of a panel that is alone */
#define WIDTH_BESIDE 560.0 /* of one of two panels side by side */
#define HEIGHT       400.0 /* of a panel */
#define LEFT         70.0  /* margins in a panel */
#define RIGHT        24.0
#define TOP          48.0
#define FOOT         48.0
#define TITLE        34.0 /* heights of parts of the page */
#define LEGEND_TOP   10.0
#define LINE_SPACE   18.0
#define MARGIN       24.0
#define SAMPLE       40.0 /* width of a line in the legend */
#define GAP          30.0 /* between columns of the legend */
#define LABEL_SIZE   11.0
#define LABEL_LEAST  8.0 /* a longer name of the legend is cut */
#define LABEL_SPACE  8.0 /* between two labels of an axis */
#define HEADING_SIZE 12.0
#define TITLE_SIZE   14.0
#define MARK         3.2

/* Decades. */
#define PADDING    0.08 /* between the frame and the points */
#define LEAST_SPAN 0.32 /* of rates: at least one tick is in it */
#define SOME_TICKS 3.0  /* of a wider axis, only powers of ten have ticks */
#define ALL_TICKS  0.7  /* of a narrower one, all digits have */

#define DASHES 4 /* ways to draw a line */

/* Where things are on the page. */
struct plot_layout {
    const struct clm_bench_series *series;
    size_t count;
    const char *panels[CLM_BENCH_PANELS_MAX], *names[CLM_BENCH_NAMES_MAX];
    size_t panel_count, name_count;
    double title, panel_width, width; /* title: the height of its line */
    size_t columns, legend_columns;
};

struct axes {
    cairo_t *context;
    double left, top, right, foot;       /* of the frame, on the page */
    double x_low, x_high, y_low, y_high; /* of the decimal logarithms */
};

/* ---- layout ---- */

/* The index of `text` among the texts, to which it is added if there is room; `most` if there is none. */
static size_t plot_index(const char *text, const char **texts, size_t *count, size_t most)
{
    size_t i = 0;
    while (i < *count && strcmp(texts[i], text))
        i++;
    if (i == *count && i < most)
        texts[(*count)++] = text;
    return i;
}

static clm_status plot_arrange(const char *path, struct plot_layout *out, struct clm_error *error)
{
    size_t points = 0;
    for (size_t s = 0; s < out->count; s++) {
        const struct clm_bench_series *const series = &out->series[s];
        for (size_t i = 0; i < series->count; i++, points++)
            if (!(series->samples_per_s[i] > 0 && isfinite(series->samples_per_s[i])) || !series->batches[i])
                return clm_fail(error, CLM_ERROR_ARGUMENT,
                                "%s: %g samples a second at batch %zu have no place", series->name,
                                series->samples_per_s[i], series->batches[i]);
        if (!series->count)
            continue;
        if (plot_index(series->panel, out->panels, &out->panel_count, CLM_BENCH_PANELS_MAX) ==
            CLM_BENCH_PANELS_MAX)
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "%s: a picture has room for %d nets, not more; draw fewer at once", path,
                            CLM_BENCH_PANELS_MAX);
        if (plot_index(series->name, out->names, &out->name_count, CLM_BENCH_NAMES_MAX) ==
            CLM_BENCH_NAMES_MAX)
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "%s: a picture has room for %d systems, not more; draw fewer at once", path,
                            CLM_BENCH_NAMES_MAX);
    }
    if (!points)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: nothing was measured that could be drawn", path);
    out->columns = size_min(out->panel_count, 2);
    out->panel_width = out->columns == 1 ? WIDTH_ALONE : WIDTH_BESIDE;
    out->width = out->panel_width * (double)out->columns;
    return CLM_OK;
}

static double bottom_of_panels(const struct plot_layout *layout)
{
    return layout->title + HEIGHT * (double)divide_up(layout->panel_count, layout->columns);
}

/* As many columns as the longest name leaves room for. A page is needed only to measure the text. */
static cairo_status_t arrange_legend(struct plot_layout *layout)
{
    const struct picture page = picture_begin(1, 1);
    double widest = 1;
    bool has_memory = true;
    for (size_t n = 0; n < layout->name_count && has_memory; n++) {
        char *const name = utf8_copy(layout->names[n]); /* as draw_fitting draws it */
        has_memory = name != NULL;
        widest = fmax(widest, name ? text_width(page.context, LABEL_SIZE, name) : 0);
        free(name);
    }
    const cairo_status_t measured = has_memory ? cairo_status(page.context) : CAIRO_STATUS_NO_MEMORY;
    cairo_destroy(page.context);
    cairo_surface_destroy(page.surface);
    const double columns = floor((layout->width - 2 * MARGIN + GAP) / (widest + SAMPLE + GAP));
    layout->legend_columns = (size_t)fmin(fmax(columns, 1), (double)layout->name_count);
    return measured;
}

static double plot_height(const struct plot_layout *layout)
{
    return bottom_of_panels(layout) + LEGEND_TOP +
           LINE_SPACE * (double)divide_up(layout->name_count, layout->legend_columns) + MARGIN / 2;
}

/* ---- axes ---- */

static double plot_x_of(const struct axes *axes, double batch)
{
    return axes->left +
           (axes->right - axes->left) * (log10(batch) - axes->x_low) / (axes->x_high - axes->x_low);
}

static double plot_y_of(const struct axes *axes, double rate)
{
    return axes->top + (axes->foot - axes->top) * (axes->y_high - log10(rate)) / (axes->y_high - axes->y_low);
}

static bool is_in_panel(const struct plot_layout *layout, size_t s, size_t panel)
{
    return layout->series[s].count && !strcmp(layout->series[s].panel, layout->panels[panel]);
}

static struct axes axes_of(cairo_t *context, const struct plot_layout *layout, size_t panel)
{
    const double x = layout->panel_width * (double)(panel % layout->columns),
                 y = layout->title + HEIGHT * (double)(panel / layout->columns);
    struct axes axes = {.context = context,
                        .left = x + LEFT,
                        .top = y + TOP,
                        .right = x + layout->panel_width - RIGHT,
                        .foot = y + HEIGHT - FOOT,
                        .x_low = INFINITY,
                        .x_high = -INFINITY,
                        .y_low = INFINITY,
                        .y_high = -INFINITY};
    for (size_t s = 0; s < layout->count; s++)
        for (size_t i = 0; is_in_panel(layout, s, panel) && i < layout->series[s].count; i++) {
            const double batch = log10((double)layout->series[s].batches[i]),
                         rate = log10(layout->series[s].samples_per_s[i]);
            axes.x_low = fmin(axes.x_low, batch);
            axes.x_high = fmax(axes.x_high, batch);
            axes.y_low = fmin(axes.y_low, rate);
            axes.y_high = fmax(axes.y_high, rate);
        }
    const double above = fmax(PADDING, (LEAST_SPAN - (axes.y_high - axes.y_low)) / 2);
    axes.x_low -= PADDING, axes.x_high += PADDING;
    axes.y_low -= above, axes.y_high += above;
    return axes;
}

/* Whether a digit times a power of ten has a tick. */
static bool is_tick(double low, double high, int digit)
{
    const double span = high - low;
    return digit == 1 || span < ALL_TICKS || (span < SOME_TICKS && (digit == 2 || digit == 5));
}

static void label_rate(double rate, char text[32])
{
    if (rate >= 1e6)
        snprintf(text, 32, "%g M", rate / 1e6);
    else if (rate >= 1e3)
        snprintf(text, 32, "%g k", rate / 1e3);
    else
        snprintf(text, 32, "%g", rate);
}

static void draw_rate_ticks(const struct axes *axes)
{
    for (int power = (int)floor(axes->y_low); power <= (int)ceil(axes->y_high); power++)
        for (int digit = 1; digit < 10; digit++) {
            const double value = digit * pow(10, power), at = log10(value), y = plot_y_of(axes, value);
            char label[32];
            if (at < axes->y_low || at > axes->y_high || !is_tick(axes->y_low, axes->y_high, digit))
                continue;
            set_colour(axes->context, picture_faint);
            draw_line(axes->context, axes->left, y, axes->right, y);
            label_rate(value, label);
            set_colour(axes->context, picture_ink);
            draw_text(axes->context, axes->left - 8, y + 4, 1, LABEL_SIZE, label);
        }
}

/* The smallest batch of the panel that is above `before`; 0 if there is none. */
static size_t next_batch(const struct plot_layout *layout, size_t panel, size_t before)
{
    size_t next = 0;
    for (size_t s = 0; s < layout->count; s++)
        for (size_t i = 0; is_in_panel(layout, s, panel) && i < layout->series[s].count; i++) {
            const size_t batch = layout->series[s].batches[i];
            if (batch > before && (!next || batch < next))
                next = batch;
        }
    return next;
}

/* A line at each batch that was measured, and its number where there is room. */
static void draw_batch_ticks(const struct axes *axes, const struct plot_layout *layout, size_t panel)
{
    double free_from = axes->left - LEFT / 2;
    for (size_t batch = 0; (batch = next_batch(layout, panel, batch));) {
        const double x = plot_x_of(axes, (double)batch);
        char label[32];
        set_colour(axes->context, picture_faint);
        draw_line(axes->context, x, axes->top, x, axes->foot);
        snprintf(label, sizeof label, "%zu", batch);
        const double half = text_width(axes->context, LABEL_SIZE, label) / 2;
        if (x - half < free_from)
            continue;
        free_from = x + half + LABEL_SPACE;
        set_colour(axes->context, picture_ink);
        draw_text(axes->context, x, axes->foot + 16, 0.5, LABEL_SIZE, label);
    }
}

/* ---- curves ---- */

/* Each name has a colour; after the last colour they begin again with other dashes and marks. */
static void set_style(cairo_t *context, size_t name)
{
    static const double dashes[DASHES][4] = {{1, 0}, {7, 4}, {2, 3}, {8, 3, 2, 3}};
    static const int lengths[DASHES] = {0, 2, 2, 4};
    const size_t dash = name / picture_palette_size % DASHES;
    set_colour(context, picture_palette[name % picture_palette_size]);
    cairo_set_line_width(context, 1.8);
    cairo_set_dash(context, dashes[dash], lengths[dash], 0);
}

/* A disc, a square, a triangle, or one that stands on its tip. */
static void draw_mark(cairo_t *context, size_t name, double x, double y)
{
    const size_t shape = (name / picture_palette_size + name) % 4;
    const double tip = shape == 2 ? -1.3 * MARK : 1.3 * MARK;
    cairo_new_path(context); /* text leaves a current point */
    if (shape == 0) {
        cairo_arc(context, x, y, MARK, 0, 7); /* 7 is more than 2 π: a full circle */
    } else if (shape == 1) {
        cairo_rectangle(context, x - 0.9 * MARK, y - 0.9 * MARK, 1.8 * MARK, 1.8 * MARK);
    } else {
        cairo_move_to(context, x, y + tip);
        cairo_line_to(context, x - 1.2 * MARK, y - 0.8 * tip);
        cairo_line_to(context, x + 1.2 * MARK, y - 0.8 * tip);
    }
    cairo_fill(context);
}

static void plot_draw_series(const struct axes *axes, const struct clm_bench_series *series, size_t name)
{
    cairo_new_path(axes->context);
    set_style(axes->context, name);
    for (size_t i = 0; i < series->count; i++)
        cairo_line_to(axes->context, plot_x_of(axes, (double)series->batches[i]),
                      plot_y_of(axes, series->samples_per_s[i]));
    cairo_stroke(axes->context);
    for (size_t i = 0; i < series->count; i++)
        draw_mark(axes->context, name, plot_x_of(axes, (double)series->batches[i]),
                  plot_y_of(axes, series->samples_per_s[i]));
    cairo_set_dash(axes->context, NULL, 0, 0);
}

static cairo_status_t draw_net(cairo_t *context, struct plot_layout *layout, size_t panel)
{
    const struct axes axes = axes_of(context, layout, panel);
    const double middle = (axes.left + axes.right) / 2, centre = axes.left - LEFT + layout->panel_width / 2;
    cairo_set_line_width(context, 1);
    draw_batch_ticks(&axes, layout, panel);
    draw_rate_ticks(&axes);
    set_colour(context, picture_ink);
    draw_text(context, middle, axes.foot + 34, 0.5, LABEL_SIZE, "batch");
    draw_text(context, axes.left - LEFT + 8, axes.top - 10, 0, LABEL_SIZE, "samples / s");
    const cairo_status_t drawn = draw_fitting(context, centre, axes.top - 26, 0.5, HEADING_SIZE, LABEL_LEAST,
                                              layout->panel_width - 2 * MARGIN, layout->panels[panel]);
    for (size_t s = 0; s < layout->count; s++)
        if (is_in_panel(layout, s, panel))
            plot_draw_series(
                &axes, &layout->series[s],
                plot_index(layout->series[s].name, layout->names, &layout->name_count, layout->name_count));
    return drawn;
}

/* Below the panels, where no curve is. */
static cairo_status_t plot_draw_legend(cairo_t *context, const struct plot_layout *layout)
{
    const size_t lines = divide_up(layout->name_count, layout->legend_columns);
    const double column = (layout->width - 2 * MARGIN + GAP) / (double)layout->legend_columns;
    cairo_status_t drawn = CAIRO_STATUS_SUCCESS;
    for (size_t n = 0; n < layout->name_count && drawn == CAIRO_STATUS_SUCCESS; n++) {
        const double x = MARGIN + column * (double)(n / lines),
                     y = bottom_of_panels(layout) + LEGEND_TOP + LINE_SPACE * ((double)(n % lines) + 0.5);
        set_style(context, n);
        draw_line(context, x, y, x + SAMPLE - 10, y);
        draw_mark(context, n, x + (SAMPLE - 10) / 2, y);
        cairo_set_dash(context, NULL, 0, 0);
        set_colour(context, picture_ink);
        drawn = draw_fitting(context, x + SAMPLE, y + 4, 0, LABEL_SIZE, LABEL_LEAST, column - GAP - SAMPLE,
                             layout->names[n]);
    }
    return drawn;
}

clm_status clm_bench_plot(const char *path, const char *title, const struct clm_bench_series *series,
                          size_t count, struct clm_error *error)
{
    struct plot_layout layout = {.series = series, .count = count, .title = title && *title ? TITLE : 0};
    clm_status status = check_given(path, "path for the picture", error);
    if (status != CLM_OK || (status = plot_arrange(path, &layout, error)))
        return status;
    cairo_status_t drawn = arrange_legend(&layout);
    struct picture picture = picture_begin(layout.width, plot_height(&layout));
    set_colour(picture.context, picture_ink);
    if (layout.title > 0 && drawn == CAIRO_STATUS_SUCCESS)
        drawn = draw_fitting(picture.context, layout.width / 2, 24, 0.5, TITLE_SIZE, LABEL_LEAST,
                             layout.width - 2 * MARGIN, title);
    for (size_t p = 0; p < layout.panel_count && drawn == CAIRO_STATUS_SUCCESS; p++)
        drawn = draw_net(picture.context, &layout, p);
    if (drawn == CAIRO_STATUS_SUCCESS)
        drawn = plot_draw_legend(picture.context, &layout);
    return picture_end(&picture, drawn, "the benchmark", path, error);
}
