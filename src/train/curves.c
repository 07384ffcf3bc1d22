#include "train/curves.h"

#include "base/picture.h"

#include <math.h>
#include <stdio.h>

/* All lengths in points. */
#define WIDTH        920.0
#define HEIGHT       370.0
#define MARGIN_LEFT  58.0 /* at least; more if the labels need it */
#define MARGIN_RIGHT 20.0
#define MARGIN_TOP   62.0
#define MARGIN_FOOT  48.0
#define TICKS_WANTED 5
#define DOTS_MOST    40    /* with more epochs, only lines */
#define DRAWN_MOST   1e300 /* the axis could not hold more; larger values are left out, like NaN */
#define LABEL_SIZE   11.0
#define LABEL_SPACE  12.0 /* left of the labels */
#define TITLE_SIZE   14.0
#define TITLE_LEAST  10.0

#define training_colour   picture_palette[0]
#define validation_colour picture_palette[1]
#define test_colour       picture_palette[2]

/* A panel shows one figure of each epoch. */
enum figure { FIGURE_LOSS, FIGURE_ACCURACY, FIGURE_RMSE };

struct panel {
    cairo_t *context;
    enum figure figure;
    const struct clm_epoch *epochs;
    size_t count;
    const struct clm_score *test;    /* or NULL */
    double left, top, width, height; /* of the plotted area */
    double lowest, highest, step;    /* ends of the vertical axis, and the distance of its ticks */
};

/* As measured after the epoch, if it was, like that of validation rows; else the mean while training, which
 * has no RMSE. */
static double training_value(const struct clm_epoch *epoch, enum figure figure)
{
    if (figure == FIGURE_RMSE)
        return epoch->has_train_score ? epoch->train_score_rmse : NAN;
    if (epoch->has_train_score)
        return figure == FIGURE_LOSS ? epoch->train_score_loss : epoch->train_score_accuracy;
    return figure == FIGURE_LOSS ? epoch->train_loss : epoch->train_accuracy;
}

static double validation_value(const struct clm_epoch *epoch, enum figure figure)
{
    if (!epoch->has_validation)
        return NAN;
    return figure == FIGURE_LOSS   ? epoch->validation_loss
           : figure == FIGURE_RMSE ? epoch->validation_rmse
                                   : epoch->validation_accuracy;
}

static double test_value(const struct panel *panel)
{
    if (!panel->test)
        return NAN;
    return panel->figure == FIGURE_LOSS   ? panel->test->loss
           : panel->figure == FIGURE_RMSE ? panel->test->rmse
                                          : panel->test->accuracy;
}

/* ---- scales ---- */

static bool is_drawn(double value)
{
    return fabs(value) <= DRAWN_MOST;
}

/* 1, 2 or 5 times a power of ten: the smallest step with at most `ticks` steps over `range`. */
static double tick_step(double range, int ticks)
{
    const double rough = range / ticks, power = pow(10, floor(log10(rough)));
    const double lead = rough / power;
    return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

static void widen(double value, double *lowest, double *highest)
{
    if (!is_drawn(value))
        return;
    *lowest = fmin(*lowest, value);
    *highest = fmax(*highest, value);
}

/* The vertical axis goes from tick to tick, around all values. */
static void choose_range(struct panel *panel)
{
    double lowest = INFINITY, highest = -INFINITY;
    for (size_t e = 0; e < panel->count; e++) {
        widen(training_value(&panel->epochs[e], panel->figure), &lowest, &highest);
        widen(validation_value(&panel->epochs[e], panel->figure), &lowest, &highest);
    }
    widen(test_value(panel), &lowest, &highest);
    if (!(lowest <= highest))
        lowest = 0, highest = 1;
    if (highest - lowest < 1e-6 * fmax(1, fabs(highest)))
        lowest -= 0.05 * fmax(1, fabs(highest)), highest += 0.05 * fmax(1, fabs(highest));
    if (panel->figure == FIGURE_ACCURACY)
        highest = fmin(highest, 1);
    lowest = fmax(lowest, 0); /* no figure can be negative */
    panel->step = tick_step(highest - lowest, TICKS_WANTED);
    panel->lowest = floor(lowest / panel->step) * panel->step;
    panel->highest = ceil(highest / panel->step) * panel->step;
    if (panel->figure == FIGURE_ACCURACY)
        panel->highest = fmin(panel->highest, 1);
}

static double curves_x_of(const struct panel *panel, double epoch)
{
    const double last = panel->count > 1 ? (double)panel->count - 1 : 1;
    const double at = panel->count > 1 ? (epoch - 1) / last : 0.5;
    return panel->left + panel->width * (0.02 + 0.96 * at);
}

static double curves_y_of(const struct panel *panel, double value)
{
    return panel->top + panel->height * (panel->highest - value) / (panel->highest - panel->lowest);
}

/* ---- drawing ---- */

static int count_ticks(const struct panel *panel)
{
    return 1 + (int)floor((panel->highest - panel->lowest) / panel->step + 1e-9);
}

static double tick_value(const struct panel *panel, int tick)
{
    return panel->lowest + tick * panel->step;
}

/* Has enough decimals to tell neighbouring ticks apart. */
static void label_tick(const struct panel *panel, int tick, char label[64])
{
    const bool is_share = panel->figure == FIGURE_ACCURACY;
    const double value = tick_value(panel, tick) * (is_share ? 100 : 1),
                 step = panel->step * (is_share ? 100 : 1);
    const int decimals = (int)fmax(0, fmin(9, ceil(-log10(step) - 1e-9)));
    if (fabs(panel->highest) >= 1e6)
        snprintf(label, 64, "%.7g", value);
    else
        snprintf(label, 64, is_share ? "%.*f %%" : "%.*f", decimals, value);
}

/* Moves the plotted area's left edge to make room for the vertical axis's labels. */
static void curves_make_room(struct panel *panel)
{
    double widest = 0;
    for (int i = 0; i < count_ticks(panel); i++) {
        char label[64];
        label_tick(panel, i, label);
        widest = fmax(widest, text_width(panel->context, LABEL_SIZE, label));
    }
    const double more = fmax(0, widest + 7 + LABEL_SPACE - MARGIN_LEFT);
    panel->left += more;
    panel->width -= more;
}

static void draw_vertical_axis(const struct panel *panel)
{
    cairo_t *const context = panel->context;
    cairo_set_line_width(context, 0.8);
    for (int i = 0; i < count_ticks(panel); i++) {
        const double y = curves_y_of(panel, tick_value(panel, i));
        char label[64];
        label_tick(panel, i, label);
        set_colour(context, picture_faint);
        draw_line(context, panel->left, y, panel->left + panel->width, y);
        set_colour(context, picture_ink);
        draw_text(context, panel->left - 7, y + 4, 1, LABEL_SIZE, label);
    }
}

static void draw_horizontal_axis(const struct panel *panel)
{
    cairo_t *const context = panel->context;
    const double foot = panel->top + panel->height;
    const size_t step = panel->count > 10 ? (size_t)fmax(1, tick_step((double)panel->count, 10)) : 1;
    set_colour(context, picture_ink);
    cairo_set_line_width(context, 1);
    draw_line(context, panel->left, foot, panel->left + panel->width, foot);
    for (size_t e = step; e <= panel->count; e += step) {
        char label[32];
        snprintf(label, sizeof label, "%zu", e);
        draw_line(context, curves_x_of(panel, (double)e), foot, curves_x_of(panel, (double)e), foot + 4);
        draw_text(context, curves_x_of(panel, (double)e), foot + 17, 0.5, 11, label);
    }
    draw_text(context, panel->left + panel->width / 2, foot + 36, 0.5, 12, "epoch");
}

/* A line through the epochs' values; it breaks at values that are not finite. */
static void curves_draw_series(const struct panel *panel, struct colour colour,
                               double (*value_of)(const struct clm_epoch *epoch, enum figure figure))
{
    cairo_t *const context = panel->context;
    set_colour(context, colour);
    cairo_set_line_width(context, 2);
    cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(context, CAIRO_LINE_CAP_ROUND);
    bool is_drawing = false;
    for (size_t e = 0; e < panel->count; e++) {
        const double value = value_of(&panel->epochs[e], panel->figure);
        const double x = curves_x_of(panel, (double)e + 1), y = curves_y_of(panel, value);
        if (is_drawn(value) && !is_drawing)
            cairo_move_to(context, x, y);
        if (is_drawn(value))
            cairo_line_to(context, x, y); /* round ends show a value between two gaps as a dot */
        is_drawing = is_drawn(value);
    }
    cairo_stroke(context);
    cairo_set_line_cap(context, CAIRO_LINE_CAP_BUTT);
    for (size_t e = 0; panel->count <= DOTS_MOST && e < panel->count; e++) {
        const double value = value_of(&panel->epochs[e], panel->figure);
        if (!is_drawn(value))
            continue;
        cairo_arc(context, curves_x_of(panel, (double)e + 1), curves_y_of(panel, value), 3, 0,
                  2 * 3.14159265358979);
        cairo_fill(context);
    }
}

static void draw_test(const struct panel *panel)
{
    const double value = test_value(panel), dashes[] = {5, 4};
    if (!is_drawn(value))
        return;
    set_colour(panel->context, test_colour);
    cairo_set_line_width(panel->context, 1.5);
    cairo_set_dash(panel->context, dashes, 2, 0);
    draw_line(panel->context, panel->left, curves_y_of(panel, value), panel->left + panel->width,
              curves_y_of(panel, value));
    cairo_set_dash(panel->context, NULL, 0, 0);
}

/* One entry of the legend; returns where the next begins. */
static double draw_entry(cairo_t *context, double x, double y, struct colour colour, bool is_dashed,
                         const char *name)
{
    const double dashes[] = {5, 4};
    set_colour(context, colour);
    cairo_set_line_width(context, is_dashed ? 1.5 : 2);
    if (is_dashed)
        cairo_set_dash(context, dashes, 2, 0);
    draw_line(context, x, y - 4, x + 22, y - 4);
    cairo_set_dash(context, NULL, 0, 0);
    set_colour(context, picture_ink);
    return x + 28 + draw_text(context, x + 28, y, 0, 12, name) + 16;
}

/* Draws the figure's name, the series and the test score above the plotted area. */
static void curves_draw_legend(const struct panel *panel)
{
    cairo_t *const context = panel->context;
    static const char *const names[] = {
        [FIGURE_LOSS] = "Loss", [FIGURE_ACCURACY] = "Accuracy", [FIGURE_RMSE] = "RMSE"};
    const bool is_share = panel->figure == FIGURE_ACCURACY,
               has_validation = panel->count && panel->epochs[0].has_validation,
               has_training = panel->count && is_drawn(training_value(panel->epochs, panel->figure));
    const double y = panel->top - 14, shown = (is_share ? 100 : 1) * test_value(panel);
    set_colour(context, picture_ink);
    cairo_select_font_face(context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    double x = panel->left + draw_text(context, panel->left, y, 0, 12.5, names[panel->figure]) + 18;
    cairo_select_font_face(context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    if (has_training || panel->figure != FIGURE_RMSE)
        x = draw_entry(context, x, y, training_colour, false,
                       panel->count && panel->epochs[0].has_train_score ? "training, measured" : "training");
    if (has_validation)
        x = draw_entry(context, x, y, validation_colour, false, "validation");
    if (is_drawn(shown)) {
        char name[64];
        snprintf(name, sizeof name,
                 is_share       ? "test %.2f %%"
                 : shown < 1000 ? "test %.3f"
                                : "test %.3g",
                 shown);
        draw_entry(context, x, y, test_colour, true, name);
    }
}

static void draw_panel(cairo_t *context, enum figure figure, const struct clm_epoch *epochs, size_t count,
                       const struct clm_score *test)
{
    struct panel panel = {.context = context,
                          .figure = figure,
                          .epochs = epochs,
                          .count = count,
                          .test = test,
                          .left = (figure == FIGURE_LOSS ? 0 : WIDTH / 2) + MARGIN_LEFT,
                          .top = MARGIN_TOP,
                          .width = WIDTH / 2 - MARGIN_LEFT - MARGIN_RIGHT,
                          .height = HEIGHT - MARGIN_TOP - MARGIN_FOOT};
    choose_range(&panel);
    curves_make_room(&panel);
    draw_vertical_axis(&panel);
    draw_horizontal_axis(&panel);
    draw_test(&panel);
    curves_draw_series(&panel, training_colour, training_value);
    curves_draw_series(&panel, validation_colour, validation_value);
    curves_draw_legend(&panel);
}

clm_status curves_draw(const struct clm_epoch *epochs, size_t count, const struct clm_score *test,
                       bool is_regression, const char *title, const char *path, struct clm_error *error)
{
    struct picture picture = picture_begin(WIDTH, HEIGHT);
    char what[64];
    set_colour(picture.context, picture_ink);
    const cairo_status_t drawn = draw_fitting(picture.context, WIDTH / 2, 25, 0.5, TITLE_SIZE, TITLE_LEAST,
                                              WIDTH - 2 * MARGIN_RIGHT, title);
    draw_panel(picture.context, FIGURE_LOSS, epochs, count, test);
    draw_panel(picture.context, is_regression ? FIGURE_RMSE : FIGURE_ACCURACY, epochs, count, test);
    snprintf(what, sizeof what, "the picture of %zu epochs", count);
    return picture_end(&picture, drawn, what, path, error);
}
