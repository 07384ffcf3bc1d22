/* Rows of a benchmark as a table of 80 columns, Markdown, CSV and JSON. */
#include "cli/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH          79 /* columns of a line: some terminals begin a new line after the 80th */
#define LEGEND_INDENT  13
#define PROVIDER_WIDTH 13

/* ---- pieces ---- */

struct short_figure {
    char text[32];
};

/* Four digits, as in 0.2431, 243.1 or 24310, but at most five after the point. */
static struct short_figure figure_of(double value)
{
    struct short_figure figure;
    const double digits = value > 0 ? 3 - floor(log10(value)) : 3;
    snprintf(figure.text, sizeof figure.text, "%.*f", (int)fmin(fmax(digits, 0), 5), value);
    return figure;
}

static struct short_figure range_of(const struct bench_row *row)
{
    struct short_figure range = {"-"};
    if (row->has_range)
        snprintf(range.text, sizeof range.text, "%.14s-%.14s", figure_of(row->low).text,
                 figure_of(row->high).text);
    return range;
}

static struct short_figure against_blas(const struct bench_table *table, const struct bench_row *row)
{
    const double times = bench_against_blas(table, row);
    struct short_figure figure = {"-"};
    if (times > 0)
        snprintf(figure.text, sizeof figure.text, "%.2f", times);
    return figure;
}

void bench_print_words(FILE *out, const char *words, size_t column, size_t indent)
{
    for (const char *at = words; *at;) {
        const size_t length = strcspn(at, " ");
        if (column > indent && column + 1 + length > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        fprintf(out, "%s%.*s", column > indent ? " " : "", (int)length, at);
        column += length + (column > indent);
        at += length + (at[length] == ' ');
    }
    fputc('\n', out);
}

/* ---- a table ---- */

static void print_legend(FILE *out, const struct bench_table *table)
{
    const bool has_addresses = !bench_table_differs(table, "host");
    for (size_t s = 0; s < table->system_count; s++) {
        const struct bench_system *const system = &table->systems[s];
        const char *const address = json_string_value(json_object_get(system->about, "address"));
        char words[400];
        snprintf(words, sizeof words, "%.20s%s%s", has_addresses && address ? printable(address).text : "",
                 has_addresses && address ? " " : "", system->name);
        fprintf(out, "  %-9s  ", system->key);
        bench_print_words(out, words, LEGEND_INDENT, LEGEND_INDENT);
    }
}

static void print_table_row(FILE *out, const struct bench_table *table, const struct bench_row *row)
{
    static const char automatic[] = "auto: ";
    const struct printable name = printable(row->provider);
    const char *const provider =
        name.text + (strncmp(name.text, automatic, strlen(automatic)) ? 0 : strlen(automatic));
    const bool is_long = strlen(provider) > PROVIDER_WIDTH;
    fprintf(out, "%-9s %-*.*s%s %6zu %7s %15s %9.0f %7s %6s\n", table->systems[row->system].key,
            is_long ? PROVIDER_WIDTH - 2 : PROVIDER_WIDTH, is_long ? PROVIDER_WIDTH - 2 : PROVIDER_WIDTH,
            provider, is_long ? ".." : "", row->batch, figure_of(row->milliseconds).text, range_of(row).text,
            row->samples_per_s, figure_of(row->gflops).text, against_blas(table, row).text);
}

static void print_net(FILE *out, const struct table_net *net)
{
    fputc('\n', out);
    bench_print_words(out, net->text, 0, 0);
    fprintf(out, "%-9s %-13s %6s %7s %15s %9s %7s %6s\n", "system", "provider", "batch", "ms/step",
            "10 % to 90 %", "samples/s", "GFLOP/s", "x blas");
}

/* ---- Markdown ---- */

/* A text of a cell, with a backslash before what Markdown would take for a sign. */
static void print_cell(FILE *out, const char *words)
{
    const struct printable text = printable(words);
    for (const char *c = text.text; *c; c++) {
        if (strchr("\\`*_[]<>|~&#", *c))
            fputc('\\', out);
        fputc(*c, out);
    }
}

static void print_markdown_row(FILE *out, const struct bench_table *table, const struct bench_row *row)
{
    fputs("| ", out);
    print_cell(out, table->nets[row->net].text);
    fprintf(out, " | %zu | ", row->batch);
    print_cell(out, table->systems[row->system].key);
    fputs(" | ", out);
    print_cell(out, row->provider);
    fprintf(out, " | %s | %s | %.0f | %s | %s |\n", figure_of(row->milliseconds).text, range_of(row).text,
            row->samples_per_s, figure_of(row->gflops).text, against_blas(table, row).text);
}

static void print_markdown_legend(FILE *out, const struct bench_table *table)
{
    fputc('\n', out);
    for (size_t s = 0; s < table->system_count; s++) {
        fputs("- ", out);
        print_cell(out, table->systems[s].key);
        fputs(": ", out);
        print_cell(out, table->systems[s].name);
        fputc('\n', out);
    }
}

/* ---- CSV: the keys of JSON ---- */

static const char *const csv_columns[] = {
    "system",  "host",          "backend", "provider",     "device",   "platform",  "driver",      "opencl",
    "address", "gemm",          "layers",  "activation",   "batch",    "momentum",  "ms_per_step", "ms_p10",
    "ms_p90",  "samples_per_s", "gflops",  "first_step_s", "tuning_s", "processor", "cores",       "os",
    "version", "openblas",      "clblast", "date",         "load"};
#define CSV_COLUMNS (sizeof csv_columns / sizeof *csv_columns)

/* Quotes a text if it has a sign of CSV; a quote in it is doubled. */
static void print_csv_text(FILE *out, const char *words)
{
    const struct printable text = printable(words);
    const bool needs_quotes = strpbrk(text.text, ",\";") || *text.text == ' ';
    if (needs_quotes)
        fputc('"', out);
    for (const char *c = text.text; *c; c++)
        fprintf(out, "%s%c", *c == '"' ? "\"" : "", *c);
    if (needs_quotes)
        fputc('"', out);
}

static void print_csv_value(FILE *out, const json_t *value)
{
    if (json_is_string(value))
        print_csv_text(out, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_number(value))
        fprintf(out, "%.9g", json_number_value(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        fprintf(out, "%s%" JSON_INTEGER_FORMAT, i ? "-" : "", json_integer_value(json_array_get(value, i)));
}

static void print_csv_row(FILE *out, const json_t *json)
{
    for (size_t c = 0; c < CSV_COLUMNS; c++) {
        if (c)
            fputc(',', out);
        print_csv_value(out, json_object_get(json, csv_columns[c]));
    }
    fputc('\n', out);
}

static void print_csv_heading(FILE *out)
{
    for (size_t c = 0; c < CSV_COLUMNS; c++)
        fprintf(out, "%s%s", c ? "," : "", csv_columns[c]);
    fputc('\n', out);
}

/* ---- JSON ---- */

/* If memory runs out, the row is empty, and json_is_whole no longer true. */
static void print_json_row(FILE *out, const json_t *json, bool has_one_before)
{
    char *const text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    if (!text)
        json_lose();
    fprintf(out, "%s\n%s", has_one_before ? "," : "", text ? text : "{}");
    free(text);
}

/* ---- all formats ---- */

void bench_write_begin(FILE *out, enum bench_format format, const struct bench_table *table)
{
    if (format == BENCH_TABLE)
        print_legend(out, table);
    if (format == BENCH_MARKDOWN)
        fputs("| net | batch | system | provider | ms/step | 10 % to 90 % | samples/s | GFLOP/s | x blas |\n"
              "|---|---:|---|---|---:|---|---:|---:|---:|\n",
              out);
    if (format == BENCH_CSV)
        print_csv_heading(out);
    if (format == BENCH_JSON)
        fputc('[', out);
}

void bench_write_row(FILE *out, enum bench_format format, const struct bench_table *table, size_t row)
{
    const struct bench_row *const own = &table->rows[row];
    if (format == BENCH_TABLE && (!row || own->net != own[-1].net))
        print_net(out, &table->nets[own->net]);
    if (format == BENCH_TABLE)
        print_table_row(out, table, own);
    if (format == BENCH_MARKDOWN)
        print_markdown_row(out, table, own);
    if (format == BENCH_CSV)
        print_csv_row(out, own->json);
    if (format == BENCH_JSON)
        print_json_row(out, own->json, row > 0);
}

void bench_write_end(FILE *out, enum bench_format format, const struct bench_table *table)
{
    if (format == BENCH_MARKDOWN)
        print_markdown_legend(out, table);
    if (format == BENCH_JSON)
        fputs("\n]\n", out);
}

void bench_write(FILE *out, enum bench_format format, const struct bench_table *table)
{
    bench_write_begin(out, format, table);
    for (size_t r = 0; r < table->count; r++)
        bench_write_row(out, format, table, r);
    bench_write_end(out, format, table);
    bench_write_verdicts(out, format, table);
}
