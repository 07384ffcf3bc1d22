/* Protocol buffers, as far as ONNX needs them: fields of whole numbers, float32, bytes and messages.
 * Source: https://protobuf.dev/programming-guides/encoding/ */
#ifndef CLM_EXPORT_PROTOBUF_H
#define CLM_EXPORT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- writing ---- */

/* A message that grows. Freed by proto_free, or by proto_message, which makes it part of another one. */
struct proto {
    unsigned char *bytes;
    size_t size, capacity;
    bool is_lost; /* memory ran out: the message is not whole */
};

void proto_free(struct proto *message);
void proto_whole(struct proto *message, unsigned field, uint64_t value);
void proto_float(struct proto *message, unsigned field, float value);
void proto_bytes(struct proto *message, unsigned field, const void *bytes, size_t size);
void proto_text(struct proto *message, unsigned field, const char *text);
/* Puts `part`, which is empty after that, into the message. */
void proto_message(struct proto *message, unsigned field, struct proto *part);

/* ---- reading ---- */

/* The bytes of a message that are not read yet. */
struct proto_view {
    const unsigned char *at, *end;
};

enum proto_wire { PROTO_WHOLE = 0, PROTO_DOUBLE = 1, PROTO_BYTES = 2, PROTO_FLOAT = 5 };

struct proto_field {
    unsigned number;
    enum proto_wire wire;
    uint64_t whole;          /* of PROTO_WHOLE */
    float real;              /* of PROTO_FLOAT */
    struct proto_view bytes; /* of PROTO_BYTES, and the eight of PROTO_DOUBLE */
};

/* Reads the next field; false at the end of the message, or with *is_wrong if the bytes are none. */
bool proto_next(struct proto_view *view, struct proto_field *field, bool *is_wrong);

static inline size_t proto_size(const struct proto_view *view)
{
    return (size_t)(view->end - view->at);
}

#endif
