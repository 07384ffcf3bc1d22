/* The formats of other programs. A new one is a row here, and a file that writes it. */
#ifndef CLM_EXPORT_FORMAT_H
#define CLM_EXPORT_FORMAT_H

#include "export/portable.h"

struct export_format {
    const char *name;
    bool has_int8; /* weights can be int8 */
    /* Replaces the file at `path`. */
    clm_status (*write)(const struct portable *net, const char *path,
                        const struct clm_export_options *options, struct clm_error *error);
};

extern const struct export_format npz_export, pytorch_export, c_export, onnx_export;

#endif
