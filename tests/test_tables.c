/* Tables in text: numbers, CSV and LIBSVM; what is recognised, and malformed files. */
#include "data/table/label_table.h"
#include "data/formats/libsvm.h"
#include "data/table/number.h"

#include "base/philox.h"
#include "base/text.h"

#include "support/data_files.h"
#include "support/support.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof array / sizeof *array))

/* ---- what was read ------------------------------------------------------------------------------------- */

/* The training part has these values, by row, and these labels. */
static void assert_rows(const struct clm_data *data, size_t rows, size_t features, const float *values,
                        const uint32_t *labels)
{
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), rows);
    ck_assert_uint_eq(clm_data_features(data), features);
    ck_assert(!clm_data_is_bytes(data));
    for (size_t i = 0; i < rows * features; i++)
        ck_assert_msg(((const float *)data->train.values)[i] == values[i], "value %zu is %.9g, not %.9g", i,
                      (double)((const float *)data->train.values)[i], (double)values[i]);
    for (size_t i = 0; i < rows; i++)
        ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, i), labels[i]);
}

static const float two_by_two[] = {1.5f, -2, 0.25f, 3e-5f};
static const uint32_t one_each[] = {0, 1};

/* The text is two rows of two features, 1.5, -2 and 0.25, 3e-5, of classes 0 and 1 with these names. */
static void assert_two_rows(const struct clm_data_options *more, const char *text, const char *first,
                            const char *second)
{
    struct clm_data_options options = more ? *more : (struct clm_data_options){0};
    put_text("two.csv", text);
    options.source = file_path("two.csv");
    struct clm_data *data = open_with(&options);
    ck_assert_str_eq(clm_data_format(data), "csv");
    assert_rows(data, 2, 2, two_by_two, one_each);
    ck_assert_uint_eq(clm_data_classes(data), 2);
    if (first) {
        ck_assert_str_eq(clm_data_class_name(data, 0), first);
        ck_assert_str_eq(clm_data_class_name(data, 1), second);
    } else {
        ck_assert_ptr_null(clm_data_class_name(data, 0));
    }
    clm_data_close(data);
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

static void assert_number(const char *text)
{
    const char *at = text;
    char *end;
    float got = NAN;
    const float expected = strtof(text, &end);
    ck_assert_msg(number_read(&at, &got), "%s is no number", text);
    ck_assert_msg(at == end, "of %s, \"%s\" is left", text, at);
    ck_assert_msg(!memcmp(&got, &expected, sizeof got), "%s is %.9g, not %.9g", text, (double)got,
                  (double)expected);
}

/* Each as the C library rounds it: near the middle between floats, at the ends of their range, random. */
START_TEST(test_numbers)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "+1",
        "1.",
        ".5",
        "-.5e1",
        "1e0",
        "00012",
        "0.1",
        "1e-05",
        "16777215",
        "16777216",
        "16777217",
        "16777218",
        "16777219",
        "16777217.0000000000000000000000000001",
        "16777216.9999999999999999999999999999",
        "33554435",
        "3.4028234663852886e38",
        "3.4028235677973366e38",
        "3.4028235677973365e38",
        "340282356779733661637539395458142568447",
        "340282356779733661637539395458142568448",
        "1e38",
        "1e39",
        "1e99999999999",
        "1e-99999999999",
        "1e-45",
        "7e-46",
        "7.1e-46",
        "1.17549435e-38",
        "1.1754942e-38",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999",
        "9007199254740993",
        "0.000000000000000000000000000000000001",
        "1000000000000000000000000e-24",
        "8.589973e9",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "123456789012345678e-17",
        "1E5",
        "1e+5",
        "0e30",
        "0.0000000000000000000000",
        "1e5x",
        "1e",
        "1e+",
        "1.e2",
        "1.5.2",
        "2-3",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_number(texts[i]);

    struct philox random = philox_start(3, RANDOM_TEST, 0);
    for (int i = 0; i < 200000; i++) {
        char text[128];
        float value, next;
        uint32_t bits = philox_next(&random) & 0x7fffffff;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        next = nextafterf(value, INFINITY);
        const double middle = ((double)value + (double)next) / 2; /* exact */
        const int digits = 1 + (int)philox_below(&random, 20);
        snprintf(text, sizeof text, "%.*e", digits, (double)value);
        assert_number(text);
        if (isfinite(next)) {
            snprintf(text, sizeof text, "%.*e", digits, middle);
            assert_number(text);
            snprintf(text, sizeof text, "%.*e", digits, nextafter(middle, INFINITY));
            assert_number(text);
        }
        snprintf(text, sizeof text, "%u.%0*u", bits >> (digits & 31), 1 + digits % 9,
                 philox_below(&random, 1000));
        assert_number(text);
    }
}
END_TEST

START_TEST(test_no_numbers)
{
    static const char *const texts[] = {"",    "-",   "+",   ".",  "-.", "e5",   ".e5",
                                        "--1", "inf", "nan", " 1", "x",  "\"1\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *at = texts[i];
        float value;
        ck_assert_msg(!number_read(&at, &value), "%s is a number", texts[i]);
        ck_assert_ptr_eq(at, texts[i]);
    }
}
END_TEST

START_TEST(test_whole_numbers)
{
    static const struct {
        const char *text;
        bool is_whole;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"-0", true, 0},
                 {"007", true, 7},
                 {"+3", true, 3},
                 {"-12", true, -12},
                 {"5.", true, 5},
                 {"5.0", true, 5},
                 {"5.00", true, 5},
                 {"5.01", false, 0},
                 {"", false, 0},
                 {"-", false, 0},
                 {".0", true, 0},
                 {".", false, 0},
                 {"1e3", true, 1000},
                 {"1e0", true, 1},
                 {"1.000000000000000000e+00", true, 1},
                 {"-2.50e1", true, -25},
                 {"120e-1", true, 12},
                 {"125e-1", false, 0},
                 {"1.5", false, 0},
                 {"0e99", true, 0},
                 {"1e17", true, 100000000000000000},
                 {"1e18", false, 0},
                 {"1e", false, 0},
                 {"1e+", false, 0},
                 {"100000000000000000000e-20", true, 1},
                 {"1 ", false, 0},
                 {"999999999999999999", true, 999999999999999999},
                 {"1000000000000000000", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 0;
        ck_assert_msg(number_read_whole(cases[i].text, strlen(cases[i].text), &value) == cases[i].is_whole,
                      "%s", cases[i].text);
        ck_assert(!cases[i].is_whole || value == cases[i].value);
    }
}
END_TEST

START_TEST(test_shown_text)
{
    char out[12];
    ck_assert_str_eq(text_show(out, sizeof out, "", 0), "");
    ck_assert_str_eq(text_show(out, sizeof out, "elevenbytes", 11), "elevenbytes");
    ck_assert_str_eq(text_show(out, sizeof out, "twelve bytes", 12), "twelve b...");
    ck_assert_str_eq(text_show(out, sizeof out, "a\nb\x7f\xff", 5), "a?b??");
    ck_assert_str_eq(text_show(out, sizeof out, "\xc3\xa9\xc3", 3), "\xc3\xa9?");
    ck_assert_str_eq(text_show(out, sizeof out, "1234567\xc3\xa9\xc3\xa9\xc3\xa9", 13), "1234567...");
}
END_TEST

/* ---- CSV: what it may look like ------------------------------------------------------------------------ */

static const struct {
    const char *text, *first, *second;
} csv_forms[] = {
    {"1.5,-2,0\n0.25,3e-5,1\n", NULL, NULL},
    {"1.5,-2,0\n0.25,3e-5,1", NULL, NULL},
    {"1.5,-2,0\r\n0.25,3e-5,1\r\n", NULL, NULL},
    {"1.5,-2,0\r0.25,3e-5,1\r", NULL, NULL},
    {"\n\n1.5,-2,0\n\r\n0.25,3e-5,1\n\n\n", NULL, NULL},
    {"\xef\xbb\xbf"
     "1.5,-2,0\n0.25,3e-5,1\n",
     NULL, NULL},
    {"1.5;-2;0\n0.25;3e-5;1\n", NULL, NULL},
    {"1.5\t-2\t0\n0.25\t3e-5\t1\n", NULL, NULL},
    {" 1.5 , -2 , 0 \n 0.25 ,\t3e-5, 1\n", NULL, NULL},
    {"\"1.5\",\"-2\",\"0\"\n\"0.25\",3e-5,\"1\"\n", NULL, NULL},
    {"1.5, \"-2\" ,0\n0.25,3e-5,1\n", NULL, NULL},
    {"1.5,-2,0.0\n0.25,3e-5,1.0\n", NULL, NULL},
    {"1.5,-2,ant\n0.25,3e-5,bee\n", "ant", "bee"},
    {"1.5,-2,\"a,\"\"nt\"\"\"\n0.25,3e-5,\"bee; \"\n", "a,\"nt\"", "bee; "},
    {"1.5,-2,-1\n0.25,3e-5,1\n", "-1", "1"},
    {"1.5,-2,9\n0.25,3e-5,10\n", "9", "10"},
    {"1.5,-2,10\n0.25,3e-5,9x\n", "10", "9x"},
    {"1.5,-2,y\n0.25,3e-5,z\n", "y", "z"},
    {"1.5,-2,0.5\n0.25,3e-5,x\n", "0.5", "x"},
    {"1.5,-2,False\n0.25,3e-5,True\n", "False", "True"},
    {"1.5,-2,\xc3\xa9\n0.25,3e-5,\xc3\xaa\n", "\xc3\xa9", "\xc3\xaa"},
    /* with a header */
    {"a,b,label\n1.5,-2,0\n0.25,3e-5,1\n", NULL, NULL},
    {"a,b,c\n1.5,-2,0\n0.25,3e-5,1\n", NULL, NULL},
    {"a,b,c\r\n1.5,-2,0\r\n0.25,3e-5,1\r\n", NULL, NULL},
    {"\xef\xbb\xbf"
     "Label,b,c\nx,1.5,-2\ny,0.25,3e-5\n",
     "x", "y"},
    {"a,\"class\",b\n1.5,x,-2\n0.25,y,3e-5\n", "x", "y"},
    {"TARGET,a,b\n0,1.5,-2\n1,0.25,3e-5\n", NULL, NULL},
    {"y,a,b\n0,1.5,-2\n1,0.25,3e-5\n", NULL, NULL},
    {"a,b,species\n1.5,-2,x\n0.25,3e-5,z\n", "x", "z"},
    {"class,label,y\n1.5,0,-2\n0.25,1,3e-5\n", NULL, NULL}, /* label comes first */
    {"\"a\nb\",\"c \"\"d\"\"\",label\n1.5,-2,0\n0.25,3e-5,1\n", NULL, NULL},
    {"2019,2020,label\n1.5,-2,u\n0.25,3e-5,v\n", "u", "v"},
    {"0,1,2\n1.5,-2,0\n0.25,3e-5,1\n", NULL, NULL}, /* pandas without names */
    {"0,1,sort\n1.5,-2,u\n0.25,3e-5,v\n", "u", "v"},
    {",0,1,2\n0,1.5,-2,0\n1,0.25,3e-5,1\n", NULL, NULL}, /* and with its index */
    {",a,b,label\n17,1.5,-2,0\n4,0.25,3e-5,1\n", NULL, NULL},
    {"Unnamed: 0,a,b,label\nr1,1.5,-2,0\nr2,0.25,3e-5,1\n", NULL, NULL},
    {"\"\";\"a\";\"b\";\"label\"\n17;1.5;-2;0\n4;0.25;3e-5;1\n", NULL, NULL},
    {"a;b;kind\n1.5;-2;x,1\n0.25;3e-5;x,2\n", "x,1", "x,2"}, /* semicolons give more columns */
    {"a,b,text\n1.5,-2,\"two\tof;them\"\n0.25,3e-5,\"z\"\n", "two\tof;them", "z"},
};

START_TEST(test_csv_forms)
{
    if (strchr(csv_forms[_i].text, '\t') && csv_forms[_i].first && strchr(csv_forms[_i].first, '\t')) {
        /* a label may contain delimiters, but a tab is a control character */
        put_text("tab.csv", csv_forms[_i].text);
        file_refused("tab.csv", CLM_ERROR_FORMAT, "line 2: \"two?of;them\" is no label");
        return;
    }
    assert_two_rows(NULL, csv_forms[_i].text, csv_forms[_i].first, csv_forms[_i].second);
}
END_TEST

START_TEST(test_csv_options)
{
    static const struct clm_data_options by_name = {.label = "kind"}, first = {.label = "0"},
                                         middle = {.label = "-2"}, no = {.header = CLM_HEADER_NO},
                                         yes = {.header = CLM_HEADER_YES},
                                         third = {.label = "2", .header = CLM_HEADER_YES};
    assert_two_rows(&by_name, "a,kind,label\n1.5,x,-2\n0.25,y,3e-5\n", "x", "y");
    assert_two_rows(&by_name, "1,kind,3\n1.5,0,-2\n0.25,1,3e-5\n", NULL, NULL);
    assert_two_rows(&first, "x,1.5,-2\nz,0.25,3e-5\n", "x", "z");
    assert_two_rows(&first, "id,a,b\n7000,1.5,-2\n80000,0.25,3e-5\n", "7000", "80000");
    assert_two_rows(&middle, "1.5,x,-2\n0.25,z,3e-5\n", "x", "z");
    assert_two_rows(&third, "0,2,1\n1.5,0,-2\n0.25,1,3e-5\n", NULL, NULL); /* a name goes before an index */
    assert_two_rows(&yes, "8,9,7\n1.5,-2,0\n0.25,3e-5,1\n", NULL, NULL);
    assert_two_rows(&no, "1.5,-2,class\n0.25,3e-5,clasz\n", "class", "clasz");

    put_text("a.csv", "0,1,2\n1.5,-2,0\n0.25,3e-5,1\n");
    struct clm_data *data =
        open_with(&(struct clm_data_options){.source = file_path("a.csv"), .header = CLM_HEADER_NO});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 3);
    clm_data_close(data);

    put_text("a.csv", "a,b,b\n1.5,-2,0\n0.25,3e-5,1\n");
    const char *path = file_path("a.csv");
    refused_with(&(struct clm_data_options){.source = path, .label = "c"}, CLM_ERROR_FORMAT,
                 "no column is called c; did you mean a? Its columns are a, b, b");
    refused_with(&(struct clm_data_options){.source = path, .label = "b"}, CLM_ERROR_FORMAT,
                 "2 columns are called b");
    refused_with(&(struct clm_data_options){.source = path, .label = "3"}, CLM_ERROR_FORMAT,
                 "3 columns (0 to 2, or -1 for the last), but no column 3");
    refused_with(&(struct clm_data_options){.source = path, .label = "-4"}, CLM_ERROR_FORMAT, "no column -4");
    refused_with(&(struct clm_data_options){.source = path, .label = "a", .header = CLM_HEADER_NO},
                 CLM_ERROR_FORMAT, "its columns have no names");
    refused_with(&(struct clm_data_options){.source = path, .inputs = "a"}, CLM_ERROR_ARGUMENT,
                 "is read as csv, and a name of the inputs is for idx, npy or npz alone");
}
END_TEST

/* A table longer than the window through which it is read, plain and gzipped, with numbers cut at its end. */
START_TEST(test_csv_long)
{
    enum { LONG_ROWS = 30000, LONG_FEATURES = 9 };
    char *text = malloc((size_t)LONG_ROWS * 160), *at = text;
    ck_assert_ptr_nonnull(text);
    at += sprintf(at, "\"the\nlabel\"");
    for (int i = 0; i < LONG_FEATURES; i++)
        at += sprintf(at, ",f%d", i);
    for (int r = 0; r < LONG_ROWS; r++) {
        at += sprintf(at, "\r\n\"c%d\n\"\"%s\"\"\"", r % 3, r % 3 ? "x" : "");
        for (int i = 0; i < LONG_FEATURES; i++)
            at += sprintf(at, r % 5 ? ",%.9g" : ",\"%.9g\"", (double)((float)(r - 1000) / (float)(i + 3)));
    }
    /* a line end is no part of a class's name; here it is one of the features' rows */
    for (char *c = text; c < at; c++)
        if (*c == '\n' && c[-1] != '\r' && c > text + 12)
            *c = ' ';
    ck_assert_uint_gt((size_t)(at - text), (size_t)2 << 20);
    put_file("long.csv", text, (size_t)(at - text));
    put_gzipped("long.csv.gz", text, (size_t)(at - text));
    for (int i = 0; i < 2; i++) {
        struct clm_data *data = open_with(
            &(struct clm_data_options){.source = file_path(i ? "long.csv.gz" : "long.csv"), .label = "0"});
        ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), LONG_ROWS);
        ck_assert_uint_eq(clm_data_features(data), LONG_FEATURES);
        ck_assert_str_eq(clm_data_class_name(data, 0), "c0 \"\"");
        ck_assert_str_eq(clm_data_class_name(data, 2), "c2 \"x\"");
        for (size_t r = 0; r < LONG_ROWS; r++) {
            ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, r), r % 3);
            for (size_t f = 0; f < LONG_FEATURES; f++)
                ck_assert(((const float *)data->train.values)[r * LONG_FEATURES + f] ==
                          ((float)r - 1000) / (float)(f + 3));
        }
        clm_data_close(data);
    }
    /* errors count lines as an editor does */
    at += sprintf(at, "\r\nc0,1,2,3,4,5,6,x7,8,9\r\n");
    put_file("long.csv", text, (size_t)(at - text));
    refused_with(&(struct clm_data_options){.source = file_path("long.csv"), .label = "0"}, CLM_ERROR_FORMAT,
                 "line 30003, column \"f6\": \"x7\" is no number");
    free(text);
}
END_TEST

/* Numbers are read with a point even if the locale has a comma. */
START_TEST(test_csv_in_another_locale)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"};
    bool is_set = false;
    for (size_t i = 0; !is_set && i < sizeof names / sizeof *names; i++)
        is_set = setlocale(LC_ALL, names[i]) != NULL;
    /* without such a locale this is the plain one; digits show whether the slow way was used */
    put_text("a.csv", "1.00000000000000000000001,2.5e-30,0\n1.5e-40,16777217,1\n");
    struct clm_data *data = open_file("a.csv");
    assert_rows(data, 2, 2, (const float[]){1, 2.5e-30f, 1.5e-40f, 16777216}, one_each);
    clm_data_close(data);
    setlocale(LC_ALL, "C");
}
END_TEST

/* As pandas writes truth values, for example from get_dummies; the last column has the labels. */
START_TEST(test_csv_truth)
{
    put_text("a.csv", "a,b_u,b_v,c\n1.5,True,False,False\n2,FALSE,true,True\n");
    struct clm_data *data = open_with(&(struct clm_data_options){.source = file_path("a.csv")});
    assert_rows(data, 2, 3, (const float[]){1.5f, 1, 0, 2, 0, 1}, (const uint32_t[]){0, 1});
    ck_assert_str_eq(clm_data_class_name(data, 0), "False");
    clm_data_close(data);
    put_text("a.csv", "1.5,1,0\n2,0,1\n3,Truth,1\n");
    file_refused("a.csv", CLM_ERROR_FORMAT, "line 3, column 1 (counted from 0): \"Truth\" is no number");
}
END_TEST

/* ---- CSV: missing values ------------------------------------------------------------------------------- */

/* A column with missing values gets one more feature, which says where. */
START_TEST(test_csv_missing)
{
    static const char *const words[] = {"",     "NA",      "na",      "NaN",  "nan",  "null", "NULL", "?",
                                        "N/A",  " ",       "\"\"",    "#N/A", "<NA>", "None", ".",    "NaT",
                                        "-nan", "1.#QNAN", "-1.#IND", "n.a.", "#NA",  "oops", "-999"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char text[256];
        snprintf(text, sizeof text, "a,b,label\n1,2,0\n%s,4,1\n5,6,0\n", words[i]);
        put_text("a.csv", text);
        const char *path = file_path("a.csv");
        struct clm_data_options options = {.source = path, .missing_words = "unknown,oops,-999"};
        options.missing = CLM_MISSING_REFUSED;
        refused_with(&options, CLM_ERROR_FORMAT, "line 3, column \"a\": the value is missing");
        options.missing = CLM_MISSING_MEAN;
        struct clm_data *data = open_with(&options);
        assert_rows(data, 3, 3, (const float[]){1, 0, 2, 3, 1, 4, 5, 0, 6}, (const uint32_t[]){0, 1, 0});
        clm_data_close(data);
        options.missing = CLM_MISSING_ZERO;
        data = open_with(&options);
        assert_rows(data, 3, 3, (const float[]){1, 0, 2, 0, 1, 4, 5, 0, 6}, (const uint32_t[]){0, 1, 0});
        clm_data_close(data);
    }
    put_text("a.csv", "1,2,0\n3,4,\n");
    file_refused("a.csv", CLM_ERROR_FORMAT, "line 2, column 2 (counted from 0): the label is missing");
    refused_with(&(struct clm_data_options){.source = file_path("a.csv"), .missing = CLM_MISSING_ZERO},
                 CLM_ERROR_FORMAT, "the label is missing");
}
END_TEST

/* The mean is that of the rows used for training: held-out rows, the test set and rows that --limit leaves
 * out do not count. All parts get it. */
START_TEST(test_missing_mean_does_not_leak)
{
    put_text("train.csv", "a,b,label\n1,7,0\n?,8,1\n4,9,0\n1000,?,1\n?,5,0\n6000,?,1\n");
    put_text("test.csv", "a,b,label\n?,50000,0\n70000,?,1\n");
    const struct clm_data_options options = {.source = file_path("train.csv"),
                                             .test = file_path("test.csv"),
                                             .missing = CLM_MISSING_MEAN,
                                             .validation = 2,
                                             .limit = 3};
    struct clm_data *data = open_with(&options);
    assert_rows(data, 3, 4, (const float[]){1, 0, 7, 0, 2.5f, 1, 8, 0, 4, 0, 9, 0},
                (const uint32_t[]){0, 1, 0});
    const float *validation = data->validation.values, *test = data->test.values;
    ck_assert_uint_eq(data->validation.count, 2);
    ck_assert(validation[0] == 2.5f && validation[1] == 1 && validation[2] == 5 && validation[3] == 0);
    ck_assert(validation[4] == 6000 && validation[5] == 0 && validation[6] == 8 && validation[7] == 1);
    ck_assert_uint_eq(data->test.count, 2);
    ck_assert(test[0] == 2.5f && test[1] == 1 && test[2] == 50000 && test[3] == 0);
    ck_assert(test[4] == 70000 && test[5] == 0 && test[6] == 8 && test[7] == 1);
    clm_data_close(data);

    /* without a value to train on, there is nothing but 0 to fill with */
    put_text("train.csv", "a,b,label\n1,?,0\n3,?,1\n5,5,0\n");
    data = open_with(&(struct clm_data_options){.source = file_path("train.csv"), .limit = 2});
    assert_rows(data, 2, 3, (const float[]){1, 0, 1, 3, 0, 1}, (const uint32_t[]){0, 1});
    clm_data_close(data);
}
END_TEST

/* ---- a separate test set ------------------------------------------------------------------------------- */

START_TEST(test_classes_of_the_training_set)
{
    put_text("train.csv", "a,b,label\n1,2,cat\n3,4,dog\n5,6,eel\n");
    put_text("test.csv", "a,b,label\n1,2,eel\n3,4,dog\n");
    put_text("other.csv", "a,b,label\n1,2,eel\n3,4,cow\n");
    put_text("plain.csv", "1,2,eel\n3,4,dog\n");
    const char *train = file_path("train.csv");
    static const char *const tests[] = {"test.csv", "plain.csv"};
    for (int i = 0; i < 2; i++) {
        struct clm_data *data =
            open_with(&(struct clm_data_options){.source = train, .test = file_path(tests[i])});
        ck_assert_uint_eq(clm_data_classes(data), 3);
        ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 0), 2);
        ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 1), 1);
        clm_data_close(data);
    }
    refused_with(
        &(struct clm_data_options){.source = train, .test = file_path("other.csv")}, CLM_ERROR_FORMAT,
        "other.csv: line 3: the label cow is not one of the 3 classes of the training set (cat, dog, eel)");
    /* columns are found by their names */
    put_text("other.csv", "b,label,more,a\n2,eel,x,1\n4,dog,y,3\n");
    struct clm_data *moved =
        open_with(&(struct clm_data_options){.source = train, .test = file_path("other.csv")});
    ck_assert(!memcmp(moved->test.values, (const float[]){1, 2, 3, 4}, 4 * sizeof(float)));
    ck_assert_uint_eq(clm_data_label(moved, CLM_TEST, 0), 2);
    clm_data_close(moved);
    put_text("other.csv", "a,label\n1,eel\n3,dog\n");
    refused_with(&(struct clm_data_options){.source = train, .test = file_path("other.csv")}, CLM_ERROR_SHAPE,
                 "other.csv: has no column b, which is one of the inputs");

    /* numbers: as classes, or as names */
    put_text("train.csv", "1,2,0\n3,4,1\n5,6,2\n");
    put_text("test.csv", "1,2,2\n3,4,3\n");
    refused_with(&(struct clm_data_options){.source = train, .test = file_path("test.csv")}, CLM_ERROR_FORMAT,
                 "line 2: the label 3 is not one of the 3 classes of the training set (0 to 2)");
    put_text("test.csv", "1,2,-1\n3,4,0\n");
    refused_with(&(struct clm_data_options){.source = train, .test = file_path("test.csv")}, CLM_ERROR_FORMAT,
                 "the label -1 is not one");
    put_text("train.csv", "1,2,5\n3,4,-7\n5,6,9\n");
    put_text("test.csv", "1,2,9.0\n3,4,-7\n");
    struct clm_data *data =
        open_with(&(struct clm_data_options){.source = train, .test = file_path("test.csv")});
    ck_assert_str_eq(clm_data_class_name(data, 0), "-7");
    ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 0), 2);
    ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 1), 0);
    clm_data_close(data);
    put_text("test.csv", "1,2,0\n3,4,-7\n");
    refused_with(&(struct clm_data_options){.source = train, .test = file_path("test.csv")}, CLM_ERROR_FORMAT,
                 "the label 0 is not one of the 3 classes of the training set (-7, 5, 9)");

    /* in a file without names, the labels' column is the training set's */
    put_text("train.csv", "label,a,b\n0,1,2\n1,3,4\n2,5,6\n");
    put_text("test.csv", "2,1,0\n1,3,0\n");
    data = open_with(&(struct clm_data_options){.source = train, .test = file_path("test.csv")});
    ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 0), 2);
    ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 1), 1);
    clm_data_close(data);
}
END_TEST

/* As in eval and predict: the classes are a model's. */
START_TEST(test_classes_of_a_model)
{
    static const char *const names[] = {"cat", "dog", "eel", "fox"};
    put_text("a.csv", "a,b,label\n1,2,fox\n3,4,dog\n");
    struct clm_data_options options = {
        .source = file_path("a.csv"), .features = 2, .classes = 4, .class_names = names};
    struct clm_data *data = open_with(&options);
    ck_assert_uint_eq(clm_data_classes(data), 4);
    ck_assert_str_eq(clm_data_class_name(data, 0), "cat");
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 3);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 1), 1);
    clm_data_close(data);
    put_text("a.csv", "a,b,label\n1,2,3\n3,4,1\n"); /* no class has a number as its name: these are classes */
    data = open_with(&options);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 3);
    clm_data_close(data);
    put_text("a.csv", "a,b,label\n1,2,4\n3,4,1\n");
    refused_with(&options, CLM_ERROR_FORMAT, "the label 4 is not one of the 4 classes");
    options.class_names = NULL;
    put_text("a.csv", "a,b,label\n1,2,2\n3,4,2\n");
    data = open_with(&options);
    ck_assert_uint_eq(clm_data_classes(data), 4);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 2);
    clm_data_close(data);
    put_text("a.libsvm", "3 2:5\n");
    options.source = file_path("a.libsvm");
    options.features = 7;
    data = open_with(&options);
    ck_assert_uint_eq(clm_data_features(data), 7);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 3);
    clm_data_close(data);
}
END_TEST

/* ---- LIBSVM -------------------------------------------------------------------------------------------- */

START_TEST(test_libsvm)
{
    put_text("a.libsvm",
             "# a comment\n\n+1 1:0.5 4:-2e1 # more\n-1 2:3\r\n  +1\t4:7  \n-1\n1 1:1 2:2 3:3 4:4");
    struct clm_data *data = open_file("a.libsvm");
    ck_assert_str_eq(clm_data_format(data), "libsvm");
    assert_rows(data, 5, 4, (const float[]){0.5f, 0, 0, -20, 0, 3, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 1, 2, 3, 4},
                (const uint32_t[]){1, 0, 1, 0, 1});
    ck_assert_str_eq(clm_data_class_name(data, 0), "-1");
    ck_assert_str_eq(clm_data_class_name(data, 1), "1");
    clm_data_close(data);

    put_text("b.libsvm", "2 1:1\n0 1:2\n1 3:1\n");
    data = open_file("b.libsvm");
    ck_assert_ptr_null(clm_data_class_name(data, 0));
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 2);
    clm_data_close(data);

    /* a test set has the training set's features and classes */
    put_text("c.libsvm", "1 2:1\n");
    data =
        open_with(&(struct clm_data_options){.source = file_path("a.libsvm"), .test = file_path("c.libsvm")});
    const float *test = data->test.values;
    ck_assert(test[0] == 0 && test[1] == 1 && test[2] == 0 && test[3] == 0);
    ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 0), 1);
    clm_data_close(data);
    put_text("c.libsvm", "1 2:1\n\n-1 5:1\n");
    refused_with(&(struct clm_data_options){.source = file_path("a.libsvm"), .test = file_path("c.libsvm")},
                 CLM_ERROR_FORMAT, "line 3: index 5 is above the 4 features of the training set");
    put_text("c.libsvm", "1 2:1\n2 1:1\n");
    refused_with(&(struct clm_data_options){.source = file_path("a.libsvm"), .test = file_path("c.libsvm")},
                 CLM_ERROR_FORMAT,
                 "line 2: the label 2 is not one of the 2 classes of the training set (-1, 1)");
    refused_with(&(struct clm_data_options){.source = file_path("a.libsvm"), .label = "0"},
                 CLM_ERROR_ARGUMENT, "a name of the labels is for npy, npz, arff, csv or cifar100 alone");
}
END_TEST

/* ---- malformed files ----------------------------------------------------------------------------------- */

static const struct {
    const char *text, *part;
} bad_csv[] = {
    {"a,b,label\n", "there is no row after the header"},
    {"a,b,label", "there is no row after the header"},
    {"label,a\n", "there is no row"},
    {"1,2,0\n3,4\n", "line 2 has 2 fields, but the first row has 3"},
    {"1,2,0\n3\n", "line 2 has 1 field, but the first row has 3"},
    {"1,2,0\n3,4,1,5\n", "line 2 has more than 3 fields"},
    {"1,2,0\n3,4,\n", "line 2, column 2 (counted from 0): the label is missing"},
    {"1,2,0\n3,\"4,1\n", "line 2, column 1 (counted from 0): a quote does not close"},
    {"1,2,0\n3,\"4\"x,1\n",
     "line 2, column 1 (counted from 0): a quote does not close, or text follows a closing quote"},
    {"a,b,label,\n1,2,0,\n3,4,1,\"x\n", "line 3, after the last column: a quote does not close"},
    {"1,2,\"0\n3,4,1\n", "a quote"},
    {"1,2,0\n3,4\"5,1\n", "line 2, column 1 (counted from 0): \"4\"5\" is no number"},
    {"a,b,label\n1,2,0\n3,x,1\n", "line 3, column \"b\": \"x\" is no number"},
    {",a,label\n\"r\n1\",1,0\nr2,x,1\n", "line 4, column \"a\": \"x\" is no number"},
    {"1,2,0\n3,0x10,1\n", "\"0x10\" is no number"},
    {"1,2,0\n3,1_000,1\n", "\"1_000\" is no number"},
    {"1,2,0\n3,1 000,1\n", "\"1 000\" is no number"},
    {"1;2.5;0\n3;1,5;1\n", "\"1,5\" is no number, as 1.5 or -2e-3 are: it has another decimal point"},
    {"1,2,0\n3,\"1,000\",1\n", "\"1,000\" is no number, as 1.5 or -2e-3 are: it has separators of thousands"},
    {"1,2,0\n3,12%,1\n", "\"12%\" is no number, as 1.5 or -2e-3 are: it has a percent sign"},
    {"1,2,0\n3,$12,1\n", "it has the sign of a currency"},
    {"1,2,0\n3,1e,1\n", "\"1e\" is no number"},
    {"1,2,0\n3,--1,1\n", "\"--1\" is no number"},
    {"1,2,0\n3,Truth,1\n", "\"Truth\" is no number"},
    {"1,2,0\n3,inf,1\n", "line 2, column 1 (counted from 0): \"inf\" is infinite"},
    {"1,2,0\n3,-Infinity,1\n", "\"-Infinity\" is infinite"},
    {"1,2,0\n3,1e39,1\n", "\"1e39\" is more than float32 can hold"},
    {"1,2,0\n3,-4e38,1\n", "\"-4e38\" is more than float32 can hold"},
    {"1,2,0\n3,\"9e99\",1\n", "\"9e99\" is more than float32 can hold"},
    {"1,2,0\n3,\xff,1\n", "\"?\" is no number"},
    {"1,2,a\n3,4,\"b\nc\"\n", "line 2: \"b?c\" is no label"},
    {"1,2,0\n3,4,0\n", "column 2 (counted from 0), the last, holds nothing but \"0\""},
    {"1,2,0.5\n3,4,1.5\n", "line 1: column 2 (counted from 0), the last, holds 0.5"},
    {"1,2,0\n3,4,1000\n", "line 2: column 2 (counted from 0), the last, holds 1000"},
    {"1,2,0\n3,4,-1000\n", "holds -1000"},
    {"a,b,label\n1,2,0.5\n3,4,1\n", "line 2: the label 0.5 is a number with a fraction"},
    {"a,b,label\n1,2,1234567890123456789\n3,4,1\n", "too many digits"},
    {"a,b,label\n1,2,NaN\n3,4,1\n", "line 2, column \"label\": the label is missing"},
    {"label,a\n0,\n", "no column is left as an input"},
    {",label\n0,1\n1,0\n", "has no column but labels and an index"},
    {"hello, world\n", "column 1 (counted from 0), the last, holds nothing but \"world\""},
    {"Dear reader,\nthis is, after all,\nno table.\n", "no format that is read"},
};

START_TEST(test_bad_csv)
{
    put_text("bad.csv", bad_csv[_i].text);
    file_refused("bad.csv", CLM_ERROR_FORMAT, bad_csv[_i].part);
    /* the end of the file within a line does no harm either */
    struct clm_error error;
    for (size_t cut = 0; cut < strlen(bad_csv[_i].text); cut++) {
        struct clm_data *data = NULL;
        put_file("cut.csv", bad_csv[_i].text, cut);
        const struct clm_data_options options = {
            .source = file_path("cut.csv"), .format = "csv", .missing = CLM_MISSING_MEAN};
        const clm_status status = clm_data_open(&options, &data, &error);
        ck_assert(status == CLM_OK ? data != NULL : data == NULL && *error.message);
        clm_data_close(data);
    }
}
END_TEST

static const struct {
    const char *text, *part;
} bad_csv_named[] = {
    {"", "it has no complete row"},
    {"\n\n\n", "it has no complete row"},
    {"1\n2\n3\n", "has no column but labels"},
    {"one\ntwo\n", "its first row has one field; a table has two columns or more"},
    {"\xef\xbb\xbf", "it has no complete row"},
    {"\"", "it has no complete row"},
    {"\"1,2,0\n3,4,1\n5,6,1\n", "or a quote that does not close"},
    {"1,2,0\n3,\x1b[31m,1\n", "\"?[31m\" is no number"},
    {"\"a\"b,c\n", "it has no complete row"},
};

START_TEST(test_bad_csv_named)
{
    put_text("bad", bad_csv_named[_i].text);
    refused_with(&(struct clm_data_options){.source = file_path("bad"), .format = "csv"}, CLM_ERROR_FORMAT,
                 bad_csv_named[_i].part);
}
END_TEST

static const struct {
    const char *text, *part;
} bad_libsvm[] = {
    {"1 1:5\n1 0:5 0:6\n", "line 2: \"0:6\" has the same index"},
    {"1 1:5\n1 3:1 2:1\n", "line 2: \"2:1\" has a smaller index than the value before it"},
    {"1 1:5\n1 3:1 3:1\n", "line 2: \"3:1\" has the same index"},
    {"1 16777217:1\n", "\"16777217:1\" has an index above 16777216"},
    {"1 99999999999999999999999:1\n", "has an index above 16777216"},
    {"1 1:5\n1 -1:1\n", "\"-1:1\" is not INDEX:VALUE"},
    {"1 1:5\n1 1\n", "\"1\" is not INDEX:VALUE"},
    {"1 1:5\n1 :1\n", "\":1\" is not INDEX:VALUE"},
    {"1 1:5\n1 a:1\n", "\"a:1\" is not INDEX:VALUE"},
    {"1 1:5\n1 1 :1\n", "is not INDEX:VALUE"},
    {"1 1:5\n1 1:\n", "\"1:\" has a value that is no number"},
    {"1 1:5\n1 1:x\n", "\"1:x\" has a value that is no number"},
    {"1 1:5\n1 1:2x\n", "\"1:2x\" has a value that is no number"},
    {"1 1:5\n1 1:2,3\n", "\"1:2,3\" has a value that is no number"},
    {"1 1:5\n1 1:nan\n", "\"1:nan\" has a value that is no number"},
    {"1 1:5\n1 1:1e39\n", "line 2: \"1:1e39\" has a value that float32 cannot hold"},
    {"1 1:5\nx 1:1\n", "line 2: \"x\" is no label; a line begins with one whole number"},
    {"1 1:5\n1,2 1:1\n", "\"1,2\" is no label; a line begins with one whole number"},
    {"1 1:5\n2:1\n", "\"2:1\" is no label; a line begins with one whole number"},
    {"0.5 1:5\n1.5 1:1\n", "line 1: the label 0.5 is a number with a fraction"},
    {"1 gid:3 1:5\n", "\"gid:3\" is not INDEX:VALUE"},
    {"1 1:5\n1 1:\x1b\n", "\"1:?\" has a value"},
};

/* Seconds of today differ in their last digits: float32 would not tell them apart. */
START_TEST(test_offset_in_libsvm)
{
    put_text("t.svm", "0 1:1700000001.5 2:1\n1 1:1700000003.25 2:7\n0 1:1700000002 3:5\n");
    put_text("u.svm", "1 1:1700000004.5\n0 2:1\n");
    struct clm_data *const data =
        open_with(&(struct clm_data_options){.source = file_path("t.svm"), .test = file_path("u.svm")});
    const double offset = clm_inputs_offset(clm_data_inputs(data), 0);
    const float *const values = data->train.values, *const test = data->test.values;
    ck_assert_uint_eq(clm_data_features(data), 3);
    ck_assert(offset > 1.69e9 && clm_inputs_offset(clm_data_inputs(data), 1) == 0);
    ck_assert((double)values[0] + offset == 1700000001.5 && values[1] == 1 && values[2] == 0);
    ck_assert((double)values[3] + offset == 1700000003.25 && (double)values[6] + offset == 1700000002);
    ck_assert(values[8] == 5 && (double)test[0] + offset == 1700000004.5 && test[4] == 1);
    ck_assert(test[3] == (float)-offset); /* what a row leaves out is 0 */
    clm_data_close(data);
}
END_TEST

START_TEST(test_bad_libsvm)
{
    put_text("bad.libsvm", bad_libsvm[_i].text);
    const char *path = file_path("bad.libsvm");
    refused_with(&(struct clm_data_options){.source = path, .format = "libsvm"}, CLM_ERROR_FORMAT,
                 bad_libsvm[_i].part);
    struct clm_error error;
    for (size_t cut = 0; cut < strlen(bad_libsvm[_i].text); cut++) {
        struct clm_data *data = NULL;
        put_file("cut.libsvm", bad_libsvm[_i].text, cut);
        const struct clm_data_options options = {.source = file_path("cut.libsvm"), .format = "libsvm"};
        const clm_status status = clm_data_open(&options, &data, &error);
        ck_assert(status == CLM_OK ? data != NULL : data == NULL && *error.message);
        clm_data_close(data);
    }
}
END_TEST

START_TEST(test_bad_libsvm_named)
{
    const char *path = file_path("a");
    put_text("a", "");
    refused_with(&(struct clm_data_options){.source = path, .format = "libsvm"}, CLM_ERROR_FORMAT,
                 "there is no row");
    put_text("a", "1\n0\n");
    refused_with(&(struct clm_data_options){.source = path, .format = "libsvm"}, CLM_ERROR_FORMAT,
                 "there is no value in it");
    put_file("a", "1 1:2\n1 1:\0\n", 12);
    refused_with(&(struct clm_data_options){.source = path, .format = "libsvm"}, CLM_ERROR_FORMAT,
                 "line 2 holds a byte 0");
    refused_with(&(struct clm_data_options){.source = files_directory(), .format = "libsvm"},
                 CLM_ERROR_FORMAT, "is a directory, but the format libsvm is a file");
    /* each index is small enough, but not all rows together */
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "1 16777216:1\n");
    for (int i = 0; i < 2000000; i++)
        fputs("0\n", file);
    ck_assert_int_eq(fclose(file), 0);
    refused_with(&(struct clm_data_options){.source = path}, CLM_ERROR_MEMORY,
                 "2000001 rows of 16777216 features, as dense float32, need more than this machine's memory");
}
END_TEST

START_TEST(test_too_many_classes)
{
    FILE *file = fopen(file_path("a.csv"), "w");
    ck_assert_ptr_nonnull(file);
    fputs("a,label\n", file);
    for (int i = 0; i <= LABEL_CLASSES_MAX; i++)
        fprintf(file, "1,%d\n", 2 * i);
    ck_assert_int_eq(fclose(file), 0);
    file_refused("a.csv", CLM_ERROR_FORMAT,
                 "line 65538: \"131072\" is one more than 65536 different labels, which are too many");
    char text[400] = "a,label\n1,x\n1,";
    memset(text + strlen(text), 'a', 300);
    put_text("a.csv", text);
    file_refused("a.csv", CLM_ERROR_FORMAT, "is no label: it has 300 bytes");
}
END_TEST

/* 80 MiB of one endless row, in a few KiB. */
START_TEST(test_endless_row)
{
    const size_t size = (size_t)80 << 20;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', size);
    memcpy(text, "a,label\n1,\"", 11);
    put_gzipped("a.csv.gz", text, size);
    file_refused("a.csv.gz", CLM_ERROR_FORMAT, "the row that begins in line 2 does not end within 64 MiB");
    memcpy(text, "1 1:1\n1 1:1", 11);
    put_gzipped("a.libsvm.gz", text, size);
    file_refused("a.libsvm.gz", CLM_ERROR_FORMAT, "the row that begins in line 2 does not end within 64 MiB");
    free(text);
}
END_TEST

/* The beginning of a file decides. */
START_TEST(test_recognised)
{
    static const struct {
        const char *text, *format;
    } cases[] = {
        {"1 1:2 3:4\n0 2:1\n", "libsvm"}, {"# x, y\n-1\n+1 7:1\n1 1:1\n", "libsvm"},
        {"1.0\t1:2\n0 1:1\n", "libsvm"},  {"1,2,0\n3,4,1\n", "csv"},
        {"1;2;0\n3;4;1\n", "csv"},        {"12:30,5,0\n12:31,6,1\n", "csv"},
        {"1 2 0\n3 4 1\n", "csv"},        {"a|b|y\n3|4|1\n", "csv"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text("file", cases[i].text);
        struct clm_data *data = open_file("file");
        ck_assert_str_eq(clm_data_format(data), cases[i].format);
        clm_data_close(data);
    }
    put_file("file", "1,2,0\n3,\0,1\n", 12);
    file_refused(
        "file", CLM_ERROR_FORMAT,
        "is of no format that is read (idx, npy, npz, arff, libsvm, csv, cifar100, cifar10 or images)");
    put_text("file", "one word\nand others\n");
    file_refused("file", CLM_ERROR_FORMAT, "no format that is read");
}
END_TEST

/* A table over the limit on memory is refused as soon as it is; others are read. */
START_TEST(test_limit_on_memory)
{
    char text[4096];
    size_t used = 0;
    for (int r = 0; r < 200; r++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%d,1.5,2,%d\n", r, r % 2);
    put_text("a.csv", text);
    put_text("a.svm", "1 1:1 1000:2\n2 3:4\n");
    const struct {
        const char *path;
        uint64_t bytes; /* of its values and labels */
    } files[] = {{file_path("a.csv"), 200 * 4 * 4}, {file_path("a.svm"), 2 * 1001 * 4}};
    for (size_t i = 0; i < 2; i++) {
        refused_with(&(struct clm_data_options){.source = files[i].path, .memory = files[i].bytes - 1},
                     CLM_ERROR_MEMORY, "but half of the memory that is allowed is");
        clm_data_close(
            open_with(&(struct clm_data_options){.source = files[i].path, .memory = files[i].bytes}));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tables");
    TCase *tests = tcase_create("tables");
    tcase_add_checked_fixture(tests, files_set_up, files_tear_down);
    tcase_add_test(tests, test_numbers);
    tcase_add_test(tests, test_no_numbers);
    tcase_add_test(tests, test_whole_numbers);
    tcase_add_test(tests, test_shown_text);
    tcase_add_loop_test(tests, test_csv_forms, 0, COUNT(csv_forms));
    tcase_add_test(tests, test_csv_options);
    tcase_add_test(tests, test_csv_long);
    tcase_add_test(tests, test_csv_in_another_locale);
    tcase_add_test(tests, test_csv_truth);
    tcase_add_test(tests, test_csv_missing);
    tcase_add_test(tests, test_missing_mean_does_not_leak);
    tcase_add_test(tests, test_classes_of_the_training_set);
    tcase_add_test(tests, test_classes_of_a_model);
    tcase_add_test(tests, test_libsvm);
    tcase_add_test(tests, test_offset_in_libsvm);
    tcase_add_loop_test(tests, test_bad_csv, 0, COUNT(bad_csv));
    tcase_add_loop_test(tests, test_bad_csv_named, 0, COUNT(bad_csv_named));
    tcase_add_loop_test(tests, test_bad_libsvm, 0, COUNT(bad_libsvm));
    tcase_add_test(tests, test_bad_libsvm_named);
    if (test_in_sample(0, 1)) /* takes half a minute with sanitizers */
        tcase_add_test(tests, test_too_many_classes);
    tcase_add_test(tests, test_endless_row);
    tcase_add_test(tests, test_recognised);
    tcase_add_test(tests, test_limit_on_memory);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
