/* The picture of a benchmark: throughput over batch size, one curve per system, both axes logarithmic. */
#include "clmlp.h"

#include "base/picture.h"

#include <math.h>
#include <stdio.h>

/* Points. */
#define WIDTH      760.0
#define HEIGHT     430.0
#define LEFT       70.0
#define RIGHT      24.0
#define TOP        44.0
#define FOOT       48.0
#define LABEL_SIZE 11.0
#define TITLE_SIZE 14.0
#define LINE_SPACE 17.0

struct axes {
    cairo_t *context;
    double x_low, x_high, y_low, y_high; /* of the decimal logarithms */
};

static double plot_x_of(const struct axes *axes, double batch)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (log10(batch) - axes->x_low) / (axes->x_high - axes->x_low);
}

static double plot_y_of(const struct axes *axes, double rate)
{
    return TOP + (HEIGHT - TOP - FOOT) * (axes->y_high - log10(rate)) / (axes->y_high - axes->y_low);
}

static struct axes axes_around(cairo_t *context, const struct clm_bench_series *series, size_t count)
{
    struct axes axes = {context, INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < series[s].count; i++) {
            axes.x_low = fmin(axes.x_low, log10((double)series[s].batches[i]));
            axes.x_high = fmax(axes.x_high, log10((double)series[s].batches[i]));
            axes.y_low = fmin(axes.y_low, log10(series[s].samples_per_s[i]));
            axes.y_high = fmax(axes.y_high, log10(series[s].samples_per_s[i]));
        }
    axes.x_low -= 0.08, axes.x_high += 0.08;
    axes.y_low -= 0.08, axes.y_high += 0.12;
    return axes;
}

/* 1, 2 and 5 times each power of ten; only the powers if that would be many. */
static bool is_tick(double low, double high, int digit)
{
    return digit == 1 || (high - low < 3 && (digit == 2 || digit == 5));
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

static void draw_tick(const struct axes *axes, double value, bool is_batch)
{
    char label[32];
    set_colour(axes->context, picture_faint);
    if (is_batch) {
        const double x = plot_x_of(axes, value);
        draw_line(axes->context, x, TOP, x, HEIGHT - FOOT);
        snprintf(label, sizeof label, "%g", value);
        set_colour(axes->context, picture_ink);
        draw_text(axes->context, x, HEIGHT - FOOT + 16, 0.5, LABEL_SIZE, label);
    } else {
        const double y = plot_y_of(axes, value);
        draw_line(axes->context, LEFT, y, WIDTH - RIGHT, y);
        label_rate(value, label);
        set_colour(axes->context, picture_ink);
        draw_text(axes->context, LEFT - 8, y + 4, 1, LABEL_SIZE, label);
    }
}

static void draw_ticks(const struct axes *axes, bool is_batch)
{
    const double low = is_batch ? axes->x_low : axes->y_low, high = is_batch ? axes->x_high : axes->y_high;
    for (int power = (int)floor(low); power <= (int)ceil(high); power++)
        for (int digit = 1; digit < 10; digit++) {
            const double value = digit * pow(10, power), at = log10(value);
            if (at >= low && at <= high && is_tick(low, high, digit))
                draw_tick(axes, value, is_batch);
        }
}

static void plot_draw_series(const struct axes *axes, const struct clm_bench_series *series)
{
    cairo_new_path(axes->context); /* text leaves a current point */
    cairo_set_line_width(axes->context, 1.8);
    for (size_t i = 0; i < series->count; i++)
        cairo_line_to(axes->context, plot_x_of(axes, (double)series->batches[i]),
                      plot_y_of(axes, series->samples_per_s[i]));
    cairo_stroke(axes->context);
    for (size_t i = 0; i < series->count; i++) {
        cairo_arc(axes->context, plot_x_of(axes, (double)series->batches[i]),
                  plot_y_of(axes, series->samples_per_s[i]), 3, 0, 7); /* 7 is more than 2 π: a full circle */
        cairo_fill(axes->context);
    }
}

/* In the upper left corner, because curves rise. */
static void plot_draw_legend(cairo_t *context, const struct clm_bench_series *series, size_t count)
{
    double widest = 0;
    for (size_t s = 0; s < count; s++)
        widest = fmax(widest, text_width(context, LABEL_SIZE, series[s].name));
    const double left = LEFT + 18, top = TOP + 10;
    cairo_set_source_rgba(context, 1, 1, 1, 0.85);
    cairo_rectangle(context, left - 8, top - 4, widest + 46, LINE_SPACE * (double)count + 8);
    cairo_fill(context);
    for (size_t s = 0; s < count; s++) {
        const double y = top + LINE_SPACE * ((double)s + 0.6);
        set_colour(context, picture_palette[s % picture_palette_size]);
        cairo_set_line_width(context, 1.8);
        draw_line(context, left, y, left + 22, y);
        set_colour(context, picture_ink);
        draw_text(context, left + 30, y + 4, 0, LABEL_SIZE, series[s].name);
    }
}

clm_status clm_bench_plot(const char *path, const char *title, const struct clm_bench_series *series,
                          size_t count, struct clm_error *error)
{
    size_t points = 0;
    const clm_status given = check_given(path, "path for the picture", error);
    if (given != CLM_OK)
        return given;
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < series[s].count; i++, points++)
            if (!(series[s].samples_per_s[i] > 0 && isfinite(series[s].samples_per_s[i])) ||
                !series[s].batches[i])
                return clm_fail(error, CLM_ERROR_ARGUMENT,
                                "%s: %g samples a second at batch %zu have no place", series[s].name,
                                series[s].samples_per_s[i], series[s].batches[i]);
    if (!points)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: nothing was measured that could be drawn", path);
    struct picture picture = picture_begin(WIDTH, HEIGHT);
    const struct axes axes = axes_around(picture.context, series, count);
    cairo_set_line_width(picture.context, 1);
    draw_ticks(&axes, true);
    draw_ticks(&axes, false);
    set_colour(picture.context, picture_ink);
    draw_text(picture.context, WIDTH / 2, 24, 0.5, TITLE_SIZE, title ? title : "");
    draw_text(picture.context, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 0.5, LABEL_SIZE, "batch");
    draw_text(picture.context, 8, TOP - 12, 0, LABEL_SIZE, "samples / s");
    for (size_t s = 0; s < count; s++) {
        set_colour(picture.context, picture_palette[s % picture_palette_size]);
        plot_draw_series(&axes, &series[s]);
    }
    plot_draw_legend(picture.context, series, count);
    return picture_end(&picture, CAIRO_STATUS_SUCCESS, "the benchmark", path, error);
}
