/* What the file of choices keeps, for callers that tell it. */
#include "tune/choices.h"

#include <string.h>

const char *clm_tune_choice(struct clm_backend *backend, const char *product, size_t batch, size_t inputs,
                            size_t outputs)
{
    const char *names[PROVIDERS_MOST], *provider = NULL;
    const size_t count = providers_count(backend);
    struct choices choices = {0};
    struct clm_error ignored;
    for (size_t p = 0; p < count; p++)
        names[p] = provider_name(backend, p);
    if (!count ||
        choices_load(clm_backend_about(backend), names, count, &choices, &ignored, &ignored) != CLM_OK)
        return NULL;
    for (int p = 0; p < PRODUCT_COUNT; p++) {
        const struct product_key key = {(enum product)p, batch, inputs, outputs};
        const struct choice *const kept =
            strcmp(product, choices_product_name((enum product)p)) ? NULL : choices_find(&choices, &key);
        if (kept && kept->provider != NO_PROVIDER)
            provider = names[kept->provider];
    }
    choices_free(&choices);
    return provider;
}
