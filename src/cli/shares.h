/* Backends that share a device, for nets that are trained at the same time: on a CPU each has an equal share
 * of the cores. A small net fills one core better than two, whose threads wait for each other in each launch.
 * The bits are those of a net that has the whole device. */
#ifndef CLM_CLI_SHARES_H
#define CLM_CLI_SHARES_H

#include "cli/arguments.h"

enum { SHARES_MOST = 16 };

/* Opens `count` backends, up to SHARES_MOST, which share the device and its memory. They are closed by
 * shares_close, also after a failure. */
CLM_MUST_CHECK clm_status shares_open(const struct clm_backend_options *options, size_t count,
                                      struct clm_backend *out[SHARES_MOST], struct clm_error *error);
void shares_close(struct clm_backend *shares[SHARES_MOST]);

/* How many nets with so many products in a step to train at once: small ones, one for each of a CPU's
 * cores. */
size_t shares_suitable(const struct clm_backend *whole, double products);

#endif
