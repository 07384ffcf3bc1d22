#include "cli/checks.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BUILD       "build" /* in place of an operation's name */
#define FOLDER_MOST 1000    /* characters in a command */
#define LINES_SHOWN 6       /* of an error: its sentence, then the compiler's */

/* "--device 0:0 --gemm native" */
static void cli_describe_source(const struct check_source *source, char *text, size_t size)
{
    if (!source->about)
        snprintf(text, size, "--backend %s", source->backend);
    else
        snprintf(text, size, "--device %u:%u%s%.63s", source->about->platform, source->about->index,
                 source->provider ? " --gemm " : "", source->provider ? source->provider : "");
}

/* Whether the folder can be quoted in full in a command. */
static bool is_quotable(const char *folder)
{
    return folder && strlen(folder) <= FOLDER_MOST && !strchr(folder, '\'') &&
           !strcmp(printable(folder).text, folder);
}

struct repeating repeat_check(const struct check_source *source, const struct clm_check *check)
{
    struct repeating repeating;
    char where[128], what[256] = "";
    const char *const folder = source->about && is_quotable(kernel_folder()) ? kernel_folder() : NULL;
    cli_describe_source(source, where, sizeof where);
    if (check)
        snprintf(what, sizeof what, " --only %s --shape \"%s\"", check->operation, check->smallest);
    snprintf(repeating.command, sizeof repeating.command, "%s%s%sclmlp verify %s%s%s --seed %" PRIu64,
             folder ? "CLMLP_KERNEL_DIR='" : "", folder ? folder : "", folder ? "' " : "", where,
             source->is_full ? " --full" : "", what, source->seed);
    return repeating;
}

void add_name(char list[NAMES_MAX], const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; *at; at += strcspn(at, " "), at += *at == ' ')
        if (!strncmp(at, name, length) && (at[length] == ',' || !at[length]))
            return;
    const size_t used = strlen(list);
    snprintf(list + used, NAMES_MAX - used, "%s%s", used ? ", " : "", name);
}

const char *provider_of(const struct check_source *source)
{
    return source->provider ? source->provider : "shared";
}

void check_list_add(struct check_list *list, const struct check_source *source, const struct clm_check *check)
{
    json_t *const object = json_pack("{ss ss ss so sb}", "operation", check->operation, "shape", check->shape,
                                     "provider", provider_of(source), "error_over_bound",
                                     json_number(check->error_over_bound), "passed", check->passed);
    list->count++;
    list->failures += !check->passed;
    list->errors += check->is_error;
    if (check->passed && check->error_over_bound > list->worst)
        list->worst = check->error_over_bound;
    if (!check->passed) {
        json_object_put(object, "detail", json_text(check->detail));
        json_object_put(object, "smallest_shape", json_text(check->smallest));
        json_object_put(object, "repeat", json_text(repeat_check(source, check).command));
        put_reproducer(object, check);
    }
    if (check->is_error)
        json_object_put(object, "error", json_text(check->detail));
    json_list_add(list->checks, object);
}

/* The shown part of an error ends at an empty line; a kernel's source follows it. */
static size_t length_shown(const char *message)
{
    size_t length = 0;
    for (int line = 0; line < LINES_SHOWN && message[length] && message[length] != '\n'; line++) {
        length += strcspn(message + length, "\n");
        length += message[length] == '\n';
    }
    return length && message[length - 1] == '\n' ? length - 1 : length;
}

void check_list_add_error(struct check_list *list, const struct check_source *source,
                          const struct clm_error *error)
{
    char detail[sizeof error->message];
    json_t *const object = json_pack("{ss ss ss sn sb}", "operation", BUILD, "shape", "", "provider",
                                     provider_of(source), "error_over_bound", "passed", 0);
    snprintf(detail, sizeof detail, "%.*s", (int)length_shown(error->message), error->message);
    list->count++;
    list->failures++;
    list->errors++;
    json_object_put(object, "detail", json_text(detail));
    json_object_put(object, "error", json_text(error->message));
    json_object_put(object, "repeat", json_text(repeat_check(source, NULL).command));
    json_list_add(list->checks, object);
}

/* Prints each line with the indent before it. */
static void print_lines(const char *text, size_t length, const char *indent)
{
    for (const char *at = text, *const end = text + length; at < end; at += strcspn(at, "\n") + 1) {
        char line[sizeof(struct printable)];
        const size_t most = (size_t)(end - at), own = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(own < most ? own : most), at);
        printf("%s%s\n", indent, printable(line).text);
    }
}

struct error_words error_words(double error_over_bound)
{
    struct error_words words = {"wrong beyond any bound"};
    if (isfinite(error_over_bound))
        snprintf(words.text, sizeof words.text, "%.4g times its bound", error_over_bound);
    return words;
}

void print_reproducer(const struct clm_check *check, const char *indent)
{
    if (!check->reproducer[0])
        return;
    printf("%s%s%s%s\n", indent,
           check->has_reproducer ? "reproducer: in " : "no reproducer: ", printable(check->reproducer).text,
           check->has_reproducer ? ", cc -o reproducer reproducer.c -lOpenCL && ./reproducer" : "");
}

void put_reproducer(json_t *object, const struct clm_check *check)
{
    if (check->reproducer[0])
        json_object_put(object, check->has_reproducer ? "reproducer" : "no_reproducer",
                        json_text(check->reproducer));
}

void tell_unreproduced(const char *command, const char *directory, bool has_reproducer, size_t failures)
{
    if (!directory || has_reproducer)
        return;
    if (failures)
        remark(command, "no reproducer is written to %s; the failed checks say why",
               printable(directory).text);
    else
        remark(command, "no check failed, so that no reproducer is written to %s", printable(directory).text);
}

void print_failure(const struct check_source *source, const struct clm_check *check, const char *indent)
{
    print_lines(check->detail, strlen(check->detail), indent);
    printf("%sagain: %s\n", indent, repeat_check(source, check).command);
    print_reproducer(check, indent);
}

void print_error(const struct check_source *source, const struct clm_error *error, const char *indent)
{
    print_lines(error->message, length_shown(error->message), indent);
    printf("%sagain: %s\n", indent, repeat_check(source, NULL).command);
}

void print_kernel_folder(const char *indent)
{
    if (kernel_folder())
        printf("%sits kernels come from %s (CLMLP_KERNEL_DIR), and are not those built in\n", indent,
               printable(kernel_folder()).text);
}

/* JSON's integers end at 2^63; a larger number becomes text, which is exact, too. */
static json_t *json_seed(uint64_t seed)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, seed);
    return seed <= INT64_MAX ? json_integer((json_int_t)seed) : json_string(text);
}

json_t *report_json(const struct invocation *in, const struct check_source *source, const char *device,
                    const char *extent, json_t *checks)
{
    const struct clm_device *const about = source->about;
    json_t *const arguments = json_array();
    for (int i = 0; i < in->argc; i++)
        json_list_add(arguments, json_text(in->argv[i]));
    json_t *const object =
        json_pack("{so ss sb ss ss so ss so so}", "device", json_text(device), "backend", source->backend,
                  "passed", 0, "program", "clmlp", "version", clm_version(), "arguments", arguments, "extent",
                  extent, "seed", json_seed(source->seed), "checks", checks);
    if (about && object) {
        json_object_put(object, "driver", json_text(about->driver));
        json_object_put(object, "device_version", json_text(about->version));
        json_object_put(object, "platform", json_text(about->platform_name));
        json_object_put(object, "platform_version", json_text(about->platform_version));
        json_object_put(object, "kernels", json_text(kernel_folder() ? kernel_folder() : "built in"));
    }
    return object;
}
