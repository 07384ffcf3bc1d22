/* Runs work in a child process: an OpenCL driver that dies there, or ends the process, does no other harm. */
#ifndef CLM_CLI_ISOLATE_H
#define CLM_CLI_ISOLATE_H

#include "cli/command.h"

#include <stdio.h>

enum apart_ending {
    APART_DONE,
    APART_UNWRITTEN,   /* done, but standard output failed; the child has complained of that */
    APART_INCOMPLETE,  /* something could not be sent, or memory ran out; it said so on stderr */
    APART_DIED,        /* by a signal, or by an exit that was not its own */
    APART_KILLED,      /* as the kernel does if memory or a limit of time runs out */
    APART_SILENT,      /* it sent nothing for too long, and was killed */
    APART_INTERRUPTED, /* by SIGINT or SIGTERM */
    APART_UNREAD,      /* standard output or standard error has lost its reader */
};

struct apart {
    const char *command; /* its name, for complaints */
    unsigned patience;   /* seconds without a sign of life before the work is killed; 0 waits for ever */
    /* The first interrupt sets the work's `stop` and writes this, whole lines, to stderr; the second ends the
     * work. If it is NULL, the first one ends it. One more ends this process. */
    const char *note;
    void (*work)(void *user, FILE *channel, const volatile sig_atomic_t *stop);
    void (*hear)(void *user, json_t *object);
    void *user;
};

/* Runs `work` in a child process. After its end, passes each object that it sent to `hear`, in their order.
 * `work` must be the first to use OpenCL, because a driver's threads do not exist in the child. If the child
 * did not reach its end, `deed` (APART_DEED characters) says what the driver did: "ended the process (signal
 * 11, Segmentation fault)". Fails with CLM_ERROR_MEMORY if there can be no child. */
enum { APART_DEED = 160 };
CLM_MUST_CHECK clm_status run_apart(const struct apart *apart, enum apart_ending *ending,
                                    char deed[APART_DEED], struct clm_error *error);

/* "its driver ended the process (exit code 3) at STEP", for a child that did not reach its end. */
void apart_describe(char *out, size_t size, enum apart_ending ending, const char *deed, const char *step);

/* Like apart_describe, for a driver that ended the process after all work was done; %s is what it did. */
#define APART_AT_END                                                                                         \
    "a driver %s at exit, after all checks, and may do so to other commands, whose exit codes are then lost; update the driver"

/* Sends an object and frees it: a sign of life. What cannot be sent makes the work incomplete. */
void apart_send(FILE *channel, json_t *object);

/* Sends the last object; the child then has 60 s to exit. */
void apart_send_last(FILE *channel, json_t *object);

/* Copies the text called `key` from a heard object; if there is none, `out` does not change. */
void apart_copy(char *out, size_t size, const json_t *object, const char *key);

#endif
