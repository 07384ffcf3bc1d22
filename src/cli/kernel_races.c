#include "cli/kernel_races.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_MOST (4 << 20)

/* Where distributions install it. */
static const char *const places[] = {"/usr/lib/*/oclgrind/liboclgrind-rt-icd.so",
                                     "/usr/lib/oclgrind/liboclgrind-rt-icd.so",
                                     "/usr/local/lib/oclgrind/liboclgrind-rt-icd.so"};

clm_status simulator_begin(struct simulator *out, struct clm_error *error)
{
    const char *const folder = getenv("TMPDIR");
    *out = (struct simulator){0};
    for (size_t i = 0; i < sizeof places / sizeof *places && !out->driver[0]; i++) {
        glob_t found;
        if (glob(places[i], 0, NULL, &found))
            continue;
        snprintf(out->driver, sizeof out->driver, "%s", found.gl_pathv[0]);
        globfree(&found);
    }
    if (!out->driver[0])
        return fail(
            error, CLM_ERROR_DEVICE,
            "--races needs the simulator Oclgrind, which is not installed: apt-get install oclgrind, or see https://github.com/jrprice/Oclgrind");
    snprintf(out->log, sizeof out->log, "%.40s/clmlp-races-XXXXXX", folder && *folder ? folder : "/tmp");
    const int file = mkstemp(out->log);
    if (file < 0) {
        const int code = errno;
        out->log[0] = '\0';
        return fail(error, CLM_ERROR_IO,
                    "the log of Oclgrind could not be made: %s; TMPDIR names the folder for it",
                    strerror(code));
    }
    close(file);
    return CLM_OK;
}

void simulator_end(struct simulator *simulator)
{
    if (simulator->log[0])
        unlink(simulator->log);
}

clm_status simulator_take(const struct simulator *simulator, struct clm_error *error)
{
    const char *const variables[][2] = {{"OCL_ICD_VENDORS", simulator->driver},   /* ocl-icd */
                                        {"OCL_ICD_FILENAMES", simulator->driver}, /* Khronos's loader */
                                        {"OPENCL_VENDOR_PATH", simulator->driver},
                                        {"OCLGRIND_LOG", simulator->log},
                                        {"OCLGRIND_DATA_RACES", "1"},
                                        {"OCLGRIND_UNINITIALIZED", "1"},
                                        {"OCLGRIND_BUILD_OPTIONS", "-cl-opt-disable"}};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (setenv(variables[i][0], variables[i][1], 1))
            return fail(error, CLM_ERROR_MEMORY, "no memory for the simulator's environment");
    return CLM_OK;
}

void simulator_hear_operand(struct simulator *s, const char *name, uint64_t address, size_t bytes)
{
    const size_t most = sizeof s->operands / sizeof *s->operands;
    size_t i = 0;
    while (i < s->operand_count && strcmp(s->operands[i].name, name) != 0)
        i++;
    if (i == most)
        return;
    snprintf(s->operands[i].name, sizeof s->operands[i].name, "%s", name);
    s->operands[i].address = address;
    s->operands[i].bytes = bytes;
    s->operand_count += i == s->operand_count;
}

/* Reads `length` bytes from where the last call ended; false, with errno, if there are fewer. */
static bool read_fresh(int log, off_t from, char *text, size_t length)
{
    for (size_t done = 0; done < length;) {
        const ssize_t got = pread(log, text + done, length - done, from + (off_t)done);
        if (got == 0)
            errno = EIO;
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* What is new in the log, for the caller to free; NULL, with errno, if it cannot be read. If there are very
 * many reports, only the first are taken. */
static char *read_reports(struct simulator *s)
{
    struct stat about;
    char *text = NULL;
    const int log = open(s->log, O_RDONLY | O_CLOEXEC);
    if (log >= 0 && !fstat(log, &about)) {
        const off_t fresh = about.st_size > s->heard ? about.st_size - s->heard : 0;
        const size_t length = fresh < REPORT_MOST ? (size_t)fresh : REPORT_MOST;
        text = calloc(1, length + 1);
        if (text && !read_fresh(log, s->heard, text, length)) {
            free(text);
            text = NULL;
        }
        s->heard += fresh;
    }
    const int code = errno;
    if (log >= 0)
        close(log);
    errno = code;
    return text;
}

/* "at Y[5]", "beyond Y, at Y[12]", or "in local memory". A buffer's number is in an address's upper 16
 * bits. */
static void name_place(const struct simulator *s, const char *report, char *out, size_t size)
{
    const char *const word = strstr(report, "address 0x");
    const uint64_t address = word ? strtoull(word + strlen("address 0x"), NULL, 16) : 0;
    const bool is_global = strstr(report, "global memory") != NULL;
    snprintf(out, size, is_global ? "in global memory" : "in local or private memory");
    for (size_t i = 0; word && is_global && i < s->operand_count; i++) {
        const struct operand *const operand = &s->operands[i];
        if ((address ^ operand->address) >> 48)
            continue;
        const int64_t offset = (int64_t)(address - operand->address);
        const bool is_inside = offset >= 0 && (uint64_t)offset < operand->bytes;
        snprintf(out, size, "%s%s%s%s[%" PRId64 "]",
                 is_inside    ? ""
                 : offset < 0 ? "before "
                              : "beyond ",
                 is_inside ? "" : operand->name, is_inside ? "" : ", at ", operand->name, offset / 4);
    }
}

/* Appends "work-item (1,0,0) at line 13" for each item that the report names, two at most. */
static void name_items(const char *report, char *out, size_t size)
{
    const char *at = report;
    for (int item = 0; item < 2 && (at = strstr(at, "ntity:")); item++) {
        const char *const global = strstr(at, "Global("), *const line = strstr(at, "At line ");
        const size_t used = strlen(out);
        if (!global)
            return;
        const int length = (int)strcspn(global, ")") + 1 - (int)strlen("Global");
        snprintf(out + used, size - used, "%s work-item %.*s", item ? " and" : " by", length,
                 global + strlen("Global"));
        const size_t longer = strlen(out);
        if (line)
            snprintf(out + longer, size - longer, " at line %d", atoi(line + strlen("At line ")));
        at += strlen("ntity:");
    }
}

/* Length of "Read-write data race" in "Read-write data race at local memory address 0x…". */
static int length_of_kind(const char *report)
{
    const char *end = strstr(report, " memory address");
    for (int words = 0; end && words < 2; words++) /* "at", "local" */
        for (end -= end > report; end > report && *end != ' '; end--)
            ;
    return end && end > report ? (int)(end - report) : (int)strcspn(report, "\n");
}

/* Finds the kernel's report in the text, and cuts the text after it. Returns NULL if there is none. */
static const char *cut_report(char *reports, const char *kernel)
{
    char of[96];
    const char *report = reports;
    snprintf(of, sizeof of, "Kernel: %.64s\n", kernel);
    char *const own = strstr(reports, of);
    /* it begins with the last line before that one that is not indented */
    for (const char *c = reports; own && c < own; c++)
        if ((c == reports || c[-1] == '\n') && !isspace((unsigned char)*c))
            report = c;
    for (char *c = own; c && *c; c++) /* and ends before the next such line */
        if (*c == '\n' && c[1] && !isspace((unsigned char)c[1])) {
            *c = '\0';
            break;
        }
    return own ? report : NULL;
}

bool simulator_heard(struct simulator *s, const char *kernel, char *text, size_t size)
{
    char place[128];
    if (!s->log[0])
        return false; /* no simulator is used */
    char *const reports = read_reports(s);
    if (!reports) {
        snprintf(text, size, "whether Oclgrind saw a race is unknown: its log %s could not be read: %s",
                 s->log, strerror(errno));
        return true;
    }
    const char *const report = cut_report(reports, kernel);
    if (report) {
        name_place(s, report, place, sizeof place);
        snprintf(text, size, "Oclgrind reports: %.*s %s,", length_of_kind(report), report, place);
        name_items(report, text, size);
    }
    free(reports);
    return report != NULL;
}
