#include "cli/machine.h"

#include "cli/command.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define BUSY_SHARE 0.5 /* of the cores */

#define LOOKED_AT 16384 /* bytes of a file: they tell of the first processor */

/* Copies the value of the first line "key : value" or "key=value" of a file; *out stays if there is none. */
static void find_value(const char *path, const char *key, char *out, size_t size)
{
    char text[LOOKED_AT], *rest = text;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = file >= 0 ? read(file, text, sizeof text - 1) : 0;
    if (file >= 0)
        close(file);
    text[got > 0 ? got : 0] = '\0';
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *value = line + strcspn(line, ":=");
        if (strncmp(line, key, strlen(key)) || !*value)
            continue;
        value += 1 + strspn(value + 1, " \t\"");
        value[strcspn(value, "\"")] = '\0';
        snprintf(out, size, "%.*s", (int)size - 1, printable(value).text);
        return;
    }
}

static size_t cores_of_process(void)
{
    cpu_set_t cores;
    if (!sched_getaffinity(0, sizeof cores, &cores))
        return (size_t)CPU_COUNT(&cores);
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more cores than the set has room for */
    return online > 0 ? (size_t)online : 1;
}

struct host_machine machine_describe(void)
{
    struct host_machine machine = {.processor = "unknown", .cores = cores_of_process()};
    struct utsname names = {.nodename = "unknown", .sysname = "unknown"};
    char distribution[128] = "";
    (void)uname(&names);
    snprintf(machine.host, sizeof machine.host, "%.127s", printable(names.nodename).text);
    snprintf(machine.processor, sizeof machine.processor, "%.127s", printable(names.machine).text);
    find_value("/proc/cpuinfo", "model name", machine.processor, sizeof machine.processor);
    find_value("/etc/os-release", "PRETTY_NAME", distribution, sizeof distribution);
    snprintf(machine.os, sizeof machine.os, "%s%s%.60s %.60s", distribution, *distribution ? ", " : "",
             names.sysname, names.release);
    return machine;
}

double machine_load(void)
{
    double load;
    return getloadavg(&load, 1) == 1 ? load : (double)NAN;
}

bool machine_is_busy(double load, size_t cores)
{
    return load > BUSY_SHARE * (double)cores;
}

double seconds_now(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct timestamp timestamp_now(void)
{
    struct timestamp now = {"1970-01-01T00:00:00Z"};
    const time_t seconds = time(NULL);
    struct tm fields;
    if (gmtime_r(&seconds, &fields))
        strftime(now.text, sizeof now.text, "%Y-%m-%dT%H:%M:%SZ", &fields);
    return now;
}
