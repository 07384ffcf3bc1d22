#include "base/text.h"

#include "base/size.h"
#include "clmlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_between(unsigned char byte, unsigned char lowest, unsigned char highest)
{
    return lowest <= byte && byte <= highest;
}

/* Well-formed sequences are those of the Unicode standard, table 3-7: no overlong forms, no surrogates,
 * nothing above U+10FFFF. */
size_t utf8_length(const char *text)
{
    const unsigned char *const bytes = (const unsigned char *)text, lead = bytes[0];
    const size_t length = lead < 0x80                    ? 1
                          : is_between(lead, 0xC2, 0xDF) ? 2
                          : is_between(lead, 0xE0, 0xEF) ? 3
                          : is_between(lead, 0xF0, 0xF4) ? 4
                                                         : 0;
    const unsigned char lowest = lead == 0xE0   ? 0xA0
                                 : lead == 0xF0 ? 0x90
                                                : 0x80,
                        highest = lead == 0xED   ? 0x9F
                                  : lead == 0xF4 ? 0x8F
                                                 : 0xBF;
    if (length > 1 && !is_between(bytes[1], lowest, highest))
        return 0;
    for (size_t i = 2; i < length; i++)
        if (!is_between(bytes[i], 0x80, 0xBF))
            return 0;
    return length;
}

char *utf8_put(char *end, uint32_t code)
{
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *end++ = (char)((more ? 0xff00 >> (more + 1) & 0xff : 0) | code >> 6 * more);
    for (int shift = 6 * (more - 1); shift >= 0; shift -= 6)
        *end++ = (char)(0x80 | (code >> shift & 0x3f));
    return end;
}

bool has_ending(const char *text, const char *end)
{
    const size_t length = strlen(text), wanted = strlen(end);
    return length > wanted && !strcmp(text + length - wanted, end);
}

bool has_control(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f)
            return true;
    return false;
}

char *utf8_copy(const char *text)
{
    char *const copy = strdup(text);
    for (char *at = copy; copy && *at;) {
        const size_t length = utf8_length(at);
        if (!length)
            *at = '?';
        at += length ? length : 1;
    }
    return copy;
}

const char *text_show(char *out, size_t size, const char *bytes, size_t length)
{
    static const char mark[] = "...";
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        char character[5] = {0};
        memcpy(character, bytes + i, length - i < 4 ? length - i : 4);
        size_t step = utf8_length(character);
        if (!step || (unsigned char)*character < ' ' || *character == 0x7f) {
            *character = '?';
            step = 1;
        }
        const bool fits = used + length - i < size; /* the rest of the text */
        if (!fits && used + step + sizeof mark > size) {
            memcpy(out + used, mark, sizeof mark);
            return out;
        }
        memcpy(out + used, character, step);
        used += step;
        i += step;
    }
    out[used] = '\0';
    return out;
}

#define NAME_MAX_LENGTH 40

/* Letters to insert, delete, replace or exchange with their neighbour (optimal string alignment). */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t a_length = strlen(a), b_length = strlen(b);
    size_t d[NAME_MAX_LENGTH + 1][NAME_MAX_LENGTH + 1];
    if (a_length > NAME_MAX_LENGTH || b_length > NAME_MAX_LENGTH)
        return NAME_MAX_LENGTH;
    for (size_t i = 0; i <= a_length; i++)
        for (size_t j = 0; j <= b_length; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] =
                size_min(size_min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            const bool is_exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_exchanged && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[a_length][b_length];
}

const char *clm_nearest_name(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    size_t least = strlen(word) < 4 ? 2 : 3; /* must be nearer than this */
    for (; *word && *names; names++) {
        const bool is_beginning = !strncmp(*names, word, strlen(word));
        const size_t distance = is_beginning ? 0 : edit_distance(word, *names);
        if (distance < least) {
            least = distance;
            nearest = *names;
        }
    }
    return nearest;
}

bool text_close(FILE *stream, char **text)
{
    const bool is_written = stream && !ferror(stream);
    if (stream && fclose(stream) == 0 && is_written)
        return true;
    if (stream)
        free(*text);
    *text = NULL;
    return false;
}

const char *text_of_number(char *out, size_t size, double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, size, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return out;
}
