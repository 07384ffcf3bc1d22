/* libFuzzer's target for the pickle reader: any bytes as a pickle. */
#include "fuzz/fuzz.h"

#include "data/pickle/pickle.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

struct memory {
    const uint8_t *bytes;
    size_t left;
};

static clm_status read_memory(void *user, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    struct memory *const memory = user;
    (void)error;
    *got = size_min(size, memory->left);
    if (*got)
        memcpy(bytes, memory->bytes, *got);
    memory->bytes += *got;
    memory->left -= *got;
    return CLM_OK;
}

/* Reads what a data set would read. */
static void look(const struct pickle *pickle)
{
    const struct pickle_value *const top = pickle_top(pickle);
    struct pickle_value *const data = pickle_find(top, "data");
    if (data && data->kind == PICKLE_ARRAY && data->array->bytes) {
        const size_t size = data->array->rows * data->array->columns;
        unsigned char *const bytes = pickle_take_bytes(data);
        if (size)
            memset(bytes, 0, size); /* writes to all of them, which must be ours */
        free(bytes);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    struct memory memory = {bytes, size};
    struct clm_error error = {0};
    struct stream *stream = NULL;
    struct pickle *pickle = NULL;
    if (stream_of("fuzz", size, true, read_memory, &memory, &stream, &error) != CLM_OK)
        return 0;
    const clm_status status = pickle_read(stream, &pickle, &error);
    if (status == CLM_OK)
        look(pickle);
    else {
        fuzz_expect(status == CLM_ERROR_FORMAT && !pickle);
        fuzz_expect_sentence(&error, status, "fuzz");
    }
    pickle_close(pickle);
    stream_close(stream);
    return 0;
}
