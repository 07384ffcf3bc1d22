/* A device as `clmlp doctor' examines it: every operation with each provider of products, a verdict, and a remedy. */
#ifndef CLM_CLI_EXAMINE_DEVICE_H
#define CLM_CLI_EXAMINE_DEVICE_H

#include "cli/command.h"

struct examination {
    const struct invocation *in; /* for the report */
    bool is_quiet;               /* nothing goes to standard output */
    json_t *findings;            /* of what lies between the program and its devices, for the report */
    /* Hears what is done next, as in "native, as its kernels are built", and the command that does it by itself. */
    void (*on_step)(void *user, const char *step, const char *again);
    void *user;
};

/* Prints what it finds, and returns the device's report, with the verdict "good", "usable" or "refused". */
json_t *examine_device(const struct examination *examination, const struct clm_device *device);

/* The report of a device that is refused for that reason; nothing is tried or printed. */
json_t *refused_device(const struct examination *examination, const struct clm_device *device,
                       const char *reason);

/* Prints the verdict of one that only another driver can help; `report`, which may be empty, ends the remedy. */
void tell_refusal(const char *driver, const char *reason, const char *report);

#endif
