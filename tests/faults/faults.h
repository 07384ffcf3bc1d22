/* Shared by the calls that fail on purpose and the driver that asks for failures. */
#ifndef CLM_FAULTS_FAULTS_H
#define CLM_FAULTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum call_kind {
    KIND_MEMORY,  /* "memory" */
    KIND_FILE,    /* the reason: strerror of FILE_ERROR or NO_SPACE */
    KIND_STREAM,  /* "No space left", or of a stream in memory "memory" */
    KIND_DEVICE,  /* OpenCL, CLBlast: the call's name, and that of the code */
    KIND_THREAD,  /* "thread" */
    KIND_LIBRARY, /* a library's own message, or "memory" */
    KIND_QUIET,   /* may have any sentence: mostly the program continues in another way */
};

#define FILE_ERROR EIO
#define NO_SPACE   ENOSPC

enum { FAULT_FRAMES = 6, FAULT_SITES = 1 << 15 };

/* A call from one place: its name and its callers, the nearest first. */
struct fault_site {
    uint64_t hash;
    const char *name; /* of the call */
    enum call_kind kind;
    void *callers[FAULT_FRAMES];
};

/* In memory shared with the child that runs the program. Without a target, calls are only counted. */
struct fault_plan {
    bool is_armed;
    bool is_lasting;        /* later calls of the same name fail, too */
    size_t target;          /* the number of the call to fail, from 1; 0 for none */
    uint64_t target_hash;   /* or the site whose first call is to fail; 0 for none */
    size_t depth;           /* how many callers tell sites apart */
    void *bottom;           /* of the callers; from here on they are the driver's */
    size_t count;           /* out: calls made */
    size_t failed;          /* out: calls that failed */
    struct fault_site site; /* out: the first that failed */
    size_t site_count;      /* out, while counting: different sites in `sites` */
    struct fault_site sites[FAULT_SITES];
};

extern struct fault_plan *fault_plan; /* NULL before the driver has one */

#endif
