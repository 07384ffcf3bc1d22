#include "data/formats/text_window.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_MIN ((size_t)1 << 20)
#define WINDOW_MAX ((size_t)64 << 20) /* more than a row of any table has */

static const char byte_order_mark[] = "\xef\xbb\xbf";

clm_status text_window_open(const char *path, struct text_window *out, struct clm_error *error)
{
    *out = (struct text_window){.line = 1};
    clm_status status = stream_open(path, &out->stream, error);
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
    const size_t first = size_min(WINDOW_MIN, size_min(stream_bound(window->stream), WINDOW_MIN) + 1);
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

clm_status text_window_more(struct text_window *window, struct clm_error *error)
{
    const size_t kept = window->end - window->begin;
    size_t got = 0;
    if (kept && window->begin)
        memmove(window->bytes, window->bytes + window->begin, kept);
    window->begin = 0;
    window->end = kept;
    clm_status status = kept == window->capacity ? text_window_grow(window, error) : CLM_OK;
    if (status == CLM_OK)
        status = stream_read(window->stream, window->bytes + kept, window->capacity - kept, &got, error);
    if (status != CLM_OK)
        return status;
    window->end += got;
    window->bytes[window->end] = '\0';
    window->is_last = window->end < window->capacity;
    return CLM_OK;
}

bool text_is_likely(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((bytes[i] < ' ' && bytes[i] != '\t' && bytes[i] != '\n' && bytes[i] != '\r') || bytes[i] == 0x7f)
            return false;
    return count > 0;
}
