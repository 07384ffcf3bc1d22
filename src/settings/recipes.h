/* Recipes: settings of train that suit a kind of data. */
#ifndef CLM_SETTINGS_RECIPES_H
#define CLM_SETTINGS_RECIPES_H

#include "base/error.h"

/* A file of data/recipes/, which tools/embed.c puts into the library; a NULL name ends the table. */
struct recipe_source {
    const char *name; /* "mnist" */
    const char *text; /* as for clm_settings_read; ends with a NUL, not counted in size */
    size_t size;
};

extern const struct recipe_source recipe_sources[];

/* The recipe of that name; NULL if there is none. */
const struct recipe_source *recipe_find(const char *name);
/* Puts at most `most` names into `names`; returns how many. */
size_t recipe_names(const char **names, size_t most);

#endif
