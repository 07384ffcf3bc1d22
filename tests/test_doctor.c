/* Problems before a device are named, with a remedy; a device's wrong kernels are noticed before use. */
#include "base/file.h"
#include "compute/opencl/loader.h"
#include "compute/opencl/status.h"
#include "support/support.h"
#include "support/verdict.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- findings ---- */

#define FINDINGS_MAX 32

struct findings {
    struct clm_finding list[FINDINGS_MAX];
    size_t count, begun; /* begun ones are not in the list */
};

static void hear(void *user, const struct clm_finding *finding)
{
    struct findings *const findings = user;
    ck_assert_uint_lt(findings->count, FINDINGS_MAX);
    ck_assert(finding->section[0] && finding->what[0]);
    if (finding->severity == CLM_FINDING_BEGUN) {
        ck_assert_str_eq(finding->remedy, "");
        findings->begun++;
        return;
    }
    /* a problem has a remedy, a good finding needs none */
    ck_assert_int_eq(finding->remedy[0] != 0, finding->severity != CLM_FINDING_GOOD);
    findings->list[findings->count++] = *finding;
}

static const struct clm_finding *finding_of(const struct findings *findings, const char *text)
{
    for (size_t i = 0; i < findings->count; i++)
        if (strstr(findings->list[i].what, text))
            return &findings->list[i];
    ck_abort_msg("nothing is said of %s", text);
}

static void expect(const struct findings *findings, enum clm_severity severity, const char *text,
                   const char *remedy)
{
    const struct clm_finding *const finding = finding_of(findings, text);
    if (finding->severity != severity || (remedy && !strstr(finding->remedy, remedy)))
        ck_abort_msg("severity %d: %s; remedy: %s", finding->severity, finding->what, finding->remedy);
}

/* ---- drivers ---- */

static void put_icd(const char *directory, const char *name, const char *library)
{
    free(test_file(directory, name, library, strlen(library)));
}

START_TEST(drivers_are_told_apart)
{
    struct findings findings = {0};
    char *const directory = test_directory();
    put_icd(directory, "a-missing.icd", "libnosuchdriver.so.1\n");
    put_icd(directory, "b-empty.icd", "");
    put_icd(directory, "c-other.icd", "libm.so.6");
    put_icd(directory, "d-no-icd.txt", "libnosuchdriver.so.2");
    put_icd(directory, "e-escape.icd", "libno\x1b[2Jdriver.so.1");
    put_icd(directory, "f-windows.icd", "libm.so.6\r\n");
    free(test_file(directory, "g-nul.icd", "\0libm.so.6\n", 11));
    free(test_file(directory, "h-nul.icd", "libm.so.6\0more\n", 15));
    put_icd(directory, "i-blank.icd", "\nlibm.so.6\n");
    char *const folder = path_join(directory, "j-folder.icd"), *const long_name =
                                                                   path_join(directory, "k-long.icd");
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    free(test_file(directory, "k-long.icd", "", 0));
    ck_assert_int_eq(truncate(long_name, 100000), 0);
    free(folder);
    free(long_name);
    loader_examine_drivers(directory, hear, &findings);
    ck_assert_uint_eq(findings.count, 10);
    ck_assert_uint_eq(findings.begun, 3); /* those that name a library */
    expect(&findings, CLM_FINDING_BAD, "f-windows.icd: its line ends as Windows ends lines", "s/\\r$//");
    expect(&findings, CLM_FINDING_BAD, "g-nul.icd: a NUL byte", "crash");
    expect(&findings, CLM_FINDING_BAD, "h-nul.icd: a NUL byte", "crash");
    expect(&findings, CLM_FINDING_BAD, "j-folder.icd: is not a regular file", "take it away");
    expect(&findings, CLM_FINDING_BAD, "k-long.icd: ", "take it away");
    expect(&findings, CLM_FINDING_BAD, "i-blank.icd: its first line is empty", "first line");
    expect(&findings, CLM_FINDING_BAD, "a-missing.icd: libnosuchdriver.so.1 does not load: ", "again");
    expect(&findings, CLM_FINDING_BAD, "b-empty.icd: its first line is empty", "first line");
    expect(&findings, CLM_FINDING_BAD, "e-escape.icd: libno?[2Jdriver.so.1 does not load: ", "again");
    expect(&findings, CLM_FINDING_BAD, "libm.so.6 loads, but has no clIcdGetPlatformIDsKHR", "again");
    test_directory_remove(directory);
}
END_TEST

START_TEST(no_driver_is_told_with_what_to_install)
{
    struct findings findings = {0};
    char *const directory = test_directory();
    loader_examine_drivers(directory, hear, &findings);
    expect(&findings, CLM_FINDING_BAD, "has no .icd file", "pocl-opencl-icd");
    loader_examine_drivers("/no/such/folder", hear, &findings);
    expect(&findings, CLM_FINDING_BAD, "/no/such/folder does not exist", "pocl-opencl-icd");
    ck_assert_uint_eq(findings.count, 2);
    test_directory_remove(directory);
}
END_TEST

/* A file that cannot be read is not called missing. */
START_TEST(what_cannot_be_looked_at_is_told_with_the_reason)
{
    struct findings findings = {0};
    char *const directory = test_directory();
    char path[64];
    snprintf(path, sizeof path, "%.50s/loop.icd", directory);
    ck_assert_int_eq(symlink("loop.icd", path), 0);
    loader_examine_drivers(path, hear, &findings);
    loader_examine_nodes(path, hear, &findings);
    ck_assert_uint_eq(findings.count, 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(strstr(findings.list[i].what, "symbolic links"));
    test_directory_remove(directory);
}
END_TEST

/* OCL_ICD_VENDORS may name a single file or a single library. */
START_TEST(one_driver_may_be_named)
{
    struct findings findings = {0};
    char *const directory = test_directory();
    char *const path = test_file(directory, "one.icd", "libnosuchdriver.so.1", 20);
    loader_examine_drivers(path, hear, &findings);
    loader_examine_drivers("libnosuchdriver.so.7", hear, &findings);
    ck_assert_uint_eq(findings.count, 2);
    expect(&findings, CLM_FINDING_BAD, "one.icd: libnosuchdriver.so.1 does not load", NULL);
    expect(&findings, CLM_FINDING_BAD, "libnosuchdriver.so.7 does not load", NULL);
    free(path);
    test_directory_remove(directory);
}
END_TEST

/* Frees the value; NULL means unset. */
static void put_back(const char *variable, char *value)
{
    ck_assert_int_eq(value ? setenv(variable, value, 1) : unsetenv(variable), 0);
    free(value);
}

START_TEST(drivers_are_looked_for_where_the_loader_does)
{
    const char *const named = getenv("OCL_ICD_VENDORS"), *const path = getenv("OPENCL_VENDOR_PATH");
    char *const vendors_before = named ? strdup(named) : NULL, *const path_before =
                                                                   path ? strdup(path) : NULL;
    ck_assert_int_eq(setenv("OCL_ICD_VENDORS", "/first", 1) | setenv("OPENCL_VENDOR_PATH", "/second", 1), 0);
    ck_assert_str_eq(loader_vendors(), "/first");
    setenv("OCL_ICD_VENDORS", "", 1);
    ck_assert_str_eq(loader_vendors(), "/second");
    unsetenv("OPENCL_VENDOR_PATH");
    ck_assert_str_eq(loader_vendors(), "/etc/OpenCL/vendors");
    put_back("OCL_ICD_VENDORS", vendors_before);
    put_back("OPENCL_VENDOR_PATH", path_before);
}
END_TEST

START_TEST(this_machine_has_a_driver_and_a_platform)
{
    struct findings findings = {0};
    clm_examine_loader(hear, &findings);
    expect(&findings, CLM_FINDING_GOOD, " loads and offers ", NULL);
    const struct clm_finding *const platform = finding_of(&findings, " device");
    ck_assert_str_eq(platform->section, "platforms");
}
END_TEST

/* ---- render nodes ---- */

/* As a user without the right: root may open everything. */
static struct findings nodes_as_nobody(const char *directory)
{
    struct findings findings = {0};
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (!child) {
        const bool is_nobody = getuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
        loader_examine_nodes(directory, hear, &findings);
        _exit(is_nobody && write(ends[1], &findings, sizeof findings) == sizeof findings ? 0 : 1);
    }
    close(ends[1]);
    size_t size = 0;
    ssize_t got;
    while (size < sizeof findings &&
           (got = read(ends[0], (char *)&findings + size, sizeof findings - size)) > 0)
        size += (size_t)got;
    close(ends[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    return findings;
}

START_TEST(a_node_that_may_not_be_opened_names_the_group_to_join)
{
    char *const directory = test_directory();
    char *const closed = test_file(directory, "renderD128", "", 0), *const open = test_file(
                                                                        directory, "renderD129", "", 0);
    free(test_file(directory, "card0", "", 0));
    ck_assert_int_eq(chmod(directory, 0755), 0);
    ck_assert_int_eq(chmod(closed, 0), 0);
    ck_assert_int_eq(chmod(open, 0666), 0);
    const struct findings findings = nodes_as_nobody(directory);
    ck_assert_uint_eq(findings.count, 2);
    expect(&findings, CLM_FINDING_BAD, "renderD128 cannot be opened (Permission denied)",
           "sudo usermod -aG ");
    expect(&findings, CLM_FINDING_GOOD, "renderD129 opens", NULL);
    free(closed);
    free(open);
    test_directory_remove(directory);
}
END_TEST

/* A node whose driver is gone; only root can make one, and not in every container. */
START_TEST(a_node_without_a_driver_is_told)
{
    char *const directory = test_directory(), *const node = path_join(directory, "renderD128");
    struct findings findings = {0};
    if (mknod(node, S_IFCHR | 0600, makedev(226, 4095)) == 0) { /* no machine has as many */
        loader_examine_nodes(directory, hear, &findings);
        ck_assert_uint_eq(findings.count, 1);
        ck_assert_int_eq(findings.list[0].severity, CLM_FINDING_BAD);
        ck_assert_ptr_nonnull(strstr(findings.list[0].what, "renderD128 cannot be opened ("));
        ck_assert(strstr(findings.list[0].remedy, "kernel driver") ||
                  strstr(findings.list[0].remedy, "give the container the device"));
    }
    free(node);
    test_directory_remove(directory);
}
END_TEST

START_TEST(no_node_is_no_fault)
{
    struct findings findings = {0};
    loader_examine_nodes("/no/such/folder", hear, &findings);
    expect(&findings, CLM_FINDING_NOTE, "/no/such/folder has none", "none needed without a GPU");
}
END_TEST

/* ---- advice if memory runs out ---- */

START_TEST(advice_fits_the_call)
{
    static const struct {
        const char *call, *advice, *setting;
    } calls[] = {
        {"clCreateBuffer", "take smaller batches or layers", "batch hidden layers"},
        {"clEnqueueNDRangeKernel", "take smaller batches or layers", "batch hidden layers"},
        {"clFinish", "take smaller batches or layers", "batch hidden layers"},
        {"CLBlastSgemm", "take smaller batches or layers", "batch hidden layers"},
        {"clCreateContext", "end what else uses the device", "device"},
        {"clCreateCommandQueue", "end what else uses the device", "device"},
        {"clCreateKernel", "end what else uses the device", "device"},
        {"clGetDeviceIDs", "end what else uses the device", "device"},
    };
    struct clm_error error = {0};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        ck_assert_int_eq(opencl_fail(&error, "a test", calls[i].call, CL_OUT_OF_RESOURCES), CLM_ERROR_MEMORY);
        ck_assert_msg(strstr(error.message, calls[i].advice), "%s", error.message);
        ck_assert_str_eq(error.setting, calls[i].setting);
    }
    ck_assert_int_eq(opencl_fail(&error, "a test", "clFinish", CL_INVALID_VALUE), CLM_ERROR_DEVICE);
    ck_assert_str_eq(error.message, "a test: clFinish failed: CL_INVALID_VALUE (-30)");
    ck_assert_str_eq(error.setting, "");
}
END_TEST

/* ---- the self-test before use ---- */

START_TEST(a_device_that_gets_rows_wrong_is_refused)
{
    static const struct {
        const char *file, *from, *to, *operation;
    } lines[] = {
        {"gather.cl", "is_ordered ? order[first + r] : first + r", "first + r", "gather of N=301 B=300"},
        {"softmax.cl", "p[c] = exp(z[c] - largest) / sum", "p[c] = exp(z[c] - largest)", "softmax of B=300"},
        {"softmax.cl", "sum) - target) / B", "sum) - target)", "softmax_xent of B=300"},
        {"softmax.cl", "if (lane == 0)", "if (lane == 0 && group == 0)", "softmax_xent of B=300 C=10: loss"},
    };
    char *const directory = broken_kernels(lines[_i].file, lines[_i].from, lines[_i].to);
    const struct clm_backend_options options = {.kind = CLM_BACKEND_OPENCL, .device = getenv("CLMLP_DEVICE")};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    ck_assert_int_eq(setenv("CLMLP_KERNEL_DIR", directory, 1), 0);
    ck_assert_int_eq(clm_backend_open(&options, &backend, &error), CLM_ERROR_WRONG);
    unsetenv("CLMLP_KERNEL_DIR");
    ck_assert_ptr_null(backend);
    if (!strstr(error.message, lines[_i].operation) || !strstr(error.message, lines[_i].file) ||
        !strstr(error.message, "unset CLMLP_KERNEL_DIR"))
        ck_abort_msg("%s", error.message);
    ck_assert_str_eq(error.setting, "device");
    test_directory_remove(directory);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("doctor");
    TCase *const loader = tcase_create("loader"), *const devices = tcase_create("devices");
    tcase_add_test(loader, drivers_are_told_apart);
    tcase_add_test(loader, no_driver_is_told_with_what_to_install);
    tcase_add_test(loader, what_cannot_be_looked_at_is_told_with_the_reason);
    tcase_add_test(loader, one_driver_may_be_named);
    tcase_add_test(loader, drivers_are_looked_for_where_the_loader_does);
    tcase_add_test(loader, this_machine_has_a_driver_and_a_platform);
    tcase_add_test(loader, a_node_that_may_not_be_opened_names_the_group_to_join);
    tcase_add_test(loader, a_node_without_a_driver_is_told);
    tcase_add_test(loader, no_node_is_no_fault);
    tcase_add_test(loader, advice_fits_the_call);
    tcase_add_loop_test(devices, a_device_that_gets_rows_wrong_is_refused, 0, 4);
    suite_add_tcase(suite, loader);
    suite_add_tcase(suite, devices);
    return test_run(suite);
}
