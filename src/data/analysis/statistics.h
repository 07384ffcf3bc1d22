/* What a data set holds: clm_data_summarise (clmlp.h), and the sentences that warn of it. */
#ifndef CLM_DATA_ANALYSIS_STATISTICS_H
#define CLM_DATA_ANALYSIS_STATISTICS_H

#include "data/analysis/moments.h"

/* Adds to `summary`, whose figures are there, the sentences that they and the moments of the training rows (features)
 * give rise to. */
CLM_MUST_CHECK clm_status warnings_add(const struct clm_data *data, const struct moments *features,
                                       struct clm_data_summary *summary, struct clm_error *error);

#endif
