/* Pickles: those of Python's data sets are read; others are refused with a sentence that says why. */
#include "data/pickle/pickle.h"

#include "support/packs.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct clm_error error;
static char *directory;

static void set_up(void)
{
    directory = test_directory();
}

static void tear_down(void)
{
    test_directory_remove(directory);
}

static clm_status read_file(const char *path, struct pickle **pickle)
{
    struct stream *stream = NULL;
    error = (struct clm_error){0};
    ck_assert_int_eq(stream_open(path, &stream, &error), CLM_OK);
    const clm_status status = pickle_read(stream, pickle, &error);
    stream_close(stream);
    return status;
}

static clm_status read_bytes(const void *bytes, size_t size, struct pickle **pickle)
{
    char *path = test_file(directory, "p", bytes, size);
    const clm_status status = read_file(path, pickle);
    free(path);
    return status;
}

static struct pickle *accepted(const void *bytes, size_t size)
{
    struct pickle *pickle = NULL;
    ck_assert_msg(read_bytes(bytes, size, &pickle) == CLM_OK, "%s", error.message);
    ck_assert_ptr_nonnull(pickle);
    return pickle;
}

/* The file must be refused with CLM_ERROR_FORMAT, and one line that contains `part`. */
static void refused_file(const char *path, const char *part)
{
    struct pickle *pickle = (struct pickle *)&error;
    ck_assert_int_eq(read_file(path, &pickle), CLM_ERROR_FORMAT);
    ck_assert_int_eq(error.status, CLM_ERROR_FORMAT);
    ck_assert_ptr_null(pickle);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    ck_assert_msg(strstr(error.message, path) != NULL, "%s is not named: %s", path, error.message);
}

static void refused(const void *bytes, size_t size, const char *part)
{
    char *path = test_file(directory, "p", bytes, size);
    refused_file(path, part);
    free(path);
}

/* ---- what is read -------------------------------------------------------------------------------------- */

START_TEST(test_values)
{
    static const char text[] = "\x80\x02}q\x01(U\x01"
                               "aNU\x01"
                               "b\x88X\x02\0\0\0\xc3\xa9\x89U\x01"
                               "cJ\xfe\xff\xff\xffU\x01"
                               "d\x8a\x02\x00\x80U\x01"
                               "e\x8a\0U\x01"
                               "fM\x01\x02U\x01"
                               "g]q\x02(K\x01h\x02K\x03"
                               "eU\x01"
                               "h)U\x01"
                               "aK\x09u.";
    struct pickle *pickle = accepted(text, sizeof text - 1);
    const struct pickle_value *top = pickle_top(pickle), *list = pickle_find(top, "g");
    ck_assert_int_eq(top->kind, PICKLE_DICT);
    ck_assert_uint_eq(top->count, 20);
    ck_assert_int_eq(pickle_find(top, "b")->kind, PICKLE_BOOL);
    ck_assert_int_eq(pickle_find(top, "b")->number, 1);
    ck_assert_int_eq(pickle_find(top, "\xc3\xa9")->number, 0);
    ck_assert_int_eq(pickle_find(top, "c")->number, -2);
    ck_assert_int_eq(pickle_find(top, "d")->number, -32768);
    ck_assert_int_eq(pickle_find(top, "e")->number, 0);
    ck_assert_int_eq(pickle_find(top, "f")->number, 513);
    ck_assert_int_eq(list->kind, PICKLE_LIST);
    ck_assert_uint_eq(list->count, 3);
    ck_assert_ptr_eq(list->items[1], list); /* a list may hold itself */
    ck_assert_int_eq(pickle_find(top, "h")->kind, PICKLE_TUPLE);
    ck_assert_int_eq(pickle_find(top, "a")->number, 9); /* the last of two, as in Python */
    ck_assert_ptr_null(pickle_find(top, "x"));
    ck_assert_ptr_null(pickle_find(list, "a"));
    pickle_close(pickle);
}
END_TEST

/* An array's bytes are those of the file, and can be taken only once. */
START_TEST(test_array)
{
    struct pack batch = {0};
    unsigned char row[3072];
    pack_batch(&batch, 3, 1, 1);
    struct pickle *pickle = accepted(batch.at, batch.size);
    struct pickle_value *data = pickle_find(pickle_top(pickle), "data");
    ck_assert_int_eq(data->kind, PICKLE_ARRAY);
    ck_assert_uint_eq(data->array->rows, 3);
    ck_assert_uint_eq(data->array->columns, 3072);
    unsigned char *bytes = pickle_take_bytes(data);
    for (size_t i = 0; i < 3; i++) {
        made_row(row, i, 1);
        ck_assert_mem_eq(bytes + i * sizeof row, row, sizeof row);
    }
    ck_assert_ptr_null(pickle_take_bytes(data));
    pickle_close(pickle);
    free(bytes);
    pack_free(&batch);
}
END_TEST

/* Long texts are latin1, even if a character is in two of the parts that are read. */
START_TEST(test_long_text)
{
    enum { CHARACTERS = 70001 };
    struct pack pickled = {0};
    size_t size = 0;
    for (int i = 0; i < CHARACTERS; i++)
        size += i % 3 ? 1 : 2;
    pack_literal(&pickled, "\x80\x02"
                           "c_codecs\nencode\nX");
    pack_little_endian(&pickled, size, 4);
    for (int i = 0; i < CHARACTERS; i++)
        pack_text(&pickled, i % 3 ? "z" : i % 2 ? "\xc3\xbf" : "\xc2\x80");
    pack_literal(&pickled, "X\6\0\0\0latin1\x86R.");
    struct pickle *pickle = accepted(pickled.at, pickled.size);
    const struct pickle_value *top = pickle_top(pickle);
    ck_assert_int_eq(top->kind, PICKLE_BYTES);
    ck_assert_uint_eq(top->size, CHARACTERS);
    for (int i = 0; i < CHARACTERS; i++)
        ck_assert_uint_eq(top->bytes[i], i % 3 ? 'z' : i % 2 ? 0xff : 0x80);
    pickle_close(pickle);

    for (size_t at = 30; at < pickled.size; at += 9973) {
        const unsigned char kept = pickled.at[at];
        pickled.at[at] = 0xe2;
        refused(pickled.at, pickled.size, "a text of more than 4096 bytes is not latin1");
        pickled.at[at] = kept;
    }
    pack_free(&pickled);
}
END_TEST

/* ---- what is refused ----------------------------------------------------------------------------------- */

struct malformed {
    const char *bytes;
    size_t size;
    const char *part;
};

#define MALFORMED(literal, part)                                                                             \
    {                                                                                                        \
        literal, sizeof(literal) - 1, part                                                                   \
    }
#define DTYPE(name) "cnumpy\ndtype\nU\x02" name "K\x00K\x01\x87R"
#define EMPTY_ARRAY                                                                                          \
    "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01"                                  \
    "b\x87R"

static const struct malformed malformed[] = {
    /* no pickle, or an incomplete one */
    MALFORMED("", "it ends at once"),
    MALFORMED("\x80", "it ends at once"),
    MALFORMED("(dp0\n.", "it begins with other bytes"),
    MALFORMED("\x80\x01}.", "it begins with other bytes"),
    MALFORMED("\x80\x06}.", "it begins with other bytes"),
    MALFORMED("\x80\x02", "the file is truncated"),
    MALFORMED("\x80\x02}", "the file is truncated"),
    MALFORMED("\x80\x02J\1\2\3", "the file is truncated"),
    MALFORMED("\x80\x02"
              "cos\nsys",
              "the file is truncated"),
    MALFORMED("\x80\x02}..", "at byte 3: there are more bytes after its end"),

    /* pickles that would run code in Python */
    MALFORMED("\x80\x02"
              "cos\nsystem\nU\x02id\x85R.",
              "at byte 2: GLOBAL os.system is not allowed here"),
    MALFORMED("\x80\x02"
              "cposix\nsystem\nU\x02id\x85R.",
              "GLOBAL posix.system is not allowed here"),
    MALFORMED("\x80\x02"
              "c__builtin__\neval\nU\x01"
              "1\x85R.",
              "GLOBAL __builtin__.eval is not allowed here"),
    MALFORMED("\x80\x04\x8c\x08"
              "builtins\x8c\x04"
              "eval\x93\x8c\x01"
              "1\x85R.",
              "GLOBAL builtins.eval is not allowed here"),
    MALFORMED("\x80\x02"
              "csubprocess\nPopen\n.",
              "GLOBAL subprocess.Popen"),
    MALFORMED("\x80\x02"
              "cnumpy\nload\n.",
              "GLOBAL numpy.load"),
    MALFORMED("\x80\x02"
              "cnumpy.core.multiarray\nscalar\n.",
              "GLOBAL numpy.core.multiarray.scalar"),
    MALFORMED("\x80\x02"
              "cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
              "GLOBAL numpy.core.multiarray._reconstruct.__globals__"),
    MALFORMED("\x80\x02"
              "c_codecs\ndecode\n.",
              "GLOBAL _codecs.decode"),
    MALFORMED("\x80\x02"
              "cnumpy\ndtype\0x\n.",
              "GLOBAL numpy.dtype?x"),
    MALFORMED("\x80\x02"
              "co\x1b[31m\ns\r\n.",
              "GLOBAL o?[31m.s? is not"),
    MALFORMED("\x80\x04\x8c\x05numpy\x8c\x07"
              "dtype\0x\x93.",
              "STACK_GLOBAL finds a text, but a name is a text without NUL"),
    MALFORMED("\x80\x04K\x01K\x02\x93.", "STACK_GLOBAL finds a number"),
    MALFORMED("\x80\x04\x93.", "takes 2 values from a stack that has 0"),
    MALFORMED("\x80\x02"
              "ios\nsystem\n.",
              "the opcode INST is not allowed here"),
    MALFORMED("\x80\x02]U\x02id\x85R.", "REDUCE of a list is not allowed here"),
    MALFORMED("\x80\x02U\x02idU\x02id\x85R.", "REDUCE of bytes is not allowed here"),
    MALFORMED("\x80\x02"
              "cnumpy\nndarray\n)R.",
              "REDUCE of numpy.ndarray is not allowed here"),
    MALFORMED("\x80\x02R.", "takes 2 values from a stack that has 0"),
    MALFORMED("\x80\x02]}b.", "BUILD of a list is not allowed here"),
    MALFORMED("\x80\x02}}b.", "BUILD of a dict is not allowed here"),
    MALFORMED("\x80\x02"
              "cnumpy\ndtype\n}b.",
              "BUILD of a name is not allowed here"),

    /* arrays of other types than bytes */
    MALFORMED("\x80\x02" DTYPE("f8") ".", "an array has the dtype f8, but pictures are bytes (u1)"),
    MALFORMED("\x80\x02" DTYPE("O8") ".", "an array has the dtype O8"),
    MALFORMED("\x80\x02"
              "cnumpy\ndtype\nU\x02u1K\x01K\x01\x87R.",
              "flags other than False and True"),
    MALFORMED("\x80\x02"
              "cnumpy\ndtype\nU\x02u1\x85R.",
              "other arguments than a name and two flags"),
    MALFORMED("\x80\x02"
              "cnumpy\ndtype\nK\x01K\x00K\x01\x87R.",
              "other arguments than a name and two flags"),
    MALFORMED("\x80\x02"
              "cnumpy\ndtype\n]R.",
              "other arguments than a name and two flags"),
    MALFORMED("\x80\x02" DTYPE("u1") "(K\x03U\x01|]NNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
              "the state of a dtype is not that of plain bytes"),
    MALFORMED("\x80\x02" DTYPE("u1") "Nb.", "the state of a dtype is not that of plain bytes"),
    MALFORMED("\x80\x02"
              "cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\x00\x85U\x01"
              "b\x87R.",
              "_reconstruct is called with other arguments"),
    MALFORMED("\x80\x02"
              "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x01\x85U\x01"
              "b\x87R.",
              "_reconstruct is called with other arguments"),
    MALFORMED("\x80\x02"
              "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x85R.",
              "_reconstruct is called with other arguments"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x02K\x01K\x04\x86" DTYPE("u1") "\x89U\x04"
                                                                        "abcdtb.",
              "not a tuple of version 1 and four more"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "Nb.", "not a tuple of version 1 and four more"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01K\x01K\x04\x86" DTYPE("u1") "\x88U\x04"
                                                                        "abcdtb.",
              "an array is column-major"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01K\x04\x85" DTYPE("u1") "\x89U\x04"
                                                                   "abcdtb.",
              "an array has 1 dimensions"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01K\x01K\x02K\x02\x87" DTYPE("u1") "\x89U\x04"
                                                                             "abcdtb.",
              "an array has 3 dimensions"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01J\xff\xff\xff\xffJ\xfc\xff\xff\xff\x86" DTYPE("u1") "\x89U\x04"
                                                                                                "abcdtb.",
              "dimension 0 of an array is no size"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01K\x01U\x01"
              "4\x86" DTYPE("u1") "\x89U\x04"
                                  "abcdtb.",
              "dimension 1 of an array is no size"),
    MALFORMED("\x80\x02" EMPTY_ARRAY
              "(K\x01\x8a\x08\1\0\0\0\0\0\0\x40\x8a\x08\0\0\0\0\0\0\0\x04\x86" DTYPE("u1") "\x89U\x00tb.",
              "an array of 4611686018427387905 x 288230376151711744 has 0 bytes"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01K\x01K\x05\x86" DTYPE("u1") "\x89U\x04"
                                                                        "abcdtb.",
              "an array of 1 x 5 has 4 bytes"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01K\x01K\x04\x86" DTYPE("u1") "\x89]tb.",
              "an array holds a list, but only bytes are read"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01K\x01K\x04\x86N\x89U\x04"
              "abcdtb.",
              "an array comes without its dtype"),
    MALFORMED("\x80\x02" EMPTY_ARRAY "(K\x01K\x01K\x04\x86" DTYPE("u1") "\x89U\x04"
                                                                        "abcdtq\x01"
                                                                        "bh\x01"
                                                                        "b.",
              "an array is filled twice"),
    MALFORMED("\x80\x05"
              "cnumpy._core.numeric\n_frombuffer\n(C\x04"
              "abcd" DTYPE("u1") "K\x01K\x04\x86\x8c\x01"
                                 "FtR.",
              "an array is column-major"),
    MALFORMED("\x80\x05"
              "cnumpy._core.numeric\n_frombuffer\n(C\x04"
              "abcd" DTYPE("u1") "tR.",
              "is not called with four arguments"),
    MALFORMED("\x80\x05"
              "cnumpy._core.numeric\n_frombuffer\n(N" DTYPE("u1") "K\x01K\x04\x86\x8c\x01"
                                                                  "CtR.",
              "an array holds None"),

    /* text that becomes bytes */
    MALFORMED("\x80\x02"
              "c_codecs\nencode\nX\1\0\0\0aX\6\0\0\0latin2\x86R.",
              "other arguments than a text and \"latin1\""),
    MALFORMED("\x80\x02"
              "c_codecs\nencode\nK\x01X\6\0\0\0latin1\x86R.",
              "other arguments than a text and \"latin1\""),
    MALFORMED("\x80\x02"
              "c_codecs\nencode\nX\3\0\0\0\xe2\x82\xacX\6\0\0\0latin1\x86R.",
              "character 0 of the text is not in latin1"),
    MALFORMED("\x80\x02"
              "c_codecs\nencode\nX\2\0\0\0a\xc3X\6\0\0\0latin1\x86R.",
              "character 1 of the text is not in latin1"),
    MALFORMED("\x80\x02"
              "c_codecs\nencode\nX\2\0\0\0\xc3zX\6\0\0\0latin1\x86R.",
              "character 0 of the text is not in latin1"),

    /* wrong lengths */
    MALFORMED("\x80\x02T\xff\xff\xff\xff.", "promises 4294967295 bytes, but 1 are left"),
    MALFORMED("\x80\x03"
              "B\x00\x00\x00\x80.",
              "promises 2147483648 bytes"),
    MALFORMED("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "promises 18446744073709551615 bytes"),
    MALFORMED("\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x80.", "promises 9223372036854775808 bytes"),
    MALFORMED("\x80\x05\x96\x00\x00\x00\x00\x00\x01\x00\x00.", "promises 1099511627776 bytes"),
    MALFORMED("\x80\x02X\xff\xff\xff\x7f.", "promises 2147483647 bytes"),
    MALFORMED("\x80\x02U\x02.", "promises 2 bytes, but 1 are left"),
    MALFORMED("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x10}.", "promises 1152921504606846976 bytes"),
    MALFORMED("\x80\x02\x8a\x09\1\2\3\4\5\6\7\x08\x09.", "a whole number has 9 bytes"),

    /* the stack and the memo */
    MALFORMED("\x80\x02.", "it ends with 0 values and 0 marks"),
    MALFORMED("\x80\x02}}.", "it ends with 2 values"),
    MALFORMED("\x80\x02(}.", "it ends with 1 values and 1 marks"),
    MALFORMED("\x80\x02}K\x01K\x02u.", "needs a mark on the stack, but there is none"),
    MALFORMED("\x80\x02]K\x01"
              "e.",
              "needs a mark"),
    MALFORMED("\x80\x02t.", "needs a mark"),
    MALFORMED("\x80\x02(u.", "takes 1 values from a stack that has 0"),
    MALFORMED("\x80\x02](K\x01"
              "a.",
              "takes 2 values from a stack that has 1"),
    MALFORMED("\x80\x02K\x01(\x85.", "takes 1 values from a stack that has 0"),
    MALFORMED("\x80\x02}K\x01"
              "a.",
              "appends to a dict as if that were a list"),
    MALFORMED("\x80\x02)(K\x01"
              "e.",
              "appends to a tuple as if that were a list"),
    MALFORMED("\x80\x02]U\x01"
              "aK\x01s.",
              "appends to a list as if that were a dict"),
    MALFORMED("\x80\x02}(U\x01"
              "au.",
              "a key has no value"),
    MALFORMED("\x80\x02}K\x01K\x01s.", "the key of a dict is a number"),
    MALFORMED("\x80\x02}](K\x01"
              "eK\x01s.",
              "the key of a dict is a list"),
    MALFORMED("\x80\x02h\x00.", "place 0 of the memo is empty"),
    MALFORMED("\x80\x02}q\x05h\x04.", "place 4 of the memo is empty"),
    MALFORMED("\x80\x02j\xff\xff\xff\xff.", "place 4294967295 of the memo is empty"),
    MALFORMED("\x80\x02}r\xff\xff\xff\xff.", "place 4294967295 of the memo is above"),
    MALFORMED("\x80\x02}r\x00\x00\x10\x00.", "place 1048576 of the memo is above"),
    MALFORMED("\x80\x02q\x00.", "takes 1 values from a stack that has 0"),
    MALFORMED("\x80\x04\x94.", "takes 1 values from a stack that has 0"),
};

START_TEST(test_malformed)
{
    const struct malformed *const one = malformed + _i;
    refused(one->bytes, one->size, one->part);
}
END_TEST

/* Every opcode that no data set uses, by its name; and bytes that are no opcode. */
START_TEST(test_opcodes)
{
    static const struct {
        unsigned char code;
        const char *name;
    } known[] = {
        {'0', "POP"},
        {'1', "POP_MARK"},
        {'2', "DUP"},
        {'F', "FLOAT"},
        {'G', "BINFLOAT"},
        {'I', "INT"},
        {'L', "LONG"},
        {0x8b, "LONG4"},
        {'S', "STRING"},
        {'V', "UNICODE"},
        {'d', "DICT"},
        {'l', "LIST"},
        {'g', "GET"},
        {'p', "PUT"},
        {'i', "INST"},
        {'o', "OBJ"},
        {0x81, "NEWOBJ"},
        {0x92, "NEWOBJ_EX"},
        {'P', "PERSID"},
        {'Q', "BINPERSID"},
        {0x80, "PROTO"},
        {0x82, "EXT1"},
        {0x83, "EXT2"},
        {0x84, "EXT4"},
        {0x8f, "EMPTY_SET"},
        {0x90, "ADDITEMS"},
        {0x91, "FROZENSET"},
        {0x97, "NEXT_BUFFER"},
        {0x98, "READONLY_BUFFER"},
    };
    static const unsigned char none[] = {0, 1, ' ', '\n', 'A', 'Z', 'f', 'z', 0x7f, 0x99, 0xfe, 0xff};
    unsigned char bytes[] = "\x80\x04}?}}}}.";
    char part[64];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        bytes[3] = known[i].code;
        snprintf(part, sizeof part, "at byte 3: the opcode %s is not allowed here", known[i].name);
        refused(bytes, sizeof bytes - 1, part);
    }
    for (size_t i = 0; i < sizeof none; i++) {
        bytes[3] = none[i];
        snprintf(part, sizeof part, "at byte 3: %02x is no opcode", none[i]);
        refused(bytes, sizeof bytes - 1, part);
    }
}
END_TEST

/* A batch that is cut off anywhere. */
START_TEST(test_truncated)
{
    struct pack batch = {0};
    pack_batch(&batch, 1, 0, 2);
    for (size_t size = 0; size<batch.size; size += size> 400 && size + 400 < batch.size ? 97 : 1)
        refused(batch.at, size, "");
    pickle_close(accepted(batch.at, batch.size));
    pack_free(&batch);
}
END_TEST

/* ---- pickles that would cost too much ------------------------------------------------------------------ */

static void add_many(struct pack *pack, const char *text, size_t count)
{
    while (count--)
        pack_text(pack, text);
}

START_TEST(test_bombs)
{
    static const struct {
        const char *head, *repeated;
        size_t count;
        const char *part;
    } cases[] = {
        {"\x80\x02", "(", 100000, "it is nested too deeply: there are 16 marks"},
        {"\x80\x02", "]", 100000, "it is nested too deeply: 4096 values wait"},
        {"\x80\x02", "](", 100000, "it is nested too deeply"},
        {"\x80\x02(", "N", 100000, "it is nested too deeply: 4096 values wait"},
        {"\x80\x02]", "Na", 1100000, "more than the 1048576 values"},
        {"\x80\x02]q\x01",
         "h\x01"
         "a",
         1100000, "more than the 1048576 values"},
        {"\x80\x02]q\x01",
         ")r\xff\xff\x0f\x01"
         "a",
         2, "place 17825791 of the memo is above"},
        {"\x80\x02"
         "c",
         "os.", 1000, "a name has more than 255 bytes"},
    };
    struct pack pack = {0};
    pack_text(&pack, cases[_i].head);
    add_many(&pack, cases[_i].repeated, cases[_i].count);
    refused(pack.at, pack.size, cases[_i].part);
    pack_free(&pack);
}
END_TEST

/* More bytes than any data set has, and the file does have them: nothing is allocated for them. */
START_TEST(test_too_many_bytes)
{
    static const char *const heads[] = {"\x80\x03"
                                        "B\x00\x00\x00\x0b",
                                        "\x80\x04\x8e\x00\x00\x00\x0b\x00\x00\x00\x00"};
    static const size_t sizes[] = {7, 11};
    for (int i = 0; i < 2; i++) {
        char *path = test_file(directory, "p", heads[i], sizes[i]);
        ck_assert_int_eq(truncate(path, (off_t)12 << 24), 0);
        refused_file(path, "more than the 176000000 bytes of memory");
        free(path);
    }
}
END_TEST

/* Many strings, with a reference to each: their memory counts, too. */
START_TEST(test_many_strings)
{
    struct pack pack = {0};
    pack_text(&pack, "\x80\x02]");
    for (int i = 0; i < 3000; i++) {
        pack_literal(&pack, "T\x00\x00\x01\x00");
        add_many(&pack, "0123456789abcdef", 4096);
        pack_text(&pack, "a");
    }
    refused(pack.at, pack.size, "more than the 176000000 bytes of memory");
    pack_free(&pack);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pickle");
    TCase *tests = tcase_create("pickle");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_values);
    tcase_add_test(tests, test_array);
    tcase_add_test(tests, test_long_text);
    tcase_add_loop_test(tests, test_malformed, 0, sizeof malformed / sizeof *malformed);
    tcase_add_test(tests, test_opcodes);
    tcase_add_test(tests, test_truncated);
    tcase_add_loop_test(tests, test_bombs, 0, 8);
    tcase_add_test(tests, test_too_many_bytes);
    tcase_add_test(tests, test_many_strings);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
