#include "cli/apart.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_INCOMPLETE = 121 }; /* that no driver ends a process with */

static bool is_unsent; /* in the process of the work */

void apart_send(FILE *channel, json_t *object)
{
    /* as a whole or not at all, and nothing that lacks a part */
    char *const text = object && json_is_whole() ? json_dumps(object, JSON_COMPACT) : NULL;
    is_unsent = is_unsent || !text || fputs(text, channel) == EOF || fflush(channel);
    free(text);
    json_decref(object);
}

/* ---- the process of the work ---- */

/* Signals are the drivers' again, and it does not outlive the one that waits. */
static void become_apart(pid_t parent, const sigset_t *mask)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* which ended before it could be told of */
        _exit(EXIT_INCOMPLETE);
    signal(SIGBUS, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

static _Noreturn void work_apart(const char *command, void (*work)(void *user, FILE *channel), void *user,
                                 FILE *channel)
{
    work(user, channel);
    /* only what comes here has ended by itself */
    const bool is_ended = fputs("{\"end\": true}", channel) != EOF && !fflush(channel);
    const bool is_whole = is_ended && !is_unsent && json_is_whole();
    if (!is_whole)
        complain(command, "no memory for its report, or no space: it lacks a part");
    exit(close_output(command, is_whole ? EXIT_DONE : EXIT_INCOMPLETE) == EXIT_DONE ? EXIT_DONE
                                                                                    : EXIT_INCOMPLETE);
}

/* ---- the one that waits ---- */

static volatile sig_atomic_t child, is_interrupted;

static void end_child(int signal)
{
    (void)signal;
    is_interrupted = 1;
    kill((pid_t)child, SIGKILL);
}

/* SIGINT and SIGTERM, which wait until there is a process that they can end. Returns the mask that was. */
static sigset_t hold_interrupts(void)
{
    sigset_t interrupts, before;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTERM);
    sigprocmask(SIG_BLOCK, &interrupts, &before);
    return before;
}

/* Waits for it, with interrupts held before; one that comes until its end ends it alone. */
static int wait_for(pid_t process, const sigset_t *mask)
{
    struct sigaction action = {.sa_handler = end_child}, interrupt, terminate;
    siginfo_t end;
    int state = 0;
    sigemptyset(&action.sa_mask);
    child = process;
    sigaction(SIGINT, &action, &interrupt);
    sigaction(SIGTERM, &action, &terminate);
    sigprocmask(SIG_SETMASK, mask, NULL);
    /* its number stays its own until the handler that knows it is gone */
    while (waitid(P_PID, (id_t)process, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGTERM, &terminate, NULL);
    while (waitpid(process, &state, 0) < 0 && errno == EINTR)
        ;
    return state;
}

static bool is_end(const json_t *object)
{
    return json_object_get(object, "end") != NULL;
}

/* Hands on what was sent; *out is whether it came to its end. Of an object that was cut short nothing is left; false where
 * there is no memory for one. */
static bool hear_all(FILE *channel, void (*hear)(void *user, json_t *object), void *user, bool *out)
{
    bool has_end = false;
    rewind(channel);
    for (json_t *object; !has_end && (object = json_loadf(channel, JSON_DISABLE_EOF_CHECK, NULL));) {
        has_end = is_end(object);
        if (!has_end)
            hear(user, object);
        json_decref(object);
    }
    *out = has_end;
    return has_end || feof(channel);
}

static enum apart_ending ending_of(int state, bool has_end, char how[APART_HOW])
{
    how[0] = '\0';
    if (is_interrupted || (WIFSIGNALED(state) && (WTERMSIG(state) == SIGINT || WTERMSIG(state) == SIGTERM)))
        return APART_INTERRUPTED;
    if (WIFEXITED(state) && WEXITSTATUS(state) == EXIT_INCOMPLETE)
        return APART_INCOMPLETE;
    if (WIFEXITED(state) && WEXITSTATUS(state) == EXIT_DONE && has_end)
        return APART_DONE;
    if (WIFSIGNALED(state))
        snprintf(how, APART_HOW, "signal %d, %s", WTERMSIG(state), strsignal(WTERMSIG(state)));
    else
        snprintf(how, APART_HOW, "exit code %d", WEXITSTATUS(state));
    return APART_DIED;
}

static clm_status fail_apart(struct clm_error *error, const char *call)
{
    error->status = CLM_ERROR_MEMORY;
    snprintf(error->message, sizeof error->message,
             "%s failed: %s; drivers are tried in a process of their own", call, strerror(errno));
    return error->status;
}

clm_status run_apart(const char *command, void (*work)(void *user, FILE *channel),
                     void (*hear)(void *user, json_t *object), void *user, enum apart_ending *ending,
                     char how[APART_HOW], struct clm_error *error)
{
    const int file = memfd_create("clmlp", MFD_CLOEXEC);
    if (file < 0)
        return fail_apart(error, "memfd_create");
    FILE *const channel = fdopen(file, "w+");
    if (!channel) {
        close(file);
        return fail_apart(error, "fdopen");
    }
    fflush(stdout);           /* or both have it */
    signal(SIGCHLD, SIG_DFL); /* or, where whoever started us ignores it, nobody tells how it ended */
    const pid_t parent = getpid();
    const sigset_t mask = hold_interrupts();
    const pid_t process = fork();
    if (!process) {
        become_apart(parent, &mask);
        work_apart(command, work, user, channel);
    }
    if (process < 0) {
        const clm_status status = fail_apart(error, "fork");
        sigprocmask(SIG_SETMASK, &mask, NULL);
        fclose(channel);
        return status;
    }
    const int state = wait_for(process, &mask);
    bool has_end;
    const bool is_heard = hear_all(channel, hear, user, &has_end);
    *ending = ending_of(state, has_end, how);
    fclose(channel);
    errno = ENOMEM;
    return is_heard ? CLM_OK : fail_apart(error, "json_loadf");
}
