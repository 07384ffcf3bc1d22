/* What a learning-rate range test says: losses are smoothed, a rate is suggested, and both are drawn. */
#include "base/picture.h"
#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the suggestion ---- */

/* The steps on each side of a step that its smoothed loss is a mean of. */
static size_t reach_of(size_t count)
{
    return size_max(1, count / 25);
}

/* A mean of the neighbours that are there, whose weights fall to 0 towards both sides. */
static double smoothed_at(const double *losses, size_t count, size_t i)
{
    const size_t reach = reach_of(count), first = i > reach ? i - reach : 0,
                 end = size_min(count, i + reach + 1);
    double sum = 0, weights = 0;
    for (size_t k = first; k < end; k++) {
        const double weight = 1 - fabs((double)k - (double)i) / (double)(reach + 1);
        sum += weight * losses[k];
        weights += weight;
    }
    return sum / weights;
}

/* Of the smoothed losses, only those count that are lower than all before: noise goes up and down. */
size_t clm_range_suggest(const double *losses, size_t count, double *smoothed)
{
    const size_t reach = reach_of(count);
    size_t steepest = SIZE_MAX;
    double behind = HUGE_VAL, ahead = HUGE_VAL; /* the lowest up to i - reach, and up to i + reach */
    for (size_t i = 0; i < count; i++)
        smoothed[i] = smoothed_at(losses, count, i);
    double fall = count ? 1e-6 * fabs(smoothed[0]) : 0; /* less is rounding */
    for (size_t i = 0; i < reach && i < count; i++)
        ahead = fmin(ahead, smoothed[i]);
    for (size_t i = 0; i + reach < count; i++) {
        ahead = fmin(ahead, smoothed[i + reach]);
        if (i < reach)
            continue;
        behind = fmin(behind, smoothed[i - reach]);
        if (behind - ahead > fall) {
            fall = behind - ahead;
            steepest = i;
        }
    }
    return steepest;
}

/* ---- the picture ---- */

/* All lengths in points. */
#define WIDTH       720.0
#define HEIGHT      400.0
#define LEFT        66.0
#define RIGHT       696.0
#define TOP         66.0
#define FOOT        342.0
#define LABEL_SIZE  11.0
#define TITLE_SIZE  14.0
#define TITLE_LEAST 10.0
#define TICKS       5

struct range_axes {
    cairo_t *context;
    const struct clm_range_curve *curve;
    double from, to;        /* decimal logarithms of the rates at the ends */
    double lowest, highest; /* losses; larger ones are cut off */
};

static double range_x(const struct range_axes *axes, double rate)
{
    return LEFT + (RIGHT - LEFT) * (log10(rate) - axes->from) / (axes->to - axes->from);
}

static double range_y(const struct range_axes *axes, double loss)
{
    return FOOT + (TOP - FOOT) * (fmin(loss, axes->highest) - axes->lowest) / (axes->highest - axes->lowest);
}

/* Losses from 0 to a bit more than the first one, or than larger ones up to one and a half times that. */
static void choose_range_axes(struct range_axes *axes)
{
    const struct clm_range_curve *const curve = axes->curve;
    double most = curve->smoothed[0];
    for (size_t i = 0; i < curve->count; i++)
        most = fmax(most, fmin(curve->smoothed[i], 1.5 * curve->smoothed[0]));
    axes->from = log10(curve->rates[0]);
    axes->to = fmax(log10(curve->rates[curve->count - 1]), axes->from + 0.1);
    axes->lowest = 0;
    axes->highest = most > 0 && isfinite(most) ? 1.1 * most : 1;
}

static void draw_range_axes(const struct range_axes *axes)
{
    cairo_t *const context = axes->context;
    char label[32];
    cairo_set_line_width(context, 0.8);
    for (int i = 0; i <= TICKS; i++) {
        const double loss = axes->highest * i / TICKS;
        snprintf(label, sizeof label, "%.3g", loss);
        set_colour(context, picture_faint);
        draw_line(context, LEFT, range_y(axes, loss), RIGHT, range_y(axes, loss));
        set_colour(context, picture_ink);
        draw_text(context, LEFT - 7, range_y(axes, loss) + 4, 1, LABEL_SIZE, label);
    }
    for (double power = ceil(axes->from - 1e-9); power <= axes->to + 1e-9; power++) {
        const double x = range_x(axes, pow(10, power));
        snprintf(label, sizeof label, "%g", pow(10, power));
        set_colour(context, picture_ink);
        draw_line(context, x, FOOT, x, FOOT + 4);
        draw_text(context, x, FOOT + 17, 0.5, LABEL_SIZE, label);
    }
    draw_line(context, LEFT, FOOT, RIGHT, FOOT);
    draw_text(context, (LEFT + RIGHT) / 2, FOOT + 38, 0.5, LABEL_SIZE + 1, "learning rate");
    draw_text(context, LEFT, TOP - 10, 0, LABEL_SIZE + 1, "loss of the minibatch, and smoothed");
}

static void draw_losses(const struct range_axes *axes, const double *losses, struct colour colour,
                        double width)
{
    cairo_t *const context = axes->context;
    set_colour(context, colour);
    cairo_set_line_width(context, width);
    cairo_new_path(context); /* text leaves a point */
    for (size_t i = 0; i < axes->curve->count; i++)
        cairo_line_to(context, range_x(axes, axes->curve->rates[i]), range_y(axes, losses[i]));
    cairo_stroke(context);
}

static void draw_suggestion(const struct range_axes *axes, double rate)
{
    const double dashes[] = {5, 4}, x = range_x(axes, rate);
    char label[64];
    snprintf(label, sizeof label, "falls fastest at %.3g", rate);
    set_colour(axes->context, picture_palette[1]);
    cairo_set_line_width(axes->context, 1.5);
    cairo_set_dash(axes->context, dashes, 2, 0);
    draw_line(axes->context, x, TOP, x, FOOT);
    cairo_set_dash(axes->context, NULL, 0, 0);
    draw_text(axes->context, x + (x > (LEFT + RIGHT) / 2 ? -6 : 6), FOOT - 8, x > (LEFT + RIGHT) / 2,
              LABEL_SIZE, label);
}

clm_status clm_range_plot(const char *path, const char *title, const struct clm_range_curve *curve,
                          struct clm_error *error)
{
    if (!curve->count)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: no step was made that could be drawn", path);
    struct picture picture = picture_begin(WIDTH, HEIGHT);
    struct range_axes axes = {.context = picture.context, .curve = curve};
    choose_range_axes(&axes);
    set_colour(picture.context, picture_ink);
    const cairo_status_t drawn = draw_fitting(picture.context, WIDTH / 2, 25, 0.5, TITLE_SIZE, TITLE_LEAST,
                                              WIDTH - 40, title ? title : "Learning-rate range test");
    draw_range_axes(&axes);
    draw_losses(&axes, curve->losses, picture_palette[5], 0.8);
    draw_losses(&axes, curve->smoothed, picture_palette[0], 2);
    if (curve->suggested < curve->count)
        draw_suggestion(&axes, curve->rates[curve->suggested]);
    return picture_end(&picture, drawn, "the range test", path, error);
}
