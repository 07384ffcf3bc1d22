/* Runs kernels in Oclgrind, a simulator of an OpenCL device that sees each access to memory. */
#ifndef CLM_CLI_KERNEL_RACES_H
#define CLM_CLI_KERNEL_RACES_H

#include "cli/command.h"

#include <sys/types.h>

struct simulator {
    char driver[512]; /* its library */
    char log[64];     /* the file of its reports */
    off_t heard;      /* bytes of the log that have been read */
    struct operand {
        char name[32];
        uint64_t address;
        size_t bytes;
    } operands[16]; /* of the last launch */
    size_t operand_count;
};

/* Finds the simulator and makes its log; simulator_end removes it. Fails if it is not installed. */
CLM_MUST_CHECK clm_status simulator_begin(struct simulator *out, struct clm_error *error);
void simulator_end(struct simulator *simulator);

/* Makes the simulator the process's only OpenCL driver. Before the process has used OpenCL. */
CLM_MUST_CHECK clm_status simulator_take(const struct simulator *simulator, struct clm_error *error);

void simulator_hear_operand(struct simulator *simulator, const char *name, uint64_t address, size_t bytes);

/* Reads the reports since the last call. True if there is one of `kernel`, or if they cannot be read; `text`
 * then says what is wrong, with the element of an operand if the address is one. */
bool simulator_heard(struct simulator *simulator, const char *kernel, char *text, size_t size);

#endif
