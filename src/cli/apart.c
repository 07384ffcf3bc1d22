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

/* in the process of the work */
static bool is_unsent;
static unsigned seconds_of_silence;

void apart_send(FILE *channel, json_t *object)
{
    alarm(seconds_of_silence); /* anew */
    /* as a whole or not at all, and nothing that lacks a part */
    char *const text = object && json_is_whole() ? json_dumps(object, JSON_COMPACT) : NULL;
    is_unsent = is_unsent || !text || fputs(text, channel) == EOF || fflush(channel);
    free(text);
    json_decref(object);
}

void apart_copy(char *out, size_t size, const json_t *object, const char *key)
{
    const char *const text = json_string_value(json_object_get(object, key));
    if (text)
        snprintf(out, size, "%s", text);
}

/* ---- interrupts ---- */

enum { INTERRUPTS = 2 };
static const int interrupts[INTERRUPTS] = {SIGINT, SIGTERM};
static struct sigaction before[INTERRUPTS];
static volatile sig_atomic_t child, is_interrupted, is_asked_first;

static void end_child(int signal)
{
    (void)signal;
    const bool is_asked = is_asked_first && !is_interrupted;
    is_interrupted = 1;
    for (size_t i = 0; i < INTERRUPTS && !is_asked; i++)
        sigaction(interrupts[i], &before[i], NULL);
    if (child)
        kill((pid_t)child, is_asked ? SIGTERM : SIGKILL);
}

/* From now on they ask or end the other process, whenever they come, and one more ends this; where they are ignored they stay
 * so. */
static void catch_interrupts_of(const struct apart *apart)
{
    static bool is_done;
    struct sigaction action = {.sa_handler = end_child, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    is_asked_first = apart->is_asked;
    for (size_t i = 0; i < INTERRUPTS && !is_done; i++) {
        sigaction(interrupts[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(interrupts[i], &action, NULL);
    }
    is_done = true;
}

/* They wait until there is a process that they can end. Returns the mask that was. */
static sigset_t hold_interrupts(void)
{
    sigset_t held, mask;
    sigemptyset(&held);
    for (size_t i = 0; i < INTERRUPTS; i++)
        sigaddset(&held, interrupts[i]);
    sigprocmask(SIG_BLOCK, &held, &mask);
    return mask;
}

/* ---- the process of the work ---- */

/* Signals are the drivers' again, and it outlives neither the one that waits nor its patience. */
static void become_apart(pid_t parent, const sigset_t *mask, unsigned patience)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* which ended before it could be told of */
        _exit(EXIT_INCOMPLETE);
    signal(SIGBUS, SIG_DFL);
    for (size_t i = 0; i < INTERRUPTS; i++)
        sigaction(interrupts[i], &before[i], NULL);
    signal(SIGALRM, SIG_DFL);
    sigset_t own = *mask;
    sigdelset(&own, SIGALRM);
    sigprocmask(SIG_SETMASK, &own, NULL);
    seconds_of_silence = patience;
    alarm(patience);
}

static _Noreturn void work_apart(const struct apart *apart, FILE *channel)
{
    apart->work(apart->user, channel);
    /* only what comes here has ended by itself */
    const bool is_ended = fputs("{\"end\": true}", channel) != EOF && !fflush(channel);
    const bool is_whole = is_ended && !is_unsent && json_is_whole();
    if (!is_whole)
        complain(apart->command, "no memory for its report, or no space: it lacks a part");
    const int code = close_output(apart->command, is_whole ? EXIT_DONE : EXIT_INCOMPLETE);
    exit(code == EXIT_DONE ? EXIT_DONE : EXIT_INCOMPLETE);
}

/* ---- the one that waits ---- */

/* Waits for it, with interrupts held before. */
static int wait_for(pid_t process, const sigset_t *mask)
{
    siginfo_t end;
    int state = 0;
    child = process;
    sigprocmask(SIG_SETMASK, mask, NULL);
    /* its number stays its own until the handler does not know it any more */
    while (waitid(P_PID, (id_t)process, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    child = 0;
    while (waitpid(process, &state, 0) < 0 && errno == EINTR)
        ;
    return state;
}

static bool is_end(const json_t *object)
{
    return json_object_get(object, "end") != NULL;
}

/* Hands on what was sent; *out is whether it came to its end. Of an object that was cut short, or mixed with what is none of
 * ours, nothing is left; false where there is no memory for one. */
static bool hear_all(const struct apart *apart, FILE *channel, bool *out)
{
    bool has_end = false;
    json_error_t problem = {0};
    rewind(channel);
    for (json_t *object; !has_end && (object = json_loadf(channel, JSON_DISABLE_EOF_CHECK, &problem));) {
        has_end = is_end(object);
        if (!has_end)
            apart->hear(apart->user, object);
        json_decref(object);
    }
    *out = has_end;
    const enum json_error_code code = json_error_code(&problem);
    return has_end || feof(channel) || (code != json_error_unknown && code != json_error_out_of_memory);
}

static enum apart_ending ending_of(int state, bool has_end, char how[APART_HOW])
{
    how[0] = '\0';
    if (WIFEXITED(state) && WEXITSTATUS(state) == EXIT_DONE && has_end)
        return APART_DONE;
    if (is_interrupted || (WIFSIGNALED(state) && (WTERMSIG(state) == SIGINT || WTERMSIG(state) == SIGTERM)))
        return APART_INTERRUPTED;
    if (WIFEXITED(state) && WEXITSTATUS(state) == EXIT_INCOMPLETE)
        return APART_INCOMPLETE;
    if (WIFEXITED(state)) {
        snprintf(how, APART_HOW, "exit code %d", WEXITSTATUS(state));
        return APART_DIED;
    }
    const int number = WTERMSIG(state);
    if (number == SIGALRM)
        return APART_SILENT;
    snprintf(how, APART_HOW, "signal %d, %s", number, strsignal(number));
    return number == SIGKILL || number == SIGXCPU ? APART_KILLED : APART_DIED;
}

static clm_status fail_apart(struct clm_error *error, const char *call)
{
    error->status = CLM_ERROR_MEMORY;
    snprintf(error->message, sizeof error->message,
             "%s failed: %s; drivers are tried in a process of their own", call, strerror(errno));
    return error->status;
}

/* A file in memory, to be closed. */
static clm_status open_channel(FILE **out, struct clm_error *error)
{
    const int file = memfd_create("clmlp", MFD_CLOEXEC);
    if (file < 0)
        return fail_apart(error, "memfd_create");
    *out = fdopen(file, "w+");
    if (*out)
        return CLM_OK;
    close(file);
    return fail_apart(error, "fdopen");
}

/* Returns, here alone, when the work has ended. */
static clm_status work_and_wait(const struct apart *apart, FILE *channel, const sigset_t *mask,
                                enum apart_ending *ending, char how[APART_HOW], struct clm_error *error)
{
    const pid_t parent = getpid(), process = fork();
    if (!process) {
        become_apart(parent, mask, apart->patience);
        work_apart(apart, channel);
    }
    if (process < 0)
        return fail_apart(error, "fork");
    const int state = wait_for(process, mask);
    bool has_end;
    const bool is_heard = hear_all(apart, channel, &has_end);
    *ending = ending_of(state, has_end, how);
    errno = ENOMEM;
    return is_heard ? CLM_OK : fail_apart(error, "json_loadf");
}

clm_status run_apart(const struct apart *apart, enum apart_ending *ending, char how[APART_HOW],
                     struct clm_error *error)
{
    FILE *channel;
    clm_status status = open_channel(&channel, error);
    if (status != CLM_OK)
        return status;
    fflush(stdout);           /* or both have it */
    signal(SIGCHLD, SIG_DFL); /* or, where whoever started us ignores it, nobody tells how it ended */
    const sigset_t mask = hold_interrupts();
    catch_interrupts_of(apart);
    *ending = APART_INTERRUPTED;
    if (!is_interrupted) /* since the one before ended */
        status = work_and_wait(apart, channel, &mask, ending, how, error);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    fclose(channel);
    return status;
}
