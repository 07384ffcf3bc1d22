/* Work in a process of its own: an OpenCL driver that dies there, or ends the process, takes nothing with it. */
#ifndef CLM_CLI_APART_H
#define CLM_CLI_APART_H

#include "cli/command.h"

#include <stdio.h>

enum apart_ending {
    APART_DONE,
    APART_INCOMPLETE,  /* it said on stderr what it could not write, or had no memory for */
    APART_DIED,        /* of a signal, or by an exit that was not its own */
    APART_KILLED,      /* as the kernel does where memory or a limit of time runs out */
    APART_SILENT,      /* it sent nothing for too long, and was ended */
    APART_INTERRUPTED, /* by SIGINT or SIGTERM, of which this process outlives the first, then and later */
};

struct apart {
    const char *command; /* that complains */
    unsigned patience;   /* seconds without a sign of life before it is ended; 0 waits for ever */
    bool
        is_asked; /* the first interrupt reaches it as a SIGTERM, and the second ends it; else the first does */
    void (*work)(void *user, FILE *channel);
    void (*hear)(void *user, json_t *object);
    void *user;
};

/* Runs `work` in another process and, after its end, hands each object that it sent to `hear`, in their order. `work` must be the
 * first to use OpenCL: what a driver keeps in threads is not there in the new process. Of a process that died, `how` (of
 * APART_HOW characters) says how: "signal 11, Segmentation fault". CLM_ERROR_MEMORY where there can be no other process. */
enum { APART_HOW = 128 };
CLM_MUST_CHECK clm_status run_apart(const struct apart *apart, enum apart_ending *ending, char how[APART_HOW],
                                    struct clm_error *error);

/* Sends an object, which it takes, from there, which is a sign of life; what cannot be sent makes the work incomplete. */
void apart_send(FILE *channel, json_t *object);

/* Copies the text that a heard object has by that name; where it has none, `out` stays. */
void apart_copy(char *out, size_t size, const json_t *object, const char *key);

#endif
