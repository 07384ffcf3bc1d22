#include "export/protobuf.h"

#include "base/size.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define VARINT_MOST 10 /* bytes of a whole number of 64 bits, 7 bits each */

/* ---- writing ---- */

void proto_free(struct proto *message)
{
    free(message->bytes);
    *message = (struct proto){0};
}

static void proto_append(struct proto *message, const void *bytes, size_t size)
{
    size_t wanted;
    if (message->is_lost || !size)
        return;
    if (!size_add(message->size, size, &wanted) ||
        (wanted > message->capacity &&
         !array_resize(&message->bytes, size_max(wanted, 2 * message->capacity), 1))) {
        message->is_lost = true;
        return;
    }
    message->capacity =
        wanted > message->capacity ? size_max(wanted, 2 * message->capacity) : message->capacity;
    memcpy(message->bytes + message->size, bytes, size);
    message->size = wanted;
}

static void proto_varint(struct proto *message, uint64_t value)
{
    unsigned char bytes[VARINT_MOST];
    size_t count = 0;
    do {
        bytes[count] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        count++;
        value >>= 7;
    } while (value);
    proto_append(message, bytes, count);
}

static void proto_key(struct proto *message, unsigned field, enum proto_wire wire)
{
    proto_varint(message, (uint64_t)field << 3 | wire);
}

void proto_whole(struct proto *message, unsigned field, uint64_t value)
{
    proto_key(message, field, PROTO_WHOLE);
    proto_varint(message, value);
}

void proto_float(struct proto *message, unsigned field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = htole32(bits);
    proto_key(message, field, PROTO_FLOAT);
    proto_append(message, &bits, sizeof bits);
}

void proto_bytes(struct proto *message, unsigned field, const void *bytes, size_t size)
{
    proto_key(message, field, PROTO_BYTES);
    proto_varint(message, size);
    proto_append(message, bytes, size);
}

void proto_text(struct proto *message, unsigned field, const char *text)
{
    proto_bytes(message, field, text, strlen(text));
}

void proto_message(struct proto *message, unsigned field, struct proto *part)
{
    message->is_lost = message->is_lost || part->is_lost;
    proto_bytes(message, field, part->bytes, part->size);
    proto_free(part);
}

/* ---- reading ---- */

static bool take_varint(struct proto_view *view, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 7 * VARINT_MOST && view->at < view->end; shift += 7) {
        const unsigned char byte = *view->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* The next `size` bytes. */
static bool take_view(struct proto_view *view, uint64_t size, struct proto_view *out)
{
    if (size > proto_size(view))
        return false;
    *out = (struct proto_view){view->at, view->at + size};
    view->at += size;
    return true;
}

static bool take_value(struct proto_view *view, struct proto_field *field)
{
    uint64_t size;
    uint32_t bits;
    switch (field->wire) {
    case PROTO_WHOLE:
        return take_varint(view, &field->whole);
    case PROTO_DOUBLE:
        return take_view(view, 8, &field->bytes);
    case PROTO_BYTES:
        return take_varint(view, &size) && take_view(view, size, &field->bytes);
    case PROTO_FLOAT:
        if (!take_view(view, sizeof bits, &field->bytes))
            return false;
        memcpy(&bits, field->bytes.at, sizeof bits);
        bits = le32toh(bits);
        memcpy(&field->real, &bits, sizeof bits);
        return true;
    }
    return false;
}

bool proto_next(struct proto_view *view, struct proto_field *field, bool *is_wrong)
{
    uint64_t key;
    if (view->at == view->end || *is_wrong)
        return false;
    *field = (struct proto_field){0};
    if (take_varint(view, &key) && key >> 3 && key >> 3 <= 0x1fffffff) {
        field->number = (unsigned)(key >> 3);
        field->wire = (enum proto_wire)(key & 7);
        if (take_value(view, field))
            return true;
    }
    *is_wrong = true;
    return false;
}
