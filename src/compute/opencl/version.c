/* The version of CLBlast. The library does not tell it; its header does. */
#include "clmlp.h"

#include <clblast_c.h>

#define TEXT(x)         #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *clm_clblast_version(void)
{
#ifdef CLBLAST_VERSION_MAJOR
    return DOTTED(CLBLAST_VERSION_MAJOR, CLBLAST_VERSION_MINOR, CLBLAST_VERSION_PATCH);
#else
    return NULL;
#endif
}
