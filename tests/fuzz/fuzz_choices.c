/* The file of chosen providers in the user's cache directory. Its key, with a hash of the kernels, replaces
 * "KEY", so that a corpus survives changes. */
#include "fuzz/fuzz.h"

#include "tune/choices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MARK "\"KEY\""

static const char *const names[] = {"native", "clblast", "tiled"};
enum { NAMES = sizeof names / sizeof *names };

static struct fuzz_part with_key(const char *key, struct fuzz_part input)
{
    static unsigned char text[1 << 16];
    const unsigned char *const mark = input.size ? memmem(input.bytes, input.size, MARK, strlen(MARK)) : NULL;
    if (!mark || input.size + strlen(key) > sizeof text)
        return input;
    const size_t before = (size_t)(mark - input.bytes), after = input.size - before - strlen(MARK);
    memcpy(text, input.bytes, before);
    memcpy(text + before, key, strlen(key));
    memcpy(text + before + strlen(key), mark + strlen(MARK), after);
    return (struct fuzz_part){text, before + strlen(key) + after};
}

static bool parse(json_t *key, struct fuzz_part text, struct choices *out)
{
    struct clm_error error = {0};
    bool is_good;
    *out = (struct choices){.names = names, .name_count = NAMES};
    fuzz_expect(choices_parse(out, key, text.bytes, text.size, &is_good, &error) == CLM_OK);
    fuzz_expect(is_good || !out->count);
    return is_good;
}

static void look_at(const struct choices *choices)
{
    for (size_t i = 0; i < choices->count; i++) {
        const struct choice *const c = &choices->entries[i];
        bool is_known = false;
        for (size_t n = 0; n < NAMES; n++) {
            const struct measurement *const measured = &c->measured[n];
            is_known = is_known || c->provider == n;
            fuzz_expect(isfinite(measured->milliseconds) && measured->milliseconds >= 0);
            fuzz_expect(measured->is_right || (measured->milliseconds == 0 && c->provider != n));
            fuzz_expect(measured->proved == (c->provider == n ? LAYER_MOMENTUM : LAYER_UNPROVED));
        }
        fuzz_expect(is_known && c->key.product < PRODUCT_COUNT && c->key.B && c->key.I && c->key.O);
        fuzz_expect(choices_find(choices, &c->key) == c);
        fuzz_expect(choices_nearest(choices, &c->key) == c);
    }
}

static void expect_same(const struct choices *a, const struct choices *b)
{
    fuzz_expect(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct choice *const x = &a->entries[i], *const y = &b->entries[i];
        fuzz_expect(x->key.product == y->key.product && x->key.B == y->key.B && x->key.I == y->key.I &&
                    x->key.O == y->key.O && x->provider == y->provider);
        for (size_t n = 0; n < NAMES; n++)
            fuzz_expect(x->measured[n].is_right == y->measured[n].is_right &&
                        x->measured[n].milliseconds == y->measured[n].milliseconds);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    static const struct clm_device device = {.name = "device", .driver = "1", .platform_name = "platform"};
    static json_t *key;
    static char *key_text;
    struct choices choices, again;
    if (!key)
        key_text = json_dumps(key = choices_key(&device), JSON_COMPACT);
    const bool is_good = parse(key, with_key(key_text, (struct fuzz_part){bytes, size}), &choices);
    char *const text = choices_text(&choices, key);
    look_at(&choices);
    if (is_good) {
        fuzz_expect(text);
        fuzz_expect(parse(key, (struct fuzz_part){(unsigned char *)text, strlen(text)}, &again));
        expect_same(&choices, &again);
        choices_free(&again);
    }
    free(text);
    choices_free(&choices);
    return 0;
}
