/* Runs a command of the program over and over in one directory, and makes another call of it fail each time.
 *
 *   faults OPTION... -- COMMAND ARGUMENT...     (--help lists the options)
 *
 * The current directory holds what the command needs; a copy beside it restores it after each run. If a call
 * fails, the program must end with exit 1, a sentence that mentions the call, no leak (if built with
 * AddressSanitizer) and every file as it was. If `tolerated` lists the call, it may have another sentence, or
 * exit 0 and the files of a run without failures. If printing failed, these files may be there, too; what
 * could not be removed may stay. A command that reports failures may continue after any that it mentions, and
 * leave its files. tests/faults/test_faults.sh has the commands, and how to try them all. */
#include "faults/faults.h"

#include "check/case.h"

#include <cairo.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_SANITIZER = 99, SECONDS_MOST = 7200, TEXT_MOST = 1 << 16, CALLERS_LISTED = 5, TRIES_MOST = 3 };

int __real_main(int argc, char **argv);
int __wrap_main(int argc, char **argv);
void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t size) __attribute__((weak));
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

/* A sanitizer's finding ends the program with a code of its own. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "exitcode=99:detect_leaks=1";
}

static const char help[] =
    "faults OPTION... -- COMMAND ARGUMENT...\n"
    "  --sites           one call of each place in the program, not every call\n"
    "  --known FILE      places that were tried before, and so are left out; those tried now are added\n"
    "  --depth N         callers that tell one place from another, 1 to 6 (default 3)\n"
    "  --lasting         later calls of the same name fail, too\n"
    "  --part K/N        a part of the places, by a number of each: those that leave the remainder of K by N\n"
    "  --from K --to K   only these, as they were numbered\n"
    "  --cache NAME      a folder that a run that fails may write to, whole files only\n"
    "  --keeps PATTERN   files that a failed run may leave as a whole one does, where it says that they are kept\n"
    "  --varies PATTERN  files that the time is in: only that they are there counts\n"
    "  --reports         the command tells of failures: it may go on after those that it speaks of\n"
    "  --work N          leave out checks of more than N products of two numbers: the same calls, in minutes\n"
    "  --tolerated FILE  failures that need not end the program: lines of CALL CALLER REASON\n"
    "  --show            a line for each\n";

static struct {
    bool is_by_site, shows, reports;
    double work;
    size_t from, to;
    uint64_t part, parts;
    const char *cache, *varies, *keeps, *tolerated, *known;
    int argc;
    char **argv;
} options = {.from = 1, .to = SIZE_MAX, .parts = 1, .work = INFINITY};

/* ---- text and files ---- */

static void *must(void *pointer)
{
    if (!pointer) {
        fprintf(stderr, "faults: no memory\n");
        exit(2);
    }
    return pointer;
}

/* The whole file, which the caller frees; empty if there is none. */
static char *read_text(const char *path)
{
    char *const text = must(calloc(1, TEXT_MOST));
    FILE *const file = fopen(path, "rb");
    if (file) {
        fread(text, 1, TEXT_MOST - 1, file);
        fclose(file);
    }
    return text;
}

static void shell(const char *command)
{
    if (system(command)) {
        fprintf(stderr, "faults: %s failed\n", command);
        exit(2);
    }
}

static bool matches(const char *text, const char *pattern)
{
    regex_t expression;
    if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE | REG_ICASE))
        abort();
    const bool is_match = !regexec(&expression, text, 0, NULL, 0);
    regfree(&expression);
    return is_match;
}

/* ---- the directory: one line per file, "PATH HASH" ---- */

static FILE *listing;
static bool lists_cache;
static const char *bad_cache_file; /* an incomplete file in the cache */

static bool is_in_cache(const char *path)
{
    const size_t length = options.cache ? strlen(options.cache) : 0;
    return length && !strncmp(path, options.cache, length) && path[length] == '/';
}

static void check_cache_file(const char *path)
{
    json_t *const root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    static char name[512];
    if (!root || !matches(path, "\\.json$")) {
        snprintf(name, sizeof name, "%s", path);
        bad_cache_file = name;
    }
    json_decref(root);
}

static int list_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    (void)about;
    (void)place;
    if (!strcmp(path, "."))
        return 0;
    path += 2; /* "./" */
    if (kind != FTW_F && kind != FTW_SL) {
        if (lists_cache || !options.cache || strncmp(path, options.cache, strlen(options.cache)) != 0)
            fprintf(listing, "%s/\n", path);
        return 0;
    }
    if (is_in_cache(path) && !lists_cache) {
        check_cache_file(path);
        return 0;
    }
    FILE *const file = options.varies && matches(path, options.varies) ? NULL : fopen(path, "rb");
    for (int byte; file && (byte = getc_unlocked(file)) != EOF;)
        hash = (hash ^ (unsigned char)byte) * UINT64_C(0x100000001b3);
    if (file)
        fclose(file);
    fprintf(listing, "%s %016jx\n", path, (uintmax_t)hash);
    return 0;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A sorted list, which the caller frees. The cache's files are in it only if has_cache; all must be whole. */
static char *list_files(bool has_cache)
{
    char *text = NULL, *lines[4096], *sorted = NULL;
    size_t size = 0, count = 0;
    bad_cache_file = NULL;
    lists_cache = has_cache;
    listing = must(open_memstream(&text, &size));
    nftw(".", list_one, 16, FTW_PHYS);
    fclose(listing);
    for (char *line = strtok(text, "\n"); line && count < 4096; line = strtok(NULL, "\n"))
        lines[count++] = line;
    qsort(lines, count, sizeof *lines, compare_lines);
    listing = must(open_memstream(&sorted, &size));
    for (size_t i = 0; i < count; i++)
        fprintf(listing, "%s\n", lines[i]);
    fclose(listing);
    free(text);
    return sorted;
}

/* Lines that are in `a` and not in `b`. */
static char *difference(const char *a, const char *b)
{
    static char text[512];
    text[0] = '\0';
    char *const copy = must(strdup(a));
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n"))
        if (!strstr(b, line))
            snprintf(text + strlen(text), sizeof text - strlen(text), " %s", line);
    free(copy);
    return text;
}

/* The lines of `list` without those of kept files; the caller frees it. */
static char *without_kept(const char *list)
{
    char *rest = NULL, *const copy = must(strdup(list));
    size_t size = 0;
    FILE *const out = must(open_memstream(&rest, &size));
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n"))
        if (!matches(line, options.keeps))
            fprintf(out, "%s\n", line);
    fclose(out);
    free(copy);
    return rest;
}

/* Whether the files are those from before, plus files of a whole run that it says are kept. */
static bool is_kept(const char *now, const char *before, const char *after_success, const char *said)
{
    if (!options.keeps || !matches(said, " is kept in ") || *difference(now, after_success))
        return false;
    char *const rest = without_kept(now), *const rest_before = without_kept(before);
    const bool is_it = strlen(rest) < strlen(now) && !strcmp(rest, rest_before);
    free(rest);
    free(rest_before);
    return is_it;
}

static void put_back(void)
{
    shell("find . -mindepth 1 -delete && cp -a ../before/. .");
}

/* ---- one run ---- */

__attribute__((noinline)) static void run_child(void)
{
    fault_plan->bottom = __builtin_return_address(0);
    const int out = open("../out", O_WRONLY | O_CREAT | O_TRUNC, 0666),
              err = open("../err", O_WRONLY | O_CREAT | O_TRUNC, 0666), in = open("/dev/null", O_RDONLY);
    if (out < 0 || err < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(2);
    close(in);
    close(out);
    close(err);
    alarm(SECONDS_MOST); /* SIGALRM ends a run that hangs */
    fault_plan->is_armed = true;
    const int code = __real_main(options.argc, options.argv);
    fault_plan->is_armed = false;
    exit(code);
}

/* What the program said; for a command that reports failures also its table. The caller frees it. */
static char *what_was_said(void)
{
    char *text = NULL, *const err = read_text("../err"),
         *const out = options.reports ? read_text("../out") : NULL;
    if (asprintf(&text, "%s%s", err, out ? out : "") < 0)
        must(NULL);
    free(err);
    free(out);
    return text;
}

/* Returns waitpid's state. */
static int run_program(size_t target, uint64_t hash)
{
    int state = 0;
    fault_plan->target = target;
    fault_plan->target_hash = hash;
    fault_plan->count = fault_plan->failed = 0;
    fault_plan->is_armed = false;
    fflush(NULL);
    const pid_t child = fork();
    if (!child)
        run_child();
    if (child < 0 || waitpid(child, &state, 0) != child) {
        perror("faults");
        exit(2);
    }
    return state;
}

/* run_program, and what it said, which the caller frees. LeakSanitizer's process sometimes dies if a driver's
 * threads end while it looks: then the run is repeated. */
static int run_until_looked_at(size_t target, uint64_t hash, char **said)
{
    for (int tries = 1;; tries++) {
        const int state = run_program(target, hash);
        *said = what_was_said();
        if (!WIFEXITED(state) || WEXITSTATUS(state) != EXIT_SANITIZER || tries == TRIES_MOST ||
            !matches(*said, "Tracer caught signal"))
            return state;
        free(*said);
        put_back();
        if (!target)
            fault_plan->site_count = 0; /* the next run lists the sites anew */
    }
}

/* ---- what a run must do ---- */

enum { PLACE_MOST = 512 };
static int ask_place = -1, hear_place = -1;

/* A separate process finds the names of places: it reads hundreds of MB of debugging information, whose page
 * tables every run forked from this process would copy. */
static void serve_places(int questions, int answers)
{
    for (void *caller; read(questions, &caller, sizeof caller) == sizeof caller;) {
        /* functions that are inlined there, and then the one that has them: strings, and an empty one */
        char found[PLACE_MOST] = "unknown", text[PLACE_MOST] = "";
        if (__sanitizer_symbolize_pc && caller)
            __sanitizer_symbolize_pc((char *)caller - 1, "%f %s:%l", found, sizeof found - 1);
        for (const char *function = found; *function; function += strlen(function) + 1) {
            const char *const slash = strrchr(function, '/');
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s %s", *text ? " < " : "",
                     (int)strcspn(function, " "), function, slash ? slash + 1 : "");
        }
        if (write(answers, text, sizeof text) != sizeof text)
            break;
    }
    _exit(0);
}

static void start_places(void)
{
    int questions[2], answers[2];
    if (pipe2(questions, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
        exit(2);
    const pid_t server = fork();
    if (server < 0)
        exit(2);
    if (!server) {
        close(questions[1]);
        close(answers[0]);
        serve_places(questions[0], answers[1]);
    }
    close(questions[0]);
    close(answers[1]);
    ask_place = questions[1];
    hear_place = answers[0];
}

/* "path_join file.c:20"; if that is inlined, " < " and its caller, too */
static const char *place_of(void *caller)
{
    static char text[PLACE_MOST];
    if (write(ask_place, &caller, sizeof caller) != sizeof caller ||
        read(hear_place, text, sizeof text) != sizeof text)
        exit(2);
    return text;
}

/* Whether the call is listed for one of its nearest callers. */
static bool is_tolerated(const struct fault_site *site)
{
    char pattern[600];
    char *const list = options.tolerated ? read_text(options.tolerated) : NULL;
    bool is_listed = false;
    for (int i = 0; list && !is_listed && i < CALLERS_LISTED && site->callers[i]; i++)
        for (const char *name = place_of(site->callers[i]), *next; name && !is_listed; name = next) {
            snprintf(pattern, sizeof pattern, "^(%s|\\*) +(%.*s|\\*) ", site->name, (int)strcspn(name, " "),
                     name);
            is_listed = matches(list, pattern);
            next = strstr(name, " < ");
            next = next ? next + 3 : NULL;
        }
    free(list);
    return is_listed;
}

/* Whether the call removes something, or looks for what to remove. */
static bool is_removal(const struct fault_site *site)
{
    bool is_it = matches(site->name, "^(unlink|unlinkat|rmdir|remove|nftw64)$");
    for (int i = 0; !is_it && i < CALLERS_LISTED && site->callers[i]; i++)
        is_it = matches(place_of(site->callers[i]), "(^|< )remove_replaced ");
    return is_it;
}

static bool speaks_of(const struct fault_site *site, const char *said)
{
    static const char *const patterns[] = {[KIND_MEMORY] = "memory",
                                           [KIND_FILE] = "(Input/output error|No space left)",
                                           [KIND_STREAM] =
                                               "^clmlp: .*(memory|No space left|an earlier write failed)",
                                           [KIND_THREAD] = "^clmlp: .*thread",
                                           [KIND_LIBRARY] = "(memory|Input/output error)",
                                           [KIND_QUIET] = "^clmlp: "};
    if (site->kind != KIND_DEVICE)
        return matches(said, patterns[site->kind]);
    /* all calls of a kind are listed under one name */
    const bool is_product = matches(site->name, "^CLBlastSgemm");
    return matches(said, is_product ? "CLBlastSgemm" : site->name);
}

/* NULL if all is well. */
static const char *judge(int state, const char *before, const char *after_success, const char *said)
{
    static char text[1024];
    const struct fault_site *const site = &fault_plan->site;
    if (WIFSIGNALED(state)) {
        snprintf(text, sizeof text, "killed by signal %d", WTERMSIG(state));
        return text;
    }
    if (WEXITSTATUS(state) == EXIT_SANITIZER)
        return "a sanitizer's finding";
    if (!fault_plan->failed && WEXITSTATUS(state))
        return "failed where no call did";
    if (!fault_plan->failed) /* time and threads may change what runs of a report do */
        return options.reports ? NULL : "was counted, and is not reached again";
    if (WEXITSTATUS(state) > 1 && !is_tolerated(site))
        return "an exit code above 1";
    char *const now = list_files(false);
    const char *problem = NULL;
    const char *const expected = WEXITSTATUS(state) ? before : after_success;
    const bool is_told = speaks_of(site, said);
    if (!WEXITSTATUS(state) && !(options.reports && is_told) && !is_tolerated(site))
        problem = "goes on, which is not among what is tolerated";
    else if (WEXITSTATUS(state) && !matches(said, "^clmlp: "))
        problem = "fails without a sentence";
    else if (WEXITSTATUS(state) && !is_told && !is_tolerated(site))
        problem = "no sentence speaks of it";
    else if (bad_cache_file && !is_removal(site)) {
        snprintf(text, sizeof text, "%s in the cache is not whole", bad_cache_file);
        problem = text;
    } else if (strcmp(now, expected) && !is_removal(site) && !is_kept(now, before, after_success, said) &&
               !((site->kind == KIND_STREAM || options.reports) && !strcmp(now, after_success))) {
        snprintf(text, sizeof text, "files: new:%s", difference(now, expected));
        snprintf(text + strlen(text), sizeof text - strlen(text), "; lost:%s", difference(expected, now));
        problem = text;
    }
    free(now);
    return problem;
}

static void print_run(size_t number, int state, const char *problem, const char *said)
{
    const struct fault_site *const site = &fault_plan->site;
    if (problem || options.shows)
        printf("%s%zu %s in %s", problem ? "failed: " : "", number, fault_plan->failed ? site->name : "none",
               place_of(site->callers[0]));
    for (size_t i = 1; (problem || options.shows) && i < FAULT_FRAMES && site->callers[i]; i++)
        printf(" < %s", place_of(site->callers[i]));
    if (problem)
        printf("\n    %s (exit %d)\n%.3000s\n", problem, WEXITSTATUS(state), said);
    else if (options.shows)
        printf(": exit %d: %s\n", WEXITSTATUS(state), said);
}

/* The files that a run without failures leaves, without those that differ each time. */
static char *list_success(void)
{
    char *lists[2];
    for (int i = 0; i < 2; i++) {
        fault_plan->site_count = 0;
        char *said = NULL;
        const int state = run_until_looked_at(0, 0, &said);
        if (!WIFEXITED(state) || WEXITSTATUS(state)) {
            fprintf(stderr, "faults: the command fails without a fault (%d): %s\n", state, said);
            exit(2);
        }
        free(said);
        lists[i] = list_files(false);
        put_back();
    }
    if (strcmp(lists[0], lists[1])) {
        fprintf(stderr, "faults: two runs leave different files:%s\n", difference(lists[0], lists[1]));
        exit(2);
    }
    free(lists[1]);
    return lists[0];
}

/* Whether --known has this place already; from now on it has. */
static bool is_known(uint64_t hash)
{
    char line[32];
    FILE *const file = options.known ? fopen(options.known, "a+") : NULL;
    bool is_there = false;
    if (!file)
        return false;
    rewind(file);
    while (!is_there && fgets(line, sizeof line, file))
        is_there = strtoull(line, NULL, 16) == hash;
    fseek(file, 0, SEEK_END);
    if (!is_there)
        fprintf(file, "%016jx\n", (uintmax_t)hash);
    fclose(file);
    return is_there;
}

/* Loads the configuration of fonts once: that takes longer than a run. Its leaks are not ours, and would have
 * to be told apart by callers' names each time. */
static void load_fonts(void)
{
    if (__lsan_disable)
        __lsan_disable();
    cairo_surface_t *const surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 16, 16);
    cairo_t *const context = cairo_create(surface);
    for (int weight = CAIRO_FONT_WEIGHT_NORMAL; weight <= CAIRO_FONT_WEIGHT_BOLD; weight++) {
        cairo_select_font_face(context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, (cairo_font_weight_t)weight);
        cairo_show_text(context, "a");
    }
    cairo_destroy(context);
    cairo_surface_destroy(surface);
    if (__lsan_enable)
        __lsan_enable();
}

/* Hashes of places differ in few bits; this mixes them (finaliser of MurmurHash3). */
static bool is_in_part(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (hash ^ hash >> 33) % options.parts == options.part;
}

static int try_all(void)
{
    size_t tried = 0, failures = 0, tolerated = 0;
    shell("rm -rf ../before && cp -a . ../before");
    char *const all_before = list_files(true), *const before = list_files(false),
                *const after = list_success();
    const size_t count = options.is_by_site ? fault_plan->site_count : fault_plan->count;
    for (size_t k = options.from; k <= count && k <= options.to; k++) {
        if (options.is_by_site && !is_in_part(fault_plan->sites[k - 1].hash))
            continue;
        if (options.is_by_site && is_known(fault_plan->sites[k - 1].hash))
            continue;
        char *said = NULL;
        const int state = run_until_looked_at(options.is_by_site ? 0 : k,
                                              options.is_by_site ? fault_plan->sites[k - 1].hash : 0, &said);
        const char *const problem = judge(state, before, after, said);
        tried += fault_plan->failed > 0;
        failures += problem != NULL;
        tolerated += !state && !problem && fault_plan->failed;
        print_run(k, state, problem, said);
        free(said);
        char *const now = list_files(true);
        if (strcmp(now, all_before))
            put_back();
        free(now);
    }
    printf("%zu of %zu tried, %zu tolerated, %zu failed\n", tried, count, tolerated, failures);
    free(all_before);
    free(before);
    free(after);
    return failures != 0;
}

/* ---- the driver ---- */

clm_status __real_case_list_add(struct case_list *list, const struct check_case *which,
                                struct clm_error *error);
clm_status __wrap_case_list_add(struct case_list *list, const struct check_case *which,
                                struct clm_error *error);
clm_status __wrap_case_list_add(struct case_list *list, const struct check_case *which,
                                struct clm_error *error)
{
    return case_work(which) > options.work ? CLM_OK : __real_case_list_add(list, which, error);
}

int __wrap_main(int argc, char **argv)
{
    static const struct option names[] = {
        {"sites", 0, NULL, 's'},   {"depth", 1, NULL, 'd'},     {"lasting", 0, NULL, 'l'},
        {"from", 1, NULL, 'f'},    {"to", 1, NULL, 't'},        {"cache", 1, NULL, 'c'},
        {"keeps", 1, NULL, 'K'},   {"tolerated", 1, NULL, 'T'}, {"show", 0, NULL, 'S'},
        {"varies", 1, NULL, 'v'},  {"known", 1, NULL, 'k'},     {"help", 0, NULL, 'h'},
        {"reports", 0, NULL, 'r'}, {"work", 1, NULL, 'w'},      {"part", 1, NULL, 'p'},
        {NULL, 0, NULL, 0}};
    void *frames[4];
    backtrace(frames, 4); /* loads what backtrace needs before calls are counted */
    fault_plan = mmap(NULL, sizeof *fault_plan, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fault_plan == MAP_FAILED)
        return 2;
    fault_plan->depth = 3;
    for (int option; (option = getopt_long(argc, argv, "+", names, NULL)) != -1;)
        switch (option) {
        case 's':
            options.is_by_site = true;
            break;
        case 'd':
            fault_plan->depth = strtoul(optarg, NULL, 10);
            break;
        case 'l':
            fault_plan->is_lasting = true;
            break;
        case 'f':
            options.from = strtoul(optarg, NULL, 10);
            break;
        case 't':
            options.to = strtoul(optarg, NULL, 10);
            break;
        case 'c':
            options.cache = optarg;
            break;
        case 'k':
            options.known = optarg;
            break;
        case 'K':
            options.keeps = optarg;
            break;
        case 'v':
            options.varies = optarg;
            break;
        case 'T':
            options.tolerated = optarg;
            break;
        case 'p': {
            char *rest;
            options.part = strtoull(optarg, &rest, 10);
            options.parts = *rest == '/' ? strtoull(rest + 1, NULL, 10) : 0;
            if (!options.parts) {
                fprintf(stderr, "faults: --part %s is no part like 1/4\n", optarg);
                return 2;
            }
            options.part %= options.parts;
            break;
        }
        case 'S':
            options.shows = true;
            break;
        case 'r':
            options.reports = true;
            break;
        case 'w':
            options.work = strtod(optarg, NULL);
            break;
        case 'h':
            printf("%s", help);
            return 0;
        default:
            fprintf(stderr, "%s", help);
            return 2;
        }
    if (optind == argc) {
        fprintf(stderr, "%s", help);
        return 2;
    }
    start_places();
    load_fonts();
    options.argv = argv + optind - 1;
    options.argc = argc - optind + 1;
    options.argv[0] = argv[0];
    optind = 1;
    return try_all();
}
