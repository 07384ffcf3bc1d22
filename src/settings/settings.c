/* An object with a value for each of a command's settings. */
#include "settings/settings.h"

#include "base/file.h"
#include "base/text.h"
#include "settings/recipes.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MOST (1 << 20)
#define SHOWN           80 /* bytes of a line in a message */

struct clm_settings {
    unsigned command;
    locale_t plain;                /* has a decimal point in numbers */
    struct setting_value values[]; /* by row number of the table */
};

/* ---- making ---- */

static clm_status fail_name(const char *name, const struct clm_settings *settings, struct clm_error *error)
{
    const char *names[128] = {NULL}, *meant;
    char shown[SHOWN];
    size_t count = 0;
    for (size_t i = 0; i < setting_count; i++)
        if (setting_rows[i].commands & settings->command)
            names[count++] = setting_rows[i].about.name;
    meant = clm_nearest_name(name, names);
    text_show(shown, sizeof shown, name, strlen(name));
    if (meant)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: there is no such setting; did you mean %s?", shown,
                        meant);
    return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: there is no such setting", shown);
}

/* Numbers have a decimal point, whatever the caller's locale. */
static clm_status read_value(const struct clm_settings *settings, const struct setting_row *row,
                             const char *text, struct setting_value *out, struct clm_error *error)
{
    const locale_t before = uselocale(settings->plain);
    const clm_status status = setting_value_read(&row->about, text, out, error);
    uselocale(before);
    return status;
}

clm_status clm_settings_create(const char *command, struct clm_settings **out, struct clm_error *error)
{
    const size_t bytes = sizeof **out + setting_count * sizeof *(*out)->values;
    clm_status status = CLM_OK;
    *out = NULL;
    if (!setting_command(command))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: no command is called so, as train is",
                        command ? command : "NULL");
    struct clm_settings *const settings = calloc(1, bytes);
    if (!settings)
        return clm_fail_host_memory(error, "settings", bytes);
    settings->command = setting_command(command);
    settings->plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!settings->plain)
        status = clm_fail_host_memory(error, "the C locale", 0);
    for (size_t i = 0; status == CLM_OK && i < setting_count; i++) {
        const struct setting_row *const row = &setting_rows[i];
        if (row->commands & settings->command && row->about.otherwise)
            status = read_value(settings, row, row->about.otherwise, &settings->values[i], error);
    }
    if (status == CLM_OK)
        *out = settings;
    else
        clm_settings_free(settings);
    return status;
}

void clm_settings_free(struct clm_settings *settings)
{
    if (!settings)
        return;
    for (size_t i = 0; i < setting_count; i++)
        setting_value_free(&settings->values[i]);
    if (settings->plain)
        freelocale(settings->plain);
    free(settings);
}

/* Replaces a value. */
static void put_value(struct setting_value *place, struct setting_value *value)
{
    setting_value_free(place);
    *place = *value;
    place->is_set = true;
}

clm_status clm_settings_set(struct clm_settings *settings, const char *name, const char *text,
                            struct clm_error *error)
{
    const size_t index = setting_index(settings->command, name);
    struct setting_value value;
    if (index == SIZE_MAX)
        return fail_name(name, settings, error);
    const clm_status status = read_value(settings, &setting_rows[index], text, &value, error);
    if (status != CLM_OK)
        return status;
    put_value(&settings->values[index], &value);
    return CLM_OK;
}

/* ---- reading values ---- */

/* An empty value if the command has no such setting. */
static const struct setting_value *settings_value(const struct clm_settings *settings, const char *name)
{
    static const struct setting_value none;
    const size_t index = setting_index(settings->command, name);
    return index == SIZE_MAX ? &none : &settings->values[index];
}

bool clm_settings_is_set(const struct clm_settings *settings, const char *name)
{
    return settings_value(settings, name)->is_set;
}

bool clm_settings_is_of_recipe(const struct clm_settings *settings, const char *name)
{
    return settings_value(settings, name)->is_of_recipe;
}

const char *clm_settings_text(const struct clm_settings *settings, const char *name)
{
    return settings_value(settings, name)->text;
}

uint64_t clm_settings_count(const struct clm_settings *settings, const char *name)
{
    return settings_value(settings, name)->count;
}

double clm_settings_number(const struct clm_settings *settings, const char *name)
{
    return settings_value(settings, name)->number;
}

const size_t *clm_settings_sizes(const struct clm_settings *settings, const char *name, size_t *count)
{
    return clm_settings_net(settings, name, 0, count);
}

/* The end of a list: a 0, or the end of all. */
static size_t end_of_net(const struct setting_value *value, size_t at)
{
    while (at < value->size_count && value->sizes[at])
        at++;
    return at;
}

const size_t *clm_settings_net(const struct clm_settings *settings, const char *name, size_t index,
                               size_t *count)
{
    const struct setting_value *const value = settings_value(settings, name);
    size_t first = 0, end = end_of_net(value, 0);
    for (; index && end < value->size_count; index--) {
        first = end + 1;
        end = end_of_net(value, first);
    }
    *count = index ? 0 : end - first;
    return *count ? value->sizes + first : NULL;
}

const struct clm_augmentation *clm_settings_augmentation(const struct clm_settings *settings,
                                                         const char *name)
{
    return &settings_value(settings, name)->augmentation;
}

/* ---- files ---- */

/* A file that is being read. */
struct settings_reading {
    struct clm_settings *settings;
    const char *path; /* or what else it is, for messages */
    size_t line;
    size_t *lines; /* the line that set each row; 0: none */
    bool is_recipe;
};

/* Puts "FILE, line 3: " before the sentence. */
static clm_status fail_line(const struct settings_reading *reading, clm_status status, const char *sentence,
                            struct clm_error *error)
{
    return clm_fail(error, status, "%.1000s, line %zu: %s", reading->path, reading->line, sentence);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts off blanks at both ends. */
static char *settings_trim(char *text)
{
    size_t length;
    while (is_blank(*text))
        text++;
    for (length = strlen(text); length && is_blank(text[length - 1]); length--)
        ;
    text[length] = '\0';
    return text;
}

/* Cuts off a comment: # at the beginning of a line or after a blank. */
static void cut_comment(char *text)
{
    for (char *at = text; (at = strchr(at, '#')); at++)
        if (at == text || is_blank(at[-1])) {
            *at = '\0';
            return;
        }
}

/* The value of a line, with or without quotes; NULL if quotes stay open or something follows them. */
static char *settings_unquote(char *text)
{
    text = settings_trim(text);
    if (*text != '"') {
        cut_comment(text);
        return settings_trim(text);
    }
    char *const end = strchr(text + 1, '"');
    if (!end)
        return NULL;
    *end = '\0';
    cut_comment(end + 1);
    return *settings_trim(end + 1) ? NULL : text + 1;
}

static clm_status set_from_line(struct settings_reading *reading, const char *name, const char *text,
                                struct clm_error *error)
{
    struct clm_settings *const settings = reading->settings;
    const size_t index = setting_index(settings->command, name);
    struct setting_value value = {0};
    struct clm_error why = {0};
    char sentence[SHOWN];
    if (index == SIZE_MAX)
        return fail_line(reading, fail_name(name, settings, &why), why.message, error);
    if (reading->lines[index]) {
        snprintf(sentence, sizeof sentence, "%.30s: line %zu has it already", name, reading->lines[index]);
        return fail_line(reading, CLM_ERROR_ARGUMENT, sentence, error);
    }
    reading->lines[index] = reading->line;
    const clm_status status = read_value(settings, &setting_rows[index], text, &value, &why);
    if (status != CLM_OK)
        return fail_line(reading, status, why.message, error);
    if (settings->values[index].is_set) { /* the caller's value has priority */
        setting_value_free(&value);
        return CLM_OK;
    }
    put_value(&settings->values[index], &value);
    settings->values[index].is_of_recipe = reading->is_recipe;
    return CLM_OK;
}

/* Reads a line, which has lost its end. */
static clm_status read_line(struct settings_reading *reading, char *line, struct clm_error *error)
{
    char *const name = settings_trim(line);
    if (!*name || *name == '#')
        return CLM_OK;
    char *const sign = strchr(name, '=');
    char *const text = sign ? settings_unquote(sign + 1) : NULL;
    if (!sign)
        return fail_line(reading, CLM_ERROR_ARGUMENT, "it has to be a name, = and a value, as in epochs = 20",
                         error);
    if (!text)
        return fail_line(reading, CLM_ERROR_ARGUMENT,
                         "a value that begins with \" has to end with the next one", error);
    *sign = '\0';
    if (!strcmp(settings_trim(name), "config"))
        return fail_line(reading, CLM_ERROR_ARGUMENT, "config: a file of settings names no other one", error);
    if (reading->is_recipe && !strcmp(settings_trim(name), "recipe"))
        return fail_line(reading, CLM_ERROR_ARGUMENT, "recipe: a recipe names no other one", error);
    return set_from_line(reading, settings_trim(name), text, error);
}

static clm_status settings_read_lines(struct settings_reading *reading, char *text, size_t size,
                                      struct clm_error *error)
{
    char *const end = text + size;
    clm_status status = CLM_OK;
    if (!strncmp(text, "\xEF\xBB\xBF", 3)) /* a byte order mark */
        text += 3;
    for (char *line = text, *next; status == CLM_OK && line < end; line = next) {
        char *const feed = memchr(line, '\n', (size_t)(end - line)), *const line_end = feed ? feed : end;
        next = line_end + 1;
        reading->line++;
        if (memchr(line, '\0', (size_t)(line_end - line)))
            return fail_line(reading, CLM_ERROR_FORMAT, "a byte is 0, which no text has", error);
        *line_end = '\0'; /* the text has a byte more */
        status = read_line(reading, line, error);
    }
    return status;
}

/* Reads the bytes, which have one more than `size`, and change. */
static clm_status settings_read_bytes(struct clm_settings *settings, const char *path, bool is_recipe,
                                      char *bytes, size_t size, struct clm_error *error)
{
    struct settings_reading reading = {.settings = settings,
                                       .path = path,
                                       .lines = calloc(setting_count, sizeof *reading.lines),
                                       .is_recipe = is_recipe};
    const clm_status status = reading.lines
                                  ? settings_read_lines(&reading, bytes, size, error)
                                  : clm_fail_host_memory(error, path, setting_count * sizeof *reading.lines);
    free(reading.lines);
    return status;
}

clm_status clm_settings_read(struct clm_settings *settings, const char *path, struct clm_error *error)
{
    unsigned char *bytes;
    size_t size;
    clm_status status = file_read(path, FILE_BYTES_MOST, &bytes, &size, error);
    if (status != CLM_OK)
        return status;
    status = settings_read_bytes(settings, path, false, (char *)bytes, size, error);
    free(bytes);
    return status;
}

clm_status clm_settings_read_recipe(struct clm_settings *settings, struct clm_error *error)
{
    const char *const name = clm_settings_text(settings, "recipe");
    const struct recipe_source *const recipe = name ? recipe_find(name) : NULL;
    if (!recipe)
        return CLM_OK;
    char *const copy = malloc(recipe->size + 1);
    if (!copy)
        return clm_fail_host_memory(error, name, recipe->size + 1);
    memcpy(copy, recipe->text, recipe->size + 1);
    const clm_status status = settings_read_bytes(settings, name, true, copy, recipe->size, error);
    free(copy);
    return status;
}
