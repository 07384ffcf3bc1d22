/* OpenBLAS starts a thread for each core when the program is loaded, before main, and each takes a block of
 * addresses. If a limit (ulimit -v) leaves too few, its threads wait for ever. So the program counts before
 * that how many can start. If it is not all, it begins anew with that number in OPENBLAS_NUM_THREADS. */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* A thread's block, 128 MiB, and its stack. */
#define THREAD_BYTES ((size_t)(128 + 8) << 20)
/* What the rest of the program needs at least. */
#define REST_BYTES ((size_t)64 << 20)
#define VARIABLE   "OPENBLAS_NUM_THREADS="

/* A sanitizer's functions do not work so early, and it needs more addresses than a limit leaves. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static bool are_there(size_t bytes)
{
    const int access = PROT_NONE, no_file = -1;
    /* cppcheck-suppress invalidFunctionArg */
    void *const memory = mmap(NULL, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, no_file, 0);
    return memory != MAP_FAILED && !munmap(memory, bytes);
}

/* The environment with one more variable, which replaces an earlier one; returns false if there is no room.
 * */
static bool put_variable(char **variables, char *variable, char **out, size_t room)
{
    size_t count = 0;
    for (; *variables && count + 2 < room; variables++)
        if (strncmp(*variables, VARIABLE, strlen(VARIABLE)) != 0)
            out[count++] = *variables;
    out[count] = variable;
    out[count + 1] = NULL;
    return !*variables;
}

/* getenv does not work yet. */
static size_t threads_asked_for(char **variables)
{
    for (; *variables; variables++)
        if (!strncmp(*variables, VARIABLE, strlen(VARIABLE)))
            return strtoul(*variables + strlen(VARIABLE), NULL, 10);
    return 0;
}

static void limit_threads(int argc, char **argv, char **variables)
{
    enum { VARIABLES_MOST = 4096 };
    char *changed[VARIABLES_MOST], variable[sizeof VARIABLE + 24];
    const size_t asked = threads_asked_for(variables);
    struct rlimit limit;
    cpu_set_t cores;
    (void)argc;
    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY ||
        sched_getaffinity(0, sizeof cores, &cores))
        return;
    const size_t all = asked ? asked : (size_t)CPU_COUNT(&cores);
    size_t threads = all;
    while (threads > 1 && !are_there(REST_BYTES + threads * THREAD_BYTES))
        threads--;
    snprintf(variable, sizeof variable, VARIABLE "%zu", threads);
    if (threads < all && put_variable(variables, variable, changed, VARIABLES_MOST))
        execve("/proc/self/exe", argv, changed); /* if that fails, the program goes on as it is */
}

/* The loader calls it before the constructors of libraries. */
__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(int, char **, char **) = limit_threads;
#endif
