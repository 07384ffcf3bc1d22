/* The program's signals.
 *
 * OpenCL drivers install handlers of their own. LLVM, which PoCL uses, takes SIGHUP, SIGINT, SIGTERM, SIGQUIT
 * and the signals of crashes; after the first SIGQUIT it goes on and gives all of them back as it found them.
 * So the program installs its handlers again, by signals_take, whenever a driver may have installed some. */
#ifndef CLM_CLI_SIGNALS_H
#define CLM_CLI_SIGNALS_H

#include <signal.h>

/* At the program's start. `command` is for sentences, and must stay valid. */
void signals_begin(const char *command);

/* Installs the program's handlers again. */
void signals_take(void);

/* An OpenCL driver has been loaded: from now on a crash, or an exit of which the program knows nothing, is
 * its doing, and ends the program with a sentence and EXIT_FAILED. */
void signals_blame_driver(void);
/* The command is done. */
void signals_blame_nothing(void);

/* In a child process, whose parent tells how it ended: leaves all signals alone. */
void signals_leave(void);

/* From now on the first SIGINT, SIGTERM or SIGHUP sets the returned flag and writes `note`, whole lines, to
 * stderr; a further SIGINT or SIGTERM ends the program. SIGHUP stays ignored if it was at the program's
 * start, as after nohup. `note` must stay valid. */
const volatile sig_atomic_t *catch_interrupts(const char *note);

#endif
