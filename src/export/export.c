#include "export/format.h"

#include "base/file.h"

#include <string.h>

static const struct export_format *const export_formats[] = {&onnx_export, &npz_export, &pytorch_export,
                                                             &c_export};
static const size_t export_format_count = sizeof export_formats / sizeof *export_formats;

size_t clm_export_names(const char **names, size_t most)
{
    for (size_t i = 0; i < export_format_count && i < most; i++)
        names[i] = export_formats[i]->name;
    return export_format_count;
}

static const struct export_format *export_format_named(const char *name)
{
    for (size_t i = 0; name && i < export_format_count; i++)
        if (!strcmp(export_formats[i]->name, name))
            return export_formats[i];
    return NULL;
}

clm_status clm_model_export(const struct clm_model *model, const char *path,
                            const struct clm_export_options *options, struct clm_error *error)
{
    const struct export_format *const format = export_format_named(options->format);
    struct portable net;
    clm_status status = check_given(path, "path for the model", error);
    if (status == CLM_OK && !format)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "there is no format of models named %.100s",
                        options->format ? options->format : "(none)");
    if (status == CLM_OK && options->is_int8 && !format->has_int8)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "int8",
                                "models of the format %s have weights of float32; leave int8 out, or write c",
                                format->name);
    if (status == CLM_OK && !options->replaces && is_there(path) && !file_is_written_in_place(path))
        return clm_fail_setting(error, CLM_ERROR_IO, "force",
                                "%s: is there already; name another place, or let it be replaced", path);
    if (status != CLM_OK)
        return status;
    status = portable_create(model, &net, error);
    if (status == CLM_OK)
        status = format->write(&net, path, options, error);
    portable_free(&net);
    return status;
}
