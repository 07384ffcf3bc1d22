#include "cli/progress.h"

#include "cli/command.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- a line that fits ---- */

enum { TEXT_MOST = 48, BAR_LEAST = 8, BAR_MOST = 30, COLUMNS_USUAL = 80, COLUMNS_MOST = 250 };

/* The parts of the line, from left to right; the bar stands after PART_EPOCH. */
enum line_part {
    PART_NET,
    PART_EPOCH,
    PART_SHARE,
    PART_LOSS,
    PART_ACCURACY,
    PART_SPEED,
    PART_LEFT,
    PART_COUNT
};

/* Which part is left out first where the terminal is narrow; the others stay. */
static const enum line_part spare[] = {PART_SPEED, PART_ACCURACY, PART_LEFT, PART_NET, PART_LOSS};

struct progress_line {
    char parts[PART_COUNT][TEXT_MOST]; /* "" is left out */
};

/* "0:07", "12:30", "3:05:00" */
static void print_left(char *out, double seconds)
{
    const double hours = floor(seconds / 3600), minutes = floor(fmod(seconds, 3600) / 60),
                 rest = floor(fmod(seconds, 60));
    if (hours > 0)
        snprintf(out, TEXT_MOST, "  %.0f:%02.0f:%02.0f left", hours, minutes, rest);
    else
        snprintf(out, TEXT_MOST, "  %.0f:%02.0f left", minutes, rest);
}

static struct progress_line progress_line_of(const struct clm_progress *p)
{
    struct progress_line line = {0};
    const size_t left = p->rows_all - p->rows + (p->epochs - p->epoch) * p->rows_all;
    if (p->nets > 1)
        snprintf(line.parts[PART_NET], TEXT_MOST, "net %zu/%zu  ", p->net, p->nets);
    snprintf(line.parts[PART_EPOCH], TEXT_MOST, "epoch %zu/%zu ", p->epoch, p->epochs);
    snprintf(line.parts[PART_SHARE], TEXT_MOST, "%3.0f %%", 100.0 * (double)p->rows / (double)p->rows_all);
    snprintf(line.parts[PART_LOSS], TEXT_MOST, "  loss %.4f", p->loss);
    if (!isnan(p->accuracy))
        snprintf(line.parts[PART_ACCURACY], TEXT_MOST, "  acc %.2f %%", 100 * p->accuracy);
    if (p->samples_per_s > 0) {
        snprintf(line.parts[PART_SPEED], TEXT_MOST, "  %.0f samples/s", p->samples_per_s);
        print_left(line.parts[PART_LEFT], (double)left / p->samples_per_s);
    }
    return line;
}

static size_t line_length(const struct progress_line *line)
{
    size_t length = 0;
    for (size_t p = 0; p < PART_COUNT; p++)
        length += strlen(line->parts[p]);
    return length;
}

/* "[=====>....] ", of `width` columns without brackets and blank. */
static void print_bar(size_t width, double share)
{
    const size_t done = (size_t)(share * (double)width);
    char bar[BAR_MOST + 1];
    for (size_t i = 0; i < width; i++)
        bar[i] = i < done ? '=' : i == done ? '>' : '.';
    bar[width] = '\0';
    fprintf(stderr, "[%s] ", bar);
}

/* The columns that a line may have, so that the cursor stays in it. */
static size_t terminal_columns(void)
{
    struct winsize size = {0};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
        return COLUMNS_USUAL - 1;
    return size.ws_col < COLUMNS_MOST ? (size_t)size.ws_col - 1 : COLUMNS_MOST;
}

void progress_show(void *user, const struct clm_progress *progress)
{
    enum { AROUND_BAR = 3 };
    const size_t columns = terminal_columns();
    struct progress_line line = progress_line_of(progress);
    (void)user;
    for (size_t i = 0; i < sizeof spare / sizeof *spare && line_length(&line) > columns; i++)
        *line.parts[spare[i]] = '\0';
    const size_t used = line_length(&line), room = used < columns ? columns - used : 0;
    fputs("\r\033[K", stderr);
    for (int p = 0; used <= columns && p < PART_COUNT; p++) {
        if (p == PART_SHARE && room >= BAR_LEAST + AROUND_BAR)
            print_bar(room - AROUND_BAR < BAR_MOST ? room - AROUND_BAR : BAR_MOST,
                      (double)progress->rows / (double)progress->rows_all);
        fputs(line.parts[p], stderr);
    }
    fflush(stderr);
}

void progress_clear(void)
{
    if (is_terminal(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}
