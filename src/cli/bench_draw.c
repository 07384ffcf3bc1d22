/* The picture of a benchmark: a panel for each net, a curve for each system. */
#include "cli/bench.h"

#include <stdlib.h>

/* The rows of a net on a system follow each other in the table only by batch; collects them into a curve. */
static void bench_collect(const struct bench_table *table, size_t net, size_t system,
                          struct clm_bench_series *series, size_t *batches, double *rates)
{
    *series = (struct clm_bench_series){.batches = batches, .samples_per_s = rates};
    snprintf(series->name, sizeof series->name, "%s: %.200s", table->systems[system].key,
             table->systems[system].name);
    snprintf(series->panel, sizeof series->panel, "%s", table->nets[net].text);
    for (size_t r = 0; r < table->count; r++) {
        const struct bench_row *const row = &table->rows[r];
        if (row->net != net || row->system != system || !(row->samples_per_s > 0))
            continue; /* of another curve, or the clock stood still */
        batches[series->count] = row->batch;
        rates[series->count++] = row->samples_per_s;
    }
}

clm_status bench_draw(const struct bench_table *table, const char *path, struct clm_error *error)
{
    const size_t series_most = table->net_count * table->system_count;
    struct clm_bench_series *const series = calloc(series_most + 1, sizeof *series);
    size_t drawn = 0, used = 0, *const batches = calloc(table->count + 1, sizeof *batches);
    double *const rates = calloc(table->count + 1, sizeof *rates);
    clm_status status = CLM_OK;
    if (!series || !batches || !rates)
        status =
            fail(error, CLM_ERROR_MEMORY, "%s: the host has no memory for %zu curves", path, series_most);
    for (size_t i = 0; status == CLM_OK && i < series_most; i++) {
        bench_collect(table, i / table->system_count, i % table->system_count, &series[drawn], batches + used,
                      rates + used);
        used += series[drawn].count;
        drawn += series[drawn].count > 0;
    }
    if (status == CLM_OK)
        status = clm_bench_plot(path, "Throughput of a training step", series, drawn, error);
    free(series);
    free(batches);
    free(rates);
    return status;
}
