#include "settings/recipes.h"

#include <stdio.h>
#include <string.h>

const struct recipe_source *recipe_find(const char *name)
{
    for (const struct recipe_source *recipe = recipe_sources; recipe->name; recipe++)
        if (!strcmp(recipe->name, name))
            return recipe;
    return NULL;
}

size_t recipe_names(const char **names, size_t most)
{
    size_t count = 0;
    while (count < most && recipe_sources[count].name) {
        names[count] = recipe_sources[count].name;
        count++;
    }
    return count;
}

bool clm_recipe_at(size_t n, struct clm_recipe *out)
{
    for (size_t i = 0; i <= n; i++)
        if (!recipe_sources[i].name)
            return false;
    const char *const about = recipe_sources[n].text + strspn(recipe_sources[n].text, "# ");
    out->name = recipe_sources[n].name;
    out->text = recipe_sources[n].text;
    snprintf(out->about, sizeof out->about, "%.*s", (int)strcspn(about, "\n"), about);
    return true;
}
