#include "data/table/arff.h"

#include "base/size.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ATTRIBUTES_MOST ((size_t)1 << 20)

static const char *after_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* True if the line at `at` begins with a word, in upper or lower case, and something else follows. */
static bool begins_with(const char *at, const char *word)
{
    const size_t length = strlen(word);
    return !strncasecmp(at, word, length) && (!at[length] || strchr(" \t\r\n", at[length]));
}

bool arff_is_likely(const char *text, size_t length)
{
    const char *const end = text + length;
    for (const char *at = text; at < end; at = line_after(at, end)) {
        const char *const first = after_blanks(at);
        if (*first != '%' && !line_end_length(first) && *first)
            return begins_with(first, "@relation");
    }
    return false;
}

/* Reads a word or a quoted text, as UTF-8, and moves *at after it. NULL if it does not end in this line, or
 * there is no memory. */
static char *take_word(const char **at)
{
    const char quote = **at == '\'' || **at == '"' ? **at : '\0';
    const char *const begin = *at + (quote != '\0'), *next = begin;
    if (!quote) {
        next += strcspn(next, " \t\r\n{},");
        *at = next;
        return layout_utf8(begin, (size_t)(next - begin));
    }
    while (*next && *next != quote && *next != '\n')
        next += next[0] == '\\' && next[1] && next[1] != '\n' ? 2 : 1;
    if (*next != quote)
        return NULL;
    *at = next + 1;
    return layout_utf8(begin, (size_t)(next - begin));
}

static clm_status fail_header(const struct text_window *window, const char *what, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: line %zu: %s", text_window_path(window), window->line,
                    what);
}

/* Gives the layout one more column. */
static bool add_column(struct table_layout *layout)
{
    const size_t count = layout->columns;
    if ((count & (count - 1)) == 0) { /* 0 or a power of two: the arrays are full */
        const size_t room = count ? 2 * count : 1;
        if (!array_resize(&layout->names, room, sizeof *layout->names) ||
            !array_resize(&layout->defaults, room, sizeof *layout->defaults))
            return false;
    }
    layout->names[count] = layout->defaults[count] = NULL;
    layout->columns++;
    return true;
}

/* Reads "NAME TYPE" of an attribute. */
static clm_status take_attribute(const struct text_window *window, const char *at,
                                 struct table_layout *layout, struct clm_error *error)
{
    static const char *const types[] = {"numeric", "real", "integer", "string", "date", NULL};
    size_t type = 0;
    if (layout->columns == ATTRIBUTES_MOST)
        return fail_header(window, "there are more attributes than can be read", error);
    if (!add_column(layout))
        return clm_fail_host_memory(error, text_window_path(window), layout->columns * sizeof(char *));
    char **const name = &layout->names[layout->columns - 1],
                 **const first = &layout->defaults[layout->columns - 1];
    at = after_blanks(at);
    if (!(*name = take_word(&at)) || !**name)
        return fail_header(window, "an attribute has no name, as in @attribute width numeric", error);
    at = after_blanks(at);
    if (*at == '{') {
        at = after_blanks(at + 1);
        *first = take_word(&at);
        at = after_blanks(at);
        return *first && (*at == ',' || *at == '}')
                   ? CLM_OK
                   : fail_header(window, "the values of an attribute are not listed as in {red, green}",
                                 error);
    }
    while (types[type] && !begins_with(at, types[type]))
        type++;
    return types[type]
               ? CLM_OK
               : fail_header(window,
                             "an attribute is not numeric, real, integer, string, date, or values in {}",
                             error);
}

/* Makes sure that the line at the window's beginning is there as a whole. */
static clm_status complete_line(struct text_window *window, struct clm_error *error)
{
    while (!window->is_last && !memchr(window->bytes + window->begin, '\n', window->end - window->begin)) {
        const clm_status status = text_window_more(window, error);
        if (status != CLM_OK)
            return status;
    }
    return CLM_OK;
}

clm_status arff_find_layout(struct text_window *window, struct table_layout *layout, struct clm_error *error)
{
    bool is_data = false;
    layout->is_arff = true;
    layout->dialect = (struct dialect){.delimiter = ',', .decimal = '.', .other_quote = '\'', .comment = '%'};
    while (!is_data) {
        clm_status status = complete_line(window, error);
        if (status != CLM_OK)
            return status;
        const char *const begin = window->bytes + window->begin, *const end = window->bytes + window->end;
        const char *const at = after_blanks(begin);
        if (begin == end)
            return fail_header(window, "the file ends without @data", error);
        is_data = begins_with(at, "@data");
        if (begins_with(at, "@attribute"))
            status = take_attribute(window, at + strlen("@attribute"), layout, error);
        else if (!is_data && *at != '%' && !line_end_length(at) && at < end && !begins_with(at, "@relation"))
            status = fail_header(window, "an ARFF file has @relation, @attribute or @data here", error);
        if (status != CLM_OK)
            return status;
        window->begin = (size_t)(line_after(begin, end) - window->bytes);
        window->line++;
    }
    return layout->columns ? CLM_OK : fail_header(window, "no @attribute stands before @data", error);
}
