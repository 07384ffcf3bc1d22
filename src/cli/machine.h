/* The machine that the program runs on, for results that other people read. */
#ifndef CLM_CLI_MACHINE_H
#define CLM_CLI_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

struct host_machine {
    char host[128];      /* its name */
    char processor[128]; /* "AMD EPYC 9R14" */
    char os[256];        /* "Debian GNU/Linux 12 (bookworm), Linux 6.1.0" */
    size_t cores;        /* that this process may use */
};

/* What cannot be found out is "unknown". */
struct host_machine machine_describe(void);

/* The mean number of running processes in the last minute; NaN if it is unknown. */
double machine_load(void);

/* Whether others leave too little of the machine for timings to be trusted. */
bool machine_is_busy(double load, size_t cores);

/* Seconds since some point in the past. */
double seconds_now(void);

/* Now, as "2026-01-31T12:00:00Z". */
struct timestamp {
    char text[32];
};
struct timestamp timestamp_now(void);

#endif
