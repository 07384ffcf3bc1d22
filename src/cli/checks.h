/* Checks of a device as verify and doctor print and store them. */
#ifndef CLM_CLI_CHECKS_H
#define CLM_CLI_CHECKS_H

#include "cli/command.h"

/* Where checks come from: what their repeating command has to say. */
struct check_source {
    const struct clm_backend *backend;
    uint64_t seed;
    bool is_full;
};

/* The checks of a device, or of one of its providers of products. */
struct check_list {
    json_t *checks;
    size_t count, failures;
    double worst; /* of those that passed */
};

/* "clmlp verify --device 0:0 --gemm native --only softmax --shape "B=1 C=2" --seed 1" */
struct repeating {
    char command[512];
};
struct repeating repeat_check(const struct check_source *source, const struct clm_check *check);

void check_list_add(struct check_list *list, const struct check_source *source,
                    const struct clm_check *check);

/* What is wrong and how to see it again, below a failed check's line; each line begins with `indent`. */
void print_failure(const struct check_source *source, const struct clm_check *check, const char *indent);

/* The object of a device's checks, which it takes: device, driver, platform, program, and the list. `about` is NULL where the
 * backend is no OpenCL one, whose device's name `device` is. */
json_t *checks_json(const struct clm_device *about, const char *device, const char *backend, bool passed,
                    json_t *checks);

#endif
