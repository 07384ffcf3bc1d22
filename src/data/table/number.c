#include "data/table/number.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_MAX 22 /* the largest power of ten that a double holds exactly */
#define DIGITS_MAX   19 /* any number of so many digits fits into a uint64_t */
#define WHOLE_DIGITS 18 /* of number_read_whole */
#define WHOLE_MOST   UINT64_C(1000000000000000000)

static const double powers[EXPONENT_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Adds the digits at `at` to *digits, modulo 2^64, and returns the end of them. */
static inline const char *take_digits(const char *at, uint64_t *digits)
{
    for (; is_digit(*at); at++)
        *digits = *digits * 10 + (uint64_t)(*at - '0');
    return at;
}

/* Adds the exponent at `at` to *exponent and returns the end of it; returns `at` if there is none. */
static const char *take_exponent(const char *at, int *exponent)
{
    const char *next = at;
    int value = 0;
    if (*next != 'e' && *next != 'E')
        return at;
    next++;
    const bool is_negative = *next == '-';
    if (*next == '-' || *next == '+')
        next++;
    if (!is_digit(*next))
        return at;
    for (; is_digit(*next); next++)
        if (value < 100000)
            value = value * 10 + (*next - '0');
    *exponent += is_negative ? -value : value;
    return next;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static locale_t plain; /* the C locale, whose decimal point is '.' */

static void make_plain(void)
{
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static float read_slowly(const char *text)
{
    pthread_once(&once, make_plain);
    return plain ? strtof_l(text, NULL, plain) : strtof(text, NULL);
}

double number_as_double(const char *text)
{
    pthread_once(&once, make_plain);
    return plain ? strtod_l(text, NULL, plain) : strtod(text, NULL);
}

/* Computes digits * 10^exponent as a float; false if the result may be rounded wrongly. This is Clinger's
 * fast path, widened. It rounds twice to double: `digits`, if they are above 2^53, and the product with or
 * quotient by an exact power. Each rounding errs by at most 2^-53 of the value, so the double is off by less
 * than 3 units in its last place. The double is rounded to the same float as the decimal number, unless a
 * half-way point between two floats is within these 3 units; 4 are kept clear.
 * Source: W. D. Clinger, How to Read Floating Point Numbers Accurately, PLDI 1990. */
static inline bool scale(uint64_t digits, int exponent, float *value)
{
    uint64_t bits;
    if (!exponent && digits < 1 << 24) { /* a float holds it exactly */
        *value = (float)digits;
        return true;
    }
    if (exponent < -EXPONENT_MAX || exponent > EXPONENT_MAX)
        return false;
    const double wide = exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    memcpy(&bits, &wide, sizeof bits);
    /* these 29 bits do not fit into a float; at a half-way point they are a 1 and zeros */
    if (((bits + 4) & 0x1fffffff) - 0x10000000 <= 8)
        return false;
    *value = (float)wide;
    return true;
}

bool number_read(const char **at, float *value)
{
    const char *const start = *at;
    const bool is_negative = *start == '-';
    const char *next = start + (is_negative || *start == '+'), *const first = next;
    uint64_t digits = 0;
    int exponent = 0;
    next = take_digits(next, &digits);
    ptrdiff_t count = next - first;
    if (*next == '.') {
        const char *const point = next + 1;
        next = take_digits(point, &digits);
        count += next - point;
        exponent = count > DIGITS_MAX ? 0 : (int)(point - next);
    }
    if (!count)
        return false;
    next = take_exponent(next, &exponent);
    if (count <= DIGITS_MAX && scale(digits, exponent, value))
        *value = is_negative ? -*value : *value;
    else
        *value = read_slowly(start);
    *at = next;
    return true;
}

bool number_read_whole(const char *bytes, size_t length, int64_t *value)
{
    const char *const end = bytes + length, *next = bytes;
    const bool is_negative = length && *bytes == '-';
    uint64_t whole = 0;
    int exponent = 0, digits = 0, point = 0;
    bool is_behind_point = false, has_digit = false;
    if (length && (*next == '-' || *next == '+'))
        next++;
    for (; next < end && (is_digit(*next) || (*next == '.' && !is_behind_point)); next++) {
        if (*next == '.') {
            is_behind_point = true;
            continue;
        }
        has_digit = true;
        if (digits == WHOLE_DIGITS && *next != '0')
            return false;
        if (digits == WHOLE_DIGITS) { /* a zero more scales what was read */
            point += !is_behind_point;
            continue;
        }
        whole = whole * 10 + (uint64_t)(*next - '0');
        digits += whole != 0;
        point -= is_behind_point;
    }
    if (!has_digit)
        return false;
    next = next < end ? take_exponent(next, &exponent) : next;
    for (exponent += point; exponent < 0 && whole && whole % 10 == 0; exponent++)
        whole /= 10;
    for (; exponent > 0 && whole && whole < WHOLE_MOST / 10; exponent--)
        whole *= 10;
    *value = is_negative ? -(int64_t)whole : (int64_t)whole;
    return next == end && whole < WHOLE_MOST && (!exponent || !whole);
}
