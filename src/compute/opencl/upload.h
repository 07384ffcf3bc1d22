/* Uploads to a device that has memory of its own, from page-locked host memory: a card reads that by itself,
 * at the full speed of its bus, while the host copies the next piece. */
#ifndef CLM_COMPUTE_OPENCL_UPLOAD_H
#define CLM_COMPUTE_OPENCL_UPLOAD_H

#include "compute/opencl/device.h"

#include <pthread.h>

/* Two pieces of page-locked memory, made at the first upload. */
struct uploads {
    pthread_mutex_t lock; /* several threads may upload */
    bool is_tried;        /* to make them */
    struct upload_piece {
        cl_mem buffer;
        void *host;    /* its memory; NULL: the driver gives none */
        cl_event sent; /* the end of its last transfer, or NULL */
    } pieces[2];
};

void uploads_start(struct uploads *uploads);
void uploads_end(struct uploads *uploads, const struct opencl_device *device);

/* Copies `bytes` of host memory into a buffer from byte `offset` on, and waits. Without page-locked memory,
 * or on a device that uses the host's memory, it is a plain copy. */
CLM_MUST_CHECK clm_status uploads_send(struct uploads *uploads, const struct opencl_device *device, cl_mem to,
                                       size_t offset, const void *from, size_t bytes,
                                       struct clm_error *error);

#endif
