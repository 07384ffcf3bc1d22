#include "compute/opencl/choices.h"

#include "base/file.h"
#include "compute/opencl/program.h"

#include <clblast_c.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIALS    2 /* of what was found right by an earlier kind of trial nothing is known */
#define FORMAT    1 /* of the file; one of another number is not read */
#define FILE_MOST ((size_t)(2 << 20)) /* bytes */

static const char *const product_names[PRODUCT_COUNT] = {"forward", "backward_input", "update"};

/* ---- what a file is for ---- */

static uint64_t hash(uint64_t seed, const void *bytes, size_t size) /* FNV-1a */
{
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return seed;
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

static uint64_t hash_kernels(void)
{
    uint64_t kernels = HASH_START;
    for (const struct kernel_source *source = kernel_sources; source->name; source++)
        kernels = hash(kernels, source->text, source->size);
    return kernels;
}

/* CLBlast does not tell its version: its file's size and time stand for it. */
static uint64_t hash_clblast(void)
{
    Dl_info library;
    struct stat about;
    const uint64_t start = HASH_START;
    if (!dladdr((const void *)(uintptr_t)CLBlastSgemm, &library) || !library.dli_fname ||
        stat(library.dli_fname, &about))
        return start;
    const int64_t identity[] = {(int64_t)about.st_size, (int64_t)about.st_mtim.tv_sec};
    return hash(hash(start, library.dli_fname, strlen(library.dli_fname)), identity, sizeof identity);
}

/* Of an environment variable, "NAME=VALUE": may it change what a driver's compiler makes? Where it keeps that does not. */
static bool is_setting_of_a_driver(const char *variable)
{
    static const char *const prefixes[] = {"POCL_", "RUSTICL_", "LP_", "GALLIUM_", "MESA_", "NIR_",
                                           "CUDA_", "IGC_",     "NEO", "AMD_",     "GPU_",  "HSA_"};
    if (strstr(variable, "_CACHE"))
        return false;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(variable, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

/* In any order, for that of the environment means nothing. */
static uint64_t hash_settings(void)
{
    uint64_t settings = 0;
    for (char **variable = environ; variable && *variable; variable++)
        if (is_setting_of_a_driver(*variable))
            settings ^= hash(HASH_START, *variable, strlen(*variable));
    return settings;
}

json_t *choices_key(const struct clm_device *device)
{
    const uint64_t hashes[] = {hash_kernels(), hash_clblast(), hash_settings()};
    char texts[3][17];
    for (size_t i = 0; i < 3; i++)
        snprintf(texts[i], sizeof texts[i], "%016" PRIx64, hashes[i]);
    return json_pack("{ss? ss? ss? ss? ss si ss ss ss}", "device", device->name, "driver", device->driver,
                     "platform", device->platform_name, "platform_version", device->platform_version,
                     "program", clm_version(), "trials", TRIALS, "kernels", texts[0], "clblast", texts[1],
                     "settings", texts[2]);
}

/* ${XDG_CACHE_HOME:-~/.cache}/clmlp, to be freed; NULL where there is neither, or kernels come from a folder, which
 * may change under the same name. */
static char *cache_directory(void)
{
    const char *const cache = getenv("XDG_CACHE_HOME"), *const home = getenv("HOME");
    if (getenv("CLMLP_KERNEL_DIR"))
        return NULL;
    if (cache && *cache == '/')
        return path_join(cache, "clmlp");
    return home && *home ? path_join(home, ".cache/clmlp") : NULL;
}

static char *path_of(const struct clm_device *device)
{
    char name[64], *path = NULL, *const directory = cache_directory();
    json_t *const key = choices_key(device);
    char *const text = key ? json_dumps(key, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text && directory) {
        snprintf(name, sizeof name, "gemm-%016" PRIx64 ".json", hash(HASH_START, text, strlen(text)));
        path = path_join(directory, name);
    }
    free(text);
    json_decref(key);
    free(directory);
    return path;
}

/* ---- a list of choices ---- */

static bool is_of_layer(const struct choice *c, enum product product, size_t I, size_t O)
{
    return c->product == product && c->I == I && c->O == O;
}

struct choice *choices_entry(struct choices *choices, enum product product, size_t B, size_t I, size_t O)
{
    for (size_t i = 0; i < choices->count; i++)
        if (is_of_layer(&choices->entries[i], product, I, O) && choices->entries[i].B == B)
            return &choices->entries[i];
    return NULL;
}

const struct choice *choices_find(const struct choices *choices, enum product product, size_t B, size_t I,
                                  size_t O)
{
    struct choices all = *choices;
    return choices_entry(&all, product, B, I, O);
}

const struct choice *choices_nearest(const struct choices *choices, enum product product, size_t B, size_t I,
                                     size_t O)
{
    const struct choice *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < choices->count; i++) {
        const struct choice *const c = &choices->entries[i];
        const size_t distance = c->B > B ? c->B - B : B - c->B;
        if (is_of_layer(c, product, I, O) && distance < least) {
            nearest = c;
            least = distance;
        }
    }
    return nearest;
}

clm_status choices_put(struct choices *choices, const struct choice *choice, struct clm_error *error)
{
    for (size_t i = 0; i < choices->count; i++)
        if (is_of_layer(&choices->entries[i], choice->product, choice->I, choice->O) &&
            choices->entries[i].B == choice->B) {
            choices->entries[i] = *choice;
            return CLM_OK;
        }
    struct choice *const entries = realloc(choices->entries, (choices->count + 1) * sizeof *entries);
    if (!entries)
        return clm_fail_host_memory(error, "the choice of products", (choices->count + 1) * sizeof *entries);
    choices->entries = entries;
    entries[choices->count++] = *choice;
    return CLM_OK;
}

void choices_free(struct choices *choices)
{
    free(choices->entries);
    free(choices->path);
    *choices = (struct choices){0};
}

/* ---- reading ---- */

static const char *known_name(const struct choices *choices, const char *name)
{
    for (size_t i = 0; i < choices->name_count; i++)
        if (!strcmp(choices->names[i], name))
            return choices->names[i];
    return NULL;
}

/* false where the entry is not one that this program writes. */
static bool read_entry(const struct choices *choices, json_t *entry, struct choice *out)
{
    const char *product = NULL, *candidate = NULL;
    json_t *measured = NULL;
    json_int_t B = 0, I = 0, O = 0;
    if (json_unpack(entry, "{ss sI sI sI ss so}", "product", &product, "batch", &B, "inputs", &I, "outputs",
                    &O, "candidate", &candidate, "milliseconds", &measured) ||
        B <= 0 || I <= 0 || O <= 0 || !json_is_object(measured))
        return false;
    *out = (struct choice){.product = PRODUCT_COUNT,
                           .B = (size_t)B,
                           .I = (size_t)I,
                           .O = (size_t)O,
                           .is_proved = true,
                           .candidate = known_name(choices, candidate)};
    for (int p = 0; p < PRODUCT_COUNT; p++)
        if (!strcmp(product, product_names[p]))
            out->product = (enum product)p;
    bool is_good = out->candidate && out->product != PRODUCT_COUNT;
    for (size_t i = 0; i < choices->name_count; i++) {
        out->milliseconds[i] = json_number_value(json_object_get(measured, choices->names[i]));
        is_good = is_good && out->milliseconds[i] >= 0;
    }
    return is_good;
}

clm_status choices_parse(struct choices *choices, const json_t *key, const void *bytes, size_t size,
                         bool *is_good, struct clm_error *error)
{
    json_t *const root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL),
                  *const list = json_object_get(root, "choices"), *entry;
    clm_status status = CLM_OK;
    struct choice choice;
    size_t at;
    *is_good = json_integer_value(json_object_get(root, "format")) == FORMAT &&
               json_equal(json_object_get(root, "key"), key) && json_is_array(list);
    json_array_foreach(list, at, entry)
    {
        *is_good = *is_good && read_entry(choices, entry, &choice);
        if (*is_good && status == CLM_OK)
            status = choices_put(choices, &choice, error);
    }
    if (!*is_good)
        choices->count = 0;
    json_decref(root);
    return status;
}

clm_status choices_load(const struct clm_device *device, const char *const *names, size_t name_count,
                        struct choices *out, struct clm_error *warning, struct clm_error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    bool is_good = false;
    clm_status status = CLM_OK;
    *out = (struct choices){.names = names, .name_count = name_count, .path = path_of(device)};
    *warning = (struct clm_error){0};
    if (!out->path || file_read(out->path, FILE_MOST, &bytes, &size, NULL) != CLM_OK)
        return CLM_OK; /* none yet */
    json_t *const key = choices_key(device);
    if (key)
        status = choices_parse(out, key, bytes, size, &is_good, error);
    if (status == CLM_OK && !is_good)
        clm_fail(warning, CLM_ERROR_FORMAT,
                 "%s is damaged or was written by another program; it is not used, and made anew", out->path);
    json_decref(key);
    free(bytes);
    if (status != CLM_OK)
        choices_free(out);
    return status;
}

/* ---- writing ---- */

/* NULL where there is no memory. */
static json_t *describe(const struct choices *choices, const struct choice *c)
{
    json_t *const measured = json_object();
    for (size_t i = 0; i < choices->name_count; i++)
        if (c->milliseconds[i] > 0 &&
            json_object_set_new(measured, choices->names[i], json_real(c->milliseconds[i]))) {
            json_decref(measured);
            return NULL;
        }
    return json_pack("{ss sI sI sI ss so}", "product", product_names[c->product], "batch", (json_int_t)c->B,
                     "inputs", (json_int_t)c->I, "outputs", (json_int_t)c->O, "candidate", c->candidate,
                     "milliseconds", measured);
}

char *choices_text(const struct choices *choices, json_t *key)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < choices->count; i++)
        if (json_array_append_new(list, describe(choices, &choices->entries[i]))) {
            json_decref(list);
            list = NULL;
        }
    json_t *const root = json_pack("{si sO so}", "format", FORMAT, "key", key, "choices", list);
    char *const text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    return text;
}

clm_status choices_save(const struct choices *choices, const struct clm_device *device,
                        struct clm_error *error)
{
    if (!choices->path)
        return CLM_OK;
    char *const directory = strdup(choices->path), *const slash = directory ? strrchr(directory, '/') : NULL;
    json_t *const key = choices_key(device);
    char *const text = key ? choices_text(choices, key) : NULL;
    clm_status status = text && slash ? CLM_OK : clm_fail_host_memory(error, choices->path, choices->count);
    if (slash)
        *slash = '\0';
    if (status == CLM_OK && (status = directory_make(directory, NULL, error)) == CLM_OK)
        status = clm_write_file(choices->path, text, strlen(text), error);
    free(text);
    json_decref(key);
    free(directory);
    return status;
}
