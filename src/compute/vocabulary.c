#include "compute/vocabulary.h"

#include <math.h>
#include <string.h>

#define VOCABULARY_ROW(enumerator, ...) [enumerator] = {#enumerator, __VA_ARGS__},

const struct activation_about activations[ACTIVATION_COUNT] = {ACTIVATIONS(VOCABULARY_ROW)};
const struct rule_about rules[RULE_COUNT] = {RULES(VOCABULARY_ROW)};
const struct loss_about loss_table[LOSS_COUNT] = {LOSSES(VOCABULARY_ROW)};
const struct norm_about norms[NORM_COUNT] = {NORMS(VOCABULARY_ROW)};

enum rule rule_named(const char *name)
{
    int rule = 0;
    while (name && rule < RULE_COUNT && strcmp(rules[rule].name, name))
        rule++;
    return name && rule < RULE_COUNT ? (enum rule)rule : RULE_SGD;
}

enum loss_kind loss_named(const char *name)
{
    int kind = 0;
    while (kind < LOSS_COUNT && strcmp(loss_table[kind].name, name))
        kind++;
    return (enum loss_kind)kind;
}
