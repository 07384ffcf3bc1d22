/* The summary of a data set (clm_data_summarise in clmlp.h) and its warnings. */
#ifndef CLM_DATA_ANALYSIS_STATISTICS_H
#define CLM_DATA_ANALYSIS_STATISTICS_H

#include "data/analysis/moments.h"

/* Adds warnings to `summary`, whose figures are complete. `features` are the moments of the training rows. */
CLM_MUST_CHECK clm_status warnings_add(const struct clm_data *data, const struct moments *features,
                                       struct clm_data_summary *summary, struct clm_error *error);

#endif
