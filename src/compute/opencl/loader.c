#include "compute/opencl/loader.h"

#include "base/file.h"
#include "base/text.h"
#include "compute/opencl/status.h"

#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODES         "/dev/dri"
#define PLATFORMS_MAX 64
#define NO_DRIVER                                                                                            \
    "install your GPU's OpenCL driver, or PoCL to compute on the CPU: sudo apt install pocl-opencl-icd"

#define NOT_THESE "unset OCL_ICD_VENDORS and OPENCL_VENDOR_PATH, which hide " LOADER_VENDORS "; or "

/* Receives the findings of one section. */
struct listener {
    const char *section;
    finding_heard hear;
    void *user;
};

/* Reports one finding. The remedy of a good one is NULL. The text may quote files and drivers. */
__attribute__((format(printf, 4, 5))) static void
tell(const struct listener *listener, enum clm_severity severity, const char *remedy, const char *format, ...)
{
    struct clm_finding finding = {.severity = severity};
    char what[sizeof finding.what];
    va_list arguments;
    snprintf(finding.section, sizeof finding.section, "%s", listener->section);
    snprintf(finding.remedy, sizeof finding.remedy, "%s", remedy ? remedy : "");
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    text_show(finding.what, sizeof finding.what, what, strlen(what));
    listener->hear(listener->user, &finding);
}

static const char *name_of(cl_int code)
{
    const char *const name = opencl_status_name(code);
    return name ? name : "a code without a name";
}

/* ---- drivers ---- */

/* All loaders know the first variable; the second is ocl-icd's own (man 7 libOpenCL). */
const char *loader_vendors(void)
{
    const char *const vendors = getenv("OCL_ICD_VENDORS"), *const path = getenv("OPENCL_VENDOR_PATH");
    return vendors && *vendors ? vendors : path && *path ? path : LOADER_VENDORS;
}

static const char *no_driver_remedy(void)
{
    return strcmp(loader_vendors(), LOADER_VENDORS) ? NOT_THESE NO_DRIVER : NO_DRIVER;
}

/* Counts a driver's platforms; returns the call's status. */
static cl_int platforms_of(void *library, cl_uint *count)
{
    void *(*address_of)(const char *name) = NULL;
    cl_int (*platforms)(cl_uint room, cl_platform_id * out, cl_uint * count) = NULL;
    *count = 0;
    *(void **)&address_of = dlsym(library, "clGetExtensionFunctionAddress");
    if (address_of)
        *(void **)&platforms = address_of("clIcdGetPlatformIDsKHR");
    if (!platforms)
        *(void **)&platforms = dlsym(library, "clIcdGetPlatformIDsKHR");
    return platforms ? platforms(0, NULL, count) : CL_INVALID_OPERATION;
}

/* The library stays loaded: the loader loads it as well, and some drivers crash if they are unloaded. */
static void examine_library(const struct listener *listener, const char *from, const char *name)
{
    cl_uint count = 0;
    tell(listener, CLM_FINDING_BEGUN, NULL, "%s%s", from, name);
    void *const library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (!library) {
        const char *const why = dlerror();
        tell(
            listener, CLM_FINDING_BAD,
            "install the driver again, or the package with the library that is missing; or take the .icd file away",
            "%s%.255s does not load: %s", from, name, why ? why : "no reason was given");
        return;
    }
    const cl_int code = platforms_of(library, &count);
    if (code == CL_SUCCESS && count)
        tell(listener, CLM_FINDING_GOOD, NULL, "%s%.255s loads and offers %u platform%s", from, name, count,
             count == 1 ? "" : "s");
    else if (code == CL_INVALID_OPERATION)
        tell(listener, CLM_FINDING_BAD,
             "install the driver again: this is none that an OpenCL loader can use",
             "%s%.255s loads, but has no clIcdGetPlatformIDsKHR", from, name);
    else
        tell(
            listener, CLM_FINDING_BAD,
            "the driver finds no hardware of its kind; look below for permissions, and into dmesg for the kernel's driver",
            "%s%.255s loads, but offers no platform (%s)", from, name, name_of(code));
}

enum icd_content loader_parse_icd(const void *bytes, size_t size, char name[LOADER_ICD_MOST + 1])
{
    const char *const text = bytes;
    size_t length = 0;
    while (length < size && text[length] && text[length] != '\r' && text[length] != '\n')
        length++;
    memcpy(name, text, length);
    name[length] = '\0';
    if (memchr(text, '\0', size))
        return ICD_NUL_BYTE;
    if (!length)
        return ICD_EMPTY_LINE;
    return length < size && text[length] == '\r' ? ICD_CARRIAGE_RETURN : ICD_LIBRARY;
}

static void examine_icd(const struct listener *listener, const char *path)
{
    static const struct {
        const char *what, *remedy;
    } mistakes[] = {
        [ICD_NUL_BYTE] = {"a NUL byte is no part of a library's name",
                          "install the driver again, or take the file away: OpenCL's loader may crash on it"},
        [ICD_EMPTY_LINE] = {"its first line is empty",
                            "its first line has to be the driver's library; install the driver again"},
        [ICD_CARRIAGE_RETURN] =
            {"its line ends as Windows ends lines, and OpenCL's loader takes the \\r for a part of the name",
             "take the \\r away: sudo sed -i 's/\\r$//' FILE"},
    };
    unsigned char *bytes = NULL;
    size_t size = 0;
    struct clm_error error = {0};
    char from[300], name[LOADER_ICD_MOST + 1], shown[256];
    if (file_read(path, LOADER_ICD_MOST, &bytes, &size, &error) != CLM_OK) {
        const bool is_denied = access(path, R_OK) && errno == EACCES;
        tell(
            listener, CLM_FINDING_BAD,
            is_denied ? "make the file readable for everybody: chmod a+r"
            : error.status == CLM_ERROR_MEMORY
                ? "end other programs, and try again"
                : "take it away, or install the driver again: it has to be a small text that names a library",
            "%.400s", error.message);
        return;
    }
    const enum icd_content content = loader_parse_icd(bytes, size, name);
    free(bytes);
    snprintf(from, sizeof from, "%.280s: ", text_show(shown, sizeof shown, path, strlen(path)));
    if (content == ICD_LIBRARY)
        examine_library(listener, from, name);
    else
        tell(listener, CLM_FINDING_BAD, mistakes[content].remedy, "%s%s", from, mistakes[content].what);
}

static int is_icd(const struct dirent *entry)
{
    return has_ending(entry->d_name, ".icd");
}

/* Examines the files in a folder that are `wanted`; returns how many, or -1 with errno. */
static int examine_files(const struct listener *listener, const char *folder,
                         int (*wanted)(const struct dirent *entry),
                         void (*examine)(const struct listener *listener, const char *path))
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, wanted, alphasort);
    for (int i = 0; i < count; i++) {
        char *const path = path_join(folder, entries[i]->d_name);
        if (path)
            examine(listener, path);
        else
            tell(listener, CLM_FINDING_BAD, "end other programs, and try again",
                 "%.280s: the host has no memory to look at it", entries[i]->d_name);
        free(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return count;
}

static void tell_unreadable(const struct listener *listener, const char *folder)
{
    tell(listener, CLM_FINDING_BAD, "make the folder readable for everybody: chmod a+rx", "%.280s: %s",
         folder, strerror(errno));
}

static void examine_folder(const struct listener *listener, const char *folder)
{
    const int count = examine_files(listener, folder, is_icd, examine_icd);
    if (count < 0)
        tell_unreadable(listener, folder);
    else if (!count)
        tell(listener, CLM_FINDING_BAD, no_driver_remedy(),
             "%.280s has no .icd file: there is no OpenCL driver", folder);
}

void loader_examine_drivers(const char *vendors, finding_heard hear, void *user)
{
    const struct listener listener = {"drivers", hear, user};
    struct stat about;
    const bool is_there = stat(vendors, &about) == 0;
    const int why = is_there ? 0 : errno;
    if (is_there && S_ISDIR(about.st_mode))
        examine_folder(&listener, vendors);
    else if (has_ending(vendors, ".icd") && is_there)
        examine_icd(&listener, vendors);
    else if (is_there || !strchr(vendors, '/'))
        examine_library(&listener, "", vendors);
    else if (why != ENOENT && why != ENOTDIR)
        tell(&listener, CLM_FINDING_BAD, "make the folders above it readable for everybody: chmod a+rx",
             "%.280s: %s", vendors, strerror(why));
    else
        tell(&listener, CLM_FINDING_BAD, no_driver_remedy(),
             "%.280s does not exist: there is no OpenCL driver", vendors);
}

/* ---- render nodes ---- */

static int is_render_node(const struct dirent *entry)
{
    return !strncmp(entry->d_name, "renderD", 7);
}

/* What to do if a render node cannot be opened. A container may not open some devices in its /dev (EPERM); a
 * node stays even if its driver is gone. */
static void node_remedy(const char *path, int reason, char *out, size_t size)
{
    char names[4096];
    struct stat about;
    struct group group, *found = NULL;
    if (reason == EPERM)
        snprintf(out, size, "give the container the device %.180s", path);
    else if (reason == ENXIO || reason == ENODEV)
        snprintf(out, size, "load its kernel driver; dmesg may say why it is gone");
    else if (reason != EACCES)
        snprintf(out, size, "dmesg may say what is wrong with it");
    else
        snprintf(out, size, "join its group, and log in again: sudo usermod -aG %s $USER",
                 stat(path, &about) || getgrgid_r(about.st_gid, &group, names, sizeof names, &found) || !found
                     ? "render"
                     : found->gr_name);
}

static void examine_node(const struct listener *listener, const char *path)
{
    char remedy[256];
    const int node = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (node >= 0) {
        close(node);
        tell(listener, CLM_FINDING_GOOD, NULL, "%.280s opens", path);
        return;
    }
    const int reason = errno;
    node_remedy(path, reason, remedy, sizeof remedy);
    tell(listener, CLM_FINDING_BAD, remedy, "%.280s cannot be opened (%s)", path, strerror(reason));
}

void loader_examine_nodes(const char *directory, finding_heard hear, void *user)
{
    const struct listener listener = {"render nodes", hear, user};
    const int count = examine_files(&listener, directory, is_render_node, examine_node);
    if (count < 0 && errno != ENOENT)
        tell_unreadable(&listener, directory);
    else if (count <= 0)
        tell(
            &listener, CLM_FINDING_NOTE,
            "none needed without a GPU, or with NVIDIA's; else load its kernel driver, or give a container the device /dev/dri",
            "%.280s has none", directory);
}

/* ---- platforms ---- */

/* Rusticl has no devices unless RUSTICL_ENABLE names a driver; Clover supports few GPUs. */
static bool has_often_none(const char *platform)
{
    return strcasestr(platform, "clover") || (strcasestr(platform, "rusticl") && !getenv("RUSTICL_ENABLE"));
}

/* Advice for a platform that sees no device. */
static const char *hint_for(const char *platform)
{
    if (strcasestr(platform, "portable computing language"))
        return "PoCL needs a folder to write to: export POCL_CACHE_DIR=/tmp/pocl, or an XDG_CACHE_HOME or a HOME that can be written";
    if (strcasestr(platform, "rusticl"))
        return "name Mesa's driver for your GPU, as in RUSTICL_ENABLE=radeonsi (iris, nouveau, asahi; llvmpipe is the CPU)";
    if (strcasestr(platform, "clover"))
        return "Clover supports few GPUs; where Mesa has rusticl, use that: RUSTICL_ENABLE=radeonsi (iris, nouveau, …)";
    if (strcasestr(platform, "nvidia"))
        return "see whether nvidia-smi lists the GPU; kernel module and driver have to be of one version";
    return "see whether the GPU's kernel driver is loaded (dmesg), and the render nodes above";
}

static void examine_platform(const struct listener *listener, unsigned number, cl_platform_id platform)
{
    char name[128] = "unknown", version[128] = "unknown";
    cl_uint count = 0;
    tell(listener, CLM_FINDING_BEGUN, NULL, "platform %u", number);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL);
    clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof version, version, NULL);
    const cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count);
    if (code == CL_SUCCESS && count)
        tell(listener, CLM_FINDING_GOOD, NULL, "%u  %s, %s: %u device%s", number, name, version, count,
             count == 1 ? "" : "s");
    else if (code == CL_SUCCESS || code == CL_DEVICE_NOT_FOUND)
        tell(listener, has_often_none(name) ? CLM_FINDING_NOTE : CLM_FINDING_BAD, hint_for(name),
             "%u  %s, %s: no device", number, name, version);
    else
        tell(listener, CLM_FINDING_BAD, hint_for(name), "%u  %s, %s: clGetDeviceIDs failed: %s", number, name,
             version, name_of(code));
}

static void examine_platforms(finding_heard hear, void *user)
{
    const struct listener listener = {"platforms", hear, user};
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint count = 0;
    tell(&listener, CLM_FINDING_BEGUN, NULL, "the list of platforms");
    const cl_int code = clGetPlatformIDs(PLATFORMS_MAX, platforms, &count);
    if (code != CL_SUCCESS && code != CL_PLATFORM_NOT_FOUND_KHR)
        tell(&listener, CLM_FINDING_BAD, "see what is said of the drivers above",
             "clGetPlatformIDs failed: %s", name_of(code));
    else if (!count)
        tell(&listener, CLM_FINDING_BAD, no_driver_remedy(), "there is no OpenCL platform");
    for (cl_uint p = 0; p < count && p < PLATFORMS_MAX; p++)
        examine_platform(&listener, p, platforms[p]);
}

void clm_examine_loader(void (*on_finding)(void *user, const struct clm_finding *finding), void *user)
{
    loader_examine_drivers(loader_vendors(), on_finding, user);
    loader_examine_nodes(NODES, on_finding, user);
    examine_platforms(on_finding, user);
}
