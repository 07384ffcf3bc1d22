/* Work in a process of its own: an OpenCL driver that dies there, or ends the process, takes nothing with it. */
#ifndef CLM_CLI_ISOLATE_H
#define CLM_CLI_ISOLATE_H

#include "cli/command.h"

#include <stdio.h>

enum apart_ending {
    APART_DONE,
    APART_UNWRITTEN,   /* the same, but for standard output, of which it has complained */
    APART_INCOMPLETE,  /* it said on stderr what it could not hand on, or had no memory for */
    APART_DIED,        /* of a signal, or by an exit that was not its own */
    APART_KILLED,      /* as the kernel does where memory or a limit of time runs out */
    APART_SILENT,      /* it sent nothing for too long, and was ended */
    APART_INTERRUPTED, /* by SIGINT or SIGTERM */
    APART_UNREAD,      /* nobody reads standard output, or standard error, any more */
};

struct apart {
    const char *command; /* that complains */
    unsigned patience;   /* seconds without a sign of life before it is ended; 0 waits for ever */
    /* The first interrupt sets the work's `stop` and writes this to stderr, whole lines, and the second ends the work; NULL: the
     * first does. One more ends this process. */
    const char *note;
    void (*work)(void *user, FILE *channel, const volatile sig_atomic_t *stop);
    void (*hear)(void *user, json_t *object);
    void *user;
};

/* Runs `work` in another process and, after its end, hands each object that it sent to `hear`, in their order. `work` must be the
 * first to use OpenCL: what a driver keeps in threads is not there in the new process. Where it did not come to its end, `deed`
 * (of APART_DEED characters) says what its driver did: "ended the process (signal 11, Segmentation fault)". CLM_ERROR_MEMORY
 * where there can be no other process. */
enum { APART_DEED = 160 };
CLM_MUST_CHECK clm_status run_apart(const struct apart *apart, enum apart_ending *ending,
                                    char deed[APART_DEED], struct clm_error *error);

/* "its driver ended the process (exit code 3) at STEP": of an ending before the work's own. */
void apart_describe(char *out, size_t size, enum apart_ending ending, const char *deed, const char *step);

/* Of a driver that did such a deed behind all of the work: a format for it. */
#define APART_AT_END                                                                                         \
    "a driver %s as it was to end, behind all checks, and may do so to other commands, whose exit codes "    \
    "are then lost; "                                                                                        \
    "update the driver"

/* Sends an object, which it takes, from there, which is a sign of life; what cannot be sent makes the work incomplete. */
void apart_send(FILE *channel, json_t *object);

/* The same behind which the work has a minute to end in. */
void apart_send_last(FILE *channel, json_t *object);

/* Copies the text that a heard object has by that name; where it has none, `out` stays. */
void apart_copy(char *out, size_t size, const json_t *object, const char *key);

#endif
