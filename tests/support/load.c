/* The load of the machine, preloaded before the system's: MADE_UP_LOAD; unknown if that is negative. */
#include <stdlib.h>

int getloadavg(double loads[], int count)
{
    const char *const made_up = getenv("MADE_UP_LOAD");
    const double load = made_up ? atof(made_up) : 0;
    for (int i = 0; i < count; i++)
        loads[i] = load;
    return load < 0 ? -1 : count;
}
