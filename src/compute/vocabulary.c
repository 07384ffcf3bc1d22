#include "compute/vocabulary.h"

#include <math.h>

#define VOCABULARY_ROW(enumerator, ...) [enumerator] = {#enumerator, __VA_ARGS__},

const struct activation_about activations[ACTIVATION_COUNT] = {ACTIVATIONS(VOCABULARY_ROW)};
const struct rule_about rules[RULE_COUNT] = {RULES(VOCABULARY_ROW)};
