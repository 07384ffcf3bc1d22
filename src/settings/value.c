/* The types of settings: reads a value from text, and writes it as text. */
#include "settings/settings.h"

#include "base/size.h"
#include "base/text.h"
#include "settings/layers.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZES_MOST 256
#define SHOWN      80 /* bytes of a wrong value in a message */

typedef clm_status reader(const struct clm_setting *about, const char *text, struct setting_value *out,
                          struct clm_error *error);

/* "epochs 0: it has to be ..." */
__attribute__((format(printf, 4, 5))) static clm_status value_refuse(const struct clm_setting *about,
                                                                     const char *text,
                                                                     struct clm_error *error,
                                                                     const char *format, ...)
{
    char shown[SHOWN], reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return clm_fail(error, CLM_ERROR_ARGUMENT, "%s %s: %s", about->name,
                    text_show(shown, sizeof shown, text, strlen(text)), reason);
}

static clm_status keep_text(const struct clm_setting *about, const char *text, struct setting_value *out,
                            struct clm_error *error)
{
    if (!*text)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: its value is empty", about->name);
    out->text = strdup(text);
    return out->text ? CLM_OK : clm_fail_host_memory(error, about->name, strlen(text) + 1);
}

/* ---- numbers ---- */

/* Only digits; strtoull alone would take more. */
static bool is_digits(const char *text)
{
    return *text && !text[strspn(text, "0123456789")];
}

/* False if it does not fit. */
static bool read_digits(const char *text, uint64_t *value)
{
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return !errno;
}

static clm_status read_count(const struct clm_setting *about, const char *text, struct setting_value *out,
                             struct clm_error *error)
{
    const uint64_t most = about->most < 0x1p64 ? (uint64_t)about->most : UINT64_MAX;
    const bool is_number = is_digits(text);
    if (is_number && (!read_digits(text, &out->count) || out->count > most))
        return value_refuse(about, text, error, "it has to be a whole number from %.0f to %" PRIu64,
                            about->least, most);
    if (!is_number || (double)out->count < about->least)
        return value_refuse(about, text, error, "it has to be a whole number %s %s",
                            about->most < SETTING_MANY ? "from" : "of", setting_range(about).words);
    return asprintf(&out->text, "%" PRIu64, out->count) < 0 ? clm_fail_host_memory(error, about->name, 20)
                                                            : CLM_OK;
}

/* strtod would also take blanks, hexadecimal, inf and nan. A number that is too large becomes infinite. */
static bool read_double(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && !text[strspn(text, "0123456789+-.eE")];
}

/* Writes a short text that is read as this number again. */
static clm_status write_double(const struct clm_setting *about, struct setting_value *out,
                               struct clm_error *error)
{
    char text[32];
    out->text = strdup(text_of_number(text, sizeof text, out->number));
    return out->text ? CLM_OK : clm_fail_host_memory(error, about->name, sizeof text);
}

static bool is_within(const struct clm_setting *about, double value)
{
    return (about->is_above ? value > about->least : value >= about->least) &&
           (about->is_below ? value < about->most : value <= about->most);
}

static clm_status read_number(const struct clm_setting *about, const char *text, struct setting_value *out,
                              struct clm_error *error)
{
    if (!read_double(text, &out->number))
        return value_refuse(about, text, error, "it has to be a number, as in %s",
                            about->otherwise ? about->otherwise : "0.1");
    if (!is_within(about, out->number))
        return value_refuse(about, text, error, "it has to be %s", setting_range(about).words);
    if (isinf(out->number))
        return value_refuse(about, text, error, "it may be up to %.1e", DBL_MAX);
    return write_double(about, out, error);
}

static clm_status read_share(const struct clm_setting *about, const char *text, struct setting_value *out,
                             struct clm_error *error)
{
    double *const value = &out->number;
    if (*text && text[strlen(text) - 1] == '%' && strspn(text, "0123456789.") + 1 == strlen(text))
        return value_refuse(about, text, error, "a share is written as in 0.1, for 10 %%");
    /* what consists of the letters of numbers is one, or a wrong one; ./5000 is a path */
    if (*text && (text[strspn(text, "0123456789+-.,eE")] || !strcmp(text, "-"))) {
        *value = (double)NAN;
        return keep_text(about, text, out, error);
    }
    if (!read_double(text, value))
        return value_refuse(about, text, error,
                            "it has to be a number, as in 5000 or 0.1, or the path of a validation set");
    if (*value > (double)SIZE_MAX / 2)
        return value_refuse(about, text, error, "it may be up to %zu rows", SIZE_MAX / 2);
    if (*value < 0 || (*value >= 1 && *value != floor(*value)))
        return value_refuse(about, text, error,
                            "it has to be a number of rows, as in 5000, or a fraction below 1, as in 0.1");
    return write_double(about, out, error);
}

static clm_status read_byte_count(const struct clm_setting *about, const char *text,
                                  struct setting_value *out, struct clm_error *error)
{
    static const char units[] = "KMGT";
    const size_t length = strspn(text, "0123456789");
    const char *const unit = text[length] ? strchr(units, text[length]) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    uint64_t value = 0;
    const bool is_size = length && (!text[length] || (unit && !text[length + 1]));
    if (is_size && (!read_digits(text, &value) || value > UINT64_MAX >> shift))
        return value_refuse(about, text, error, "it may be up to %" PRIu64 " bytes", UINT64_MAX);
    if (!is_size || !value)
        return value_refuse(
            about, text, error,
            "it has to be a number of bytes above 0, as in 512M; K, M, G and T are powers of 1024");
    out->count = value << shift;
    for (shift = 0; shift < 40 && !(out->count >> shift & 1023); shift += 10)
        ;
    return asprintf(&out->text, "%" PRIu64 "%.1s", out->count >> shift, shift ? units + shift / 10 - 1 : "") <
                   0
               ? clm_fail_host_memory(error, about->name, 20)
               : CLM_OK;
}

/* A number of seconds, or with a unit. */
static clm_status read_duration(const struct clm_setting *about, const char *text, struct setting_value *out,
                                struct clm_error *error)
{
    static const char units[] = "smhd";
    static const double seconds[] = {1, 60, 3600, 86400};
    const size_t length = strspn(text, "0123456789.");
    const char *const unit = text[length] ? strchr(units, text[length]) : units;
    char digits[32];
    snprintf(digits, sizeof digits, "%.*s", (int)length, text);
    if (!unit || (text[length] && text[length + 1]) || length >= sizeof digits ||
        !read_double(digits, &out->number) || !(out->number > 0))
        return value_refuse(about, text, error,
                            "it has to be a number above 0 of seconds, or with a unit: 90s, 15m, 1.5h or 2d");
    out->number *= seconds[unit - units];
    return keep_text(about, text, out, error);
}

/* 90s, 15m, 1.5h or 2d is a time, 500 a number of steps; never is neither. */
static clm_status read_interval(const struct clm_setting *about, const char *text, struct setting_value *out,
                                struct clm_error *error)
{
    const size_t length = strlen(text);
    if (!strcmp(text, "never"))
        return keep_text(about, text, out, error);
    if (length && strchr("smhd", text[length - 1]))
        return read_duration(about, text, out, error);
    errno = 0;
    out->count = strspn(text, "0123456789") == length ? strtoull(text, NULL, 10) : 0;
    if (errno || !out->count || out->count > SIZE_MAX / 2)
        return value_refuse(
            about, text, error,
            "it has to be a time with its unit (90s, 15m, 1.5h or 2d), a number of steps from 1 on, or never");
    return keep_text(about, text, out, error);
}

/* ---- words ---- */

static clm_status read_choice(const struct clm_setting *about, const char *text, struct setting_value *out,
                              struct clm_error *error)
{
    const char *names[SETTING_CHOICES_MOST];
    char list[SETTING_LIST];
    const size_t count = clm_setting_choices(about, names, SETTING_CHOICES_MOST);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(text, names[i])) {
            out->count = i + !about->otherwise;
            return keep_text(about, text, out, error);
        }
    return value_refuse(about, text, error, "it has to be %s", setting_list(list, names, count));
}

/* Reads names with commas between them. *text is written in the order of the choices. */
static clm_status read_choices(const struct clm_setting *about, const char *text, struct setting_value *out,
                               struct clm_error *error)
{
    const char *names[SETTING_CHOICES_MOST];
    char list[SETTING_LIST], written[SETTING_LIST] = "";
    const size_t count = clm_setting_choices(about, names, SETTING_CHOICES_MOST);
    for (const char *at = text, *end; at; at = *end ? end + 1 : NULL) {
        size_t i = 0;
        end = strchrnul(at, ',');
        while (i < count &&
               !(strlen(names[i]) == (size_t)(end - at) && !strncmp(names[i], at, (size_t)(end - at))))
            i++;
        if (i == count)
            return value_refuse(about, text, error, "it has to be %s, or several with commas between them",
                                setting_list(list, names, count));
        out->count |= UINT64_C(1) << i;
    }
    for (size_t i = 0, used = 0; i < count; i++)
        if (out->count >> i & 1)
            used +=
                (size_t)snprintf(written + used, sizeof written - used, "%s%s", used ? "," : "", names[i]);
    return keep_text(about, written, out, error);
}

static clm_status read_flag(const struct clm_setting *about, const char *text, struct setting_value *out,
                            struct clm_error *error)
{
    if (strcmp(text, "on") && strcmp(text, "off"))
        return value_refuse(about, text, error, "it has to be on or off");
    out->count = !strcmp(text, "on");
    return keep_text(about, text, out, error);
}

static clm_status read_init(const struct clm_setting *about, const char *text, struct setting_value *out,
                            struct clm_error *error)
{
    static const char *const measured[] = {"normal:", "uniform:"};
    double size;
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
        if (!strncmp(text, measured[i], strlen(measured[i])) &&
            !(read_double(text + strlen(measured[i]), &size) && size >= 0 && size <= SETTING_DEVIATION_MOST))
            return value_refuse(about, text, error,
                                "what follows %s has to be a number from 0 to %g, as in %s0.01", measured[i],
                                SETTING_DEVIATION_MOST, measured[i]);
    return keep_text(about, text, out, error);
}

/* ---- lists ---- */

/* Reads a list of numbers, divided by `separator`. Each must be from 1 to `most`, and there must be at least
 * one; otherwise the error says `sentence`, which tells what they must be. */
static clm_status split_sizes(const struct clm_setting *about, const char *text, char separator,
                              uint64_t most, const char *sentence, struct setting_value *out,
                              struct clm_error *error)
{
    const char between[] = {separator, '\0'};
    size_t count = 1;
    for (const char *at = text; *at; at++)
        count += *at == separator;
    out->sizes = calloc(count, sizeof *out->sizes);
    if (!out->sizes)
        return clm_fail_host_memory(error, about->name, count * sizeof *out->sizes);
    for (const char *at = text; out->size_count < count; at++) {
        char number[24];
        uint64_t value;
        const size_t length = strcspn(at, between);
        snprintf(number, sizeof number, "%.*s", (int)size_min(length, sizeof number - 1), at);
        if (is_digits(number) && (!read_digits(number, &value) || value > most))
            return value_refuse(about, text, error, "each number of it may be at most %" PRIu64, most);
        if (!is_digits(number) || !value)
            return value_refuse(about, text, error, "%s", sentence);
        out->sizes[out->size_count++] = (size_t)value;
        at += length;
    }
    return CLM_OK;
}

static clm_status write_sizes(const struct clm_setting *about, char separator, struct setting_value *out,
                              struct clm_error *error)
{
    const size_t size = 21 * out->size_count + 1;
    out->text = malloc(size);
    if (!out->text)
        return clm_fail_host_memory(error, about->name, size);
    for (size_t i = 0, used = 0; i < out->size_count; i++)
        used +=
            (size_t)snprintf(out->text + used, size - used, "%.1s%zu", i ? &separator : "", out->sizes[i]);
    return CLM_OK;
}

static clm_status read_sizes(const struct clm_setting *about, const char *text, struct setting_value *out,
                             struct clm_error *error)
{
    const clm_status status =
        split_sizes(about, text, ',', INT32_MAX,
                    "it has to be a list of whole numbers of at least 1, as in 256,128", out, error);
    if (status == CLM_OK && out->size_count > SIZES_MOST)
        return value_refuse(about, text, error, "it may have up to %d numbers, not %zu", SIZES_MOST,
                            out->size_count);
    return status ? status : write_sizes(about, ',', out, error);
}

/* Reads one of the lists of NETS, and appends it to *all. */
static clm_status add_net(const struct clm_setting *about, const char *text, struct setting_value *all,
                          struct clm_error *error)
{
    struct setting_value net = {0};
    clm_status status = read_sizes(about, text, &net, error);
    const size_t before = all->size_count + (all->size_count > 0);
    if (status == CLM_OK && !array_resize(&all->sizes, before + net.size_count, sizeof *all->sizes))
        status = clm_fail_host_memory(error, about->name, (before + net.size_count) * sizeof *all->sizes);
    if (status == CLM_OK) {
        if (all->size_count)
            all->sizes[all->size_count] = 0;
        memcpy(all->sizes + before, net.sizes, net.size_count * sizeof *net.sizes);
        all->size_count = before + net.size_count;
    }
    setting_value_free(&net);
    return status;
}

static clm_status write_nets(const struct clm_setting *about, struct setting_value *out,
                             struct clm_error *error)
{
    const clm_status status = write_sizes(about, ',', out, error);
    for (char *at = status == CLM_OK ? out->text : NULL; at && (at = strstr(at, ",0,")); at++) {
        *at = ';';
        memmove(at + 1, at + 3, strlen(at + 3) + 1);
    }
    return status;
}

static clm_status read_nets(const struct clm_setting *about, const char *text, struct setting_value *out,
                            struct clm_error *error)
{
    clm_status status = CLM_OK;
    char *const copy = strdup(text), *next = copy;
    if (!copy)
        return clm_fail_host_memory(error, about->name, strlen(text) + 1);
    for (char *net; status == CLM_OK && (net = strsep(&next, ";"));)
        status = add_net(about, net, out, error);
    free(copy);
    return status ? status : write_nets(about, out, error);
}

static clm_status read_widths(const struct clm_setting *about, const char *text, struct setting_value *out,
                              struct clm_error *error)
{
    return strcmp(text, "none") ? read_sizes(about, text, out, error) : keep_text(about, text, out, error);
}

static clm_status read_extent(const struct clm_setting *about, const char *text, struct setting_value *out,
                              struct clm_error *error)
{
    static const char sentence[] = "it has to be a width and a height, 1 to 8192, as in 32x32";
    const clm_status status = split_sizes(about, text, 'x', 8192, sentence, out, error);
    if (status == CLM_OK && out->size_count != 2)
        return value_refuse(about, text, error, "%s", sentence);
    return status ? status : write_sizes(about, 'x', out, error);
}

/* ---- augmentation ---- */

enum change { FLIP, SHIFT, CUTOUT, MIXUP, NOISE, CHANGES };

#define WHOLE  .type = CLM_SETTING_COUNT, .least = 1, .most = SETTING_MANY
#define NUMBER .type = CLM_SETTING_NUMBER, .most = HUGE_VAL, .is_above = true

/* Each change is a setting of its own, named "augment " and its name. Flip has no value. */
static const struct clm_setting changes[] = {
    [FLIP] = {.name = "augment flip"},
    [SHIFT] = {.name = "augment shift", .argument = "shift=4", WHOLE},
    [CUTOUT] = {.name = "augment cutout", .argument = "cutout=8", WHOLE},
    [MIXUP] = {.name = "augment mixup", .argument = "mixup=0.2", NUMBER},
    [NOISE] = {.name = "augment noise", .argument = "noise=0.05", NUMBER},
};

static clm_status find_change(const char *word, enum change *out, struct clm_error *error)
{
    const char *names[CHANGES + 1] = {NULL};
    char shown[SHOWN];
    for (*out = FLIP; *out < CHANGES; ++*out) {
        names[*out] = changes[*out].name + strlen("augment ");
        if (!strcmp(word, names[*out]))
            return CLM_OK;
    }
    const char *const meant = clm_nearest_name(word, names);
    text_show(shown, sizeof shown, word, strlen(word));
    if (meant)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "augment: there is no %s; did you mean %s?", shown, meant);
    return clm_fail(error, CLM_ERROR_ARGUMENT,
                    "augment: there is no %s, but flip, shift=, cutout=, mixup= and noise=",
                    *word ? shown : "word between commas");
}

/* Reads one change of the list, for example "shift=4", and cuts the text at the '='. */
static clm_status read_change(char *item, unsigned *seen, struct clm_augmentation *out,
                              struct clm_error *error)
{
    size_t *const counts[CHANGES] = {[SHIFT] = &out->shift, [CUTOUT] = &out->cutout};
    double *const numbers[CHANGES] = {[MIXUP] = &out->mixup, [NOISE] = &out->noise};
    char *text = strchr(item, '=');
    struct setting_value value = {0};
    enum change change;
    if (text)
        *text++ = '\0';
    clm_status status = find_change(item, &change, error);
    if (status != CLM_OK)
        return status;
    const struct clm_setting *const about = &changes[change];
    if (*seen & 1u << change)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: it is there twice", about->name);
    *seen |= 1u << change;
    if (change == FLIP && text)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: it takes no value", about->name);
    if (change != FLIP && !(text && *text))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: it needs a value, as in %s", about->name,
                        about->argument);
    if (change != FLIP)
        status = (counts[change] ? read_count : read_number)(about, text, &value, error);
    setting_value_free(&value);
    out->flip = out->flip || change == FLIP;
    if (counts[change])
        *counts[change] = (size_t)value.count;
    if (numbers[change])
        *numbers[change] = value.number;
    return status;
}

static clm_status read_augmentation(const struct clm_setting *about, const char *text,
                                    struct setting_value *out, struct clm_error *error)
{
    unsigned seen = 0;
    clm_status status = keep_text(about, *text ? text : ",", out, error);
    char *const copy = status == CLM_OK ? strdup(text) : NULL, *next = copy;
    if (status == CLM_OK && !copy)
        status = clm_fail_host_memory(error, about->name, strlen(text) + 1);
    for (char *item; status == CLM_OK && (item = strsep(&next, ","));)
        status = read_change(item, &seen, &out->augmentation, error);
    free(copy);
    return status;
}

/* ---- layers ---- */

static clm_status read_layers_text(const struct clm_setting *about, const char *text,
                                   struct setting_value *out, struct clm_error *error)
{
    struct layers_words *const words = malloc(sizeof *words);
    clm_status status =
        words ? keep_text(about, text, out, error) : clm_fail_host_memory(error, about->name, sizeof *words);
    if (status == CLM_OK)
        status = layers_words_read(text, words, error);
    free(words);
    return status;
}

/* ---- all of them ---- */

static reader *const readers[] = {
    [CLM_SETTING_COUNT] = read_count,
    [CLM_SETTING_NUMBER] = read_number,
    [CLM_SETTING_SHARE] = read_share,
    [CLM_SETTING_BYTES] = read_byte_count,
    [CLM_SETTING_FLAG] = read_flag,
    [CLM_SETTING_CHOICE] = read_choice,
    [CLM_SETTING_CHOICES] = read_choices,
    [CLM_SETTING_TEXT] = keep_text,
    [CLM_SETTING_OUTPUT] = keep_text,
    [CLM_SETTING_SIZES] = read_sizes,
    [CLM_SETTING_NETS] = read_nets,
    [CLM_SETTING_WIDTHS] = read_widths,
    [CLM_SETTING_EXTENT] = read_extent,
    [CLM_SETTING_INIT] = read_init,
    [CLM_SETTING_AUGMENTATION] = read_augmentation,
    [CLM_SETTING_DURATION] = read_duration,
    [CLM_SETTING_INTERVAL] = read_interval,
    [CLM_SETTING_LAYERS] = read_layers_text,
};

clm_status setting_value_read(const struct clm_setting *about, const char *text, struct setting_value *out,
                              struct clm_error *error)
{
    *out = (struct setting_value){0};
    const clm_status status = readers[about->type](about, text, out, error);
    if (status != CLM_OK)
        setting_value_free(out);
    return status;
}

void setting_value_free(struct setting_value *value)
{
    free(value->text);
    free(value->sizes);
    value->text = NULL;
    value->sizes = NULL;
}
