#include "data/table/text_window.h"

#include "base/size.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_MIN ((size_t)1 << 20)
#define UTF16_ROOM 64                 /* of UTF-8, to read a few characters into */
#define WINDOW_MAX ((size_t)64 << 20) /* more than a row of any table has */

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* ---- UTF-16 ---- */

static struct utf16 utf16_of(const unsigned char *bytes, size_t count)
{
    const bool is_little = count > 1 && bytes[0] == 0xff && bytes[1] == 0xfe,
               is_big = count > 1 && bytes[0] == 0xfe && bytes[1] == 0xff;
    return (struct utf16){.is_used = is_little || is_big, .is_big_endian = is_big};
}

static unsigned utf16_unit(const struct utf16 *utf16, const unsigned char *bytes)
{
    return utf16->is_big_endian ? (unsigned)bytes[0] << 8 | bytes[1] : (unsigned)bytes[1] << 8 | bytes[0];
}

/* Turns UTF-16 into UTF-8 at `text`, and returns its length. *used is less than `count` if a character is not
 * whole. Half a surrogate pair becomes U+FFFD. */
static size_t utf16_decode(const struct utf16 *utf16, const unsigned char *bytes, size_t count, char *text,
                           size_t *used)
{
    char *end = text;
    size_t i = 0;
    while (i + 2 <= count) {
        const unsigned unit = utf16_unit(utf16, bytes + i);
        uint32_t code = unit;
        if (unit >= 0xd800 && unit < 0xdc00 && i + 4 > count)
            break;
        i += 2;
        if (unit >= 0xd800 && unit < 0xe000)
            code = 0xfffd;
        if (unit >= 0xd800 && unit < 0xdc00) {
            const unsigned low = utf16_unit(utf16, bytes + i);
            if (low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        end = utf8_put(end, code);
    }
    *used = i;
    return (size_t)(end - text);
}

size_t text_head(const unsigned char *bytes, size_t count, char *text)
{
    const struct utf16 utf16 = utf16_of(bytes, count);
    const size_t mark = strlen(byte_order_mark);
    size_t length = count, used;
    if (utf16.is_used)
        length = utf16_decode(&utf16, bytes + 2, count - 2, text, &used);
    else if (count >= mark && !memcmp(bytes, byte_order_mark, mark))
        memcpy(text, bytes + mark, length = count - mark);
    else
        memcpy(text, bytes, count);
    text[length] = '\0';
    return length;
}

/* Reads UTF-16 into `room` bytes of UTF-8. */
static clm_status read_utf16(struct text_window *window, char *text, size_t room, size_t *got, bool *is_last,
                             struct clm_error *error)
{
    struct utf16 *const utf16 = &window->utf16;
    const size_t wanted = room / 3 * 2 - utf16->rest_size;
    unsigned char *const bytes = malloc(utf16->rest_size + wanted);
    size_t count = 0, used = 0;
    if (!bytes)
        return clm_fail_host_memory(error, text_window_path(window), wanted);
    memcpy(bytes, utf16->rest, utf16->rest_size);
    const clm_status status = stream_read(window->stream, bytes + utf16->rest_size, wanted, &count, error);
    if (status == CLM_OK) {
        *is_last = count < wanted;
        count += utf16->rest_size;
        *got = utf16_decode(utf16, bytes, count, text, &used);
        utf16->rest_size = count - used;
        memcpy(utf16->rest, bytes + used, utf16->rest_size);
    }
    free(bytes);
    return status;
}

/* ---- window ---- */

/* Finds out whether the file is UTF-16, before anything of it is used. */
static clm_status find_encoding(struct text_window *window, struct clm_error *error)
{
    unsigned char mark[2];
    size_t count = 0;
    const clm_status status = stream_read(window->stream, mark, sizeof mark, &count, error);
    window->utf16 = utf16_of(mark, count);
    if (!window->utf16.is_used) {
        memcpy(window->utf16.rest, mark, count);
        window->utf16.rest_size = count;
    }
    return status;
}

clm_status text_window_open(const char *path, struct text_window *out, struct clm_error *error)
{
    *out = (struct text_window){.line = 1};
    clm_status status = stream_open(path, &out->stream, error);
    if (status == CLM_OK)
        status = find_encoding(out, error);
    if (status == CLM_OK)
        status = text_window_more(out, error);
    if (status != CLM_OK)
        text_window_close(out);
    else if (!strncmp(out->bytes, byte_order_mark, strlen(byte_order_mark)))
        out->begin = strlen(byte_order_mark);
    return status;
}

void text_window_close(struct text_window *window)
{
    stream_close(window->stream);
    free(window->bytes);
    *window = (struct text_window){0};
}

const char *text_window_path(const struct text_window *window)
{
    return stream_path(window->stream);
}

/* Doubles the room of the window, with one more byte for a NUL. */
static clm_status text_window_grow(struct text_window *window, struct clm_error *error)
{
    /* a small file gets room for all its bytes and one more, so that the first read finds its end */
    const size_t first =
        size_max(UTF16_ROOM, size_min(WINDOW_MIN, size_min(stream_bound(window->stream), WINDOW_MIN) + 1));
    const size_t capacity = window->capacity ? 2 * window->capacity : first;
    if (capacity > WINDOW_MAX)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: the row that begins in line %zu does not end within %zu MiB; is it a table, and is every quote closed?",
            text_window_path(window), window->line, WINDOW_MAX >> 20);
    if (!array_resize(&window->bytes, capacity + 1, 1))
        return clm_fail_host_memory(error, text_window_path(window), capacity);
    window->capacity = capacity;
    return CLM_OK;
}

/* Reads the bytes after the window; the first two may be in `rest`. */
static clm_status read_bytes(struct text_window *window, char *bytes, size_t room, size_t *got, bool *is_last,
                             struct clm_error *error)
{
    struct utf16 *const utf16 = &window->utf16;
    const size_t rest = size_min(utf16->rest_size, room);
    if (utf16->is_used)
        return read_utf16(window, bytes, room, got, is_last, error);
    memcpy(bytes, utf16->rest, rest);
    memmove(utf16->rest, utf16->rest + rest, utf16->rest_size -= rest);
    const clm_status status = stream_read(window->stream, bytes + rest, room - rest, got, error);
    *got += rest;
    *is_last = *got < room;
    return status;
}

static bool is_end(char c)
{
    return c == '\x1a' || c == '\r' || c == '\n' || c == ' ';
}

/* Takes away ^Z, with which old programs end a text, and what follows it. */
static void trim_end(struct text_window *window)
{
    for (size_t i = window->end; i > window->begin && is_end(window->bytes[i - 1]); i--)
        if (window->bytes[i - 1] == '\x1a')
            window->bytes[window->end = i - 1] = '\0';
}

clm_status text_window_more(struct text_window *window, struct clm_error *error)
{
    const size_t kept = window->end - window->begin;
    size_t got = 0;
    if (kept && window->begin)
        memmove(window->bytes, window->bytes + window->begin, kept);
    window->begin = 0;
    window->end = kept;
    const size_t least = window->utf16.is_used ? UTF16_ROOM : 1;
    clm_status status = window->capacity - kept < least ? text_window_grow(window, error) : CLM_OK;
    if (status == CLM_OK)
        status =
            read_bytes(window, window->bytes + kept, window->capacity - kept, &got, &window->is_last, error);
    if (status != CLM_OK)
        return status;
    window->end += got;
    window->bytes[window->end] = '\0';
    if (window->is_last)
        trim_end(window);
    return CLM_OK;
}

bool text_is_likely(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (((unsigned char)bytes[i] < ' ' && !strchr("\t\n\r\x1a", bytes[i])) || bytes[i] == 0x7f ||
            !bytes[i])
            return false;
    return count > 0;
}
