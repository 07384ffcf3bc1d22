#include "cli/command.h"

#include "cli/signals.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- waiting ---- */

#define WAIT_MOST 76 /* bytes of a line that fits into a terminal's width */

static bool is_waiting;

void begin_wait(const char *what)
{
    is_waiting = is_terminal(STDERR_FILENO);
    if (is_waiting)
        fprintf(stderr, "%.*s …", WAIT_MOST, what);
}

void end_wait(void)
{
    if (is_waiting)
        fputs("\r\033[K", stderr);
    is_waiting = false;
}

const char *kernel_folder(void)
{
    const char *const folder = getenv("CLMLP_KERNEL_DIR");
    return folder && *folder ? folder : NULL;
}

clm_status load_drivers(struct clm_error *error)
{
    struct clm_device *devices = NULL;
    size_t count;
    const clm_status status = clm_devices_find(NULL, &devices, &count, error);
    clm_devices_free(devices);
    signals_blame_driver();
    return status;
}

clm_status open_backend(const struct clm_backend_options *options, struct clm_backend **out,
                        struct clm_error *error)
{
    static bool is_told;
    if (options->kind == CLM_BACKEND_OPENCL && options->on_note && kernel_folder() && !is_told) {
        char note[600];
        is_told = true;
        snprintf(note, sizeof note, "kernels come from %.400s (CLMLP_KERNEL_DIR), and are not those built in",
                 printable(kernel_folder()).text);
        options->on_note(options->note_user, note);
    }
    begin_wait(options->kind == CLM_BACKEND_OPENCL
                   ? "opening the device; kernels that no cache of its driver has are built"
                   : "starting");
    clm_status status = options->kind == CLM_BACKEND_OPENCL ? load_drivers(error) : CLM_OK;
    if (status == CLM_OK)
        status = clm_backend_open(options, out, error);
    signals_take();
    end_wait();
    return status;
}

/* ---- sentences ---- */

#define SENTENCE_MOST 8192

void complain(const char *command, const char *format, ...)
{
    va_list arguments;
    char sentence[SENTENCE_MOST];
    fflush(stdout);
    end_wait();
    va_start(arguments, format);
    fprintf(stderr, "clmlp: %s: %s\n", command,
            clm_write_sentence(sentence, sizeof sentence, format, arguments));
    va_end(arguments);
}

clm_status fail(struct clm_error *error, clm_status status, const char *format, ...)
{
    va_list arguments;
    *error = (struct clm_error){.status = status};
    va_start(arguments, format);
    clm_write_sentence(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- output ---- */

void print_version(void)
{
    printf("clmlp %s\n", clm_version());
}

static int claimed_output = -1;

bool claim_output(void)
{
    if (claimed_output >= 0)
        return true;
    fflush(stdout);
    claimed_output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return claimed_output >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
}

void release_output(void)
{
    if (claimed_output < 0)
        return;
    fflush(stdout);
    dup2(claimed_output, STDOUT_FILENO);
    close(claimed_output);
    claimed_output = -1;
}

int close_output(const char *command, int code)
{
    const bool was_bad = ferror(stdout);
    errno = 0;
    if (fclose(stdout) == 0 && !was_bad)
        return code;
    const char *const reason = errno ? strerror(errno) : "an earlier write failed";
    if (command)
        complain(command, "standard output could not be written: %s", reason);
    else
        fprintf(stderr, "clmlp: standard output could not be written: %s\n", reason);
    return EXIT_FAILED;
}

struct printable printable(const char *name)
{
    struct printable copy;
    snprintf(copy.text, sizeof copy.text, "%s", name);
    for (char *c = copy.text; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    return copy;
}

void append_word(char *text, size_t size, const char *word)
{
    const size_t used = strlen(text), room = size - used;
    const bool is_plain =
        strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,+=") ==
            strlen(word) &&
        *word;
    size_t at = (size_t)snprintf(text + used, room, is_plain ? " %s" : " '", word);
    for (const char *c = word; !is_plain && *c && at + 6 < room; c++)
        at += (size_t)snprintf(text + used + at, room - at, *c == '\'' ? "'\\''" : "%c", *c);
    if (!is_plain && at + 1 < room)
        snprintf(text + used + at, room - at, "'");
}

static bool is_json_incomplete;

void json_list_add(json_t *list, json_t *value)
{
    if (json_array_append_new(list, value))
        is_json_incomplete = true;
}

void json_object_put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value))
        is_json_incomplete = true;
}

void json_lose(void)
{
    is_json_incomplete = true;
}

bool json_is_whole(void)
{
    return !is_json_incomplete;
}

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *const copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = copy ? json_string(copy) : NULL;
    free(copy);
    return value;
}

json_t *json_sizes(const size_t *sizes, size_t count)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < count; i++)
        json_list_add(list, json_integer((json_int_t)sizes[i]));
    return list;
}

bool write_json(const char *command, const char *path, json_t *object)
{
    char *const text =
        object && !is_json_incomplete ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    struct clm_error error = {0};
    bool is_written = true;
    json_decref(object);
    if (!text) {
        complain(command, "no memory for the JSON of %s", path);
        return false;
    }
    const size_t length = strlen(text);
    text[length] = '\n'; /* replaces the NUL, which is not needed */
    if (!strcmp(path, "-")) {
        release_output();
        fwrite(text, 1, length + 1, stdout); /* close_output notices a failure */
    } else if (clm_write_file(path, text, length + 1, &error) != CLM_OK) {
        complain(command, "%s", error.message);
        is_written = false;
    }
    free(text);
    return is_written;
}

#define JSON_MOST ((size_t)64 << 20) /* bytes of a file */

/* Reads all bytes of a file, or of a pipe; the caller frees *bytes. */
static clm_status load_bytes(const char *path, int file, char **bytes, size_t *size, struct clm_error *error)
{
    size_t room = 0;
    ssize_t got = 1;
    *bytes = NULL;
    for (*size = 0; got > 0; *size += (size_t)(got > 0 ? got : 0)) {
        if (*size > JSON_MOST)
            return fail(error, CLM_ERROR_FORMAT,
                        "%s has more than %zu MiB, which no JSON that this program writes has", path,
                        JSON_MOST >> 20);
        if (*size == room) {
            char *const more = realloc(*bytes, room = 2 * room + 65536);
            if (!more)
                return fail(error, CLM_ERROR_MEMORY, "the host has no memory for %s", path);
            *bytes = more;
        }
        got = read(file, *bytes + *size, room - *size);
    }
    return got < 0 ? fail(error, CLM_ERROR_IO, "%s cannot be read: %s", path, strerror(errno)) : CLM_OK;
}

clm_status read_json(const char *path, json_t **out, struct clm_error *error)
{
    char *bytes = NULL;
    size_t size;
    json_error_t why;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    *out = NULL;
    if (file < 0)
        return fail(error, CLM_ERROR_IO, "%s cannot be opened: %s", path, strerror(errno));
    clm_status status = load_bytes(path, file, &bytes, &size, error);
    close(file);
    if (status == CLM_OK)
        *out = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (status == CLM_OK && !*out)
        status =
            json_error_code(&why) == json_error_out_of_memory
                ? fail(error, CLM_ERROR_MEMORY, "the host has no memory for %s", path)
                : fail(error, CLM_ERROR_FORMAT, "%s, line %d: it is no JSON: %s", path, why.line, why.text);
    free(bytes);
    return status;
}

bool is_terminal(int descriptor)
{
    const char *const terminal = getenv("TERM");
    return isatty(descriptor) && terminal && strcmp(terminal, "dumb");
}

const char *colour(const char *sequence)
{
    const char *const no_colour = getenv("NO_COLOR");
    return is_terminal(STDOUT_FILENO) && !(no_colour && *no_colour) ? sequence : "";
}

const char *device_type_name(enum clm_device_type type)
{
    static const char *const names[] = {[CLM_DEVICE_GPU] = "GPU",
                                        [CLM_DEVICE_ACCELERATOR] = "accelerator",
                                        [CLM_DEVICE_CPU] = "CPU",
                                        [CLM_DEVICE_OTHER] = "other"};
    return names[type];
}
