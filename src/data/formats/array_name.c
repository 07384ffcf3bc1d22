#include "data/formats/array_name.h"

#include "base/text.h"
#include "base/size.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SEPARATORS "-_. "

static const char *const input_words[] = {"x",      "images",   "image", "imgs", "img",
                                          "inputs", "features", "data",  NULL};
static const char *const label_words[] = {"y", "labels", "label", "targets", "target", NULL};
static const char *const part_words[3][6] = {
    [CLM_TRAIN] = {"train", "training"},
    [CLM_VALIDATION] = {"val", "valid", "validation", "dev"},
    [CLM_TEST] = {"test", "testing", "t10k", "test10k", "test60k"},
};

static bool is_same_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && !strncasecmp(text, word, length);
}

static bool take_role(const char *text, size_t length, struct array_name *out)
{
    for (int labels = 0; out->role == ROLE_NONE && labels < 2; labels++) {
        const char *const *const words = labels ? label_words : input_words;
        for (unsigned i = 0; words[i]; i++)
            if (is_same_word(text, length, words[i])) {
                out->role = labels ? ROLE_LABELS : ROLE_INPUTS;
                out->rank = i;
                return true;
            }
    }
    return false;
}

static bool take_part(const char *text, size_t length, struct array_name *out)
{
    for (int part = CLM_TRAIN; !out->has_part && part <= CLM_TEST; part++)
        for (size_t i = 0; i < 6 && part_words[part][i]; i++)
            if (is_same_word(text, length, part_words[part][i])) {
                out->part = (enum clm_part)part;
                out->has_part = true;
                return true;
            }
    return false;
}

/* Xtrain, trainX: a part with one letter for the role. */
static bool take_both(const char *text, size_t length, struct array_name *out)
{
    struct array_name taken = *out;
    const bool takes =
        length > 1 &&
        ((take_role(text, 1, &taken) && take_part(text + 1, length - 1, &taken)) ||
         (taken = *out, take_role(text + length - 1, 1, &taken) && take_part(text, length - 1, &taken)));
    if (takes)
        *out = taken;
    return takes;
}

struct array_name array_name_of(const char *name, size_t length)
{
    struct array_name out = {.part = CLM_TRAIN};
    size_t used = 0;
    for (size_t at = 0, size; at < length; at += size + 1) {
        size = size_min(strcspn(name + at, SEPARATORS), length - at);
        if (!size || take_role(name + at, size, &out) || take_part(name + at, size, &out) ||
            take_both(name + at, size, &out))
            continue;
        if (used + size + 2 <= sizeof out.set)
            used += (size_t)snprintf(out.set + used, sizeof out.set - used, "%s%.*s", used ? "-" : "",
                                     (int)size, name + at);
    }
    return out;
}

/* Lists the sets that have inputs: "a, b". */
static size_t list_sets(const struct array_name *names, size_t count, char *list, size_t size)
{
    size_t sets = 0, used = 0;
    *list = '\0';
    for (size_t i = 0; i < count; i++) {
        bool is_new = names[i].role == ROLE_INPUTS;
        for (size_t j = 0; is_new && j < i; j++)
            is_new = names[j].role != ROLE_INPUTS || strcmp(names[j].set, names[i].set) != 0;
        if (is_new && used < size)
            used += (size_t)snprintf(list + used, size - used, "%s%.60s", sets ? ", " : "", names[i].set);
        sets += is_new;
    }
    return sets;
}

/* The first set with inputs, or the one without a name. */
static const char *first_set(const struct array_name *names, size_t count)
{
    const char *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (names[i].role == ROLE_INPUTS && (!found || !*names[i].set))
            found = names[i].set;
    return found;
}

static bool has_set(const struct array_name *names, size_t count, const char *set)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].role == ROLE_INPUTS && !strcmp(names[i].set, set))
            return true;
    return false;
}

static bool is_preferred(const struct array_name *a, const struct array_name *b)
{
    return a->has_part != b->has_part ? !a->has_part : a->rank < b->rank;
}

static size_t best_inputs(const struct array_name *names, size_t count, const char *set, enum clm_part part)
{
    size_t best = NOT_CHOSEN;
    for (size_t i = 0; i < count; i++)
        if (names[i].role == ROLE_INPUTS && names[i].part == part && !strcmp(names[i].set, set) &&
            (best == NOT_CHOSEN || is_preferred(names + i, names + best)))
            best = i;
    return best;
}

/* The labels for these inputs; y is for x, and a word for a word. */
static size_t best_labels(const struct array_name *names, size_t count, const struct array_name *inputs)
{
    size_t best = NOT_CHOSEN;
    for (size_t i = 0; i < count; i++)
        if (names[i].role == ROLE_LABELS && names[i].part == inputs->part &&
            names[i].has_part == inputs->has_part && !strcmp(names[i].set, inputs->set) &&
            (best == NOT_CHOSEN || (!names[best].rank != !inputs->rank && !names[i].rank == !inputs->rank)))
            best = i;
    return best;
}

clm_status array_names_choose(const char *path, const struct array_name *names, size_t count, const char *set,
                              struct array_choice *out, struct clm_error *error)
{
    char list[512];
    const size_t sets = list_sets(names, count, list, sizeof list);
    for (int part = 0; part < 3; part++)
        out->inputs[part] = out->labels[part] = NOT_CHOSEN;
    if (set && !has_set(names, count, set))
        return clm_fail_setting(error, CLM_ERROR_FORMAT, "inputs",
                                "%s: holds no set called %.100s; its sets are: %s; name one of them", path,
                                set, sets ? list : "none");
    const char *const chosen = set ? set : first_set(names, count);
    if (!chosen)
        return CLM_OK;
    if (!set && *chosen && sets > 1)
        return clm_fail_setting(error, CLM_ERROR_FORMAT, "inputs",
                                "%s: holds %zu sets: %s; name the one to read", path, sets, list);
    for (int part = 0; part < 3; part++) {
        const size_t inputs = best_inputs(names, count, chosen, (enum clm_part)part);
        out->inputs[part] = inputs;
        if (inputs != NOT_CHOSEN)
            out->labels[part] = best_labels(names, count, names + inputs);
    }
    return CLM_OK;
}

bool is_chosen(const struct array_choice *choice, size_t index)
{
    for (int part = 0; part < 3; part++)
        if (choice->inputs[part] == index || choice->labels[part] == index)
            return true;
    return false;
}
