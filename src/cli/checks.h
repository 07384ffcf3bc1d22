/* Checks of a device as verify and doctor print and store them. */
#ifndef CLM_CLI_CHECKS_H
#define CLM_CLI_CHECKS_H

#include "cli/command.h"

/* Where checks come from: what their repeating command has to say. */
struct check_source {
    const struct clm_device *about; /* NULL where the backend is no OpenCL one */
    const char *backend;
    const char *provider; /* of products; NULL where it does not matter which */
    uint64_t seed;
    bool is_full;
};

#define NAMES_MAX 256 /* characters of a list of names */

/* Puts a name behind the others, once. */
void add_name(char list[NAMES_MAX], const char *name);

/* "native"; "shared" where it does not matter which. */
const char *provider_of(const struct check_source *source);

/* The checks of a device, or of one of its providers of products. */
struct check_list {
    json_t *checks;
    size_t count, failures, errors; /* errors are failures, too */
    double worst;                   /* of those that passed */
};

/* "clmlp verify --device 0:0 --gemm native --only softmax --shape "B=1 C=2" --seed 1"; without a check (NULL) that of all. */
struct repeating {
    char command[1536];
};
struct repeating repeat_check(const struct check_source *source, const struct clm_check *check);

void check_list_add(struct check_list *list, const struct check_source *source,
                    const struct clm_check *check);

/* A provider that does not even build, or whose checks cannot be made, is a failed check by the name of "build". */
void check_list_add_error(struct check_list *list, const struct check_source *source,
                          const struct clm_error *error);

/* What is wrong and how to see it again, below a failed check's line; each line begins with `indent`. */
void print_failure(const struct check_source *source, const struct clm_check *check, const char *indent);
/* Of such an error the first lines, where the compiler says what it minds. */
void print_error(const struct check_source *source, const struct clm_error *error, const char *indent);

/* "its kernels come from /my/kernels (CLMLP_KERNEL_DIR), and are not those built in", on a line of its own, where that is so. */
void print_kernel_folder(const char *indent);

/* What was checked, and how: "quick", "standard" or "full"; `checks` are taken. "passed" is false as yet. */
json_t *report_json(const struct invocation *in, const struct check_source *source, const char *device,
                    const char *extent, json_t *checks);

#endif
