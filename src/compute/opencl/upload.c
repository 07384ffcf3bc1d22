#include "compute/opencl/upload.h"

#include "base/size.h"
#include "compute/opencl/status.h"

#include <string.h>

#define PIECE ((size_t)4 << 20) /* bytes: a transfer of some hundred microseconds */

void uploads_start(struct uploads *uploads)
{
    *uploads = (struct uploads){.lock = PTHREAD_MUTEX_INITIALIZER};
}

/* Frees what the driver gave; a piece without memory is not used. */
static void piece_end(struct upload_piece *piece, const struct opencl_device *device)
{
    if (piece->sent) {
        clWaitForEvents(1, &piece->sent);
        clReleaseEvent(piece->sent);
    }
    if (piece->host)
        clEnqueueUnmapMemObject(device->transfers, piece->buffer, piece->host, 0, NULL, NULL);
    if (piece->buffer)
        clReleaseMemObject(piece->buffer);
    *piece = (struct upload_piece){0};
}

void uploads_end(struct uploads *uploads, const struct opencl_device *device)
{
    piece_end(&uploads->pieces[0], device);
    piece_end(&uploads->pieces[1], device);
    pthread_mutex_destroy(&uploads->lock);
}

static bool piece_start(struct upload_piece *piece, const struct opencl_device *device)
{
    cl_int code;
    piece->buffer =
        clCreateBuffer(device->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, PIECE, NULL, &code);
    if (piece->buffer)
        piece->host = clEnqueueMapBuffer(device->transfers, piece->buffer, CL_TRUE, CL_MAP_WRITE, 0, PIECE, 0,
                                         NULL, NULL, &code);
    return piece->host != NULL;
}

/* Whether there is page-locked memory; tries once to get it. */
static bool has_pieces(struct uploads *uploads, const struct opencl_device *device)
{
    if (!uploads->is_tried &&
        !(piece_start(&uploads->pieces[0], device) && piece_start(&uploads->pieces[1], device))) {
        piece_end(&uploads->pieces[0], device);
        piece_end(&uploads->pieces[1], device);
    }
    uploads->is_tried = true;
    return uploads->pieces[1].host != NULL;
}

/* Waits until a piece's last transfer has ended. */
static cl_int piece_wait(struct upload_piece *piece)
{
    const cl_int code = piece->sent ? clWaitForEvents(1, &piece->sent) : CL_SUCCESS;
    if (piece->sent)
        clReleaseEvent(piece->sent);
    piece->sent = NULL;
    return code;
}

/* Copies one piece, and starts its transfer. */
static cl_int piece_send(struct upload_piece *piece, const struct opencl_device *device, cl_mem to,
                         size_t offset, const void *from, size_t bytes)
{
    cl_int code = piece_wait(piece);
    if (code != CL_SUCCESS)
        return code;
    memcpy(piece->host, from, bytes);
    code = clEnqueueWriteBuffer(device->transfers, to, CL_FALSE, offset, bytes, piece->host, 0, NULL,
                                &piece->sent);
    return code == CL_SUCCESS ? clFlush(device->transfers) : code;
}

static cl_int send_pieces(struct uploads *uploads, const struct opencl_device *device, cl_mem to,
                          size_t offset, const char *from, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    for (size_t at = 0, turn = 0; code == CL_SUCCESS && at < bytes; at += PIECE, turn ^= 1)
        code = piece_send(&uploads->pieces[turn], device, to, offset + at, from + at,
                          size_min(PIECE, bytes - at));
    for (size_t p = 0; p < 2; p++) {
        const cl_int ended = piece_wait(&uploads->pieces[p]);
        code = code == CL_SUCCESS ? ended : code;
    }
    return code;
}

clm_status uploads_send(struct uploads *uploads, const struct opencl_device *device, cl_mem to, size_t offset,
                        const void *from, size_t bytes, struct clm_error *error)
{
    cl_int code;
    pthread_mutex_lock(&uploads->lock);
    const bool is_plain = device->uses_host_memory || !has_pieces(uploads, device);
    if (!is_plain)
        code = send_pieces(uploads, device, to, offset, from, bytes);
    pthread_mutex_unlock(&uploads->lock);
    if (is_plain)
        code = clEnqueueWriteBuffer(device->transfers, to, CL_TRUE, offset, bytes, from, 0, NULL, NULL);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "write_part", "clEnqueueWriteBuffer", code);
}
