/* Helpers; main() is at the end of the file. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cl_device_id device;
static cl_context context;
static cl_command_queue queue;

static inline void require(int is_right, const char *what, long code)
{
    if (is_right)
        return;
    printf("%s failed: %ld\n", what, code);
    exit(2);
}

/* ---- the device ---- */

static inline void show_device(cl_platform_id platform, cl_device_id id, unsigned p, unsigned d)
{
    char name[256] = "", driver[256] = "", vendor[256] = "";
    clGetDeviceInfo(id, CL_DEVICE_NAME, sizeof name, name, NULL);
    clGetDeviceInfo(id, CL_DRIVER_VERSION, sizeof driver, driver, NULL);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof vendor, vendor, NULL);
    printf("%u:%u  %s, driver %s, platform %s\n", p, d, name, driver, vendor);
}

/* How well a device fits: 3 if it is the one that was wrong, 2 if it is another one of that platform; or,
 * with a selector "P:D", 4 if it is that one. */
static inline int fitness(cl_platform_id platform, cl_device_id id, unsigned p, unsigned d,
                          const char *platform_name, const char *device_name, const char *selector)
{
    char address[32], name[256] = "", vendor[256] = "";
    snprintf(address, sizeof address, "%u:%u", p, d);
    if (selector)
        return strcmp(selector, address) ? 0 : 4;
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof vendor, vendor, NULL);
    clGetDeviceInfo(id, CL_DEVICE_NAME, sizeof name, name, NULL);
    return strcmp(vendor, platform_name) ? 0 : strcmp(name, device_name) ? 2 : 3;
}

static inline void open_device(const char *platform_name, const char *device_name, const char *selector)
{
    cl_platform_id platforms[32], platform = NULL;
    cl_device_id devices[64];
    cl_uint platform_count = 0, count;
    unsigned best_p = 0, best_d = 0;
    int best = 0, code = clGetPlatformIDs(32, platforms, &platform_count);
    require(code == CL_SUCCESS && platform_count, "clGetPlatformIDs", code);
    for (int is_list = 0; is_list < 2 && !best; is_list++) /* the second round lists them */
        for (unsigned p = 0; p < platform_count && p < 32; p++) {
            count = 0;
            clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, 64, devices, &count);
            for (unsigned d = 0; d < count && d < 64; d++) {
                const int fits =
                    fitness(platforms[p], devices[d], p, d, platform_name, device_name, selector);
                if (is_list)
                    show_device(platforms[p], devices[d], p, d);
                if (fits <= best)
                    continue;
                best = fits;
                platform = platforms[p];
                device = devices[d];
                best_p = p;
                best_d = d;
            }
        }
    if (!best) {
        printf("%s of %s is not here; name one of these devices: ./reproducer P:D\n", device_name,
               platform_name);
        exit(2);
    }
    show_device(platform, device, best_p, best_d);
    context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    require(code == CL_SUCCESS, "clCreateContext", code);
    queue = clCreateCommandQueue(context, device, 0, &code);
    require(code == CL_SUCCESS, "clCreateCommandQueue", code);
}

/* ---- files and buffers ---- */

/* Reads a file of this folder; *bytes is its size. */
static inline unsigned char *load_file(const char *name, size_t *bytes)
{
    FILE *const file = fopen(name, "rb");
    require(file != NULL, name, 0);
    fseek(file, 0, SEEK_END);
    *bytes = (size_t)ftell(file);
    rewind(file);
    unsigned char *const content = malloc(*bytes + 1);
    require(content && fread(content, 1, *bytes, file) == *bytes, name, (long)*bytes);
    content[*bytes] = 0;
    fclose(file);
    return content;
}

static inline void write_buffer(cl_mem buffer, const char *file)
{
    size_t bytes;
    unsigned char *const content = load_file(file, &bytes);
    const int code = clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, bytes, content, 0, NULL, NULL);
    require(code == CL_SUCCESS, "clEnqueueWriteBuffer", code);
    free(content);
}

/* A buffer with the content of a file, and `room` more bytes, which a kernel may touch without harm. */
static inline cl_mem make_buffer(const char *file, size_t room)
{
    int code;
    size_t bytes;
    free(load_file(file, &bytes));
    const cl_mem buffer = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes + room, NULL, &code);
    require(code == CL_SUCCESS, "clCreateBuffer", code);
    write_buffer(buffer, file);
    return buffer;
}

static inline unsigned char *read_buffer(cl_mem buffer)
{
    size_t bytes = 0;
    clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    unsigned char *const content = malloc(bytes + 1);
    require(content != NULL, "malloc", (long)bytes);
    const int code = clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, bytes, content, 0, NULL, NULL);
    require(code == CL_SUCCESS, "clEnqueueReadBuffer", code);
    return content;
}

/* ---- kernels ---- */

static inline cl_program build_program(const char *file, const char *options)
{
    int code;
    size_t bytes;
    static char log[20000];
    char *const source = (char *)load_file(file, &bytes);
    const cl_program program = clCreateProgramWithSource(context, 1, (const char **)&source, &bytes, &code);
    require(code == CL_SUCCESS, "clCreateProgramWithSource", code);
    code = clBuildProgram(program, 1, &device, options, NULL, NULL);
    if (code != CL_SUCCESS &&
        clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL) == CL_SUCCESS)
        printf("%s\n", log);
    require(code == CL_SUCCESS, "clBuildProgram", code);
    free(source);
    return program;
}

static inline cl_kernel make_kernel(cl_program program, const char *name)
{
    int code;
    const cl_kernel kernel = clCreateKernel(program, name, &code);
    require(code == CL_SUCCESS, name, code);
    return kernel;
}

static inline void set_argument(cl_kernel kernel, cl_uint n, size_t size, const void *value)
{
    const int code = clSetKernelArg(kernel, n, size, value);
    require(code == CL_SUCCESS, "clSetKernelArg", code);
}

static inline void run_kernel(cl_kernel kernel, cl_uint dimensions, const size_t *global, const size_t *local)
{
    int code = clEnqueueNDRangeKernel(queue, kernel, dimensions, NULL, global, local, 0, NULL, NULL);
    require(code == CL_SUCCESS, "clEnqueueNDRangeKernel", code);
    code = clFinish(queue);
    require(code == CL_SUCCESS, "clFinish", code);
    clReleaseKernel(kernel);
}

/* ---- what is wrong ---- */

static size_t compared, wrong;
static double worst_ratio;
static char first_wrong[400], worst_wrong[400];

/* |got - right| / bound: at most 1 if the element is right. */
static inline double ratio_of(double got, double right, double bound)
{
    if (!isfinite(right))
        return got == right || (isnan(right) && isnan(got)) ? 0 : INFINITY;
    return got == right ? 0 : fabs(got - right) / bound;
}

/* A NaN without a sign. */
static inline const char *show_number(char text[32], double value, int digits)
{
    snprintf(text, 32, "%.*g", digits, value);
    return isnan(value) ? "nan" : text;
}

static inline void compare_element(const char *what, double got, double right, double bound)
{
    char texts[3][32], line[400];
    const double ratio = ratio_of(got, right, bound);
    compared++;
    if (ratio <= 1)
        return;
    snprintf(line, sizeof line, "%s: got %s, expected %s, bound %s", what, show_number(texts[0], got, 9),
             show_number(texts[1], right, 9), isfinite(right) ? show_number(texts[2], bound, 3) : "none");
    if (!wrong++)
        strcpy(first_wrong, line);
    if (!worst_wrong[0] || (!isnan(worst_ratio) && !(ratio <= worst_ratio))) {
        strcpy(worst_wrong, line);
        worst_ratio = ratio;
    }
}

enum element_type { FLOAT, BYTE, INDEX };

static inline double element_at(const unsigned char *content, enum element_type type, size_t at)
{
    float value;
    uint32_t index;
    if (type == BYTE)
        return content[at];
    memcpy(&value, content + 4 * at, sizeof value);
    memcpy(&index, content + 4 * at, sizeof index);
    return type == FLOAT ? value : index;
}

/* A matrix in a buffer: row-major or, if `panel` is not 0, in panels of so many rows, each column by
 * column. */
struct matrix {
    const char *name;
    enum element_type type;
    size_t rows, columns, panel;
};

/* Compares a matrix with the pairs (right value, bound) in the file `right`, of its first `judged` elements;
 * its elements from `unchanged` on must be as in the file `before`. */
static inline void check_matrix(struct matrix m, cl_mem buffer, const char *right, size_t judged,
                                const char *before, size_t unchanged)
{
    size_t bytes;
    char what[200];
    unsigned char *const got = read_buffer(buffer), *const old = load_file(before, &bytes);
    double *const pairs = judged ? (double *)(void *)load_file(right, &bytes) : NULL;
    for (size_t i = 0; i < m.rows * m.columns; i++) {
        const size_t row = i / m.columns, column = i % m.columns;
        const size_t at = m.panel ? (row / m.panel * m.columns + column) * m.panel + row % m.panel : i;
        const int must_stay = i >= judged;
        if (must_stay && i < unchanged)
            continue;
        snprintf(what, sizeof what, "%s[%zu,%zu] (row %zu, column %zu)%s", m.name, row, column, row, column,
                 must_stay ? ", which must not change" : "");
        compare_element(what, element_at(got, m.type, at),
                        must_stay ? element_at(old, m.type, at) : pairs[2 * i],
                        must_stay ? 0 : pairs[2 * i + 1]);
    }
    free(got);
    free(old);
    free(pairs);
}

/* Each slot of four floats holds the loss in two parts, then correct rows, and 4096ths of them. */
static inline void check_sums(cl_mem buffer, size_t slots, double loss, double loss_bound, double correct,
                              double correct_bound)
{
    unsigned char *const got = read_buffer(buffer);
    double sums[2] = {0, 0};
    for (size_t s = 0; s < slots; s++) {
        sums[0] += element_at(got, FLOAT, 4 * s) + element_at(got, FLOAT, 4 * s + 1);
        sums[1] += element_at(got, FLOAT, 4 * s + 2) + 4096 * element_at(got, FLOAT, 4 * s + 3);
    }
    compare_element("sum of the losses", sums[0], loss, loss_bound);
    compare_element("number of correct rows", sums[1], correct, correct_bound);
    free(got);
}

/* Tells what is wrong; the exit code. */
static inline int verdict(void)
{
    if (!wrong) {
        printf("all %zu elements are right\n", compared);
        return 0;
    }
    printf("%s\n  the first of %zu wrong ones of %zu elements\n", first_wrong, wrong, compared);
    if (strcmp(first_wrong, worst_wrong))
        printf("%s\n  the worst of them\n", worst_wrong);
    return 1;
}
