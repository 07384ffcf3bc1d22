/* Rows of a benchmark: reads and checks them, and finds the systems and nets that they are about. */
#include "cli/bench.h"

#include <math.h>
#include <string.h>
#include <stdlib.h>

#define ROWS_MOST  20000
#define KINDS_MOST 256 /* systems, and nets */

/* Keys whose values tell a system from others. */
static const char *const identity[] = {"system",   "host",   "backend", "device",
                                       "platform", "driver", "gemm",    "version"};
#define IDENTITY_COUNT (sizeof identity / sizeof *identity)

/* ---- values of a row ---- */

static const char *kind_of_value(const json_t *value)
{
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null"};
    return kinds[json_typeof(value)];
}

static clm_status refuse_value(const char *key, const json_t *value, const char *wanted,
                               struct clm_error *error)
{
    if (!value)
        return fail(error, CLM_ERROR_FORMAT, "%s is missing", key);
    if (json_is_number(value))
        return fail(error, CLM_ERROR_FORMAT, "%s is %.9g, not %s", key, json_number_value(value), wanted);
    return fail(error, CLM_ERROR_FORMAT, "%s is %s, not %s", key, kind_of_value(value), wanted);
}

static clm_status need_text(const json_t *json, const char *key, bool is_needed, struct clm_error *error)
{
    const json_t *const value = json_object_get(json, key);
    if (json_is_string(value) || (!is_needed && (!value || json_is_null(value))))
        return CLM_OK;
    return refuse_value(key, value, "a text", error);
}

static clm_status bench_take_number(const json_t *json, const char *key, double *out, struct clm_error *error)
{
    const json_t *const value = json_object_get(json, key);
    *out = json_number_value(value);
    return json_is_number(value) && *out >= 0 && *out < HUGE_VAL
               ? CLM_OK
               : refuse_value(key, value, "a number of at least 0", error);
}

static bool is_count(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 1 && json_integer_value(value) <= INT32_MAX;
}

static clm_status check_layers(const json_t *json, struct clm_error *error)
{
    const json_t *const layers = json_object_get(json, "layers");
    const size_t count = json_array_size(layers);
    bool are_counts = count >= 2 && count <= WIDTHS_MAX;
    for (size_t i = 0; i < count && are_counts; i++)
        are_counts = is_count(json_array_get(layers, i));
    return are_counts
               ? CLM_OK
               : refuse_value("layers", layers, "a list of 2 to 258 whole numbers, as in [784, 10]", error);
}

/* The range of the timings, which other programs need not tell. */
static clm_status bench_take_range(struct bench_row *row, struct clm_error *error)
{
    const json_t *const low = json_object_get(row->json, "ms_p10"), *const high =
                                                                        json_object_get(row->json, "ms_p90");
    clm_status status = CLM_OK;
    row->has_range = low && high && !json_is_null(low) && !json_is_null(high);
    row->low = row->high = row->milliseconds;
    if (row->has_range && ((status = bench_take_number(row->json, "ms_p10", &row->low, error)) ||
                           (status = bench_take_number(row->json, "ms_p90", &row->high, error))))
        return status;
    if (row->low > row->milliseconds || row->milliseconds > row->high)
        return fail(error, CLM_ERROR_FORMAT, "ms_per_step %.9g is not between ms_p10 %.9g and ms_p90 %.9g",
                    row->milliseconds, row->low, row->high);
    return CLM_OK;
}

static clm_status bench_take_row(struct bench_row *row, struct clm_error *error)
{
    static const char *const needed[] = {"system", "backend", "provider", "device"},
                             *const known[] = {"activation", "optimizer", "host",    "platform", "driver",
                                               "gemm",       "version",   "address", "opencl",   "processor",
                                               "os",         "openblas",  "clblast", "date"};
    const json_t *const json = row->json, *const batch = json_object_get(json, "batch");
    double momentum;
    clm_status status = CLM_OK;
    if (!json_is_object(json))
        return fail(error, CLM_ERROR_FORMAT, "it is %s, not an object", kind_of_value(json));
    for (size_t i = 0; status == CLM_OK && i < sizeof needed / sizeof *needed; i++)
        status = need_text(json, needed[i], true, error);
    for (size_t i = 0; status == CLM_OK && i < sizeof known / sizeof *known; i++)
        status = need_text(json, known[i], false, error);
    if (status != CLM_OK || (status = check_layers(json, error)))
        return status;
    if (!is_count(batch))
        return refuse_value("batch", batch, "a whole number from 1 to 2147483647", error);
    row->batch = (size_t)json_integer_value(batch);
    row->provider = json_string_value(json_object_get(json, "provider"));
    if ((status = bench_take_number(json, "momentum", &momentum, error)) ||
        (status = bench_take_number(json, "ms_per_step", &row->milliseconds, error)) ||
        (status = bench_take_number(json, "samples_per_s", &row->samples_per_s, error)) ||
        (status = bench_take_number(json, "gflops", &row->gflops, error)))
        return status;
    return bench_take_range(row, error);
}

/* ---- systems and nets ---- */

static bool is_same_value(const json_t *a, const json_t *b, const char *key)
{
    const json_t *const of_a = json_object_get(a, key), *const of_b = json_object_get(b, key);
    return of_a == of_b || json_equal(of_a, of_b) || (json_is_null(of_a) && !of_b) ||
           (!of_a && json_is_null(of_b));
}

static bool bench_is_same_system(const json_t *a, const json_t *b)
{
    for (size_t k = 0; k < IDENTITY_COUNT; k++)
        if (!is_same_value(a, b, identity[k]))
            return false;
    return true;
}

static clm_status fail_rows(struct clm_error *error)
{
    return fail(error, CLM_ERROR_MEMORY, "the host has no memory for the rows of the table");
}

static clm_status find_system(struct bench_table *table, json_t *about, size_t *out, struct clm_error *error)
{
    for (*out = 0; *out < table->system_count; ++*out)
        if (bench_is_same_system(table->systems[*out].about, about))
            return CLM_OK;
    if (table->system_count == KINDS_MOST)
        return fail(error, CLM_ERROR_FORMAT, "there are more than %d systems; show fewer at once",
                    KINDS_MOST);
    struct bench_system *const more = realloc(table->systems, (*out + 1) * sizeof *more);
    if (!more)
        return fail_rows(error);
    more[*out] = (struct bench_system){.about = json_incref(about)};
    table->systems = more;
    table->system_count++;
    return CLM_OK;
}

clm_status bench_table_add_system(struct bench_table *table, json_t *about, struct clm_error *error)
{
    size_t system;
    return find_system(table, about, &system, error);
}

/* Rows of versions that had no choice do not say what they measured. */
static const char *value_or(const json_t *row, const char *key, const char *otherwise)
{
    const char *const name = json_string_value(json_object_get(row, key));
    return name ? name : otherwise;
}

static clm_status find_net(struct bench_table *table, const json_t *json, size_t *out,
                           struct clm_error *error)
{
    json_t *const layers = json_object_get(json, "layers");
    const char *const activation = value_or(json, "activation", "relu");
    const double momentum = json_number_value(json_object_get(json, "momentum"));
    const char *const optimizer = value_or(json, "optimizer", "sgd");
    for (*out = 0; *out < table->net_count; ++*out)
        if (json_equal(table->nets[*out].layers, layers) && table->nets[*out].momentum == momentum &&
            !strcmp(table->nets[*out].activation, activation) &&
            !strcmp(table->nets[*out].optimizer, optimizer))
            return CLM_OK;
    if (table->net_count == KINDS_MOST)
        return fail(error, CLM_ERROR_FORMAT, "there are more than %d nets; show fewer at once", KINDS_MOST);
    struct table_net *const more = realloc(table->nets, (*out + 1) * sizeof *more);
    if (!more)
        return fail_rows(error);
    table->nets = more;
    table->net_count++;
    more[*out] = (struct table_net){.layers = json_incref(layers), .momentum = momentum};
    snprintf(more[*out].activation, sizeof more[*out].activation, "%.63s", activation);
    snprintf(more[*out].optimizer, sizeof more[*out].optimizer, "%.23s", optimizer);
    return CLM_OK;
}

/* ---- names ---- */

static struct printable system_value(const struct bench_system *system, const char *key)
{
    const char *const value = json_string_value(json_object_get(system->about, key));
    return printable(value ? value : "");
}

bool bench_table_differs(const struct bench_table *table, const char *key)
{
    for (size_t s = 1; s < table->system_count; s++)
        if (!is_same_value(table->systems[0].about, table->systems[s].about, key))
            return true;
    return false;
}

static void add_to_name(struct bench_system *system, const char *before, const char *key)
{
    const size_t used = strlen(system->name);
    const struct printable value = system_value(system, key);
    if (*value.text)
        snprintf(system->name + used, sizeof system->name - used, "%s%s", before, value.text);
}

/* Adds the value of the key to names that several systems share, if these have different values. */
static void tell_apart(struct bench_table *table, const char *before, const char *key)
{
    bool are_shared[KINDS_MOST] = {false};
    for (size_t a = 0; a < table->system_count; a++)
        for (size_t b = 0; b < a; b++)
            if (!strcmp(table->systems[a].name, table->systems[b].name) &&
                !is_same_value(table->systems[a].about, table->systems[b].about, key))
                are_shared[a] = are_shared[b] = true;
    for (size_t s = 0; s < table->system_count; s++)
        if (are_shared[s])
            add_to_name(&table->systems[s], before, key);
}

static void name_systems(struct bench_table *table)
{
    const bool have_hosts = bench_table_differs(table, "host"),
               have_systems = bench_table_differs(table, "system");
    for (size_t s = 0; s < table->system_count; s++) {
        struct bench_system *const system = &table->systems[s];
        const struct printable platform = system_value(system, "platform");
        *system->name = '\0';
        add_to_name(system, "", "device");
        if (*platform.text && strlen(system->name) + strlen(platform.text) + 4 < sizeof system->name)
            snprintf(system->name + strlen(system->name), sizeof platform.text + 4, " (%s)", platform.text);
        if (have_hosts)
            add_to_name(system, " on ", "host");
        if (have_systems)
            add_to_name(system, ", ", "system");
    }
    tell_apart(table, ", driver ", "driver");
    tell_apart(table, ", --gemm ", "gemm");
    tell_apart(table, ", version ", "version");
}

/* "A" to "Z", "AA" and so on. */
static void write_letters(char text[8], size_t number)
{
    const char letters[] = {(char)('A' + number / 26 - 1), (char)('A' + number % 26), '\0'};
    snprintf(text, 8, "%s", letters + (number < 26));
}

/* "opencl", or "opencl A" if there are several. */
static void give_key(struct bench_table *table, size_t s)
{
    char letters[8];
    const struct printable backend = system_value(&table->systems[s], "backend");
    size_t before = 0, all = 0;
    for (size_t i = 0; i < table->system_count; i++) {
        const bool is_alike = !strcmp(system_value(&table->systems[i], "backend").text, backend.text);
        all += is_alike;
        before += is_alike && i < s;
    }
    write_letters(letters, before);
    snprintf(table->systems[s].key, sizeof table->systems[s].key, "%.9s%s%s", backend.text,
             all > 1 ? " " : "", all > 1 ? letters : "");
}

static void name_net(struct table_net *net)
{
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(net->layers) && used + 96 < sizeof net->text; i++)
        used += (size_t)snprintf(net->text + used, sizeof net->text - used, "%s%" JSON_INTEGER_FORMAT,
                                 i ? "-" : "", json_integer_value(json_array_get(net->layers, i)));
    if (used + 96 >= sizeof net->text)
        used += (size_t)snprintf(net->text + used, sizeof net->text - used, "-...");
    if (strcmp(net->activation, "relu") != 0)
        used += (size_t)snprintf(net->text + used, sizeof net->text - used, ", %.63s",
                                 printable(net->activation).text);
    if (strcmp(net->optimizer, "sgd") != 0)
        used += (size_t)snprintf(net->text + used, sizeof net->text - used, ", %.16s",
                                 printable(net->optimizer).text);
    if (!strcmp(net->optimizer, "sgd") || !strcmp(net->optimizer, "nesterov"))
        snprintf(net->text + used, sizeof net->text - used, ", momentum %g", net->momentum);
}

void bench_table_name(struct bench_table *table)
{
    name_systems(table);
    for (size_t s = 0; s < table->system_count; s++)
        give_key(table, s);
    for (size_t n = 0; n < table->net_count; n++)
        name_net(&table->nets[n]);
}

/* ---- the table ---- */

clm_status bench_table_add(struct bench_table *table, json_t *json, struct clm_error *error)
{
    struct bench_row row = {.json = json};
    clm_status status = bench_take_row(&row, error);
    if (status == CLM_OK && table->count == ROWS_MOST)
        status = fail(error, CLM_ERROR_FORMAT, "there are more than %d rows; show fewer at once", ROWS_MOST);
    if (status != CLM_OK || (status = find_system(table, json, &row.system, error)) ||
        (status = find_net(table, json, &row.net, error)))
        goto cleanup;
    struct bench_row *const more = realloc(table->rows, (table->count + 1) * sizeof *more);
    if (!more) {
        status = fail_rows(error);
        goto cleanup;
    }
    more[table->count++] = row;
    table->rows = more;
cleanup:
    if (status != CLM_OK)
        json_decref(json);
    return status;
}

void bench_table_free(struct bench_table *table)
{
    for (size_t r = 0; r < table->count; r++)
        json_decref(table->rows[r].json);
    for (size_t s = 0; s < table->system_count; s++)
        json_decref(table->systems[s].about);
    for (size_t n = 0; n < table->net_count; n++)
        json_decref(table->nets[n].layers);
    free(table->rows);
    free(table->nets);
    free(table->systems);
    *table = (struct bench_table){0};
}

/* By net, batch and system, and then in the order in which they were added. */
static int order_of_rows(const void *left, const void *right)
{
    const struct bench_row *const a = left, *const b = right;
    const size_t keys[][2] = {
        {a->net, b->net}, {a->batch, b->batch}, {a->system, b->system}, {a->order, b->order}};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (keys[k][0] != keys[k][1])
            return keys[k][0] < keys[k][1] ? -1 : 1;
    return 0;
}

static bool is_same_measurement(const struct bench_row *a, const struct bench_row *b)
{
    return a->net == b->net && a->batch == b->batch && a->system == b->system;
}

size_t bench_table_sort(struct bench_table *table)
{
    size_t kept = 0;
    for (size_t r = 0; r < table->count; r++)
        table->rows[r].order = r;
    if (table->count)
        qsort(table->rows, table->count, sizeof *table->rows, order_of_rows);
    for (size_t r = 0; r < table->count; r++)
        if (r + 1 < table->count && is_same_measurement(&table->rows[r], &table->rows[r + 1]))
            json_decref(table->rows[r].json);
        else
            table->rows[kept++] = table->rows[r];
    const size_t dropped = table->count - kept;
    table->count = kept;
    return dropped;
}

double bench_against_blas(const struct bench_table *table, const struct bench_row *row)
{
    const json_t *const own = table->systems[row->system].about;
    for (size_t r = 0; r < table->count; r++) {
        const struct bench_row *const other = &table->rows[r];
        const json_t *const about = table->systems[other->system].about;
        if (other->net == row->net && other->batch == row->batch && row->milliseconds > 0 &&
            !strcmp(system_value(&table->systems[other->system], "backend").text, "blas") &&
            is_same_value(about, own, "host"))
            return other->milliseconds / row->milliseconds;
    }
    return 0;
}

/* ---- files ---- */

static clm_status load_rows(const char *path, json_t **out, struct clm_error *error)
{
    clm_status status = read_json(path, out, error);
    if (status != CLM_OK || json_is_array(*out))
        return status;
    status = fail(error, CLM_ERROR_FORMAT, "%s is %s, not a list of rows as bench writes it", path,
                  kind_of_value(*out));
    json_decref(*out);
    return status;
}

clm_status bench_table_read(struct bench_table *table, const char *path, struct clm_error *error)
{
    json_t *list, *row;
    size_t i;
    clm_status status = load_rows(path, &list, error);
    if (status != CLM_OK)
        return status;
    json_array_foreach(list, i, row)
    {
        struct clm_error why = {0};
        status = bench_table_add(table, json_incref(row), &why);
        if (status == CLM_OK)
            continue;
        fail(error, status, "%s, row %zu: %s", path, i + 1, why.message);
        break;
    }
    json_decref(list);
    return status;
}
