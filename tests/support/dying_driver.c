/* An OpenCL driver that dies and ends the process.
 *
 * If an .icd file names it, DYING says how: abort, exit or hang, at its first call; end or leave, by abort or
 * an own exit code, as the process ends; interrupt, interrupts the waiting process then; stay, hangs then.
 *
 * If it is loaded before all other libraries (LD_PRELOAD), it dies at clBuildProgram or
 * clEnqueueNDRangeKernel, whichever DYING_CALL names, on a device with DYING_DEVICE in its name, after
 * DYING_AFTER right calls. DYING=interrupt interrupts the waiting process instead, kill is a SIGKILL, like
 * the kernel's if memory runs out, hang never returns. It makes DYING_FILE; if that exists, clGetDeviceIDs
 * dies, or with DYING_GONE leaves that device out. It prints DYING_WORDS to standard output.
 *
 * DYING_CLOCK names a file, the waiting process's clock: one byte per second. A driver that hangs makes it,
 * an hour long, unless the test has. So a test of patience does not depend on the machine's load.
 * DYING_CLOCK.seen gets a byte for each second that the waiting process has noticed. */
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int is(const char *variable, const char *value)
{
    const char *const wanted = getenv(variable);
    return wanted && !strcmp(wanted, value);
}

static void append(const char *path, size_t bytes)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (bytes--)
        if (write(file, ".", 1) != 1)
            abort();
    close(file);
}

static void die(void)
{
    const char *const clock = getenv("DYING_CLOCK");
    if (getenv("DYING_FILE"))
        append(getenv("DYING_FILE"), 0);
    if (is("DYING", "kill"))
        raise(SIGKILL);
    if (is("DYING", "interrupt"))
        kill(getppid(), SIGTERM);
    else if (!is("DYING", "hang") && !is("DYING", "stay"))
        abort();
    else if (clock && access(clock, F_OK))
        append(clock, 3600);
    for (;;)
        pause();
}

static void leave(void)
{
    _exit(3);
}

/* ---- as a driver ---- */

static cl_int platforms(cl_uint room, cl_platform_id *out, cl_uint *count)
{
    (void)room;
    (void)out;
    if (is("DYING", "abort") || is("DYING", "hang"))
        die();
    if (is("DYING", "exit"))
        exit(3);
    atexit(is("DYING", "leave") ? leave : die);
    if (count)
        *count = 0;
    return CL_PLATFORM_NOT_FOUND_KHR;
}

void *clGetExtensionFunctionAddress(const char *name)
{
    void *address = NULL;
    if (!strcmp(name, "clIcdGetPlatformIDsKHR"))
        *(cl_int(**)(cl_uint, cl_platform_id *, cl_uint *)) & address = platforms;
    return address;
}

/* ---- loaded before a driver ---- */

static void die_if_named(const char *call, cl_device_id device)
{
    char name[256] = "";
    static int calls;
    const char *const wanted = getenv("DYING_DEVICE"), *const after = getenv("DYING_AFTER");
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name, name, NULL);
    if (!wanted || !is("DYING_CALL", call) || !strstr(name, wanted))
        return;
    if (after && ++calls <= atoi(after))
        return;
    die();
}

/* Leaves out devices with DYING_DEVICE in their names. */
static void leave_out(cl_device_id *devices, cl_uint *count)
{
    cl_uint left = 0;
    for (cl_uint d = 0; d < *count; d++) {
        char name[256] = "";
        clGetDeviceInfo(devices[d], CL_DEVICE_NAME, sizeof name, name, NULL);
        if (!strstr(name, getenv("DYING_DEVICE")))
            devices[left++] = devices[d];
    }
    *count = left;
}

cl_int clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint room, cl_device_id *out,
                      cl_uint *count)
{
    cl_int (*list)(cl_platform_id, cl_device_type, cl_uint, cl_device_id *, cl_uint *);
    cl_device_id devices[16];
    cl_uint found = 0;
    *(void **)&list = dlsym(RTLD_NEXT, "clGetDeviceIDs");
    if (getenv("DYING_WORDS"))
        puts(getenv("DYING_WORDS"));
    if (!getenv("DYING_FILE") || access(getenv("DYING_FILE"), F_OK))
        return list(platform, type, room, out, count);
    if (!getenv("DYING_GONE"))
        die();
    const cl_int code = list(platform, type, 16, devices, &found);
    if (code == CL_SUCCESS)
        leave_out(devices, &found);
    for (cl_uint d = 0; out && d < found && d < room; d++)
        out[d] = devices[d];
    if (count)
        *count = found;
    return code;
}

cl_int clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                      void (*notify)(cl_program program, void *user), void *user)
{
    cl_int (*build)(cl_program, cl_uint, const cl_device_id *, const char *, void (*)(cl_program, void *),
                    void *);
    *(void **)&build = dlsym(RTLD_NEXT, "clBuildProgram");
    die_if_named("clBuildProgram", devices[0]);
    return build(program, count, devices, options, notify, user);
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                              const size_t *offset, const size_t *items, const size_t *group, cl_uint count,
                              const cl_event *before, cl_event *event)
{
    cl_int (*launch)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *, const size_t *,
                     cl_uint, const cl_event *, cl_event *);
    cl_device_id device;
    *(void **)&launch = dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel");
    clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL);
    die_if_named("clEnqueueNDRangeKernel", device);
    return launch(queue, kernel, dimensions, offset, items, group, count, before, event);
}

/* ---- the clock of the waiting process ---- */

int sigtimedwait(const sigset_t *set, siginfo_t *about, const struct timespec *patience)
{
    static off_t seen;
    const char *const clock = getenv("DYING_CLOCK");
    const struct timespec moment = {.tv_nsec = 10000000};
    int (*wait_for)(const sigset_t *, siginfo_t *, const struct timespec *);
    *(void **)&wait_for = dlsym(RTLD_NEXT, "sigtimedwait");
    if (!clock)
        return wait_for(set, about, patience);
    for (;;) {
        struct stat file;
        if (!stat(clock, &file) && file.st_size > seen) {
            char path[4096];
            seen++;
            snprintf(path, sizeof path, "%s.seen", clock);
            append(path, 1);
            errno = EAGAIN;
            return -1;
        }
        const int signal = wait_for(set, about, &moment);
        if (signal >= 0 || errno != EAGAIN)
            return signal;
    }
}
