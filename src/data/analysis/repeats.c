#include "data/analysis/repeats.h"

#include "base/size.h"
#include "base/threads.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_LEAST 1024 /* that a thread hashes */

/* A place in a hash table (open addressing, at most half full): a hash, and the first row that has it. */
struct slot {
    uint64_t hash;
    uint32_t row; /* UINT32_MAX if the slot is free */
};

struct row_index {
    struct slot *slots;
    size_t mask; /* number of slots - 1; the number is a power of two */
    const unsigned char *values;
    size_t row_size;
    uint32_t *firsts; /* (rows) the first row with the bytes of each */
};

static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

/* Hashes eight bytes at a time in four lanes, so that the multiplications overlap. Rows with the same hash
 * are compared, so a poor hash would only cost time. */
static uint64_t hash_row(const unsigned char *row, size_t size)
{
    uint64_t lanes[4] = {1, 2, 3, 4}, word;
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        for (size_t lane = 0; lane < 4; lane++) {
            memcpy(&word, row + i + 8 * lane, 8);
            lanes[lane] = (lanes[lane] ^ word) * 0x9e3779b97f4a7c15u;
            lanes[lane] ^= lanes[lane] >> 29;
        }
    }
    for (; i < size; i += 8) {
        word = 0;
        memcpy(&word, row + i, size_min(8, size - i));
        lanes[0] = mix(lanes[0] ^ word);
    }
    return mix(lanes[0] + mix(lanes[1] + mix(lanes[2] + mix(lanes[3]))));
}

/* The slot that holds this row's bytes, or the free slot for them. */
static struct slot *repeats_find_slot(const struct row_index *index, const unsigned char *row, uint64_t hash)
{
    size_t at = (size_t)hash & index->mask;
    while (true) {
        struct slot *slot = index->slots + at;
        if (slot->row == UINT32_MAX ||
            (slot->hash == hash &&
             !memcmp(index->values + slot->row * index->row_size, row, index->row_size)))
            return slot;
        at = (at + 1) & index->mask;
    }
}

struct row_hashes {
    const struct row_index *index;
    uint64_t *hashes;
};

static void hash_range(void *context, size_t first, size_t end)
{
    const struct row_hashes *const rows = context;
    const struct row_index *const index = rows->index;
    for (size_t r = first; r < end; r++)
        rows->hashes[r] = hash_row(index->values + r * index->row_size, index->row_size);
}

static void add_rows_to_index(struct row_index *index, const uint64_t *hashes, size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        struct slot *const slot = repeats_find_slot(index, index->values + r * index->row_size, hashes[r]);
        if (slot->row == UINT32_MAX)
            *slot = (struct slot){hashes[r], (uint32_t)r};
        index->firsts[r] = slot->row;
    }
}

clm_status row_index_make(const struct clm_data *data, const struct rows *rows, struct row_index **out,
                          struct clm_error *error)
{
    struct row_index *index = calloc(1, sizeof *index);
    struct row_hashes hashes = {.index = index};
    size_t count = 16, bytes = 0;
    *out = NULL;
    while (count < 2 * rows->count)
        count *= 2;
    if (index && rows->count < UINT32_MAX && size_mul(count, sizeof *index->slots, &bytes)) {
        index->slots = malloc(bytes);
        index->firsts = malloc(rows->count * sizeof *index->firsts + 1);
        hashes.hashes = malloc(rows->count * sizeof *hashes.hashes + 1);
    }
    if (!index || !index->slots || !index->firsts || !hashes.hashes) {
        free(hashes.hashes);
        row_index_free(index);
        return clm_fail_host_memory(error, data->source, bytes);
    }
    memset(index->slots, 0xff, bytes);
    index->mask = count - 1;
    index->values = rows->values;
    index->row_size = data->features * data_element_size(data);
    work_in_ranges(rows->count, ROWS_LEAST, hash_range, &hashes);
    add_rows_to_index(index, hashes.hashes, rows->count);
    free(hashes.hashes);
    *out = index;
    return CLM_OK;
}

void row_index_free(struct row_index *index)
{
    if (!index)
        return;
    free(index->slots);
    free(index->firsts);
    free(index);
}

size_t row_index_first(const struct row_index *index, size_t row)
{
    return index->firsts[row];
}

size_t row_index_find(const struct row_index *index, const void *row)
{
    const struct slot *slot = repeats_find_slot(index, row, hash_row(row, index->row_size));
    return slot->row == UINT32_MAX ? ROW_NONE : slot->row;
}
