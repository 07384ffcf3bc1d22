#include "data/place.h"

#include "base/file.h"
#include "data/formats/cifar.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const digit_names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
static const char *const fashion_names[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                            "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

static const struct known_set known_sets[] = {
    {"fashion-mnist", 10, fashion_names,
     "install the package dataset-fashion-mnist, or put its files into one of these"},
    {"mnist", 10, digit_names, "put its files into one of these, or give the path of a file or directory"},
    {"cifar10", CIFAR_CLASSES, cifar10_class_names,
     "put cifar-10-binary.tar.gz into one of these; doc/data.md says where it comes from"},
    {"cifar100", CIFAR100_CLASSES, cifar100_class_names,
     "put cifar-100-binary.tar.gz into one of these; doc/data.md says where it comes from"},
};

const struct known_set *known_set_named(const char *name)
{
    for (size_t i = 0; i < sizeof known_sets / sizeof *known_sets; i++)
        if (!strcmp(known_sets[i].name, name))
            return known_sets + i;
    return NULL;
}

const struct known_set *known_set_at(const char *path)
{
    struct stat about;
    char *whole = realpath(path, NULL);
    if (!whole)
        return NULL;
    char *directory = whole;
    if (!stat(whole, &about) && !S_ISDIR(about.st_mode))
        directory = dirname(whole);
    const struct known_set *known = known_set_named(basename(directory));
    free(whole);
    return known;
}

/* The paths where `name` is looked for; NULL for one that does not apply. False if there is no memory. */
static bool list_places(const char *name, char *places[3])
{
    const char *own = getenv("CLMLP_DATA"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const bool has_xdg = xdg && *xdg;
    const char *const base = has_xdg ? xdg : home;
    if (own && *own && !(places[0] = path_join(own, name)))
        return false;
    if (base && *base &&
        asprintf(&places[1], "%s/%sclmlp/%s", base, has_xdg ? "" : ".local/share/", name) < 0) {
        places[1] = NULL;
        return false;
    }
    places[2] = path_join("/usr/share/datasets", name);
    return places[2] != NULL;
}

static clm_status fail_nowhere(const char *source, char *const places[3], struct clm_error *error)
{
    const struct known_set *const known = known_set_named(source);
    const char *is_what =
        known ? "was not found"
              : "is no file, no directory and no known data set (fashion-mnist, mnist, cifar10, cifar100)";
    const char *here = known && is_there(source) ? "; for the one in this directory write ./" : "";
    const char *remedy =
        known ? known->remedy : "put its files into one of these, or give the path of a file or directory";
    return clm_fail(error, CLM_ERROR_IO, "the data set %s %s: looked for %s%s%s%s%s; %s%s%s", source, is_what,
                    places[0] ? places[0] : "", places[0] ? ", " : "", places[1] ? places[1] : "",
                    places[1] ? " and " : "", places[2], remedy, here, *here ? source : "");
}

clm_status place_find(const char *source, char **path, struct clm_error *error)
{
    char *places[3] = {NULL};
    clm_status status = CLM_OK;
    *path = NULL;
    if (!known_set_named(source) && (strchr(source, '/') || is_there(source))) {
        *path = strdup(source);
        return *path ? CLM_OK : clm_fail_host_memory(error, source, strlen(source) + 1);
    }
    if (!list_places(source, places)) {
        status = clm_fail_host_memory(error, source, strlen(source) + 1);
        goto cleanup;
    }
    for (int i = 0; i < 3 && !*path; i++) {
        if (places[i] && is_there(places[i])) {
            *path = places[i];
            places[i] = NULL;
        }
    }
    if (!*path)
        status = fail_nowhere(source, places, error);
cleanup:
    for (int i = 0; i < 3; i++)
        free(places[i]);
    return status;
}
