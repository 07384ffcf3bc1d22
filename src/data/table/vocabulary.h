/* Different texts, numbered in the order of their first appearance. */
#ifndef CLM_DATA_TABLE_VOCABULARY_H
#define CLM_DATA_TABLE_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word {
    char *text; /* ends with NUL, and may contain others */
    size_t length;
};

/* Begins as zeros. */
struct vocabulary {
    struct word *words;
    size_t count;
    size_t capacity, slot_count;
    uint32_t *slots; /* hash table of numbers + 1, open addressing; 0 is free */
};

#define WORD_NONE UINT32_MAX

void vocabulary_free(struct vocabulary *vocabulary);

/* The number of a text; WORD_NONE if it is not there. */
uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *bytes, size_t length);

/* Adds a text that is not there yet. Its number is the count before; false if there is no memory. */
bool vocabulary_add(struct vocabulary *vocabulary, const char *bytes, size_t length);

#endif
