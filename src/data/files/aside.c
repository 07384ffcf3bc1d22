#include "data/files/aside.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

bool is_shown_name(const char *name)
{
    return name[0] != '.' && strcasecmp(name, "Thumbs.db") && strcasecmp(name, "desktop.ini") &&
           strcmp(name, "__MACOSX");
}

int is_shown(const struct dirent *entry)
{
    return is_shown_name(entry->d_name);
}

bool is_about_data(const char *name)
{
    static const char *const words[] = {"readme", "license", "licence",  "copying",
                                        "notice", "authors", "citation", "changelog"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncasecmp(name, words[i], strlen(words[i])))
            return true;
    return false;
}
