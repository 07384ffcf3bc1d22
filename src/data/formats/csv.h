/* CSV: a row a line, fields parted by comma, semicolon or tab, quoted as in RFC 4180, with a header or without; one column
 * holds the labels and all others numbers. doc/data.md says how each is recognised. */
#ifndef CLM_DATA_FORMATS_CSV_H
#define CLM_DATA_FORMATS_CSV_H

#include "data/format.h"

extern const struct format csv_format;

#endif
