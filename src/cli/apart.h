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

/* Runs `work` and, after its end, hands each object that it sent to `hear`, in their order. `work` must be the first to use
 * OpenCL: what a driver keeps in threads is not there in the new process. It is ended where it sends nothing for `patience`
 * seconds; 0 waits for ever. Of a process that died, `how` (of APART_HOW characters) says how: "signal 11, Segmentation
 * fault". CLM_ERROR_MEMORY where there can be no other process. */
enum { APART_HOW = 128 };
CLM_MUST_CHECK clm_status run_apart(const char *command, unsigned patience,
                                    void (*work)(void *user, FILE *channel),
                                    void (*hear)(void *user, json_t *object), void *user,
                                    enum apart_ending *ending, char how[APART_HOW], struct clm_error *error);

/* Sends an object, which it takes, from there, which is a sign of life; what cannot be sent makes the work incomplete. */
void apart_send(FILE *channel, json_t *object);

#endif
