/* clmlp devices: lists all platforms and devices, and the one that other commands take. */
#include "cli/arguments.h"

#include <stdio.h>
#include <string.h>

static double gibibytes(uint64_t bytes)
{
    return (double)bytes / (1 << 30);
}

static void print_device(const struct clm_device *device)
{
    printf("%c %u:%u  %s  [%s]\n", device->is_taken ? '*' : ' ', device->platform, device->index,
           printable(device->name).text, device_type_name(device->type));
    printf("       platform   %s, %s\n", printable(device->platform_name).text,
           printable(device->platform_version).text);
    printf("       version    %s, driver %s, vendor %s\n", printable(device->version).text,
           printable(device->driver).text, printable(device->vendor).text);
    printf("       compute    %u units at %u MHz, work-groups up to %zu\n", device->compute_units,
           device->clock_mhz, device->max_work_group);
    printf("       memory     %.2f GiB, at once %.2f GiB, local %.0f KiB\n", gibibytes(device->global_memory),
           gibibytes(device->max_allocation), (double)device->local_memory / 1024);
    printf("       %s%-9s  %s%s\n\n", device->is_taken ? colour(GREEN) : "",
           device->is_taken ? "taken" : "not taken", printable(device->reason).text,
           device->is_taken ? colour(PLAIN) : "");
}

static json_t *cli_devices_describe(const struct clm_device *device)
{
    return json_pack(
        "{sI sI ss so so so so so so sI sI sI sI sI sI sb so}", "platform", (json_int_t)device->platform,
        "device", (json_int_t)device->index, "type", device_type_name(device->type), "name",
        json_text(device->name), "vendor", json_text(device->vendor), "version", json_text(device->version),
        "driver", json_text(device->driver), "platform_name", json_text(device->platform_name),
        "platform_version", json_text(device->platform_version), "compute_units",
        (json_int_t)device->compute_units, "clock_mhz", (json_int_t)device->clock_mhz, "global_memory",
        (json_int_t)device->global_memory, "max_allocation", (json_int_t)device->max_allocation,
        "local_memory", (json_int_t)device->local_memory, "max_work_group",
        (json_int_t)device->max_work_group, "taken", device->is_taken, "reason", json_text(device->reason));
}

static json_t *describe_all(const struct clm_device *devices, size_t count)
{
    json_t *const list = json_array();
    for (size_t d = 0; d < count; d++)
        json_list_add(list, cli_devices_describe(&devices[d]));
    return list;
}

static int cli_devices_report(const struct clm_settings *settings, const char *selector,
                              const struct clm_device *devices, size_t count)
{
    const char *const json = clm_settings_text(settings, "json");
    const bool is_default = default_device() && !clm_settings_is_set(settings, "device");
    const char *const option = is_default ? "CLMLP_DEVICE=" : "--device ";
    const struct clm_device *taken = NULL;
    const bool is_quiet = is_json_alone(settings);
    for (size_t d = 0; d < count; d++) {
        taken = devices[d].is_taken ? &devices[d] : taken;
        if (!is_quiet)
            print_device(&devices[d]);
    }
    if (json && !write_json("devices", json, describe_all(devices, count)))
        return EXIT_FAILED;
    if (!count)
        complain(
            "devices",
            "the OpenCL platforms have no device; `clmlp doctor' tells what they lack, or use --backend blas");
    else if (!taken && !strcmp(selector, "auto"))
        complain("devices", "%s%s takes none of the %zu device%s found: %s", option, selector, count,
                 count == 1 ? "" : "s", devices[count - 1].reason);
    else if (!taken)
        complain("devices",
                 "%s%s takes none of the %zu device%s found; choose by P:D, by type or by a part of the name",
                 option, selector, count, count == 1 ? "" : "s");
    else if (!is_quiet)
        printf("%s%s takes %u:%u\n", option, selector, taken->platform, taken->index);
    return taken ? EXIT_DONE : EXIT_FAILED;
}

static clm_status list_devices(struct invocation *in, struct clm_error *error)
{
    const bool is_default = default_device() && !clm_settings_is_set(in->settings, "device");
    const char *const selector = is_default ? default_device() : clm_settings_text(in->settings, "device");
    struct clm_device *devices = NULL;
    size_t count;
    begin_wait("trying the devices; kernels that no cache of their drivers has are built");
    clm_status status = load_drivers(error);
    if (status == CLM_OK)
        status = clm_devices_list(selector, &devices, &count, error);
    end_wait();
    if (status == CLM_OK)
        in->code = cli_devices_report(in->settings, selector, devices, count);
    clm_devices_free(devices);
    return status;
}

const struct command command_devices = {
    "devices", "list OpenCL devices, and which one would be taken and why", list_devices,
    "Lists every device of every OpenCL platform. The one that --device (or $CLMLP_DEVICE, or auto) takes is marked *; auto takes a GPU, an accelerator or a CPU, in that order, that passes a quick self-test; of several GPUs, one with memory of its own first, then the fastest."};
