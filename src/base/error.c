#include "base/error.h"

#include "base/size.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *clm_version(void)
{
    return CLM_VERSION;
}

const char *clm_status_text(clm_status status)
{
    static const char *const texts[] = {
#define CLM_STATUS_TEXT(name, text) [name] = text,
        CLM_STATUSES(CLM_STATUS_TEXT)
#undef CLM_STATUS_TEXT
    };
    const size_t count = sizeof texts / sizeof *texts;
    return (size_t)status < count ? texts[status] : "unknown status";
}

/* ---- sentences ---- */

#define WORD_MOST 240 /* bytes of a word, such as a path */
#define CUT       "..."

/* Of a UTF-8 character, but not its first byte. */
static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Takes bytes out of the middle of `text`, so that `most` are left, and returns how many those are. It cuts
 * no UTF-8 character. */
static size_t cut_middle(char *text, size_t length, size_t most)
{
    size_t head = (most - strlen(CUT)) / 2, tail = length - (most - strlen(CUT) - head);
    while (head && is_continuation(text[head]))
        head--;
    while (tail < length && is_continuation(text[tail]))
        tail++;
    memcpy(text + head, CUT, strlen(CUT));
    memmove(text + head + strlen(CUT), text + tail, length - tail + 1);
    return head + strlen(CUT) + length - tail;
}

/* '?' for each byte that is not of a printable UTF-8 character; new lines stay. */
static void hide_unprintable(char *text)
{
    for (size_t length; *text; text += length) {
        length = utf8_length(text);
        const bool is_upper = length == 2 && text[0] == '\xc2' && (unsigned char)text[1] < 0xa0;
        if (!length || is_upper || (has_control(text, 1) && *text != '\n')) {
            *text = '?';
            length = 1;
        }
    }
}

static void shorten_words(char *text)
{
    for (char *end; *text; text = *end ? end + 1 : end) {
        size_t length = strcspn(text, " \n");
        if (length > WORD_MOST) {
            char *const rest = text + length, after = *rest;
            *rest = '\0';
            const size_t left = cut_middle(text, length, WORD_MOST);
            *rest = after;
            memmove(text + left, rest, strlen(rest) + 1);
            length = left;
        }
        end = text + length;
    }
}

const char *clm_write_sentence(char *out, size_t size, const char *format, va_list arguments)
{
    char *whole = NULL;
    va_list again;
    va_copy(again, arguments);
    if (vasprintf(&whole, format, arguments) < 0) {
        vsnprintf(out, size, format, again);
        hide_unprintable(out);
    } else {
        hide_unprintable(whole);
        shorten_words(whole);
        const size_t length = strlen(whole);
        if (length >= size)
            cut_middle(whole, length, size - 1);
        snprintf(out, size, "%s", whole);
        free(whole);
    }
    va_end(again);
    return out;
}

clm_status clm_fail_setting(struct clm_error *error, clm_status status, const char *setting,
                            const char *format, ...)
{
    va_list arguments;
    if (!error)
        return status;
    error->status = status;
    va_start(arguments, format);
    clm_write_sentence(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    snprintf(error->setting, sizeof error->setting, "%s", setting);
    return status;
}

clm_status check_given(const char *text, const char *what, struct clm_error *error)
{
    return text ? CLM_OK : clm_fail(error, CLM_ERROR_ARGUMENT, "no %s is given, but NULL; give one", what);
}

clm_status clm_fail_host_memory(struct clm_error *error, const char *what, size_t bytes)
{
    return clm_fail(error, CLM_ERROR_MEMORY, "%s: the host has no memory for %zu bytes", what, bytes);
}

size_t host_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t bytes;
    return pages > 0 && page > 0 && size_mul((size_t)pages, (size_t)page, &bytes) ? bytes : SIZE_MAX;
}
