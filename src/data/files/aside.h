/* Files that lie beside data and are none: those that systems leave, and texts about the data. */
#ifndef CLM_DATA_FILES_ASIDE_H
#define CLM_DATA_FILES_ASIDE_H

#include <dirent.h>
#include <stdbool.h>

/* False for hidden files and those that file managers leave (Thumbs.db, desktop.ini, __MACOSX). */
bool is_shown_name(const char *name);
int is_shown(const struct dirent *entry);

/* True for README, LICENSE and the like. */
bool is_about_data(const char *name);

#endif
