#include "tune/choices.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIALS    2 /* version of how providers are tried; results of other versions do not count */
#define FORMAT    1 /* a number of the file's format; a file with another one is not read */
#define FILE_MOST ((size_t)(2 << 20)) /* bytes */

static const char *const product_names[PRODUCT_COUNT] = {"forward", "backward_input", "update"};

const char *choices_product_name(enum product product)
{
    return product_names[product];
}

/* ---- the key of a file ---- */

json_t *choices_key(const struct clm_device *device)
{
    const struct products_identity products = products_identity();
    const uint64_t hashes[] = {products.kernels, products.clblast, products.settings};
    char texts[3][17];
    for (size_t i = 0; i < 3; i++)
        snprintf(texts[i], sizeof texts[i], "%016" PRIx64, hashes[i]);
    return json_pack("{ss? ss? ss? ss? ss si ss ss ss}", "device", device->name, "driver", device->driver,
                     "platform", device->platform_name, "platform_version", device->platform_version,
                     "program", clm_version(), "trials", TRIALS, "kernels", texts[0], "clblast", texts[1],
                     "settings", texts[2]);
}

/* ${XDG_CACHE_HOME:-~/.cache}/clmlp, which the caller frees; NULL if there is neither. NULL, too, if kernels
 * come from a folder, since they may change under the same name. */
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
        snprintf(name, sizeof name, "gemm-%016" PRIx64 ".json", hash_add(HASH_START, text, strlen(text)));
        path = path_join(directory, name);
    }
    free(text);
    json_decref(key);
    free(directory);
    return path;
}

/* ---- a list of choices ---- */

struct choice *choices_nearest(const struct choices *choices, const struct product_key *key)
{
    return product_nearest(choices->entries, choices->count, sizeof *choices->entries, key);
}

struct choice *choices_find(const struct choices *choices, const struct product_key *key)
{
    struct choice *const nearest = choices_nearest(choices, key);
    return nearest && nearest->key.B == key->B ? nearest : NULL;
}

clm_status choices_put(struct choices *choices, const struct choice *choice, struct clm_error *error)
{
    struct choice *const found = choices_find(choices, &choice->key);
    if (found) {
        *found = *choice;
        return CLM_OK;
    }
    if (!array_resize(&choices->entries, choices->count + 1, sizeof *choice))
        return clm_fail_host_memory(error, "the choice of products", (choices->count + 1) * sizeof *choice);
    choices->entries[choices->count++] = *choice;
    return CLM_OK;
}

void choices_free(struct choices *choices)
{
    free(choices->entries);
    free(choices->path);
    *choices = (struct choices){0};
}

/* ---- reading ---- */

/* NO_PROVIDER if no provider has that name. */
static size_t known_name(const struct choices *choices, const char *name)
{
    for (size_t p = 0; p < choices->name_count; p++)
        if (!strcmp(choices->names[p], name))
            return p;
    return NO_PROVIDER;
}

/* The entry has times of the providers that are right, and of no other. */
static bool read_measurements(const struct choices *choices, json_t *measured, struct choice *out)
{
    for (size_t p = 0; p < choices->name_count; p++) {
        json_t *const time = json_object_get(measured, choices->names[p]);
        out->measured[p] =
            (struct measurement){.is_right = time != NULL, .milliseconds = json_number_value(time)};
        if (time && !(json_is_number(time) && out->measured[p].milliseconds >= 0))
            return false;
    }
    return true;
}

/* Returns false if this program does not write such entries. The chosen provider has proved right at the
 * exact size. */
static bool read_entry(const struct choices *choices, json_t *entry, struct choice *out)
{
    const char *product = NULL, *provider = NULL;
    json_t *measured = NULL;
    json_int_t B = 0, I = 0, O = 0;
    if (json_unpack(entry, "{ss sI sI sI ss so}", "product", &product, "batch", &B, "inputs", &I, "outputs",
                    &O, "candidate", &provider, "milliseconds", &measured) ||
        B <= 0 || I <= 0 || O <= 0 || !json_is_object(measured))
        return false;
    *out = (struct choice){.key = {PRODUCT_COUNT, (size_t)B, (size_t)I, (size_t)O},
                           .provider = known_name(choices, provider)};
    for (int p = 0; p < PRODUCT_COUNT; p++)
        if (!strcmp(product, product_names[p]))
            out->key.product = (enum product)p;
    if (out->provider == NO_PROVIDER || out->key.product == PRODUCT_COUNT ||
        !read_measurements(choices, measured, out))
        return false;
    out->measured[out->provider].is_right = true;
    out->measured[out->provider].proved = LAYER_MOMENTUM;
    return true;
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

/* NULL if memory runs out. */
static json_t *describe_choice(const struct choices *choices, const struct choice *c)
{
    json_t *const measured = json_object();
    for (size_t p = 0; p < choices->name_count; p++)
        if (c->measured[p].is_right &&
            json_object_set_new(measured, choices->names[p], json_real(c->measured[p].milliseconds))) {
            json_decref(measured);
            return NULL;
        }
    return json_pack("{ss sI sI sI ss so}", "product", choices_product_name(c->key.product), "batch",
                     (json_int_t)c->key.B, "inputs", (json_int_t)c->key.I, "outputs", (json_int_t)c->key.O,
                     "candidate", choices->names[c->provider], "milliseconds", measured);
}

/* Other runs may use the layer for anything, so only what is proved for every use is kept. */
static bool is_to_be_kept(const struct choice *c)
{
    return c->provider != NO_PROVIDER && c->measured[c->provider].proved == LAYER_MOMENTUM;
}

char *choices_text(const struct choices *choices, json_t *key)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < choices->count; i++)
        if (is_to_be_kept(&choices->entries[i]) &&
            json_array_append_new(list, describe_choice(choices, &choices->entries[i]))) {
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
