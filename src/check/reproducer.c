#include "check/reproducer.h"

#include "base/file.h"
#include "base/text.h"
#include "compute/recording.h"
#include "data/files/staging.h"
#include "prove/expectations.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUILD      "cc -o reproducer reproducer.c -lOpenCL"
#define NAME_MOST  96
#define TRIES_MOST 3 /* to see a check fail again that does not always fail */

/* A check that has been recorded, and the folder to write it to. */
struct reproducer {
    const struct check_case *which;
    const struct clm_check *check;
    const struct clm_device *about;
    struct recording recording;
    struct expectations kept;
    struct judgement judgement;
    struct clm_error why;     /* of an operation that ends with an error */
    char (*names)[NAME_MOST]; /* of the buffers */
    const char *folder;
};

/* ---- files ---- */

static clm_status put_file(const struct reproducer *r, const char *name, const char *ending,
                           const void *bytes, size_t size, struct clm_error *error)
{
    char file[2 * NAME_MOST];
    snprintf(file, sizeof file, "%s%s", name, ending);
    char *const path = path_join(r->folder, file);
    if (!path)
        return clm_fail_host_memory(error, file, strlen(r->folder) + sizeof file);
    const clm_status status = clm_write_file(path, bytes, size, error);
    free(path);
    return status;
}

/* A text file, which `write` fills. */
static clm_status put_text(const struct reproducer *r, const char *name,
                           void (*write)(const struct reproducer *r, FILE *out), struct clm_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const out = open_memstream(&text, &size);
    if (!out)
        return clm_fail_host_memory(error, name, 1);
    write(r, out);
    const clm_status status = text_close(out, &text) ? put_file(r, name, "", text, size, error)
                                                     : clm_fail_host_memory(error, name, size);
    free(text);
    return status;
}

/* ---- names ---- */

/* "next X" becomes next_X. */
static void make_identifier(const char *name, char out[NAME_MOST])
{
    size_t length = 0;
    if (isdigit((unsigned char)*name))
        out[length++] = '_';
    for (; *name && length + 8 < NAME_MOST; name++)
        out[length++] = isalnum((unsigned char)*name) ? *name : '_';
    out[length] = '\0';
}

static const struct expectation *expected_in(const struct reproducer *r, size_t buffer)
{
    for (size_t i = 0; i < r->kept.count; i++)
        if (r->kept.list[i].tensor.memory == r->recording.buffers[buffer].memory)
            return &r->kept.list[i];
    return NULL;
}

/* Names each buffer after the tensor in it; no two alike. */
static void name_buffers(struct reproducer *r)
{
    for (size_t b = 0; b < r->recording.buffer_count; b++) {
        char *const name = r->names[b];
        const struct expectation *const e = expected_in(r, b);
        const bool is_sums = r->recording.buffers[b].memory == r->kept.sums_memory;
        if (e)
            make_identifier(e->name, name);
        else
            snprintf(name, NAME_MOST, is_sums ? "sums" : "buffer_%zu", b + 1);
        for (size_t other = 0; other < b; other++)
            if (!strcmp(r->names[other], name)) {
                snprintf(name + strlen(name), NAME_MOST - strlen(name), "_%zu", b + 1);
                break;
            }
    }
}

static void name_program(size_t program, char out[32])
{
    snprintf(out, 32, program ? "kernel-%zu.cl" : "kernel.cl", program + 1);
}

/* ---- C ---- */

static void write_string(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ' || *text == '?' || *text == 127)
            fprintf(out, "\\%03o", (unsigned char)*text);
        else
            putc(*text, out);
    putc('"', out);
}

/* One line within a comment, which it does not end. */
static void write_comment(FILE *out, const char *text)
{
    char before = '\0';
    for (; *text; before = *text++)
        putc((unsigned char)*text < ' ' || (*text == '/' && before == '*') ? ' ' : *text, out);
}

static int32_t int_at(const unsigned char *bytes)
{
    int32_t whole;
    memcpy(&whole, bytes, sizeof whole);
    return whole;
}

static double float_at(const unsigned char *bytes)
{
    float real;
    memcpy(&real, bytes, sizeof real);
    return real;
}

static bool is_small_int(const unsigned char *bytes)
{
    return abs(int_at(bytes) / 2) < 1 << 21;
}

/* Words of four bytes with the same bits again: ints, if all are small ones, else floats, if all are finite,
 * else hexadecimal. */
static void write_words(FILE *out, const struct recorded_argument *a)
{
    bool are_ints = true, are_floats = true;
    const size_t count = a->size / sizeof(int32_t);
    for (size_t i = 0; i < count; i++) {
        are_ints = are_ints && is_small_int(a->value + 4 * i);
        are_floats = are_floats && isfinite(float_at(a->value + 4 * i));
    }
    fprintf(out, "(const %s[]){", are_ints ? "cl_int" : are_floats ? "cl_float" : "cl_uint");
    for (size_t i = 0; i < count; i++) {
        const unsigned char *const word = a->value + 4 * i;
        fputs(i ? ", " : "", out);
        if (are_ints)
            fprintf(out, "%" PRId32, int_at(word));
        else if (are_floats)
            fprintf(out, "%.8ef", float_at(word));
        else
            fprintf(out, "0x%08" PRIx32, (uint32_t)int_at(word));
    }
    fprintf(out, "}");
}

/* Eight bytes are a number of elements. */
static void write_value(FILE *out, const struct recorded_argument *a)
{
    uint64_t whole;
    fprintf(out, "%zu, ", a->size);
    if (a->size % sizeof(int32_t) == 0 && a->size != sizeof whole) {
        write_words(out, a);
    } else if (a->size == sizeof whole) {
        memcpy(&whole, a->value, sizeof whole);
        fprintf(out, "(const cl_ulong[]){%" PRIu64 "}", whole);
    } else {
        fprintf(out, "(const unsigned char[]){");
        for (size_t i = 0; i < a->size; i++)
            fprintf(out, "%s0x%02x", i ? ", " : "", a->value[i]);
        fprintf(out, "}");
    }
}

static void write_argument(const struct reproducer *r, FILE *out, size_t n, const struct recorded_argument *a)
{
    fprintf(out, "        set_argument(kernel, %zu, ", n);
    if (a->kind == RECORDED_LOCAL)
        fprintf(out, "%zu, NULL", a->size);
    else if (a->kind == RECORDED_BUFFER)
        fprintf(out, "sizeof(cl_mem), &%s", a->buffer == NO_BUFFER ? "(cl_mem){NULL}" : r->names[a->buffer]);
    else
        write_value(out, a);
    fprintf(out, ");\n");
}

static void write_size_list(FILE *out, unsigned dimensions, const size_t *sizes)
{
    fprintf(out, "(const size_t[]){");
    for (unsigned d = 0; d < dimensions; d++)
        fprintf(out, "%s%zu", d ? ", " : "", sizes[d]);
    fprintf(out, "}");
}

static void write_launch(const struct reproducer *r, FILE *out, const struct recorded_event *event)
{
    fprintf(out, "    {\n        const cl_kernel kernel = make_kernel(program_%zu, ", event->program + 1);
    write_string(out, event->kernel);
    fprintf(out, ");\n");
    for (size_t n = 0; n < event->argument_count; n++)
        write_argument(r, out, n, &event->arguments[n]);
    fprintf(out, "        run_kernel(kernel, %u, ", event->dimensions);
    write_size_list(out, event->dimensions, event->global);
    fprintf(out, ", ");
    if (event->local[0])
        write_size_list(out, event->dimensions, event->local);
    else
        fprintf(out, "NULL");
    fprintf(out, ");\n    }\n");
}

static void write_check(const struct reproducer *r, FILE *out, size_t buffer, const struct expectation *e)
{
    static const char *const types[] = {
        [TENSOR_REAL] = "FLOAT", [TENSOR_BYTE] = "BYTE", [TENSOR_INDEX] = "INDEX"};
    const char *const name = r->names[buffer];
    fprintf(out, "    check_matrix((struct matrix){");
    write_string(out, e->name);
    fprintf(out, ", %s, %zu, %zu, %zu}, %s, ", types[e->tensor.type], e->tensor.rows, e->tensor.columns,
            e->tensor.panel, name);
    if (e->judged)
        fprintf(out, "\"%s.right\"", name);
    else
        fprintf(out, "NULL");
    fprintf(out, ", %zu, \"%s.bin\", %zu);\n", e->judged, name, e->unchanged);
}

/* A number that is not finite is written as the headers name it. */
static void write_real(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, ", %.17g", value);
    else
        fprintf(out, ", %s", isnan(value) ? "NAN" : value > 0 ? "INFINITY" : "-INFINITY");
}

/* Outputs first, then what must not change. */
static void write_checks(const struct reproducer *r, FILE *out)
{
    const struct bounded_sums *const sums = &r->kept.sums;
    for (int is_output = 1; is_output >= 0; is_output--)
        for (size_t i = 0; i < r->kept.count; i++) {
            const struct expectation *const e = &r->kept.list[i];
            const size_t buffer = recording_buffer(&r->recording, e->tensor.memory);
            if (buffer != NO_BUFFER && (e->judged > 0) == is_output)
                write_check(r, out, buffer, e);
        }
    const size_t buffer =
        r->kept.sums_memory ? recording_buffer(&r->recording, r->kept.sums_memory) : NO_BUFFER;
    if (buffer == NO_BUFFER)
        return;
    fprintf(out, "    check_sums(%s, %zu", r->names[buffer],
            r->recording.buffers[buffer].bytes / (4 * sizeof(float)));
    write_real(out, sums->loss);
    write_real(out, sums->loss_error);
    write_real(out, sums->correct);
    write_real(out, sums->correct_error);
    fprintf(out, ");\n");
}

static void write_main(const struct reproducer *r, FILE *out)
{
    const struct recording *const recording = &r->recording;
    fprintf(out, "\nint main(int argc, char **argv)\n{\n    open_device(");
    write_string(out, r->about->platform_name);
    fprintf(out, ", ");
    write_string(out, r->about->name);
    fprintf(out, ", argc > 1 ? argv[1] : NULL);\n");
    for (size_t p = 0; p < recording->program_count; p++) {
        char file[32];
        name_program(p, file);
        fprintf(out, "    const cl_program program_%zu = build_program(\"%s\", ", p + 1, file);
        write_string(out, recording->programs[p].options);
        fprintf(out, ");\n");
    }
    for (size_t b = 0; b < recording->buffer_count; b++)
        fprintf(out, "    const cl_mem %s = make_buffer(\"%s.bin\", %zu);\n", r->names[b], r->names[b],
                recording->buffers[b].room);
    for (size_t e = 0; e < recording->event_count; e++)
        if (recording->events[e].content)
            fprintf(out, "    write_buffer(%s, \"write_%zu.bin\");\n", r->names[recording->events[e].buffer],
                    e + 1);
        else
            write_launch(r, out, &recording->events[e]);
    write_checks(r, out);
    fprintf(out, "    return verdict();\n}\n");
}

/* ---- the texts ---- */

static const char *wrong_words(const struct reproducer *r)
{
    return r->judgement.first[0]    ? r->judgement.first
           : r->judgement.detail[0] ? r->judgement.detail
                                    : r->why.message;
}

static void write_program(const struct reproducer *r, FILE *out)
{
    fprintf(out, "/* " BUILD "\n *\n * ");
    write_comment(out, r->check->operation);
    fprintf(out, " of ");
    write_comment(out, r->check->smallest);
    fprintf(out, " is wrong on ");
    write_comment(out, r->about->name);
    fprintf(out, ":\n * ");
    write_comment(out, wrong_words(r));
    fprintf(out, "\n *\n * README says more. */\n%s", recording_replay());
    write_main(r, out);
}

static void write_readme(const struct reproducer *r, FILE *out)
{
    const char *variable;
    fprintf(
        out,
        "%s of %s\nis wrong on %s, driver %s, platform %s (%s):\n    %s\n\n"
        "Build and run it in this folder. It needs OpenCL and a C compiler, and nothing else:\n"
        "    " BUILD "\n    ./reproducer\n\n"
        "It takes the device of that name, or another one of that platform; ./reproducer P:D takes another.\n"
        "It prints the first wrong element and the worst one, with what was expected and how far from that an\n"
        "element may be. Its exit code is 0 if all elements are right, 1 if one is wrong, 2 if OpenCL fails.\n",
        r->check->operation, r->check->smallest, r->about->name, r->about->driver, r->about->platform_name,
        r->about->platform_version, wrong_words(r));
    for (size_t n = 0; (variable = recording_environment(n)); n++)
        fprintf(out, "%s    %s\n", n ? "" : "\nThe environment had:\n", variable);
    fprintf(out,
            "\nreproducer.c   the program\n"
            "kernel.cl      OpenCL C as the driver got it; reproducer.c has the options of its build\n"
            "*.bin          buffers, as they were before\n"
            "*.right        pairs of double: a right element, and its bound\n\n"
            "Found by clmlp %s.\n",
            clm_version());
}

/* ---- writing ---- */

static clm_status put_right(const struct reproducer *r, size_t buffer, const struct expectation *e,
                            struct clm_error *error)
{
    const size_t bytes = 2 * e->judged * sizeof(double);
    double *const pairs = malloc(bytes + 1);
    if (!pairs)
        return clm_fail_host_memory(error, "a reproducer", bytes);
    for (size_t i = 0; i < e->judged; i++) {
        pairs[2 * i] = e->values[i];
        pairs[2 * i + 1] = e->errors[i];
    }
    const clm_status status = put_file(r, r->names[buffer], ".right", pairs, bytes, error);
    free(pairs);
    return status;
}

static clm_status put_buffers(const struct reproducer *r, struct clm_error *error)
{
    const struct recording *const recording = &r->recording;
    clm_status status = CLM_OK;
    char name[NAME_MOST];
    for (size_t b = 0; status == CLM_OK && b < recording->buffer_count; b++) {
        const struct expectation *const e = expected_in(r, b);
        status = put_file(r, r->names[b], ".bin", recording->buffers[b].content, recording->buffers[b].bytes,
                          error);
        if (status == CLM_OK && e && e->judged)
            status = put_right(r, b, e, error);
    }
    for (size_t n = 0; status == CLM_OK && n < recording->event_count; n++) {
        const struct recorded_event *const event = &recording->events[n];
        snprintf(name, sizeof name, "write_%zu", n + 1);
        if (event->content)
            status = put_file(r, name, ".bin", event->content, event->bytes, error);
    }
    return status;
}

static clm_status put_all(struct reproducer *r, struct clm_error *error)
{
    const struct recording *const recording = &r->recording;
    clm_status status = put_buffers(r, error);
    for (size_t p = 0; status == CLM_OK && p < recording->program_count; p++) {
        char file[32];
        name_program(p, file);
        status = put_file(r, file, "", recording->programs[p].source, strlen(recording->programs[p].source),
                          error);
    }
    if (status == CLM_OK)
        status = put_text(r, "README", write_readme, error);
    return status ? status : put_text(r, "reproducer.c", write_program, error);
}

static clm_status write_folder(struct reproducer *r, const char *directory, struct clm_error *error)
{
    struct staging staging = {0};
    const size_t room = r->recording.buffer_count + 1;
    r->names = calloc(room, sizeof *r->names);
    clm_status status =
        r->names ? CLM_OK : clm_fail_host_memory(error, "a reproducer", room * sizeof *r->names);
    if (status == CLM_OK)
        status = staging_begin(directory, &staging, error);
    if (status == CLM_OK) {
        r->folder = staging.path;
        name_buffers(r);
        status = put_all(r, error);
    }
    if (status == CLM_OK)
        status = staging_commit(&staging, NULL, error);
    staging_drop(&staging);
    free(r->names);
    return status;
}

/* ---- recording ---- */

static void drop_recording(struct reproducer *r)
{
    recording_free(&r->recording);
    expectations_free(&r->kept);
}

/* Runs the case once, recorded. */
static clm_status record_case(struct reproducer *r, struct clm_backend *device, struct clm_backend *bounds,
                              struct clm_error *error)
{
    const clm_status status = backend_record_start(device, &r->recording, error);
    if (status != CLM_OK)
        return status;
    r->judgement = judgement_begin();
    r->judgement.kept = &r->kept;
    r->why = (struct clm_error){0};
    r->why.status = case_judge(device, bounds, r->which, &r->judgement, &r->why);
    backend_record_stop(device);
    return CLM_OK;
}

/* Fails, with a reason, if the recording does not show what is wrong. */
static clm_status check_recording(const struct reproducer *r, struct clm_error *error)
{
    if (r->recording.library_call)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "its product is a call of %s, whose kernels clmlp does not know; another provider's check can be written",
            r->recording.library_call);
    if (r->why.status != CLM_OK && !r->check->is_error)
        return clm_fail(error, r->why.status, "%.400s", r->why.message);
    if (r->why.status == CLM_OK && r->judgement.worst <= 1)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "each element was within its bound when it was run again, %d times", TRIES_MOST);
    return r->recording.event_count ? CLM_OK : clm_fail(error, CLM_ERROR_ARGUMENT, "it launches no kernel");
}

clm_status reproducer_check(const char *directory, struct clm_backend *device, struct clm_error *error)
{
    struct recording recording;
    struct staging staging = {0};
    if (!directory)
        return CLM_OK;
    clm_status status = backend_record_start(device, &recording, error);
    if (status != CLM_OK)
        return status;
    backend_record_stop(device);
    if (!staging_is_free(directory))
        return clm_fail_setting(
            error, CLM_ERROR_IO, "reproducer",
            "%s is there already, and is not an empty directory; remove it, or name another", directory);
    status = staging_begin(directory, &staging, error);
    staging_drop(&staging);
    return status;
}

void reproducer_write(const char *directory, struct clm_backend *device, struct clm_backend *bounds,
                      const struct clm_device *about, const struct check_case *which, struct clm_check *check)
{
    struct reproducer r = {.which = which, .check = check, .about = about};
    struct clm_error error = {0};
    clm_status status = record_case(&r, device, bounds, &error);
    for (int tried = 1; status == CLM_OK && tried < TRIES_MOST && !r.why.status && r.judgement.worst <= 1;
         tried++) {
        drop_recording(&r);
        status = record_case(&r, device, bounds, &error);
    }
    if (status == CLM_OK)
        status = check_recording(&r, &error);
    if (status == CLM_OK)
        status = write_folder(&r, directory, &error);
    drop_recording(&r);
    check->has_reproducer = status == CLM_OK;
    snprintf(check->reproducer, sizeof check->reproducer, "%.500s", status ? error.message : directory);
}
