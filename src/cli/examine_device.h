/* Examines a device for `clmlp doctor': every operation with each provider, a verdict, and a remedy. */
#ifndef CLM_CLI_EXAMINE_DEVICE_H
#define CLM_CLI_EXAMINE_DEVICE_H

#include "cli/command.h"

struct examination {
    const struct invocation *in; /* for the report */
    bool is_quiet;               /* nothing goes to standard output */
    json_t *findings;            /* about drivers, permissions and platforms, for the report */
    /* Called with the next step, like "native, as its kernels are built", and the command that repeats it. */
    void (*on_step)(void *user, const char *step, const char *again);
    void *user;
};

/* Prints what it finds. Returns the device's report with the verdict "good", "usable" or "refused". */
json_t *examine_device(const struct examination *examination, const struct clm_device *device);

/* The report of a device that is refused for that reason; tries and prints nothing. */
json_t *refused_device(const struct examination *examination, const struct clm_device *device,
                       const char *reason);

/* Prints the verdict on a device that needs another driver; `report`, which may be "", ends the remedy. */
void tell_refusal(const char *driver, const char *reason, const char *report);

#endif
