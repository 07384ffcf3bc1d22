/* Values of options of the command line: lines of an option's name, a space and its value. The parsers themselves are
 * called; a wrong value ends in wrong_usage, which here comes back. */
#include "fuzz/fuzz.h"

#include "cli/arguments.h"
#include "cli/command.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf complaint;

const char *command_name(const struct argp_state *state)
{
    (void)state;
    return "train";
}

_Noreturn void wrong_usage(const struct argp_state *state, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    (void)state;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fuzz_expect(length > 0 && !strncmp(text, "--", 2));
    longjmp(complaint, 1);
}

/* ---- values without an option's own parser ---- */

static void read_widths(const char *text)
{
    const struct sizes hidden = read_hidden(NULL, text), all = layer_widths(7, &hidden, 9);
    fuzz_expect(all.count == hidden.count + 2 && all.count <= WIDTHS_MAX);
    for (size_t i = 0; i < all.count; i++)
        fuzz_expect(all.values[i] && all.values[i] <= INT32_MAX);
    fuzz_expect(all.values[0] == 7 && all.values[all.count - 1] == 9);
}

static void read_changes(const char *text)
{
    const struct clm_augmentation changes = read_augmentation(NULL, text);
    fuzz_expect(changes.mixup >= 0 && isfinite(changes.mixup) && changes.noise >= 0 &&
                isfinite(changes.noise));
    fuzz_expect(changes.flip || changes.shift || changes.cutout || changes.mixup > 0 || changes.noise > 0);
}

static void read_rest(const char *text)
{
    switch (strlen(text) % 6) {
    case 0:
        fuzz_expect(read_count(NULL, "--n", text, 3) >= 3);
        break;
    case 1:
        fuzz_expect(read_bytes(NULL, "--n", text));
        break;
    case 2:
        fuzz_expect(isfinite(read_number(NULL, "--n", text)));
        break;
    case 3: {
        const double momentum = read_momentum(NULL, "--n", text);
        fuzz_expect(momentum >= 0 && momentum < 1);
        break;
    }
    case 4:
        fuzz_expect(*read_init(NULL, text));
        break;
    default:
        fuzz_expect(read_part(NULL, text) <= CLM_TEST);
        fuzz_expect(read_standardise(NULL, text) <= CLM_STANDARDISE_FEATURE);
    }
}

static void (*const readers[])(const char *) = {read_widths, read_changes, read_rest};
static const char *const reader_names[] = {"hidden", "augment", "rest"};

/* ---- options with one ---- */

static struct input {
    struct clm_data_options data;
    struct device_choice device;
    struct memory_limits memory;
} input;

static const struct {
    const struct argp *argp;
    void *input;
} groups[] = {
    {&data_arguments, &input.data}, {&device_arguments, &input.device}, {&memory_arguments, &input.memory}};

static void read_option(const char *name, char *value)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (!strcmp(name, reader_names[i]))
            readers[i](value);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        struct argp_state state = {.input = groups[g].input};
        for (const struct argp_option *o = groups[g].argp->options; o->name || o->doc; o++)
            if (o->name && !strcmp(name, o->name))
                fuzz_expect(groups[g].argp->parser(o->key, value, &state) == 0);
    }
}

static void look_at(void)
{
    const struct clm_data_options *const data = &input.data;
    fuzz_expect(data->validation >= 0 && isfinite(data->validation));
    fuzz_expect(data->resize_width <= 8192 && !data->resize_width == !data->resize_height);
    fuzz_expect(data->channels <= 3 && data->channels != 2);
    fuzz_expect((unsigned)data->validation_by <= CLM_SPLIT_STRATIFIED);
    limit_memory(&input.memory, &input.data, &input.device.options);
    fuzz_expect(!input.memory.host == !input.data.memory);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    static char text[4096];
    char *rest = text;
    snprintf(text, sizeof text, "%.*s", (int)(size < sizeof text ? size : sizeof text - 1),
             size ? (const char *)bytes : "");
    input = (struct input){0};
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *const value = strchr(line, ' ');
        if (!value)
            continue;
        *value = '\0';
        if (!setjmp(complaint))
            read_option(line, value + 1);
    }
    look_at();
    return 0;
}
