/* Sheets: PNGs that show some pictures of a part with their labels. */
#ifndef CLM_DATA_PICTURES_SHEET_H
#define CLM_DATA_PICTURES_SHEET_H

#include "data/data.h"

/* Changes the pictures of a sheet before they are drawn. `values` is (count, features) of the data's element,
 * changed in place. */
struct sheet_change {
    clm_status (*apply)(void *user, void *values, size_t count, struct clm_error *error);
    void *user;
};

/* Like clm_data_sheet, with a change to the pictures; `change` may be NULL. */
CLM_MUST_CHECK clm_status sheet_write(const struct clm_data *data, enum clm_part part, size_t rows,
                                      uint64_t seed, const struct sheet_change *change, const char *path,
                                      struct clm_error *error);

#endif
