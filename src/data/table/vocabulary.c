#include "data/table/vocabulary.h"

#include "base/hash.h"
#include "base/size.h"

#include <stdlib.h>
#include <string.h>

void vocabulary_free(struct vocabulary *vocabulary)
{
    for (size_t i = 0; i < vocabulary->count; i++)
        free(vocabulary->words[i].text);
    free(vocabulary->words);
    free(vocabulary->slots);
    *vocabulary = (struct vocabulary){0};
}

/* The slot that holds these bytes, or the free slot for them. */
static uint32_t *vocabulary_slot(const struct vocabulary *vocabulary, const char *bytes, size_t length)
{
    const uint64_t hash = hash_add(HASH_START, bytes, length);
    for (size_t i = hash ^ hash >> 32;; i++) {
        uint32_t *const slot = vocabulary->slots + (i & (vocabulary->slot_count - 1));
        const struct word *const word = *slot ? vocabulary->words + *slot - 1 : NULL;
        if (!word || (word->length == length && !memcmp(word->text, bytes, length)))
            return slot;
    }
}

/* Makes room for one more word and keeps at least half of the slots free. */
static bool vocabulary_make_room(struct vocabulary *vocabulary)
{
    if (vocabulary->count < vocabulary->capacity)
        return true;
    const size_t capacity = size_max(64, 2 * vocabulary->capacity);
    uint32_t *const slots = array_resize(&vocabulary->words, capacity, sizeof *vocabulary->words)
                                ? calloc(2 * capacity, sizeof *slots)
                                : NULL;
    if (!slots)
        return false;
    free(vocabulary->slots);
    vocabulary->slots = slots;
    vocabulary->slot_count = 2 * capacity;
    vocabulary->capacity = capacity;
    for (size_t i = 0; i < vocabulary->count; i++)
        *vocabulary_slot(vocabulary, vocabulary->words[i].text, vocabulary->words[i].length) =
            (uint32_t)i + 1;
    return true;
}

uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *bytes, size_t length)
{
    return vocabulary->count ? *vocabulary_slot(vocabulary, bytes, length) - 1 : WORD_NONE;
}

bool vocabulary_add(struct vocabulary *vocabulary, const char *bytes, size_t length)
{
    char *const text = malloc(length + 1);
    if (!text || !vocabulary_make_room(vocabulary)) {
        free(text);
        return false;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    uint32_t *const slot = vocabulary_slot(vocabulary, bytes, length);
    struct word *const word = &vocabulary->words[vocabulary->count++];
    word->text = text;
    word->length = length;
    *slot = (uint32_t)vocabulary->count;
    return true;
}
