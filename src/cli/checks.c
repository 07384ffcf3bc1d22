#include "cli/checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct repeating repeat_check(const struct check_source *source, const struct clm_check *check)
{
    const struct clm_device *const about = clm_backend_about(source->backend);
    struct repeating repeating;
    char where[128];
    if (about)
        snprintf(where, sizeof where, "--device %u:%u --gemm %.63s", about->platform, about->index,
                 clm_backend_provider(source->backend));
    else
        snprintf(where, sizeof where, "--backend %s", clm_backend_name(source->backend));
    snprintf(repeating.command, sizeof repeating.command,
             "clmlp verify %s%s --only %s --shape \"%s\" --seed %" PRIu64, where,
             source->is_full ? " --full" : "", check->operation, check->smallest, source->seed);
    return repeating;
}

void check_list_add(struct check_list *list, const struct check_source *source, const struct clm_check *check)
{
    json_t *const object = json_pack("{ss ss ss so sb}", "operation", check->operation, "shape", check->shape,
                                     "provider", clm_backend_provider(source->backend), "error_over_bound",
                                     json_number(check->error_over_bound), "passed", check->passed);
    list->count++;
    list->failures += !check->passed;
    if (check->passed && check->error_over_bound > list->worst)
        list->worst = check->error_over_bound;
    if (!check->passed) {
        json_object_put(object, "detail", json_text(check->detail));
        json_object_put(object, "smallest_shape", json_text(check->smallest));
        json_object_put(object, "repeat", json_text(repeat_check(source, check).command));
    }
    json_list_add(list->checks, object);
}

void print_failure(const struct check_source *source, const struct clm_check *check, const char *indent)
{
    if (check->detail[0])
        printf("%s%s\n", indent, check->detail);
    printf("%sagain: %s\n", indent, repeat_check(source, check).command);
}

json_t *checks_json(const struct clm_device *about, const char *device, const char *backend, bool passed,
                    json_t *checks)
{
    json_t *const object =
        json_pack("{so ss sb ss ss so}", "device", json_text(device), "backend", backend, "passed", passed,
                  "program", "clmlp", "version", clm_version(), "checks", checks);
    if (about && object) {
        json_object_put(object, "driver", json_text(about->driver));
        json_object_put(object, "device_version", json_text(about->version));
        json_object_put(object, "platform", json_text(about->platform_name));
        json_object_put(object, "platform_version", json_text(about->platform_version));
    }
    return object;
}
