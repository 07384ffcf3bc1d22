/* Checks of a device, as verify and doctor print and store them. */
#ifndef CLM_CLI_CHECKS_H
#define CLM_CLI_CHECKS_H

#include "cli/command.h"

/* What a command needs to repeat a check. */
struct check_source {
    const struct clm_device *about; /* NULL unless the backend is opencl */
    const char *backend;
    const char *provider; /* of products; NULL if any will do */
    uint64_t seed;
    bool is_full;
};

#define NAMES_MAX 256 /* characters of a list of names */

/* Appends a name to the list, unless it is there. */
void add_name(char list[NAMES_MAX], const char *name);

/* "native"; "shared" if any provider will do. */
const char *provider_of(const struct check_source *source);

/* The checks of a device, or of one provider. */
struct check_list {
    json_t *checks;
    size_t count, failures, errors; /* errors are failures, too */
    double worst;                   /* of the passed checks */
};

/* The command `clmlp verify --device 0:0 --gemm native --only softmax --shape "B=1 C=2" --seed 1` or, without
 * a check (NULL), the one for all checks. */
struct repeating {
    char command[1536];
};
struct repeating repeat_check(const struct check_source *source, const struct clm_check *check);

void check_list_add(struct check_list *list, const struct check_source *source,
                    const struct clm_check *check);

/* Adds a failed check "build": the provider does not build, or its checks cannot be made. */
void check_list_add_error(struct check_list *list, const struct check_source *source,
                          const struct clm_error *error);

/* "3.2 times its bound", or words for an error that is NaN or infinite. */
struct error_words {
    char text[48];
};
struct error_words error_words(double error_over_bound);

/* Prints where the failed check's reproducer is, or why there is none; nothing if none was wanted. */
void print_reproducer(const struct clm_check *check, const char *indent);
/* Adds the same to a check's object. */
void put_reproducer(json_t *object, const struct clm_check *check);
/* Says that no reproducer was written, if that is so. */
void tell_unreproduced(const char *command, const char *directory, bool has_reproducer, size_t failures);

/* Prints what is wrong and what repeats it, below a failed check; each line begins with `indent`. */
void print_failure(const struct check_source *source, const struct clm_check *check, const char *indent);
/* Prints the first lines of such an error, with the compiler's messages. */
void print_error(const struct check_source *source, const struct clm_error *error, const char *indent);

/* If the kernels come from CLMLP_KERNEL_DIR, says so on a line of its own. */
void print_kernel_folder(const char *indent);

/* What was checked, and how: "quick", "standard" or "full". Takes `checks`. "passed" is still false. */
json_t *report_json(const struct invocation *in, const struct check_source *source, const char *device,
                    const char *extent, json_t *checks);

#endif
