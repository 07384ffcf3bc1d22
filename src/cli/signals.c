#include "cli/signals.h"

#include "cli/command.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *command_name;
static struct sigaction at_start[NSIG]; /* the actions that the program was started with */
static volatile sig_atomic_t is_driver_blamed;
static bool leaves_signals; /* of a child process */

static const int crashes[] = {SIGSEGV, SIGILL, SIGABRT};
static const int interrupts[] = {SIGINT, SIGTERM, SIGHUP};

enum {
    CRASH_COUNT = sizeof crashes / sizeof *crashes,
    INTERRUPT_COUNT = sizeof interrupts / sizeof *interrupts
};

/* ---- sentences: these functions allocate nothing, because handlers call them ---- */

static void say(const char *sentence)
{
    const ssize_t unused = write(STDERR_FILENO, sentence, strlen(sentence));
    (void)unused;
}

static void say_driver_ended(const char *how)
{
    char advice[2048], sentence[3072];
    clm_kernel_cache_advice(advice, sizeof advice);
    snprintf(
        sentence, sizeof sentence,
        "\nclmlp: %s: the OpenCL driver ended the program (%s)%s; see also `clmlp doctor', and --backend\n",
        command_name, how, advice);
    say(sentence);
}

/* ---- files that become shorter ---- */

/* The file of one line of /proc/self/maps, "7f00-7f80 r--p 00000000 08:01 12  /path", if the address is in
 * it; else NULL. */
static const char *file_of_map(const char *line, uintptr_t address)
{
    char *end;
    const uintmax_t first = strtoumax(line, &end, 16), last = *end == '-' ? strtoumax(end + 1, &end, 16) : 0;
    return first <= address && address < last ? strchr(end, '/') : NULL;
}

/* The path of the file that is mapped at the address; false if there is none. */
static bool find_mapped_file(const void *address, char path[PATH_MAX])
{
    char line[PATH_MAX + 128];
    size_t length = 0;
    bool is_found = false;
    const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (char c; !is_found && maps >= 0 && read(maps, &c, 1) == 1;) {
        if (c != '\n') {
            length += length + 1 < sizeof line;
            line[length - 1] = c;
            continue;
        }
        line[length] = '\0';
        length = 0;
        const char *const file = file_of_map(line, (uintptr_t)address);
        is_found = file && snprintf(path, PATH_MAX, "%s", file) < PATH_MAX;
    }
    if (maps >= 0)
        close(maps);
    return is_found;
}

/* Data, and libraries, are read from mapped files. If another program shortens the file, the rest cannot be
 * read. */
static void lose_file(int number, siginfo_t *about, void *context)
{
    char path[PATH_MAX] = "a data file", advice[2048] = "", sentence[PATH_MAX + 2400];
    (void)number, (void)context;
    const bool is_file = find_mapped_file(about->si_addr, path);
    if (is_file && is_driver_blamed && strstr(path, ".so"))
        clm_kernel_cache_advice(advice, sizeof advice);
    snprintf(sentence, sizeof sentence,
             "\nclmlp: %s: %s became shorter, or its disk failed, while it was read%s\n", command_name, path,
             *advice ? advice : "; run it again");
    say(sentence);
    _exit(EXIT_FAILED);
}

/* ---- a driver that ends the program ---- */

static void crash(int number)
{
    say_driver_ended(number == SIGABRT  ? "Aborted"
                     : number == SIGILL ? "Illegal instruction"
                                        : "Segmentation fault");
    _exit(EXIT_FAILED);
}

/* LLVM ends the program so if it cannot write a file. */
static void end_by_exit(int code, void *user)
{
    char how[32];
    (void)user;
    if (!is_driver_blamed)
        return;
    snprintf(how, sizeof how, "exit code %d", code);
    fflush(stdout);
    say_driver_ended(how);
    _exit(EXIT_FAILED);
}

void signals_blame_driver(void)
{
    is_driver_blamed = !leaves_signals;
    signals_take();
}

void signals_blame_nothing(void)
{
    is_driver_blamed = 0;
}

/* ---- interrupts ---- */

static volatile sig_atomic_t is_interrupted, are_caught;
static const char *volatile interrupt_note;

static void command_interrupt(int number)
{
    if (is_interrupted && number != SIGHUP) { /* a terminal that goes away sends more than one SIGHUP */
        signal(number, SIG_DFL);
        raise(number); /* comes when this handler has returned */
        return;
    }
    if (is_interrupted)
        return;
    is_interrupted = 1;
    signal(SIGPIPE, SIG_IGN); /* the reader of the output may have ended by the same interrupt */
    say("\n");                /* the terminal's last line may not be empty */
    say(interrupt_note);
}

const volatile sig_atomic_t *catch_interrupts(const char *note)
{
    interrupt_note = note;
    are_caught = 1;
    signals_take();
    return &is_interrupted;
}

/* ---- installing ---- */

static bool was_ignored(int number)
{
    return at_start[number].sa_handler == SIG_IGN;
}

void signals_take(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    if (leaves_signals)
        return;
    sigemptyset(&action.sa_mask);
    action.sa_sigaction = lose_file;
    sigaction(SIGBUS, &action, NULL);
    action.sa_flags = 0;
    action.sa_handler =
        SIG_IGN; /* then a write over the shell's limit of file sizes fails, and is reported */
    sigaction(SIGXFSZ, &action, NULL);
    sigaction(SIGQUIT, &at_start[SIGQUIT], NULL);
    action.sa_flags = SA_ONSTACK;
    action.sa_handler = crash;
    for (size_t i = 0; is_driver_blamed && i < CRASH_COUNT; i++)
        if (at_start[crashes[i]].sa_handler == SIG_DFL) /* else it is a sanitizer's */
            sigaction(crashes[i], &action, NULL);
    action.sa_flags = SA_RESTART;
    action.sa_handler = command_interrupt;
    for (size_t i = 0; are_caught && i < INTERRUPT_COUNT; i++)
        if (interrupts[i] != SIGHUP || !was_ignored(SIGHUP))
            sigaction(interrupts[i], &action, NULL);
}

void signals_begin(const char *command)
{
    command_name = command;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, NULL, &at_start[number]);
    on_exit(end_by_exit, NULL);
    signals_take();
}

void signals_leave(void)
{
    leaves_signals = true;
    is_driver_blamed = 0;
    signal(SIGBUS, SIG_DFL);
}
