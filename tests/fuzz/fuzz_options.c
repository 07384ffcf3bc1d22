/* Options: lines with a setting's name, a space and its value; and the whole input as a file of settings. */
#include "fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const commands[] = {"train", "gradcheck", "bench", "verify", "doctor", "data convert"};

static void look_at_nets(const struct clm_settings *settings, const char *name)
{
    const size_t *net;
    size_t nets = 0, sizes;
    for (; (net = clm_settings_net(settings, name, nets, &sizes)); nets++)
        for (size_t i = 0; i < sizes; i++)
            fuzz_expect(net[i] && net[i] <= INT32_MAX);
    fuzz_expect(nets && !sizes);
}

/* An accepted value must have its type and be within its limits. */
static void look_at(const struct clm_settings *settings, const struct clm_setting *setting)
{
    const char *const name = setting->name, *const text = clm_settings_text(settings, name);
    const uint64_t count = clm_settings_count(settings, name);
    const double number = clm_settings_number(settings, name);
    const char *names[64];
    size_t sizes;
    const size_t *const list = clm_settings_sizes(settings, name, &sizes);
    const struct clm_augmentation *const changes = clm_settings_augmentation(settings, name);
    if (!text)
        return;
    fuzz_expect(*text);
    if (setting->type == CLM_SETTING_COUNT)
        fuzz_expect((double)count >= setting->least && (double)count <= setting->most);
    if (setting->type == CLM_SETTING_NUMBER)
        fuzz_expect(setting->is_above ? number > setting->least : number >= setting->least);
    if (setting->type == CLM_SETTING_NUMBER)
        fuzz_expect(isfinite(number) &&
                    (setting->is_below ? number < setting->most : number <= setting->most));
    if (setting->type == CLM_SETTING_SHARE)
        fuzz_expect(isnan(number) || (number >= 0 && isfinite(number))); /* NaN: a path */
    if (setting->type == CLM_SETTING_BYTES)
        fuzz_expect(count);
    if (setting->type == CLM_SETTING_DURATION)
        fuzz_expect(number > 0 && isfinite(number));
    if (setting->type == CLM_SETTING_INTERVAL)
        fuzz_expect(count ? number == 0 : number > 0 ? isfinite(number) : !strcmp(text, "never"));
    if (setting->type == CLM_SETTING_FLAG)
        fuzz_expect(count <= 1);
    if (setting->type == CLM_SETTING_CHOICE)
        fuzz_expect(count < clm_setting_choices(setting, names, 64) + !setting->otherwise);
    if (setting->type == CLM_SETTING_CHOICES)
        fuzz_expect(count && count < UINT64_C(1) << clm_setting_choices(setting, names, 64));
    if (setting->type == CLM_SETTING_SIZES)
        fuzz_expect(sizes);
    if (setting->type == CLM_SETTING_NETS)
        look_at_nets(settings, name);
    if (setting->type == CLM_SETTING_EXTENT)
        fuzz_expect(sizes == 2);
    for (size_t i = 0; i < sizes; i++)
        fuzz_expect(list[i] && list[i] <= INT32_MAX);
    fuzz_expect(changes->mixup >= 0 && isfinite(changes->mixup) && changes->noise >= 0 &&
                isfinite(changes->noise));
}

static void look_at_all(const char *command, const struct clm_settings *settings)
{
    const struct clm_setting *setting;
    for (size_t i = 0; (setting = clm_setting_at(command, i)); i++)
        look_at(settings, setting);
}

/* An accepted value is accepted again, and gives the same. */
static void set(struct clm_settings *settings, const char *name, const char *text)
{
    struct clm_error error = {0};
    const clm_status status = clm_settings_set(settings, name, text, &error);
    if (status != CLM_OK) {
        fuzz_expect(status == CLM_ERROR_ARGUMENT);
        fuzz_expect_sentence(&error, status, NULL);
        return;
    }
    char *const first = strdup(clm_settings_text(settings, name));
    fuzz_expect(first && clm_settings_set(settings, name, first, &error) == CLM_OK);
    fuzz_expect(!strcmp(clm_settings_text(settings, name), first));
    free(first);
}

static void set_lines(const char *command, const unsigned char *bytes, size_t size)
{
    char text[4096], *rest = text;
    struct clm_settings *settings;
    snprintf(text, sizeof text, "%.*s", (int)(size < sizeof text ? size : sizeof text - 1),
             size ? (const char *)bytes : "");
    fuzz_expect(clm_settings_create(command, &settings, NULL) == CLM_OK);
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *const value = strchr(line, ' ');
        if (value)
            *value = '\0';
        set(settings, line, value ? value + 1 : "on");
    }
    look_at_all(command, settings);
    clm_settings_free(settings);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    const char *const path = fuzz_file(0, bytes, size);
    struct clm_settings *settings;
    struct clm_error error = {0};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        set_lines(commands[i], bytes, size);
    fuzz_expect(clm_settings_create("train", &settings, NULL) == CLM_OK);
    const clm_status status = clm_settings_read(settings, path, &error);
    if (status != CLM_OK)
        fuzz_expect_sentence(&error, status, path);
    look_at_all("train", settings);
    clm_settings_free(settings);
    return 0;
}
