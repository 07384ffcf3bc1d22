/* Settings: each type's values and limits, the table's rows, and files of settings. */
#include "settings/settings.h"

#include "support/support.h"

#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct clm_error error;
static struct clm_settings *settings;
static char *directory;

static void set_up(void)
{
    error = (struct clm_error){0};
    directory = test_directory();
    ck_assert_done(clm_settings_create("train", &settings, &error));
}

static void tear_down(void)
{
    clm_settings_free(settings);
    test_directory_remove(directory);
}

/* ---- values ---- */

/* Values, and the texts that they give. */
static const struct {
    const char *command, *name, *value, *text; /* NULL: as `value` */
} right[] = {
    {"train", "epochs", "1", NULL},
    {"train", "epochs", "0012", "12"},
    {"train", "epochs", "9223372036854775807", NULL},
    {"train", "seed", "0", NULL},
    {"train", "seed", "18446744073709551615", NULL},
    {"data make", "rows", "1", NULL},
    {"data make", "rows", "1000000", NULL},
    {"doctor", "patience", "0", NULL},
    {"doctor", "patience", "2147483647", NULL},
    {"train", "lr", "0.1", NULL},
    {"train", "lr", ".5", "0.5"},
    {"train", "lr", "1E-3", "0.001"},
    {"train", "lr", "+2", "2"},
    {"train", "lr", "4.9406564584124654e-324", "4.94065645841247e-324"}, /* the least above 0 */
    {"train", "lr", "1.7976931348623157e308", "1.7976931348623157e+308"},
    {"train", "lr", "0.30000000000000004", NULL},
    {"train", "momentum", "0", NULL},
    {"train", "momentum", "0.99999999999999989", "0.9999999999999999"},
    {"train", "l2", "0", NULL},
    {"train", "l2", "-0", "-0"},
    {"train", "val", "0", NULL},
    {"train", "val", "0.1", NULL},
    {"train", "val", "1", NULL},
    {"train", "val", "5000", NULL},
    {"train", "val", "./5000", NULL},
    {"train", "val", "val.csv", NULL},
    {"train", "val", "-", NULL},
    {"train", "val", "2024-held-out", NULL},
    {"train", "memory", "1", NULL},
    {"train", "memory", "1000", NULL},
    {"train", "memory", "1024", "1K"},
    {"train", "memory", "1536K", NULL},
    {"train", "memory", "512M", NULL},
    {"train", "memory", "2048M", "2G"},
    {"train", "memory", "3T", NULL},
    {"train", "memory", "16777215T", NULL},
    {"train", "memory", "18446744073709551615", NULL},
    {"train", "shuffle", "off", NULL},
    {"train", "quiet", "on", NULL},
    {"train", "backend", "blas", NULL},
    {"train", "gemm", "auto", NULL},
    {"train", "gemm", "native", NULL},
    {"train", "format", "cifar10", NULL},
    {"verify", "only", "softmax", NULL},
    {"data convert", "to", "npz", NULL},
    {"kernel check", "only", "linear_forward", NULL},
    {"kernel check", "seconds", "0", NULL},
    {"train", "data", "a b = # \"c\"", NULL},
    {"bench", "json", "-", NULL},
    {"bench", "batch", "10,020,2147483647", "10,20,2147483647"},
    {"bench", "backend", "opencl", NULL},
    {"bench", "backend", "opencl,blas,opencl", "blas,opencl"},
    {"bench", "layers", "784,10", NULL},
    {"bench", "layers", "784,010;10,0784", "784,10;10,784"},
    {"tune", "layers", "1;2;3,4,5;6", NULL},
    {"train", "hidden", "none", NULL},
    {"train", "hidden", "1", NULL},
    {"train", "resize", "1x8192", NULL},
    {"train", "init", "normal:0", NULL},
    {"train", "init", "normal:1e-3", NULL},
    {"train", "init", "uniform:0.1", NULL},
    {"train", "activation", "leaky-relu", NULL},
    {"gradcheck", "activation", "mish", NULL},
    {"bench", "activation", "gelu", NULL},
    {"train", "init", "normality.safetensors", NULL},
    {"train", "layers", "512 gelu norm=batch drop=0.2, 512 gelu skip, 10", NULL},
    {"gradcheck", "layers", " input  drop=0.1 ,\t7 skip drop=0 norm=none none", NULL},
    {"train", "layers", "2147483647", NULL},
    {"train", "norm", "layer", NULL},
    {"train", "dropout", "0.5", NULL},
    {"train", "augment", "flip", NULL},
    {"train", "augment", "noise=1e-300,shift=1", NULL},
};

START_TEST(right_values)
{
    struct clm_settings *own;
    const char *const name = right[_i].name, *const text = right[_i].text ? right[_i].text : right[_i].value;
    ck_assert_done(clm_settings_create(right[_i].command, &own, &error));
    ck_assert(!clm_settings_is_set(own, name));
    ck_assert_done(clm_settings_set(own, name, right[_i].value, &error));
    ck_assert(clm_settings_is_set(own, name));
    ck_assert_str_eq(clm_settings_text(own, name), text);
    char *const copy = strdup(text);
    ck_assert_done(clm_settings_set(own, name, copy, &error));
    ck_assert_str_eq(clm_settings_text(own, name), text);
    free(copy);
    clm_settings_free(own);
}
END_TEST

static const struct {
    const char *command, *name, *value, *says;
} wrong[] = {
    {"train", "epochs", "0", "epochs 0: it has to be a whole number of at least 1"},
    {"train", "epochs", "", "a whole number of at least 1"},
    {"train", "epochs", "-1", "a whole number of at least 1"},
    {"train", "epochs", "+1", "a whole number of at least 1"},
    {"train", "epochs", " 1", "a whole number of at least 1"},
    {"train", "epochs", "1 ", "a whole number of at least 1"},
    {"train", "epochs", "1.0", "a whole number of at least 1"},
    {"train", "epochs", "1e3", "a whole number of at least 1"},
    {"train", "epochs", "18446744073709551615", "from 1 to 92233720368547758"},
    {"train", "seed", "18446744073709551616", "from 0 to 18446744073709551615"},
    {"train", "seed", "99999999999999999999999", "from 0 to 18446744073709551615"},
    {"data make", "rows", "0", "from 1 to 1000000"},
    {"kernel check", "only", "prodcut", "product"},
    {"data make", "rows", "1000001", "from 1 to 1000000"},
    {"doctor", "patience", "2147483648", "from 0 to 2147483647"},
    {"doctor", "patience", "x", "from 0 to 2147483647"},
    {"train", "lr", "0", "lr 0: it has to be above 0"},
    {"train", "lr", "-0", "it has to be above 0"},
    {"train", "lr", "-0.1", "it has to be above 0"},
    {"train", "lr", "1e-400", "it has to be above 0"},
    {"train", "lr", "nan", "it has to be a number"},
    {"train", "lr", "inf", "it has to be a number"},
    {"train", "lr", "-infinity", "it has to be a number"},
    {"train", "lr", "1e999", "lr 1e999: it may be up to 1.8e+308"},
    {"train", "lr", "0x1p-3", "it has to be a number"},
    {"train", "lr", "0,1", "it has to be a number, as in 0.1"},
    {"train", "lr", "0.1x", "it has to be a number"},
    {"train", "lr", " 0.1", "it has to be a number"},
    {"train", "lr", "", "it has to be a number"},
    {"train", "momentum", "1", "at least 0 and below 1"},
    {"train", "momentum", "-0.1", "at least 0 and below 1"},
    {"train", "momentum", "nan", "it has to be a number"},
    {"train", "l2", "-1e-300", "it has to be at least 0"},
    {"train", "val", "-1", "fraction below 1"},
    {"train", "val", "1.5", "fraction below 1"},
    {"train", "val", "0,1", "or the path of a validation set"},
    {"train", "val", "1e", "or the path of a validation set"},
    {"train", "val", "", "it has to be a number"},
    {"train", "memory", "0", "a number of bytes"},
    {"train", "memory", "", "a number of bytes"},
    {"train", "memory", "M", "a number of bytes"},
    {"train", "memory", "12X", "a number of bytes"},
    {"train", "memory", "1MB", "a number of bytes"},
    {"train", "memory", "-1M", "a number of bytes"},
    {"train", "memory", "16777216T", "it may be up to 18446744073709551615 bytes"},
    {"train", "memory", "18446744073709551616", "it may be up to 18446744073709551615 bytes"},
    {"train", "val", "1e30", "it may be up to 9223372036854775807 rows"},
    {"train", "shuffle", "yes", "it has to be on or off"},
    {"train", "quiet", "", "it has to be on or off"},
    {"train", "backend", "cuda", "it has to be reference, blas or opencl"},
    {"train", "backend", "Blas", "it has to be"},
    {"train", "optimizer", "momentum", "it has to be sgd, nesterov"},
    {"train", "max-time", "90x", "a number above 0 of seconds"},
    {"train", "format", "", "it has to be idx, npy"},
    {"train", "data", "", "data: its value is empty"},
    {"bench", "json", "", "json: its value is empty"},
    {"bench", "batch", "", "a list of whole numbers"},
    {"bench", "batch", "none", "a list of whole numbers"},
    {"bench", "batch", "10,", "a list of whole numbers"},
    {"bench", "batch", ",10", "a list of whole numbers"},
    {"bench", "batch", "10,,20", "a list of whole numbers"},
    {"bench", "batch", "10 20", "a list of whole numbers"},
    {"bench", "batch", "0", "a list of whole numbers"},
    {"bench", "batch", "2147483648", "each number of it may be at most 2147483647"},
    {"train", "hidden", "10,99999999999999999999999999", "each number of it may be at most 2147483647"},
    {"bench", "batch", "00000000000000000000000001", "a list of whole numbers"},
    {"bench", "backend", "", "backend : it has to be reference, blas or opencl, or several"},
    {"bench", "backend", "opencl,", "it has to be reference, blas or opencl, or several"},
    {"bench", "backend", "opencl,cuda", "backend opencl,cuda: it has to be"},
    {"bench", "backend", "opencl blas", "it has to be"},
    {"bench", "backend", "bla", "it has to be"},
    {"bench", "layers", "784,10;", "a list of whole numbers"},
    {"bench", "layers", ";784,10", "a list of whole numbers"},
    {"bench", "layers", "784,10;784,0", "a list of whole numbers"},
    {"bench", "layers", "784,0,10", "a list of whole numbers"},
    {"bench", "format", "html", "it has to be table, md, csv or json"},
    {"train", "hidden", "nonesuch", "a list of whole numbers"},
    {"train", "resize", "0x24", "a width and a height"},
    {"train", "resize", "32", "a width and a height"},
    {"train", "resize", "32x32x3", "a width and a height"},
    {"train", "resize", "8193x1", "each number of it may be at most 8192"},
    {"train", "init", "", "its value is empty"},
    {"train", "init", "normal:", "what follows normal: has to be a number from 0 to 1e+30"},
    {"train", "init", "normal:-1", "what follows normal: has to be a number from 0 to 1e+30"},
    {"train", "init", "normal:inf", "what follows normal: has to be a number from 0 to 1e+30"},
    {"train", "init", "normal:1e31", "as in normal:0.01"},
    {"train", "init", "uniform:", "what follows uniform: has to be a number from 0 to 1e+30"},
    {"train", "init", "uniform:-1", "as in uniform:0.01"},
    {"train", "activation", "rleu", "relu, leaky-relu, elu, tanh, sigmoid, gelu, silu or mish"},
    {"train", "activation", "none", "relu, leaky-relu"},
    {"train", "augment", "", "augment: there is no word between commas"},
    {"train", "augment", "flip,", "there is no word between commas"},
    {"train", "augment", "flop", "did you mean flip?"},
    {"train", "augment", "rotate=3", "there is no rotate, but flip"},
    {"train", "augment", "flip,flip", "augment flip: it is there twice"},
    {"train", "augment", "flip=1", "it takes no value"},
    {"train", "augment", "shift", "it needs a value, as in shift=4"},
    {"train", "augment", "cutout=", "it needs a value, as in cutout=8"},
    {"train", "augment", "shift=0", "augment shift 0: it has to be a whole number"},
    {"train", "augment", "mixup=0", "augment mixup 0: it has to be above 0"},
    {"train", "augment", "noise=nan", "augment noise nan: it has to be a number"},
    {"train", "hiden", "3", "hiden: there is no such setting; did you mean hidden?"},
    {"train", "samples", "3", "samples: there is no such setting"}, /* gradcheck has it */
    {"train", "dropout", "1", "at least 0 and below 1"},
    {"train", "input-dropout", "-0.1", "at least 0 and below 1"},
    {"train", "norm", "group", "it has to be none, batch or layer"},
    {"train", "layers", "", "its value is empty"},
    {"train", "layers", " ", "item 1, \" \": a layer begins with its width"},
    {"train", "layers", "512,", "item 2, \"\": a layer begins with its width"},
    {"train", "layers", "512,,10", "item 2, \"\": a layer begins with its width"},
    {"train", "layers", "relu 512", "item 1, \"relu 512\": a layer begins with its width"},
    {"train", "layers", "0 relu", "a layer begins with its width, from 1 to 2147483647"},
    {"train", "layers", "2147483648", "a layer begins with its width, from 1 to 2147483647"},
    {"train", "layers", "99999999999999999999", "a layer begins with its width"},
    {"train", "layers", "-5", "a layer begins with its width"},
    {"train", "layers", "5x5", "a layer begins with its width"},
    {"train", "layers", "64, 512 gelo",
     "layers: item 2, \" 512 gelo\": there is no word gelo; did you mean gelu"},
    {"train", "layers", "512 skipp", "did you mean skip?"},
    {"train", "layers", "512 wide", "there is no word wide, but none, relu"},
    {"train", "layers", "512 wide", "norm=batch, norm=layer, norm=none, drop=0.2 and skip"},
    {"train", "layers", "512 64", "there is no word 64"},
    {"train", "layers", "512 gelu relu", "it has two activations, gelu and relu"},
    {"train", "layers", "512 skip skip", "skip is there twice"},
    {"train", "layers", "512 drop=0.1 drop=0.1", "drop is there twice"},
    {"train", "layers", "512 drop=1", "drop=1: it has to be a share from 0 to below 1"},
    {"train", "layers", "512 drop=-0.1", "it has to be a share from 0 to below 1"},
    {"train", "layers", "512 drop=nan", "it has to be a share from 0 to below 1"},
    {"train", "layers", "512 drop=", "it has to be a share from 0 to below 1"},
    {"train", "layers", "512 drop=0.1x", "it has to be a share from 0 to below 1"},
    {"train", "layers", "512 drop", "did you mean drop=0.2?"},
    {"train", "layers", "512 norm=batch norm=batch", "norm is there twice"},
    {"train", "layers", "512 norm=group", "norm=group: it has to be batch, layer or none"},
    {"train", "layers", "512 norm=", "norm=: it has to be batch, layer or none"},
    {"train", "layers", "input", "what inputs may have is drop=SHARE"},
    {"train", "layers", "input norm=batch", "what inputs may have is drop=SHARE"},
    {"train", "layers", "input drop=2", "it has to be a share from 0 to below 1"},
    {"train", "layers", "input drop=0.1 skip", "what inputs may have is drop=SHARE alone"},
    {"train", "layers", "512, input drop=0.1", "only the first item can be of the inputs"},
    {"train", "", "3", ": there is no such setting"},
};

/* The sentence begins with the name, and the old value stays. */
START_TEST(wrong_values)
{
    struct clm_settings *own;
    const char *const name = wrong[_i].name;
    ck_assert_done(clm_settings_create(wrong[_i].command, &own, &error));
    const char *const before = clm_settings_text(own, name);
    ck_assert_int_eq(clm_settings_set(own, name, wrong[_i].value, &error), CLM_ERROR_ARGUMENT);
    ck_assert_msg(!strncmp(error.message, name, strlen(name)), "%s", error.message);
    ck_assert_msg(strstr(error.message, wrong[_i].says) != NULL, "%s", error.message);
    ck_assert_str_eq(error.setting, ""); /* else the program would name it a second time */
    ck_assert_ptr_eq(clm_settings_text(own, name), before);
    ck_assert(!clm_settings_is_set(own, name));
    clm_settings_free(own);
}
END_TEST

/* A value that is long, or could steer a terminal, is shown as one short line. */
START_TEST(wrong_values_are_shown_safely)
{
    char value[4000];
    memset(value, '9', sizeof value - 1);
    value[0] = '\n';
    value[1] = '\033';
    value[sizeof value - 1] = '\0';
    ck_assert_int_eq(clm_settings_set(settings, "epochs", value, &error), CLM_ERROR_ARGUMENT);
    ck_assert_msg(!strncmp(error.message, "epochs ??99", 11), "%s", error.message);
    ck_assert_uint_lt(strlen(error.message), 200);
}
END_TEST

START_TEST(values_by_type)
{
    size_t count;
    const size_t *sizes = clm_settings_sizes(settings, "hidden", &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(sizes[0], 256);
    ck_assert_uint_eq(sizes[1], 128);
    ck_assert_done(clm_settings_set(settings, "hidden", "none", &error));
    clm_settings_sizes(settings, "hidden", &count);
    ck_assert_uint_eq(count, 0);
    ck_assert_done(clm_settings_set(settings, "resize", "32x24", &error));
    sizes = clm_settings_sizes(settings, "resize", &count);
    ck_assert(count == 2 && sizes[0] == 32 && sizes[1] == 24);
    ck_assert_uint_eq(clm_settings_count(settings, "epochs"), 10);
    ck_assert(clm_settings_number(settings, "lr") == 0.1);
    ck_assert_uint_eq(clm_settings_count(settings, "shuffle"), 1);
    ck_assert_uint_eq(clm_settings_count(settings, "quiet"), 0);
    ck_assert_done(clm_settings_set(settings, "device-memory", "3G", &error));
    ck_assert_uint_eq(clm_settings_count(settings, "device-memory"), 3ULL << 30);
    ck_assert_done(clm_settings_set(settings, "augment", "mixup=0.5,flip,cutout=8", &error));
    const struct clm_augmentation *const changes = clm_settings_augmentation(settings, "augment");
    ck_assert(changes->flip && !changes->shift && changes->cutout == 8 && changes->mixup == 0.5 &&
              changes->noise == 0);
    ck_assert_ptr_null(clm_settings_text(settings, "limit"));
    ck_assert_uint_eq(clm_settings_count(settings, "limit"), 0);
    ck_assert_ptr_null(clm_settings_text(settings, "layers"));
}
END_TEST

START_TEST(lists_of_lists)
{
    struct clm_settings *own;
    size_t count;
    ck_assert_done(clm_settings_create("bench", &own, &error));
    ck_assert_uint_eq(clm_settings_net(own, "layers", 0, &count)[0], 3072);
    ck_assert_uint_eq(count, 3);
    ck_assert_ptr_null(clm_settings_net(own, "layers", 1, &count));
    ck_assert_done(clm_settings_set(own, "layers", "784,128,10;7,5;9", &error));
    ck_assert_uint_eq(clm_settings_net(own, "layers", 0, &count)[2], 10);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(clm_settings_net(own, "layers", 1, &count)[0], 7);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(clm_settings_net(own, "layers", 2, &count)[0], 9);
    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_null(clm_settings_net(own, "layers", 3, &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(clm_settings_net(own, "layers", SIZE_MAX, &count));
    ck_assert_ptr_null(clm_settings_net(own, "plot", 0, &count));
    ck_assert_uint_eq(clm_settings_sizes(own, "layers", &count)[1], 128);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(clm_settings_count(own, "backend"), 0);
    ck_assert_done(clm_settings_set(own, "backend", "opencl,reference", &error));
    ck_assert_uint_eq(clm_settings_count(own, "backend"),
                      1u << CLM_BACKEND_OPENCL | 1u << CLM_BACKEND_REFERENCE);
    clm_settings_free(own);
}
END_TEST

/* Choices are numbered as the enumerations of clmlp.h are. */
START_TEST(choices_are_numbered)
{
    static const struct {
        const char *name, *value;
        unsigned number;
    } choices[] = {
        {"backend", "reference", CLM_BACKEND_REFERENCE},
        {"backend", "blas", CLM_BACKEND_BLAS},
        {"backend", "opencl", CLM_BACKEND_OPENCL},
        {"val-by", "last", CLM_SPLIT_LAST},
        {"val-by", "random", CLM_SPLIT_RANDOM},
        {"val-by", "stratified", CLM_SPLIT_STRATIFIED},
        {"header", "yes", CLM_HEADER_YES},
        {"header", "no", CLM_HEADER_NO},
        {"missing", "mean", CLM_MISSING_MEAN},
        {"missing", "zero", CLM_MISSING_ZERO},
        {"missing", "refuse", CLM_MISSING_REFUSED},
        {"schedule", "cooldown", CLM_SCHEDULE_COOLDOWN},
        {"schedule", "constant", CLM_SCHEDULE_CONSTANT},
        {"schedule", "linear", CLM_SCHEDULE_LINEAR},
        {"schedule", "cosine", CLM_SCHEDULE_COSINE},
        {"schedule", "step", CLM_SCHEDULE_STEP},
        {"schedule", "exponential", CLM_SCHEDULE_EXPONENTIAL},
        {"schedule", "triangular", CLM_SCHEDULE_TRIANGULAR},
        {"schedule", "plateau", CLM_SCHEDULE_PLATEAU},
        {"schedule", "one-cycle", CLM_SCHEDULE_ONE_CYCLE},
        {"stop-by", "loss", CLM_STOP_BY_LOSS},
        {"stop-by", "accuracy", CLM_STOP_BY_ACCURACY},
        {"standardize", "none", CLM_STANDARDISE_NONE + 1}, /* no default: they count from 1 */
        {"standardize", "global", CLM_STANDARDISE_GLOBAL + 1},
        {"standardize", "feature", CLM_STANDARDISE_FEATURE + 1},
        {"resident", "auto", CLM_RESIDENT_AUTO},
        {"resident", "yes", CLM_RESIDENT_YES},
        {"resident", "no", CLM_RESIDENT_NO},
    };
    ck_assert_uint_eq(clm_settings_count(settings, "header"), CLM_HEADER_DETECTED);
    ck_assert_uint_eq(clm_settings_count(settings, "missing"), CLM_MISSING_MEAN);
    for (size_t i = 0; i < COUNT_OF(choices); i++) {
        ck_assert_done(clm_settings_set(settings, choices[i].name, choices[i].value, &error));
        ck_assert_uint_eq(clm_settings_count(settings, choices[i].name), choices[i].number);
    }
}
END_TEST

/* A list may have at most 256 numbers. */
START_TEST(long_lists)
{
    char list[2 * 257 + 1];
    size_t count;
    for (size_t i = 0; i < 257; i++)
        memcpy(list + 2 * i, "7,", 3);
    list[2 * 257 - 1] = '\0';
    ck_assert_int_eq(clm_settings_set(settings, "hidden", list, &error), CLM_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "up to 256 numbers, not 257") != NULL, "%s", error.message);
    list[2 * 256 - 1] = '\0';
    ck_assert_done(clm_settings_set(settings, "hidden", list, &error));
    clm_settings_sizes(settings, "hidden", &count);
    ck_assert_uint_eq(count, 256);
}
END_TEST

/* ---- the table ---- */

static const char *const commands[] = {
    "train",  "eval",      "predict",     "gradcheck",    "verify",    "bench",      "tune",        "devices",
    "doctor", "data info", "data sample", "data convert", "data make", "kernel new", "kernel check"};

/* Each row accepts its own default, and writes it as the same text. Help names each choice. */
START_TEST(rows)
{
    const char *const command = commands[_i];
    const struct clm_setting *setting, *other;
    const char *names[40];
    struct clm_settings *own;
    char text[1000];
    ck_assert_done(clm_settings_create(command, &own, &error));
    ck_assert_ptr_nonnull(clm_setting_at(command, 0));
    for (size_t i = 0; (setting = clm_setting_at(command, i)); i++) {
        for (size_t j = 0; j < i && (other = clm_setting_at(command, j)); j++)
            ck_assert_str_ne(other->name, setting->name);
        ck_assert(setting->help && *setting->help && setting->group);
        clm_setting_describe(setting, text, sizeof text);
        ck_assert_uint_lt(strlen(text), 700); /* what the command line has room for */
        for (size_t c = 0; c < clm_setting_choices(setting, names, COUNT_OF(names)); c++)
            ck_assert_msg(strstr(text, names[c]) || strstr(setting->argument, names[c]), "--%s: %s",
                          setting->name, names[c]);
        if (!setting->otherwise) {
            ck_assert_ptr_null(clm_settings_text(own, setting->name));
            continue;
        }
        ck_assert_str_eq(clm_settings_text(own, setting->name), setting->otherwise);
        ck_assert(!clm_settings_is_set(own, setting->name));
        ck_assert(!setting->argument || strstr(text, setting->otherwise));
    }
    clm_settings_free(own);
}
END_TEST

/* No more names are given than fit, whichever module has the list. */
START_TEST(choices_in_little_room)
{
    static const char mark[] = "nothing";
    const struct clm_setting *setting;
    size_t lists = 0;
    for (size_t i = 0; (setting = clm_setting_at("train", i)); i++) {
        const char *all[40], *names[40];
        const size_t count = clm_setting_choices(setting, all, COUNT_OF(all));
        lists += count > 0;
        for (size_t room = 0; room <= count; room++) {
            names[room] = mark;
            ck_assert_uint_eq(clm_setting_choices(setting, names, room), room);
            ck_assert_ptr_eq(names[room], mark);
            for (size_t n = 0; n < room; n++)
                ck_assert_str_eq(names[n], all[n]);
        }
    }
    ck_assert_uint_eq(lists, 16);
}
END_TEST

START_TEST(unknown_commands)
{
    struct clm_settings *none = settings;
    ck_assert_int_eq(clm_settings_create("trian", &none, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(clm_settings_create(NULL, &none, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_null(clm_setting_at("trian", 0));
    clm_settings_free(NULL);
}
END_TEST

START_TEST(descriptions)
{
    static const struct {
        const char *name, *text;
    } known[] = {
        {"lr",
         "learning rate [above 0; default: sgd and nesterov: 0.1, tables 0.05, tables of fewer than 10,000 rows 0.01; lion: 0.0001; others: 0.001]"},
        {"epochs",
         "passes over the training set [at least 1; default: 10; tables: a million rows in all, but 10 to 100]"},
        {"momentum",
         "of sgd and nesterov; 0 for plain gradient descent [at least 0 and below 1; default: 0.9]"},
        {"limit",
         "keep only the first N training rows, after --val took its share [at least 1; default: all]"},
        {"quiet", "print the final result only"},
    };
    const struct clm_setting *setting;
    size_t seen = 0;
    char text[200], cut[10];
    for (size_t i = 0; (setting = clm_setting_at("train", i)); i++)
        for (size_t r = 0; r < COUNT_OF(known); r++)
            if (!strcmp(setting->name, known[r].name)) {
                clm_setting_describe(setting, text, sizeof text);
                ck_assert_str_eq(text, known[r].text);
                clm_setting_describe(setting, cut, sizeof cut);
                ck_assert_uint_eq(strlen(cut), 9);
                ck_assert(!strncmp(cut, text, 9));
                seen++;
            }
    ck_assert_uint_eq(seen, COUNT_OF(known));
}
END_TEST

/* Numbers have a decimal point, whatever the caller's locale, which does not change. */
START_TEST(locales)
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8") && !setlocale(LC_ALL, "de_DE"))
        return; /* no locale here has a comma */
    const char comma = *localeconv()->decimal_point;
    ck_assert_done(clm_settings_set(settings, "lr", "0.25", &error));
    ck_assert(clm_settings_number(settings, "lr") == 0.25);
    ck_assert_str_eq(clm_settings_text(settings, "lr"), "0.25");
    ck_assert_int_eq(*localeconv()->decimal_point, comma);
    setlocale(LC_ALL, "C");
}
END_TEST

/* ---- files ---- */

static char path[200];

static clm_status read_bytes(const char *bytes, size_t size)
{
    snprintf(path, sizeof path, "%s/settings", directory);
    ck_assert_done(clm_write_file(path, bytes, size, &error));
    return clm_settings_read(settings, path, &error);
}

static clm_status read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

START_TEST(a_file)
{
    ck_assert_done(read_text("\xEF\xBB\xBF# a run of my own\r\n"
                             "\r\n"
                             "  epochs =\t20   # twice as many\r\n"
                             "lr=0.5\n"
                             "data = \" a # b \" # quoted\n"
                             "test = a#b\n"
                             "label = say \"yes\"\n"
                             "shuffle = off\n"
                             "quiet = on"));
    ck_assert_uint_eq(clm_settings_count(settings, "epochs"), 20);
    ck_assert(clm_settings_is_set(settings, "epochs"));
    ck_assert(clm_settings_number(settings, "lr") == 0.5);
    ck_assert_str_eq(clm_settings_text(settings, "data"), " a # b ");
    ck_assert_str_eq(clm_settings_text(settings, "test"), "a#b");
    ck_assert_str_eq(clm_settings_text(settings, "label"), "say \"yes\"");
    ck_assert_uint_eq(clm_settings_count(settings, "shuffle"), 0);
    ck_assert_uint_eq(clm_settings_count(settings, "quiet"), 1);
    ck_assert(!clm_settings_is_set(settings, "momentum"));
    ck_assert_done(read_text(""));
    ck_assert_done(read_text("\n\n# nothing"));
}
END_TEST

/* A value set before the file is read has priority, but the file's value is checked, too. */
START_TEST(what_was_set_comes_first)
{
    ck_assert_done(clm_settings_set(settings, "epochs", "3", &error));
    ck_assert_done(read_text("epochs = 20\nbatch = 7\n"));
    ck_assert_uint_eq(clm_settings_count(settings, "epochs"), 3);
    ck_assert_uint_eq(clm_settings_count(settings, "batch"), 7);
    ck_assert_int_eq(read_text("epochs = x\n"), CLM_ERROR_ARGUMENT);
    ck_assert_done(clm_settings_set(settings, "batch", "8", &error));
    ck_assert_uint_eq(clm_settings_count(settings, "batch"), 8);
}
END_TEST

static const struct {
    const char *text, *says;
} lines[] = {
    {"epochs = 1\n\nlr = -1\n", ", line 3: lr -1: it has to be above 0"},
    {"# \nhiden = 3", ", line 2: hiden: there is no such setting; did you mean hidden?"},
    {"--epochs = 3", ", line 1: --epochs: there is no such setting; did you mean epochs?"},
    {"samples = 3", "there is no such setting"},
    {"lr = 1\nbatch = 3\nlr = 1\n", ", line 3: lr: line 1 has it already"},
    {"epochs 3\n", ", line 1: it has to be a name, = and a value"},
    {"quiet\n", "a name, = and a value"},
    {"epochs = # 3\n", "epochs : it has to be a whole number"},
    {"data =\n", "data: its value is empty"},
    {"= 3\n", "line 1: : there is no such setting"},
    {"data = \"a\n", "has to end with the next one"},
    {"data = \"a\" b\n", "has to end with the next one"},
    {"config = other\n", "names no other one"},
    {"epochs = 3\rlr = 1", "line 1: epochs "}, /* \r alone ends no line */
};

START_TEST(wrong_lines)
{
    ck_assert_int_eq(read_text(lines[_i].text), CLM_ERROR_ARGUMENT);
    ck_assert_msg(!strncmp(error.message, path, strlen(path)), "%s", error.message);
    ck_assert_msg(strstr(error.message, lines[_i].says) != NULL, "%s", error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
}
END_TEST

START_TEST(hostile_files)
{
    char *const huge = malloc((1 << 20) + 1);
    ck_assert_ptr_nonnull(huge);
    memset(huge, '#', (1 << 20) + 1);
    ck_assert_int_eq(read_bytes(huge, (1 << 20) + 1), CLM_ERROR_FORMAT);
    ck_assert_done(read_bytes(huge, 1 << 20));
    memset(huge, 'x', 1 << 20);
    ck_assert_int_eq(read_bytes(huge, 1 << 20), CLM_ERROR_ARGUMENT);
    huge[500] = '=';
    ck_assert_int_eq(read_bytes(huge, 1 << 20), CLM_ERROR_ARGUMENT);
    ck_assert_uint_lt(strlen(error.message), 400);
    memset(huge, '\n', 1 << 20);
    ck_assert_done(read_bytes(huge, 1 << 20));
    free(huge);
    ck_assert_int_eq(read_bytes("lr = 0.5\nepochs = 3\0\n", 22), CLM_ERROR_FORMAT);
    ck_assert_msg(strstr(error.message, "line 2: a byte is 0") != NULL, "%s", error.message);
    ck_assert_int_eq(read_bytes("\0", 1), CLM_ERROR_FORMAT);
    ck_assert_int_eq(clm_settings_read(settings, directory, &error), CLM_ERROR_IO);
    ck_assert_int_eq(clm_settings_read(settings, "/nonexistent/settings", &error), CLM_ERROR_IO);
    ck_assert_msg(strstr(error.message, "/nonexistent/settings") != NULL, "%s", error.message);
}
END_TEST

/* Each recipe can be read as it is; its optimiser's own numbers are among its settings. */
START_TEST(recipes)
{
    struct clm_recipe recipe;
    size_t count = 0;
    for (; clm_recipe_at(count, &recipe); count++) {
        struct clm_settings *recipes_own;
        ck_assert_int_gt((int)strlen(recipe.about), 10);
        ck_assert_ptr_null(strchr(recipe.about, '#'));
        ck_assert_done(clm_settings_create("train", &recipes_own, &error));
        ck_assert_done(clm_settings_read_recipe(recipes_own, &error)); /* none is named */
        ck_assert(!clm_settings_is_set(recipes_own, "optimizer"));
        ck_assert_done(clm_settings_set(recipes_own, "recipe", recipe.name, &error));
        ck_assert_done(clm_settings_set(recipes_own, "epochs", "7", &error));
        ck_assert_done(clm_settings_read_recipe(recipes_own, &error));
        ck_assert_uint_eq(clm_settings_count(recipes_own, "epochs"), 7);
        ck_assert(!clm_settings_is_of_recipe(recipes_own, "epochs"));
        ck_assert(clm_settings_is_set(recipes_own, "optimizer"));
        ck_assert(clm_settings_is_of_recipe(recipes_own, "optimizer"));
        ck_assert(!clm_settings_is_of_recipe(recipes_own, "seed"));
        ck_assert_done(clm_settings_set(recipes_own, "optimizer", "lion", &error));
        ck_assert(!clm_settings_is_of_recipe(recipes_own, "optimizer"));
        clm_settings_free(recipes_own);
    }
    ck_assert_uint_ge(count, 6);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("settings");
    TCase *const cases = tcase_create("settings");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, right_values, 0, COUNT_OF(right));
    tcase_add_loop_test(cases, wrong_values, 0, COUNT_OF(wrong));
    tcase_add_test(cases, wrong_values_are_shown_safely);
    tcase_add_test(cases, values_by_type);
    tcase_add_test(cases, lists_of_lists);
    tcase_add_test(cases, choices_are_numbered);
    tcase_add_test(cases, long_lists);
    tcase_add_loop_test(cases, rows, 0, COUNT_OF(commands));
    tcase_add_test(cases, choices_in_little_room);
    tcase_add_test(cases, unknown_commands);
    tcase_add_test(cases, descriptions);
    tcase_add_test(cases, locales);
    tcase_add_test(cases, a_file);
    tcase_add_test(cases, what_was_set_comes_first);
    tcase_add_loop_test(cases, wrong_lines, 0, COUNT_OF(lines));
    tcase_add_test(cases, hostile_files);
    tcase_add_test(cases, recipes);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
