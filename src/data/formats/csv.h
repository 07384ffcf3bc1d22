/* CSV: one row a line, fields separated by comma, semicolon or tab and quoted as in RFC 4180, with or
 * without a header. One column holds the labels; all others hold numbers. doc/data.md says how each of
 * these is recognised. */
#ifndef CLM_DATA_FORMATS_CSV_H
#define CLM_DATA_FORMATS_CSV_H

#include "data/format.h"

extern const struct format csv_format;

#endif
