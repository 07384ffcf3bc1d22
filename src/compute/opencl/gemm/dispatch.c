#include "compute/opencl/gemm/dispatch.h"

#include "base/size.h"
#include "compute/opencl/opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- providers ---- */

static void close_provider(struct dispatch *d, size_t p)
{
    if (d->states[p] == PROVIDER_OPEN && d->providers[p].operations->close)
        d->providers[p].operations->close(&d->providers[p]);
    d->states[p] = PROVIDER_DROPPED;
}

/* Closes a provider and takes its products away. */
static void drop(struct dispatch *d, size_t p, const char *why)
{
    struct clm_backend *const be = d->providers[p].backend;
    char sentence[sizeof(struct clm_error)];
    snprintf(sentence, sizeof sentence, "%s is not used on %s: %s", d->candidates[p].operations->name,
             be->device, why);
    if (be->on_note)
        be->on_note(be->note_user, sentence);
    close_provider(d, p);
    for (size_t i = d->assigned; i-- > 0;)
        if (d->table[i].provider == p)
            d->table[i] = d->table[--d->assigned];
}

static clm_status open_provider(struct dispatch *d, size_t p, struct clm_error *error)
{
    struct gemm_provider *const provider = &d->providers[p];
    clm_status status = CLM_OK;
    if (d->states[p] == PROVIDER_DROPPED)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s is not used on %s", d->candidates[p].operations->name,
                        provider->backend->device);
    if (d->states[p] == PROVIDER_CLOSED && provider->operations->open)
        status = provider->operations->open(provider, error);
    if (status == CLM_OK)
        d->states[p] = PROVIDER_OPEN;
    return status;
}

/* The first provider that opens, or NO_PROVIDER; drops those that do not open. */
static size_t first_open(struct dispatch *d)
{
    for (size_t p = 0; p < d->count; p++) {
        struct clm_error why = {0};
        if (d->states[p] == PROVIDER_DROPPED)
            continue;
        if (open_provider(d, p, &why) == CLM_OK)
            return p;
        drop(d, p, why.message);
    }
    return NO_PROVIDER;
}

clm_status dispatch_create(const struct gemm_provider *like, const char *gemm, struct dispatch *out,
                           struct clm_error *error)
{
    const struct clm_device *const about = &like->device->about;
    const bool is_auto = !gemm || !strcmp(gemm, "auto");
    const struct gemm_candidate *const named = is_auto                    ? NULL
                                               : !strcmp(gemm, "default") ? gemm_candidate_first(about)
                                                                          : gemm_candidate_for(gemm, about);
    *out = (struct dispatch){.count = gemm_candidate_count, .only = NO_PROVIDER};
    if (!is_auto && !named)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "gemm",
                                "no provider of products is called %s on %s; take auto or clblast", gemm,
                                about->name);
    for (size_t p = 0; p < out->count; p++) {
        out->candidates[p] = gemm_candidates[p];
        out->providers[p] = *like;
        out->providers[p].operations = gemm_candidates[p].operations;
        if (named == &gemm_candidates[p])
            out->only = p;
        else if (named || !gemm_candidates[p].suits(about))
            out->states[p] = PROVIDER_DROPPED;
    }
    return named ? open_provider(out, out->only, error) : CLM_OK;
}

void dispatch_borrow(const struct dispatch *from, size_t provider, struct clm_backend *be,
                     struct dispatch *out)
{
    *out = (struct dispatch){.count = from->count, .only = provider, .is_borrowed = true};
    memcpy(out->candidates, from->candidates, sizeof out->candidates);
    memcpy(out->providers, from->providers, sizeof out->providers);
    for (size_t p = 0; p < out->count; p++)
        out->states[p] = p == provider ? PROVIDER_OPEN : PROVIDER_DROPPED;
    out->providers[provider].backend = be;
}

void dispatch_free(struct dispatch *dispatch)
{
    for (size_t p = 0; p < dispatch->count && !dispatch->is_borrowed; p++)
        close_provider(dispatch, p);
    free(dispatch->table);
    dispatch->table = NULL;
    dispatch->assigned = 0;
}

/* ---- the table ---- */

void *product_nearest(void *entries, size_t count, size_t size, const struct product_key *key)
{
    void *found = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        void *const entry = (unsigned char *)entries + i * size;
        const struct product_key *const k = entry;
        const size_t distance = k->B > key->B ? k->B - key->B : key->B - k->B;
        if (k->product == key->product && k->I == key->I && k->O == key->O && distance < least) {
            found = entry;
            least = distance;
        }
    }
    return found;
}

static struct assignment *nearest(const struct dispatch *d, const struct product_key *key)
{
    return product_nearest(d->table, d->assigned, sizeof *d->table, key);
}

/* The assigned provider. Without an assignment, the first provider that opens; if none opens, the last one,
 * which then fails. */
static size_t provider_for(struct dispatch *d, const struct product_key *key)
{
    const struct assignment *const assigned = nearest(d, key);
    if (d->only != NO_PROVIDER)
        return d->only;
    return assigned ? assigned->provider : size_min(first_open(d), d->count - 1);
}

/* ---- what the backend asks ---- */

static size_t panel_of(const struct dispatch *d, size_t p, size_t B, size_t I, size_t O)
{
    const struct gemm_provider *const provider = &d->providers[p];
    return d->states[p] == PROVIDER_OPEN && provider->operations->panel
               ? provider->operations->panel(provider, B, I, O)
               : 0;
}

bool dispatch_knows(const struct dispatch *dispatch, size_t I, size_t O)
{
    const struct product_key any = {.I = I, .O = O};
    return dispatch->only != NO_PROVIDER || nearest(dispatch, &any);
}

/* Asks dropped providers, too, because the answer must not change for a net that exists already. */
bool dispatch_takes_step(const struct dispatch *dispatch, enum rule rule)
{
    for (size_t p = 0; p < dispatch->count; p++) {
        const struct gemm_operations *const operations = dispatch->candidates[p].operations;
        if ((dispatch->only == NO_PROVIDER || dispatch->only == p) && operations->takes_step &&
            !operations->takes_step(rule))
            return false;
    }
    return true;
}

size_t dispatch_panel(struct dispatch *dispatch, size_t B, size_t I, size_t O)
{
    const struct product_key update = {PRODUCT_UPDATE, B, I, O};
    return panel_of(dispatch, provider_for(dispatch, &update), B, I, O);
}

/* If the weights have another layout than the provider wants, takes the first open provider that wants
 * theirs. */
struct gemm_provider *dispatch_take(struct dispatch *dispatch, enum product product, const struct tensor *W,
                                    size_t B)
{
    const struct product_key key = {product, B, W->columns, W->rows};
    size_t taken = provider_for(dispatch, &key);
    for (size_t p = 0; p < dispatch->count && panel_of(dispatch, taken, B, key.I, key.O) != W->panel; p++)
        if (dispatch->states[p] == PROVIDER_OPEN && panel_of(dispatch, p, B, key.I, key.O) == W->panel)
            taken = p;
    dispatch->providers[taken].workspace = dispatch->workspace;
    return &dispatch->providers[taken];
}

clm_status dispatch_workspace(struct dispatch *dispatch, size_t B, size_t I, size_t O, size_t *bytes,
                              struct clm_error *error)
{
    const struct tensor W = {.rows = O, .columns = I, .panel = dispatch_panel(dispatch, B, I, O)};
    clm_status status = CLM_OK;
    *bytes = 0;
    for (int p = 0; p < PRODUCT_COUNT && status == CLM_OK; p++) {
        struct gemm_provider *const provider = dispatch_take(dispatch, (enum product)p, &W, B);
        size_t needed = 0;
        if (provider->operations->workspace)
            status = provider->operations->workspace(provider, B, I, O, &needed, error);
        *bytes = size_max(*bytes, needed);
    }
    return status;
}

clm_status dispatch_build(struct dispatch *dispatch, const struct gemm_layer *layer, struct clm_error *error)
{
    clm_status status = CLM_OK;
    bool takes[PROVIDERS_MOST] = {false};
    for (int product = 0; product < PRODUCT_COUNT; product++)
        takes[provider_for(dispatch, &(const struct product_key){(enum product)product, layer->B, layer->I,
                                                                 layer->O})] = true;
    for (size_t i = 0; i < dispatch->assigned; i++) {
        const struct assignment *const other = &dispatch->table[i]; /* may be that of a smaller last batch */
        if (other->key.I == layer->I && other->key.O == layer->O && dispatch->only == NO_PROVIDER)
            takes[other->provider] = true;
    }
    for (size_t p = 0; status == CLM_OK && p < dispatch->count; p++) {
        struct gemm_provider *const provider = &dispatch->providers[p];
        if (takes[p] && dispatch->states[p] == PROVIDER_OPEN && provider->operations->build)
            status = provider->operations->build(provider, layer, error);
    }
    return status;
}

/* ---- compute/providers.h ---- */

static const struct dispatch *dispatch_of(const struct clm_backend *be)
{
    return &((const struct opencl_backend *)be)->dispatch;
}

size_t providers_count(const struct clm_backend *be)
{
    return be->operations == &opencl_operations ? dispatch_of(be)->count : 0;
}

const char *provider_name(const struct clm_backend *be, size_t provider)
{
    return dispatch_of(be)->candidates[provider].operations->name;
}

bool provider_is_slow_to_build(const struct clm_backend *be, size_t provider)
{
    return dispatch_of(be)->candidates[provider].is_slow_to_build;
}

size_t provider_of_all(const struct clm_backend *be)
{
    return dispatch_of(be)->only;
}

clm_status providers_fail(const struct clm_backend *be, struct clm_error *error)
{
    char changed[600];
    clm_kernel_files_changed(changed, sizeof changed);
    if (changed[0])
        return clm_fail_setting(
            error, CLM_ERROR_WRONG, "device",
            "every provider multiplies wrongly on %s; %s: correct it, or unset CLMLP_KERNEL_DIR", be->device,
            changed);
    return clm_fail_setting(
        error, CLM_ERROR_WRONG, "device",
        "%s multiplies wrongly with every provider; it is not used. Update its driver, or choose another device",
        be->device);
}

clm_status provider_of_rest(struct clm_backend *be, size_t *provider, struct clm_error *error)
{
    struct dispatch *const dispatch = &self(be)->dispatch;
    *provider = dispatch->only == NO_PROVIDER ? first_open(dispatch) : dispatch->only;
    return *provider == NO_PROVIDER ? providers_fail(be, error) : CLM_OK;
}

bool provider_is_usable(const struct clm_backend *be, size_t provider)
{
    return dispatch_of(be)->states[provider] != PROVIDER_DROPPED;
}

clm_status provider_open(struct clm_backend *be, size_t provider, struct clm_error *error)
{
    return open_provider(&self(be)->dispatch, provider, error);
}

size_t provider_panel(const struct clm_backend *be, size_t provider, size_t B, size_t I, size_t O)
{
    return panel_of(dispatch_of(be), provider, B, I, O);
}

clm_status provider_assign(struct clm_backend *be, const struct product_key *key, size_t provider,
                           struct clm_error *error)
{
    struct dispatch *const d = &self(be)->dispatch;
    struct assignment *entry = nearest(d, key);
    const clm_status status = open_provider(d, provider, error);
    if (status != CLM_OK)
        return status;
    if (!entry || entry->key.B != key->B) {
        if (!array_resize(&d->table, d->assigned + 1, sizeof *d->table))
            return clm_fail_host_memory(error, "the table of providers",
                                        (d->assigned + 1) * sizeof *d->table);
        entry = &d->table[d->assigned++];
    }
    *entry = (struct assignment){*key, provider};
    return CLM_OK;
}

bool provider_assigned(const struct clm_backend *be, size_t index, struct assignment *out)
{
    if (!providers_count(be) || index >= dispatch_of(be)->assigned)
        return false;
    *out = dispatch_of(be)->table[index];
    return true;
}

void provider_drop(struct clm_backend *be, size_t provider, const char *why)
{
    drop(&self(be)->dispatch, provider, why);
}

size_t clm_gemm_names(const struct clm_backend *backend, const char **names, size_t most)
{
    const struct opencl_backend *const own = (const struct opencl_backend *)backend;
    size_t count = 0;
    if (backend && backend->operations != &opencl_operations)
        return 0;
    for (size_t c = 0; c < gemm_candidate_count && count < most; c++)
        if (!own || gemm_candidates[c].suits(&own->device.about))
            names[count++] = gemm_candidates[c].operations->name;
    return count;
}

bool clm_gemm_is_slow_to_build(const char *name)
{
    const struct gemm_candidate *const candidate = gemm_candidate_named(name);
    return candidate && candidate->is_slow_to_build;
}
