#include "cli/isolate.h"

#include "cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_INCOMPLETE = 121, EXIT_UNWRITTEN }; /* no driver ends a process with these */

#define PATIENCE_AT_END 60 /* seconds */

/* Memory of both processes. */
struct shared {
    volatile sig_atomic_t stop; /* the parent sets this, the child the rest */
    volatile unsigned signs_of_life;
    volatile unsigned patience;
};
static struct shared *shared;

static bool is_unsent; /* in the child process */

void apart_send(FILE *channel, json_t *object)
{
    shared->signs_of_life++;
    /* an object is sent whole or not at all, and not if a part was lost */
    char *const text = object && json_is_whole() ? json_dumps(object, JSON_COMPACT) : NULL;
    is_unsent = is_unsent || !text || fputs(text, channel) == EOF || fflush(channel);
    free(text);
    json_decref(object);
}

void apart_send_last(FILE *channel, json_t *object)
{
    apart_send(channel, object);
    shared->patience = PATIENCE_AT_END;
}

void apart_copy(char *out, size_t size, const json_t *object, const char *key)
{
    const char *const text = json_string_value(json_object_get(object, key));
    if (text)
        snprintf(out, size, "%s", text);
}

void apart_describe(char *out, size_t size, enum apart_ending ending, const char *deed, const char *step)
{
    if (ending == APART_INTERRUPTED)
        snprintf(out, size, "it was interrupted at %s", step);
    else if (ending == APART_UNREAD)
        snprintf(out, size, "the reader of the output has gone, at %s", step);
    else if (ending == APART_KILLED)
        snprintf(out, size, "the process %s at %s, as happens if memory or time runs out", deed, step);
    else
        snprintf(out, size, "its driver %s at %s", deed, step);
}

/* ---- interrupts ---- */

enum { INTERRUPTS = 2 };
static const int interrupts[INTERRUPTS] = {SIGINT, SIGTERM};
static struct sigaction before[INTERRUPTS], before_pipes; /* earlier handlers */
static const char *volatile note;
static volatile sig_atomic_t child, is_interrupted;

static void ask_child(void)
{
    shared->stop = 1;
    const bool is_told = write(STDERR_FILENO, "\n", 1) > 0 && write(STDERR_FILENO, note, strlen(note)) > 0;
    (void)is_told;
}

static void end_child(void)
{
    is_interrupted = 1;
    for (size_t i = 0; i < INTERRUPTS; i++)
        sigaction(interrupts[i], &before[i], NULL);
    if (child)
        kill((pid_t)child, SIGKILL);
}

static void isolate_interrupt(int signal)
{
    const int kept = errno;
    (void)signal;
    if (note && !shared->stop)
        ask_child();
    else
        end_child();
    errno = kept;
}

/* From now on an interrupt asks or ends the child; a further one ends this process. Interrupts that were
 * ignored stay so, unless the child can be asked. */
static void catch_interrupts_of(const struct apart *apart)
{
    static bool is_done;
    struct sigaction action = {.sa_handler = isolate_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    note = apart->note;
    for (size_t i = 0; i < INTERRUPTS && !is_done; i++) {
        sigaction(interrupts[i], NULL, &before[i]);
        if (apart->note || before[i].sa_handler != SIG_IGN)
            sigaction(interrupts[i], &action, NULL);
    }
    if (!is_done)
        sigaction(SIGPIPE, NULL, &before_pipes);
    is_done = true;
}

/* After a child that can be asked, restores the earlier handlers: nothing is left to ask. */
static void leave_interrupts_to_others(void)
{
    for (size_t i = 0; i < INTERRUPTS && note; i++)
        sigaction(interrupts[i], &before[i], NULL);
}

/* SIG_BLOCK: interrupts wait until there is a child to end, and the child's end waits for wait_patiently.
 * SIG_UNBLOCK lets interrupts come. Returns the mask before. */
static sigset_t mask_interrupts(int how)
{
    sigset_t set, mask;
    sigemptyset(&set);
    if (how == SIG_BLOCK)
        sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < INTERRUPTS; i++)
        sigaddset(&set, interrupts[i]);
    sigprocmask(how, &set, &mask);
    return mask;
}

/* ---- the child process ---- */

/* Restores the earlier handlers for the drivers; but a child that can be asked hears of interrupts only by
 * `stop`. The child dies with its parent. */
static void become_apart(const struct apart *apart, pid_t parent, const sigset_t *mask)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* the parent ended before prctl */
        _exit(EXIT_INCOMPLETE);
    signals_leave();
    for (size_t i = 0; i < INTERRUPTS; i++)
        if (apart->note)
            signal(interrupts[i], SIG_IGN);
        else
            sigaction(interrupts[i], &before[i], NULL);
    sigaction(SIGPIPE, &before_pipes, NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

static _Noreturn void work_apart(const struct apart *apart, FILE *channel)
{
    apart->work(apart->user, channel, &shared->stop);
    /* a driver that ends the process does not reach this line */
    const bool is_ended = fputs("{\"end\": true}", channel) != EOF && !fflush(channel);
    const bool is_whole = is_ended && !is_unsent && json_is_whole();
    if (!is_whole)
        complain(apart->command, "no memory for its report, or no space: it lacks a part");
    const bool is_written = close_output(apart->command, EXIT_DONE) == EXIT_DONE;
    exit(!is_whole ? EXIT_INCOMPLETE : is_written ? EXIT_DONE : EXIT_UNWRITTEN);
}

/* ---- the parent process ---- */

static bool has_ended(pid_t process)
{
    siginfo_t end = {0};
    return !waitid(P_PID, (id_t)process, &end, WEXITED | WNOWAIT | WNOHANG) && end.si_pid == process;
}

/* Waits for the child's end. If a terminal stops both processes, that counts as one second at most. */
static void wait_patiently(pid_t process, bool *is_silent)
{
    const struct timespec second = {.tv_sec = 1};
    unsigned patience = shared->patience, signs = shared->signs_of_life, seconds = 0;
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGCHLD);
    while (!has_ended(process)) {
        if (sigtimedwait(&end, NULL, &second) >= 0 || errno != EAGAIN)
            continue;
        const bool is_alive = shared->signs_of_life != signs || shared->patience != patience;
        seconds = is_alive ? 0 : seconds + 1;
        signs = shared->signs_of_life;
        patience = shared->patience;
        if (!patience || seconds < patience || *is_silent)
            continue;
        *is_silent = true;
        kill(process, SIGKILL);
    }
}

/* Waits for the child, with signals blocked before. */
static int wait_for(pid_t process, bool *is_silent)
{
    int state = 0;
    child = process;
    mask_interrupts(SIG_UNBLOCK);
    wait_patiently(process, is_silent);
    child = 0; /* the handler must forget the number before waitpid frees it */
    while (waitpid(process, &state, 0) < 0 && errno == EINTR)
        ;
    return state;
}

/* Passes the child's objects on; *out says whether the last one came. Drops an object that was cut off or
 * mixed with a driver's output. Returns false if memory runs out. */
static bool hear_all(const struct apart *apart, FILE *channel, bool *out)
{
    bool has_end = false;
    json_error_t problem = {0};
    rewind(channel);
    for (json_t *object; !has_end && (object = json_loadf(channel, JSON_DISABLE_EOF_CHECK, &problem));) {
        has_end = json_object_get(object, "end") != NULL;
        if (!has_end)
            apart->hear(apart->user, object);
        json_decref(object);
    }
    *out = has_end;
    const enum json_error_code code = json_error_code(&problem);
    return has_end || feof(channel) || (code != json_error_unknown && code != json_error_out_of_memory);
}

/* Whether standard output or standard error has lost its reader. */
static bool is_unread(void)
{
    struct pollfd outputs[] = {{.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};
    return poll(outputs, 2, 0) > 0 && ((outputs[0].revents | outputs[1].revents) & (POLLERR | POLLHUP));
}

static enum apart_ending ending_by_exit(int code, bool has_end, char deed[APART_DEED])
{
    if (has_end && (code == EXIT_DONE || code == EXIT_UNWRITTEN))
        return code == EXIT_DONE ? APART_DONE : APART_UNWRITTEN;
    if (is_interrupted)
        return APART_INTERRUPTED;
    if (code == EXIT_INCOMPLETE || code == EXIT_UNWRITTEN)
        return APART_INCOMPLETE;
    snprintf(deed, APART_DEED, "ended the process (exit code %d)", code);
    return APART_DIED;
}

static enum apart_ending ending_by_signal(int number, char deed[APART_DEED])
{
    const bool is_killed = number == SIGKILL || number == SIGXCPU;
    if (is_interrupted || number == SIGINT || number == SIGTERM)
        return APART_INTERRUPTED;
    if (number == SIGPIPE && is_unread())
        return APART_UNREAD;
    snprintf(deed, APART_DEED, "%s (signal %d, %s)", is_killed ? "was killed" : "ended the process", number,
             strsignal(number));
    return is_killed ? APART_KILLED : APART_DIED;
}

static clm_status fail_apart(struct clm_error *error, const char *call)
{
    return fail(error, CLM_ERROR_MEMORY, "%s failed: %s; drivers are tried in a process of their own", call,
                strerror(errno));
}

/* The parent returns when the child has ended; the child does not return. */
static clm_status work_and_wait(const struct apart *apart, FILE *channel, const sigset_t *mask,
                                enum apart_ending *ending, char deed[APART_DEED], struct clm_error *error)
{
    const pid_t parent = getpid(), process = fork();
    if (!process) {
        become_apart(apart, parent, mask);
        work_apart(apart, channel);
    }
    if (process < 0)
        return fail_apart(error, "fork");
    /* the reader of our output may end with the child, but files must still be written */
    signal(SIGPIPE, SIG_IGN);
    bool is_silent = false, has_end = false;
    const int state = wait_for(process, &is_silent);
    const bool is_heard = hear_all(apart, channel, &has_end);
    /* a silent child may have ended by itself just before it was killed */
    if (is_silent && WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL) {
        snprintf(deed, APART_DEED, "did not come back within %u s", shared->patience);
        *ending = APART_SILENT;
    } else
        *ending = WIFEXITED(state) ? ending_by_exit(WEXITSTATUS(state), has_end, deed)
                                   : ending_by_signal(WTERMSIG(state), deed);
    errno = ENOMEM;
    return is_heard ? CLM_OK : fail_apart(error, "json_loadf");
}

/* Opens a file in memory; the caller closes it. */
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

/* Never unmapped: the handler of interrupts may use it at any time. */
static clm_status share_memory(struct clm_error *error)
{
    if (shared)
        return CLM_OK;
    const int access = PROT_READ | PROT_WRITE, no_file = -1; /* no_file is what anonymous memory needs */
    /* cppcheck-suppress invalidFunctionArg */
    void *const memory = mmap(NULL, sizeof *shared, access, MAP_SHARED | MAP_ANONYMOUS, no_file, 0);
    if (memory == MAP_FAILED)
        return fail_apart(error, "mmap");
    shared = memory;
    return CLM_OK;
}

clm_status run_apart(const struct apart *apart, enum apart_ending *ending, char deed[APART_DEED],
                     struct clm_error *error)
{
    FILE *channel;
    clm_status status;
    deed[0] = '\0';
    if ((status = share_memory(error)) || (status = open_channel(&channel, error)))
        return status;
    shared->patience = apart->patience;
    fflush(stdout);           /* or both processes would print it */
    signal(SIGCHLD, SIG_DFL); /* if SIGCHLD is ignored, waitpid cannot tell how the child ended */
    const sigset_t mask = mask_interrupts(SIG_BLOCK);
    catch_interrupts_of(apart);
    *ending = APART_INTERRUPTED;
    if (!is_interrupted) /* no interrupt has come since an earlier child ended */
        status = work_and_wait(apart, channel, &mask, ending, deed, error);
    leave_interrupts_to_others();
    sigprocmask(SIG_SETMASK, &mask, NULL);
    fclose(channel);
    return status;
}
