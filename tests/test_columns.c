/* Columns of tables: their kinds, how a table is written, what becomes of them in other files. */
#include "data/table/value.h"

#include "support/data_files.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof array / sizeof *array))

/* ---- what was read ------------------------------------------------------------------------------------- */

static char notes[4096];

static void keep_note(void *user, const char *sentence, const char *setting)
{
    (void)user;
    (void)setting;
    const size_t used = strlen(notes);
    snprintf(notes + used, sizeof notes - used, "%s\n", sentence);
}

static struct clm_data *open_noting(struct clm_data_options options, const char *name)
{
    options.source = file_path(name);
    options.on_note = keep_note;
    notes[0] = '\0';
    return open_with(&options);
}

static void assert_noted(const char *part)
{
    ck_assert_msg(strstr(notes, part) != NULL, "no \"%s\" in: %s", part, notes);
}

/* The values of a part, by row. Values that are not finite in the text are a mistake of the test. */
static void assert_part(const struct clm_data *data, enum clm_part part, size_t rows, size_t features,
                        const float *values)
{
    ck_assert_uint_eq(clm_data_rows(data, part), rows);
    ck_assert_uint_eq(clm_data_features(data), features);
    const float *const got = data_part(data, part)->values;
    for (size_t i = 0; i < rows * features; i++)
        ck_assert_msg(got[i] == values[i], "value %zu is %.9g, not %.9g", i, (double)got[i],
                      (double)values[i]);
}

static struct clm_column column_at(const struct clm_data *data, size_t index)
{
    struct clm_column column;
    ck_assert(clm_inputs_column(clm_data_inputs(data), index, &column));
    return column;
}

/* ---- how a table is written ---------------------------------------------------------------------------- */

/* Each is the rows 1.5, -2 of class x and 0.25, 4 of class y, with columns a and b. */
static const struct {
    const char *text;
    size_t length; /* 0: that of the text */
} dialects[] = {
    {"a,b,label\n1.5,-2,x\n0.25,4,y\n", 0},
    {"a;b;label\n1,5;-2;x\n0,25;4;y\n", 0},
    {"a\tb\tlabel\r\n1,5\t-2\tx\r\n0,25\t4\ty\r\n", 0},
    {"a|b|label\n1.5|-2|x\n0.25|4|y", 0},
    {"a b label\n1.5 -2 x\n0.25   4 y\n", 0},
    {"  a   b  label\n  1.5   -2 x  \n\t0.25  4\ty\t\n", 0},
    {"\"a\" \"b\" \"label\"\n\"1\" 1.5 -2 \"x\"\n\"2\" 0.25 4 \"y\"\n",
     0}, /* R: no name for the row's names */
    {"a,b,label,\n1.5,-2,x,\n0.25,4,y,\n", 0},
    {"a,b,label\n1.5,-2,x,\n0.25,4,y,\n", 0},
    {"a;b;label;\n1,5;-2;x;\n0,25;4;y;\n", 0},
    {"sep=;\na;b;label\n1.5;-2;x\n0.25;4;y\n", 0},
    {"sep=,\r\na,b,label\r\n1.5,-2,x\r\n0.25,4,y\r\n", 0},
    {"# a,b,label\n1.5,-2,x\n0.25,4,y\n", 0},
    {"#a b label\n1.5 -2 x\n0.25 4 y\n", 0},
    {"# made by hand\n# on Monday, early\na,b,label\n1.5,-2,x\n# between\n0.25,4,y\n", 0},
    {"a,b,label\n1.5,-2,x\n# a comment that is no row\n0.25,4,y\n", 0},
    {"% of old\na,b,label\n1.5,-2,x\n0.25,4,y\n", 0},
    {"\xef\xbb\xbf"
     "a,b,label\n1.5,-2,x\n0.25,4,y\n",
     0},
    {"a,b,label\n1.5,-2,x\n0.25,4,y\n\x1a", 0},
    {"a,b,label\r\n1.5,-2,x\r\n0.25,4,y\x1a\r\n", 0},
    {"\xff\xfe"
     "a\0,\0b\0,\0l\0a\0b\0e\0l\0\n\0001\0.\0005\0,\0-\0002\0,\0x\0\n\0000\0.\0002\0005\0,\0004\0,\0y\0",
     56},
    {"\xfe\xff\0a\0\t\0b\0\t\0l\0a\0b\0e\0l\0\n\0001\0.\0005\0\t\0-\0002\0\t\0x\0\n\0000\0.\0002\0005\0\t\0004\0\t\0y",
     56},
    {"label,a,b\nx,1.5,-2\ny,0.25,4\n", 0},
    {",a,b,label\n0,1.5,-2,x\n1,0.25,4,y\n", 0},
};

START_TEST(test_dialects)
{
    static const float values[] = {1.5f, -2, 0.25f, 4};
    const size_t length = dialects[_i].length ? dialects[_i].length : strlen(dialects[_i].text);
    put_file("t.csv", dialects[_i].text, length);
    struct clm_data *data = open_file("t.csv");
    assert_part(data, CLM_TRAIN, 2, 2, values);
    ck_assert_str_eq(column_at(data, 0).name, "a");
    ck_assert_str_eq(column_at(data, 1).name, "b");
    ck_assert_str_eq(clm_data_class_name(data, 0), "x");
    ck_assert_str_eq(clm_data_class_name(data, 1), "y");
    clm_data_close(data);
}
END_TEST

START_TEST(test_delimiter_asked)
{
    put_text("t.csv", "a;b;label\n1,5;-2;x\n0,25;4;y\n");
    struct clm_data *data =
        open_with(&(struct clm_data_options){.source = file_path("t.csv"), .delimiter = "semicolon"});
    assert_part(data, CLM_TRAIN, 2, 2, (const float[]){1.5f, -2, 0.25f, 4});
    clm_data_close(data);
    refused_with(&(struct clm_data_options){.source = file_path("t.csv"), .delimiter = "x"},
                 CLM_ERROR_ARGUMENT, "a table's delimiter cannot be \"x\"");
    refused_with(&(struct clm_data_options){.source = file_path("t.csv"), .delimiter = "tab"},
                 CLM_ERROR_FORMAT, "no column but labels");
}
END_TEST

/* Text that is no UTF-8 is taken as Windows-1252; UTF-16 has characters beyond its first plane. */
START_TEST(test_encodings)
{
    put_text("l.csv", "a,label\n1,K\xf6ln\n2,5\x80\n3,K\xf6ln\n");
    struct clm_data *data = open_file("l.csv");
    ck_assert_uint_eq(clm_data_classes(data), 2);
    ck_assert_str_eq(clm_data_class_name(data, 0), "5\u20ac");
    ck_assert_str_eq(clm_data_class_name(data, 1), "K\u00f6ln");
    clm_data_close(data);
    static const char wide[] =
        "\xff\xfe"
        "a\0,\0l\0a\0b\0e\0l\0\n\0001\0,\0\xf6\0\n\0002\0,\0\xac \n\0003\0,\0\x3d\xd8\x00\xde\n";
    put_file("u.csv", wide, sizeof wide);
    data = open_file("u.csv");
    ck_assert_uint_eq(clm_data_classes(data), 3);
    ck_assert_str_eq(clm_data_class_name(data, 0), "\u00f6");
    ck_assert_str_eq(clm_data_class_name(data, 1), "\u20ac");
    ck_assert_str_eq(clm_data_class_name(data, 2), "\U0001f600");
    clm_data_close(data);
}
END_TEST

/* Names above text: they are no value below, and values below repeat. */
START_TEST(test_header_of_text)
{
    put_text("t.csv", "colour,size,kind\nred,S,ant\nred,L,bee\nblue,S,ant\n");
    struct clm_data *data = open_file("t.csv");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 3);
    ck_assert_str_eq(column_at(data, 0).name, "colour");
    clm_data_close(data);
    put_text("t.csv", "red,S,ant\nred,L,bee\nblue,S,ant\n");
    data = open_file("t.csv");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 3);
    ck_assert_str_eq(column_at(data, 0).name, "");
    clm_data_close(data);
    /* wavelengths */
    put_text("t.csv", "400,410,420,kind\n1,2,3,ant\n2,3,1,bee\n3,4,1,ant\n4,5,6,bee\n5,2,1,ant\n1,1,1,bee\n");
    data = open_file("t.csv");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 6);
    ck_assert_str_eq(column_at(data, 1).name, "410");
    clm_data_close(data);
    /* R's names of rows have no name */
    put_text("t.csv", "\"\",\"colour\",\"kind\"\n\"a\",\"red\",\"ant\"\n\"b\",\"blue\",\"bee\"\n");
    data = open_file("t.csv");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2);
    ck_assert_str_eq(column_at(data, 0).name, "colour");
    clm_data_close(data);
    put_text("t.csv", ",red,ant\nx,red,ant\ny,blue,bee\n"); /* no names, because they are values below */
    data = open_file("t.csv");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 3);
    clm_data_close(data);
    /* labels with a decimal comma are numbers, too */
    put_text("t.csv", "a;b;label\n0,5;1,25;0,0\n1,5;2,25;1,0\n");
    data = open_file("t.csv");
    ck_assert_uint_eq(clm_data_classes(data), 2);
    ck_assert_ptr_null(clm_data_class_name(data, 0));
    clm_data_close(data);
    put_text("t.csv", ",red,ant\n,blue,bee\n");
    data = open_file("t.csv");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2);
    clm_data_close(data);
}
END_TEST

/* ---- kinds --------------------------------------------------------------------------------------------- */

START_TEST(test_kinds)
{
    put_text("t.csv",
             "city,when,fine,size,label\nOslo,1970-01-02,true,1,0\nBergen,1969-12-31T12:00:00Z,FALSE,2,1\n"
             "Oslo,2000-03-01,True,,1\n");
    struct clm_data *data = open_noting((struct clm_data_options){0}, "t.csv");
    assert_part(data, CLM_TRAIN, 3, 6,
                (const float[]){0, 1, 1, 1, 1, 0, 1, 0, -0.5f, 0, 2, 0, 0, 1, 11017, 1, 1.5f, 1});
    static const enum clm_column_kind kinds[] = {CLM_COLUMN_CATEGORY, CLM_COLUMN_DATE, CLM_COLUMN_BOOLEAN,
                                                 CLM_COLUMN_NUMBER};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(column_at(data, i).kind, kinds[i]);
    ck_assert_str_eq(column_at(data, 0).categories[0], "Bergen");
    ck_assert_uint_eq(column_at(data, 0).category_count, 2);
    ck_assert(column_at(data, 3).has_indicator && !column_at(data, 2).has_indicator);
    struct clm_column none;
    ck_assert(!clm_inputs_column(clm_data_inputs(data), 4, &none));
    char text[64];
    ck_assert_str_eq(clm_inputs_feature(clm_data_inputs(data), 1, text, sizeof text), "city = Oslo");
    ck_assert_str_eq(clm_inputs_feature(clm_data_inputs(data), 5, text, sizeof text), "size is missing");
    clm_data_close(data);
}
END_TEST

static const struct {
    const char *text;
    double days; /* NaN: no date */
} dates[] = {
    {"1970-01-01", 0},
    {"1970-01-01T06:00", 0.25},
    {"1970-01-01 06:00:00", 0.25},
    {"1970-01-01T06:00:00.5", 0.25 + 0.5 / 86400},
    {"1970-01-01T06:00:00+06:00", 0},
    {"1970-01-01T00:00:00-0130", 0.0625},
    {"1970-01-01T00:00Z", 0},
    {"2000-02-29", 11016},
    {"1600-03-01", -135080},
    {"2024-12-31", 20088},
    {"1970-01-01T06", 0.25},
    {"1970-01-01 06:00:00 +0600", 0},
    {"1970-01-01 06:00 UTC", 0.25},
    {"1970-01-01 06:00UTC", 0.25},
    {"1970-01-01 06:00 ", NAN},
    {"1970-01-01 06:00 noon", NAN},
    {"1900-02-29", NAN},
    {"2023-02-29", NAN},
    {"2023-13-01", NAN},
    {"2023-00-10", NAN},
    {"2023-1-1", NAN},
    {"23-01-01", NAN},
    {"2023-01-01T", NAN},
    {"2023-01-01T1", NAN},
    {"2023-01-01T25:00", NAN},
    {"2023-01-01 noon", NAN},
    {"2023-01-01x", NAN},
};

START_TEST(test_dates)
{
    const struct text_field field = {.text = dates[_i].text, .length = strlen(dates[_i].text)};
    const struct missing_words none = {NULL};
    double days = NAN;
    const enum field_kind kind = value_kind_of(&field, '.', &none, &days);
    ck_assert_int_eq(kind, isnan(dates[_i].days) ? VALUE_TEXT : VALUE_DATE);
    /* each of at most four operations rounds once */
    ck_assert(isnan(dates[_i].days) || fabs(days - dates[_i].days) <= 4 * 0x1p-53 * fabs(dates[_i].days));
}
END_TEST

/* A column that only its later rows show to be text is read again. */
START_TEST(test_late_kinds)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const file = open_memstream(&text, &size);
    enum { ROWS = 300000 }; /* more than a megabyte: the window moves */
    ck_assert_ptr_nonnull(file);
    fputs("a,b,label\n", file);
    for (int r = 0; r < ROWS; r++)
        fprintf(file, "%s,%d,%d\n", r < ROWS / 3 ? "5" : r % 2 ? "u" : "v", r % 7, r % 2);
    fclose(file);
    put_file("t.csv", text, size);
    free(text);
    struct clm_data *data = open_file("t.csv");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
    ck_assert_uint_eq(clm_data_features(data), 4);
    const struct clm_column column = column_at(data, 0);
    ck_assert_int_eq(column.kind, CLM_COLUMN_CATEGORY);
    ck_assert_str_eq(column.categories[0], "5");
    ck_assert_str_eq(column.categories[2], "v");
    const float *const last = (const float *)data->train.values + (size_t)4 * (ROWS - 1);
    ck_assert(last[0] == 0 && last[1] == 1 && last[2] == 0 && last[3] == (ROWS - 1) % 7);
    clm_data_close(data);
}
END_TEST

/* Values that float32 could not tell apart are counted from the first. */
/* Enough rows for several threads and blocks. Words are plain, or quoted, or have blanks around them. */
START_TEST(test_many_rows)
{
    static const char *const around[][2] = {{"", ""}, {"\"", "\""}, {" ", ""}, {"", "  "}, {"", "\t"}};
    enum { ROWS = 70001 };
    char *text = NULL;
    size_t size = 0, words[2] = {0, 0}, values = 0;
    double sum = 0;
    FILE *const out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    fputs("word,value,label\n", out);
    for (int r = 0; r < ROWS; r++) {
        const bool is_v = r % 3 != 0;
        const char *const word = r % 11 ? is_v ? "v" : "\xc3\xbc" : "NA";
        fprintf(out, "%s%s%s", around[r % COUNT(around)][0], word, around[r % COUNT(around)][1]);
        if (r % 5)
            fprintf(out, ",%d,%d\n", r % 7, r % 2);
        else
            fprintf(out, ",NA,%d\n", r % 2);
        words[is_v] += r % 11 != 0;
        values += r % 5 != 0;
        sum += r % 5 ? r % 7 : 0;
    }
    ck_assert_int_eq(fclose(out), 0);
    put_text("t.csv", text);
    free(text);
    struct clm_data *const data = open_with(&(struct clm_data_options){.source = file_path("t.csv")});
    const struct clm_column word = column_at(data, 0), value = column_at(data, 1);
    ck_assert_uint_eq(word.category_count, 2);
    ck_assert_str_eq(word.categories[0], "v");
    ck_assert(word.fill == 0 && words[1] > words[0]);
    ck_assert(value.fill == sum / (double)values);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
    ck_assert_uint_eq(clm_data_features(data), 5);
    const float *row = data_part(data, CLM_TRAIN)->values;
    for (int r = 0; r < ROWS; r++, row += 5) {
        const bool has_word = r % 11 != 0, is_v = !has_word || r % 3 != 0, has_value = r % 5 != 0;
        const float expected[] = {is_v, !is_v, !has_word, has_value ? (float)(r % 7) : (float)value.fill,
                                  !has_value};
        ck_assert_msg(!memcmp(row, expected, sizeof expected), "row %d: %g %g %g %g %g", r, (double)row[0],
                      (double)row[1], (double)row[2], (double)row[3], (double)row[4]);
    }
    clm_data_close(data);
}
END_TEST

START_TEST(test_offset)
{
    put_text("t.csv",
             "t,u,label\n1700000001,2457000.47,0\n1700000081,2457000.53,1\n1699999999,2457000.5,0\n");
    struct clm_data *data = open_file("t.csv");
    assert_part(
        data, CLM_TRAIN, 3, 2,
        (const float[]){0, 0, 80, (float)(2457000.53 - 2457000.47), -2, (float)(2457000.5 - 2457000.47)});
    ck_assert_double_eq(column_at(data, 0).offset, 1700000001);
    clm_data_close(data);
    put_text("t.csv", "t,label\n2000,0\n2020,1\n");
    data = open_file("t.csv");
    assert_part(data, CLM_TRAIN, 2, 1, (const float[]){2000, 2020});
    clm_data_close(data);
}
END_TEST

/* ---- ARFF ---------------------------------------------------------------------------------------------- */

static const char arff[] = "% of the weather\n@RELATION weather\n\n@attribute outlook {sunny, 'light rain'}\n"
                           "@ATTRIBUTE temperature NUMERIC\n@attribute 'wind\\'s speed' real\r\n"
                           "@attribute seen date \"yyyy-MM-dd\"\n@attribute play {yes,no}\n@data\n"
                           "sunny,85,3.5,2020-01-01,no\n% between\n'light rain',70,?,\"2020-01-02\", yes\n"
                           "{1 50, 3 2020-01-03}\n{0 'light rain' ,2 1, 3 \"2020-01-04\", 4 no }\n";

START_TEST(test_arff)
{
    put_text("t.arff", arff);
    struct clm_data *data = open_file("t.arff");
    ck_assert_str_eq(clm_data_format(data), "arff");
    /* light rain, sunny, temperature, wind, whether it is missing, days from the first day */
    assert_part(data, CLM_TRAIN, 4, 6, (const float[]){0, 1, 85, 3.5f, 0, 0, 1, 0, 70, 1.5f, 1, 1,
                                                       0, 1, 50, 0,    0, 2, 1, 0, 0,  1,    0, 3});
    static const uint32_t labels[] = {0, 1, 1, 0};
    for (size_t r = 0; r < 4; r++)
        ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, r), labels[r]);
    ck_assert_str_eq(column_at(data, 2).name, "wind\\'s speed");
    ck_assert_double_eq(column_at(data, 3).offset, 18262);
    clm_data_close(data);
}
END_TEST

/* What a sparse row leaves out is 0, in a column of dates and of true and false, too. */
START_TEST(test_left_out_in_arff)
{
    put_text("t.arff",
             "@relation r\n@attribute when date\n@attribute ok numeric\n@attribute class {x,y}\n@data\n"
             "1970-01-03,true,x\n{2 y}\n");
    struct clm_data *const data = open_file("t.arff");
    assert_part(data, CLM_TRAIN, 2, 2, (const float[]){2, 1, 0, 0});
    clm_data_close(data);
}
END_TEST

static const struct {
    const char *text, *part;
} bad_arff[] = {
    {"@relation a\n", "line 2: the file ends without @data"},
    {"@relation a\n@data\n", "line 3: no @attribute stands before @data"},
    {"@relation a\n@attribute\n@data\n1\n", "line 2: an attribute has no name"},
    {"@relation a\n@attribute 'b\n@data\n1\n", "line 2: an attribute has no name"},
    {"@relation a\n@attribute b\n@data\n1\n", "line 2: an attribute is not numeric"},
    {"@relation a\n@attribute b complex\n@data\n1\n", "line 2: an attribute is not numeric"},
    {"@relation a\n@attribute b {u\n@data\n1\n", "line 2: the values of an attribute are not listed"},
    {"@relation a\nb numeric\n@data\n1\n", "line 2: an ARFF file has @relation"},
    {"@relation a\n@attribute b real\n@attribute c {u,v}\n@data\n1,u\n2\n",
     "line 6 has 1 field, but the first row has 2"},
    {"@relation a\n@attribute b real\n@attribute c {u,v}\n@data\n1,u\n{0 1, 5 2}\n",
     "line 6, column \"c\": a sparse row is not written as"},
    {"@relation a\n@attribute b real\n@attribute c {u,v}\n@data\n1,u\n{0 1, 1 v\n",
     "line 6, column \"c\": a sparse row does not end with a brace"},
    {"@relation a\n@attribute b real\n@attribute c {u,v}\n@data\n1,u\n{0 1 1 v}\n", "\"1 1 v\" is no number"},
    {"@relation a\n@attribute b real\n@attribute c {u,v}\n@data\n1,u\n{x}\n",
     "a sparse row is not written as"},
    {"@relation a\n@attribute b real\n@attribute c {u,v}\n@data\n1,u\n{1 'v}\n", "a quote does not close"},
    {"@relation a\n@attribute b real\n@attribute c {u,v}\n@data\n", "there is no row after the header"},
};

START_TEST(test_bad_arff)
{
    put_text("bad.arff", bad_arff[_i].text);
    file_refused("bad.arff", CLM_ERROR_FORMAT, bad_arff[_i].part);
}
END_TEST

/* A file that is cut off anywhere is read or refused. */
START_TEST(test_cut_arff)
{
    for (size_t cut = 0; cut < strlen(arff); cut++) {
        struct clm_data *data = NULL;
        struct clm_error error;
        put_file("cut.arff", arff, cut);
        const struct clm_data_options options = {.source = file_path("cut.arff"), .format = "arff"};
        const clm_status status = clm_data_open(&options, &data, &error);
        ck_assert(status == CLM_OK ? data != NULL : data == NULL && *error.message);
        clm_data_close(data);
    }
}
END_TEST

/* Text that is written has the values of the table again; arrays of float32 cannot. */
START_TEST(test_offset_written)
{
    put_text("t.csv", "t,a,label\n1700000001,0.5,0\n1700000081,2,1\n");
    struct clm_data *const data = open_file("t.csv");
    struct clm_error error;
    ck_assert_int_eq(
        clm_data_write(data, file_path("w.csv"), &(struct clm_data_write_options){.format = "csv"}, &error),
        CLM_OK);
    struct clm_data *const again = open_file("w.csv");
    ck_assert_double_eq(column_at(again, 0).offset, 1700000001);
    assert_part(again, CLM_TRAIN, 2, 2, (const float[]){0, 0.5f, 80, 2});
    clm_data_close(again);
    ck_assert_int_eq(
        clm_data_write(data, file_path("w.npz"), &(struct clm_data_write_options){.format = "npz"}, &error),
        CLM_ERROR_SHAPE);
    ck_assert_msg(strstr(error.message, "cannot tell the values of t apart, which begin at 1700000001") !=
                      NULL,
                  "%s", error.message);
    /* nor can data without names of columns follow a model that counts from there */
    put_text("plain.libsvm", "0 1:1700000001 2:0.5\n1 1:1700000081 2:2\n");
    struct clm_data *const plain = open_file("plain.libsvm");
    ck_assert_int_eq(inputs_compare(clm_data_inputs(data), clm_data_inputs(plain), "plain", &error),
                     CLM_ERROR_SHAPE);
    ck_assert_msg(strstr(error.message, "plain: the model counts t from 1700000001") != NULL, "%s",
                  error.message);
    clm_data_close(plain);
    clm_data_close(data);
}
END_TEST

/* ---- which columns ------------------------------------------------------------------------------------- */

START_TEST(test_chosen_columns)
{
    put_text("t.csv", "id,zip,a,\"b,c\",label\n11,100,1,5,x\n12,200,2,6,y\n13,100,3,7,y\n");
    struct clm_data *data = open_with(&(struct clm_data_options){
        .source = file_path("t.csv"), .ignore = "a,\"b,c\"", .categorical = "1", .id = "id"});
    assert_part(data, CLM_TRAIN, 3, 2, (const float[]){1, 0, 0, 1, 1, 0});
    ck_assert_str_eq(clm_data_row_name(data, CLM_TRAIN, 2), "13");
    clm_data_close(data);
    data = open_with(&(struct clm_data_options){.source = file_path("t.csv"), .only = "a,-2"});
    assert_part(data, CLM_TRAIN, 3, 2, (const float[]){1, 5, 2, 6, 3, 7});
    clm_data_close(data);
    const char *const path = file_path("t.csv");
    refused_with(&(struct clm_data_options){.source = path, .ignore = "zap"}, CLM_ERROR_FORMAT,
                 "no column is called zap; did you mean zip?");
    refused_with(&(struct clm_data_options){.source = path, .only = "9"}, CLM_ERROR_FORMAT,
                 "has 5 columns (0 to 4, or -1 for the last), but no column 9");
    refused_with(&(struct clm_data_options){.source = path, .ignore = "\"a"}, CLM_ERROR_ARGUMENT,
                 "does not close");
    put_text("t.libsvm", "1 1:2\n2 1:3\n");
    refused_with(&(struct clm_data_options){.source = file_path("t.libsvm"), .id = "a"}, CLM_ERROR_ARGUMENT,
                 "is for arff or csv alone");
}
END_TEST

START_TEST(test_weights)
{
    put_text("t.csv", "w,a,label\n1,5,x\n0.5,6,y\n2e0,7,y\n");
    struct clm_data *data =
        open_with(&(struct clm_data_options){.source = file_path("t.csv"), .weight = "w"});
    assert_part(data, CLM_TRAIN, 3, 1, (const float[]){5, 6, 7});
    ck_assert(data->train.weights[0] == 1 && data->train.weights[1] == 0.5f && data->train.weights[2] == 2);
    clm_data_close(data);
    put_text("bad.csv", "w,a,label\n1,5,x\n,6,y\n");
    refused_with(&(struct clm_data_options){.source = file_path("bad.csv"), .weight = "w"}, CLM_ERROR_FORMAT,
                 "line 3, column \"w\": \"\" is no number, and the column holds the weights of rows");
    put_text("bad.csv", "w,a,label\n1,5,x\n-1,6,y\n");
    refused_with(&(struct clm_data_options){.source = file_path("bad.csv"), .weight = "w"}, CLM_ERROR_FORMAT,
                 "-1");
    refused_with(&(struct clm_data_options){.source = file_path("t.csv"), .weight = "label"},
                 CLM_ERROR_FORMAT, "label");
    refused_with(&(struct clm_data_options){.source = file_path("t.csv"), .id = "w", .weight = "w"},
                 CLM_ERROR_FORMAT,
                 "column w is an input, the labels, a target or the id, and cannot hold weights too");
}
END_TEST

/* Text with a value for each row is left out, and an identifier is named. */
START_TEST(test_columns_that_tell_nothing)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(file);
    fputs("key,name,a,label,empty\n", file);
    for (int r = 0; r < 40; r++)
        fprintf(file, "%d,n%d,%d,%d,\n", (r * 7) % 40 + 1000, r, r % 3, r % 2);
    fclose(file);
    put_file("t.csv", text, size);
    free(text);
    struct clm_data *data = open_noting((struct clm_data_options){.categorical = NULL}, "t.csv");
    ck_assert_uint_eq(clm_data_features(data), 2);
    assert_noted("column \"name\" is text with 40 different values in 40 rows");
    assert_noted("column \"key\" holds a different whole number in each row");
    assert_noted("column \"empty\" has no value in any row, and is left out");
    clm_data_close(data);
    data = open_noting((struct clm_data_options){.categorical = "name", .ignore = "key,empty"}, "t.csv");
    ck_assert_uint_eq(clm_data_features(data), 41);
    ck_assert_str_eq(notes, "");
    clm_data_close(data);
}
END_TEST

/* ---- other files --------------------------------------------------------------------------------------- */

static const char known[] = "city,age,label\nOslo,30,x\nBergen,40,y\nOslo,,y\n";

static struct clm_inputs *known_inputs(void)
{
    put_text("known.csv", known);
    struct clm_data *data = open_file("known.csv");
    struct clm_inputs *const inputs = inputs_share(clm_data_inputs(data));
    clm_data_close(data);
    return inputs;
}

/* Opens a file for a model of two classes. */
static struct clm_data *open_known(const char *text, const struct clm_inputs *inputs)
{
    static const char *const classes[] = {"x", "y"};
    put_text("t.csv", text);
    return open_noting((struct clm_data_options){.model_inputs = inputs,
                                                 .features = 4,
                                                 .classes = 2,
                                                 .class_names = classes,
                                                 .labels_optional = true},
                       "t.csv");
}

/* Bergen, Oslo, the age, and whether it is missing. */
START_TEST(test_known_columns)
{
    static const float values[] = {0, 1, 30, 0, 1, 0, 40, 0, 0, 1, 35, 1};
    static const char *const same[] = {known,
                                       "age,label,city\n30,x,Oslo\n40,y,Bergen\n,y,Oslo\n",
                                       "extra,age,city,label\n1,30,Oslo,x\n2,40,Bergen,y\n3,NA,Oslo,y\n",
                                       "city,age\nOslo,30\nBergen,40\nOslo,\n",
                                       "Oslo,30,x\nBergen,40,y\nOslo,,y\n",
                                       "Oslo,30\nBergen,40\nOslo,\n"};
    struct clm_inputs *const inputs = known_inputs();
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct clm_data *data = open_known(same[i], inputs);
        assert_part(data, CLM_TRAIN, 3, 4, values);
        ck_assert_uint_eq(clm_data_unlabelled(data, CLM_TRAIN), i == 3 || i == 5 ? 3 : 0);
        ck_assert(i != 2 || strstr(notes, "left out 1 column that is no input of the model: extra"));
        ck_assert(i == 2 || !*notes);
        clm_data_close(data);
    }
    /* a category that was not there has no 1 */
    struct clm_data *data = open_known("city,age\nParis,30\n,40\n", inputs);
    assert_part(data, CLM_TRAIN, 2, 4, (const float[]){0, 0, 30, 0, 0, 1, 40, 0});
    clm_data_close(data);
    inputs_free(inputs);
}
END_TEST

START_TEST(test_unlike_known_columns)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"city,label\nOslo,x\n", "has no column age, which is one of the inputs"},
        {"a,b,label\n1,2,x\n", "has no column city, age, which are inputs"},
        {"City,Age,label\nOslo,1,x\n", "has no column city, age"},
        {"city,age,label\nOslo,old,x\n",
         "line 2, column \"age\": \"old\" is no number, as the values of this column are"},
        {"Oslo,7,2,3\nBergen,1,2,4\n", "has 4 columns without names, but the training data had 3"},
        {"city,age,label\nOslo,1,z\n", "the label z is not one of the 2 classes"},
    };
    struct clm_inputs *const inputs = known_inputs();
    static const char *const classes[] = {"x", "y"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text("t.csv", cases[i].text);
        struct clm_error error;
        struct clm_data *data = NULL;
        const struct clm_data_options options = {.source = file_path("t.csv"),
                                                 .model_inputs = inputs,
                                                 .features = 4,
                                                 .classes = 2,
                                                 .class_names = classes};
        ck_assert_int_ne(clm_data_open(&options, &data, &error), CLM_OK);
        ck_assert_msg(strstr(error.message, cases[i].part) != NULL, "no \"%s\" in: %s", cases[i].part,
                      error.message);
    }
    put_text("t.csv", "city,age\nOslo,30\n");
    refused_with(
        &(struct clm_data_options){.source = file_path("t.csv"), .model_inputs = inputs, .classes = 2},
        CLM_ERROR_FORMAT, "has no labels: no column is called label");
    inputs_free(inputs);
}
END_TEST

/* ---- in a model's file --------------------------------------------------------------------------------- */

START_TEST(test_inputs_as_json)
{
    struct clm_inputs *const inputs = known_inputs(), *again = NULL;
    struct clm_error error;
    json_t *const json = inputs_describe(inputs);
    ck_assert_ptr_nonnull(json);
    ck_assert_int_eq(inputs_parse(json, &again, &error), CLM_OK);
    ck_assert_int_eq(inputs_compare(inputs, again, "it", &error), CLM_OK);
    json_t *const other = inputs_describe(again);
    ck_assert(json_equal(json, other));
    json_decref(json);
    json_decref(other);
    inputs_free(again);
    inputs_free(inputs);
}
END_TEST

static const char *const bad_inputs[] = {
    "{}",
    "[]",
    "{\"values\":\"floats\"}",
    "{\"values\":\"floats\",\"features\":0}",
    "{\"values\":\"floats\",\"features\":-1}",
    "{\"values\":\"floats\",\"features\":1e3}",
    "{\"values\":\"floats\",\"features\":99999999999}",
    "{\"values\":\"floats\",\"features\":4,\"picture\":[1,2,3]}",
    "{\"values\":\"floats\",\"features\":4,\"picture\":[0,2,2]}",
    "{\"values\":\"floats\",\"features\":4,\"picture\":[4611686018427387904,4,1]}",
    "{\"values\":\"floats\",\"features\":2,\"offsets\":[1]}",
    "{\"values\":\"floats\",\"features\":1,\"offsets\":[\"1\"]}",
    "{\"values\":\"floats\",\"features\":1,\"columns\":[]}",
    "{\"values\":\"floats\",\"features\":1,\"file_columns\":1,\"label_place\":0,\"columns\":[{}]}",
    "{\"values\":\"floats\",\"features\":2,\"file_columns\":1,\"label_place\":1,\"columns\":[{\"name\":\"a\",\"kind\":\"number\",\"place\":0,\"offset\":0,\"fill\":0}]}",
    "{\"values\":\"floats\",\"features\":1,\"file_columns\":1,\"label_place\":1,\"columns\":[{\"name\":\"a\",\"kind\":\"colour\",\"place\":0,\"offset\":0,\"fill\":0}]}",
    "{\"values\":\"floats\",\"features\":1,\"file_columns\":1,\"label_place\":1,\"columns\":[{\"name\":\"a\",\"kind\":\"number\",\"place\":9,\"offset\":0,\"fill\":0}]}",
    "{\"values\":\"floats\",\"features\":1,\"file_columns\":1,\"label_place\":1,\"columns\":[{\"name\":\"a\",\"kind\":\"category\",\"place\":0,\"offset\":0,\"fill\":1,\"categories\":[\"u\"]}]}",
    "{\"values\":\"floats\",\"features\":1,\"file_columns\":1,\"label_place\":1,\"columns\":[{\"name\":\"a\",\"kind\":\"category\",\"place\":0,\"offset\":0,\"fill\":0,\"categories\":[]}]}",
    "{\"values\":\"floats\",\"features\":1,\"file_columns\":1,\"label_place\":1,\"columns\":[{\"name\":\"a\",\"kind\":\"category\",\"place\":0,\"offset\":0,\"fill\":0,\"categories\":[7]}]}",
};

START_TEST(test_bad_inputs)
{
    struct clm_inputs *inputs = NULL;
    struct clm_error error;
    json_t *const json = json_loads(bad_inputs[_i], 0, NULL);
    ck_assert_ptr_nonnull(json);
    ck_assert_int_eq(inputs_parse(json, &inputs, &error), CLM_ERROR_FORMAT);
    ck_assert_ptr_null(inputs);
    json_decref(json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("columns");
    TCase *tests = tcase_create("columns");
    tcase_add_checked_fixture(tests, files_set_up, files_tear_down);
    tcase_add_loop_test(tests, test_dialects, 0, COUNT(dialects));
    tcase_add_test(tests, test_delimiter_asked);
    tcase_add_test(tests, test_encodings);
    tcase_add_test(tests, test_header_of_text);
    tcase_add_test(tests, test_kinds);
    tcase_add_loop_test(tests, test_dates, 0, COUNT(dates));
    tcase_add_test(tests, test_late_kinds);
    tcase_add_test(tests, test_many_rows);
    tcase_add_test(tests, test_offset);
    tcase_add_test(tests, test_offset_written);
    tcase_add_test(tests, test_arff);
    tcase_add_test(tests, test_left_out_in_arff);
    tcase_add_loop_test(tests, test_bad_arff, 0, COUNT(bad_arff));
    tcase_add_test(tests, test_cut_arff);
    tcase_add_test(tests, test_chosen_columns);
    tcase_add_test(tests, test_weights);
    tcase_add_test(tests, test_columns_that_tell_nothing);
    tcase_add_test(tests, test_known_columns);
    tcase_add_test(tests, test_unlike_known_columns);
    tcase_add_test(tests, test_inputs_as_json);
    tcase_add_loop_test(tests, test_bad_inputs, 0, COUNT(bad_inputs));
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
