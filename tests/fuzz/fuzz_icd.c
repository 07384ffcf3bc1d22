/* A file that names an OpenCL driver. Only its bytes are read; nothing is loaded. */
#include "fuzz/fuzz.h"

#include "compute/opencl/loader.h"

#include <string.h>

/* The length of the first line, found by other means: up to the first byte that ends it. */
static size_t line_of(const unsigned char *bytes, size_t size)
{
    static const unsigned char ends[] = {'\0', '\r', '\n'};
    size_t length = size;
    for (size_t e = 0; e < sizeof ends; e++) {
        const unsigned char *const end = length ? memchr(bytes, ends[e], length) : NULL;
        length = end ? (size_t)(end - bytes) : length;
    }
    return length;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    char name[LOADER_ICD_MOST + 1];
    if (size > LOADER_ICD_MOST)
        return 0;
    memset(name, 'x', sizeof name);
    const enum icd_content content = loader_parse_icd(size ? (const void *)bytes : "", size, name);
    const size_t length = line_of(bytes, size);
    const unsigned char end = length < size ? bytes[length] : '\n';
    fuzz_expect(strnlen(name, sizeof name) == length && (!length || !memcmp(name, bytes, length)));
    fuzz_expect((content == ICD_NUL_BYTE) == (size && memchr(bytes, '\0', size)));
    fuzz_expect(content == ICD_NUL_BYTE || (content == ICD_EMPTY_LINE) == !length);
    fuzz_expect(content != ICD_CARRIAGE_RETURN || end == '\r');
    fuzz_expect(content != ICD_LIBRARY || end == '\n');
    return 0;
}
