#include "data/table/value.h"

#include "data/table/number.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NUMBER_LENGTH_MAX 512 /* of a number with a decimal comma */

static bool is_word(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && !strncasecmp(text, word, length);
}

static bool is_listed(const struct text_field *field, const char *list)
{
    while (list) {
        const size_t length = strcspn(list, ",");
        if (length == field->length && !memcmp(list, field->text, length))
            return true;
        list = list[length] ? list + length + 1 : NULL;
    }
    return false;
}

/* pandas: na_values of read_csv. R: NA and NaN. Weka: ?. SAS: a point. Excel: #N/A. "None" is Python's, and
 * "none" is a word like any other. */
bool value_is_missing(const struct text_field *field, const struct missing_words *more)
{
    static const char *const words[] = {
        "?",   "na",     "n/a",     "nan",     "null", "#n/a", "<na>",     ".",        "nat",    "-nan",
        "#na", "1.#ind", "1.#qnan", "-1.#ind", "+nan", "n.a.", "#n/a n/a", "-1.#qnan", "#null!", "#value!"};
    if (!field->length)
        return true;
    if (more->list && is_listed(field, more->list))
        return true;
    if (field->length > 8 || !strchr("?nN#<.-+1", *field->text))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_word(field->text, field->length, words[i]))
            return true;
    return field->length == 4 && !memcmp(field->text, "None", 4);
}

/* The text of a number with a decimal comma, written with a point; false if it is no such text. */
static bool with_point(const struct text_field *field, char copy[NUMBER_LENGTH_MAX])
{
    if (field->length >= NUMBER_LENGTH_MAX || memchr(field->text, '.', field->length))
        return false;
    memcpy(copy, field->text, field->length);
    copy[field->length] = '\0';
    char *const comma = strchr(copy, ',');
    if (comma)
        *comma = '.';
    return true;
}

bool value_float(const struct text_field *field, char decimal, float *number)
{
    char copy[NUMBER_LENGTH_MAX];
    const char *at = field->text, *begin = at;
    if (decimal == ',') {
        if (!with_point(field, copy))
            return false;
        at = begin = copy;
    }
    return number_read(&at, number) && at == begin + field->length;
}

bool value_number(const struct text_field *field, char decimal, double *number)
{
    char copy[NUMBER_LENGTH_MAX];
    float unused;
    if (!value_float(field, decimal, &unused))
        return false;
    *number = number_as_double(decimal == ',' && with_point(field, copy) ? copy : field->text);
    return true;
}

bool value_is_infinite(const struct text_field *field)
{
    const size_t sign = field->length && (*field->text == '-' || *field->text == '+');
    return is_word(field->text + sign, field->length - sign, "inf") ||
           is_word(field->text + sign, field->length - sign, "infinity");
}

/* ---- dates ---- */

/* Reads `count` digits; false if there are fewer. */
static bool take_date_digits(const char **at, const char *end, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, ++*at) {
        if (*at >= end || **at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool take_character(const char **at, const char *end, const char *any)
{
    if (*at >= end || !strchr(any, **at))
        return false;
    ++*at;
    return true;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March, so that the leap day is the
 * last of a year; 146097 days are 400 years. */
static int64_t days_since_1970(int year, int month, int day)
{
    const int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_day(int year, int month, int day)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
    return month >= 1 && month <= 12 && day >= 1 && day <= lengths[month - 1] - (month == 2 && !is_leap);
}

/* Reads HH[:MM[:SS[.fraction]]] into seconds. */
static bool take_time(const char **at, const char *end, double *seconds)
{
    int hours, minutes = 0, whole = 0, digit;
    if (!take_date_digits(at, end, 2, &hours) || hours > 24)
        return false;
    if (take_character(at, end, ":") && (!take_date_digits(at, end, 2, &minutes) || minutes > 59))
        return false;
    if (take_character(at, end, ":") && (!take_date_digits(at, end, 2, &whole) || whole > 60))
        return false;
    *seconds = hours * 3600 + minutes * 60 + whole;
    if (take_character(at, end, ".,")) {
        double unit = 0.1;
        if (*at >= end || **at < '0' || **at > '9')
            return false;
        for (; take_date_digits(at, end, 1, &digit); unit /= 10)
            *seconds += digit * unit;
    }
    return true;
}

/* Reads Z, UTC, +HH, +HHMM or +HH:MM, perhaps after a blank, and takes it from the seconds. */
static bool take_zone(const char **at, const char *end, double *seconds)
{
    int hours, minutes = 0;
    if (end - *at > 1)
        (void)take_character(at, end, " ");
    if (end - *at == 3 && !memcmp(*at, "UTC", 3)) {
        *at = end;
        return true;
    }
    if (*at >= end || take_character(at, end, "Zz"))
        return true;
    const bool is_behind = **at == '-';
    if (!take_character(at, end, "+-") || !take_date_digits(at, end, 2, &hours))
        return false;
    (void)take_character(at, end, ":");
    if (*at < end && !take_date_digits(at, end, 2, &minutes))
        return false;
    *seconds += (is_behind ? 60 : -60) * (hours * 60 + minutes);
    return true;
}

/* ISO 8601: YYYY-MM-DD, perhaps with T or a blank and a time. */
static bool value_date(const struct text_field *field, double *days)
{
    const char *at = field->text, *const end = at + field->length;
    int year, month, day;
    double seconds = 0;
    if (!take_date_digits(&at, end, 4, &year) || !take_character(&at, end, "-") ||
        !take_date_digits(&at, end, 2, &month) || !take_character(&at, end, "-") ||
        !take_date_digits(&at, end, 2, &day) || !is_day(year, month, day))
        return false;
    if (at < end && (!take_character(&at, end, "Tt ") || !take_time(&at, end, &seconds) ||
                     !take_zone(&at, end, &seconds)))
        return false;
    *days = (double)days_since_1970(year, month, day) + seconds / 86400;
    return at == end;
}

/* ---- kinds ---- */

enum field_kind value_kind_of(const struct text_field *field, char decimal, const struct missing_words *more,
                              double *number)
{
    if (value_is_missing(field, more))
        return VALUE_MISSING;
    if (value_number(field, decimal, number))
        return VALUE_NUMBER;
    if (value_is_infinite(field)) {
        *number = HUGE_VAL;
        return VALUE_NUMBER;
    }
    if (is_word(field->text, field->length, "true") || is_word(field->text, field->length, "false")) {
        *number = strchr("tT", *field->text) != NULL;
        return VALUE_BOOLEAN;
    }
    return value_date(field, number) ? VALUE_DATE : VALUE_TEXT;
}

/* ---- almost numbers ---- */

/* Moves *at after one of the texts, which end with NULL. */
static bool take_text(const char **at, const char *end, const char *const *texts)
{
    for (; *texts; texts++) {
        const size_t length = strlen(*texts);
        if ((size_t)(end - *at) >= length && !memcmp(*at, *texts, length)) {
            *at += length;
            return true;
        }
    }
    return false;
}

static size_t count_digits(const char *at, const char *end)
{
    size_t count = 0;
    while (at + count < end && at[count] >= '0' && at[count] <= '9')
        count++;
    return count;
}

/* Digits in groups of three with a mark between them, and perhaps a decimal part. */
static bool is_grouped(const char *at, const char *end)
{
    static const char *const signs[] = {"-", "+", NULL}, *const marks[] = {",", ".", "'", " ", "_", NULL};
    (void)take_text(&at, end, signs);
    size_t digits = count_digits(at, end), groups = 0;
    if (!digits || digits > 3)
        return false;
    at += digits;
    while (take_text(&at, end, marks)) {
        digits = count_digits(at, end);
        at += digits;
        if (at == end)
            return groups || digits == 3;
        if (digits != 3)
            return false;
        groups++;
    }
    return false;
}

const char *value_blemish(const struct text_field *field, char decimal)
{
    static const char *const currencies[] = {"$", "\u20ac", "\u00a3", "\u00a5", "USD", "EUR", NULL},
                             *const blanks[] = {" ", NULL}, *const percents[] = {"%", NULL};
    const char *at = field->text, *const all = at + field->length, *end = all;
    const char *what = NULL;
    struct text_field rest = *field;
    double unused;
    if (take_text(&at, end, currencies))
        what = "has the sign of a currency, which is not read";
    while (take_text(&at, end, blanks))
        continue;
    for (const char *tail = at; !what && tail < end; tail++) {
        const char *next = tail;
        if ((take_text(&next, end, percents) || take_text(&next, end, currencies)) && next == all) {
            what = tail[0] == '%' ? "has a percent sign, which is not read"
                                  : "has the sign of a currency, which is not read";
            for (end = tail; end > at && end[-1] == ' ';)
                end--;
        }
    }
    rest.text = at;
    rest.length = (size_t)(end - at);
    if (is_grouped(at, end))
        return what ? what : "has separators of thousands, which are not read";
    if (what)
        return value_number(&rest, decimal, &unused) ? what : NULL;
    return value_number(&rest, decimal == '.' ? ',' : '.', &unused)
               ? "has another decimal point than other values"
               : NULL;
}
